#include "config/rule_sources.h"

#include <algorithm>
#include <utility>

namespace config {
namespace {

Result<RuleSource> source_of(const PolicyStore& store, const Policy& policy, const Rule& rule) {
    const Result<FilterAction> action = store.find_filter_action(rule.filter_action);
    if (!action) {
        return action.error();
    }
    Result<std::vector<Filter>> filters = store.filters(rule.filter_list);
    if (!filters) {
        return std::move(filters).error();
    }
    RuleSource source;
    source.guid = rule.guid;
    source.policy_name = policy.name;
    source.rule_name = rule.name;
    source.tunnel = rule.tunnel;
    source.connection_type = rule.connection_type;
    source.inbound = action->action;
    source.outbound = action->action;
    source.inbound_passthrough = action->inbound_passthrough;
    source.soft = action->soft;
    source.filters = std::move(filters).value();
    return source;
}

bool may_fall_back(std::string_view qm_policy, std::span<const QuickModePolicy> qm_policies) {
    return std::any_of(qm_policies.begin(), qm_policies.end(), [&](const QuickModePolicy& policy) {
        return policy.name == qm_policy && policy.soft;
    });
}

}  // namespace

Result<void> append_assigned_rules(const PolicyStore& store, std::vector<RuleSource>& sources) {
    const Result<std::optional<Policy>> policy = store.assigned_policy();
    if (!policy) {
        return policy.error();
    }
    if (!policy->has_value()) {
        return {};
    }
    const Result<std::vector<Rule>> rules = store.rules((*policy)->guid);
    if (!rules) {
        return rules.error();
    }
    for (const Rule& rule : *rules) {
        if (!rule.active) {
            continue;
        }
        Result<RuleSource> source = source_of(store, **policy, rule);
        if (!source) {
            return std::move(source).error();
        }
        sources.push_back(std::move(source).value());
    }
    return {};
}

void append_dynamic_rules(std::span<const DynamicRule> rules,
                          std::span<const QuickModePolicy> qm_policies,
                          std::vector<RuleSource>& sources) {
    for (const DynamicRule& rule : rules) {
        RuleSource& source = sources.emplace_back();
        source.guid = rule.guid;
        source.tunnel = rule.tunnel;
        source.connection_type = rule.connection_type;
        source.inbound = rule.inbound;
        source.outbound = rule.outbound;
        // What a filter action calls inpass is written with two actions here.
        source.inbound_passthrough =
            rule.inbound == Action::kPermit && rule.outbound == Action::kNegotiate;
        source.soft = may_fall_back(rule.qm_policy, qm_policies);
        // The rule has one filter and no name of its own: one GUID stands for both.
        source.filters.push_back({rule.guid, {}, rule.spec});
    }
}

Result<std::vector<RuleSource>> rule_sources(const PolicyStore& store,
                                             std::span<const DynamicRule> dynamic_rules,
                                             std::span<const QuickModePolicy> qm_policies) {
    std::vector<RuleSource> sources;
    if (Result<void> appended = append_assigned_rules(store, sources); !appended) {
        return std::move(appended).error();
    }
    append_dynamic_rules(dynamic_rules, qm_policies, sources);
    return sources;
}

}  // namespace config
