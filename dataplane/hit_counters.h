// Packets and bytes each filter decided, per worker. Slots are handed out by control and stay with
// a filter across rebuilds; memory grows in chunks that are never moved or freed while workers run.
#pragma once

#include "dataplane/counters.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace dataplane {

struct Hit {
    Counter packets;
    Counter bytes;
};

class HitCounters {
  public:
    static constexpr std::uint32_t kChunkSlots = 4096;
    static constexpr std::uint32_t kMaxChunks = 256;  // about a million filters

    ~HitCounters();
    HitCounters() = default;
    HitCounters(const HitCounters&) = delete;
    HitCounters& operator=(const HitCounters&) = delete;

    // Makes slots 0 .. count-1 usable. Called by control before a table that names them is
    // published; publication orders the pointers for the workers.
    void reserve(std::uint32_t count);

    // Called by the owning worker only.
    void add(std::uint32_t slot, std::uint64_t packets, std::uint64_t bytes) {
        Hit& hit = at(slot);
        hit.packets.add(packets);
        hit.bytes.add(bytes);
    }

    // Control: zero for a slot that was never reserved.
    struct Totals {
        std::uint64_t packets = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] Totals read(std::uint32_t slot) const;

  private:
    using Chunk = std::array<Hit, kChunkSlots>;

    Hit& at(std::uint32_t slot) {
        return (*chunks_[slot / kChunkSlots].load(std::memory_order_relaxed))[slot % kChunkSlots];
    }

    // writer: control; readers: the worker; order: release / relaxed (ordered by the snapshot)
    std::array<std::atomic<Chunk*>, kMaxChunks> chunks_{};
};

}  // namespace dataplane
