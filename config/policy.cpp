#include "config/policy.h"

#include "config/value.h"

namespace config {

// The spelling is that of the keyword rows, so that a listing can be typed back.
std::string_view token(Action action) {
    return keyword_text(ValueType::kAction, static_cast<std::uint8_t>(action));
}

std::string_view token(ConnectionType type) {
    return keyword_text(ValueType::kConnectionType, static_cast<std::uint8_t>(type));
}

std::string_view token(PfsGroup group) {
    return keyword_text(ValueType::kPfsGroup, static_cast<std::uint8_t>(group));
}

}  // namespace config
