// Reading a TOML document into plain members, collecting every error with its line and dotted key
// ("port[2].mtu"; elements are counted from 1) instead of stopping at the first one.
#pragma once

#include "config/result.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

namespace config {

// The candidate that `word` is most likely a slip of, or "".
[[nodiscard]] std::string nearest_word(std::string_view word,
                                       const std::vector<std::string>& candidates);
// `; did you mean "..."?`, or "" if no candidate is near.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     const std::vector<std::string>& candidates);

class TomlErrors {
  public:
    explicit TomlErrors(std::string_view path) : path_(path) {}

    void locate(const std::string& key, std::uint32_t line) { lines_.emplace(key, line); }
    // A key that the file does not hold is reported at the table or array it is missing from.
    void add(const std::string& key, std::string_view text);
    void add_at(std::uint32_t line, const std::string& key, std::string_view text);

    [[nodiscard]] bool empty() const { return errors_.empty(); }
    // Whether `key`, or anything inside it, has an error.
    [[nodiscard]] bool has(std::string_view key) const;
    // One error a line, in the order of the file.
    [[nodiscard]] Error all() const;

  private:
    struct Entry {
        std::uint32_t line;
        std::string key;
        std::string text;
    };

    std::string path_;
    std::map<std::string, std::uint32_t, std::less<>> lines_;
    std::vector<Entry> errors_;
};

// One table of the document. A member whose key is absent keeps its value; a value of the wrong
// type or form is an error and keeps it too.
class TomlTable {
  public:
    TomlTable(const toml::table& table, std::string key, TomlErrors& errors);

    void text(std::string_view name, std::string& out);
    void boolean(std::string_view name, bool& out);

    template <typename T>
    void number(std::string_view name, std::uint64_t least, std::uint64_t most, T& out) {
        if (const toml::node* node = find(name)) {
            read_number(*node, key_of(name), least, most, out);
        }
    }
    template <typename T>
    void numbers(std::string_view name,
                 std::uint64_t least,
                 std::uint64_t most,
                 std::vector<T>& out) {
        for (const auto& [node, key] : elements(name, "an array of integers")) {
            T value{};
            if (read_number(*node, key, least, most, value)) {
                out.push_back(value);
            }
        }
    }

    // `parse` makes a Result<T> of the text; `expected` is the end of "expected ...".
    template <typename T, typename Parse>
    void value(std::string_view name, std::string_view expected, Parse parse, T& out) {
        if (const toml::node* node = find(name)) {
            read_value(*node, key_of(name), expected, parse, out);
        }
    }
    template <typename T, typename Parse>
    void values(std::string_view name,
                std::string_view expected,
                Parse parse,
                std::vector<T>& out) {
        for (const auto& [node, key] : elements(name, "an array of strings")) {
            T value{};
            // A bad element keeps its place, so that later checks name the others by their keys.
            read_value(*node, key, expected, parse, value);
            out.push_back(std::move(value));
        }
    }

    [[nodiscard]] std::optional<TomlTable> table(std::string_view name);
    [[nodiscard]] std::vector<TomlTable> tables(std::string_view name);

    // Reports the key if it is absent.
    void require(std::string_view name);
    // Call last: every key that was not asked for is reported.
    void finish();

    [[nodiscard]] std::string key_of(std::string_view name) const;
    [[nodiscard]] TomlErrors& errors() { return *errors_; }

  private:
    using Element = std::pair<const toml::node*, std::string>;

    [[nodiscard]] const toml::node* find(std::string_view name);
    [[nodiscard]] std::vector<Element> elements(std::string_view name, std::string_view expected);
    void wrong(const toml::node& node, const std::string& key, std::string_view expected);

    template <typename T>
    bool read_number(const toml::node& node,
                     const std::string& key,
                     std::uint64_t least,
                     std::uint64_t most,
                     T& out) {
        const std::optional<std::int64_t> value = node.value_exact<std::int64_t>();
        if (!value || *value < 0 || static_cast<std::uint64_t>(*value) < least
            || static_cast<std::uint64_t>(*value) > most) {
            wrong(node, key, fmt::format("an integer from {} to {}", least, most));
            return false;
        }
        out = static_cast<T>(*value);
        return true;
    }

    template <typename T, typename Parse>
    void read_value(const toml::node& node,
                    const std::string& key,
                    std::string_view expected,
                    Parse parse,
                    T& out) {
        if (const std::optional<std::string_view> text = node.value_exact<std::string_view>()) {
            if (auto parsed = parse(*text)) {
                out = std::move(parsed).value();
                return;
            }
        }
        wrong(node, key, expected);
    }

    const toml::table* table_;
    std::string key_;
    TomlErrors* errors_;
    std::vector<std::string> known_;
};

}  // namespace config
