#include "control/ike_rules.h"

#include <algorithm>
#include <utility>

namespace control {

namespace {

using config::IpAddress;
using config::PortRange;
using config::RuleRow;
using config::RuleTag;
using ike::Selector;
using ike::TrafficSelectors;

bool contains(const IpAddress& first, const IpAddress& last, const IpAddress& address) {
    return address.family == first.family && first <= address && address <= last;
}

bool is_between(const RuleRow& row, const IpAddress& source, const IpAddress& destination) {
    return contains(row.source_first, row.source_last, source)
           && contains(row.destination_first, row.destination_last, destination);
}

// RFC 2407 4.6.2: an identity names one port or all of them; a range of ours is asked for as all,
// and the filter sees to it that no others pass.
std::uint16_t wire_port(const PortRange& range) {
    return range.first == range.last ? range.first : std::uint16_t{0};
}

// What the row says, with its source as the local end.
TrafficSelectors traffic_of(const RuleRow& row) {
    return {.local = {row.source_first, row.source_last, row.protocol, wire_port(row.source_port)},
            .remote = {row.destination_first,
                       row.destination_last,
                       row.protocol,
                       wire_port(row.destination_port)}};
}

void narrow(Selector& selector, const IpAddress& address) {
    selector.first = address;
    selector.last = address;
}

bool same_protocol_and_port(const Selector& a, const Selector& b) {
    return a.protocol == b.protocol && a.port == b.port;
}

}  // namespace

IkeRules::IkeRules(std::shared_ptr<const config::RuleSet> rule_set)
    : rule_set_(std::move(rule_set)) {
    for (Row index = 0; index < rule_set_->rows.size(); ++index) {
        if (rule_set_->rows[index].selector != config::kAnyRule) {
            add_row(index);
        }
    }
}

void IkeRules::add_row(Row index) {
    const RuleRow& row = rule_set_->rows[index];
    if (rule_of(row).terms == nullptr) {
        return;
    }
    if (!rule_of(row).tunnel) {
        by_selector_.emplace(row.selector, index);
        transports_.push_back(index);
        return;
    }
    // A tunnel is what leads to a peer; the way back belongs to it.
    const config::RuleSetFilter& filter = filter_of(row);
    if (filter.tunnel_endpoint && !filter.endpoint_is_me && !row.mirror) {
        by_selector_.emplace(row.selector, index);
        tunnels_[*filter.tunnel_endpoint].push_back(index);
    }
}

const config::RuleSetFilter& IkeRules::filter_of(const RuleRow& row) const {
    return rule_set_->filters[row.filter];
}

const config::RuleSetRule& IkeRules::rule_of(const RuleRow& row) const {
    return rule_set_->rules[filter_of(row).rule];
}

const config::RuleSetRule* IkeRules::rule_of(RuleTag selector) const {
    const auto found = by_selector_.find(selector);
    return found == by_selector_.end() ? nullptr : &rule_of(rule_set_->rows[found->second]);
}

std::shared_ptr<const config::NegotiationTerms> IkeRules::terms_of(RuleTag selector) const {
    const config::RuleSetRule* rule = rule_of(selector);
    return rule == nullptr ? nullptr : rule->terms;
}

std::optional<ike::Acquire> IkeRules::acquire(RuleTag selector,
                                              const IpAddress& local,
                                              const IpAddress& remote) const {
    const auto [first, last] = by_selector_.equal_range(selector);
    for (auto found = first; found != last; ++found) {
        const RuleRow& row = rule_set_->rows[found->second];
        const config::RuleSetRule& rule = rule_of(row);
        ike::Acquire wish;
        wish.selector = selector;
        wish.rule = rule.guid;
        wish.local = local;
        wish.remote = remote;
        wish.traffic = traffic_of(row);
        wish.terms = rule.terms;
        if (rule.tunnel) {
            wish.mode = config::SaMode::kTunnel;
            return wish;
        }
        if (is_between(row, local, remote)) {
            narrow(wish.traffic.local, local);
            narrow(wish.traffic.remote, remote);
            return wish;
        }
    }
    return std::nullopt;
}

std::shared_ptr<const config::NegotiationTerms> IkeRules::main_mode_terms(
    const IpAddress& local, const IpAddress& remote) const {
    if (const auto tunnel = tunnels_.find(remote); tunnel != tunnels_.end()) {
        return rule_of(rule_set_->rows[tunnel->second.front()]).terms;
    }
    for (const Row index : transports_) {
        const RuleRow& row = rule_set_->rows[index];
        if (is_between(row, local, remote) || is_between(row, remote, local)) {
            return rule_of(row).terms;
        }
    }
    return nullptr;
}

std::optional<ike::QuickModeMatch> IkeRules::quick_mode_match(
    const ike::QuickModeQuery& query) const {
    return query.mode == config::SaMode::kTunnel ? match_tunnel(query) : match_transport(query);
}

// Exactly the filter's traffic: one SA carries all packets of it.
std::optional<ike::QuickModeMatch> IkeRules::match_tunnel(const ike::QuickModeQuery& query) const {
    const auto tunnel = tunnels_.find(query.remote);
    if (tunnel == tunnels_.end()) {
        return std::nullopt;
    }
    for (const Row index : tunnel->second) {
        const RuleRow& row = rule_set_->rows[index];
        // Where the rule for the way back says at which of our addresses the tunnel ends.
        const std::optional<IpAddress>& own = filter_of(row).local_endpoint;
        if (traffic_of(row) == query.traffic && (!own || *own == query.local)) {
            const config::RuleSetRule& rule = rule_of(row);
            return ike::QuickModeMatch{row.selector, rule.guid, rule.terms};
        }
    }
    return std::nullopt;
}

// Between the two ends of IKE, whatever a peer behind a NAT calls its own address (RFC 3947 5.2).
std::optional<ike::QuickModeMatch> IkeRules::match_transport(
    const ike::QuickModeQuery& query) const {
    const bool is_host_pair = query.traffic.local.first == query.traffic.local.last
                              && query.traffic.remote.first == query.traffic.remote.last;
    const bool are_ends =
        query.traffic.local.first == query.local && query.traffic.remote.first == query.remote;
    if (!is_host_pair || !(are_ends || query.behind_nat)) {
        return std::nullopt;
    }
    for (const Row index : transports_) {
        const RuleRow& row = rule_set_->rows[index];
        if (!is_between(row, query.local, query.remote)) {
            continue;
        }
        const TrafficSelectors traffic = traffic_of(row);
        if (same_protocol_and_port(traffic.local, query.traffic.local)
            && same_protocol_and_port(traffic.remote, query.traffic.remote)) {
            const config::RuleSetRule& rule = rule_of(row);
            return ike::QuickModeMatch{row.selector, rule.guid, rule.terms};
        }
    }
    return std::nullopt;
}

}  // namespace control
