#include "config/help.h"

#include "config/command_line.h"
#include "config/command_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace config {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::string_view kListingHead =
    "\nThe following commands are available:\n\nCommands in this context:\n";

std::string listing_line(std::string_view name, std::string_view text) {
    return fmt::format("{:<14} - {}\n", name, text);
}

// Appends `text` broken at blanks; the first line is already filled up to `column`, the others
// start at `indent`.
void append_wrapped(std::string& out,
                    std::string_view text,
                    std::size_t column,
                    std::size_t indent) {
    bool line_start = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        if (!line_start && column + 1 + word.size() > kWidth) {
            out += '\n';
            out.append(indent, ' ');
            column = indent;
        } else if (!line_start) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        line_start = false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    out += '\n';
}

std::string usage_form(const ParameterSpec& spec) {
    if (spec.type == ValueType::kWord) {
        return std::string(spec.tag);
    }
    return fmt::format(
        "[ {} = ] {}{}", spec.tag, row_of(spec.type).placeholder, spec.repeatable ? " ..." : "");
}

// "[ name = ] <name> | all", in brackets of its own if it may be left out. One item per place.
std::vector<std::string> usage_items(const CommandSpec& spec) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < spec.parameters.size();) {
        const bool required = spec.parameters[i].required;
        std::string item = usage_form(spec.parameters[i]);
        for (++i; i < spec.parameters.size() && spec.parameters[i].alternative; ++i) {
            item += " | ";
            item += usage_form(spec.parameters[i]);
        }
        items.push_back(required ? std::move(item) : fmt::format("[ {} ]", item));
    }
    return items;
}

std::string parameter_help(const ParameterSpec& spec) {
    std::string text(spec.help);
    if (spec.type != ValueType::kWord) {
        text += fmt::format(" {}.", row_of(spec.type).placeholder);
    }
    if (!spec.default_value.empty()) {
        text += fmt::format(" Default: {}.", spec.default_value);
    }
    return text;
}

std::string_view group_summary(Context context, std::string_view verb) {
    for (const GroupSpec& group : group_rows()) {
        if (group.context == context && group.verb == verb) {
            return group.summary;
        }
    }
    for (const CommandSpec& spec : command_rows(context)) {
        if (spec.verb == verb && spec.noun.empty()) {
            return spec.summary;
        }
    }
    return {};
}

bool is_context_word(Context context, std::string_view word) {
    return context == Context::kRoot
           || (context == Context::kIpsec && (word == "static" || word == "dynamic"));
}

}  // namespace

std::string context_help(Context context) {
    std::string text(kListingHead);
    std::vector<std::pair<std::string_view, std::string_view>> lines{{"?", "Prints this list."},
                                                                     {"help", "Prints this list."}};
    std::string contexts;
    for (const std::string_view word : first_words(context)) {
        if (is_context_word(context, word)) {
            contexts += fmt::format(" {}", word);
            lines.emplace_back(word, "Enters the context of this name.");
        } else {
            lines.emplace_back(word, group_summary(context, word));
        }
    }
    std::sort(lines.begin(), lines.end());
    for (const auto& [name, summary] : lines) {
        text += listing_line(name, summary);
    }
    if (!contexts.empty()) {
        text += fmt::format("\nContexts below this one:\n{}\n", contexts);
    }
    text += "\nCommands of the session:\n";
    for (const SessionVerbRow& row : session_verbs()) {
        text += listing_line(row.word, row.summary);
    }
    text += "\nType a command followed by ? to read about it.\n";
    return text;
}

std::string group_help(Context context, std::string_view verb) {
    std::string text;
    for (const CommandSpec& spec : command_rows(context)) {
        if (spec.verb == verb && !spec.noun.empty()) {
            text += listing_line(spec.words(), spec.summary);
        }
    }
    return text.empty() ? text : fmt::format("{}{}", kListingHead, text);
}

std::string command_usage(const CommandSpec& spec) {
    constexpr std::size_t kIndent = 6;
    std::string text = fmt::format("\nUsage:\n  {}", spec.words());
    std::size_t column = 2 + spec.words().size();
    for (const std::string& item : usage_items(spec)) {
        // An item stays on one line, so that a bracket is never torn from its tag.
        if (column + 1 + item.size() > kWidth) {
            text += fmt::format("\n{:{}}{}", "", kIndent, item);
            column = kIndent + item.size();
        } else {
            text += fmt::format(" {}", item);
            column += 1 + item.size();
        }
    }
    text += '\n';
    return text;
}

std::string command_help(const CommandSpec& spec) {
    constexpr std::size_t kValueColumn = 26;
    std::string text = command_usage(spec);
    text += '\n';
    append_wrapped(text, spec.summary, 0, 0);
    if (!spec.parameters.empty()) {
        text += "\nParameters:\n\n";
        text += fmt::format("  {:<{}}Value\n", "Tag", kValueColumn - 2);
        for (const ParameterSpec& parameter : spec.parameters) {
            text += fmt::format("  {:<{}}- ", parameter.tag, kValueColumn - 4);
            append_wrapped(text, parameter_help(parameter), kValueColumn, kValueColumn);
        }
    }
    if (!spec.remarks.empty()) {
        text += "\nRemarks:\n";
        for (const std::string_view remark : spec.remarks) {
            text += "  ";
            append_wrapped(text, remark, 2, 2);
        }
    }
    if (!spec.examples.empty()) {
        text += "\nExamples:\n";
        for (const std::string_view example : spec.examples) {
            text += fmt::format("  {}\n", example);
        }
    }
    return text;
}

}  // namespace config
