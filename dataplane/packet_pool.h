// The two pools every packet of the gateway comes from: one with buffers for frames, and a small
// one with buffers for whole datagrams that were put together.
#pragma once

#include "config/result.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dataplane {

struct PacketPoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using PacketPool = std::unique_ptr<rte_mempool, PacketPoolDeleter>;

// In front of a frame: an outer header, UDP, ESP or AH with their IVs. An IPv6 tunnel of ESP in
// UDP, the longest, takes 40 + 8 + 8 + 16; AH around it 12 + 32 more.
inline constexpr std::size_t kPacketHeadroom = RTE_PKTMBUF_HEADROOM;
static_assert(kPacketHeadroom >= 128);
// Behind the largest frame: an ESP trailer (15 of padding and 2), an ICV (32) and the 4 bytes of
// the extended sequence number that are authenticated but not sent (RFC 4303 2.2.1).
inline constexpr std::size_t kPacketTailroom = 64;
// Two VLAN tags may stand before the IP header in transparent mode.
inline constexpr std::size_t kMaxLinkHeader = 14 + 2 * 4;

// An mbuf says its buffer's length in 16 bits.
inline constexpr std::size_t kLargeBuffer = 0xFFFF;
// The longest IP packet that is put together.
inline constexpr std::size_t kMaxReassembled =
    kLargeBuffer - kPacketHeadroom - kMaxLinkHeader - kPacketTailroom;

// 8 MB. One less than a power of two, because that is what a mempool's ring holds.
inline constexpr std::uint32_t kLargePackets = 127;

// `mbufs` packets with a PacketMeta each and room for a frame of `max_mtu` and kPacketTailroom in
// one segment. Needs EAL. Errors: kSystem, saying how much memory to give.
[[nodiscard]] config::Result<PacketPool> make_packet_pool(const std::string& name,
                                                          std::uint32_t mbufs,
                                                          std::uint16_t max_mtu);

// Packets of kMaxReassembled. Without a cache per lcore, which would keep most of so few buffers
// from the other workers. Needs EAL. Errors: kSystem, saying how much memory to give.
[[nodiscard]] config::Result<PacketPool> make_large_pool(const std::string& name,
                                                         std::uint32_t mbufs = kLargePackets);

}  // namespace dataplane
