// dynamic add, delete, set and show of main mode and quick mode policies.
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
using config::MainModePolicy;
using config::QuickModePolicy;

Error mm_not_found() {
    return {ErrorCode::kMmPolicyNotFound, "There is no main mode policy with that name."};
}

Error qm_not_found() {
    return {ErrorCode::kQmPolicyNotFound, "There is no quick mode policy with that name."};
}

bool uses(const DynamicState& state,
          std::string config::DynamicRule::*member,
          const std::string& name) {
    return std::any_of(state.rules.begin(), state.rules.end(), [&](const auto& rule) {
        return rule.*member == name;
    });
}

// Removes the named policy, or every one no rule uses.
template <typename Policy>
CommandResult remove(CommandContext& context,
                     const Arguments& arguments,
                     std::vector<Policy>& policies,
                     std::string config::DynamicRule::*member,
                     const Error& not_found,
                     ErrorCode in_use) {
    const std::optional<std::string> name = arguments.text("name");
    if (name) {
        const auto it = std::find_if(policies.begin(), policies.end(), [&](const Policy& policy) {
            return policy.name == *name;
        });
        if (it == policies.end()) {
            return not_found;
        }
        if (uses(context.dynamic, member, *name)) {
            return Error{in_use,
                         fmt::format("A dynamic rule still uses the policy '{}'; delete the rule "
                                     "first.",
                                     *name)};
        }
        policies.erase(it);
        return std::string();
    }
    std::erase_if(policies, [&](const Policy& policy) {
        return !uses(context.dynamic, member, policy.name);
    });
    if (!policies.empty()) {
        context.refused =
            Error{in_use,
                  fmt::format("Dynamic rules still use '{}'{}; the other policies were deleted.",
                              policies.front().name,
                              policies.size() > 1 ? fmt::format(" and {} more", policies.size() - 1)
                                                  : std::string())};
    }
    return std::string();
}

void apply(const Arguments& arguments, MainModePolicy& policy) {
    policy.qm_per_mm = arguments.number("qmpermm").value_or(policy.qm_per_mm);
    policy.mm_lifetime_minutes =
        arguments.number("mmlifetime").value_or(policy.mm_lifetime_minutes);
    policy.soft_sa_minutes =
        arguments.number("softsaexpirationtime").value_or(policy.soft_sa_minutes);
    if (auto offers = arguments.mm_methods("mmsecmethods")) {
        policy.offers = std::move(*offers);
    }
}

CommandResult add_mm_policy(CommandContext& context, const Arguments& arguments) {
    MainModePolicy policy;
    policy.name = *arguments.text("name");
    policy.offers = config::default_mm_methods();
    if (context.dynamic.find_mm_policy(policy.name) != nullptr) {
        return Error{ErrorCode::kMmPolicyExists,
                     fmt::format("A main mode policy '{}' exists.", policy.name)};
    }
    apply(arguments, policy);
    context.dynamic.mm_policies.push_back(std::move(policy));
    return std::string();
}

CommandResult set_mm_policy(CommandContext& context, const Arguments& arguments) {
    for (MainModePolicy& policy : context.dynamic.mm_policies) {
        if (policy.name == *arguments.text("name")) {
            apply(arguments, policy);
            context.dynamic_rules_changed =
                uses(context.dynamic, &config::DynamicRule::mm_policy, policy.name);
            return std::string();
        }
    }
    return mm_not_found();
}

CommandResult delete_mm_policy(CommandContext& context, const Arguments& arguments) {
    return remove(context,
                  arguments,
                  context.dynamic.mm_policies,
                  &config::DynamicRule::mm_policy,
                  mm_not_found(),
                  ErrorCode::kMmPolicyInUse);
}

void describe(Listing& listing, const MainModePolicy& policy) {
    listing.begin_record();
    listing.text("Mainmode Policy Name", "name", policy.name);
    listing.number_as("Main Mode LifeTime",
                      "mm_lifetime_minutes",
                      fmt::format("{} minutes", policy.mm_lifetime_minutes),
                      policy.mm_lifetime_minutes);
    listing.number("Quick Mode Limit", "qm_per_mm", policy.qm_per_mm);
    listing.number_as("Soft SA Expiration Time",
                      "soft_sa_minutes",
                      fmt::format("{} minutes", policy.soft_sa_minutes),
                      policy.soft_sa_minutes);
    describe_mm_offers(listing, policy.offers);
    listing.end_record();
}

