// The command line of netsh, and how its words become one line of the language.
#pragma once

#include "config/result.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netsh {

struct Options {
    std::string context;  // -c
    std::string script;   // -f; "-": standard input
    std::string socket;   // --socket, PORTCULLIS_SOCKET or the default
    bool json = false;
    bool show_secrets = false;
    bool stop_on_error = false;
    bool help = false;
    std::vector<std::string> words;  // the command
};

// Options stand before the command; from its first word on everything belongs to it.
[[nodiscard]] config::Result<Options> parse_options(std::span<const char* const> arguments);
[[nodiscard]] std::string_view usage();

// The shell has removed the quotes: name="a b" arrives as `name=a b` and is quoted again.
[[nodiscard]] std::string join_words(const std::vector<std::string>& words);

}  // namespace netsh
