#include "config/gateway_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace config {
namespace {

constexpr std::size_t kLongestPortName = 12;     // "pc-" and it fit an interface name
constexpr std::size_t kLongestInterface = 15;    // IFNAMSIZ - 1
constexpr std::size_t kLongestSocketPath = 107;  // sizeof(sockaddr_un::sun_path) - 1
// Every IPv4 host takes it (RFC 791), and 64 of them hold any message that is to be expected.
constexpr std::uint32_t kSmallestIkeFragment = 548;

std::string port_key(std::size_t index, std::string_view name) {
    return fmt::format("port[{}].{}", index + 1, name);
}

std::string element_key(std::string key, std::size_t index) {
    return fmt::format("{}[{}]", key, index + 1);
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    });
}

// What tells two devices apart: arguments after the first comma do not.
std::string_view device_name(std::string_view device) {
    return device.substr(0, device.find(','));
}

const PortConfig* port_named(const GatewayConfig& config, std::string_view name) {
    const auto found = std::find_if(config.ports.begin(),
                                    config.ports.end(),
                                    [&](const PortConfig& port) { return port.name == name; });
    return found == config.ports.end() ? nullptr : &*found;
}

std::string no_such_port(const GatewayConfig& config, std::string_view name) {
    std::vector<std::string> names;
    for (const PortConfig& port : config.ports) {
        names.push_back(port.name);
    }
    return fmt::format("there is no port \"{}\"{}", name, suggestion(name, names));
}

bool is_on_link(const PortConfig& port, const IpAddress& address) {
    return std::any_of(port.addresses.begin(), port.addresses.end(), [&](const IpPrefix& prefix) {
        return prefix.contains(address);
    });
}

// Link-local networks are the same on every port.
bool is_link_local_v6(const IpAddress& address) {
    return address.family == Family::kIpv6 && address.is_link_local();
}

class Checker {
  public:
    Checker(const GatewayConfig& config, TomlErrors& errors)
        : config_(config), errors_(errors), all_readable_(!errors.has("port")) {
        for (std::size_t i = 0; i < config.ports.size(); ++i) {
            readable_.push_back(!errors.has(fmt::format("port[{}]", i + 1)));
        }
    }

    void run() {
        check_paths();
        check_lcores();
        check_port_count();
        check_ike();
        for (std::size_t i = 0; i < config_.ports.size(); ++i) {
            if (readable_[i]) {
                check_names(i);
                check_pair(i);
                check_addresses(i);
                check_neighbors(i);
            }
        }
        for (std::size_t i = 0; i < config_.routes.size(); ++i) {
            if (!errors_.has(fmt::format("route[{}]", i + 1))) {
                check_route(i);
            }
        }
    }

  private:
    void check_paths() {
        if (!config_.control_socket.starts_with('/')
            || config_.control_socket.size() > kLongestSocketPath) {
            errors_.add("gateway.control_socket",
                        fmt::format("expected an absolute path of at most {} characters, found "
                                    "\"{}\"",
                                    kLongestSocketPath,
                                    config_.control_socket));
        }
        if (!config_.state_directory.starts_with('/')) {
            errors_.add(
                "gateway.state_directory",
                fmt::format("expected an absolute path, found \"{}\"", config_.state_directory));
        }
        if (!is_name(config_.file_prefix)) {
            errors_.add("eal.file_prefix",
                        fmt::format("expected letters, digits, '-' and '_', found \"{}\"",
                                    config_.file_prefix));
        }
    }

    void check_port_count() {
        if (config_.ports.empty() && all_readable_) {
            errors_.add("port", "expected at least one port");
        }
        if (config_.ports.size() > kMaxGatewayPorts) {
            errors_.add(
                fmt::format("port[{}]", kMaxGatewayPorts + 1),
                fmt::format(
                    "expected at most {} ports, found {}", kMaxGatewayPorts, config_.ports.size()));
        }
    }

    void check_ike() {
        const IkeConfig& ike = config_.ike;
        if (errors_.has("ike")) {
            return;
        }
        if (!ike.pkcs12.empty() && (!ike.certificate.empty() || !ike.private_key.empty())) {
            errors_.add("ike.pkcs12",
                        "expected either \"pkcs12\" or \"certificate\" and \"private_key\"");
        } else if (ike.certificate.empty() != ike.private_key.empty()) {
            errors_.add(ike.certificate.empty() ? "ike.private_key" : "ike.certificate",
                        "expected \"certificate\" and \"private_key\" together");
        }
        if (!ike.pkcs12_password_file.empty() && ike.pkcs12.empty()) {
            errors_.add("ike.pkcs12_password_file", "expected \"pkcs12\" beside it");
        }
        if (ike.fragment_bytes != 0 && ike.fragment_bytes < kSmallestIkeFragment) {
            errors_.add("ike.fragment_bytes",
                        fmt::format("expected 0 or an integer from {} to 65507, found {}",
                                    kSmallestIkeFragment,
                                    ike.fragment_bytes));
        }
    }

