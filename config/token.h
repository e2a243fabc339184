// Tokenizer of the netsh line: blanks separate, double quotes group, an unquoted '=' binds the name
// before it to the value after it. Leaves out: what a name or a value means (config/command.h),
// comments and files, which belong to the reader of a script.
#pragma once

#include "config/result.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace config {

// `value`, or `tag` and `value`.
struct Token {
    std::string tag;  // empty: no '=' on the line for this value
    std::string value;
    bool quoted = false;     // a quotation mark stood in or around the value: `all` is a word,
                             // `"all"` is a text, and `""` is an empty text, not a missing value
    std::size_t offset = 0;  // byte of the line where the token starts

    [[nodiscard]] bool tagged() const { return !tag.empty(); }
    // `tag=` with nothing behind it.
    [[nodiscard]] bool value_missing() const { return tagged() && value.empty() && !quoted; }
};

// Refuses control characters (tabs separate, a carriage return at the end of the line is dropped),
// bytes that are not UTF-8, a quote that is not closed and a '=' without a name before it.
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view line);

// `text` as it must stand on a line to be read back as one value. Values never hold a double quote:
// no line can express one.
[[nodiscard]] std::string quote(std::string_view text);

// The line a shell's argument vector stands for: `name=my list`, which the shell has stripped of
// its quotes, becomes `name="my list"`. Arguments with quotation marks of their own are taken as
// they are.
[[nodiscard]] std::string join_arguments(std::span<const std::string> arguments);

// ASCII only: tags and keywords are ASCII, and names are compared byte by byte.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);

// Well-formed UTF-8 (RFC 3629) without C0, DEL or C1 control characters.
[[nodiscard]] bool is_plain_text(std::string_view text);

}  // namespace config
