// A message that is sent again until it is answered, each time after twice as long (RFC 2408 5.1).
#pragma once

#include "control/ike/host.h"

#include <chrono>

namespace control::ike {

struct Retransmission {
    Bytes message;
    unsigned sent = 0;
    std::chrono::milliseconds interval{0};
    std::optional<Time> due;  // nothing: it is only sent again when the peer repeats its own

    // The message was sent for the first time, and is to be repeated from now on.
    void start(Bytes bytes, std::chrono::milliseconds first, Time now) {
        message = std::move(bytes);
        sent = 1;
        interval = first;
        due = now + first;
    }
    // It is kept for a peer that repeats what it answers.
    void keep(Bytes bytes) {
        message = std::move(bytes);
        sent = 1;
        due.reset();
    }
    void sent_again(Time now) {
        ++sent;
        interval *= 2;
        due = now + interval;
    }
    void stop() { due.reset(); }
};

}  // namespace control::ike
