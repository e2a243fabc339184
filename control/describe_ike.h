// How listings say what IKE reports: cookies, roles, rekeying.
#pragma once

#include "control/ike/isakmp.h"
#include "control/listing.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace control {

// "0123456789abcdef:fedcba9876543210", the initiator's first; two keys for programs.
void describe_cookies(Listing& listing,
                      std::string_view label,
                      const ike::Cookie& initiator,
                      const ike::Cookie& responder);
// Whether this gateway began the exchange.
void describe_role(Listing& listing, std::string_view label, bool is_initiator);
// Nothing: the peer renews it.
void describe_rekey(Listing& listing,
                    std::string_view label,
                    const std::optional<std::uint64_t>& seconds);

// Where a listing is empty, or a filter does nothing, for that reason.
inline constexpr std::string_view kNoIke =
    "IKE is switched off (gateway.toml, ike.enabled = false).";

}  // namespace control
