// What `dynamic set config` keeps in the store and IKE obeys.
#pragma once

#include "config/policy_store.h"
#include "config/result.h"
#include "config/value.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace control {

class IkeHandle;

struct Settings {
    std::uint8_t ike_logging = 0;       // 0, 1
    std::uint8_t strong_crl_check = 1;  // 0, 1, 2
};

struct SettingRow {
    config::ConfigProperty property;
    std::string_view label;
    std::string_view key;  // in JSON
    std::string_view expected;
    std::uint8_t last;  // of the values 0, 1, ...
    std::uint8_t Settings::*member;
};
[[nodiscard]] std::span<const SettingRow> setting_rows();

// One that is not in the store, or has a value this version does not know, has its default.
[[nodiscard]] config::Result<Settings> read_settings(const config::PolicyStore& store);
void apply(const Settings& settings, IkeHandle* ike);  // nullptr: nobody is told

// The name of a property, in commands and in the store.
[[nodiscard]] std::string_view property_name(config::ConfigProperty property);

}  // namespace control
