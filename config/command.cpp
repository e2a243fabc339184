#include "config/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace config {
namespace {

constexpr auto kGroups = std::to_array<GroupSpec>({
    {Context::kStatic, "add", "Creates policies, filter lists, filters, actions and rules."},
    {Context::kStatic, "delete", "Deletes policies, filter lists, filters, actions and rules."},
    {Context::kStatic, "set", "Changes policies, filter lists, filter actions and rules."},
    {Context::kStatic, "show", "Prints policies, filter lists, filter actions and rules."},
    {Context::kDynamic, "add", "Adds rules, policies and SAs to the running configuration."},
    {Context::kDynamic, "delete", "Deletes rules, policies and SAs of the running configuration."},
    {Context::kDynamic, "set", "Changes rules and policies of the running configuration."},
    {Context::kDynamic, "show", "Prints the running configuration and its counters."},
});

// Assigns the tokens of one line to the parameters of one command.
class Matcher {
  public:
    Matcher(const CommandSpec& spec, std::span<const Token> tokens)
        : spec_(spec), tokens_(tokens), slots_(tokens.size()), uses_(spec.parameters.size()) {
        std::size_t place = 0;
        for (const ParameterSpec& parameter : spec.parameters) {
            place += places_.empty() || parameter.alternative ? 0U : 1U;
            places_.push_back(place);
        }
    }

    Result<ParsedCommand> run() {
        for (const bool tagged : {true, false}) {
            for (std::size_t i = 0; i < tokens_.size(); ++i) {
                if (tokens_[i].tagged() != tagged) {
                    continue;
                }
                Result<std::size_t> parameter = tagged ? by_tag(tokens_[i]) : by_place(tokens_[i]);
                if (!parameter) {
                    return parameter.error();
                }
                if (Result<void> taken = take(i, *parameter); !taken) {
                    return taken.error();
                }
            }
        }
        if (Result<void> complete = check_required(); !complete) {
            return complete.error();
        }
        for (std::optional<Argument>& slot : slots_) {
            command_.arguments.append(std::move(*slot));
        }
        command_.spec = &spec_;
        return std::move(command_);
    }

  private:
    [[nodiscard]] const ParameterSpec& spec_of(std::size_t parameter) const {
        return spec_.parameters[parameter];
    }
    [[nodiscard]] bool is_word(std::size_t parameter) const {
        return spec_of(parameter).type == ValueType::kWord;
    }
    [[nodiscard]] bool place_used(std::size_t place) const {
        for (std::size_t k = 0; k < places_.size(); ++k) {
            if (places_[k] == place && uses_[k] > 0) {
                return true;
            }
        }
        return false;
    }

    // The bare word of `place` (any place if absent) that the token spells.
    [[nodiscard]] std::optional<std::size_t> word_of(const Token& token,
                                                     std::optional<std::size_t> place) const {
        for (std::size_t k = 0; k < places_.size(); ++k) {
            if (is_word(k) && !token.quoted && (!place || places_[k] == *place)
                && equals_ignoring_case(token.value, spec_of(k).tag)) {
                return k;
            }
        }
        return std::nullopt;
    }

    Result<std::size_t> by_tag(const Token& token) const {
        std::optional<std::size_t> found;
        for (std::size_t k = 0; k < places_.size(); ++k) {
            if (is_word(k)) {
                continue;
            }
            if (equals_ignoring_case(spec_of(k).tag, token.tag)) {
                found = k;
                break;
            }
            if (!found && starts_with_ignoring_case(spec_of(k).tag, token.tag)) {
                found = k;
            }
        }
        if (!found) {
            return Error{ErrorCode::kUnknownTag,
                         fmt::format("\"{}\" has no parameter \"{}\".", spec_.words(), token.tag)};
        }
        // `name=all` means the bare word: no object can be called so.
        if (spec_of(*found).type == ValueType::kName) {
            return word_of(token, places_[*found]).value_or(*found);
        }
        return *found;
    }

