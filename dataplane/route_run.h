// RouteRun: the route stage for the packets of a burst that this gateway made. One that has the
// same ends as the one before it goes the same way, and is not looked up.
#pragma once

#include "config/bytes.h"
#include "dataplane/routing.h"

#include <array>
#include <cstdint>
#include <optional>

namespace dataplane {

class RouteRun {
  public:
    RouteRun(const ForwardTable& routes, const Topology& topology)
        : routes_(routes), topology_(topology) {}

    // As route_packet().
    [[nodiscard]] std::optional<DropReason> route(rte_mbuf* mbuf) {
        PacketMeta& meta = meta_of(mbuf);
        if (follows(mbuf, meta)) {
            meta.direction = Direction::kOutbound;
            meta.delivery = delivery_;
            meta.to_group = to_group_;
            meta.connection_bits = connection_bits_;
            meta.out_port = out_port_;
            meta.next_hop = next_hop_;
            return {};
        }
        const std::optional<DropReason> problem = route_packet(mbuf, routes_, topology_);
        known_ = !problem;
        if (known_) {
            keep(mbuf, meta);
        }
        return problem;
    }

  private:
    // Source and destination: next to each other in both families.
    using Ends = std::array<std::uint64_t, 4>;

    [[nodiscard]] static Ends ends_of(const rte_mbuf* mbuf, const PacketMeta& meta) {
        const std::uint8_t* const ends = source_address(mbuf, meta);
        return meta.family == config::Family::kIpv4 ? Ends{config::load<std::uint64_t>(ends)}
                                                    : config::load<Ends>(ends);
    }
    [[nodiscard]] bool follows(const rte_mbuf* mbuf, const PacketMeta& meta) const {
        return known_ && meta.family == family_ && meta.in_port == in_port_
               && ends_of(mbuf, meta) == ends_;
    }
    void keep(const rte_mbuf* mbuf, const PacketMeta& meta) {
        ends_ = ends_of(mbuf, meta);
        family_ = meta.family;
        in_port_ = meta.in_port;
        delivery_ = meta.delivery;
        to_group_ = meta.to_group;
        connection_bits_ = meta.connection_bits;
        out_port_ = meta.out_port;
        next_hop_ = meta.next_hop;
    }

    const ForwardTable& routes_;
    const Topology& topology_;
    bool known_ = false;
    bool to_group_ = false;
    config::Family family_ = config::Family::kIpv4;
    Delivery delivery_ = Delivery::kForward;
    std::uint8_t connection_bits_ = 0;
    std::uint16_t in_port_ = kNoPort;
    std::uint16_t out_port_ = kNoPort;
    std::array<std::uint8_t, 16> next_hop_{};
    Ends ends_{};
};

}  // namespace dataplane
