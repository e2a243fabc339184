// The fewest prefixes that cover an inclusive address range, in ascending order: what a classifier
// that knows only prefixes needs for a range. At most 2 * bits - 2 of them.
#pragma once

#include "config/types.h"

#include <vector>

namespace dataplane {

// Precondition: same family, first <= last.
[[nodiscard]] std::vector<config::IpPrefix> prefix_cover(const config::IpAddress& first,
                                                         const config::IpAddress& last);

}  // namespace dataplane
