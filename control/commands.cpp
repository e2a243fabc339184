#include "control/commands.h"

#include <array>

namespace control {

CommandHandler find_handler(config::CommandId id) {
    const std::array tables{static_filter_handlers(),
                            static_action_handlers(),
                            static_policy_handlers(),
                            static_rule_handlers(),
                            static_store_handlers(),
                            dynamic_config_handlers(),
                            dynamic_mm_filter_handlers(),
                            dynamic_mm_sas_handlers(),
                            dynamic_policy_handlers(),
                            dynamic_qm_sas_handlers(),
                            dynamic_rule_handlers(),
                            dynamic_sa_handlers(),
                            dynamic_show_handlers(),
                            dynamic_stats_handlers()};
    for (const std::span<const HandlerRow> table : tables) {
        for (const HandlerRow& row : table) {
            if (row.id == id) {
                return row.handler;
            }
        }
    }
    return nullptr;
}

std::unordered_set<std::string> names_to_resolve(const config::Arguments& arguments) {
    std::unordered_set<std::string> names;
    for (const config::Argument& argument : arguments.in_order()) {
        if (const auto* address = std::get_if<config::AddressSyntax>(&argument.value)) {
            if (address->needs_resolving()) {
                names.insert(address->text);
            }
        } else if (const auto* tunnel = std::get_if<config::TunnelSyntax>(&argument.value)) {
            if (tunnel->kind == config::TunnelKind::kAddress && !tunnel->address) {
                names.insert(tunnel->dns_name);
            }
        }
    }
    return names;
}

Listing CommandContext::listing(const config::Arguments& arguments) const {
    if (json) {
        return {Layout::kJson, true};
    }
    const bool has_format = arguments.keyword<config::Format>("format") == config::Format::kTable;
    return {has_format ? Layout::kTable : Layout::kList, arguments.yes_no("wide").value_or(false)};
}

config::Result<std::vector<config::IpAddress>> CommandContext::addresses_of(
    const config::AddressSyntax& address) const {
    if (!address.needs_resolving()) {
        return std::vector<config::IpAddress>();
    }
    const auto it = names.find(address.text);
    if (it == names.end()) {
        return config::Error{config::ErrorCode::kAddressNotResolved,
                             "The name '" + address.text + "' was not resolved."};
    }
    return it->second;
}

const config::MainModePolicy* DynamicState::find_mm_policy(std::string_view name) const {
    for (const config::MainModePolicy& policy : mm_policies) {
        if (policy.name == name) {
            return &policy;
        }
    }
    return nullptr;
}

const config::QuickModePolicy* DynamicState::find_qm_policy(std::string_view name) const {
    for (const config::QuickModePolicy& policy : qm_policies) {
        if (policy.name == name) {
            return &policy;
        }
    }
    return nullptr;
}

}  // namespace control
