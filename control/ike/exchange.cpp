#include "control/ike/exchange.h"

#include <algorithm>

namespace control::ike {
namespace {

// RFC 2408 3.1: 128 to 255 are for private use, among them what drafts once used.
bool is_private(PayloadType type) {
    return static_cast<std::uint8_t>(type) >= 128;
}

bool is_known(PayloadType type) {
    const auto number = static_cast<std::uint8_t>(type);
    return (number >= 1 && number <= 13) || type == PayloadType::kNatDiscovery
           || type == PayloadType::kNatOriginalAddress;
}

}  // namespace

std::optional<Drop> check_payloads(const Message& message, std::span<const PayloadRule> rules) {
    for (const PayloadRule& rule : rules) {
        const auto count = std::ranges::count(message.payloads, rule.type, &Payload::type);
        if (count < rule.least || count > rule.most) {
            return Drop::kBadPayload;
        }
    }
    for (const Payload& payload : message.payloads) {
        const bool has_row =
            std::ranges::find(rules, payload.type, &PayloadRule::type) != rules.end();
        const bool always = payload.type == PayloadType::kVendorId
                            || payload.type == PayloadType::kNotification
                            || is_private(payload.type);
        if (!has_row && !always) {
            return is_known(payload.type) ? Drop::kBadPayload : Drop::kUnknownPayload;
        }
    }
    return std::nullopt;
}

bool begins_with_hash(const Message& message) {
    return !message.payloads.empty() && message.payloads.front().type == PayloadType::kHash;
}

}  // namespace control::ike
