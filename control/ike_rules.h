// IkeRules: the rules in force as IKE asks about them: what to propose for traffic that wants an
// SA, which terms hold with a peer, and which specific filter a peer's quick mode is about.
//
// Immutable; made anew for each rule set.
#pragma once

#include "config/rule_set.h"
#include "control/ike/host.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace control {

class IkeRules {
  public:
    explicit IkeRules(std::shared_ptr<const config::RuleSet> rule_set);

    // What the specific filter `selector` negotiates; nullptr: it is not in force.
    [[nodiscard]] std::shared_ptr<const config::NegotiationTerms> terms_of(
        config::RuleTag selector) const;

    // Traffic of the specific filter `selector` needs an SA from `local` to `remote`: the packet's
    // own ends, or those of the tunnel. Nothing: the filter is not in force any more.
    [[nodiscard]] std::optional<ike::Acquire> acquire(config::RuleTag selector,
                                                      const config::IpAddress& local,
                                                      const config::IpAddress& remote) const;

    // As ike::Host has them.
    [[nodiscard]] std::shared_ptr<const config::NegotiationTerms> main_mode_terms(
        const config::IpAddress& local, const config::IpAddress& remote) const;
    [[nodiscard]] std::optional<ike::QuickModeMatch> quick_mode_match(
        const ike::QuickModeQuery& query) const;

    // The rule's name for logs and listings; empty for a dynamic rule.
    [[nodiscard]] const config::RuleSetRule* rule_of(config::RuleTag selector) const;

  private:
    using Row = std::uint32_t;  // index into RuleSet::rows

    void add_row(Row index);
    [[nodiscard]] const config::RuleSetFilter& filter_of(const config::RuleRow& row) const;
    [[nodiscard]] const config::RuleSetRule& rule_of(const config::RuleRow& row) const;
    [[nodiscard]] std::optional<ike::QuickModeMatch> match_tunnel(
        const ike::QuickModeQuery& query) const;
    [[nodiscard]] std::optional<ike::QuickModeMatch> match_transport(
        const ike::QuickModeQuery& query) const;

    std::shared_ptr<const config::RuleSet> rule_set_;
    // Rows that negotiate, most specific first.
    std::unordered_multimap<config::RuleTag, Row> by_selector_;
    std::unordered_map<config::IpAddress, std::vector<Row>> tunnels_;  // by end point
    std::vector<Row> transports_;
};

}  // namespace control
