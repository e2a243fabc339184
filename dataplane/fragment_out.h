// IPv4 fragmentation (RFC 791 3.2) of a packet that may be fragmented and is too long for the next
// link. Left out: IPv6, where routers do not fragment (RFC 8200 4.5).
#pragma once

#include "dataplane/packet.h"

#include <array>
#include <cstdint>

namespace dataplane {

// 65,535 bytes in fragments for an MTU of 1280, the smallest a port may have, and one to spare.
inline constexpr std::size_t kMaxFragmentsOut = 54;

struct FragmentsOut {
    std::array<rte_mbuf*, kMaxFragmentsOut> packets{};
    std::size_t count = 0;  // 0: no buffer, or the header leaves no room
};

// Copies the parsed IPv4 packet into new frames of at most `mtu` bytes of IP each, with the same
// Ethernet header and PacketMeta. The packet stays the caller's.
[[nodiscard]] FragmentsOut fragment_ipv4(const rte_mbuf* packet,
                                         std::uint16_t mtu,
                                         rte_mempool* pool);

}  // namespace dataplane
