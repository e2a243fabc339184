#include "dataplane/topology.h"

#include <fmt/format.h>

#include <algorithm>

namespace dataplane {
namespace {

using config::Error;
using config::ErrorCode;
using config::Family;
using config::IpAddress;
using config::IpPrefix;
using config::Result;
using config::RouteConfig;

// The port whose connected prefix is the longest that contains `address`, or kNoPort. Link-local
// prefixes are on every link and say nothing.
std::uint16_t port_towards(const Topology& topology, const IpAddress& address) {
    std::uint16_t best = kNoPort;
    int best_length = -1;
    for (std::size_t port = 0; port < topology.ports.size(); ++port) {
        for (const IpPrefix& prefix : topology.ports[port].addresses) {
            if (!prefix.address.is_link_local() && prefix.contains(address)
                && prefix.length > best_length) {
                best = static_cast<std::uint16_t>(port);
                best_length = prefix.length;
            }
        }
    }
    return best;
}

std::uint16_t port_named(const Topology& topology, const std::string& name) {
    const auto found = std::find_if(topology.ports.begin(),
                                    topology.ports.end(),
                                    [&](const PortInfo& port) { return port.name == name; });
    return found == topology.ports.end()
               ? kNoPort
               : static_cast<std::uint16_t>(found - topology.ports.begin());
}

Error route_error(const RouteConfig& route, std::string_view problem) {
    return Error{ErrorCode::kGatewayFile,
                 fmt::format("Route {}: {}", route.destination.to_string(), problem)};
}

Result<RouteEntry> static_route(const Topology& topology, const RouteConfig& route) {
    RouteEntry entry;
    entry.prefix = {route.destination.first(), route.destination.length};
    entry.route.kind = RouteKind::kForward;
    if (!route.port.empty()) {
        entry.route.port = port_named(topology, route.port);
        if (entry.route.port == kNoPort) {
            return route_error(route, fmt::format("there is no port \"{}\".", route.port));
        }
    }
    if (!route.via) {
        if (route.port.empty()) {
            return route_error(route, "expected \"via\", \"port\" or both.");
        }
        entry.route.on_link = true;
        return entry;
    }
    if (route.via->family != route.destination.address.family) {
        return route_error(
            route,
            fmt::format("the next hop {} is of the other address family.", route.via->to_string()));
    }
    entry.route.gateway = *route.via;
    if (route.port.empty()) {
        entry.route.port = port_towards(topology, *route.via);
        if (entry.route.port == kNoPort) {
            return route_error(
                route,
                fmt::format("no port has an address in the network of the next hop {}; add one, or "
                            "name the port.",
                            route.via->to_string()));
        }
    }
    return entry;
}

// RFC 3021: a /31 has no broadcast address, nor has a /32.
constexpr std::uint8_t kLongestWithBroadcast = 30;

void add_connected(std::vector<RouteEntry>& entries, const IpPrefix& prefix, std::uint16_t port) {
    // Link-local destinations have a meaning only together with a port: the route stage decides
    // about them, only our own addresses stand in the table.
    if (prefix.address.family == Family::kIpv6 && prefix.address.is_link_local()) {
        return;
    }
    entries.push_back({{prefix.first(), prefix.length}, {RouteKind::kForward, true, port, {}}});
    if (prefix.address.family == Family::kIpv4 && prefix.length <= kLongestWithBroadcast) {
        const Route broadcast{RouteKind::kBroadcast, true, port, {}};
        entries.push_back({{prefix.last(), 32}, broadcast});
        // RFC 1812 5.3.5.2: the old all-zeros form is a broadcast, too.
        entries.push_back({{prefix.first(), 32}, broadcast});
    }
}

}  // namespace

Result<std::vector<RouteEntry>> make_routes(const Topology& topology,
                                            const std::vector<RouteConfig>& routes) {
    std::vector<RouteEntry> entries;
    for (const RouteConfig& route : routes) {
        Result<RouteEntry> entry = static_route(topology, route);
        if (!entry) {
            return entry.error();
        }
        entries.push_back(*entry);
    }
    // Of equal prefixes the later entry wins: connected networks over static routes, our own
    // addresses over everything.
    for (std::size_t port = 0; port < topology.ports.size(); ++port) {
        for (const IpPrefix& prefix : topology.ports[port].addresses) {
            add_connected(entries, prefix, static_cast<std::uint16_t>(port));
        }
    }
    for (std::size_t port = 0; port < topology.ports.size(); ++port) {
        for (const IpPrefix& prefix : topology.ports[port].addresses) {
            const auto bits =
                static_cast<std::uint8_t>(config::address_bits(prefix.address.family));
            entries.push_back({{prefix.address, bits},
                               {RouteKind::kLocal, true, static_cast<std::uint16_t>(port), {}}});
        }
    }
    return entries;
}

IpAddress link_local_address(const config::MacAddress& mac) {
    IpAddress address;
    address.family = Family::kIpv6;
    address.bytes = {0xFE, 0x80};
    // RFC 4291 appendix A: the universal/local bit is inverted, FFFE goes into the middle.
    address.bytes[8] = mac.bytes[0] ^ 0x02U;
    address.bytes[9] = mac.bytes[1];
    address.bytes[10] = mac.bytes[2];
    address.bytes[11] = 0xFF;
    address.bytes[12] = 0xFE;
    address.bytes[13] = mac.bytes[3];
    address.bytes[14] = mac.bytes[4];
    address.bytes[15] = mac.bytes[5];
    return address;
}

}  // namespace dataplane
