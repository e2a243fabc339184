// static add, delete, set and show of filter lists and their filters.
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
using config::Filter;
using config::FilterList;
using config::Result;

Result<void> check_name_case(CommandContext& context, const std::string& name) {
    const auto similar =
        context.store.find_name_ignoring_case(config::StoreNoun::kFilterList, name);
    if (!similar) {
        return similar.error();
    }
    if (!similar->empty()) {
        context.notes.push_back(fmt::format(
            "A new filter list was created; '{}' differs from it only in case.", similar->front()));
    }
    return {};
}

// `add filter` makes the list if there is none of that name.
Result<FilterList> find_or_create_list(CommandContext& context, const std::string& name) {
    Result<FilterList> list = context.store.find_filter_list(name);
    if (list || list.error().code != ErrorCode::kFilterListNotFound) {
        return list;
    }
    if (const Result<void> checked = check_name_case(context, name); !checked) {
        return checked.error();
    }
    FilterList created{config::Guid::random(), name, {}, context.now};
    if (const Result<void> added = context.store.add_filter_list(created); !added) {
        return added.error();
    }
    return created;
}

Result<std::vector<config::FilterAddress>> side_addresses(const CommandContext& context,
                                                          const Arguments& arguments,
                                                          std::string_view address_tag,
                                                          std::string_view mask_tag) {
    const config::AddressSyntax address = *arguments.address(address_tag);
    const Result<std::vector<config::IpAddress>> resolved = context.addresses_of(address);
    if (!resolved) {
        return resolved.error();
    }
    return config::combine_filter_address(address, arguments.mask(mask_tag), *resolved);
}

}  // namespace

Result<std::vector<config::FilterSpec>> filter_specs(const CommandContext& context,
                                                     const Arguments& arguments) {
    config::FilterParts parts;
    Result<std::vector<config::FilterAddress>> sources =
        side_addresses(context, arguments, "srcaddr", "srcmask");
    if (!sources) {
        return sources.error();
    }
    Result<std::vector<config::FilterAddress>> destinations =
        side_addresses(context, arguments, "dstaddr", "dstmask");
    if (!destinations) {
        return destinations.error();
    }
    parts.sources = std::move(*sources);
    parts.destinations = std::move(*destinations);
    parts.protocol = arguments.protocol("protocol").value_or(config::ProtocolSyntax{});
    parts.source_port = arguments.port("srcport").value_or(config::PortRange{});
    parts.destination_port = arguments.port("dstport").value_or(config::PortRange{});
    parts.mirrored = arguments.yes_no("mirrored").value_or(true);
    return config::make_filter_specs(parts);
}

Result<config::FilterPattern> filter_pattern(const CommandContext& context,
                                             const Arguments& arguments) {
    config::FilterPattern pattern;
    const auto side = [&](std::string_view address_tag,
                          std::string_view mask_tag) -> Result<config::AddressPattern> {
        const std::optional<config::AddressSyntax> address = arguments.address(address_tag);
        if (!address) {
            return config::AddressPattern{};
        }
        const Result<std::vector<config::IpAddress>> resolved = context.addresses_of(*address);
        // A filter keeps the name it was made from: it can be found although the name is gone.
        static const std::vector<config::IpAddress> kNone;
        return config::make_address_pattern(
            *address, arguments.mask(mask_tag), resolved ? *resolved : kNone);
    };
    Result<config::AddressPattern> source = side("srcaddr", "srcmask");
    if (!source) {
        return source.error();
    }
    Result<config::AddressPattern> destination = side("dstaddr", "dstmask");
    if (!destination) {
        return destination.error();
    }
    pattern.source = std::move(*source);
    pattern.destination = std::move(*destination);
    pattern.protocol = arguments.protocol("protocol");
    pattern.source_port = arguments.port("srcport");
    pattern.destination_port = arguments.port("dstport");
    pattern.mirrored = arguments.yes_no("mirrored");
    return pattern;
}

