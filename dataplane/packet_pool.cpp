#include "dataplane/packet_pool.h"

#include "dataplane/packet.h"

#include <rte_errno.h>
#include <rte_ether.h>

#include <fmt/format.h>

#include <algorithm>

namespace dataplane {

namespace {

constexpr unsigned kCacheSize = 256;
constexpr std::size_t kFrameOverhead = kMaxLinkHeader + RTE_ETHER_CRC_LEN + kPacketTailroom;

// 2 KiB holds every frame of an ordinary network; only a larger MTU pays for larger buffers.
std::uint16_t data_room(std::uint16_t max_mtu) {
    const std::size_t frame = std::max<std::size_t>(max_mtu + kFrameOverhead, 2048);
    return static_cast<std::uint16_t>(kPacketHeadroom
                                      + RTE_ALIGN_CEIL(frame, std::size_t{RTE_CACHE_LINE_SIZE}));
}

config::Result<PacketPool> make_pool(const std::string& name,
                                     std::uint32_t mbufs,
                                     unsigned cache,
                                     std::uint16_t room) {
    rte_mempool* pool = rte_pktmbuf_pool_create(
        name.c_str(), mbufs, cache, sizeof(PacketMeta), room, SOCKET_ID_ANY);
    if (pool == nullptr) {
        const std::uint64_t bytes =
            std::uint64_t{mbufs} * (room + sizeof(rte_mbuf) + sizeof(PacketMeta) + 64);
        return config::Error{
            config::ErrorCode::kSystem,
            fmt::format("{} packet buffers of {} bytes cannot be allocated: {}; they take about {} "
                        "MB of memory_mb, which without hugepages should be twice that",
                        mbufs,
                        room,
                        rte_strerror(rte_errno),
                        (bytes >> 20) + 1)};
    }
    return PacketPool(pool);
}

}  // namespace

config::Result<PacketPool> make_packet_pool(const std::string& name,
                                            std::uint32_t mbufs,
                                            std::uint16_t max_mtu) {
    return make_pool(name, mbufs, std::min(kCacheSize, mbufs / 8), data_room(max_mtu));
}

config::Result<PacketPool> make_large_pool(const std::string& name, std::uint32_t mbufs) {
    return make_pool(name, mbufs, 0, static_cast<std::uint16_t>(kLargeBuffer));
}

}  // namespace dataplane
