// dynamic set config and show config.
#include "control/commands.h"
#include "control/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace control {

namespace {

using config::Arguments;
using config::ConfigProperty;
using config::Error;
using config::ErrorCode;
using config::Result;

CommandResult set_config(CommandContext& context, const Arguments& arguments) {
    const ConfigProperty property = *arguments.keyword<ConfigProperty>("property");
    const std::string value = *arguments.text("value");
    const std::span<const SettingRow> rows = setting_rows();
    const auto row = std::find_if(
        rows.begin(), rows.end(), [&](const SettingRow& one) { return one.property == property; });
    if (row == rows.end()) {
        return Error{ErrorCode::kNotSupported,
                     "The property comes with a later version of this gateway; ikelogging and "
                     "strongcrlcheck can be set."};
    }
    const bool known = value.size() == 1 && value[0] >= '0' && value[0] - '0' <= row->last;
    if (!known) {
        return Error{ErrorCode::kInvalidValue,
                     fmt::format("The value \"{}\" of {} must be {}.",
                                 value,
                                 property_name(property),
                                 row->expected)};
    }
    if (const Result<void> stored = context.store.set_setting(property_name(property), value);
        !stored) {
        return stored.error();
    }
    if (context.ike == nullptr) {
        context.notes.emplace_back(
            "IKE is switched off (gateway.toml, ike.enabled = false); the value is kept for when "
            "it is on.");
    }
    const Result<Settings> settings = read_settings(context.store);
    if (!settings) {
        return settings.error();
    }
    context.settings = *settings;
    return std::string();
}

CommandResult show_config(CommandContext& context, const Arguments& arguments) {
    const Result<Settings> settings = read_settings(context.store);
    if (!settings) {
        return settings.error();
    }
    Listing listing = context.listing(arguments);
    listing.line("");
    listing.begin_records("config", "IPsec Configuration Parameters", RecordStyle::kLines);
    listing.begin_record();
    for (const SettingRow& row : setting_rows()) {
        listing.number(row.label, row.key, (*settings).*row.member);
    }
    listing.end_record();
    listing.end_records();
    return listing.take();
}

constexpr std::array<HandlerRow, 2> kHandlers{{
    {config::CommandId::kDynamicSetConfig, set_config},
    {config::CommandId::kDynamicShowConfig, show_config},
}};

}  // namespace

std::span<const HandlerRow> dynamic_config_handlers() {
    return kHandlers;
}

}  // namespace control
