// static add, delete, set and show of the rules of a policy.
#include "config/rule_set.h"
#include "control/auth_check.h"
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Error;
using config::ErrorCode;
using config::Policy;
using config::Result;
using config::Rule;

Error no_auth_method() {
    return {ErrorCode::kNoAuthMethod,
            "kerberos=no leaves the rule without authentication method; kerberos=yes, psk or "
            "rootca was expected."};
}

// People write the action itself where the name of a filter action belongs.
Result<config::FilterAction> find_action(const CommandContext& context, const std::string& name) {
    Result<config::FilterAction> action = context.store.find_filter_action(name);
    if (!action && action.error().code == ErrorCode::kFilterActionNotFound
        && (name == "permit" || name == "block" || name == "negotiate")) {
        return Error{ErrorCode::kFilterActionNotFound,
                     fmt::format("There is no filter action with that name; filteraction takes the "
                                 "name of one made by 'add filteraction name=... action={}'.",
                                 name)};
    }
    return action;
}

// What a tunnel rule over these filters means, where it is not what the text suggests.
Result<void> note_tunnel(CommandContext& context, const Rule& rule, config::Action action) {
    config::RuleSource source;
    source.tunnel = rule.tunnel;
    source.inbound = action;
    source.outbound = action;
    if (!source.is_tunnel()) {
        return {};
    }
    const Result<std::vector<config::Filter>> filters = context.store.filters(rule.filter_list);
    if (!filters) {
        return filters.error();
    }
    const std::vector<config::IpAddress> me = context.dataplane.host_view().me;
    bool unused_mirror = false;
    bool found = false;
    for (const config::Filter& filter : *filters) {
        const auto endpoint = config::endpoint_for(rule.tunnel, filter.spec);
        const bool is_me = endpoint && std::find(me.begin(), me.end(), *endpoint) != me.end();
        found = found || endpoint;
        unused_mirror =
            unused_mirror || (filter.spec.mirrored && !config::uses_mirrors(source, is_me));
    }
    if (unused_mirror) {
        context.notes.emplace_back(
            "The filter list has mirrored filters, of which this tunnel rule uses only the "
            "direction as written.");
    }
    if (!found && rule.tunnel.kind != config::TunnelKind::kAddress) {
        context.notes.emplace_back(
            "The rule has no tunnel end point: no filter of its list names a single far host. Its "
            "traffic is dropped.");
    }
    return {};
}

Result<void> set_references(CommandContext& context, const Arguments& arguments, Rule& rule) {
    if (const std::optional<std::string> name = arguments.text("filterlist")) {
        const Result<config::FilterList> list = context.store.find_filter_list(*name);
        if (!list) {
            return list.error();
        }
        rule.filter_list = list->guid;
    }
    if (const std::optional<std::string> name = arguments.text("filteraction")) {
        const Result<config::FilterAction> action = find_action(context, *name);
        if (!action) {
            return action.error();
        }
        rule.filter_action = action->guid;
    }
    return {};
}

// Everything `add rule` and `set rule` have in common. Not given = unchanged.
Result<void> apply(CommandContext& context, const Arguments& arguments, Rule& rule) {
    if (const Result<void> set = set_references(context, arguments, rule); !set) {
        return set;
    }
    if (const std::optional<config::TunnelSyntax> tunnel = arguments.tunnel("tunnel")) {
        Result<config::TunnelEndpoint> endpoint = tunnel_endpoint(context, *tunnel, rule.tunnel);
        if (!endpoint) {
            return endpoint.error();
        }
        rule.tunnel = std::move(*endpoint);
    }
    rule.connection_type =
        arguments.keyword<config::ConnectionType>("conntype").value_or(rule.connection_type);
    rule.active = arguments.yes_no("activate").value_or(rule.active);
    rule.description = arguments.text("description").value_or(rule.description);
    if (auto methods = arguments.auth_methods()) {
        rule.auth_methods = std::move(*methods);
        const bool has_key =
            std::any_of(rule.auth_methods.begin(), rule.auth_methods.end(), [](const auto& method) {
                return method.kind == config::AuthKind::kPresharedKey;
            });
        if (has_key) {
            context.notes.emplace_back(
                "The pre-shared key is stored in clear; whoever reads the store can use it.");
        }
    }
    const Result<config::FilterAction> action =
        context.store.find_filter_action(rule.filter_action);
    if (!action) {
        return action.error();
    }
    if (rule.auth_methods.empty() && action->action == config::Action::kNegotiate) {
        return no_auth_method();
    }
    rule.modified = context.now;
    return note_tunnel(context, rule, action->action);
}

// Two rules of one policy over one list: only the stricter action ever decides.
Result<void> note_shared_list(CommandContext& context, const Policy& policy, const Rule& rule) {
    const Result<std::vector<Rule>> rules = context.store.rules(policy.guid);
    if (!rules) {
        return rules.error();
    }
    for (const Rule& other : *rules) {
        if (other.guid != rule.guid && other.filter_list == rule.filter_list) {
            context.notes.push_back(
                fmt::format("The rule '{}' of this policy uses the same filter list; between equal "
                            "filters the stricter action wins.",
                            other.name));
            break;
        }
    }
    return {};
}

