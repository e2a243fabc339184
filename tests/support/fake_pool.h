// A packet pool without EAL: a hand-made rte_mempool whose objects lie in ordinary heap memory and
// whose ops are registered here. Packets are allocated and freed by the real rte_pktmbuf functions,
// so code under test cannot tell the difference; in_use() finds leaks.
#pragma once

#include "dataplane/packet.h"

#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tests {

class FakePool {
  public:
    explicit FakePool(unsigned packets = 1024, std::uint16_t data_room = 4096);
    ~FakePool();
    FakePool(const FakePool&) = delete;
    FakePool& operator=(const FakePool&) = delete;

    [[nodiscard]] rte_mempool* get() { return pool_; }
    [[nodiscard]] std::size_t in_use() const { return total_ - free_.size(); }

    // A packet with these bytes, in one segment; never nullptr while the pool has packets.
    [[nodiscard]] rte_mbuf* make(std::span<const std::uint8_t> bytes);
    // The same in segments of at most `segment` bytes.
    [[nodiscard]] rte_mbuf* make_segmented(std::span<const std::uint8_t> bytes,
                                           std::size_t segment);

    static std::vector<std::uint8_t> bytes_of(const rte_mbuf* mbuf);

  private:
    static int register_ops();
    static int enqueue(rte_mempool* pool, void* const* objects, unsigned count);
    static int dequeue(rte_mempool* pool, void** objects, unsigned count);
    static unsigned available(const rte_mempool* pool);

    std::size_t total_;
    std::unique_ptr<std::byte[]> memory_;
    std::vector<void*> free_;
    rte_mempool* pool_ = nullptr;
};

}  // namespace tests
