#include "dataplane/hit_counters.h"

namespace dataplane {

HitCounters::~HitCounters() {
    for (std::atomic<Chunk*>& chunk : chunks_) {
        delete chunk.load(std::memory_order_relaxed);
    }
}

void HitCounters::reserve(std::uint32_t count) {
    const std::uint32_t wanted = (count + kChunkSlots - 1) / kChunkSlots;
    for (std::uint32_t i = 0; i < wanted && i < kMaxChunks; ++i) {
        if (chunks_[i].load(std::memory_order_relaxed) == nullptr) {
            chunks_[i].store(new Chunk(), std::memory_order_release);
        }
    }
}

HitCounters::Totals HitCounters::read(std::uint32_t slot) const {
    if (slot / kChunkSlots >= kMaxChunks) {
        return {};
    }
    const Chunk* chunk = chunks_[slot / kChunkSlots].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
        return {};
    }
    const Hit& hit = (*chunk)[slot % kChunkSlots];
    return {.packets = hit.packets.read(), .bytes = hit.bytes.read()};
}

}  // namespace dataplane
