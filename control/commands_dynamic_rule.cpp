// dynamic add, delete, set and show of rules, and dynamic delete all.
#include "control/auth_check.h"
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::DynamicRule;
using config::Error;
using config::ErrorCode;
using config::Result;

// Policies, actions and authentication: what `set rule` may change. Not given = unchanged.
Result<void> apply(CommandContext& context, const Arguments& arguments, DynamicRule& rule) {
    rule.mm_policy = arguments.text("mmpolicy").value_or(rule.mm_policy);
    rule.qm_policy = arguments.text("qmpolicy").value_or(rule.qm_policy);
    rule.inbound = arguments.keyword<config::Action>("actioninbound").value_or(rule.inbound);
    rule.outbound = arguments.keyword<config::Action>("actionoutbound").value_or(rule.outbound);
    if (context.dynamic.find_mm_policy(rule.mm_policy) == nullptr) {
        return Error{ErrorCode::kMmPolicyNotFound, "There is no main mode policy with that name."};
    }
    if (!rule.qm_policy.empty() && context.dynamic.find_qm_policy(rule.qm_policy) == nullptr) {
        return Error{ErrorCode::kQmPolicyNotFound, "There is no quick mode policy with that name."};
    }
    const bool negotiates =
        rule.inbound == config::Action::kNegotiate || rule.outbound == config::Action::kNegotiate;
    if (negotiates && rule.qm_policy.empty()) {
        return Error{ErrorCode::kQmPolicyNotFound,
                     "A rule that negotiates needs a quick mode policy; qmpolicy=<name> was "
                     "expected."};
    }
    if (auto methods = arguments.auth_methods()) {
        rule.auth_methods = std::move(*methods);
    }
    if (rule.auth_methods.empty() && negotiates) {
        return Error{ErrorCode::kNoAuthMethod,
                     "kerberos=no leaves the rule without authentication method; kerberos=yes, psk "
                     "or rootca was expected."};
    }
    return negotiates ? check_dynamic_rule(context, rule) : Result<void>();
}

CommandResult add_rule(CommandContext& context, const Arguments& arguments) {
    DynamicRule rule;
    rule.auth_methods.emplace_back();  // Kerberos, when nothing is given
    if (const Result<void> applied = apply(context, arguments, rule); !applied) {
        return applied.error();
    }
    rule.connection_type = arguments.keyword<config::ConnectionType>("conntype")
                               .value_or(config::ConnectionType::kAll);
    if (const auto tunnel = arguments.tunnel("tunneldstaddress")) {
        Result<config::TunnelEndpoint> endpoint = tunnel_endpoint(context, *tunnel, {});
        if (!endpoint) {
            return endpoint.error();
        }
        rule.tunnel = std::move(*endpoint);
    }
    const Result<std::vector<config::FilterSpec>> specs = filter_specs(context, arguments);
    if (!specs) {
        return specs.error();
    }
    std::vector<DynamicRule> added;
    for (const config::FilterSpec& spec : *specs) {
        const auto same = [&](const DynamicRule& other) {
            return other.spec == spec && other.connection_type == rule.connection_type
                   && other.tunnel == rule.tunnel;
        };
        if (std::any_of(context.dynamic.rules.begin(), context.dynamic.rules.end(), same)) {
            return Error{ErrorCode::kDynamicRuleExists,
                         "A dynamic rule with the same addresses, protocol, ports, connection type "
                         "and tunnel exists."};
        }
        rule.guid = config::Guid::random();
        rule.spec = spec;
        added.push_back(rule);
    }
    std::move(added.begin(), added.end(), std::back_inserter(context.dynamic.rules));
    context.dynamic_rules_changed = true;
    return std::string();
}

// The rules that the identifying parameters select.
class RuleSelection {
  public:
    static Result<RuleSelection> make(const CommandContext& context, const Arguments& arguments) {
        RuleSelection selection;
        Result<config::FilterPattern> pattern = filter_pattern(context, arguments);
        if (!pattern) {
            return pattern.error();
        }
        selection.pattern_ = std::move(*pattern);
        selection.connection_type_ = arguments.keyword<config::ConnectionType>("conntype");
        if (const auto tunnel = arguments.tunnel("tunneldstaddress")) {
            Result<config::TunnelEndpoint> endpoint = tunnel_endpoint(context, *tunnel, {});
            if (!endpoint) {
                return endpoint.error();
            }
            selection.tunnel_ = std::move(*endpoint);
        }
        return selection;
    }

    [[nodiscard]] bool contains(const DynamicRule& rule) const {
        return config::matches(pattern_, rule.spec)
               && (!connection_type_ || *connection_type_ == rule.connection_type)
               && (!tunnel_
                   || (tunnel_->kind == rule.tunnel.kind
                       && tunnel_->endpoint == rule.tunnel.endpoint));
    }