    void check_lcores() {
        if (errors_.has("eal.worker_lcores")) {
            return;
        }
        std::set<std::uint16_t> seen;
        for (std::size_t i = 0; i < config_.worker_lcores.size(); ++i) {
            if (!seen.insert(config_.worker_lcores[i]).second) {
                errors_.add(element_key("eal.worker_lcores", i),
                            fmt::format("CPU {} is listed twice", config_.worker_lcores[i]));
            }
        }
    }

    void check_names(std::size_t index) {
        const PortConfig& port = config_.ports[index];
        if (!is_name(port.name) || port.name.size() > kLongestPortName) {
            errors_.add(port_key(index, "name"),
                        fmt::format("expected 1 to {} letters, digits, '-' and '_', found \"{}\"",
                                    kLongestPortName,
                                    port.name));
        }
        if (device_name(port.device).empty()) {
            errors_.add(port_key(index, "device"),
                        fmt::format("expected a PCI address or a virtual device such as "
                                    "\"net_af_packet0,iface=eth1\", found \"{}\"",
                                    port.device));
        }
        // Its default is made of the port's name.
        if (is_name(port.name) && !port.host_interface.empty()
            && (!is_name(port.host_interface) || port.host_interface.size() > kLongestInterface)) {
            errors_.add(port_key(index, "host_interface"),
                        fmt::format("expected 1 to {} letters, digits, '-' and '_', found \"{}\"",
                                    kLongestInterface,
                                    port.host_interface));
        }
        if (port.mac && ((port.mac->bytes[0] & 1U) != 0 || *port.mac == MacAddress{})) {
            errors_.add(port_key(index, "mac"),
                        fmt::format("expected a unicast address, found {}", port.mac->to_string()));
        }
        for (std::size_t other = 0; other < index; ++other) {
            if (readable_[other]) {
                check_distinct(index, config_.ports[other], other);
            }
        }
    }

    void check_distinct(std::size_t index, const PortConfig& other, std::size_t other_index) {
        const PortConfig& port = config_.ports[index];
        const auto same = [&](std::string_view key, std::string_view value) {
            errors_.add(port_key(index, key),
                        fmt::format("port[{}] has \"{}\" too", other_index + 1, value));
        };
        if (port.name == other.name) {
            same("name", port.name);
        }
        if (device_name(port.device) == device_name(other.device)) {
            same("device", device_name(port.device));
        }
        if (!port.host_interface.empty() && port.host_interface == other.host_interface
            && port.name != other.name) {
            same("host_interface", port.host_interface);
        }
        if (port.mac && port.mac == other.mac) {
            same("mac", port.mac->to_string());
        }
    }

    void check_pair(std::size_t index) {
        const PortConfig& port = config_.ports[index];
        if (port.pair.empty()) {
            return;
        }
        const PortConfig* other = port_named(config_, port.pair);
        if (other == nullptr && !all_readable_) {
            return;
        }
        if (other == nullptr) {
            errors_.add(port_key(index, "pair"), no_such_port(config_, port.pair));
        } else if (other == &port) {
            errors_.add(port_key(index, "pair"), "a port cannot be its own pair");
        } else if (other->pair != port.name) {
            errors_.add(
                port_key(index, "pair"),
                fmt::format("port \"{}\" must name \"{}\" as its pair, {}",
                            other->name,
                            port.name,
                            other->pair.empty() ? std::string("but names none")
                                                : fmt::format("but names \"{}\"", other->pair)));
        }
        for (const auto& [key, used] :
             {std::pair<std::string_view, bool>{"addresses", !port.addresses.empty()},
              {"neighbors", !port.neighbors.empty()},
              {"host_interface", !port.host_interface.empty()}}) {
            if (used) {
                errors_.add(port_key(index, key),
                            "a port with \"pair\" is transparent and has none");
            }
        }
    }

    void check_addresses(std::size_t index) {
        const PortConfig& port = config_.ports[index];
        for (std::size_t i = 0; i < port.addresses.size(); ++i) {
            const IpPrefix& prefix = port.addresses[i];
            const std::string key = element_key(port_key(index, "addresses"), i);
            if (!is_host_address(prefix)) {
                errors_.add(key,
                            fmt::format("{} is not the address of a host in its network",
                                        prefix.to_string()));
            }
            for (std::size_t other = 0; other <= index; ++other) {
                if (!readable_[other]) {
                    continue;
                }
                const std::size_t end = other == index ? i : config_.ports[other].addresses.size();
                for (std::size_t j = 0; j < end; ++j) {
                    check_overlap(key, prefix, other == index, config_.ports[other], j);
                }
            }
        }
    }

    static bool is_host_address(const IpPrefix& prefix) {
        const IpAddress& address = prefix.address;
        if (address.is_unspecified() || address.is_multicast() || address.is_loopback()) {
            return false;
        }
        // RFC 3021 and RFC 6164: both addresses of a point-to-point prefix are hosts.
        if (prefix.length + 1U >= address_bits(address.family)) {
            return true;
        }
        // RFC 4291 2.6.1: the first address of an IPv6 subnet is the subnet-router anycast address.
        return address != prefix.first()
               && (address.family == Family::kIpv6 || address != prefix.last());
    }

