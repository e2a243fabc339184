// Completion of a line that is being typed: words and tags from the grammar, names from what
// exists.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace control {

class Controller;
class Session;

struct CompletionAnswer {
    std::size_t from = 0;  // byte of the line where the words would start
    std::vector<std::string> words;
};

[[nodiscard]] CompletionAnswer complete_line(const Controller& controller,
                                             const Session& session,
                                             std::string_view line);

}  // namespace control
