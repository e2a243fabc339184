#include "dataplane/routing.h"

#include "dataplane/martian.h"

#include <algorithm>
#include <cstring>

namespace dataplane {
namespace {

// Nothing: the packet goes on.
using Check = std::optional<DropReason>;

// Two lengths the compiler knows are two moves; one that it does not know is a string instruction.
void set_next_hop(PacketMeta& meta, const std::uint8_t* address) {
    if (meta.family == config::Family::kIpv4) {
        std::memcpy(meta.next_hop.data(), address, 4);
    } else {
        std::memcpy(meta.next_hop.data(), address, 16);
    }
}

void send_towards(PacketMeta& meta, const Route& route, const std::uint8_t* destination) {
    meta.delivery = Delivery::kForward;
    meta.out_port = route.port;
    set_next_hop(meta, route.on_link ? destination : route.gateway.bytes.data());
}

void send_to_group(PacketMeta& meta, std::uint16_t port) {
    meta.delivery = Delivery::kGroup;
    meta.to_group = true;
    meta.out_port = port;
}

void give_to_host(PacketMeta& meta, std::uint16_t port) {
    meta.direction = Direction::kInbound;
    meta.delivery = Delivery::kHost;
    meta.out_port = port;
}

bool is_unspecified(config::Family family, const std::uint8_t* address) {
    const std::size_t size = config::address_bytes(family);
    return std::all_of(address, address + size, [](std::uint8_t byte) { return byte == 0; });
}

// An address of ours is served on every port (RFC 1122 3.3.4.2, weak host model), but a link-local
// one only on its own link.
Check route_to_local(PacketMeta& meta,
                     const Route& route,
                     bool link_local,
                     const Topology& topology) {
    if (link_local && route.port != meta.in_port) {
        return DropReason::kMartianDestination;
    }
    const bool has_path = topology.ports[meta.in_port].host_path;
    give_to_host(meta, has_path ? meta.in_port : route.port);
    return {};
}

Check route_from_wire(const rte_mbuf* mbuf,
                      PacketMeta& meta,
                      const ForwardTable& routes,
                      const Topology& topology) {
    const std::uint8_t* source = source_address(mbuf, meta);
    const std::uint8_t* destination = destination_address(mbuf, meta);
    const RouteKind from = routes.lookup(meta.family, source).kind;
    if (from == RouteKind::kLocal) {
        return DropReason::kSpoofedMe;
    }
    if (from == RouteKind::kBroadcast) {
        return DropReason::kMartianSource;
    }
    if (is_group(meta.family, destination) || is_limited_broadcast(meta.family, destination)) {
        meta.to_group = true;
        give_to_host(meta, meta.in_port);
        return {};
    }
    const Route& route = routes.lookup(meta.family, destination);
    if (route.kind == RouteKind::kBroadcast) {
        meta.to_group = true;
        give_to_host(meta, meta.in_port);
        // RFC 2644: directed broadcasts are not forwarded.
        return route.port == meta.in_port ? Check{} : DropReason::kBlackhole;
    }
    if ((*bytes_at(mbuf, 0) & 1U) != 0) {
        return DropReason::kLinkBroadcast;  // RFC 1812 5.3.4, RFC 1122 3.3.6
    }
    const bool link_local = is_link_local(meta.family, destination);
    if (route.kind == RouteKind::kLocal) {
        return route_to_local(meta, route, link_local, topology);
    }
    // RFC 4291 2.5.6, RFC 3927 7: nothing link-local goes from one link to another.
    if (link_local) {
        return DropReason::kMartianDestination;
    }
    if (is_link_local(meta.family, source)) {
        return DropReason::kMartianSource;
    }
    if (route.kind == RouteKind::kNone) {
        return DropReason::kNoRoute;
    }
    meta.direction = Direction::kTransit;
    send_towards(meta, route, destination);
    return {};
}

Check route_from_host(const rte_mbuf* mbuf, PacketMeta& meta, const ForwardTable& routes) {
    const std::uint8_t* source = source_address(mbuf, meta);
    const std::uint8_t* destination = destination_address(mbuf, meta);
    meta.direction = Direction::kOutbound;
    // The filters take what comes from the kernel for ours: it may not carry other addresses. Nor
    // may an SA have other ones.
    if (routes.lookup(meta.family, source).kind != RouteKind::kLocal
        && !is_unspecified(meta.family, source)) {
        return DropReason::kHostPathError;
    }
    if (is_group(meta.family, destination) || is_limited_broadcast(meta.family, destination)) {
        send_to_group(meta, meta.in_port);
        return {};
    }
    const Route& route = routes.lookup(meta.family, destination);
    if (route.kind == RouteKind::kLocal) {
        return DropReason::kHostPathError;
    }
    if (route.kind == RouteKind::kBroadcast) {
        send_to_group(meta, route.port);
        return {};
    }
    // The kernel chose the link when it chose the TAP.
    if (is_link_local(meta.family, destination)) {
        send_towards(meta, {RouteKind::kForward, true, meta.in_port, {}}, destination);
        return {};
    }
    if (route.kind == RouteKind::kNone) {
        return DropReason::kNoRoute;
    }
    send_towards(meta, route, destination);
    return {};
}

std::uint8_t connection_bits(const PacketMeta& meta, const Topology& topology) {
    const std::uint8_t in = topology.ports[meta.in_port].connection_bit;
    const std::uint8_t out = topology.ports[meta.out_port].connection_bit;
    switch (meta.direction) {
        case Direction::kInbound:
            return in;
        case Direction::kOutbound:
            return out;
        case Direction::kTransit:
            return in | out;
    }
    return 0;
}

}  // namespace

std::optional<DropReason> route_packet(rte_mbuf* mbuf,
                                       const ForwardTable& routes,
                                       const Topology& topology) {
    PacketMeta& meta = meta_of(mbuf);
    const std::uint16_t pair = topology.ports[meta.in_port].pair;
    Check check;
    if (meta.origin != Origin::kWire) {
        check = route_from_host(mbuf, meta, routes);
    } else if (pair != kNoPort) {
        meta.direction = Direction::kTransit;
        meta.delivery = Delivery::kTransparent;
        meta.out_port = pair;
    } else {
        check = route_from_wire(mbuf, meta, routes, topology);
    }
    if (!check) {
        meta.connection_bits = connection_bits(meta, topology);
    }
    return check;
}

}  // namespace dataplane
