// From the leading words of a line to the context, group or command they name. Shared by
// command_line.cpp and completion.cpp.
#pragma once

#include "config/command.h"
#include "config/token.h"

#include <cstddef>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace config {

struct FoundContext {
    Context context = Context::kRoot;
};
struct FoundGroup {
    Context context = Context::kRoot;
    std::string_view verb;
};
struct FoundCommand {
    const CommandSpec* spec = nullptr;
    std::size_t words = 0;  // tokens that named it; the arguments follow
};
struct NotFound {};
struct Ambiguous {
    std::string_view word;  // as typed
    std::vector<std::string_view> fits;
};

using Lookup = std::variant<FoundContext, FoundGroup, FoundCommand, NotFound, Ambiguous>;

// An exact word wins, else the only word it abbreviates. No tokens name `current` itself; a line
// that says nothing in `current` is tried in each context above it.
[[nodiscard]] Lookup look_up(Context current, std::span<const Token> tokens);

// The words that may come first in a context: its contexts, groups and commands of one word.
[[nodiscard]] std::vector<std::string_view> first_words(Context context);

}  // namespace config