CommandResult add_rule(CommandContext& context, const Arguments& arguments) {
    const Result<Policy> policy = context.store.find_policy(*arguments.text("policy"));
    if (!policy) {
        return policy.error();
    }
    Rule rule;
    rule.guid = config::Guid::random();
    rule.name = *arguments.text("name");
    rule.auth_methods.emplace_back();  // Kerberos, when nothing is given
    if (const Result<void> applied = apply(context, arguments, rule); !applied) {
        return applied.error();
    }
    if (const Result<void> added = context.store.add_rule(policy->guid, rule); !added) {
        return added.error();
    }
    if (policy->assigned) {
        if (const Result<void> checked = check_assigned_rules(context, rule.guid); !checked) {
            return checked.error();
        }
    }
    if (const Result<void> noted = note_shared_list(context, *policy, rule); !noted) {
        return noted.error();
    }
    context.touched.push_back(policy->guid);
    return std::string();
}

struct SelectedRule {
    Policy policy;
    Rule rule;
    std::size_t id = 0;
};

// name= or id= of policy=. Given both, they must mean one rule.
Result<SelectedRule> select_rule(const CommandContext& context, const Arguments& arguments) {
    Result<Policy> policy = context.store.find_policy(*arguments.text("policy"));
    if (!policy) {
        return policy.error();
    }
    const std::optional<std::uint32_t> id = arguments.number("id");
    const std::optional<std::string> name = arguments.text("name");
    Result<Rule> rule = id ? context.store.find_rule(policy->guid, *id)
                           : context.store.find_rule(policy->guid, *name);
    if (!rule) {
        return rule.error();
    }
    if (id && name && rule->name != *name) {
        return Error{ErrorCode::kRuleNotFound,
                     fmt::format("The rule at position {} has another name.", *id)};
    }
    const Result<std::vector<Rule>> rules = context.store.rules(policy->guid);
    if (!rules) {
        return rules.error();
    }
    const auto at = std::find_if(
        rules->begin(), rules->end(), [&](const Rule& one) { return one.guid == rule->guid; });
    return SelectedRule{
        std::move(*policy), std::move(*rule), static_cast<std::size_t>(at - rules->begin()) + 1};
}

CommandResult set_rule(CommandContext& context, const Arguments& arguments) {
    Result<SelectedRule> selected = select_rule(context, arguments);
    if (!selected) {
        return selected.error();
    }
    Rule& rule = selected->rule;
    rule.name = arguments.text("newname").value_or(rule.name);
    if (const Result<void> applied = apply(context, arguments, rule); !applied) {
        return applied.error();
    }
    if (const Result<void> updated = context.store.update_rule(rule); !updated) {
        return updated.error();
    }
    if (selected->policy.assigned) {
        if (const Result<void> checked = check_assigned_rules(context, rule.guid); !checked) {
            return checked.error();
        }
    }
    context.touched.push_back(selected->policy.guid);
    return std::string();
}

CommandResult delete_rule(CommandContext& context, const Arguments& arguments) {
    if (!arguments.given("name") && !arguments.given("id")) {
        const Result<Policy> policy = context.store.find_policy(*arguments.text("policy"));
        if (!policy) {
            return policy.error();
        }
        const Result<std::vector<Rule>> rules = context.store.rules(policy->guid);
        if (!rules) {
            return rules.error();
        }
        for (const Rule& rule : *rules) {
            if (const Result<void> removed = context.store.remove_rule(rule.guid); !removed) {
                return removed.error();
            }
        }
        context.touched.push_back(policy->guid);
        return std::string();
    }
    const Result<SelectedRule> selected = select_rule(context, arguments);
    if (!selected) {
        return selected.error();
    }
    if (const Result<void> removed = context.store.remove_rule(selected->rule.guid); !removed) {
        return removed.error();
    }
    context.touched.push_back(selected->policy.guid);
    return std::string();
}

bool fits_type(const Rule& rule, std::optional<config::RuleType> type) {
    const bool tunnel = rule.tunnel.kind != config::TunnelKind::kNone;
    return !type || (*type == config::RuleType::kTunnel) == tunnel;
}

