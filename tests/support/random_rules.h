// Random filter tables that look like those people write, and packets most of which hit them.
// Deterministic: the same seed gives the same table.
#pragma once

#include "config/rule_match.h"
#include "config/rule_set.h"

#include <cstdint>
#include <random>
#include <vector>

namespace tests {

using Random = std::mt19937_64;

struct TableShape {
    config::Family family = config::Family::kIpv4;
    std::size_t rows = 100;
    bool connection_types = false;
    bool ranges = true;  // addresses that are no prefix
};

// Prefixes overlap on purpose: addresses come from a small pool of networks, a third of the rows'
// count. Rows are in random order with the broad ones last, as a compiled rule set has them.
[[nodiscard]] config::RuleSet random_rule_set(const TableShape& shape, Random& random);

// Both families of two shapes in one set, interleaved.
[[nodiscard]] config::RuleSet merged(const config::RuleSet& a, const config::RuleSet& b);

// A packet drawn from inside a random row (nine of ten) or from anywhere.
[[nodiscard]] config::MatchInput random_packet(const config::RuleSet& rule_set,
                                               config::Family family,
                                               Random& random);

}  // namespace tests
