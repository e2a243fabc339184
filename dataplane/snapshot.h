// Snapshot: everything an lcore reads about policy and topology. Immutable. Control publishes a new
// one by exchanging one pointer; workers load it once per turn and keep nothing across turns, so a
// packet sees either the old tables or the new ones, never a mixture.
#pragma once

#include "dataplane/filter_table.h"
#include "dataplane/forward_table.h"
#include "dataplane/neighbor_table.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace dataplane {

struct Snapshot {
    std::shared_ptr<const FilterTable> filters;
    std::shared_ptr<const ForwardTable> routes;
    std::shared_ptr<const NeighborTable> neighbors;
    std::uint64_t revision = 0;
};

// writer: the publisher; readers: workers, once per turn; order: release / acquire
using SnapshotPointer = std::atomic<const Snapshot*>;

}  // namespace dataplane