  private:
    config::FilterPattern pattern_;
    std::optional<config::ConnectionType> connection_type_;
    std::optional<config::TunnelEndpoint> tunnel_;
};

Error rule_not_found() {
    return {ErrorCode::kDynamicRuleNotFound, "No dynamic rule matches the parameters."};
}

CommandResult delete_rule(CommandContext& context, const Arguments& arguments) {
    const Result<RuleSelection> selection = RuleSelection::make(context, arguments);
    if (!selection) {
        return selection.error();
    }
    const std::size_t removed = std::erase_if(
        context.dynamic.rules, [&](const DynamicRule& rule) { return selection->contains(rule); });
    if (removed == 0) {
        return rule_not_found();
    }
    if (removed > 1) {
        context.notes.push_back(fmt::format("{} rules were deleted.", removed));
    }
    context.dynamic_rules_changed = true;
    return std::string();
}

CommandResult set_rule(CommandContext& context, const Arguments& arguments) {
    const Result<RuleSelection> selection = RuleSelection::make(context, arguments);
    if (!selection) {
        return selection.error();
    }
    std::vector<std::pair<std::size_t, DynamicRule>> changed;
    for (std::size_t i = 0; i < context.dynamic.rules.size(); ++i) {
        if (!selection->contains(context.dynamic.rules[i])) {
            continue;
        }
        DynamicRule rule = context.dynamic.rules[i];
        if (const Result<void> applied = apply(context, arguments, rule); !applied) {
            return applied.error();
        }
        changed.emplace_back(i, std::move(rule));
    }
    if (changed.empty()) {
        return rule_not_found();
    }
    for (auto& [index, rule] : changed) {
        context.dynamic.rules[index] = std::move(rule);
    }
    context.dynamic_rules_changed = true;
    return std::string();
}

CommandResult delete_all(CommandContext& context, const Arguments&) {
    const auto assigned = context.store.assigned_policy();
    if (!assigned) {
        return assigned.error();
    }
    context.dynamic_rules_changed = !context.dynamic.rules.empty();
    context.dynamic = {};
    if (assigned->has_value()) {
        context.notes.emplace_back(
            "What dynamic commands made was deleted; the assigned policy stays in force.");
    }
    return std::string();
}

void describe(const CommandContext& context, Listing& listing, const DynamicRule& rule) {
    listing.begin_record();
    describe_filter(listing, rule.spec);
    listing.text_as("Connection Type",
                    "conntype",
                    connection_text(rule.connection_type),
                    config::token(rule.connection_type));
    listing.text_as(
        "Inbound Action", "inbound", action_text(rule.inbound), config::token(rule.inbound));
    listing.text_as(
        "Outbound Action", "outbound", action_text(rule.outbound), config::token(rule.outbound));
    listing.text("Mainmode Policy", "mm_policy", rule.mm_policy);
    listing.text_or_none("Quickmode Policy", "qm_policy", rule.qm_policy);
    describe_tunnel(listing, rule.tunnel);
    describe_auth(listing, rule.auth_methods, context.show_secrets);
    listing.text({}, "guid", rule.guid.to_string());
    listing.end_record();
}

bool has_action(const Arguments& arguments, std::string_view tag, config::Action action) {
    return arguments.keyword<config::Action>(tag).value_or(action) == action;
}

CommandResult show_rule(CommandContext& context, const Arguments& arguments) {
    const Result<RuleSelection> selection = RuleSelection::make(context, arguments);
    if (!selection) {
        return selection.error();
    }
    const std::optional<config::RuleType> type = arguments.keyword<config::RuleType>("type");
    Listing listing = context.listing(arguments);
    std::size_t shown = 0;
    listing.begin_records("rules");
    for (const DynamicRule& rule : context.dynamic.rules) {
        const bool tunnel = rule.tunnel.kind != config::TunnelKind::kNone;
        if (selection->contains(rule) && (!type || (*type == config::RuleType::kTunnel) == tunnel)
            && has_action(arguments, "actioninbound", rule.inbound)
            && has_action(arguments, "actionoutbound", rule.outbound)) {
            describe(context, listing, rule);
            ++shown;
        }
    }
    listing.end_records();
    if (shown == 0) {
        listing.line("Rules not available.");
    } else {
        listing.number("No. of Rules", "rule_count", shown);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 5> kHandlers{{
    {config::CommandId::kDynamicAddRule, add_rule},
    {config::CommandId::kDynamicSetRule, set_rule},
    {config::CommandId::kDynamicDeleteRule, delete_rule},
    {config::CommandId::kDynamicDeleteAll, delete_all},
    {config::CommandId::kDynamicShowRule, show_rule},
}};

}  // namespace

std::span<const HandlerRow> dynamic_rule_handlers() {
    return kHandlers;
}

}  // namespace control