CommandResult show_mm_policy(CommandContext& context, const Arguments& arguments) {
    Listing listing = context.listing(arguments);
    const std::optional<std::string> name = arguments.text("name");
    if (name && context.dynamic.find_mm_policy(*name) == nullptr) {
        return mm_not_found();
    }
    listing.begin_records("mm_policies");
    for (const MainModePolicy& policy : context.dynamic.mm_policies) {
        if (!name || policy.name == *name) {
            describe(listing, policy);
        }
    }
    listing.end_records();
    if (context.dynamic.mm_policies.empty()) {
        listing.line("Mainmode Policies not available.");
    }
    return listing.take();
}

void apply(const Arguments& arguments, QuickModePolicy& policy) {
    policy.soft = arguments.yes_no("soft").value_or(policy.soft);
    policy.pfs_group = arguments.keyword<config::PfsGroup>("pfsgroup").value_or(policy.pfs_group);
    if (auto offers = arguments.qm_methods("qmsecmethods")) {
        policy.offers = std::move(*offers);
    }
}

CommandResult add_qm_policy(CommandContext& context, const Arguments& arguments) {
    QuickModePolicy policy;
    policy.name = *arguments.text("name");
    policy.offers = config::default_qm_methods();
    if (context.dynamic.find_qm_policy(policy.name) != nullptr) {
        return Error{ErrorCode::kQmPolicyExists,
                     fmt::format("A quick mode policy '{}' exists.", policy.name)};
    }
    apply(arguments, policy);
    context.dynamic.qm_policies.push_back(std::move(policy));
    return std::string();
}

CommandResult set_qm_policy(CommandContext& context, const Arguments& arguments) {
    for (QuickModePolicy& policy : context.dynamic.qm_policies) {
        if (policy.name == *arguments.text("name")) {
            apply(arguments, policy);
            context.dynamic_rules_changed =
                uses(context.dynamic, &config::DynamicRule::qm_policy, policy.name);
            return std::string();
        }
    }
    return qm_not_found();
}

CommandResult delete_qm_policy(CommandContext& context, const Arguments& arguments) {
    return remove(context,
                  arguments,
                  context.dynamic.qm_policies,
                  &config::DynamicRule::qm_policy,
                  qm_not_found(),
                  ErrorCode::kQmPolicyInUse);
}

void describe(Listing& listing, const QuickModePolicy& policy) {
    listing.begin_record();
    listing.text("QuickMode Policy Name", "name", policy.name);
    listing.flag("Soft", "soft", policy.soft);
    listing.text("PFS Group", "pfs_group", config::token(policy.pfs_group));
    describe_qm_offers(listing, policy.offers, policy.pfs_group != config::PfsGroup::kNone);
    listing.end_record();
}

CommandResult show_qm_policy(CommandContext& context, const Arguments& arguments) {
    Listing listing = context.listing(arguments);
    const std::optional<std::string> name = arguments.text("name");
    if (name && context.dynamic.find_qm_policy(*name) == nullptr) {
        return qm_not_found();
    }
    listing.begin_records("qm_policies");
    for (const QuickModePolicy& policy : context.dynamic.qm_policies) {
        if (!name || policy.name == *name) {
            describe(listing, policy);
        }
    }
    listing.end_records();
    if (context.dynamic.qm_policies.empty()) {
        listing.line("Quickmode Policies not available.");
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 8> kHandlers{{
    {config::CommandId::kDynamicAddMmPolicy, add_mm_policy},
    {config::CommandId::kDynamicSetMmPolicy, set_mm_policy},
    {config::CommandId::kDynamicDeleteMmPolicy, delete_mm_policy},
    {config::CommandId::kDynamicShowMmPolicy, show_mm_policy},
    {config::CommandId::kDynamicAddQmPolicy, add_qm_policy},
    {config::CommandId::kDynamicSetQmPolicy, set_qm_policy},
    {config::CommandId::kDynamicDeleteQmPolicy, delete_qm_policy},
    {config::CommandId::kDynamicShowQmPolicy, show_qm_policy},
}};

}  // namespace

std::span<const HandlerRow> dynamic_policy_handlers() {
    return kHandlers;
}

}  // namespace control
