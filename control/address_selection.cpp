#include "control/address_selection.h"

#include <algorithm>
#include <utility>

namespace control {

namespace {

using config::IpAddress;
using config::Result;

bool is_among(const std::vector<IpAddress>& addresses, const IpAddress& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

}  // namespace

Result<AddressSelection> AddressSelection::make(
    const CommandContext& context, const std::optional<config::AddressSyntax>& syntax) {
    AddressSelection selection;
    selection.syntax_ = syntax.value_or(config::AddressSyntax{});
    selection.host_ = context.dataplane.host_view();
    auto resolved = context.addresses_of(selection.syntax_);
    if (!resolved) {
        return std::move(resolved).error();
    }
    selection.resolved_ = std::move(*resolved);
    return selection;
}

bool AddressSelection::contains(const IpAddress& address) const {
    switch (syntax_.form) {
        case config::AddressForm::kAny:
            return true;
        case config::AddressForm::kMe:
            return is_among(host_.me, address);
        case config::AddressForm::kDnsServers:
            return is_among(host_.dns_servers, address);
        case config::AddressForm::kWinsServers:
            return is_among(host_.wins_servers, address);
        case config::AddressForm::kDhcpServer:
            return is_among(host_.dhcp_servers, address);
        case config::AddressForm::kDefaultGateway:
            return is_among(host_.default_gateways, address);
        case config::AddressForm::kHost:
            return syntax_.first == address;
        case config::AddressForm::kSubnet:
            return config::IpPrefix{syntax_.first, syntax_.prefix_length}.contains(address);
        case config::AddressForm::kRange:
            return syntax_.first.family == address.family && syntax_.first <= address
                   && address <= syntax_.last;
        case config::AddressForm::kDnsName:
            return is_among(resolved_, address);
    }
    return false;
}

}  // namespace control
