// Names of the objects that exist, for completion.
#pragma once

#include "config/completion.h"
#include "control/dynamic_state.h"

#include <string>
#include <vector>

namespace config {
class PolicyStore;
}

namespace control {

// Names of `kind`, those of rules from every policy. Empty where the store cannot be read:
// completion has nobody to tell.
[[nodiscard]] std::vector<std::string> object_names(config::ObjectKind kind,
                                                    const config::PolicyStore& store,
                                                    const DynamicState& dynamic);

}  // namespace control
