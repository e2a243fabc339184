#include "config/selectors.h"

#include <unordered_map>
#include <utility>

namespace config {
namespace {

// As the filter was written, whichever direction the row is for.
SelectorKey key_of(const RuleRow& row, RuleTag rule, const Guid& filter) {
    SelectorKey key{.rule = rule,
                    .filter = filter,
                    .family = row.family,
                    .protocol = row.protocol,
                    .source_first = row.source_first.bytes,
                    .source_last = row.source_last.bytes,
                    .destination_first = row.destination_first.bytes,
                    .destination_last = row.destination_last.bytes,
                    .source_port = row.source_port,
                    .destination_port = row.destination_port};
    return row.mirror ? key.exchanged() : key;
}

// What the two rules of a tunnel have in common, seen from the one that protects. The connection
// type is among it: rules for different ports of the gateway are different tunnels.
struct TunnelKey {
    SelectorKey traffic;  // of no rule and no filter
    ConnectionType connection_type = ConnectionType::kAll;

    friend bool operator==(const TunnelKey&, const TunnelKey&) = default;
};
struct TunnelKeyHash {
    std::size_t operator()(const TunnelKey& key) const noexcept {
        return std::hash<SelectorKey>{}(key.traffic)
               ^ static_cast<std::size_t>(key.connection_type);
    }
};

TunnelKey tunnel_key_of(const RuleRow& row) {
    return {key_of(row, kAnyRule, {}), row.connection_type};
}

bool negotiates(const RuleRow& row) {
    return row.inbound == Action::kNegotiate || row.outbound == Action::kNegotiate;
}

}  // namespace

void assign_selectors(RuleSet& rule_set, RuleTags& tags) {
    // Rows of traffic as written towards a peer. The first of equal ones is the one packets meet.
    std::unordered_map<TunnelKey, const RuleRow*, TunnelKeyHash> outbound;
    for (RuleRow& row : rule_set.rows) {
        const RuleSetFilter& filter = rule_set.filters[row.filter];
        if (!negotiates(row) || filter.endpoint_is_me) {
            continue;
        }
        row.selector =
            tags.selector_of(key_of(row, rule_set.rules[filter.rule].tag, filter.filter));
        if (filter.tunnel_endpoint && !row.mirror) {
            outbound.try_emplace(tunnel_key_of(row), &row);
        }
    }
    for (RuleRow& row : rule_set.rows) {
        const RuleSetFilter& filter = rule_set.filters[row.filter];
        if (!negotiates(row) || !filter.endpoint_is_me) {
            continue;
        }
        TunnelKey back = tunnel_key_of(row);
        back.traffic = back.traffic.exchanged();
        const auto pair = outbound.find(back);
        if (pair == outbound.end()) {
            row.selector =
                tags.selector_of(key_of(row, rule_set.rules[filter.rule].tag, filter.filter));
            continue;
        }
        row.selector = pair->second->selector;
        rule_set.filters[pair->second->filter].local_endpoint = filter.tunnel_endpoint;
    }
}

}  // namespace config
