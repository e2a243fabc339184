#include "config/gateway_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace config {
namespace {

Result<GatewayConfig> parse(const std::string& text) {
    return parse_gateway_file(text, "gateway.toml");
}

// The errors without the file's name, one a line.
std::string errors_of(const std::string& text) {
    const Result<GatewayConfig> config = parse(text);
    if (config.ok()) {
        return "";
    }
    EXPECT_EQ(config.error().code, ErrorCode::kGatewayFile);
    std::string errors = config.error().text;
    const std::string prefix = "gateway.toml:";
    for (std::size_t at = 0; at < errors.size(); ++at) {
        EXPECT_EQ(errors.compare(at, prefix.size(), prefix), 0) << errors;
        errors.erase(at, prefix.size());
        at = std::min(errors.find('\n', at), errors.size());
    }
    return errors;
}

const std::string kTwoPorts = R"(
[[port]]
name = "a"
device = "net_ring0"
addresses = ["10.0.1.1/24", "2001:db8:1::1/64"]
[[port]]
name = "b"
device = "net_ring1"
addresses = ["10.0.2.1/24"]
)";  // 10 lines; what is added starts at line 10

TEST(GatewayFile, TheExampleOfTheDocumentationIsValid) {
    const Result<GatewayConfig> config = load_gateway_file(EXAMPLE_FILE);
    ASSERT_TRUE(config.ok()) << config.error().text;
    ASSERT_EQ(config->ports.size(), 4U);
    const PortConfig& wan = config->ports[0];
    EXPECT_EQ(wan.name, "wan");
    EXPECT_EQ(wan.device, "0000:03:00.0");
    EXPECT_EQ(wan.type, ConnectionType::kDialup);
    ASSERT_EQ(wan.addresses.size(), 2U);
    EXPECT_EQ(wan.addresses[0].to_string(), "203.0.113.2/30");
    ASSERT_EQ(wan.neighbors.size(), 1U);
    EXPECT_EQ(wan.neighbors[0].address.to_string(), "203.0.113.1");
    EXPECT_EQ(wan.neighbors[0].mac.to_string(), "02:00:00:00:01:01");
    EXPECT_EQ(wan.host_interface, "pc-wan");
    EXPECT_EQ(config->ports[2].pair, "outside");
    EXPECT_TRUE(config->ports[2].host_interface.empty());
    ASSERT_EQ(config->routes.size(), 2U);
    EXPECT_EQ(config->routes[1].via->to_string(), "fe80::1");
    EXPECT_EQ(config->routes[1].port, "wan");
    EXPECT_EQ(config->worker_lcores, (std::vector<std::uint16_t>{2, 3}));
    EXPECT_EQ(config->symbols.dns_servers.size(), 2U);
}

