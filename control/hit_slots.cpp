// HitSlots: see hit_slots.h.
#include "control/hit_slots.h"

namespace control {

std::vector<HitSlot> HitSlots::assign(const config::RuleSet& rule_set, const Read& read) {
    ++generation_;
    std::vector<HitSlot> slots;
    slots.reserve(rule_set.filters.size());
    for (const config::RuleSetFilter& filter : rule_set.filters) {
        const auto [at, inserted] =
            uses_.try_emplace({rule_set.rules[filter.rule].guid, filter.filter});
        Use& use = at->second;
        if (inserted) {
            if (free_.empty()) {
                use.slot = {size_++, {}};
            } else {
                use.slot = {free_.back(), read(free_.back())};
                free_.pop_back();
            }
        }
        use.wanted = generation_;
        slots.push_back(use.slot);
    }
    return slots;
}

void HitSlots::settle() {
    for (auto at = uses_.begin(); at != uses_.end();) {
        Use& use = at->second;
        if (use.wanted == generation_) {
            use.in_force = true;
            ++at;
        } else {
            free_.push_back(use.slot.slot);
            at = uses_.erase(at);
        }
    }
}

void HitSlots::abandon() {
    for (auto at = uses_.begin(); at != uses_.end();) {
        Use& use = at->second;
        if (use.in_force) {
            ++at;
        } else {
            free_.push_back(use.slot.slot);
            at = uses_.erase(at);
        }
    }
}

}  // namespace control
