// static add, delete, set and show of filter actions.
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
using config::FilterAction;
using config::Result;

// qmpfs, inpass and soft mean something only while security is negotiated.
void clear_unused_flags(CommandContext& context, FilterAction& action) {
    if (action.action == config::Action::kNegotiate
        || !(action.qm_pfs || action.inbound_passthrough || action.soft)) {
        return;
    }
    action.qm_pfs = false;
    action.inbound_passthrough = false;
    action.soft = false;
    context.notes.emplace_back(
        "qmpfs, inpass and soft are not used with permit and block; they were stored as no.");
}

void apply(CommandContext& context, const Arguments& arguments, FilterAction& action) {
    action.description = arguments.text("description").value_or(action.description);
    action.action = arguments.keyword<config::Action>("action").value_or(action.action);
    action.qm_pfs = arguments.yes_no("qmpfs").value_or(action.qm_pfs);
    action.inbound_passthrough = arguments.yes_no("inpass").value_or(action.inbound_passthrough);
    action.soft = arguments.yes_no("soft").value_or(action.soft);
    if (auto offers = arguments.qm_methods("qmsecmethods")) {
        action.offers = std::move(*offers);
    }
    action.modified = context.now;
    clear_unused_flags(context, action);
}

CommandResult add_filter_action(CommandContext& context, const Arguments& arguments) {
    FilterAction action;
    action.guid = config::Guid::random();
    action.name = *arguments.text("name");
    action.offers = config::default_qm_methods();
    apply(context, arguments, action);
    const Result<void> added = context.store.add_filter_action(action);
    return added ? CommandResult(std::string()) : added.error();
}

CommandResult set_filter_action(CommandContext& context, const Arguments& arguments) {
    const std::optional<std::string> name = arguments.text("name");
    Result<FilterAction> action = name ? context.store.find_filter_action(*name)
                                       : context.store.find_filter_action(*arguments.guid("guid"));
    if (!action) {
        return action.error();
    }
    action->name = arguments.text("newname").value_or(action->name);
    apply(context, arguments, *action);
    const Result<void> updated = context.store.update_filter_action(*action);
    if (!updated) {
        return updated.error();
    }
    if (const Result<void> checked = check_assigned_rules(context, action->guid); !checked) {
        return checked.error();
    }
    context.touched.push_back(action->guid);
    return std::string();
}

CommandResult delete_filter_action(CommandContext& context, const Arguments& arguments) {
    if (const std::optional<std::string> name = arguments.text("name")) {
        const Result<FilterAction> action = context.store.find_filter_action(*name);
        if (!action) {
            return action.error();
        }
        const Result<void> removed = context.store.remove_filter_action(action->guid);
        return removed ? CommandResult(std::string()) : removed.error();
    }
    const Result<std::vector<FilterAction>> actions =
        context.store.filter_actions(config::StoreOrder::kName);
    if (!actions) {
        return actions.error();
    }
    std::string kept;
    for (const FilterAction& action : *actions) {
        const Result<void> removed = context.store.remove_filter_action(action.guid);
        if (removed) {
            continue;
        }
        if (removed.error().code != ErrorCode::kObjectInUse) {
            return removed.error();
        }
        kept += (kept.empty() ? "'" : ", '") + action.name + "'";
    }
    if (!kept.empty()) {
        context.refused =
            Error{ErrorCode::kPartialFailure,
                  fmt::format("Rules still use {}; the other filter actions were deleted.", kept)};
    }
    return std::string();
}

// name=, rule= or all.
Result<std::vector<FilterAction>> selected_actions(const CommandContext& context,
                                                   const Arguments& arguments) {
    if (const std::optional<std::string> name = arguments.text("name")) {
        Result<FilterAction> action = context.store.find_filter_action(*name);
        if (!action) {
            return action.error();
        }
        return std::vector{std::move(*action)};
    }
    if (const std::optional<std::string> rule = arguments.text("rule")) {
        const Result<std::vector<config::Rule>> rules = context.store.rules_named(*rule);
        if (!rules) {
            return rules.error();
        }
        std::vector<FilterAction> actions;
        for (const config::Rule& one : *rules) {
            Result<FilterAction> action = context.store.find_filter_action(one.filter_action);
            if (!action) {
                return action.error();
            }
            actions.push_back(std::move(*action));
        }
        if (actions.empty()) {
            return Error{ErrorCode::kRuleNotFound, "No policy has a rule with that name."};
        }
        return actions;
    }
    Result<std::vector<FilterAction>> actions =
        context.store.filter_actions(config::StoreOrder::kName);
    if (actions && actions->empty()) {
        return Error{ErrorCode::kNoFilterActions, "The store holds no filter action."};
    }
    return actions;
}

CommandResult show_filter_action(CommandContext& context, const Arguments& arguments) {
    const Result<std::vector<FilterAction>> actions = selected_actions(context, arguments);
    if (!actions) {
        return actions.error();
    }
    Listing listing = context.listing(arguments);
    const bool verbose =
        context.json || arguments.keyword<config::Level>("level") == config::Level::kVerbose;
    listing.begin_records("filter_actions");
    for (const FilterAction& action : *actions) {
        describe_filter_action(context, listing, action, verbose);
    }
    listing.end_records();
    if (!arguments.given("name") && !arguments.given("rule")) {
        listing.number("No. of FilterActions", "filter_action_count", actions->size());
        listing.text("Store", "store", context.store_name);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 4> kHandlers{{
    {config::CommandId::kStaticAddFilterAction, add_filter_action},
    {config::CommandId::kStaticDeleteFilterAction, delete_filter_action},
    {config::CommandId::kStaticSetFilterAction, set_filter_action},
    {config::CommandId::kStaticShowFilterAction, show_filter_action},
}};

}  // namespace

void describe_filter_action(const CommandContext& context,
                            Listing& listing,
                            const FilterAction& action,
                            bool verbose) {
    const bool negotiate = action.action == config::Action::kNegotiate;
    listing.begin_record();
    listing.text("FilterAction Name", "name", action.name);
    // Scripts take the action from the second cell of a table.
    const bool table = listing.layout() == Layout::kTable;
    if (!table) {
        listing.text_or_none("Description", "description", action.description);
    }
    if (verbose && !table) {
        listing.text("Store", "store", context.store_name);
    }
    listing.text_as("Action", "action", action_text(action.action), config::token(action.action));
    listing.flag("AllowUnsecure(Fallback)", "soft", action.soft);
    listing.flag("Inbound Passthrough", "inpass", action.inbound_passthrough);
    listing.number("No. of Security.Methods",
                   "method_count",
                   negotiate ? action.offers.size() : std::size_t{0});
    describe_modified(listing, action.modified);
    listing.text("GUID", "guid", action.guid.to_string());
    if (table) {
        listing.text_or_none("Description", {}, action.description);
    }
    if (verbose) {
        listing.flag("QMPFS", "qmpfs", action.qm_pfs);
        if (negotiate) {
            describe_qm_offers(listing, action.offers, action.qm_pfs);
        }
    }
    listing.end_record();
}

std::span<const HandlerRow> static_action_handlers() {
    return kHandlers;
}

}  // namespace control
