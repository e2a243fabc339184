// HitSlots: which hit counter belongs to which filter. A filter of a rule keeps its slot over every
// rebuild, so its count goes on; the slot of a filter that is gone is used again once no worker can
// count into it any more. Called from one thread, the builder.
#pragma once

#include "config/rule_set.h"
#include "control/dataplane_handle.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace control {

// Counters only grow, so a slot used again starts from what it counted before.
struct HitSlot {
    std::uint32_t slot = 0;
    FilterHits baseline;
};

class HitSlots {
  public:
    using Read = std::function<FilterHits(std::uint32_t slot)>;

    // Result[i] is the slot of rule_set.filters[i]. `read` gives a slot's count now.
    [[nodiscard]] std::vector<HitSlot> assign(const config::RuleSet& rule_set, const Read& read);

    // What assign() gave out last is in force and nothing older: slots of filters that were not in
    // it may be used again.
    void settle();
    // What assign() gave out last will never be in force.
    void abandon();

    // One more than the largest slot ever given out.
    [[nodiscard]] std::uint32_t size() const { return size_; }

  private:
    struct Key {
        config::Guid rule;
        config::Guid filter;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            const std::hash<config::Guid> hash;
            return hash(key.rule) * 31 + hash(key.filter);
        }
    };
    struct Use {
        HitSlot slot;
        std::uint64_t wanted = 0;  // generation of the last assign() that named it
        bool in_force = false;     // a worker may count into it
    };

    std::unordered_map<Key, Use, KeyHash> uses_;
    std::vector<std::uint32_t> free_;
    std::uint32_t size_ = 0;
    std::uint64_t generation_ = 0;
};

}  // namespace control
