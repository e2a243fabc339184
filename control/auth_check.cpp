#include "control/auth_check.h"

#include "config/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace control {

namespace {

using config::AuthMethod;
using config::Error;
using config::ErrorCode;
using config::Result;
using config::Rule;

std::string method_text(const AuthMethod& method) {
    switch (method.kind) {
        case config::AuthKind::kKerberos:
            return "kerberos";
        case config::AuthKind::kPresharedKey:
            return "psk";
        case config::AuthKind::kRootCa:
            return fmt::format("rootca \"{}\"", method.root_ca);
    }
    return {};
}

// "kerberos: <why not>", for each method that cannot be used here.
std::vector<std::string> objections(const IkeHandle& ike, const std::vector<AuthMethod>& methods) {
    std::vector<std::string> texts;
    for (const AuthMethod& method : methods) {
        const Result<void> usable = ike.check(method);
        if (!usable) {
            texts.push_back(fmt::format("{}: {}", method_text(method), usable.error().text));
        }
    }
    return texts;
}

constexpr std::string_view kInThisCommand = "in this command.";

// `where`: completes "psk=<key> or rootca=... is expected".
Error no_usable_method(std::string_view rule,
                       const std::vector<std::string>& texts,
                       std::string_view where) {
    std::string reasons;
    for (const std::string& text : texts) {
        reasons += " " + text;
    }
    return {ErrorCode::kNoAuthMethod,
            fmt::format("{} cannot negotiate with any of its methods.{} psk=<key> or "
                        "rootca=\"<name of the CA>\" is expected {}",
                        rule,
                        reasons,
                        where)};
}

std::string set_rule_command(const config::Policy& policy, const Rule& rule, std::size_t id) {
    const std::string selector =
        rule.name.empty() ? fmt::format("id={}", id) : "name=" + config::quote(rule.name);
    return fmt::format("in the rule, as in: static set rule {} policy={} psk=<key>",
                       selector,
                       config::quote(policy.name));
}

// Rules with the same objection share a note.
using Notes = std::map<std::string, std::vector<std::string>>;

void add_notes(CommandContext& context, const Notes& notes) {
    for (const auto& [text, rules] : notes) {
        context.notes.push_back(fmt::format(
            "The rule '{}'{} will not use {}",
            rules.front(),
            rules.size() > 1 ? fmt::format(" (and {} more)", rules.size() - 1) : std::string(),
            text));
    }
}

Result<bool> negotiates(const CommandContext& context, const Rule& rule) {
    if (!rule.active) {
        return false;
    }
    const Result<config::FilterAction> action =
        context.store.find_filter_action(rule.filter_action);
    if (!action) {
        return action.error();
    }
    return action->action == config::Action::kNegotiate;
}

}  // namespace

Result<void> check_assigned_rules(CommandContext& context, const config::Guid& only) {
    if (context.ike == nullptr) {
        return {};
    }
    const auto policy = context.store.assigned_policy();
    if (!policy) {
        return policy.error();
    }
    if (!policy->has_value()) {
        return {};
    }
    const Result<std::vector<Rule>> rules = context.store.rules((*policy)->guid);
    if (!rules) {
        return rules.error();
    }
    Notes notes;
    for (std::size_t i = 0; i < rules->size(); ++i) {
        const Rule& rule = (*rules)[i];
        if (!only.is_nil() && rule.guid != only && rule.filter_action != only) {
            continue;
        }
        const Result<bool> asked = negotiates(context, rule);
        if (!asked) {
            return asked.error();
        }
        if (!*asked) {
            continue;
        }
        const std::vector<std::string> texts = objections(*context.ike, rule.auth_methods);
        if (texts.size() == rule.auth_methods.size()) {
            return no_usable_method(
                fmt::format("The rule '{}' of the policy '{}'", rule.name, (*policy)->name),
                texts,
                rule.guid == only ? std::string(kInThisCommand)
                                  : set_rule_command(**policy, rule, i + 1));
        }
        for (const std::string& text : texts) {
            notes[text].push_back(rule.name);
        }
    }
    add_notes(context, notes);
    return {};
}

Result<void> check_dynamic_rule(CommandContext& context, const config::DynamicRule& rule) {
    if (context.ike == nullptr) {
        return {};
    }
    const std::vector<std::string> texts = objections(*context.ike, rule.auth_methods);
    if (texts.size() == rule.auth_methods.size()) {
        return no_usable_method("The rule", texts, kInThisCommand);
    }
    for (const std::string& text : texts) {
        std::string note = "The rule will not use " + text;
        // `set rule` may change several rules that have the same method.
        if (std::find(context.notes.begin(), context.notes.end(), note) == context.notes.end()) {
            context.notes.push_back(std::move(note));
        }
    }
    return {};
}

}  // namespace control
