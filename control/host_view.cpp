// What the host's symbols stand for: see host_view.h.
#include "control/host_view.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <optional>
#include <system_error>

namespace control {

namespace {

using config::Family;
using config::IpAddress;

// A file of this kind is a few hundred bytes; one that is larger is not what we take it for.
constexpr std::size_t kMaxFile = 1'000'000;

void add_unique(std::vector<IpAddress>& list, const IpAddress& address) {
    if (!address.is_unspecified() && std::find(list.begin(), list.end(), address) == list.end()) {
        list.push_back(address);
    }
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxFile, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

// Takes the first line off `text`.
std::string_view next_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

constexpr std::string_view kBlanks = " \t\r";

// Takes the first word off `line`; empty at its end.
std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

void add_if_address(std::vector<IpAddress>& list, std::string_view word) {
    if (const auto address = IpAddress::parse(word)) {
        add_unique(list, *address);
    }
}

std::vector<IpAddress> lease_servers(const std::vector<std::string>& folders) {
    std::vector<IpAddress> servers;
    for (const std::string& folder : folders) {
        std::error_code error;
        for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
            if (file.is_regular_file(error)) {
                for (const IpAddress& server : parse_lease_file(read_file(file.path()))) {
                    add_unique(servers, server);
                }
            }
        }
    }
    // The order of a directory is not stable; that of the view has to be.
    std::sort(servers.begin(), servers.end());
    return servers;
}

}  // namespace

std::vector<IpAddress> parse_resolv_conf(std::string_view text) {
    std::vector<IpAddress> servers;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (next_word(line) == "nameserver") {
            const std::string_view word = next_word(line);
            add_if_address(servers, word.substr(0, word.find('%')));
        }
    }
    return servers;
}

std::vector<IpAddress> parse_lease_file(std::string_view text) {
    constexpr std::string_view kNetworkd = "SERVER_ADDRESS=";
    std::optional<IpAddress> last;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        std::string_view word = next_word(line);
        if (word.starts_with(kNetworkd)) {
            word.remove_prefix(kNetworkd.size());
        } else if (word == "option" && next_word(line) == "dhcp-server-identifier") {
            word = next_word(line);
            word = word.substr(0, word.find(';'));
        } else {
            continue;
        }
        if (const auto address = IpAddress::parse(word)) {
            last = *address;
        }
    }
    return last ? std::vector<IpAddress>{*last} : std::vector<IpAddress>();
}

std::vector<IpAddress> kernel_default_gateways() {
    std::vector<IpAddress> gateways;
    const std::unique_ptr<nl_sock, decltype(&nl_socket_free)> socket(nl_socket_alloc(),
                                                                     nl_socket_free);
    if (socket == nullptr || nl_connect(socket.get(), NETLINK_ROUTE) < 0) {
        return gateways;
    }
    nl_cache* routes = nullptr;
    if (rtnl_route_alloc_cache(socket.get(), AF_UNSPEC, 0, &routes) < 0) {
        return gateways;
    }
    const std::unique_ptr<nl_cache, decltype(&nl_cache_free)> owner(routes, nl_cache_free);
    nl_cache_foreach(
        routes,
        [](nl_object* object, void* list) {
            auto* route = reinterpret_cast<rtnl_route*>(object);
            nl_addr* destination = rtnl_route_get_dst(route);
            if (destination == nullptr || nl_addr_get_prefixlen(destination) != 0) {
                return;
            }
            for (int i = 0; i < rtnl_route_get_nnexthops(route); ++i) {
                nl_addr* via = rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(route, i));
                const unsigned length = via == nullptr ? 0 : nl_addr_get_len(via);
                if (length == 4 || length == 16) {
                    add_unique(*static_cast<std::vector<IpAddress>*>(list),
                               IpAddress::from_bytes(
                                   length == 4 ? Family::kIpv4 : Family::kIpv6,
                                   static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(via))));
                }
            }
        },
        &gateways);
    std::sort(gateways.begin(), gateways.end());
    return gateways;
}

config::HostView make_host_view(const config::GatewayConfig& gateway,
                                const dataplane::Topology& topology,
                                const HostFiles& files,
                                const std::vector<IpAddress>& kernel_gateways) {
    config::HostView view;
    for (const dataplane::PortInfo& port : topology.ports) {
        for (const config::IpPrefix& prefix : port.addresses) {
            add_unique(view.me, prefix.address);
        }
    }
    const config::SymbolConfig& symbols = gateway.symbols;
    view.dns_servers = symbols.dns_servers.empty() ? parse_resolv_conf(read_file(files.resolv_conf))
                                                   : symbols.dns_servers;
    view.wins_servers = symbols.wins_servers;
    view.dhcp_servers =
        symbols.dhcp_servers.empty() ? lease_servers(files.lease_folders) : symbols.dhcp_servers;
    for (const config::RouteConfig& route : gateway.routes) {
        if (route.destination.length == 0 && route.via) {
            add_unique(view.default_gateways, *route.via);
        }
    }
    for (const IpAddress& address : kernel_gateways) {
        add_unique(view.default_gateways, address);
    }
    return view;
}

}  // namespace control
