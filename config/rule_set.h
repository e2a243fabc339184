// RuleSet: the filters of all active rules, expanded for one host and put in the order in which the
// first match decides. Immutable once compiled; the dataplane builds its FilterTable from it.
//
// Order (docs/filter-order.md): tunnel before transport, address class, mask lengths, protocol and
// ports, the more restrictive action, then rule and filter position.
#pragma once

#include "config/negotiation.h"
#include "config/policy.h"
#include "config/sa_spec.h"
#include "config/types.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace config {

class RuleTags;

// What the host's symbols stand for at the moment.
struct HostView {
    std::vector<IpAddress> me;
    std::vector<IpAddress> dns_servers;
    std::vector<IpAddress> wins_servers;
    std::vector<IpAddress> dhcp_servers;
    std::vector<IpAddress> default_gateways;

    friend bool operator==(const HostView&, const HostView&) = default;
};

// One rule with its filters, as the compiler takes it: static rules of the assigned policy and
// dynamic rules both become this.
struct RuleSource {
    Guid guid;
    std::string policy_name;  // empty: dynamic rule
    std::string rule_name;
    TunnelEndpoint tunnel;
    ConnectionType connection_type = ConnectionType::kAll;
    Action inbound = Action::kNegotiate;
    Action outbound = Action::kNegotiate;
    bool inbound_passthrough = false;
    bool soft = false;
    std::shared_ptr<const NegotiationTerms> terms;  // nullptr: it does not negotiate
    std::vector<Filter> filters;

    [[nodiscard]] bool is_tunnel() const { return tunnel.kind != TunnelKind::kNone; }
    [[nodiscard]] bool negotiates() const {
        return inbound == Action::kNegotiate || outbound == Action::kNegotiate;
    }
};

// Where the tunnel of a rule ends for the traffic of one of its filters; nothing for a transport
// rule and where the filter names no single far host.
[[nodiscard]] std::optional<IpAddress> endpoint_for(const TunnelEndpoint& tunnel,
                                                    const FilterSpec& spec);

// Whether a mirrored filter of the rule also makes rows for the opposite direction. In a tunnel
// rule it does where both directions belong to one tunnel (docs/decisions/0014).
[[nodiscard]] bool uses_mirrors(const RuleSource& source, bool endpoint_is_me);

// A filter that contributes rows: the identity behind hit counters, listings and logs.
struct RuleSetFilter {
    Guid filter;
    std::uint32_t rule = 0;    // index into RuleSet::rules
    std::uint64_t weight = 0;  // larger = more specific; printed by `show qmfilter`
    FilterSpec spec;
    std::string description;
    std::optional<IpAddress> tunnel_endpoint;  // of a tunnel rule, if it is known
    bool endpoint_is_me = false;               // it is one of HostView::me
    // Of a tunnel rule to a peer: the address of ours at which the rule for the way back ends.
    std::optional<IpAddress> local_endpoint;
};

struct RuleSetRule {
    Guid guid;
    RuleTag tag = kAnyRule;  // what SAs call it
    std::string policy_name;
    std::string rule_name;
    bool tunnel = false;
    ConnectionType connection_type = ConnectionType::kAll;
    Action inbound = Action::kNegotiate;
    Action outbound = Action::kNegotiate;
    bool inbound_passthrough = false;
    bool soft = false;
    std::shared_ptr<const NegotiationTerms> terms;  // nullptr: it does not negotiate
};

// One classifier row, one direction, one family. Address bounds are inclusive and in network byte
// order; IPv4 uses the first four bytes.
struct RuleRow {
    Family family = Family::kIpv4;
    std::uint8_t protocol = kAnyProtocol;
    ConnectionType connection_type = ConnectionType::kAll;
    bool mirror = false;  // the exchanged form of a mirrored filter
    Action inbound = Action::kPermit;
    Action outbound = Action::kPermit;
    std::uint32_t filter = 0;     // index into RuleSet::filters
    RuleTag selector = kAnyRule;  // what SAs call this row; kAnyRule: it does not negotiate
    IpAddress source_first;
    IpAddress source_last;
    IpAddress destination_first;
    IpAddress destination_last;
    PortRange source_port;
    PortRange destination_port;
};

struct RuleSet {
    std::vector<RuleSetRule> rules;
    std::vector<RuleSetFilter> filters;
    std::vector<RuleRow> rows;  // both families, most specific first
};

// Errors: kTooManyFilters when ranges and symbols expand beyond `kMaxRows`.
inline constexpr std::size_t kMaxRows = 1'000'000;
[[nodiscard]] Result<RuleSet> compile_rule_set(const std::vector<RuleSource>& sources,
                                               const HostView& host,
                                               RuleTags& tags);

}  // namespace config