namespace {

CommandResult add_filter(CommandContext& context, const Arguments& arguments) {
    Result<std::vector<config::FilterSpec>> specs = filter_specs(context, arguments);
    if (!specs) {
        return specs.error();
    }
    const Result<FilterList> list = find_or_create_list(context, *arguments.text("filterlist"));
    if (!list) {
        return list.error();
    }
    std::size_t known = 0;
    for (config::FilterSpec& spec : *specs) {
        const Filter filter{config::Guid::random(),
                            arguments.text("description").value_or(std::string()),
                            std::move(spec)};
        const Result<bool> added = context.store.add_filter(list->guid, filter, context.now);
        if (!added) {
            return added.error();
        }
        known += *added ? std::size_t{0} : std::size_t{1};
    }
    if (known > 0) {
        context.notes.push_back(
            known == 1 ? "The list holds this filter already; it was stored once."
                       : fmt::format("The list holds {} of these filters already; they were "
                                     "stored once.",
                                     known));
    }
    context.touched.push_back(list->guid);
    return std::string();
}

CommandResult add_filter_list(CommandContext& context, const Arguments& arguments) {
    const Result<void> added =
        context.store.add_filter_list({config::Guid::random(),
                                       *arguments.text("name"),
                                       arguments.text("description").value_or(std::string()),
                                       context.now});
    return added ? CommandResult(std::string()) : added.error();
}

// Exact sides can be looked up; everything else walks the list.
Result<std::vector<Filter>> candidates(const config::PolicyStore& store,
                                       const FilterList& list,
                                       const config::FilterPattern& pattern) {
    const auto exact = [](const config::AddressPattern& side) {
        return !side.any_of.empty() && side.dns_name.empty();
    };
    if (!exact(pattern.source) || !exact(pattern.destination)) {
        return store.filters(list.guid);
    }
    std::vector<Filter> found;
    for (const config::FilterAddress& source : pattern.source.any_of) {
        for (const config::FilterAddress& destination : pattern.destination.any_of) {
            Result<std::vector<Filter>> some =
                store.filters_between(list.guid, source, destination);
            if (!some) {
                return some.error();
            }
            std::move(some->begin(), some->end(), std::back_inserter(found));
        }
    }
    return found;
}

CommandResult delete_filter(CommandContext& context, const Arguments& arguments) {
    const Result<FilterList> list = context.store.find_filter_list(*arguments.text("filterlist"));
    if (!list) {
        return list.error();
    }
    const Result<config::FilterPattern> pattern = filter_pattern(context, arguments);
    if (!pattern) {
        return pattern.error();
    }
    const Result<std::vector<Filter>> filters = candidates(context.store, *list, *pattern);
    if (!filters) {
        return filters.error();
    }
    std::size_t removed = 0;
    for (const Filter& filter : *filters) {
        if (!config::matches(*pattern, filter.spec)) {
            continue;
        }
        const Result<void> gone = context.store.remove_filter(list->guid, filter.guid, context.now);
        if (!gone) {
            return gone.error();
        }
        ++removed;
    }
    if (removed == 0) {
        return Error{ErrorCode::kFilterNotFound, "No filter of the list matches the parameters."};
    }
    if (removed > 1) {
        context.notes.push_back(fmt::format("{} filters were deleted.", removed));
    }
    context.touched.push_back(list->guid);
    return std::string();
}

CommandResult delete_filter_list(CommandContext& context, const Arguments& arguments) {
    const std::optional<std::string> name = arguments.text("name");
    if (name) {
        const Result<FilterList> list = context.store.find_filter_list(*name);
        if (!list) {
            return list.error();
        }
        const Result<void> removed = context.store.remove_filter_list(list->guid);
        return removed ? CommandResult(std::string()) : removed.error();
    }
    const Result<std::vector<FilterList>> lists =
        context.store.filter_lists(config::StoreOrder::kName);
    if (!lists) {
        return lists.error();
    }
    std::string kept;
    for (const FilterList& list : *lists) {
        const Result<void> removed = context.store.remove_filter_list(list.guid);
        if (removed) {
            continue;
        }
        if (removed.error().code != ErrorCode::kObjectInUse) {
            return removed.error();
        }
        kept += (kept.empty() ? "'" : ", '") + list.name + "'";
    }
    if (!kept.empty()) {
        context.refused =
            Error{ErrorCode::kPartialFailure,
                  fmt::format("Rules still use {}; the other filter lists were deleted.", kept)};
    }
    return std::string();
}

CommandResult set_filter_list(CommandContext& context, const Arguments& arguments) {
    const std::optional<std::string> name = arguments.text("name");
    Result<FilterList> list = name ? context.store.find_filter_list(*name)
                                   : context.store.find_filter_list(*arguments.guid("guid"));
    if (!list) {
        return list.error();
    }
    list->name = arguments.text("newname").value_or(list->name);
    list->description = arguments.text("description").value_or(list->description);
    list->modified = context.now;
    const Result<void> updated = context.store.update_filter_list(*list);
    return updated ? CommandResult(std::string()) : updated.error();
}

}  // namespace

