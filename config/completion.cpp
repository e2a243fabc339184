#include "config/completion.h"

#include "config/command_line.h"
#include "config/command_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace config {
namespace {

// The part of the line the cursor stands behind.
struct Fragment {
    std::size_t begin = 0;
    std::string text;                        // without quotation marks
    std::size_t equals = std::string::npos;  // in `text`, outside quotes
    std::size_t value_begin = 0;             // byte of the line behind that '='
};

Fragment last_fragment(std::string_view line) {
    Fragment fragment;
    bool in_quotes = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"') {
            in_quotes = !in_quotes;
        } else if (!in_quotes && (c == ' ' || c == '\t')) {
            fragment = Fragment{};
            fragment.begin = i + 1;
        } else {
            if (c == '=' && !in_quotes && fragment.equals == std::string::npos) {
                fragment.equals = fragment.text.size();
                fragment.value_begin = i + 1;
            }
            fragment.text += c;
        }
    }
    return fragment;
}

void offer(Completion& completion, std::string_view candidate) {
    if (starts_with_ignoring_case(candidate, completion.prefix)
        && std::find(completion.candidates.begin(), completion.candidates.end(), candidate)
               == completion.candidates.end()) {
        completion.candidates.emplace_back(candidate);
    }
}

void offer_values(Completion& completion, const ParameterSpec& parameter) {
    for (const KeywordRow& row : row_of(parameter.type).keywords) {
        if (!row.hidden) {
            offer(completion, row.word);
        }
    }
    completion.object = parameter.object;
}

const ParameterSpec* find_parameter(const CommandSpec& spec, std::string_view tag) {
    const ParameterSpec* prefix_match = nullptr;
    for (const ParameterSpec& parameter : spec.parameters) {
        if (parameter.type == ValueType::kWord) {
            continue;
        }
        if (equals_ignoring_case(parameter.tag, tag)) {
            return &parameter;
        }
        if (prefix_match == nullptr && starts_with_ignoring_case(parameter.tag, tag)) {
            prefix_match = &parameter;
        }
    }
    return prefix_match;
}

// Untagged values are not assigned to their places here, so a parameter that one of them fills is
// still offered by its tag.
void offer_arguments(Completion& completion,
                     const CommandSpec& spec,
                     std::span<const Token> arguments) {
    const auto given = [&](const ParameterSpec& parameter) {
        return std::any_of(arguments.begin(), arguments.end(), [&](const Token& token) {
            return token.tagged() && find_parameter(spec, token.tag) == &parameter;
        });
    };
    for (const ParameterSpec& parameter : spec.parameters) {
        if (parameter.type == ValueType::kWord) {
            offer(completion, parameter.tag);
        } else if (parameter.repeatable || !given(parameter)) {
            offer(completion, fmt::format("{}=", parameter.tag));
        }
    }
    const bool first_value = arguments.empty() && !spec.parameters.empty();
    if (first_value) {
        offer_values(completion, spec.parameters.front());
    }
}

// The words at `found`; where no word is typed yet (`first_word`), those of the contexts above too.
void offer_words(Completion& completion, Context current, const Lookup& found, bool first_word) {
    if (const auto* context = std::get_if<FoundContext>(&found)) {
        for (const std::string_view word : first_words(context->context)) {
            offer(completion, word);
        }
        for (Context above = current; first_word && above != Context::kRoot;) {
            above = parent_context(above);
            for (const std::string_view word : first_words(above)) {
                offer(completion, word);
            }
        }
    } else if (const auto* group = std::get_if<FoundGroup>(&found)) {
        for (const CommandSpec& spec : command_rows(group->context)) {
            if (spec.verb == group->verb) {
                offer(completion, spec.noun);
            }
        }
    }
}

}  // namespace

Completion complete(Context context, std::string_view partial_line) {
    Completion completion;
    Fragment fragment = last_fragment(partial_line);
    Result<std::vector<Token>> head = tokenize(partial_line.substr(0, fragment.begin));
    completion.replace_from = fragment.begin;
    completion.prefix = fragment.text;
    if (!head) {
        return completion;
    }
    std::span<const Token> tokens = *head;
    std::optional<std::string> tag;
    if (fragment.equals != std::string::npos) {
        tag = fragment.text.substr(0, fragment.equals);
        completion.prefix = fragment.text.substr(fragment.equals + 1);
        completion.replace_from = fragment.value_begin;
        if (tag->empty() && !tokens.empty() && !tokens.back().tagged()) {
            tag = tokens.back().value;
            tokens = tokens.first(tokens.size() - 1);
        }
    } else if (!tokens.empty() && tokens.back().value_missing()) {
        tag = tokens.back().tag;
        tokens = tokens.first(tokens.size() - 1);
    }
    if (!tokens.empty() && equals_ignoring_case(tokens.front().value, "netsh")) {
        tokens = tokens.subspan(1);
    }
    const bool pushd = !tokens.empty() && equals_ignoring_case(tokens.front().value, "pushd");
    const std::span<const Token> words = pushd ? tokens.subspan(1) : tokens;
    const Lookup found = look_up(context, words);
    const auto* command = std::get_if<FoundCommand>(&found);
    if (tag) {
        const ParameterSpec* parameter =
            command == nullptr ? nullptr : find_parameter(*command->spec, *tag);
        if (parameter != nullptr) {
            offer_values(completion, *parameter);
        }
    } else if (command != nullptr) {
        offer_arguments(completion, *command->spec, words.subspan(command->words));
    } else {
        offer_words(completion, context, found, words.empty());
    }
    if (tokens.empty() && !tag) {
        offer(completion, "help");
        for (const SessionVerbRow& row : session_verbs()) {
            offer(completion, row.word);
        }
    }
    return completion;
}

}  // namespace config
