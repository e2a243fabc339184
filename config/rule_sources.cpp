#include "config/rule_sources.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace config {
namespace {

// Windows keeps only "on" and "off" for a filter action: on means the group of main mode.
// `soft` lasts as long as a main mode where the policy has no lifetime for it.
NegotiationTerms static_terms(const Policy& policy, const Rule& rule, const FilterAction& action) {
    return {.main_mode = {.policy_name = policy.name,
                          .offers = policy.offers,
                          .lifetime_minutes = policy.mm_lifetime_minutes,
                          .qm_per_mm = policy.mm_pfs ? 1 : policy.qm_per_mm,
                          .soft_sa_minutes = policy.mm_lifetime_minutes,
                          .auth_methods = rule.auth_methods},
            .quick_mode = {.policy_name = action.name,
                           .offers = action.offers,
                           .pfs_group = action.qm_pfs ? PfsGroup::kGroupMm : PfsGroup::kNone,
                           .soft = action.soft}};
}

template <typename NamedPolicy>
const NamedPolicy* find_policy(std::string_view name, std::span<const NamedPolicy> policies) {
    const auto found = std::find_if(policies.begin(),
                                    policies.end(),
                                    [&](const NamedPolicy& policy) { return policy.name == name; });
    return found == policies.end() ? nullptr : &*found;
}

NegotiationTerms dynamic_terms(const DynamicRule& rule,
                               const MainModePolicy* main_mode,
                               const QuickModePolicy* quick_mode) {
    NegotiationTerms terms;
    terms.main_mode.policy_name = rule.mm_policy;
    terms.main_mode.auth_methods = rule.auth_methods;
    if (main_mode != nullptr) {
        terms.main_mode.offers = main_mode->offers;
        terms.main_mode.lifetime_minutes = main_mode->mm_lifetime_minutes;
        terms.main_mode.qm_per_mm = main_mode->qm_per_mm;
        terms.main_mode.soft_sa_minutes = main_mode->soft_sa_minutes;
    }
    terms.quick_mode.policy_name = rule.qm_policy;
    if (quick_mode != nullptr) {
        terms.quick_mode.offers = quick_mode->offers;
        terms.quick_mode.pfs_group = quick_mode->pfs_group;
        terms.quick_mode.soft = quick_mode->soft;
    }
    return terms;
}

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
    if (source.negotiates()) {
        source.terms =
            std::make_shared<const NegotiationTerms>(static_terms(policy, rule, *action));
    }
    return source;
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
                          std::span<const MainModePolicy> mm_policies,
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
        const QuickModePolicy* const quick_mode = find_policy(rule.qm_policy, qm_policies);
        source.soft = quick_mode != nullptr && quick_mode->soft;
        if (source.negotiates()) {
            source.terms = std::make_shared<const NegotiationTerms>(
                dynamic_terms(rule, find_policy(rule.mm_policy, mm_policies), quick_mode));
        }
        // The rule has one filter and no name of its own: one GUID stands for both.
        source.filters.push_back({rule.guid, {}, rule.spec});
    }
}

Result<std::vector<RuleSource>> rule_sources(const PolicyStore& store,
                                             std::span<const DynamicRule> dynamic_rules,
                                             std::span<const MainModePolicy> mm_policies,
                                             std::span<const QuickModePolicy> qm_policies) {
    std::vector<RuleSource> sources;
    if (Result<void> appended = append_assigned_rules(store, sources); !appended) {
        return std::move(appended).error();
    }
    append_dynamic_rules(dynamic_rules, mm_policies, qm_policies, sources);
    return sources;
}

}  // namespace config
