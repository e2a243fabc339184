#include "control/settings.h"

#include "control/ike_handle.h"

#include <array>
#include <string>

namespace control {

namespace {

using config::ConfigProperty;
using config::Result;

constexpr std::array<SettingRow, 2> kRows{{
    {ConfigProperty::kIkeLogging,
     "IKE Logging",
     "ike_logging",
     "0 or 1",
     1,
     &Settings::ike_logging},
    {ConfigProperty::kStrongCrlCheck,
     "StrongCRLCheck",
     "strong_crl_check",
     "0, 1 or 2",
     2,
     &Settings::strong_crl_check},
}};

}  // namespace

std::span<const SettingRow> setting_rows() {
    return kRows;
}

Result<Settings> read_settings(const config::PolicyStore& store) {
    Settings settings;
    for (const SettingRow& row : kRows) {
        const auto stored = store.setting(property_name(row.property));
        if (!stored) {
            return stored.error();
        }
        for (std::uint8_t value = 0; stored->has_value() && value <= row.last; ++value) {
            if (**stored == std::to_string(value)) {
                settings.*row.member = value;
            }
        }
    }
    return settings;
}

void apply(const Settings& settings, IkeHandle* ike) {
    if (ike != nullptr) {
        ike->set_logging(settings.ike_logging != 0);
        ike->set_crl_check(settings.strong_crl_check);
    }
}

std::string_view property_name(ConfigProperty property) {
    return config::keyword_text(config::ValueType::kConfigProperty,
                                static_cast<std::uint8_t>(property));
}

}  // namespace control
