// What the stages know about a packet beside its bytes: one cache line in the mbuf's private area.
// Every mbuf of the gateway comes from a pool made by make_packet_pool(), whose private area is
// exactly this struct.
#pragma once

#include "config/policy.h"
#include "config/types.h"

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace dataplane {

inline constexpr std::uint16_t kMaxPorts = 32;
inline constexpr std::uint16_t kNoPort = 0xFFFF;
inline constexpr std::uint16_t kBurst = 32;

// Names an SA across turns: its place in the SaTable and, above it, how often the place was used. A
// handle never names another SA than the one it was given for.
using SaHandle = std::uint32_t;
inline constexpr SaHandle kNoSa = 0;

// Where a packet entered the pipeline.
enum class Origin : std::uint8_t {
    kWire,     // received on a port, or found inside an SA's packet that was
    kHost,     // sent by this machine's kernel
    kGateway,  // made here: protected packets, ICMP errors
};

// Which of a rule's two actions applies (docs/filter-order.md).
enum class Direction : std::uint8_t {
    kInbound,   // addressed to this host
    kOutbound,  // sent by this host
    kTransit,   // forwarded: a filter as written acts outbound, its mirror inbound
};

enum class FragmentKind : std::uint8_t { kWhole, kFirst, kLater };

// Where the route stage sends a packet, if the filters permit it.
enum class Delivery : std::uint8_t {
    kForward,      // to `next_hop` on `out_port`
    kGroup,        // multicast or broadcast of this host: to all on `out_port`
    kHost,         // to the kernel, through the TAP of `out_port`
    kTransparent,  // unchanged to `out_port`
};

// writer: the lcore that holds the mbuf; readers: the same
struct alignas(RTE_CACHE_LINE_SIZE) PacketMeta {
    Origin origin = Origin::kWire;
    Direction direction = Direction::kTransit;
    config::Family family = config::Family::kIpv4;
    FragmentKind fragment = FragmentKind::kWhole;
    bool more_fragments = false;
    std::uint8_t protocol = 0;         // upper-layer protocol after extension headers
    std::uint8_t connection_bits = 0;  // kConnLan | kConnDialup, of ingress and egress
    Delivery delivery = Delivery::kForward;
    bool to_group = false;     // destination is multicast or broadcast
    bool reassembled = false;  // came as fragments and was put together
    std::uint16_t in_port = kNoPort;
    std::uint16_t out_port = kNoPort;
    std::uint16_t l3_offset = 0;    // bytes from the frame's start to the IP header
    std::uint16_t l4_offset = 0;    // ... to the upper-layer header
    std::uint16_t l3_length = 0;    // IP total length, header included
    std::uint16_t source_port = 0;  // host order; 0 if the protocol has none
    std::uint16_t destination_port = 0;
    std::uint16_t fragment_offset = 0;  // bytes
    std::uint16_t fragment_length = 0;  // bytes of the datagram this fragment carries
    std::uint32_t fragment_id = 0;
    std::uint32_t row = 0;                    // index of the winning RuleRow, or kNoRow
    SaHandle sa = kNoSa;                      // what it was decapsulated from last
    std::uint64_t held_since = 0;             // timestamp of a packet that waits for fragments
    std::array<std::uint8_t, 16> next_hop{};  // set by the route stage; 4 or 16 bytes of `family`
};
static_assert(sizeof(PacketMeta) == RTE_CACHE_LINE_SIZE);

inline constexpr std::uint8_t kConnLan = 1;
inline constexpr std::uint8_t kConnDialup = 2;

[[nodiscard]] inline PacketMeta& meta_of(rte_mbuf* mbuf) {
    return *static_cast<PacketMeta*>(rte_mbuf_to_priv(mbuf));
}
[[nodiscard]] inline const PacketMeta& meta_of(const rte_mbuf* mbuf) {
    return *static_cast<const PacketMeta*>(rte_mbuf_to_priv(const_cast<rte_mbuf*>(mbuf)));
}

[[nodiscard]] inline std::uint8_t* bytes_at(rte_mbuf* mbuf, std::size_t offset) {
    return rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, offset);
}
[[nodiscard]] inline const std::uint8_t* bytes_at(const rte_mbuf* mbuf, std::size_t offset) {
    return rte_pktmbuf_mtod_offset(mbuf, const std::uint8_t*, offset);
}

// Source and destination address of a parsed packet, network byte order, 4 or 16 bytes.
[[nodiscard]] inline const std::uint8_t* source_address(const rte_mbuf* mbuf,
                                                        const PacketMeta& meta) {
    return bytes_at(mbuf, meta.l3_offset + (meta.family == config::Family::kIpv4 ? 12U : 8U));
}
[[nodiscard]] inline const std::uint8_t* destination_address(const rte_mbuf* mbuf,
                                                             const PacketMeta& meta) {
    return bytes_at(mbuf, meta.l3_offset + (meta.family == config::Family::kIpv4 ? 16U : 24U));
}

}  // namespace dataplane
