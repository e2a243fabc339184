#include "config/toml_reader.h"

#include <algorithm>
#include <numeric>

namespace config {
namespace {

// Levenshtein distance: insertions, deletions and replacements that make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

std::string describe(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::string:
            return fmt::format("\"{}\"", *node.value_exact<std::string_view>());
        case toml::node_type::integer:
            return std::to_string(*node.value_exact<std::int64_t>());
        case toml::node_type::boolean:
            return *node.value_exact<bool>() ? "true" : "false";
        case toml::node_type::floating_point:
            return fmt::format("{}", *node.value_exact<double>());
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
        case toml::node_type::none:
            break;
    }
    return "a date or time";
}

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
    // Longer words are slips of nothing we know, and would take long to compare.
    constexpr std::size_t kLongest = 64;
    std::string nearest;
    // At most a third of the letters may differ, and at least one must agree.
    std::size_t least = std::min(std::max<std::size_t>(word.size() / 3, 1) + 1, word.size());
    for (const std::string& candidate : candidates) {
        const std::size_t distance =
            word.size() > kLongest ? kLongest : edit_distance(word, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
    const std::string nearest = nearest_word(word, candidates);
    return nearest.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", nearest);
}

void TomlErrors::add(const std::string& key, std::string_view text) {
    std::string_view enclosing = key;
    auto found = lines_.find(enclosing);
    while (found == lines_.end() && !enclosing.empty()) {
        const std::size_t end = enclosing.find_last_of(".[");
        enclosing = enclosing.substr(0, end == std::string_view::npos ? 0 : end);
        found = lines_.find(enclosing);
    }
    add_at(found == lines_.end() ? 1 : found->second, key, text);
}

void TomlErrors::add_at(std::uint32_t line, const std::string& key, std::string_view text) {
    errors_.push_back({line, key, std::string(text)});
}

bool TomlErrors::has(std::string_view key) const {
    return std::any_of(errors_.begin(), errors_.end(), [&](const Entry& error) {
        const std::string_view rest =
            std::string_view(error.key).substr(std::min(key.size(), error.key.size()));
        return error.key.starts_with(key)
               && (rest.empty() || rest.front() == '.' || rest.front() == '[');
    });
}

Error TomlErrors::all() const {
    std::vector<Entry> sorted = errors_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
        return a.line < b.line;
    });
    std::string text;
    for (const Entry& error : sorted) {
        text += fmt::format("{}{}:{}: {}{}{}",
                            text.empty() ? "" : "\n",
                            path_,
                            error.line,
                            error.key,
                            error.key.empty() ? "" : ": ",
                            error.text);
    }
    return Error{ErrorCode::kGatewayFile, std::move(text)};
}

TomlTable::TomlTable(const toml::table& table, std::string key, TomlErrors& errors)
    : table_(&table), key_(std::move(key)), errors_(&errors) {
    errors_->locate(key_, std::max<std::uint32_t>(table.source().begin.line, 1));
}

std::string TomlTable::key_of(std::string_view name) const {
    return key_.empty() ? std::string(name) : fmt::format("{}.{}", key_, name);
}

const toml::node* TomlTable::find(std::string_view name) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
        known_.emplace_back(name);
    }
    const toml::node* node = table_->get(name);
    if (node != nullptr) {
        errors_->locate(key_of(name), node->source().begin.line);
    }
    return node;
}

void TomlTable::wrong(const toml::node& node, const std::string& key, std::string_view expected) {
    errors_->add(key, fmt::format("expected {}, found {}", expected, describe(node)));
}

std::vector<TomlTable::Element> TomlTable::elements(std::string_view name,
                                                    std::string_view expected) {
    const toml::node* node = find(name);
    if (node == nullptr) {
        return {};
    }
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        wrong(*node, key_of(name), expected);
        return {};
    }
    std::vector<Element> found;
    for (const toml::node& element : *array) {
        std::string key = fmt::format("{}[{}]", key_of(name), found.size() + 1);
        errors_->locate(key, element.source().begin.line);
        found.emplace_back(&element, std::move(key));
    }
    return found;
}

void TomlTable::text(std::string_view name, std::string& out) {
    value(
        name,
        "a string",
        [](std::string_view text) { return std::optional<std::string>(text); },
        out);
}

void TomlTable::boolean(std::string_view name, bool& out) {
    if (const toml::node* node = find(name)) {
        const std::optional<bool> value = node->value_exact<bool>();
        if (value) {
            out = *value;
        } else {
            wrong(*node, key_of(name), "true or false");
        }
    }
}

std::optional<TomlTable> TomlTable::table(std::string_view name) {
    const toml::node* node = find(name);
    if (node == nullptr) {
        return std::nullopt;
    }
    const toml::table* found = node->as_table();
    if (found == nullptr) {
        wrong(*node, key_of(name), "a table");
        return std::nullopt;
    }
    return TomlTable(*found, key_of(name), *errors_);
}

std::vector<TomlTable> TomlTable::tables(std::string_view name) {
    std::vector<TomlTable> found;
    for (const auto& [node, key] : elements(name, "an array of tables")) {
        if (const toml::table* table = node->as_table()) {
            found.emplace_back(*table, key, *errors_);
        } else {
            wrong(*node, key, "a table");
        }
    }
    return found;
}

void TomlTable::require(std::string_view name) {
    if (find(name) == nullptr) {
        errors_->add(key_of(name), "is missing");
    }
}

void TomlTable::finish() {
    for (const auto& [key, node] : *table_) {
        if (std::find(known_.begin(), known_.end(), key.str()) == known_.end()) {
            errors_->add_at(static_cast<std::uint32_t>(key.source().begin.line),
                            key_of(key.str()),
                            "unknown key" + suggestion(key.str(), known_));
        }
    }
}

}  // namespace config
