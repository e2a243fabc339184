#include "config/command_line.h"

#include "config/command_lookup.h"
#include "config/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string.h>
#include <utility>

namespace config {
namespace {

struct ContextRow {
    Context context;
    Context parent;
    std::string_view word;  // names it in the parent; empty: the root
    std::string_view path;
};
constexpr auto kContexts = std::to_array<ContextRow>({
    {Context::kRoot, Context::kRoot, "", ""},
    {Context::kIpsec, Context::kRoot, "ipsec", "ipsec"},
    {Context::kStatic, Context::kIpsec, "static", "ipsec static"},
    {Context::kDynamic, Context::kIpsec, "dynamic", "ipsec dynamic"},
});

constexpr auto kSessionVerbs = std::to_array<SessionVerbRow>({
    {SessionVerb::kUp, "..", "Goes up one context."},
    {SessionVerb::kExit, "bye", "Ends the session or the script."},
    {SessionVerb::kExec, "exec", "Runs the commands of a file: exec FILE."},
    {SessionVerb::kExit, "exit", "Ends the session or the script."},
    {SessionVerb::kPopd, "popd", "Returns to the context that pushd saved."},
    {SessionVerb::kPushd, "pushd", "Saves the context and enters another: pushd [CONTEXT]."},
    {SessionVerb::kExit, "quit", "Ends the session or the script."},
});

constexpr auto kHelpWords = std::to_array<std::string_view>({"?", "help", "/?", "-?"});

const ContextRow& row_of(Context context) {
    return kContexts[static_cast<std::size_t>(context)];
}

// The words among `words` that `typed` names: the exact one alone, else all it abbreviates.
std::vector<std::string_view> fitting(std::span<const std::string_view> words,
                                      std::string_view typed) {
    std::vector<std::string_view> fits;
    for (const std::string_view word : words) {
        if (equals_ignoring_case(word, typed)) {
            return {word};
        }
        if (starts_with_ignoring_case(word, typed) && !typed.empty()) {
            fits.push_back(word);
        }
    }
    return fits;
}

// Resolves one word or says why it cannot; `found` is set when exactly one word fits.
std::optional<Lookup> pick(std::span<const std::string_view> words,
                           const Token& token,
                           std::string_view& found) {
    std::vector<std::string_view> fits =
        token.tagged() ? std::vector<std::string_view>{} : fitting(words, token.value);
    if (fits.empty()) {
        return NotFound{};
    }
    if (fits.size() > 1) {
        return Ambiguous{token.value, std::move(fits)};
    }
    found = fits.front();
    return std::nullopt;
}

Lookup look_up_command(Context context, std::string_view verb, std::span<const Token> rest) {
    std::vector<std::string_view> nouns;
    const CommandSpec* single = nullptr;
    for (const CommandSpec& spec : command_rows(context)) {
        if (spec.verb == verb) {
            if (spec.noun.empty()) {
                single = &spec;
            } else {
                nouns.push_back(spec.noun);
            }
        }
    }
    if (single != nullptr) {
        return FoundCommand{single, 1};
    }
    if (rest.empty()) {
        return FoundGroup{context, verb};
    }
    std::string_view noun;
    if (std::optional<Lookup> failure = pick(nouns, rest.front(), noun)) {
        return *failure;
    }
    const std::span<const CommandSpec> rows = command_rows(context);
    const auto spec = std::find_if(rows.begin(), rows.end(), [&](const CommandSpec& row) {
        return row.verb == verb && row.noun == noun;
    });
    return FoundCommand{&*spec, 2};
}

Lookup look_up_at(Context context, std::span<const Token> tokens) {
    std::size_t used = 0;
    while (used < tokens.size()) {
        const std::vector<std::string_view> words = first_words(context);
        std::string_view word;
        if (std::optional<Lookup> failure = pick(words, tokens[used], word)) {
            return *failure;
        }
        ++used;
        const auto* const sub =
            std::find_if(kContexts.begin(), kContexts.end(), [&](const ContextRow& row) {
                return row.parent == context && row.word == word && !word.empty();
            });
        if (sub == kContexts.end()) {
            Lookup found = look_up_command(context, word, tokens.subspan(used));
            if (auto* command = std::get_if<FoundCommand>(&found)) {
                command->words += used - 1;
            }
            return found;
        }
        context = sub->context;
    }
    return FoundContext{context};
}

bool is_help_word(const Token& token) {
    return !token.tagged() && !token.quoted
           && std::any_of(kHelpWords.begin(), kHelpWords.end(), [&](std::string_view word) {
                  return equals_ignoring_case(token.value, word);
              });
}

bool is_word(const Token& token, std::string_view word) {
    return !token.tagged() && equals_ignoring_case(token.value, word);
}

// Erases the typed values when the line is done with: one of them may be a pre-shared key.
class TokenEraser {
  public:
    explicit TokenEraser(std::vector<Token>& tokens) : tokens_(tokens) {}
    TokenEraser(const TokenEraser&) = delete;
    TokenEraser& operator=(const TokenEraser&) = delete;
    TokenEraser(TokenEraser&&) = delete;
    TokenEraser& operator=(TokenEraser&&) = delete;
    ~TokenEraser() {
        for (Token& token : tokens_) {
            explicit_bzero(token.value.data(), token.value.size());
        }
    }

