// What the messages of an exchange are made of: scripts say which payloads a message must and may
// have, in rows, and which step acts on it.
#pragma once

#include "control/ike/message.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace control::ike {

struct Core;
struct IsakmpSa;

struct PayloadRule {
    PayloadType type = PayloadType::kNone;
    std::uint8_t least = 0;
    std::uint8_t most = 1;
};

struct MainModeStep {
    std::string_view name;  // "message 3"
    bool encrypted = false;
    std::span<const PayloadRule> payloads;
    std::optional<Drop> (*act)(Core&, IsakmpSa&, Message&) = nullptr;
};

// Vendor IDs and notifications are welcome everywhere, payload types for private use are passed
// over; anything else has a row. Errors: kBadPayload, kUnknownPayload.
[[nodiscard]] std::optional<Drop> check_payloads(const Message& message,
                                                 std::span<const PayloadRule> rules);
// Exchanges whose messages begin with HASH (RFC 2409 5.5, 5.7).
[[nodiscard]] bool begins_with_hash(const Message& message);

}  // namespace control::ike
