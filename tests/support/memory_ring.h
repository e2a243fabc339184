// An rte_ring on ordinary memory.
#pragma once

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace tests {

// `T` is the element: a pointer, or a plain struct whose size is a multiple of four.
template <typename T>
class MemoryRing {
  public:
    explicit MemoryRing(unsigned count, unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ) {
        const ssize_t size = rte_ring_get_memsize_elem(sizeof(T), count);
        if (size < 0) {
            throw std::runtime_error("MemoryRing: count must be a power of two");
        }
        std::size_t space = static_cast<std::size_t>(size) + RTE_CACHE_LINE_SIZE;
        memory_ = std::make_unique<std::byte[]>(space);
        void* at = memory_.get();
        at = std::align(RTE_CACHE_LINE_SIZE, static_cast<std::size_t>(size), at, space);
        ring_ = static_cast<rte_ring*>(at);
        if (rte_ring_init(ring_, "memory", count, flags) != 0) {
            throw std::runtime_error("MemoryRing: rte_ring_init failed");
        }
    }

    [[nodiscard]] rte_ring* get() { return ring_; }
    [[nodiscard]] unsigned count() const { return rte_ring_count(ring_); }
    [[nodiscard]] bool push(const T& element) {
        return rte_ring_enqueue_elem(ring_, &element, sizeof(T)) == 0;
    }
    [[nodiscard]] bool pop(T& element) {
        return rte_ring_dequeue_elem(ring_, &element, sizeof(T)) == 0;
    }

  private:
    std::unique_ptr<std::byte[]> memory_;
    rte_ring* ring_ = nullptr;
};

}  // namespace tests
