// The errors of looking names up in the policy store, worded the same for every noun.
#pragma once

#include "config/result.h"

#include <span>
#include <string>
#include <string_view>

namespace config {

// `similar`: names that differ only in case. One is shown; several would not help.
[[nodiscard]] Error name_not_found(ErrorCode code,
                                   std::string_view noun,
                                   std::span<const std::string> similar);
[[nodiscard]] Error guid_not_found(ErrorCode code, std::string_view noun);
[[nodiscard]] Error name_exists(ErrorCode code, std::string_view noun, std::string_view name);

[[nodiscard]] Error object_in_use(std::string_view noun,
                                  std::string_view policy_name,
                                  std::string_view rule_name);

}  // namespace config
