// What the host's symbols stand for, from files of a temporary folder.
#include "control/host_view.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using config::IpAddress;
using Addresses = std::vector<IpAddress>;

Addresses ips(std::initializer_list<std::string_view> texts) {
    Addresses list;
    for (const std::string_view text : texts) {
        list.push_back(IpAddress::parse(text).value());
    }
    return list;
}

struct TextRow {
    const char* what;
    const char* text;
    Addresses expected;
};

TEST(ResolvConf, Rows) {
    const TextRow rows[] = {
        {"empty", "", {}},
        {"both families in order",
         "nameserver 192.0.2.53\nnameserver 2001:db8::53\n",
         ips({"192.0.2.53", "2001:db8::53"})},
        {"tabs, carriage return, no newline at the end",
         "nameserver\t192.0.2.1\r\n  nameserver  192.0.2.2",
         ips({"192.0.2.1", "192.0.2.2"})},
        {"comments and other keywords",
         "# nameserver 1.1.1.1\n;nameserver 1.1.1.1\nsearch example.org\noptions rotate\n",
         {}},
        {"zone is cut off", "nameserver fe80::1%eth0\n", ips({"fe80::1"})},
        {"words that are no address", "nameserver example.org\nnameserver\n", {}},
        {"twice the same", "nameserver 192.0.2.1\nnameserver 192.0.2.1\n", ips({"192.0.2.1"})},
        {"longer keyword", "nameserverx 192.0.2.1\n", {}},
    };
    for (const TextRow& row : rows) {
        EXPECT_EQ(control::parse_resolv_conf(row.text), row.expected) << row.what;
    }
}

TEST(LeaseFile, Rows) {
    const TextRow rows[] = {
        {"empty", "", {}},
        {"dhclient",
         "lease {\n  option dhcp-server-identifier 192.0.2.67;\n}\n",
         ips({"192.0.2.67"})},
        {"the last of several leases counts",
         "lease {\n option dhcp-server-identifier 192.0.2.1;\n}\n"
         "lease {\n option dhcp-server-identifier 192.0.2.2;\n}\n",
         ips({"192.0.2.2"})},
        {"networkd", "ADDRESS=10.0.0.7\nSERVER_ADDRESS=10.0.0.1\n", ips({"10.0.0.1"})},
        {"other options", "option routers 192.0.2.1;\n", {}},
        {"garbage", "option dhcp-server-identifier banana;\nSERVER_ADDRESS=\n", {}},
    };
    for (const TextRow& row : rows) {
        EXPECT_EQ(control::parse_lease_file(row.text), row.expected) << row.what;
    }
}

class HostViewTest : public ::testing::Test {
  protected:
    HostViewTest() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "host_view_XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        std::filesystem::create_directory(folder / "leases");
        files.resolv_conf = folder / "resolv.conf";
        files.lease_folders = {folder / "leases", folder / "missing"};
    }
    ~HostViewTest() override { std::filesystem::remove_all(folder); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder / name) << text;
    }
    config::HostView view(const Addresses& kernel = {}) const {
        return control::make_host_view(gateway, topology, files, kernel);
    }

    std::filesystem::path folder;
    control::HostFiles files;
    config::GatewayConfig gateway;
    dataplane::Topology topology;
};

TEST_F(HostViewTest, MeIsEveryAddressOfEveryPortOnce) {
    topology.ports.resize(2);
    topology.ports[0].addresses = {config::IpPrefix::parse("192.0.2.1/24").value(),
                                   config::IpPrefix::parse("fe80::1/64").value()};
    topology.ports[1].addresses = {config::IpPrefix::parse("198.51.100.1/24").value(),
                                   config::IpPrefix::parse("fe80::1/64").value()};
    EXPECT_EQ(view().me, ips({"192.0.2.1", "fe80::1", "198.51.100.1"}));
}

TEST_F(HostViewTest, ServersComeFromTheFilesOfTheHost) {
    write("resolv.conf", "nameserver 192.0.2.53\n");
    write("leases/b", "SERVER_ADDRESS=192.0.2.68\n");
    write("leases/a", "SERVER_ADDRESS=192.0.2.67\n");
    EXPECT_EQ(view().dns_servers, ips({"192.0.2.53"}));
    EXPECT_EQ(view().dhcp_servers, ips({"192.0.2.67", "192.0.2.68"}));
    EXPECT_TRUE(view().wins_servers.empty());
}

TEST_F(HostViewTest, GatewayFileOverridesTheFilesOfTheHost) {
    write("resolv.conf", "nameserver 192.0.2.53\n");
    gateway.symbols.dns_servers = ips({"198.51.100.53"});
    gateway.symbols.wins_servers = ips({"198.51.100.42"});
    gateway.symbols.dhcp_servers = ips({"198.51.100.67"});
    EXPECT_EQ(view().dns_servers, ips({"198.51.100.53"}));
    EXPECT_EQ(view().wins_servers, ips({"198.51.100.42"}));
    EXPECT_EQ(view().dhcp_servers, ips({"198.51.100.67"}));
}

TEST_F(HostViewTest, MissingFilesAreNoServers) {
    EXPECT_EQ(view(), config::HostView());
}

TEST_F(HostViewTest, DefaultGatewaysOfTheFileAndOfTheKernel) {
    gateway.routes = {
        {config::IpPrefix::parse("0.0.0.0/0").value(), ips({"192.0.2.254"})[0], ""},
        {config::IpPrefix::parse("10.0.0.0/8").value(), ips({"192.0.2.253"})[0], ""},
        {config::IpPrefix::parse("::/0").value(), ips({"fe80::1"})[0], "wan"},
    };
    EXPECT_EQ(view(ips({"192.0.2.254", "203.0.113.1"})).default_gateways,
              ips({"192.0.2.254", "fe80::1", "203.0.113.1"}));
}

}  // namespace
