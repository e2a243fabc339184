#include "dataplane/packet_pool.h"

#include "dataplane/packet.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf_pool_ops.h>

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

// Where devices see virtual addresses, and without hugepages, where none reads memory by physical
// ones, a buffer may cross the end of a page. net_af_xdp wants that: it shares with the kernel as
// many bytes as the buffers have without gaps, and what lies beyond is lost when it is sent. A gap
// behind each buffer, as there is on pages of 4 KB, also costs a third of the memory.
unsigned pool_flags() {
    const bool crossing = rte_eal_iova_mode() == RTE_IOVA_VA || rte_eal_has_hugepages() == 0;
    return crossing ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0U;
}

// rte_pktmbuf_pool_create() with flags, which it does not take. Nothing: rte_errno says why.
PacketPool create_pool(const std::string& name,
                       std::uint32_t mbufs,
                       unsigned cache,
                       std::uint16_t room) {
    constexpr std::size_t kFixed = sizeof(rte_mbuf) + sizeof(PacketMeta);
    static_assert(sizeof(PacketMeta) % RTE_MBUF_PRIV_ALIGN == 0);
    PacketPool pool(rte_mempool_create_empty(name.c_str(),
                                             mbufs,
                                             static_cast<unsigned>(kFixed + room),
                                             cache,
                                             sizeof(rte_pktmbuf_pool_private),
                                             SOCKET_ID_ANY,
                                             pool_flags()));
    if (pool == nullptr
        || rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr) != 0) {
        return nullptr;
    }
    rte_pktmbuf_pool_private layout{};
    layout.mbuf_data_room_size = room;
    layout.mbuf_priv_size = sizeof(PacketMeta);
    rte_pktmbuf_pool_init(pool.get(), &layout);
    if (const int count = rte_mempool_populate_default(pool.get()); count < 0) {
        pool.reset();
        rte_errno = -count;
        return nullptr;
    }
    rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
    return pool;
}

config::Result<PacketPool> make_pool(const std::string& name,
                                     std::uint32_t mbufs,
                                     unsigned cache,
                                     std::uint16_t room) {
    PacketPool pool = create_pool(name, mbufs, cache, room);
    if (pool == nullptr) {
        const std::uint64_t bytes =
            std::uint64_t{mbufs} * (room + sizeof(rte_mbuf) + sizeof(PacketMeta) + 64);
        return config::Error{
            config::ErrorCode::kSystem,
            fmt::format("{} packet buffers of {} bytes cannot be allocated: {}; they take about {} "
                        "MB of memory_mb",
                        mbufs,
                        room,
                        rte_strerror(rte_errno),
                        (bytes >> 20) + 1)};
    }
    return pool;
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
