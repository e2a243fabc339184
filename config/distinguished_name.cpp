#include "config/distinguished_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace config {
namespace {

// The first word of an OID is the one that is printed.
struct TypeRow {
    std::string_view word;
    std::string_view oid;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {"CN", "2.5.4.3"},
    {"SN", "2.5.4.4"},
    {"SERIALNUMBER", "2.5.4.5"},
    {"C", "2.5.4.6"},
    {"L", "2.5.4.7"},
    {"ST", "2.5.4.8"},
    {"S", "2.5.4.8"},  // as Windows prints it
    {"STREET", "2.5.4.9"},
    {"O", "2.5.4.10"},
    {"OU", "2.5.4.11"},
    {"T", "2.5.4.12"},
    {"TITLE", "2.5.4.12"},
    {"POSTALCODE", "2.5.4.17"},
    {"GN", "2.5.4.42"},
    {"G", "2.5.4.42"},
    {"GIVENNAME", "2.5.4.42"},
    {"I", "2.5.4.43"},
    {"INITIALS", "2.5.4.43"},
    {"DNQUALIFIER", "2.5.4.46"},
    {"UID", "0.9.2342.19200300.100.1.1"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"E", "1.2.840.113549.1.9.1"},
    {"EMAIL", "1.2.840.113549.1.9.1"},
    {"EMAILADDRESS", "1.2.840.113549.1.9.1"},
});

// Not std::tolower(): the locale has no say.
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_separator(char c) {
    return c == ',' || c == ';' || c == '+';
}

bool is_oid(std::string_view text) {
    bool digit_before = false;
    bool dotted = false;
    for (const char c : text) {
        if (is_digit(c)) {
            digit_before = true;
        } else if (c == '.' && digit_before) {
            digit_before = false;
            dotted = true;
        } else {
            return false;
        }
    }
    return dotted && digit_before;
}

std::optional<unsigned> hex_digit(char c) {
    if (is_digit(c)) {
        return static_cast<unsigned>(c - '0');
    }
    if (lower(c) >= 'a' && lower(c) <= 'f') {
        return static_cast<unsigned>(lower(c) - 'a') + 10U;
    }
    return std::nullopt;
}

Error failure(std::string text) {
    return Error{ErrorCode::kInvalidValue, std::move(text)};
}