// What the example shows as defaults must be the defaults.
TEST(GatewayFile, TheCommentedKeysOfTheExampleAreTheDefaults) {
    const std::string text = R"(
[gateway]
control_socket = "/run/portcullis/control.sock"
control_group = "portcullis"
state_directory = "/var/lib/portcullis"
[eal]
main_lcore = 0
poll = "adaptive"
memory_mb = 1024
hugepages = true
mbufs = 16384
file_prefix = "portcullis"
[ike]
enabled = true
nat_traversal = true
dpd_seconds = 30
fragment_bytes = 1280
retransmit_seconds = 2
max_half_open = 1000
[[port]]
name = "lan"
device = "net_ring0"
type = "lan"
mtu = 1500
rx_queues = 1
host_path = true
host_interface = "pc-lan"
)";
    const Result<GatewayConfig> written = parse(text);
    const Result<GatewayConfig> defaults = parse("[[port]]\nname='lan'\ndevice='net_ring0'");
    ASSERT_TRUE(written.ok()) << written.error().text;
    ASSERT_TRUE(defaults.ok()) << defaults.error().text;
    EXPECT_EQ(written->control_socket, defaults->control_socket);
    EXPECT_EQ(written->control_group, defaults->control_group);
    EXPECT_EQ(written->state_directory, defaults->state_directory);
    EXPECT_EQ(written->main_lcore, defaults->main_lcore);
    EXPECT_EQ(written->busy_poll, defaults->busy_poll);
    EXPECT_EQ(written->memory_mb, defaults->memory_mb);
    EXPECT_EQ(written->hugepages, defaults->hugepages);
    EXPECT_EQ(written->mbufs, defaults->mbufs);
    EXPECT_EQ(written->file_prefix, defaults->file_prefix);
    EXPECT_EQ(written->ike.enabled, defaults->ike.enabled);
    EXPECT_EQ(written->ike.nat_traversal, defaults->ike.nat_traversal);
    EXPECT_EQ(written->ike.dpd_seconds, defaults->ike.dpd_seconds);
    EXPECT_EQ(written->ike.fragment_bytes, defaults->ike.fragment_bytes);
    EXPECT_EQ(written->ike.retransmit_seconds, defaults->ike.retransmit_seconds);
    EXPECT_EQ(written->ike.max_half_open, defaults->ike.max_half_open);
    EXPECT_EQ(defaults->ike.insecure_key_log, "");
    EXPECT_EQ(written->ports[0].type, defaults->ports[0].type);
    EXPECT_EQ(written->ports[0].mtu, defaults->ports[0].mtu);
    EXPECT_EQ(written->ports[0].rx_queues, defaults->ports[0].rx_queues);
    EXPECT_EQ(written->ports[0].host_path, defaults->ports[0].host_path);
    EXPECT_EQ(written->ports[0].host_interface, defaults->ports[0].host_interface);
}

// `text` is added to two valid ports.
struct BadFile {
    std::string text;
    std::string errors;
};

