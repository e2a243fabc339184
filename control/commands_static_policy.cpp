// static add, delete, set and show of policies, and their default response rule.
#include "control/auth_check.h"
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Error;
using config::ErrorCode;
using config::Policy;
using config::Result;

// Everything `add policy` and `set policy` have in common. Not given = unchanged.
void apply(CommandContext& context, const Arguments& arguments, Policy& policy) {
    policy.description = arguments.text("description").value_or(policy.description);
    policy.mm_pfs = arguments.yes_no("mmpfs").value_or(policy.mm_pfs);
    policy.qm_per_mm = arguments.number("qmpermm").value_or(policy.qm_per_mm);
    policy.mm_lifetime_minutes =
        arguments.number("mmlifetime").value_or(policy.mm_lifetime_minutes);
    policy.polling_interval_minutes =
        arguments.number("pollinginterval").value_or(policy.polling_interval_minutes);
    policy.default_rule.active =
        arguments.yes_no("activatedefaultrule").value_or(policy.default_rule.active);
    if (auto offers = arguments.mm_methods("mmsecmethods")) {
        policy.offers = std::move(*offers);
    }
    // A fresh key for each main mode means one quick mode per main mode.
    if (policy.mm_pfs && policy.qm_per_mm != 1) {
        if (arguments.given("qmpermm")) {
            context.notes.emplace_back("mmpfs=yes sets qmpermm to 1.");
        }
        policy.qm_per_mm = 1;
    }
    policy.modified = context.now;
}

Result<void> note_assignment(CommandContext& context, const Policy& policy) {
    const Result<std::vector<config::Rule>> rules = context.store.rules(policy.guid);
    if (!rules) {
        return rules.error();
    }
    if (rules->empty()) {
        context.notes.emplace_back(
            "The assigned policy has no rules: no traffic is blocked or protected by it.");
    }
    return {};
}

CommandResult add_policy(CommandContext& context, const Arguments& arguments) {
    Policy policy;
    policy.guid = config::Guid::random();
    policy.name = *arguments.text("name");
    policy.offers = config::default_mm_methods();
    policy.default_rule.guid = config::Guid::random();
    policy.default_rule.offers = config::default_qm_methods();
    policy.default_rule.auth_methods.emplace_back();
    apply(context, arguments, policy);
    policy.assigned = arguments.yes_no("assign").value_or(false);
    if (const Result<void> added = context.store.add_policy(policy); !added) {
        return added.error();
    }
    if (policy.assigned) {
        context.reassigned = true;
        if (const Result<void> noted = note_assignment(context, policy); !noted) {
            return noted.error();
        }
    }
    return std::string();
}

Result<Policy> named_policy(const CommandContext& context, const Arguments& arguments) {
    if (const std::optional<std::string> name = arguments.text("name")) {
        return context.store.find_policy(*name);
    }
    return context.store.find_policy(*arguments.guid("guid"));
}

CommandResult set_policy(CommandContext& context, const Arguments& arguments) {
    if (arguments.given("gponame")) {
        return Error{ErrorCode::kNotInThisStore,
                     "gponame links a policy of the domain store; the current store is local."};
    }
    Result<Policy> policy = named_policy(context, arguments);
    if (!policy) {
        return policy.error();
    }
    policy->name = arguments.text("newname").value_or(policy->name);
    apply(context, arguments, *policy);
    const std::optional<bool> assign = arguments.yes_no("assign");
    context.reassigned = assign.has_value() && (*assign || policy->assigned);
    policy->assigned = assign.value_or(policy->assigned);
    if (const Result<void> updated = context.store.update_policy(*policy); !updated) {
        return updated.error();
    }
    context.touched.push_back(policy->guid);
    if (assign.value_or(false)) {
        if (const Result<void> checked = check_assigned_rules(context); !checked) {
            return checked.error();
        }
        if (const Result<void> noted = note_assignment(context, *policy); !noted) {
            return noted.error();
        }
    }
    return std::string();
}

CommandResult delete_policy(CommandContext& context, const Arguments& arguments) {
    std::vector<Policy> doomed;
    if (const std::optional<std::string> name = arguments.text("name")) {
        Result<Policy> policy = context.store.find_policy(*name);
        if (!policy) {
            return policy.error();
        }
        doomed.push_back(std::move(*policy));
    } else {
        Result<std::vector<Policy>> all = context.store.policies(config::StoreOrder::kName);
        if (!all) {
            return all.error();
        }
        doomed = std::move(*all);
    }
    for (const Policy& policy : doomed) {
        if (const Result<void> removed = context.store.remove_policy(policy.guid); !removed) {
            return removed.error();
        }
        context.reassigned = context.reassigned || policy.assigned;
    }
    return std::string();
}