    Result<std::size_t> by_place(const Token& token) const {
        for (std::size_t k = 0; k < places_.size(); ++k) {
            if (place_used(places_[k])) {
                continue;
            }
            // A bare word with a place of its own takes no other value: `show qmsas 10.0.0.1`.
            if (is_word(k) && !word_of(token, places_[k])) {
                continue;
            }
            // Beside a name, `all` adds nothing and is not the next value: `show policy name=X
            // all`.
            const std::optional<std::size_t> redundant = word_of(token, std::nullopt);
            if (redundant && places_[*redundant] != places_[k] && place_used(places_[*redundant])) {
                return *redundant;
            }
            return word_of(token, places_[k]).value_or(k);
        }
        if (const std::optional<std::size_t> redundant = word_of(token, std::nullopt)) {
            return *redundant;
        }
        return Error{ErrorCode::kTooManyValues,
                     fmt::format("\"{}\" takes no more values than it has parameters; values with "
                                 "blanks need quotation marks.",
                                 spec_.words())};
    }

    Result<void> take(std::size_t token, std::size_t parameter) {
        const ParameterSpec& spec = spec_of(parameter);
        if (uses_[parameter]++ > 0 && !spec.repeatable) {
            return Error{ErrorCode::kDuplicateTag,
                         fmt::format("The parameter \"{}\" is given twice.", spec.tag)};
        }
        Result<Value> value = parse_value(spec.type, spec.tag, tokens_[token], command_.notes);
        if (!value) {
            return value.error();
        }
        slots_[token] = Argument{&spec, std::move(*value)};
        return {};
    }

    Result<void> check_required() const {
        std::string missing;
        for (std::size_t k = 0; k < places_.size(); ++k) {
            if (spec_of(k).required && !place_used(places_[k])) {
                missing += fmt::format("{}{}", missing.empty() ? "" : ", ", spec_of(k).tag);
            }
        }
        if (missing.empty()) {
            return {};
        }
        return Error{ErrorCode::kMissingParameter,
                     fmt::format("\"{}\" also needs: {}.", spec_.words(), missing)};
    }

    const CommandSpec& spec_;
    std::span<const Token> tokens_;
    std::vector<std::optional<Argument>> slots_;  // by token: keeps the order of the line
    std::vector<std::size_t> uses_;               // by parameter
    std::vector<std::size_t> places_;             // by parameter: alternatives share one
    ParsedCommand command_;
};

}  // namespace

std::string CommandSpec::words() const {
    return noun.empty() ? std::string(verb) : fmt::format("{} {}", verb, noun);
}

const ParameterSpec* CommandSpec::parameter(std::string_view tag) const {
    const auto found = std::find_if(parameters.begin(),
                                    parameters.end(),
                                    [&](const ParameterSpec& spec) { return spec.tag == tag; });
    return found == parameters.end() ? nullptr : &*found;
}

std::span<const CommandSpec> command_rows(Context context) {
    switch (context) {
        case Context::kStatic:
            return static_command_rows();
        case Context::kDynamic:
            return dynamic_command_rows();
        case Context::kRoot:
        case Context::kIpsec:
            break;
    }
    return {};
}

std::span<const GroupSpec> group_rows() {
    return kGroups;
}

const CommandSpec& command_spec(CommandId id) {
    for (const Context context : {Context::kStatic, Context::kDynamic}) {
        for (const CommandSpec& spec : command_rows(context)) {
            if (spec.id == id) {
                return spec;
            }
        }
    }
    assert(false && "every CommandId has a row");
    return command_rows(Context::kStatic).front();
}

const Argument* Arguments::find(std::string_view tag) const {
    const auto found =
        std::find_if(arguments_.begin(), arguments_.end(), [&](const Argument& argument) {
            return argument.parameter->tag == tag;
        });
    return found == arguments_.end() ? nullptr : &*found;
}

std::optional<std::vector<AuthMethod>> Arguments::auth_methods() const {
    std::vector<AuthMethod> methods;
    bool given = false;
    for (const Argument& argument : arguments_) {
        if (argument.parameter->tag == "kerberos") {
            given = true;
            if (std::get<bool>(argument.value)) {
                methods.emplace_back();
                methods.back().kind = AuthKind::kKerberos;
            }
        } else if (argument.parameter->type == ValueType::kPresharedKey) {
            given = true;
            methods.emplace_back();
            methods.back().kind = AuthKind::kPresharedKey;
            methods.back().preshared_key = std::get<SecretBytes>(argument.value);
        } else if (argument.parameter->type == ValueType::kRootCa) {
            given = true;
            methods.push_back(std::get<AuthMethod>(argument.value));
        }
    }
    return given ? std::optional(std::move(methods)) : std::nullopt;
}

Result<ParsedCommand> match_arguments(const CommandSpec& spec, std::span<const Token> tokens) {
    return Matcher(spec, tokens).run();
}

}  // namespace config
