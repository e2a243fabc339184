// What IKE offers and accepts for the traffic of one rule: the main mode policy, the quick mode
// policy and the authentication methods, wherever they were written. Immutable once made.
#pragma once

#include "config/methods.h"
#include "config/policy.h"

#include <cstdint>
#include <string>
#include <vector>

namespace config {

struct MainModeTerms {
    std::string policy_name;
    std::vector<MmOffer> offers;  // most preferred first
    std::uint32_t lifetime_minutes = 480;
    std::uint32_t qm_per_mm = 0;  // quick modes under one main mode; 0: no limit. mmpfs means 1.
    std::uint32_t soft_sa_minutes = 480;
    std::vector<AuthMethod> auth_methods;  // most preferred first
};

struct QuickModeTerms {
    std::string policy_name;      // static context: of the filter action
    std::vector<QmOffer> offers;  // most preferred first
    PfsGroup pfs_group = PfsGroup::kNone;
    bool soft = false;  // clear text if the peer does not answer at all
};

struct NegotiationTerms {
    MainModeTerms main_mode;
    QuickModeTerms quick_mode;
};

}  // namespace config
