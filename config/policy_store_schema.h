// The format of the policy store's file: creating one, and refusing what is not one.
#pragma once

#include "config/database.h"
#include "config/result.h"

#include <memory>
#include <string>

namespace config {

inline constexpr std::int64_t kStoreApplicationId = 0x506F7274;  // "Port", at byte 68 of the file
inline constexpr std::int64_t kStoreVersion = 1;

// See PolicyStore::open.
[[nodiscard]] Result<std::unique_ptr<Database>> open_store_database(const std::string& path);

}  // namespace config
