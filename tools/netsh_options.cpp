#include "tools/netsh_options.h"

#include "config/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace netsh {

namespace {

config::Error usage_error(std::string text) {
    return {config::ErrorCode::kSystem, std::move(text)};
}

bool is_tag(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
}

bool needs_quotes(std::string_view text) {
    return text.empty() || text.find_first_of(" \t=") != std::string_view::npos;
}

std::string quoted_if_needed(std::string_view text) {
    return needs_quotes(text) ? config::quote(text) : std::string(text);
}

std::string line_word(const std::string& word) {
    // A word that carries quotation marks was quoted for us by whoever wrote it.
    if (word.find('"') != std::string::npos || word == "=") {
        return word;
    }
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
        return quoted_if_needed(word);
    }
    const std::string_view tag = std::string_view(word).substr(0, equals);
    const std::string_view value = std::string_view(word).substr(equals + 1);
    if (!tag.empty() && !is_tag(tag)) {
        return config::quote(word);
    }
    // `name=` may go on in the next word, as in: name= X.
    return std::string(tag) + "=" + (value.empty() ? std::string() : quoted_if_needed(value));
}

struct ValueOption {
    std::string_view name;
    std::string Options::*target;
};

constexpr ValueOption kValueOptions[] = {
    {"-c", &Options::context},
    {"-f", &Options::script},
    {"--socket", &Options::socket},
};

struct FlagOption {
    std::string_view name;
    bool Options::*target;
};

constexpr FlagOption kFlagOptions[] = {
    {"--json", &Options::json},
    {"--show-secrets", &Options::show_secrets},
    {"--stop-on-error", &Options::stop_on_error},
    {"--help", &Options::help},
};

bool set_flag(std::string_view word, Options& options) {
    for (const FlagOption& flag : kFlagOptions) {
        if (flag.name == word) {
            options.*flag.target = true;
            return true;
        }
    }
    return false;
}

}  // namespace

std::string_view usage() {
    return "Usage: netsh [-c CONTEXT] [-f FILE] [--json] [--show-secrets] [--stop-on-error]\n"
           "             [--socket PATH] [COMMAND...]\n"
           "\n"
           "  -c CONTEXT       start in this context, for example \"ipsec static\"\n"
           "  -f FILE          run the commands of a file (- is standard input), then end\n"
           "  --json           print what show commands find as JSON\n"
           "  --show-secrets   print pre-shared keys where level=verbose shows rules\n"
           "  --stop-on-error  end a file at its first failing line\n"
           "  --socket PATH    the daemon's socket (else PORTCULLIS_SOCKET, else\n"
           "                   /run/portcullis/control.sock)\n"
           "\n"
           "Without COMMAND and FILE a session starts. 'netsh ?' lists the commands.\n";
}

config::Result<Options> parse_options(std::span<const char* const> arguments) {
    Options options;
    if (const char* socket = std::getenv("PORTCULLIS_SOCKET"); socket != nullptr) {
        options.socket = socket;
    }
    std::size_t i = 0;
    for (; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        if (!word.starts_with('-') || word == "-?") {
            break;
        }
        const auto* const option = std::find_if(
            std::begin(kValueOptions), std::end(kValueOptions), [&](const ValueOption& row) {
                return row.name == word;
            });
        if (option != std::end(kValueOptions)) {
            if (i + 1 == arguments.size()) {
                return usage_error(fmt::format("netsh: {} needs a value.", word));
            }
            options.*option->target = arguments[++i];
        } else if (word == "-r" || word == "-u" || word == "-p") {
            return usage_error(fmt::format(
                "netsh: {} is not offered: commands go to the gateway on this host. Run "
                "netsh on the other host, for example through ssh.",
                word));
        } else if (!set_flag(word, options)) {
            return usage_error(fmt::format("netsh: unknown option {}.\n{}", word, usage()));
        }
    }
    options.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
    if (!options.script.empty() && !options.words.empty()) {
        return usage_error("netsh: -f and a command exclude each other.");
    }
    if (options.socket.empty()) {
        options.socket = "/run/portcullis/control.sock";
    }
    return options;
}

std::string join_words(const std::vector<std::string>& words) {
    // netsh "ipsec static show policy all": the line as it is.
    if (words.size() == 1) {
        return words.front();
    }
    std::string line;
    for (const std::string& word : words) {
        if (!line.empty()) {
            line.push_back(' ');
        }
        line += line_word(word);
    }
    return line;
}

}  // namespace netsh