CommandResult show_rule(CommandContext& context, const Arguments& arguments) {
    const std::optional<config::RuleType> type = arguments.keyword<config::RuleType>("type");
    Listing listing = context.listing(arguments);
    const bool verbose =
        context.json || arguments.keyword<config::Level>("level") == config::Level::kVerbose;
    if (arguments.given("name") || arguments.given("id")) {
        const Result<SelectedRule> selected = select_rule(context, arguments);
        if (!selected) {
            return selected.error();
        }
        if (!fits_type(selected->rule, type)) {
            return Error{ErrorCode::kRuleNotFound, "The rule is of the other type."};
        }
        listing.begin_records("rules");
        const Result<void> done =
            describe_rule(context, listing, selected->rule, selected->id, verbose);
        if (!done) {
            return done.error();
        }
        listing.end_records();
        return listing.take();
    }
    const Result<Policy> policy = context.store.find_policy(*arguments.text("policy"));
    if (!policy) {
        return policy.error();
    }
    const Result<std::vector<Rule>> rules = context.store.rules(policy->guid);
    if (!rules) {
        return rules.error();
    }
    if (!arguments.given("default") || arguments.given("all")) {
        std::size_t shown = 0;
        listing.begin_records("rules");
        for (std::size_t i = 0; i < rules->size(); ++i) {
            if (!fits_type((*rules)[i], type)) {
                continue;
            }
            ++shown;
            const Result<void> done = describe_rule(context, listing, (*rules)[i], i + 1, verbose);
            if (!done) {
                return done.error();
            }
        }
        listing.end_records();
        listing.number("No. of Rules", "rule_count", shown);
    }
    if (!type) {
        listing.begin_records("default_rule");
        describe_default_rule(context, listing, *policy, verbose);
        listing.end_records();
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 4> kHandlers{{
    {config::CommandId::kStaticAddRule, add_rule},
    {config::CommandId::kStaticDeleteRule, delete_rule},
    {config::CommandId::kStaticSetRule, set_rule},
    {config::CommandId::kStaticShowRule, show_rule},
}};

}  // namespace

Result<config::TunnelEndpoint> tunnel_endpoint(const CommandContext& context,
                                               const config::TunnelSyntax& syntax,
                                               const config::TunnelEndpoint& old) {
    config::TunnelEndpoint endpoint;
    endpoint.kind = syntax.kind;
    const bool placeholder = syntax.kind == config::TunnelKind::kFromFilters
                             || syntax.kind == config::TunnelKind::kFromFilterNames;
    if (placeholder) {
        return old.kind == config::TunnelKind::kAddress ? old : endpoint;
    }
    if (syntax.kind != config::TunnelKind::kAddress) {
        return endpoint;
    }
    if (syntax.address) {
        endpoint.endpoint = *syntax.address;
        return endpoint;
    }
    const auto it = context.names.find(syntax.dns_name);
    if (it == context.names.end()) {
        return Error{ErrorCode::kAddressNotResolved,
                     fmt::format("The name '{}' was not resolved.", syntax.dns_name)};
    }
    if (!it->second) {
        return it->second.error();
    }
    endpoint.endpoint = it->second->front();
    endpoint.dns_name = syntax.dns_name;
    return endpoint;
}

Result<void> describe_rule(const CommandContext& context,
                           Listing& listing,
                           const Rule& rule,
                           std::size_t id,
                           bool verbose) {
    const Result<config::FilterList> list = context.store.find_filter_list(rule.filter_list);
    if (!list) {
        return list.error();
    }
    const Result<config::FilterAction> action =
        context.store.find_filter_action(rule.filter_action);
    if (!action) {
        return action.error();
    }
    listing.begin_record();
    const bool table = listing.layout() == Layout::kTable;
    listing.text_as(
        "Rule ID",
        {},
        table ? std::to_string(id) : fmt::format("{}, GUID = {}", id, rule.guid.to_string()),
        {});
    listing.number({}, "id", id);
    listing.text({}, "guid", rule.guid.to_string());
    listing.text_or_none("Rule Name", "name", rule.name);
    listing.text_or_none("Description", "description", rule.description);
    describe_modified(listing, rule.modified);
    listing.flag("Activated", "active", rule.active);
    listing.text_as("Connection Type",
                    "conntype",
                    connection_text(rule.connection_type),
                    config::token(rule.connection_type));
    describe_auth(listing, rule.auth_methods, context.show_secrets && verbose);
    describe_tunnel(listing, rule.tunnel);
    if (table || !verbose || context.json) {
        listing.text("FilterList", "filter_list", list->name);
        listing.text("FilterAction", "filter_action", action->name);
    } else {
        listing.begin_records("filter_list_details", "FilterList Details", RecordStyle::kLines);
        const Result<void> done = describe_filter_list(context, listing, *list, true);
        if (!done) {
            return done;
        }
        listing.end_records();
        listing.begin_records("filter_action_details", "FilterAction Details", RecordStyle::kLines);
        describe_filter_action(context, listing, *action, true);
        listing.end_records();
    }
    listing.end_record();
    return {};
}

void describe_default_rule(const CommandContext& context,
                           Listing& listing,
                           const Policy& policy,
                           bool verbose) {
    const config::DefaultResponseRule& rule = policy.default_rule;
    listing.begin_record();
    listing.text("Rule ID", {}, fmt::format("0, GUID = {}", rule.guid.to_string()));
    listing.text({}, "guid", rule.guid.to_string());
    listing.text_as("Rule Name", {}, "NONE", {});
    listing.flag("Activated", "active", rule.active);
    describe_auth(listing, rule.auth_methods, context.show_secrets && verbose);
    listing.text("FilterList", {}, "<Dynamic>");
    listing.text("FilterAction", {}, "Default Response");
    if (verbose) {
        listing.flag("QMPFS", "qmpfs", rule.qm_pfs);
        describe_qm_offers(listing, rule.offers, rule.qm_pfs);
    }
    listing.end_record();
}

std::span<const HandlerRow> static_rule_handlers() {
    return kHandlers;
}

}  // namespace control
