// static set store, show store, show all and delete all.
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <array>

namespace control {

namespace {

using config::Arguments;
using config::Error;
using config::ErrorCode;
using config::Result;

CommandResult set_store(CommandContext& context, const Arguments& arguments) {
    const config::StoreLocation location = *arguments.keyword<config::StoreLocation>("location");
    if (arguments.given("domain") && location != config::StoreLocation::kDomain) {
        return Error{ErrorCode::kNotInThisStore,
                     "domain= belongs to location=domain; another location was given."};
    }
    switch (location) {
        case config::StoreLocation::kLocal:
            break;
        case config::StoreLocation::kPersistent:
            return Error{ErrorCode::kNotInThisStore,
                         "This gateway has no persistent store; location=local was expected. Its "
                         "local store survives a restart."};
        case config::StoreLocation::kDomain:
            return Error{ErrorCode::kStoreUnavailable,
                         "The policy store cannot be opened: this gateway has no connection to a "
                         "directory; location=local was expected."};
    }
    if (context.once) {
        context.notes.emplace_back(
            "set store lasts for one netsh session; as a single command it has no effect.");
    }
    return std::string();
}

CommandResult show_store(CommandContext& context, const Arguments&) {
    if (!context.json) {
        return "\n" + context.store_name + "\n";
    }
    Listing listing(Layout::kJson, true);
    listing.text({}, "location", "local");
    listing.text({}, "store", context.store_name);
    return listing.take();
}

CommandResult delete_all(CommandContext& context, const Arguments&) {
    const Result<std::optional<config::Policy>> assigned = context.store.assigned_policy();
    if (!assigned) {
        return assigned.error();
    }
    const Result<void> removed = context.store.remove_all();
    if (!removed) {
        return removed.error();
    }
    context.reassigned = assigned->has_value();
    return std::string();
}

Result<void> describe_everything(const CommandContext& context, Listing& listing) {
    const auto policies = context.store.policies(config::StoreOrder::kName);
    const auto lists = context.store.filter_lists(config::StoreOrder::kName);
    const auto actions = context.store.filter_actions(config::StoreOrder::kName);
    if (!policies || !lists || !actions) {
        return !policies ? policies.error() : !lists ? lists.error() : actions.error();
    }
    listing.begin_records("policies");
    for (const config::Policy& policy : *policies) {
        if (const Result<void> done = describe_policy(context, listing, policy, true); !done) {
            return done;
        }
    }
    listing.end_records();
    listing.begin_records("filter_lists");
    for (const config::FilterList& list : *lists) {
        if (const Result<void> done = describe_filter_list(context, listing, list, true); !done) {
            return done;
        }
    }
    listing.end_records();
    listing.begin_records("filter_actions");
    for (const config::FilterAction& action : *actions) {
        describe_filter_action(context, listing, action, true);
    }
    listing.end_records();
    listing.number("No. of policies", "policy_count", policies->size());
    listing.number("No. of FilterLists", "filter_list_count", lists->size());
    listing.number("No. of FilterActions", "filter_action_count", actions->size());
    listing.text("Store", "store", context.store_name);
    return {};
}

CommandResult show_all(CommandContext& context, const Arguments& arguments) {
    Listing listing = context.listing(arguments);
    if (const Result<void> done = describe_everything(context, listing); !done) {
        return done.error();
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 4> kHandlers{{
    {config::CommandId::kStaticDeleteAll, delete_all},
    {config::CommandId::kStaticSetStore, set_store},
    {config::CommandId::kStaticShowAll, show_all},
    {config::CommandId::kStaticShowStore, show_store},
}};

}  // namespace

std::span<const HandlerRow> static_store_handlers() {
    return kHandlers;
}

}  // namespace control
