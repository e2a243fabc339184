// A command line as the audit log repeats it.
#pragma once

#include "config/command.h"

#include <string>

namespace control {

// `line` with **** for every key. `arguments` are those that were read from it: one for each token
// behind the command's words.
[[nodiscard]] std::string masked_line(const std::string& line, const config::Arguments& arguments);

}  // namespace control
