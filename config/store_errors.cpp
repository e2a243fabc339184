#include "config/store_errors.h"

#include <fmt/format.h>

#include <utility>

namespace config {

Error name_not_found(ErrorCode code, std::string_view noun, std::span<const std::string> similar) {
    std::string text = fmt::format("There is no {} with that name.", noun);
    if (similar.size() == 1) {
        text += fmt::format(" Names are case-sensitive, and there is \"{}\".", similar.front());
    }
    return Error{code, std::move(text)};
}

Error guid_not_found(ErrorCode code, std::string_view noun) {
    return Error{code, fmt::format("There is no {} with that GUID.", noun)};
}

Error name_exists(ErrorCode code, std::string_view noun, std::string_view name) {
    return Error{code, fmt::format("A {} with the name \"{}\" exists.", noun, name)};
}

Error object_in_use(std::string_view noun,
                    std::string_view policy_name,
                    std::string_view rule_name) {
    return Error{
        ErrorCode::kObjectInUse,
        fmt::format(
            "The {} is used by rule \"{}\" of policy \"{}\".", noun, rule_name, policy_name)};
}

}  // namespace config