TEST(GatewayFile, EveryBadValueIsNamedByLineAndKey) {
    const std::vector<BadFile> files = {
        {"mtu = 90000", "10: port[2].mtu: expected an integer from 1280 to 9216, found 90000"},
        {"mtu = -1", "10: port[2].mtu: expected an integer from 1280 to 9216, found -1"},
        {"mtu = '1500'", "10: port[2].mtu: expected an integer from 1280 to 9216, found \"1500\""},
        {"mtu = 1500.0", "10: port[2].mtu: expected an integer from 1280 to 9216, found 1500"},
        {"type = 'wan'", "10: port[2].type: expected \"lan\" or \"dialup\", found \"wan\""},
        {"host_path = 1", "10: port[2].host_path: expected true or false, found 1"},
        {"mac = '02:00'",
         "10: port[2].mac: expected a MAC address such as \"02:00:00:00:00:01\", found \"02:00\""},
        {"mac = '01:00:00:00:00:01'",
         "10: port[2].mac: expected a unicast address, found 01:00:00:00:00:01"},
        {"host_interface = 'a/b'",
         "10: port[2].host_interface: expected 1 to 15 letters, digits, '-' and '_', found "
         "\"a/b\""},
        {"host_interface = 'pc-a'", "10: port[2].host_interface: port[1] has \"pc-a\" too"},
        {"pair = 'b'",
         "9: port[2].addresses: a port with \"pair\" is transparent and has none\n"
         "10: port[2].pair: a port cannot be its own pair"},
        {"pair = 'c'",
         "9: port[2].addresses: a port with \"pair\" is transparent and has none\n"
         "10: port[2].pair: there is no port \"c\""},
        {"pair = 'a'",
         "9: port[2].addresses: a port with \"pair\" is transparent and has none\n"
         "10: port[2].pair: port \"a\" must name \"b\" as its pair, but names none"},
        {"mtv = 1", "10: port[2].mtv: unknown key; did you mean \"mtu\"?"},
        {"flavour = 1", "10: port[2].flavour: unknown key"},
        {"neighbors = [\n{ address = '10.0.2.9', mac = '02:00:00:00:00:09' },\n"
         "{ address = '10.0.1.9', mac = '03:00:00:00:00:09' }]",
         "12: port[2].neighbors[2].address: 10.0.1.9 is in no network of port \"b\"\n"
         "12: port[2].neighbors[2].mac: expected a unicast address, found 03:00:00:00:00:09"},
        {"neighbors = [{ address = '10.0.2.9' }]", "10: port[2].neighbors[1].mac: is missing"},
        {"[[port]]\nname = 'a'\ndevice = 'net_ring1,x=1'",
         "11: port[3].name: port[1] has \"a\" too\n"
         "12: port[3].device: port[2] has \"net_ring1\" too"},
        {"[[port]]", "10: port[3].name: is missing\n10: port[3].device: is missing"},
        {"[[port]]\nname = 'a b'\ndevice = ''",
         "11: port[3].name: expected 1 to 12 letters, digits, '-' and '_', found \"a b\"\n"
         "12: port[3].device: expected a PCI address or a virtual device such as "
         "\"net_af_packet0,iface=eth1\", found \"\""},
        {"[eal]\nworker_lcores = [1, 2,\n1]", "12: eal.worker_lcores[3]: CPU 1 is listed twice"},
        {"[eal]\nworker_lcores = 'all'",
         "11: eal.worker_lcores: expected an array of integers, found \"all\""},
        {"[eal]\npoll = 'lazy'", "11: eal.poll: expected \"adaptive\" or \"busy\", found \"lazy\""},
        {"[eal]\nfile_prefix = '../x'",
         "11: eal.file_prefix: expected letters, digits, '-' and '_', found \"../x\""},
        {"[gateway]\ncontrol_socket = 'x'",
         "11: gateway.control_socket: expected an absolute path of at most 107 characters, found "
         "\"x\""},
        {"[gateway]\nstate_directory = ''",
         "11: gateway.state_directory: expected an absolute path, found \"\""},
        {"[gatway]", "10: gatway: unknown key; did you mean \"gateway\"?"},
        {"[symbols]\ndns_servers = ['10.0.0.53', 'x']",
         "11: symbols.dns_servers[2]: expected an IPv4 or IPv6 address, found \"x\""},
        {"[ike]\nenabled = 'yes'", "11: ike.enabled: expected true or false, found \"yes\""},
        {"[ike]\ncertificate = 'gw.crt'",
         "11: ike.certificate: expected an absolute path, found \"gw.crt\""},
        {"[ike]\nca = ['/ca.crt', 'b']", "11: ike.ca[2]: expected an absolute path, found \"b\""},
        {"[ike]\ncrl = '/a.crl'", "11: ike.crl: expected an array of strings, found \"/a.crl\""},
        {"[ike]\ncertificate = '/gw.crt'",
         "11: ike.certificate: expected \"certificate\" and \"private_key\" together"},
        {"[ike]\nprivate_key = '/gw.key'",
         "11: ike.private_key: expected \"certificate\" and \"private_key\" together"},
        {"[ike]\ncertificate = '/gw.crt'\nprivate_key = '/gw.key'\npkcs12 = '/gw.p12'",
         "13: ike.pkcs12: expected either \"pkcs12\" or \"certificate\" and \"private_key\""},
        {"[ike]\npkcs12_password_file = '/gw.pass'",
         "11: ike.pkcs12_password_file: expected \"pkcs12\" beside it"},
        {"[ike]\ndpd_seconds = 3601",
         "11: ike.dpd_seconds: expected an integer from 0 to 3600, found 3601"},
        {"[ike]\nfragment_bytes = 547",
         "11: ike.fragment_bytes: expected 0 or an integer from 548 to 65507, found 547"},
        {"[ike]\nretransmit_seconds = 0",
         "11: ike.retransmit_seconds: expected an integer from 1 to 60, found 0"},
        {"[ike]\nmax_half_open = 0",
         "11: ike.max_half_open: expected an integer from 1 to 100000, found 0"},
        {"[ike]\nkey_log = '/k'", "11: ike.key_log: unknown key"},
        {"[[route]]\nvia = '10.0.1.9'", "10: route[1].destination: is missing"},
        {"[[route]]\ndestination = '10.9.0.0/16'",
         "10: route[1]: expected \"via\", \"port\" or both"},
        {"[[route]]\ndestination = '10.9.0.1/16'\nport = 'a'",
         "11: route[1].destination: 10.9.0.1/16 has host bits set; did you mean \"10.9.0.0/16\"?"},
        {"[[route]]\ndestination = '10.9.0.0/16'\nport = 'c'",
         "12: route[1].port: there is no port \"c\""},
        {"[[route]]\ndestination = '10.9.0.0/16'\nvia = '10.0.3.1'",
         "12: route[1].via: 10.0.3.1 is in no network of any port"},
        {"[[route]]\ndestination = '10.9.0.0/16'\nvia = '10.0.1.9'\nport = 'b'",
         "12: route[1].via: 10.0.1.9 is in no network of port \"b\""},
        {"[[route]]\ndestination = '10.9.0.0/16'\nvia = '10.0.1.1'",
         "12: route[1].via: 10.0.1.1 is this gateway's own address"},
        {"[[route]]\ndestination = '::/0'\nvia = '10.0.1.9'",
         "12: route[1].via: 10.0.1.9 and the destination ::/0 are of different families"},
        {"[[route]]\ndestination = '::/0'\nvia = 'fe80::1'",
         "12: route[1].via: fe80::1 is link-local: \"port\" is needed"},
        {"[[route]]\ndestination = '::/0'\nport = 'a'\n[[route]]\ndestination = '::/0'\nport = 'b'",
         "14: route[2].destination: route[1] has ::/0 too"},
    };
    for (const BadFile& file : files) {
        std::string errors = errors_of(kTwoPorts + file.text);
        EXPECT_EQ(errors, file.errors) << file.text;
    }
}

