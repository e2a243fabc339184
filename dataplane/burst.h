// What the stages hand to each other: bounded lists of packets, and what one burst shares.
#pragma once

#include "dataplane/packet.h"
#include "dataplane/snapshot.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dataplane {

// Stages take packets out while they keep the others in order.
template <std::size_t kCapacity>
struct PacketList {
    std::array<rte_mbuf*, kCapacity> items{};
    std::size_t count = 0;

    void add(rte_mbuf* mbuf) { items[count++] = mbuf; }
    [[nodiscard]] std::span<rte_mbuf*> all() { return {items.data(), count}; }
};
using Burst = PacketList<kBurst>;

struct Turn {
    const Snapshot& snapshot;
    std::uint64_t now;      // TSC
    bool released = false;  // its packets waited at control for SAs and may not wait again
};

}  // namespace dataplane
