#include "control/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace control {

namespace {

constexpr std::size_t kKeyWidth = 24;
constexpr std::size_t kColumnWidth = 14;

// Length of the UTF-8 sequence that starts at text[at], or 0 if none does.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    // RFC 3629 3: no overlong forms, no surrogates, nothing above U+10FFFF.
    if ((lead == 0xE0 && byte(at + 1) < 0xA0) || (lead == 0xED && byte(at + 1) > 0x9F)
        || (lead == 0xF0 && byte(at + 1) < 0x90) || (lead == 0xF4 && byte(at + 1) > 0x8F)) {
        return 0;
    }
    return length;
}

void append_json(std::string& out, std::string_view text) {
    out.push_back('"');
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
            ++i;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
            ++i;
        } else if (const std::size_t length = utf8_length(text, i); length > 0) {
            out.append(text, i, length);
            i += length;
        } else {
            out += "\xEF\xBF\xBD";
            ++i;
        }
    }
    out.push_back('"');
}

}  // namespace

std::string json_quote(std::string_view text) {
    std::string out;
    append_json(out, text);
    return out;
}

Listing::Listing(Layout layout, bool wide) : layout_(layout), wide_(wide) {
    if (layout_ == Layout::kJson) {
        out_ = "{";
    }
}

void Listing::json_key(std::string_view key) {
    if (comma_due_) {
        out_.push_back(',');
    }
    comma_due_ = true;
    append_json(out_, key);
    out_.push_back(':');
}

void Listing::begin_records(std::string_view key, std::string_view heading, RecordStyle style) {
    if (layout_ == Layout::kJson) {
        json_key(key);
        out_.push_back('[');
        comma_due_ = false;
        levels_.push_back({});
        return;
    }
    if (inside_record() && levels_.back().tabular) {
        flush_row();
    }
    if (!heading.empty()) {
        out_.append(heading);
        out_.push_back('\n');
        out_.append(heading.size(), '-');
        out_.push_back('\n');
    }
    Level level;
    level.tabular = style == RecordStyle::kRows || layout_ == Layout::kTable;
    level.spaced = style == RecordStyle::kBlocks && !level.tabular;
    levels_.push_back(std::move(level));
}

void Listing::end_records() {
    levels_.pop_back();
    if (layout_ == Layout::kJson) {
        out_.push_back(']');
        comma_due_ = true;
    } else if (inside_record()) {
        // What follows the nested records belongs to the outer one again.
        levels_.back().header_due = true;
    }
}

void Listing::begin_record() {
    Level& level = levels_.back();
    if (layout_ == Layout::kJson) {
        out_.append(level.records > 0 ? ",{" : "{");
        comma_due_ = false;
    } else if (level.spaced && (level.records > 0 || levels_.size() == 1)) {
        out_.push_back('\n');
    }
    ++level.records;
    level.in_record = true;
}

void Listing::end_record() {
    Level& level = levels_.back();
    if (layout_ == Layout::kJson) {
        out_.push_back('}');
        comma_due_ = true;
    } else if (level.tabular) {
        flush_row();
    }
    level.in_record = false;
}

void Listing::append_cells(const std::vector<std::string>& cells) {
    const bool padded = layout_ == Layout::kList;
    const std::size_t first_line =
        wide_ || padded || cells.size() <= kNarrowCells ? cells.size() : (cells.size() + 1) / 2;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) {
            out_.push_back(i == first_line ? '\n' : (padded ? ' ' : '\t'));
        }
        out_.append(cells[i]);
        if (padded && i + 1 < cells.size() && cells[i].size() < kColumnWidth) {
            out_.append(kColumnWidth - cells[i].size(), ' ');
        }
    }
    out_.push_back('\n');
}

void Listing::flush_row() {
    Level& level = levels_.back();
    if (level.cells.empty()) {
        return;
    }
    if (level.header_due) {
        std::vector<std::string> names(level.labels.begin(), level.labels.end());
        append_cells(names);
        for (std::string& name : names) {
            std::fill(name.begin(), name.end(), '-');
        }
        // One line of dashes whatever the header's form: it ends the header.
        std::size_t width = 0;
        for (const std::string& name : names) {
            width += std::max(name.size(), kColumnWidth) + 1;
        }
        out_.append(std::min<std::size_t>(width, 79), '-');
        out_.push_back('\n');
        level.header_due = false;
    }
    append_cells(level.cells);
    level.labels.clear();
    level.cells.clear();
}

void Listing::field(std::string_view label,
                    std::string_view key,
                    std::string_view shown,
                    std::string_view json) {
    if (layout_ == Layout::kJson) {
        if (!key.empty()) {
            json_key(key);
            out_.append(json);
        }
        return;
    }
    if (label.empty()) {
        return;
    }
    if (inside_record() && levels_.back().tabular) {
        Level& level = levels_.back();
        level.labels.push_back(label);
        // A tab inside a value would shift every cell after it.
        std::string cell(shown);
        std::replace(cell.begin(), cell.end(), '\t', ' ');
        level.cells.push_back(std::move(cell));
        return;
    }
    if (!inside_record()) {
        out_.push_back('\n');
    }
    out_.append(label);
    if (label.size() < kKeyWidth) {
        out_.append(kKeyWidth - label.size(), ' ');
    }
    out_.append(": ");
    out_.append(shown);
    out_.push_back('\n');
}

void Listing::text(std::string_view label, std::string_view key, std::string_view value) {
    text_as(label, key, value, value);
}

void Listing::text_or_none(std::string_view label, std::string_view key, std::string_view value) {
    text_as(label, key, value.empty() ? "NONE" : value, value);
}

void Listing::text_as(std::string_view label,
                      std::string_view key,
                      std::string_view shown,
                      std::string_view value) {
    if (layout_ == Layout::kJson) {
        if (!key.empty()) {
            json_key(key);
            append_json(out_, value);
        }
        return;
    }
    field(label, key, shown, {});
}

void Listing::flag(std::string_view label, std::string_view key, bool value) {
    field(label, key, value ? "YES" : "NO", value ? "true" : "false");
}

void Listing::number(std::string_view label, std::string_view key, std::uint64_t value) {
    const fmt::format_int text(value);
    field(label, key, {text.data(), text.size()}, {text.data(), text.size()});
}

void Listing::number_as(std::string_view label,
                        std::string_view key,
                        std::string_view shown,
                        std::uint64_t value) {
    const fmt::format_int text(value);
    field(label, key, shown, {text.data(), text.size()});
}

void Listing::null_as(std::string_view label, std::string_view key, std::string_view shown) {
    field(label, key, shown, "null");
}

void Listing::line(std::string_view text) {
    if (layout_ == Layout::kJson) {
        return;
    }
    if (inside_record() && levels_.back().tabular) {
        flush_row();
    }
    out_.append(text);
    out_.push_back('\n');
}

std::string Listing::take() {
    if (layout_ == Layout::kJson) {
        out_.append("}\n");
    }
    return std::move(out_);
}

}  // namespace control
