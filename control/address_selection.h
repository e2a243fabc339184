// AddressSelection: the addresses that srcaddr or dstaddr of a listing selects.
#pragma once

#include "config/filter_syntax.h"
#include "config/result.h"
#include "config/rule_set.h"
#include "control/commands.h"

#include <optional>
#include <vector>

namespace control {

class AddressSelection {
  public:
    // Nothing given selects every address. Errors: a DNS name that was not resolved.
    [[nodiscard]] static config::Result<AddressSelection> make(
        const CommandContext& context, const std::optional<config::AddressSyntax>& syntax);

    [[nodiscard]] bool contains(const config::IpAddress& address) const;

  private:
    config::AddressSyntax syntax_;
    config::HostView host_;
    std::vector<config::IpAddress> resolved_;
};

}  // namespace control
