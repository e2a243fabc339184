// What IKE is asked for when a packet finds no SA.
#pragma once

#include "config/sa_spec.h"
#include "config/types.h"

namespace control {

struct AcquireRequest {
    config::RuleTag selector = config::kAnyRule;  // RuleRow::selector
    config::RuleTag rule = config::kAnyRule;      // RuleSetRule::tag
    config::SaMode mode = config::SaMode::kTransport;
    // Ends of the SA. `local` is unspecified if the gateway has no address towards `remote`.
    config::IpAddress local;
    config::IpAddress remote;
};

}  // namespace control
