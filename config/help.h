// Help texts, generated from the command rows: listings of a context or group and the usage of a
// command.
#pragma once

#include "config/command.h"

#include <string>
#include <string_view>

namespace config {

// What `?` prints in a context.
[[nodiscard]] std::string context_help(Context context);
// What `add ?` prints: the commands of the group. Empty if the context has no such group.
[[nodiscard]] std::string group_help(Context context, std::string_view verb);
// What `add filter ?` prints: usage, parameters, remarks, examples.
[[nodiscard]] std::string command_help(const CommandSpec& spec);
// The usage block alone, printed behind an error.
[[nodiscard]] std::string command_usage(const CommandSpec& spec);

}  // namespace config
