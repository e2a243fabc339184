// What one connection remembers between lines: the context it is in and the contexts it has pushed.
// Carries out netsh's own words (contexts, .., pushd, popd, help); a command is handed on parsed.
#pragma once

#include "config/command_line.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control {

class Session {
  public:
    static constexpr std::size_t kMaxPushed = 64;

    struct Outcome {
        // Set: the line is this command, still to be executed. Else `ok` and `text` are the reply.
        std::optional<config::ParsedCommand> command;
        bool ok = true;
        std::string text;
    };
    [[nodiscard]] Outcome interpret(std::string_view line);

    [[nodiscard]] config::Context context() const { return context_; }
    [[nodiscard]] std::string prompt() const;  // "netsh ipsec static>"

  private:
    [[nodiscard]] Outcome run(const config::SessionCommand& command);

    config::Context context_ = config::Context::kRoot;
    std::vector<config::Context> pushed_;
};

}  // namespace control
