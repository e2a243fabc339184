// Completion of a line that is being typed: words, tags and keywords from the command rows. Names
// of objects are left to the caller, who is told which kind is wanted.
#pragma once

#include "config/command.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace config {

struct Completion {
    std::size_t replace_from = 0;           // byte of the line where the replaced part starts
    std::string prefix;                     // what was typed from there, without quotation marks
    std::vector<std::string> candidates;    // full words, tags with their '=', or keywords
    ObjectKind object = ObjectKind::kNone;  // also offer names of this kind, quote()d
};

[[nodiscard]] Completion complete(Context context, std::string_view partial_line);

}  // namespace config
