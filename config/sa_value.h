// The values of `add sa` that are not keywords: SPIs, keys, methods and their like
// (config/value.h).
#pragma once

#include "config/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace config {

// `type`: kIpAddress, kSpi, kSaMethod, kHexKey, kReplayWindow, kUdpPort or kDscp.
[[nodiscard]] Result<Value> parse_sa_value(ValueType type,
                                           std::string_view tag,
                                           std::string_view text,
                                           std::vector<std::string>& notes);

}  // namespace config
