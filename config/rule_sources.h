// What the rule-set compiler takes, gathered: active rules of the assigned policy with their
// filters and action, and the dynamic rules with the policies each one names.
//
// The order of the vector breaks ties between filters of equal specificity and action: append the
// store that takes precedence first.
#pragma once

#include "config/policy_store.h"
#include "config/rule_set.h"

#include <span>
#include <vector>

namespace config {

// Appends nothing if no policy of the store is assigned.
Result<void> append_assigned_rules(const PolicyStore& store, std::vector<RuleSource>& sources);

// A rule whose main mode policy or quick mode policy is not there has no offers of that phase, and
// may not fall back to clear.
void append_dynamic_rules(std::span<const DynamicRule> rules,
                          std::span<const MainModePolicy> mm_policies,
                          std::span<const QuickModePolicy> qm_policies,
                          std::vector<RuleSource>& sources);

// Both, static rules first.
[[nodiscard]] Result<std::vector<RuleSource>> rule_sources(
    const PolicyStore& store,
    std::span<const DynamicRule> dynamic_rules,
    std::span<const MainModePolicy> mm_policies,
    std::span<const QuickModePolicy> qm_policies);

}  // namespace config
