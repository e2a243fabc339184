// The running SPD as the dynamic context sees it: policies and rules that live until the daemon
// stops. Order of rules is the order in which they were added.
#pragma once

#include "config/policy.h"

#include <string_view>
#include <vector>

namespace control {

struct DynamicState {
    std::vector<config::MainModePolicy> mm_policies;
    std::vector<config::QuickModePolicy> qm_policies;
    std::vector<config::DynamicRule> rules;

    [[nodiscard]] const config::MainModePolicy* find_mm_policy(std::string_view name) const;
    [[nodiscard]] const config::QuickModePolicy* find_qm_policy(std::string_view name) const;
};

}  // namespace control