    // Several addresses in one network of one port are fine.
    void check_overlap(const std::string& key,
                       const IpPrefix& prefix,
                       bool same_port,
                       const PortConfig& other,
                       std::size_t other_index) {
        const IpPrefix& earlier = other.addresses[other_index];
        const bool same_address = prefix.address == earlier.address;
        const bool overlap = prefix.contains(earlier.first()) || earlier.contains(prefix.first());
        const bool allowed =
            !same_address
            && (is_link_local_v6(prefix.address) || (same_port && prefix.length == earlier.length));
        if (overlap && !allowed) {
            errors_.add(key,
                        fmt::format("{} overlaps {} of port \"{}\"",
                                    prefix.to_string(),
                                    earlier.to_string(),
                                    other.name));
        }
    }

    void check_neighbors(std::size_t index) {
        const PortConfig& port = config_.ports[index];
        if (!port.pair.empty()) {
            return;  // already reported
        }
        std::set<IpAddress> seen;
        for (std::size_t i = 0; i < port.neighbors.size(); ++i) {
            const NeighborConfig& neighbor = port.neighbors[i];
            const std::string key = element_key(port_key(index, "neighbors"), i);
            if (!is_link_local_v6(neighbor.address) && !is_on_link(port, neighbor.address)) {
                errors_.add(key + ".address",
                            fmt::format("{} is in no network of port \"{}\"",
                                        neighbor.address.to_string(),
                                        port.name));
            }
            if (!seen.insert(neighbor.address).second) {
                errors_.add(key + ".address",
                            fmt::format("{} is listed twice", neighbor.address.to_string()));
            }
            if ((neighbor.mac.bytes[0] & 1U) != 0 || neighbor.mac == MacAddress{}) {
                errors_.add(
                    key + ".mac",
                    fmt::format("expected a unicast address, found {}", neighbor.mac.to_string()));
            }
        }
    }

    void check_route(std::size_t index) {
        const RouteConfig& route = config_.routes[index];
        const std::string key = fmt::format("route[{}]", index + 1);
        const IpPrefix network{route.destination.first(), route.destination.length};
        if (route.destination != network) {
            errors_.add(key + ".destination",
                        fmt::format("{} has host bits set; did you mean \"{}\"?",
                                    route.destination.to_string(),
                                    network.to_string()));
        }
        for (std::size_t other = 0; other < index; ++other) {
            if (config_.routes[other].destination == route.destination) {
                errors_.add(
                    key + ".destination",
                    fmt::format("route[{}] has {} too", other + 1, route.destination.to_string()));
            }
        }
        const PortConfig* port = nullptr;
        if (!route.port.empty()) {
            port = port_named(config_, route.port);
            if (port == nullptr && !all_readable_) {
                return;
            }
            if (port == nullptr) {
                errors_.add(key + ".port", no_such_port(config_, route.port));
                return;
            }
            if (!port->pair.empty()) {
                errors_.add(
                    key + ".port",
                    fmt::format("port \"{}\" is transparent and takes no routes", route.port));
                return;
            }
        }
        check_via(route, key, port);
    }

    void check_via(const RouteConfig& route, const std::string& key, const PortConfig* port) {
        if (!route.via) {
            if (port == nullptr) {
                errors_.add(key, "expected \"via\", \"port\" or both");
            }
            return;
        }
        const std::string via = route.via->to_string();
        if (route.via->family != route.destination.address.family) {
            errors_.add(key + ".via",
                        fmt::format("{} and the destination {} are of different families",
                                    via,
                                    route.destination.to_string()));
            return;
        }
        if (is_link_local_v6(*route.via)) {
            if (port == nullptr) {
                errors_.add(key + ".via", fmt::format("{} is link-local: \"port\" is needed", via));
            }
            return;
        }
        if (!all_readable_) {
            return;
        }
        const bool ours = std::any_of(
            config_.ports.begin(), config_.ports.end(), [&](const PortConfig& candidate) {
                return std::any_of(candidate.addresses.begin(),
                                   candidate.addresses.end(),
                                   [&](const IpPrefix& own) { return own.address == *route.via; });
            });
        if (ours) {
            errors_.add(key + ".via", fmt::format("{} is this gateway's own address", via));
        } else if (port != nullptr && !is_on_link(*port, *route.via)) {
            errors_.add(key + ".via",
                        fmt::format("{} is in no network of port \"{}\"", via, port->name));
        } else if (port == nullptr
                   && std::none_of(config_.ports.begin(),
                                   config_.ports.end(),
                                   [&](const PortConfig& candidate) {
                                       return is_on_link(candidate, *route.via);
                                   })) {
            errors_.add(key + ".via", fmt::format("{} is in no network of any port", via));
        }
    }

    const GatewayConfig& config_;
    TomlErrors& errors_;
    bool all_readable_;
    std::vector<bool> readable_;
};

}  // namespace

void check_gateway(const GatewayConfig& config, TomlErrors& errors) {
    Checker(config, errors).run();
}

}  // namespace config
