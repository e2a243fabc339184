// One structured description of what a show command found, rendered three ways: list (key padded to
// 24 columns, then ": "), table (tab-separated) and JSON (stable keys, docs/json.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace control {

class Listing;

// A JSON value keeps its type; list and table print `text`.
using JsonValue = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, std::string>;

struct Field {
    std::string_view label;  // in list and table; empty: JSON only
    std::string_view key;    // in JSON; empty: list and table only
    std::string text;
    JsonValue json;
};

// Records under a heading: "Filter(s)" and nine dashes in a list, an array in JSON.
struct Section;

struct Record {
    std::vector<Field> fields;
    std::vector<Section> sections;

    void add(std::string_view label, std::string_view key, std::string text);
    void add(std::string_view label, std::string_view key, std::string text, JsonValue json);
    void add_flag(std::string_view label, std::string_view key, bool value);  // YES or NO
    void add_number(std::string_view label, std::string_view key, std::uint64_t value);
};

struct Section {
    std::string_view heading;  // empty: none is printed
    std::string_view key;
    bool table = false;  // in a list too: one line per record under a header of the labels
    std::vector<Record> records;
};

enum class Layout : unsigned char { kList, kTable, kJson };

class Listing {
  public:
    // `key` names the array of records in the JSON form.
    explicit Listing(std::string_view key) : key_(key) {}

    Record& add_record();
    // Fields after all records, such as the number of policies: members beside the array in JSON.
    Record& summary() { return summary_; }
    [[nodiscard]] bool empty() const { return records_.empty(); }

    // Table lines end at 80 columns (wrapped at a cell) unless `wide`.
    [[nodiscard]] std::string render(Layout layout, bool wide) const;

  private:
    std::string_view key_;
    std::vector<Record> records_;
    Record summary_;
};

}  // namespace control