TEST(GatewayFile, ReadsWhatIkeNeeds) {
    const Result<GatewayConfig> config = parse(kTwoPorts + R"([ike]
enabled = false
pkcs12 = "/gw.p12"
pkcs12_password_file = "/gw.pass"
ca = ["/a.crt", "/b.crt"]
crl = ["/a.crl"]
nat_traversal = false
dpd_seconds = 0
fragment_bytes = 0
retransmit_seconds = 4
max_half_open = 7
insecure_key_log = "/keys"
)");
    ASSERT_TRUE(config.ok()) << config.error().text;
    const IkeConfig& ike = config->ike;
    EXPECT_FALSE(ike.enabled);
    EXPECT_EQ(ike.pkcs12, "/gw.p12");
    EXPECT_EQ(ike.pkcs12_password_file, "/gw.pass");
    EXPECT_EQ(ike.ca, (std::vector<std::string>{"/a.crt", "/b.crt"}));
    EXPECT_EQ(ike.crl, (std::vector<std::string>{"/a.crl"}));
    EXPECT_FALSE(ike.nat_traversal);
    EXPECT_EQ(ike.dpd_seconds, 0U);
    EXPECT_EQ(ike.fragment_bytes, 0U);
    EXPECT_EQ(ike.retransmit_seconds, 4U);
    EXPECT_EQ(ike.max_half_open, 7U);
    EXPECT_EQ(ike.insecure_key_log, "/keys");
}

TEST(GatewayFile, PortAddressesFitTheirNetworksAndEachOther) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"'10.0.3.1/24', '10.0.3.2/24', 'fe80::1/64', '192.0.2.0/31', '2001:db8::/127'", ""},
        {"'10.0.3.1'",
         "expected an address with the length of its network such as "
         "\"192.0.2.1/24\", found \"10.0.3.1\""},
        {"'10.0.3.0/24'", "10.0.3.0/24 is not the address of a host in its network"},
        {"'10.0.3.255/24'", "10.0.3.255/24 is not the address of a host in its network"},
        {"'224.0.0.1/24'", "224.0.0.1/24 is not the address of a host in its network"},
        {"'127.0.0.1/8'", "127.0.0.1/8 is not the address of a host in its network"},
        {"'2001:db8::/64'", "2001:db8::/64 is not the address of a host in its network"},
        {"'10.0.2.9/24'", "10.0.2.9/24 overlaps 10.0.2.1/24 of port \"b\""},
        {"'10.0.9.9/16'",
         "10.0.9.9/16 overlaps 10.0.1.1/24 of port \"a\"; "
         "10.0.9.9/16 overlaps 10.0.2.1/24 of port \"b\""},
        {"'10.0.3.1/24', '10.0.3.9/25'", "10.0.3.9/25 overlaps 10.0.3.1/24 of port \"c\""},
        {"'10.0.3.1/24', '10.0.3.1/24'", "10.0.3.1/24 overlaps 10.0.3.1/24 of port \"c\""},
    };
    for (const auto& [addresses, expected] : rows) {
        std::string errors = errors_of(
            kTwoPorts + "[[port]]\nname='c'\ndevice='net_ring2'\naddresses=[" + addresses + "]");
        // Leaves the texts.
        for (std::size_t at = 0; at < errors.size();) {
            errors.erase(at, errors.find("]: ", at) + 3 - at);
            at = errors.find('\n', at);
            if (at != std::string::npos) {
                errors.replace(at, 1, "; ");
                at += 2;
            }
        }
        EXPECT_EQ(errors, expected) << addresses;
    }
}

