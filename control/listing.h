// What a show command found, described once and rendered three ways: list (key padded to 24
// columns, then ": "), table (tab-separated) and JSON (stable keys, docs/json.md). Records are
// rendered as they are described, so that a listing costs the memory of its text and no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace control {

enum class Layout : unsigned char { kList, kTable, kJson };

// How the records of a group stand in a list: as blocks with an empty line between them, as lines
// without one, or one row each under a header.
enum class RecordStyle : unsigned char { kBlocks, kLines, kRows };

class Listing {
  public:
    // `wide`: a table record stays on one line. Else a record of more than `kNarrowCells` cells
    // goes on two, the form scripts expect from an 80-column console.
    static constexpr std::size_t kNarrowCells = 5;

    Listing(Layout layout, bool wide);

    // Records under `key` of the enclosing object. `heading` stands above them in lists and tables.
    void begin_records(std::string_view key,
                       std::string_view heading = {},
                       RecordStyle style = RecordStyle::kBlocks);
    void end_records();
    void begin_record();
    void end_record();

    // A field has a label (lists and tables; empty: JSON only) and a key (JSON; empty: lists and
    // tables only). Outside records it stands alone, as the number of records does.
    void text(std::string_view label, std::string_view key, std::string_view value);
    // Empty text prints NONE.
    void text_or_none(std::string_view label, std::string_view key, std::string_view value);
    void flag(std::string_view label, std::string_view key, bool value);
    void number(std::string_view label, std::string_view key, std::uint64_t value);
    // For people `shown`, for programs the string, number or null.
    void text_as(std::string_view label,
                 std::string_view key,
                 std::string_view shown,
                 std::string_view value);
    void number_as(std::string_view label,
                   std::string_view key,
                   std::string_view shown,
                   std::uint64_t value);
    void null_as(std::string_view label, std::string_view key, std::string_view shown);

    // A line of its own in lists and tables.
    void line(std::string_view text);

    [[nodiscard]] Layout layout() const { return layout_; }
    // The rendered text. Nothing may be described afterwards.
    [[nodiscard]] std::string take();

  private:
    struct Level {
        bool tabular = false;    // header and cells instead of labelled lines
        bool spaced = false;     // an empty line before each record
        bool header_due = true;  // of a tabular level
        bool in_record = false;
        std::size_t records = 0;
        std::vector<std::string_view> labels;
        std::vector<std::string> cells;
    };

    void field(std::string_view label,
               std::string_view key,
               std::string_view shown,
               std::string_view json);
    void json_key(std::string_view key);
    void json_string(std::string_view text);
    void flush_row();
    void append_cells(const std::vector<std::string>& cells);
    [[nodiscard]] bool inside_record() const {
        return !levels_.empty() && levels_.back().in_record;
    }

    Layout layout_;
    bool wide_;
    bool comma_due_ = false;
    std::string out_;
    std::vector<Level> levels_;
};

// The JSON form of a string, quotes included. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace control
