#include "dataplane/packet_pool.h"

#include "dataplane/packet.h"

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <fmt/format.h>

#include <algorithm>

namespace dataplane {

namespace {

constexpr unsigned kCacheSize = 256;
// Two VLAN tags may stand before the IP header in transparent mode.
constexpr std::uint32_t kFrameOverhead = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN;

// 2 KiB holds every frame of an ordinary network; only a larger MTU pays for larger buffers.
std::uint16_t data_room(std::uint16_t max_mtu) {
    const std::uint32_t frame = std::max<std::uint32_t>(max_mtu + kFrameOverhead, 2048);
    return static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM
                                      + RTE_ALIGN_CEIL(frame, std::uint32_t{RTE_CACHE_LINE_SIZE}));
}

}  // namespace

config::Result<PacketPool> make_packet_pool(const std::string& name,
                                            std::uint32_t mbufs,
                                            std::uint16_t max_mtu) {
    const std::uint16_t room = data_room(max_mtu);
    const unsigned cache = std::min(kCacheSize, mbufs / 8);
    rte_mempool* pool = rte_pktmbuf_pool_create(
        name.c_str(), mbufs, cache, sizeof(PacketMeta), room, SOCKET_ID_ANY);
    if (pool == nullptr) {
        const std::uint64_t bytes =
            std::uint64_t{mbufs} * (room + sizeof(rte_mbuf) + sizeof(PacketMeta) + 64);
        return config::Error{
            config::ErrorCode::kSystem,
            fmt::format("{} packet buffers cannot be allocated: {}; they take about {} MB of "
                        "memory_mb, which without hugepages should be twice that",
                        mbufs,
                        rte_strerror(rte_errno),
                        (bytes >> 20) + 1)};
    }
    return PacketPool(pool);
}

}  // namespace dataplane
