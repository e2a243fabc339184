// dynamic show mmfilter: between whom main modes are negotiated, and under which terms.
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"
#include "control/describe_ike.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::AuthMethod;
using config::MainModeTerms;
using config::Result;
using config::RuleRow;
using config::RuleSet;
using config::RuleSetFilter;

// Filters that differ only in protocol, ports and direction: a main mode serves them all.
struct MainModeFilter {
    const RuleSetFilter* filter = nullptr;  // the most specific of them
    const RuleRow* row = nullptr;           // type=specific
    const MainModeTerms* terms = nullptr;
    std::size_t filters = 0;
};

bool same_method(const AuthMethod& a, const AuthMethod& b) {
    return a.kind == b.kind && a.root_ca == b.root_ca
           && a.certificate_mapping == b.certificate_mapping
           && a.exclude_ca_name == b.exclude_ca_name && equal_ct(a.preshared_key, b.preshared_key);
}

bool same_terms(const MainModeTerms& a, const MainModeTerms& b) {
    return a.policy_name == b.policy_name
           && std::equal(a.auth_methods.begin(),
                         a.auth_methods.end(),
                         b.auth_methods.begin(),
                         b.auth_methods.end(),
                         same_method);
}

std::string key_of(const config::FilterAddress& address) {
    return fmt::format("{} {} {}",
                       static_cast<unsigned>(address.kind),
                       address.first.to_string(),
                       address.last.to_string());
}

// Of what has to be equal but for the terms.
std::string key_of(const MainModeFilter& one) {
    const RuleSetFilter& filter = *one.filter;
    std::string key =
        one.row == nullptr
            ? key_of(filter.spec.source) + " " + key_of(filter.spec.destination)
            : bounds_text(one.row->source_first, one.row->source_last) + " "
                  + bounds_text(one.row->destination_first, one.row->destination_last);
    if (filter.tunnel_endpoint) {
        key += " " + filter.tunnel_endpoint->to_string();
    }
    return key;
}

class Collection {
  public:
    void add(const MainModeFilter& one) {
        auto [first, last] = index_.equal_range(key_of(one));
        const auto same = std::find_if(first, last, [&](const auto& entry) {
            return same_terms(*filters_[entry.second].terms, *one.terms);
        });
        if (same != last) {
            ++filters_[same->second].filters;
            return;
        }
        index_.emplace(key_of(one), filters_.size());
        filters_.push_back(one);
        filters_.back().filters = 1;
    }
    [[nodiscard]] const std::vector<MainModeFilter>& filters() const { return filters_; }

  private:
    std::vector<MainModeFilter> filters_;  // as they are tried
    std::unordered_multimap<std::string, std::size_t> index_;
};

struct Selection {
    config::FilterPattern pattern;
    std::optional<std::string> name;

    // The terms, if the filter is selected and negotiates.
    [[nodiscard]] const MainModeTerms* terms_of(const RuleSet& rule_set,
                                                const RuleSetFilter& filter) const {
        const config::RuleSetRule& rule = rule_set.rules[filter.rule];
        const bool selected = rule.terms != nullptr && config::matches(pattern, filter.spec)
                              && (!name || *name == rule.rule_name);
        return selected ? &rule.terms->main_mode : nullptr;
    }
};

Collection collect(const RuleSet& rule_set, const Selection& selection, bool specific) {
    Collection collection;
    if (!specific) {
        for (const RuleSetFilter& filter : rule_set.filters) {
            if (const MainModeTerms* terms = selection.terms_of(rule_set, filter)) {
                collection.add({&filter, nullptr, terms});
            }
        }
        return collection;
    }
    for (const RuleRow& row : rule_set.rows) {
        const RuleSetFilter& filter = rule_set.filters[row.filter];
        const MainModeTerms* terms = selection.terms_of(rule_set, filter);
        if (terms != nullptr && !row.mirror) {
            collection.add({&filter, &row, terms});
        }
    }
    return collection;
}

void describe(const CommandContext& context,
              Listing& listing,
              const RuleSet& rule_set,
              const MainModeFilter& one) {
    const config::RuleSetRule& rule = rule_set.rules[one.filter->rule];
    listing.begin_record();
    listing.text("Mainmode Policy", "mm_policy", one.terms->policy_name);
    listing.text_or_none("Rule Name", "rule", rule.rule_name);
    if (one.row == nullptr) {
        describe_sides(listing, one.filter->spec);
    } else {
        listing.text("Source", "source", bounds_text(one.row->source_first, one.row->source_last));
        listing.text("Destination",
                     "destination",
                     bounds_text(one.row->destination_first, one.row->destination_last));
    }
    listing.flag("Tunnel Filter", "tunnel", rule.tunnel);
    if (one.filter->tunnel_endpoint) {
        listing.text(
            "Tunnel End Point", "tunnel_endpoint", one.filter->tunnel_endpoint->to_string());
    }
    listing.text("Security Methods", "methods", config::to_string(one.terms->offers));
    listing.number("Quickmode Filters", "qm_filter_count", one.filters);
    describe_auth(listing, one.terms->auth_methods, context.show_secrets);
    listing.end_record();
}

CommandResult show_mm_filter(CommandContext& context, const Arguments& arguments) {
    Result<config::FilterPattern> pattern = filter_pattern(context, arguments);
    if (!pattern) {
        return pattern.error();
    }
    const Selection selection{std::move(*pattern), arguments.text("name")};
    const bool specific =
        arguments.keyword<config::FilterType>("type") == config::FilterType::kSpecific;
    const DataplaneHandle::InForce in_force = context.dataplane.in_force();
    const Collection collection =
        in_force.rule_set ? collect(*in_force.rule_set, selection, specific) : Collection();
    Listing listing = context.listing(arguments);
    listing.begin_records("mm_filters");
    for (const MainModeFilter& one : collection.filters()) {
        describe(context, listing, *in_force.rule_set, one);
    }
    listing.end_records();
    if (collection.filters().empty()) {
        listing.line("Mainmode Filters not available.");
    } else {
        listing.number("No. of Filters", "filter_count", collection.filters().size());
    }
    if (context.ike == nullptr) {
        listing.line(kNoIke);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 1> kHandlers{{
    {config::CommandId::kDynamicShowMmFilter, show_mm_filter},
}};

}  // namespace

std::span<const HandlerRow> dynamic_mm_filter_handlers() {
    return kHandlers;
}

}  // namespace control
