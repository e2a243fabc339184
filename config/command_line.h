// From a line to what it asks for: enter a context, run a command, print help, or one of netsh's
// own session commands. Pure and shared by the client, the daemon's session and the tests. Leaves
// out `#` comments and files: a script's reader drops comment lines before they come here.
#pragma once

#include "config/command.h"
#include "config/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace config {

// "", "ipsec", "ipsec static", "ipsec dynamic": the words between "netsh" and ">" in the prompt.
[[nodiscard]] std::string_view context_path(Context context);
// kIpsec for kStatic and kDynamic, else kRoot.
[[nodiscard]] Context parent_context(Context context);

enum class SessionVerb : std::uint8_t { kUp, kPushd, kPopd, kExit, kExec };

struct SessionVerbRow {
    SessionVerb verb;
    std::string_view word;
    std::string_view summary;
};
[[nodiscard]] std::span<const SessionVerbRow> session_verbs();

struct EmptyLine {};

// A session moves there; `netsh ipsec static` at a shell prints context_help() and ends instead.
struct EnterContext {
    Context context = Context::kRoot;
};

struct HelpText {
    std::string text;
    bool asked = true;  // false: the line names only a group of commands; exit code 1
};

struct SessionCommand {
    SessionVerb verb = SessionVerb::kUp;
    Context context = Context::kRoot;  // kUp, kPushd: where to go (kPushd alone: where we are)
    std::string file;                  // kExec
};

struct LineError {
    Error error;
    std::string usage;  // of the command that was meant, or empty

    // What the operator sees, without a newline at the end: format_error(), then the usage.
    [[nodiscard]] std::string text() const;
};

using ResolvedLine =
    std::variant<EmptyLine, EnterContext, ParsedCommand, HelpText, SessionCommand, LineError>;

// Looks the words up in `current` first and then in each context above it. A leading `netsh` or
// `netsh.exe` is skipped.
[[nodiscard]] ResolvedLine resolve_line(Context current, std::string_view line);

}  // namespace config