TEST(GatewayFile, AllErrorsAreReportedInTheOrderOfTheFile) {
    EXPECT_EQ(errors_of("[eal]\nmbufs = 1\n[[port]]\nname = 'a'\nmtu = 1\n"
                        "[[port]]\nname = 'b'\ndevice = 'net_ring0'\npair = 'b'\n"
                        "[[route]]\ndestination = 'x'\n[other]\n"),
              "2: eal.mbufs: expected an integer from 1024 to 16777215, found 1\n"
              "3: port[1].device: is missing\n"
              "5: port[1].mtu: expected an integer from 1280 to 9216, found 1\n"
              "9: port[2].pair: a port cannot be its own pair\n"
              "11: route[1].destination: expected a prefix such as \"192.0.2.0/24\" or \"::/0\", "
              "found \"x\"\n"
              "12: other: unknown key");
}

TEST(GatewayFile, AnUnreadablePortBringsNoErrorsOfOthers) {
    EXPECT_EQ(errors_of("[[port]]\nname='a'\ndevice='d'\naddresses=['10.0.1.1']\n"
                        "[[route]]\ndestination='10.9.0.0/16'\nvia='10.0.1.9'\n"
                        "[[route]]\ndestination='10.8.0.0/16'\nport='b'"),
              "4: port[1].addresses[1]: expected an address with the length of its network such "
              "as \"192.0.2.1/24\", found \"10.0.1.1\"");
}

TEST(GatewayFile, APairIsMutual) {
    const std::string pair =
        "[[port]]\nname='a'\ndevice='d0'\npair='b'\n"
        "[[port]]\nname='b'\ndevice='d1'\npair='a'\n";
    EXPECT_EQ(errors_of(pair), "");
    EXPECT_EQ(errors_of(pair + "[[port]]\nname='c'\ndevice='d2'\npair='a'"),
              "12: port[3].pair: port \"a\" must name \"c\" as its pair, but names \"b\"");
    EXPECT_EQ(errors_of(pair + "[[route]]\ndestination='::/0'\nport='a'"),
              "11: route[1].port: port \"a\" is transparent and takes no routes");
}

TEST(GatewayFile, CountsPorts) {
    EXPECT_EQ(errors_of(""), "1: port: is missing");
    EXPECT_EQ(errors_of("port = []"), "1: port: expected at least one port");
    EXPECT_EQ(errors_of("port = 5"), "1: port: expected an array of tables, found 5");
    std::string many;
    for (int i = 0; i < 33; ++i) {
        many += fmt::format("[[port]]\nname = 'p{0}'\ndevice = 'd{0}'\n", i);
    }
    EXPECT_EQ(errors_of(many), "97: port[33]: expected at most 32 ports, found 33");
}

TEST(GatewayFile, NamesTheLineOfASyntaxError) {
    const std::string errors = errors_of("[eal]\nmemory_mb = = 5\n");
    EXPECT_EQ(errors.substr(0, 3), "2: ") << errors;
    EXPECT_FALSE(parse("x = \"\xFF\"").ok());
}

TEST(GatewayFile, SaysWhyAFileCannotBeRead) {
    EXPECT_EQ(load_gateway_file("/nowhere/gateway.toml").error().text,
              "/nowhere/gateway.toml: No such file or directory");
    EXPECT_EQ(load_gateway_file("/tmp").error().text, "/tmp: cannot be read");
}

}  // namespace
}  // namespace config
