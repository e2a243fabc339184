// What the filters say about one packet: whether any of them sees it at all (netsh `ipsecexempt`),
// which of the winning row's two actions applies, and what IPsec has to do with the packet (RFC
// 4301 5.1, 5.2).
#pragma once

#include "dataplane/filter_table.h"
#include "dataplane/packet.h"
#include "dataplane/sa.h"
#include "dataplane/sa_table.h"

#include <algorithm>
#include <cstdint>

namespace dataplane {

// The packet is routed. Only traffic to or from this host is ever exempt, never transit, and
// nothing that came by an SA.
[[nodiscard]] bool is_exempt(const PacketMeta& meta, Exemptions exemptions);
// UDP at our port 500 or 4500, which is exempt at every level.
[[nodiscard]] bool is_ike(const PacketMeta& meta);

[[nodiscard]] constexpr config::Action action_for(const RowAction& row, Direction direction) {
    switch (direction) {
        case Direction::kInbound:
            return row.inbound;
        case Direction::kOutbound:
            return row.outbound;
        case Direction::kTransit:
            // A filter as written describes traffic that leaves, its mirror what comes back.
            return row.mirror ? row.inbound : row.outbound;
    }
    return config::Action::kBlock;
}

// What a row wants of its packets.
enum class Requirement : std::uint8_t {
    kPermit,
    kBlock,
    kProtect,           // an SA to peer_of() has to carry it
    kExpect,            // it came through an SA that allows() it, or in clear if accepts_clear()
    kTransitTransport,  // a transport rule, which cannot protect what is forwarded
    kNoPeer,            // a tunnel rule without end point
};

[[nodiscard]] constexpr Requirement requirement_of(const RowAction& row, Direction direction) {
    switch (action_for(row, direction)) {
        case config::Action::kPermit:
            return Requirement::kPermit;
        case config::Action::kBlock:
            return Requirement::kBlock;
        case config::Action::kNegotiate:
            break;
    }
    if ((row.flags & kRowTunnel) != 0) {
        // A tunnel carries traffic of other hosts as well as our own: its direction is the
        // filter's.
        if ((row.flags & kRowHasEndpoint) == 0) {
            return Requirement::kNoPeer;
        }
        const bool arrives = row.mirror || (row.flags & kRowEndpointIsMe) != 0;
        return arrives ? Requirement::kExpect : Requirement::kProtect;
    }
    switch (direction) {
        case Direction::kInbound:
            return Requirement::kExpect;
        case Direction::kOutbound:
            return Requirement::kProtect;
        case Direction::kTransit:
            // RFC 4301 4.1: between hosts that are not the SA's ends it must be tunnel mode.
            return Requirement::kTransitTransport;
    }
    return Requirement::kBlock;
}

// Of a row that expects: whether a packet may also come unprotected.
[[nodiscard]] constexpr bool accepts_clear(const RowAction& row) {
    return (row.flags & (kRowInpass | kRowSoft)) != 0;
}

// RFC 4301 5.2, step 4: whether the packet `mbuf`, which matches `row` and which the inbound `sa`
// verified, came as the row expects. Addresses and ports that the row matched are those of the
// rule; what is left to compare is the SA itself, so that no peer speaks for another one.
[[nodiscard]] inline bool allows(const FilterTable& table,
                                 const RowAction& row,
                                 const Sa& sa,
                                 const rte_mbuf* mbuf) {
    const bool bound_to_it =
        sa.rule == config::kAnyRule || sa.rule == row.rule || sa.rule == row.selector;
    if (sa.within_bundle || !bound_to_it) {
        return false;
    }
    if ((row.flags & kRowTunnel) == 0) {
        // The sender is whoever has the SA's keys, not who the packet says it is.
        const PacketMeta& meta = meta_of(mbuf);
        return sa.mode == config::SaMode::kTransport && sa.family == meta.family
               && std::equal(sa.source.begin(),
                             sa.source.begin() + config::address_bytes(meta.family),
                             source_address(mbuf, meta));
    }
    if (sa.mode != config::SaMode::kTunnel || (row.flags & kRowHasEndpoint) == 0) {
        return false;
    }
    const config::IpAddress& endpoint = table.endpoint(row);
    return sa.family == endpoint.family
           && (row.mirror ? sa.source : sa.destination) == endpoint.bytes;
}

// Of a row that protects: which SA carries the packet. The key points into the table or into the
// packet, and is valid as long as both.
[[nodiscard]] inline PeerKey peer_of(const FilterTable& table,
                                     const RowAction& row,
                                     const rte_mbuf* mbuf) {
    if ((row.flags & kRowTunnel) != 0) {
        const config::IpAddress& endpoint = table.endpoint(row);
        return {.rule = row.rule,
                .selector = row.selector,
                .mode = config::SaMode::kTunnel,
                .family = endpoint.family,
                .peer = endpoint.bytes.data()};
    }
    const PacketMeta& meta = meta_of(mbuf);
    return {.rule = row.rule,
            .selector = row.selector,
            .mode = config::SaMode::kTransport,
            .family = meta.family,
            .peer = destination_address(mbuf, meta),
            .source = source_address(mbuf, meta)};
}

}  // namespace dataplane