Result<std::string> parse_type(std::string_view word) {
    std::string_view oid = word;
    if (equal_ignoring_case(oid.substr(0, 4), "OID.")) {
        oid.remove_prefix(4);
    }
    if (is_oid(oid)) {
        return std::string(oid);
    }
    for (const TypeRow& row : kTypes) {
        if (equal_ignoring_case(row.word, word)) {
            return std::string(row.oid);
        }
    }
    return failure(
        fmt::format("\"{}\" is no attribute of a distinguished name; expected one such as CN, OU, "
                    "O, L, ST, C, DC, E, or the digits of an OID.",
                    word));
}

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<DistinguishedName> name() {
        DistinguishedName name;
        bool joined = false;
        while (true) {
            Result<NameAttribute> attribute = next_attribute();
            if (!attribute) {
                return std::move(attribute).error();
            }
            if (!joined) {
                name.parts.emplace_back();
            }
            name.parts.back().push_back(std::move(attribute).value());
            if (at_ == text_.size()) {
                return name;
            }
            joined = text_[at_] == '+';
            ++at_;
        }
    }

  private:
    Result<NameAttribute> next_attribute() {
        skip_blanks();
        const std::size_t end = text_.find('=', at_);
        const std::string_view rest = text_.substr(at_);
        if (end == std::string_view::npos
            || std::any_of(rest.begin(),
                           rest.begin() + static_cast<std::ptrdiff_t>(end - at_),
                           is_separator)) {
            return failure(fmt::format(
                "\"{}\" is no part of a distinguished name; expected an attribute such as "
                "\"CN=Example Root\". A comma within a value is written \"\\,\", or the value is "
                "quoted.",
                rest));
        }
        std::string_view word = text_.substr(at_, end - at_);
        while (!word.empty() && is_blank(word.back())) {
            word.remove_suffix(1);
        }
        Result<std::string> type = parse_type(word);
        if (!type) {
            return std::move(type).error();
        }
        at_ = end + 1;
        skip_blanks();
        Result<std::string> value =
            at_ < text_.size() && text_[at_] == '"' ? quoted_value() : plain_value();
        if (!value) {
            return std::move(value).error();
        }
        if (value->empty()) {
            return failure(fmt::format("{}= has no value in a distinguished name.", word));
        }
        return NameAttribute{std::move(type).value(), std::move(value).value()};
    }

    // Up to the closing mark, in which "" stands for one mark as in Windows' form.
    Result<std::string> quoted_value() {
        std::string value;
        for (++at_; at_ < text_.size();) {
            const char c = text_[at_];
            if (c == '\\') {
                if (!escaped(value)) {
                    return bad_escape();
                }
                continue;
            }
            ++at_;
            if (c != '"') {
                value += c;
            } else if (at_ < text_.size() && text_[at_] == '"') {
                value += c;
                ++at_;
            } else {
                skip_blanks();
                if (at_ < text_.size() && !is_separator(text_[at_])) {
                    return failure(
                        fmt::format("\"{}\" follows a quoted value in a distinguished "
                                    "name; expected a comma.",
                                    text_.substr(at_)));
                }
                return value;
            }
        }
        return failure("A quoted value in a distinguished name has no end.");
    }

    Result<std::string> plain_value() {
        if (at_ < text_.size() && text_[at_] == '#') {
            return failure(
                "A value in a distinguished name begins with \"#\"; write it as text, or \"\\#\" "
                "if "
                "it begins so.");
        }
        std::string value;
        std::size_t without_blanks = 0;  // length up to the last character that counts
        while (at_ < text_.size() && !is_separator(text_[at_])) {
            const char c = text_[at_];
            if (c == '\\') {
                if (!escaped(value)) {
                    return bad_escape();
                }
                without_blanks = value.size();
                continue;
            }
            value += c;
            ++at_;
            if (!is_blank(c)) {
                without_blanks = value.size();
            }
        }
        value.resize(without_blanks);
        return value;
    }

    // RFC 4514 2.4: a backslash and a special character, or two hexadecimal digits of a byte.
    bool escaped(std::string& value) {
        constexpr std::string_view kSpecial = " \"#+,;<=>\\";
        const std::string_view rest = text_.substr(at_ + 1);
        if (!rest.empty() && kSpecial.find(rest[0]) != std::string_view::npos) {
            value += rest[0];
            at_ += 2;
            return true;
        }
        if (rest.size() < 2) {
            return false;
        }
        const std::optional<unsigned> high = hex_digit(rest[0]);
        const std::optional<unsigned> low = hex_digit(rest[1]);
        if (!high || !low) {
            return false;
        }
        value += static_cast<char>(*high * 16 + *low);
        at_ += 3;
        return true;
    }

    [[nodiscard]] Error bad_escape() const {
        return failure(
            fmt::format("\"{}\" in a distinguished name: expected a special character "
                        "or two hexadecimal digits behind the backslash.",
                        text_.substr(at_, 3)));
    }

    void skip_blanks() {
        while (at_ < text_.size() && is_blank(text_[at_])) {
            ++at_;
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

std::string escape(std::string_view value) {
    constexpr std::string_view kSpecial = "\"+,;<>\\";
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const auto byte = static_cast<unsigned char>(value[i]);
        // U+0080 to U+009F: terminals obey some of them.
        const bool c1 =
            byte == 0xC2 && i + 1 < value.size() && static_cast<unsigned char>(value[i + 1]) < 0xA0;
        const bool edge =
            (byte == ' ' && (i == 0 || i + 1 == value.size())) || (byte == '#' && i == 0);
        if (byte < 0x20 || byte == 0x7F) {
            text += fmt::format("\\{:02X}", byte);
        } else if (c1) {
            text += fmt::format("\\{:02X}\\{:02X}", byte, static_cast<unsigned char>(value[i + 1]));
            ++i;
        } else if (edge || kSpecial.find(value[i]) != std::string_view::npos) {
            text += '\\';
            text += value[i];
        } else {
            text += value[i];
        }
    }
    return text;
}

std::string_view type_word(std::string_view oid) {
    const auto* row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& candidate) {
        return candidate.oid == oid;
    });
    return row == kTypes.end() ? oid : row->word;
}

std::string normalized_value(std::string_view value) {
    std::string normalized;
    for (const char c : value) {
        if (!is_blank(c)) {
            normalized += lower(c);
        } else if (!normalized.empty() && normalized.back() != ' ') {
            normalized += ' ';
        }
    }
    if (normalized.ends_with(' ')) {
        normalized.pop_back();
    }
    return normalized;
}

std::vector<RelativeName> normalized(const DistinguishedName& name) {
    std::vector<RelativeName> parts = name.parts;
    for (RelativeName& part : parts) {
        for (NameAttribute& attribute : part) {
            attribute.value = normalized_value(attribute.value);
        }
        std::sort(part.begin(), part.end());
    }
    return parts;
}

}  // namespace

Result<DistinguishedName> DistinguishedName::parse(std::string_view text) {
    return Reader(text).name();
}

std::string DistinguishedName::to_string() const {
    std::string text;
    for (const RelativeName& part : parts) {
        std::string_view separator = text.empty() ? "" : ", ";
        for (const NameAttribute& attribute : part) {
            text += fmt::format(
                "{}{}={}", separator, type_word(attribute.type), escape(attribute.value));
            separator = "+";
        }
    }
    return text;
}

bool same_name(const DistinguishedName& a, const DistinguishedName& b) {
    const std::vector<RelativeName> left = normalized(a);
    const std::vector<RelativeName> right = normalized(b);
    return left == right || std::equal(left.begin(), left.end(), right.rbegin(), right.rend());
}

}  // namespace config
