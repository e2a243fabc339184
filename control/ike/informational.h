// Informational exchanges (RFC 2409 5.7, RFC 2408 4.8): deletes and notifications, dead peer
// detection (RFC 3706).
#pragma once

#include "control/ike/core.h"

#include <optional>

namespace control::ike {

[[nodiscard]] std::optional<Drop> receive_informational(Core& core, IsakmpSa& sa, Message& message);

// Under an established SA, with a HASH, encrypted. Sent once: nobody answers.
void send_informational(Core& core, IsakmpSa& sa, const std::vector<OutPayload>& payloads);
void send_delete(Core& core, IsakmpSa& sa);
void send_delete(Core& core, IsakmpSa& sa, const ChildSa& child);

// --- Dead peer detection

// Timer: asks a peer that has been silent, or finds that it is dead.
void watch_peer(Core& core, IsakmpSa& sa);
void answer_are_you_there(Core& core, IsakmpSa& sa, const Notification& notification);
void peer_is_there(Core& core, IsakmpSa& sa, const Notification& notification);

// RFC 3948 4: timer.
void keep_alive(Core& core, IsakmpSa& sa);

}  // namespace control::ike
