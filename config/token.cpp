#include "config/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace config {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// One run of characters between blanks, quotation marks removed.
struct Piece {
    std::string text;
    std::size_t equals = std::string::npos;  // first '=' outside quotes
    bool quoted_before_equals = false;
    bool quoted_after_equals = false;
    std::size_t offset = 0;

    [[nodiscard]] bool has_equals() const { return equals != std::string::npos; }
};

Result<std::vector<Piece>> cut(std::string_view line) {
    std::vector<Piece> pieces;
    bool in_quotes = false;
    bool in_piece = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (!in_quotes && is_blank(c)) {
            in_piece = false;
            continue;
        }
        if (!in_piece) {
            pieces.push_back(Piece{.text = {}, .offset = i});
            in_piece = true;
        }
        Piece& piece = pieces.back();
        if (c == '"') {
            in_quotes = !in_quotes;
            (piece.has_equals() ? piece.quoted_after_equals : piece.quoted_before_equals) = true;
            continue;
        }
        if (c == '=' && !in_quotes && !piece.has_equals()) {
            piece.equals = piece.text.size();
        }
        piece.text += c;
    }
    if (in_quotes) {
        return Error{ErrorCode::kUnbalancedQuote,
                     "A quotation mark is not closed: each \" needs a second one on the line."};
    }
    return pieces;
}

// Length of the well-formed UTF-8 sequence at `text[i]`, or 0. RFC 3629 section 4: no overlong
// forms, no surrogates, nothing above U+10FFFF.
std::size_t utf8_sequence(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t k) -> std::uint32_t {
        return i + k < text.size() ? static_cast<std::uint8_t>(text[i + k]) : 0U;
    };
    const auto follows = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF && follows(1)) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF && follows(1) && follows(2)) {
        const std::uint32_t code = (lead & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U;
        return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4 && follows(1) && follows(2) && follows(3)) {
        const std::uint32_t code = (lead & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U;
        return code >= 0x10000 && code <= 0x10FFFF ? 4 : 0;
    }
    return 0;
}

bool is_control(std::string_view text, std::size_t i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) {
        return true;
    }
    // C1 controls, U+0080..U+009F.
    return byte == 0xC2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xA0;
}

Result<void> check_characters(std::string_view line) {
    for (std::size_t i = 0; i < line.size();) {
        const std::size_t length = utf8_sequence(line, i);
        if (length == 0) {
            return Error{ErrorCode::kInvalidValue,
                         fmt::format("Byte {} of the line is not UTF-8.", i + 1)};
        }
        if (line[i] != '\t' && is_control(line, i)) {
            return Error{ErrorCode::kInvalidValue,
                         fmt::format("Byte {} of the line is a control character (0x{:02x}).",
                                     i + 1,
                                     static_cast<std::uint8_t>(line[i + length - 1]))};
        }
        i += length;
    }
    return {};
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view line) {
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    if (Result<void> characters = check_characters(line); !characters) {
        return characters.error();
    }
    Result<std::vector<Piece>> cut_line = cut(line);
    if (!cut_line) {
        return cut_line.error();
    }
    std::vector<Piece>& pieces = *cut_line;
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        Piece& piece = pieces[i];
        if (piece.equals == 0) {
            return Error{ErrorCode::kInvalidValue,
                         fmt::format("The \"=\" at byte {} has no parameter name before it.",
                                     piece.offset + 1)};
        }
        Token token;
        token.offset = piece.offset;
        const auto glued_to_next = [&](std::size_t k) {
            return k + 1 < pieces.size() && pieces[k + 1].equals == 0;
        };
        if (!piece.has_equals() && !glued_to_next(i)) {
            token.value = std::move(piece.text);
            token.quoted = piece.quoted_before_equals;
            tokens.push_back(std::move(token));
            continue;
        }
        // The tag ends at the '=', which stands in this piece or opens the next one.
        const Piece& holder = piece.has_equals() ? piece : pieces[++i];
        token.tag = piece.text.substr(0, piece.equals);
        token.value = holder.text.substr(holder.equals + 1);
        token.quoted = holder.quoted_after_equals;
        // `tag= value`: the next piece is the value unless it is a tag itself.
        const bool next_is_value =
            i + 1 < pieces.size() && !pieces[i + 1].has_equals() && !glued_to_next(i + 1);
        if (token.value_missing() && next_is_value) {
            ++i;
            token.value = std::move(pieces[i].text);
            token.quoted = pieces[i].quoted_before_equals;
        }
        if (token.tag.empty()) {
            return Error{ErrorCode::kInvalidValue,
                         fmt::format("The \"=\" at byte {} has no parameter name before it.",
                                     holder.offset + 1)};
        }
        tokens.push_back(std::move(token));
    }
    return tokens;
}

std::string quote(std::string_view text) {
    const bool plain = !text.empty() && text.find_first_of(" \t=") == std::string_view::npos;
    return plain ? std::string(text) : fmt::format("\"{}\"", text);
}

std::string join_arguments(std::span<const std::string> arguments) {
    std::string line;
    for (const std::string& argument : arguments) {
        if (!line.empty()) {
            line += ' ';
        }
        const std::size_t equals = argument.find('=');
        const bool own_quotes = argument.find('"') != std::string::npos;
        if (own_quotes || argument.ends_with('=')) {
            line += argument;
        } else if (equals == std::string::npos) {
            line += quote(argument);
        } else {
            line += argument.substr(0, equals + 1);
            line += quote(std::string_view(argument).substr(equals + 1));
        }
    }
    return line;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && starts_with_ignoring_case(a, b);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size()
           && std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
                  return to_lower(a) == to_lower(b);
              });
}

bool is_plain_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_sequence(text, i);
        if (length == 0 || is_control(text, i)) {
            return false;
        }
        i += length;
    }
    return true;
}

}  // namespace config
