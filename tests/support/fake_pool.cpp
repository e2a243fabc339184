#include "tests/support/fake_pool.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace tests {
namespace {

constexpr std::size_t kAlign = RTE_CACHE_LINE_SIZE;

constexpr std::size_t round_up(std::size_t size) {
    return (size + kAlign - 1) / kAlign * kAlign;
}

struct PoolLayout {
    std::size_t pool = round_up(sizeof(rte_mempool));
    std::size_t private_data = round_up(sizeof(rte_pktmbuf_pool_private));
    std::size_t object_header = round_up(sizeof(rte_mempool_objhdr));
    std::size_t element = 0;
    std::size_t total = 0;
};

PoolLayout layout_of(unsigned packets, std::uint16_t data_room) {
    PoolLayout layout;
    layout.element = round_up(sizeof(rte_mbuf) + sizeof(dataplane::PacketMeta)
                              + RTE_PKTMBUF_HEADROOM + data_room);
    layout.total = kAlign + layout.pool + layout.private_data
                   + packets * (layout.object_header + layout.element);
    return layout;
}

}  // namespace

// The ops index of every FakePool of the process.
int FakePool::register_ops() {
    rte_mempool_ops ops{};
    std::strncpy(ops.name, "tests_fake_pool", sizeof(ops.name) - 1);
    ops.alloc = [](rte_mempool*) { return 0; };
    ops.free = [](rte_mempool*) {};
    ops.enqueue = &FakePool::enqueue;
    ops.dequeue = &FakePool::dequeue;
    ops.get_count = &FakePool::available;
    return rte_mempool_register_ops(&ops);
}

FakePool::FakePool(unsigned packets, std::uint16_t data_room) : total_(packets) {
    static const int ops_index = register_ops();
    if (ops_index < 0) {
        throw std::runtime_error("rte_mempool_register_ops failed");
    }
    const PoolLayout layout = layout_of(packets, data_room);
    memory_ = std::make_unique<std::byte[]>(layout.total);
    void* start = memory_.get();
    std::size_t space = layout.total;
    std::align(kAlign, layout.total - kAlign, start, space);
    std::byte* at = static_cast<std::byte*>(start);

    pool_ = new (at) rte_mempool{};
    std::strncpy(pool_->name, "fake", sizeof(pool_->name) - 1);
    pool_->pool_data = this;
    pool_->ops_index = ops_index;
    pool_->size = packets;
    pool_->elt_size = static_cast<std::uint32_t>(layout.element);
    pool_->header_size = static_cast<std::uint32_t>(layout.object_header);
    pool_->private_data_size = static_cast<unsigned>(layout.private_data);
    // rte_mempool_get_priv() finds the private data behind the caches: cache_size 0 has none.
    at += layout.pool;
    rte_pktmbuf_pool_private room{};
    room.mbuf_data_room_size = static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + data_room);
    room.mbuf_priv_size = sizeof(dataplane::PacketMeta);
    rte_pktmbuf_pool_init(pool_, &room);
    at += layout.private_data;

    for (unsigned i = 0; i < packets; ++i) {
        auto* header = new (at) rte_mempool_objhdr{};
        header->mp = pool_;
        at += layout.object_header;
        rte_pktmbuf_init(pool_, nullptr, at, i);
        new (at + sizeof(rte_mbuf)) dataplane::PacketMeta{};
        free_.push_back(at);
        at += layout.element;
    }
    pool_->populated_size = packets;
}

FakePool::~FakePool() = default;

int FakePool::enqueue(rte_mempool* pool, void* const* objects, unsigned count) {
    auto& free = static_cast<FakePool*>(pool->pool_data)->free_;
    free.insert(free.end(), objects, objects + count);
    return 0;
}

int FakePool::dequeue(rte_mempool* pool, void** objects, unsigned count) {
    auto& free = static_cast<FakePool*>(pool->pool_data)->free_;
    if (free.size() < count) {
        return -ENOBUFS;
    }
    for (unsigned i = 0; i < count; ++i) {
        objects[i] = free.back();
        free.pop_back();
    }
    return 0;
}

unsigned FakePool::available(const rte_mempool* pool) {
    return static_cast<unsigned>(static_cast<const FakePool*>(pool->pool_data)->free_.size());
}

rte_mbuf* FakePool::make(std::span<const std::uint8_t> bytes) {
    return make_segmented(bytes, bytes.size());
}

rte_mbuf* FakePool::make_segmented(std::span<const std::uint8_t> bytes, std::size_t segment) {
    rte_mbuf* head = nullptr;
    do {
        const std::size_t size = std::min(segment, bytes.size());
        rte_mbuf* part = rte_pktmbuf_alloc(pool_);
        if (part == nullptr || size > rte_pktmbuf_tailroom(part)) {
            throw std::runtime_error("FakePool: no packet, or it is too small");
        }
        std::copy_n(bytes.data(),
                    size,
                    reinterpret_cast<std::uint8_t*>(
                        rte_pktmbuf_append(part, static_cast<std::uint16_t>(size))));
        bytes = bytes.subspan(size);
        if (head == nullptr) {
            head = part;
            dataplane::meta_of(head) = dataplane::PacketMeta{};
        } else if (rte_pktmbuf_chain(head, part) != 0) {
            throw std::runtime_error("FakePool: too many segments");
        }
    } while (!bytes.empty());
    return head;
}

std::vector<std::uint8_t> FakePool::bytes_of(const rte_mbuf* mbuf) {
    std::vector<std::uint8_t> bytes;
    for (; mbuf != nullptr; mbuf = mbuf->next) {
        const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        bytes.insert(bytes.end(), data, data + mbuf->data_len);
    }
    return bytes;
}

}  // namespace tests
