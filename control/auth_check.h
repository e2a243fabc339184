// Whether rules can prove who they are here: asked before they come into force, so that an operator
// hears of it at the command and not of a negotiation that fails at night.
//
// A rule needs one authentication method that IKE can use; a note says which of the others it
// cannot. Without IKE nothing is asked.
#pragma once

#include "config/policy.h"
#include "config/result.h"
#include "control/commands.h"

#include <span>

namespace control {

// The active rules of the assigned policy that negotiate; if `only` is given, it alone, or those
// with that filter action. Reads the store as the command has left it.
[[nodiscard]] config::Result<void> check_assigned_rules(CommandContext& context,
                                                        const config::Guid& only = {});

// One dynamic rule, whose actions the caller has looked at.
[[nodiscard]] config::Result<void> check_dynamic_rule(CommandContext& context,
                                                      const config::DynamicRule& rule);

}  // namespace control
