// The meaning of a RuleSet in the fewest words: the first row that matches decides. A linear scan
// for tests and for explaining a verdict; packets go through dataplane/filter_table.h.
#pragma once

#include "config/rule_set.h"

#include <cstdint>

namespace config {

// Addresses are of one family; ports are 0 for protocols that have none.
struct MatchInput {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool lan = true;  // the packet's ingress or egress port is of that type
    bool dialup = false;
};

[[nodiscard]] bool row_matches(const RuleRow& row, const MatchInput& packet);

// Null: no row matches.
[[nodiscard]] const RuleRow* first_match(const RuleSet& rule_set, const MatchInput& packet);

}  // namespace config