CommandResult set_default_rule(CommandContext& context, const Arguments& arguments) {
    Result<Policy> policy = context.store.find_policy(*arguments.text("policy"));
    if (!policy) {
        return policy.error();
    }
    config::DefaultResponseRule& rule = policy->default_rule;
    rule.qm_pfs = arguments.yes_no("qmpfs").value_or(rule.qm_pfs);
    rule.active = arguments.yes_no("activate").value_or(rule.active);
    if (auto offers = arguments.qm_methods("qmsecmethods")) {
        rule.offers = std::move(*offers);
    }
    if (auto methods = arguments.auth_methods()) {
        if (methods->empty()) {
            return Error{ErrorCode::kNoAuthMethod,
                         "kerberos=no leaves the rule without authentication method; kerberos=yes, "
                         "psk or rootca was expected."};
        }
        rule.auth_methods = std::move(*methods);
    }
    policy->modified = context.now;
    const Result<void> updated = context.store.update_policy(*policy);
    return updated ? CommandResult(std::string()) : updated.error();
}

CommandResult show_policy(CommandContext& context, const Arguments& arguments) {
    std::vector<Policy> policies;
    const std::optional<std::string> name = arguments.text("name");
    if (name) {
        Result<Policy> policy = context.store.find_policy(*name);
        if (!policy) {
            return policy.error();
        }
        policies.push_back(std::move(*policy));
    } else {
        Result<std::vector<Policy>> all = context.store.policies(config::StoreOrder::kName);
        if (!all) {
            return all.error();
        }
        policies = std::move(*all);
        if (policies.empty()) {
            return Error{ErrorCode::kNoPolicies, "The store holds no policy."};
        }
    }
    Listing listing = context.listing(arguments);
    const bool verbose =
        context.json || arguments.keyword<config::Level>("level") == config::Level::kVerbose;
    if (listing.layout() == Layout::kTable) {
        // Programs that read this table expect its data from the fifth line.
        listing.line("");
        listing.line("Policies of the store");
    }
    listing.begin_records("policies");
    for (const Policy& policy : policies) {
        if (const Result<void> done = describe_policy(context, listing, policy, verbose); !done) {
            return done.error();
        }
    }
    listing.end_records();
    if (!name) {
        listing.number("No. of policies", "policy_count", policies.size());
        listing.text("Store", "store", context.store_name);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 5> kHandlers{{
    {config::CommandId::kStaticAddPolicy, add_policy},
    {config::CommandId::kStaticDeletePolicy, delete_policy},
    {config::CommandId::kStaticSetPolicy, set_policy},
    {config::CommandId::kStaticSetDefaultRule, set_default_rule},
    {config::CommandId::kStaticShowPolicy, show_policy},
}};

}  // namespace

Result<void> describe_policy(const CommandContext& context,
                             Listing& listing,
                             const Policy& policy,
                             bool verbose) {
    const Result<std::vector<config::Rule>> rules = context.store.rules(policy.guid);
    if (!rules) {
        return rules.error();
    }
    listing.begin_record();
    listing.text("Policy Name", "name", policy.name);
    if (listing.layout() == Layout::kTable) {
        // Scripts read name, number of rules, last modified and assigned from the first cells.
        listing.number("Rules", {}, rules->size());
        describe_modified(listing, policy.modified);
        listing.flag("Assign", {}, policy.assigned);
        listing.flag("Master PFS", {}, policy.mm_pfs);
    } else {
        listing.text_or_none("Description", "description", policy.description);
        describe_modified(listing, policy.modified);
        listing.flag("Assigned", "assigned", policy.assigned);
        listing.flag("Master PFS", "mmpfs", policy.mm_pfs);
        listing.number_as("Polling Interval",
                          "polling_interval_minutes",
                          fmt::format("{} minutes", policy.polling_interval_minutes),
                          policy.polling_interval_minutes);
    }
    if (verbose) {
        listing.text("GUID", "guid", policy.guid.to_string());
        listing.text("Store", "store", context.store_name);
        listing.text("Main Mode LifeTime",
                     {},
                     fmt::format("{} minutes / {} Quick mode sessions",
                                 policy.mm_lifetime_minutes,
                                 policy.qm_per_mm));
        listing.number({}, "mm_lifetime_minutes", policy.mm_lifetime_minutes);
        listing.number({}, "qm_per_mm", policy.qm_per_mm);
        describe_mm_offers(listing, policy.offers);
        if (listing.layout() != Layout::kTable) {
            listing.number("No. of Rules", "rule_count", rules->size());
        }
        listing.begin_records("rules", "Rule Details");
        for (std::size_t i = 0; i < rules->size(); ++i) {
            const Result<void> done = describe_rule(context, listing, (*rules)[i], i + 1, verbose);
            if (!done) {
                return done.error();
            }
        }
        listing.end_records();
        listing.begin_records("default_rule", "Default Response Rule");
        describe_default_rule(context, listing, policy, verbose);
        listing.end_records();
    }
    listing.end_record();
    return {};
}

std::span<const HandlerRow> static_policy_handlers() {
    return kHandlers;
}

}  // namespace control