Result<void> describe_filter_list(const CommandContext& context,
                                  Listing& listing,
                                  const FilterList& list,
                                  bool verbose) {
    const Result<std::size_t> count = context.store.filter_count(list.guid);
    if (!count) {
        return count.error();
    }
    listing.begin_record();
    listing.text("FilterList Name", "name", list.name);
    // Five cells at most: scripts expect the data of this table from its third line.
    const bool table = listing.layout() == Layout::kTable;
    if (table) {
        listing.number("No. of Filters", {}, *count);
    }
    listing.text_or_none("Description", "description", list.description);
    if (!table) {
        listing.text("Store", "store", context.store_name);
    }
    describe_modified(listing, list.modified);
    listing.text("GUID", "guid", list.guid.to_string());
    if (!table) {
        listing.number("No. of Filters", "filter_count", *count);
    }
    if (verbose) {
        const Result<std::vector<Filter>> filters = context.store.filters(list.guid);
        if (!filters) {
            return filters.error();
        }
        listing.begin_records("filters", "Filter(s)");
        for (const Filter& filter : *filters) {
            listing.begin_record();
            if (!table) {
                listing.text_or_none("Description", "description", filter.description);
            }
            describe_filter(listing, filter.spec);
            if (table) {
                listing.text_or_none("Description", {}, filter.description);
            }
            listing.text({}, "guid", filter.guid.to_string());
            listing.end_record();
        }
        listing.end_records();
    }
    listing.end_record();
    return {};
}

namespace {

// name=, rule= or all.
Result<std::vector<FilterList>> selected_lists(const CommandContext& context,
                                               const Arguments& arguments) {
    if (const std::optional<std::string> name = arguments.text("name")) {
        Result<FilterList> list = context.store.find_filter_list(*name);
        if (!list) {
            return list.error();
        }
        return std::vector{std::move(*list)};
    }
    if (const std::optional<std::string> rule = arguments.text("rule")) {
        const Result<std::vector<config::Rule>> rules = context.store.rules_named(*rule);
        if (!rules) {
            return rules.error();
        }
        std::vector<FilterList> lists;
        for (const config::Rule& one : *rules) {
            Result<FilterList> list = context.store.find_filter_list(one.filter_list);
            if (!list) {
                return list.error();
            }
            lists.push_back(std::move(*list));
        }
        if (lists.empty()) {
            return Error{ErrorCode::kRuleNotFound, "No policy has a rule with that name."};
        }
        return lists;
    }
    Result<std::vector<FilterList>> lists = context.store.filter_lists(config::StoreOrder::kName);
    if (lists && lists->empty()) {
        return Error{ErrorCode::kNoFilterLists, "The store holds no filter list."};
    }
    return lists;
}

CommandResult show_filter_list(CommandContext& context, const Arguments& arguments) {
    const Result<std::vector<FilterList>> lists = selected_lists(context, arguments);
    if (!lists) {
        return lists.error();
    }
    Listing listing = context.listing(arguments);
    const bool verbose =
        context.json || arguments.keyword<config::Level>("level") == config::Level::kVerbose;
    listing.begin_records("filter_lists");
    for (const FilterList& list : *lists) {
        if (const Result<void> done = describe_filter_list(context, listing, list, verbose);
            !done) {
            return done.error();
        }
    }
    listing.end_records();
    if (!arguments.given("name") && !arguments.given("rule")) {
        listing.number("No. of FilterLists", "filter_list_count", lists->size());
        listing.text("Store", "store", context.store_name);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 6> kHandlers{{
    {config::CommandId::kStaticAddFilter, add_filter},
    {config::CommandId::kStaticAddFilterList, add_filter_list},
    {config::CommandId::kStaticDeleteFilter, delete_filter},
    {config::CommandId::kStaticDeleteFilterList, delete_filter_list},
    {config::CommandId::kStaticSetFilterList, set_filter_list},
    {config::CommandId::kStaticShowFilterList, show_filter_list},
}};

}  // namespace

std::span<const HandlerRow> static_filter_handlers() {
    return kHandlers;
}

}  // namespace control
