#include "config/gateway_file.h"

#include "config/errno_text.h"
#include "config/gateway_checks.h"
#include "config/toml_reader.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace config {
namespace {

Result<ConnectionType> parse_type(std::string_view text) {
    if (text == "lan") {
        return ConnectionType::kLan;
    }
    if (text == "dialup") {
        return ConnectionType::kDialup;
    }
    return Error{ErrorCode::kGatewayFile, {}};
}

Result<bool> parse_poll(std::string_view text) {
    if (text != "busy" && text != "adaptive") {
        return Error{ErrorCode::kGatewayFile, {}};
    }
    return text == "busy";
}

// A host prefix by omission would be a trap: a port without on-link neighbours.
Result<IpPrefix> parse_interface_address(std::string_view text) {
    if (text.find('/') == std::string_view::npos) {
        return Error{ErrorCode::kGatewayFile, {}};
    }
    return IpPrefix::parse(text);
}

Result<std::optional<MacAddress>> parse_mac(std::string_view text) {
    const Result<MacAddress> mac = MacAddress::parse(text);
    if (!mac) {
        return mac.error();
    }
    return std::optional<MacAddress>(*mac);
}

Result<std::optional<IpAddress>> parse_via(std::string_view text) {
    const Result<IpAddress> address = IpAddress::parse(text);
    if (!address) {
        return address.error();
    }
    return std::optional<IpAddress>(*address);
}

constexpr std::string_view kAddress = "an IPv4 or IPv6 address";
constexpr std::string_view kMac = "a MAC address such as \"02:00:00:00:00:01\"";

void read_gateway(TomlTable table, GatewayConfig& config) {
    table.text("control_socket", config.control_socket);
    table.text("control_group", config.control_group);
    table.text("state_directory", config.state_directory);
    table.finish();
}

void read_eal(TomlTable table, GatewayConfig& config) {
    constexpr std::uint64_t kLastCpu = 1023;
    table.numbers("worker_lcores", 0, kLastCpu, config.worker_lcores);
    table.number("main_lcore", 0, kLastCpu, config.main_lcore);
    table.value("poll", "\"adaptive\" or \"busy\"", parse_poll, config.busy_poll);
    table.number("memory_mb", 64, 1048576, config.memory_mb);
    table.boolean("hugepages", config.hugepages);
    table.number("mbufs", 1024, 16777215, config.mbufs);
    table.text("file_prefix", config.file_prefix);
    table.finish();
}

void read_port(TomlTable table, PortConfig& port) {
    table.require("name");
    table.text("name", port.name);
    table.require("device");
    table.text("device", port.device);
    table.value("type", "\"lan\" or \"dialup\"", parse_type, port.type);
    table.values("addresses",
                 "an address with the length of its network such as \"192.0.2.1/24\"",
                 parse_interface_address,
                 port.addresses);
    for (TomlTable& neighbor : table.tables("neighbors")) {
        NeighborConfig& read = port.neighbors.emplace_back();
        neighbor.require("address");
        neighbor.value("address", kAddress, IpAddress::parse, read.address);
        neighbor.require("mac");
        neighbor.value("mac", kMac, MacAddress::parse, read.mac);
        neighbor.finish();
    }
    table.value("mac", kMac, parse_mac, port.mac);
    table.number("mtu", 1280, 9216, port.mtu);
    table.number("rx_queues", 1, 64, port.rx_queues);
    table.text("pair", port.pair);
    table.boolean("host_path", port.host_path);
    table.text("host_interface", port.host_interface);
    if (port.host_interface.empty() && port.host_path && port.pair.empty()) {
        port.host_interface = "pc-" + port.name;
    }
    table.finish();
}

void read_route(TomlTable table, RouteConfig& route) {
    table.require("destination");
    table.value("destination",
                "a prefix such as \"192.0.2.0/24\" or \"::/0\"",
                IpPrefix::parse,
                route.destination);
    table.value("via", kAddress, parse_via, route.via);
    table.text("port", route.port);
    table.finish();
}

void read_symbols(TomlTable table, SymbolConfig& symbols) {
    table.values("dns_servers", kAddress, IpAddress::parse, symbols.dns_servers);
    table.values("wins_servers", kAddress, IpAddress::parse, symbols.wins_servers);
    table.values("dhcp_servers", kAddress, IpAddress::parse, symbols.dhcp_servers);
    table.finish();
}

Result<std::string> parse_path(std::string_view text) {
    if (!text.starts_with('/')) {
        return Error{ErrorCode::kGatewayFile, {}};
    }
    return std::string(text);
}

void read_ike(TomlTable table, IkeConfig& ike) {
    constexpr std::string_view kPath = "an absolute path";
    table.boolean("enabled", ike.enabled);
    table.value("certificate", kPath, parse_path, ike.certificate);
    table.value("private_key", kPath, parse_path, ike.private_key);
    table.value("pkcs12", kPath, parse_path, ike.pkcs12);
    table.value("pkcs12_password_file", kPath, parse_path, ike.pkcs12_password_file);
    table.values("ca", kPath, parse_path, ike.ca);
    table.values("crl", kPath, parse_path, ike.crl);
    table.boolean("nat_traversal", ike.nat_traversal);
    table.number("dpd_seconds", 0, 3600, ike.dpd_seconds);
    table.number("fragment_bytes", 0, 65507, ike.fragment_bytes);
    table.number("retransmit_seconds", 1, 60, ike.retransmit_seconds);
    table.number("max_half_open", 1, 100000, ike.max_half_open);
    table.value("insecure_key_log", kPath, parse_path, ike.insecure_key_log);
    table.finish();
}

void read_document(TomlTable document, GatewayConfig& config) {
    if (std::optional<TomlTable> gateway = document.table("gateway")) {
        read_gateway(*gateway, config);
    }
    if (std::optional<TomlTable> eal = document.table("eal")) {
        read_eal(*eal, config);
    }
    document.require("port");
    for (const TomlTable& port : document.tables("port")) {
        read_port(port, config.ports.emplace_back());
    }
    for (const TomlTable& route : document.tables("route")) {
        read_route(route, config.routes.emplace_back());
    }
    if (std::optional<TomlTable> symbols = document.table("symbols")) {
        read_symbols(*symbols, config.symbols);
    }
    if (std::optional<TomlTable> ike = document.table("ike")) {
        read_ike(*ike, config.ike);
    }
    document.finish();
}

}  // namespace

Result<GatewayConfig> parse_gateway_file(std::string_view toml, std::string_view path) {
    TomlErrors errors(path);
    GatewayConfig config;
    try {
        const toml::table document = toml::parse(toml);
        read_document(TomlTable(document, "", errors), config);
    } catch (const toml::parse_error& error) {
        errors.add_at(error.source().begin.line, "", error.description());
        return errors.all();
    }
    check_gateway(config, errors);
    if (!errors.empty()) {
        return errors.all();
    }
    return config;
}

Result<GatewayConfig> load_gateway_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return Error{ErrorCode::kGatewayFile, fmt::format("{}: {}", path, errno_text(errno))};
    }
    std::ostringstream text;
    text << file.rdbuf();
    file.peek();
    if (file.bad()) {  // a directory, for example
        return Error{ErrorCode::kGatewayFile, fmt::format("{}: cannot be read", path)};
    }
    return parse_gateway_file(text.str(), path);
}

}  // namespace config