  private:
    std::vector<Token>& tokens_;
};

// The line as far as it holds words: values may be secrets and stay out of messages.
std::string leading_words(std::span<const Token> tokens) {
    constexpr std::size_t kMaxWords = 4;
    std::string words;
    for (std::size_t i = 0; i < std::min(tokens.size(), kMaxWords) && !tokens[i].tagged(); ++i) {
        words += words.empty() ? "" : " ";
        words += tokens[i].value.substr(0, 64);
    }
    return words;
}

LineError not_found(std::span<const Token> tokens) {
    return {Error{ErrorCode::kCommandNotFound,
                  fmt::format("The following command was not found: {}.", leading_words(tokens))},
            {}};
}

LineError ambiguous(const Ambiguous& word) {
    return {
        Error{ErrorCode::kAmbiguousWord,
              fmt::format(
                  "\"{}\" could be {}: type more of it.", word.word, fmt::join(word.fits, " or "))},
        {}};
}

LineError operand_error(const SessionVerbRow& row) {
    return {Error{ErrorCode::kTooManyValues,
                  fmt::format("\"{}\" cannot be used so. {}", row.word, row.summary)},
            {}};
}

ResolvedLine resolve_session(const SessionVerbRow& row,
                             Context current,
                             std::span<const Token> operands) {
    SessionCommand command{row.verb, current, {}};
    switch (row.verb) {
        case SessionVerb::kUp:
            command.context = parent_context(current);
            break;
        case SessionVerb::kPushd: {
            const Lookup target = look_up(current, operands);
            if (const auto* word = std::get_if<Ambiguous>(&target)) {
                return ambiguous(*word);
            }
            const auto* context = std::get_if<FoundContext>(&target);
            if (context == nullptr) {
                return LineError{
                    Error{ErrorCode::kCommandNotFound,
                          fmt::format("There is no context \"{}\".", leading_words(operands))},
                    {}};
            }
            command.context = context->context;
            return command;
        }
        case SessionVerb::kExec:
            if (operands.size() != 1 || operands.front().tagged()) {
                return operand_error(row);
            }
            command.file = operands.front().value;
            return command;
        case SessionVerb::kPopd:
        case SessionVerb::kExit:
            break;
    }
    return operands.empty() ? ResolvedLine(command) : operand_error(row);
}

ResolvedLine resolve_command(const CommandSpec& spec, std::span<const Token> arguments) {
    Result<ParsedCommand> command = match_arguments(spec, arguments);
    if (command) {
        return std::move(*command);
    }
    if (arguments.empty()) {
        return HelpText{command_help(spec), false};
    }
    const bool show_usage = config::row_of(command.error().code).form == ErrorForm::kUsage;
    return LineError{command.error(), show_usage ? command_usage(spec) : std::string()};
}

ResolvedLine resolve_tokens(Context current, std::span<const Token> tokens) {
    bool help = false;
    if (!tokens.empty() && is_help_word(tokens.back())) {
        help = true;
        tokens = tokens.first(tokens.size() - 1);
    } else if (!tokens.empty() && is_help_word(tokens.front())) {
        help = true;
        tokens = tokens.subspan(1);
    }
    if (!tokens.empty()) {
        for (const SessionVerbRow& row : kSessionVerbs) {
            if (is_word(tokens.front(), row.word)) {
                return help ? ResolvedLine(HelpText{fmt::format("\n{}\n", row.summary), true})
                            : resolve_session(row, current, tokens.subspan(1));
            }
        }
    }
    const Lookup found = look_up(current, tokens);
    if (const auto* context = std::get_if<FoundContext>(&found)) {
        return help ? ResolvedLine(HelpText{context_help(context->context), true})
                    : ResolvedLine(EnterContext{context->context});
    }
    if (const auto* group = std::get_if<FoundGroup>(&found)) {
        return HelpText{group_help(group->context, group->verb), help};
    }
    if (const auto* command = std::get_if<FoundCommand>(&found)) {
        return help ? ResolvedLine(HelpText{command_help(*command->spec), true})
                    : resolve_command(*command->spec, tokens.subspan(command->words));
    }
    if (const auto* word = std::get_if<Ambiguous>(&found)) {
        return ambiguous(*word);
    }
    return not_found(tokens);
}

}  // namespace

std::string_view context_path(Context context) {
    return row_of(context).path;
}

Context parent_context(Context context) {
    return row_of(context).parent;
}

std::span<const SessionVerbRow> session_verbs() {
    return kSessionVerbs;
}

std::vector<std::string_view> first_words(Context context) {
    std::vector<std::string_view> words;
    for (const ContextRow& row : kContexts) {
        if (row.parent == context && !row.word.empty()) {
            words.push_back(row.word);
        }
    }
    for (const CommandSpec& spec : command_rows(context)) {
        if (std::find(words.begin(), words.end(), spec.verb) == words.end()) {
            words.push_back(spec.verb);
        }
    }
    std::sort(words.begin(), words.end());
    return words;
}

Lookup look_up(Context current, std::span<const Token> tokens) {
    while (true) {
        Lookup found = look_up_at(current, tokens);
        if (!std::holds_alternative<NotFound>(found) || current == Context::kRoot) {
            return found;
        }
        current = parent_context(current);
    }
}

std::string LineError::text() const {
    std::string text = format_error(error);
    if (!usage.empty()) {
        text += '\n';
        text += usage;
    }
    return text;
}

ResolvedLine resolve_line(Context current, std::string_view line) {
    Result<std::vector<Token>> tokens = tokenize(line);
    if (!tokens) {
        return LineError{tokens.error(), {}};
    }
    const TokenEraser eraser(*tokens);
    std::span<const Token> rest = *tokens;
    if (!rest.empty() && (is_word(rest.front(), "netsh") || is_word(rest.front(), "netsh.exe"))) {
        rest = rest.subspan(1);
    }
    if (rest.empty()) {
        return EmptyLine{};
    }
    ResolvedLine resolved = resolve_tokens(current, rest);
    auto* error = std::get_if<LineError>(&resolved);
    if (error != nullptr && is_word(rest.back(), "^") && !rest.back().quoted) {
        error->error.text +=
            " A \"^\" does not continue a line here: write the command on one line.";
    }
    return resolved;
}

}  // namespace config
