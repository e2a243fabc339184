// Selectors: the specific filters. An SA pair of IKE carries the traffic between two sets of
// addresses, so a filter with symbols stands for as many of them as it expands to. Each gets a
// number of its own (config/rule_tags.h), which SAs name as they name rules.
#pragma once

#include "config/rule_set.h"
#include "config/rule_tags.h"

namespace config {

// Fills RuleRow::selector of the rows that negotiate. A row and its mirror share one, and so do the
// two unmirrored rules of a tunnel (docs/decisions/0014); the filter that protects learns its
// RuleSetFilter::local_endpoint from the other. Rows are in their final order.
void assign_selectors(RuleSet& rule_set, RuleTags& tags);

}  // namespace config
