// Fragmentation of a packet that is too long for the next link: of any IPv4 packet that allows it
// (RFC 791 3.2), and of IPv6 packets this gateway is the source of, such as protected ones (RFC
// 8200 4.5: routers do not fragment others').
#pragma once

#include "dataplane/packet.h"

#include <array>
#include <cstdint>

namespace dataplane {

// 65,535 bytes in fragments for an MTU of 1280, the smallest a port may have, and one to spare.
inline constexpr std::size_t kMaxFragmentsOut = 54;

struct FragmentsOut {
    std::array<rte_mbuf*, kMaxFragmentsOut> packets{};
    std::size_t count = 0;  // 0: no buffer, or the headers leave no room
};

// Both copy the parsed packet into new frames of at most `mtu` bytes of IP each, with the same
// Ethernet header. Their PacketMeta is as parse() would give, with protocol, ports and the rest of
// the whole one's. The packet stays the caller's.
[[nodiscard]] FragmentsOut fragment_ipv4(const rte_mbuf* packet,
                                         std::uint16_t mtu,
                                         rte_mempool* pool);

// `identification`: one that no packet between the same addresses had lately, and not predictable
// (RFC 7739). Precondition: longer than `mtu`. Nothing comes of a packet that has a fragment
// header.
[[nodiscard]] FragmentsOut fragment_ipv6(const rte_mbuf* packet,
                                         std::uint16_t mtu,
                                         std::uint32_t identification,
                                         rte_mempool* pool);

}  // namespace dataplane
