// What the exchanges of the engine share: tables, timers, the Host, the time of the call under way.
#pragma once

#include "control/ike/child_sa.h"
#include "control/ike/engine.h"
#include "control/ike/failures.h"
#include "control/ike/half_open.h"
#include "control/ike/isakmp_sa.h"
#include "control/ike/rate_limit.h"
#include "control/ike/timers.h"
#include "control/ike/wish.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace control::ike {

struct Core {
    Core(EngineOptions given, Host& surroundings, Credentials& proofs);

    EngineOptions options;
    Host& host;
    Credentials& credentials;
    Statistics statistics;
    SaTable sas;
    ChildTable children;
    WishTable wishes;
    Timers timers;
    HalfOpen half_open;
    Failures failures;
    RateLimit drop_lines{1, 20};       // log lines about what strangers send
    RateLimit stranger_lines{10, 50};  // about negotiations that strangers begin
    RateLimit error_notifies{10, 20};  // unprotected notifications sent
    Time now;

    void random(std::span<std::uint8_t> bytes) const;
    [[nodiscard]] Bytes random_bytes(std::size_t count) const;
    [[nodiscard]] std::uint32_t random_below(std::uint32_t limit) const;
    [[nodiscard]] Cookie new_cookie() const;
    // Never used before under the SA; it is noted.
    [[nodiscard]] std::uint32_t new_message_id(IsakmpSa& sa) const;

    // Cut into fragments if the peer can put them together.
    void send(const IsakmpSa& sa, ByteView message);

    template <typename... Args>
    void log(fmt::format_string<Args...> format, Args&&... args) {
        host.log(fmt::format(format, std::forward<Args>(args)...));
    }
    // Counts it, and tells the log unless it has heard too much of it. Looks at no SA: there may be
    // none (CVE-2020-1763).
    void dropped(const Endpoint& remote, const Header* header, Drop drop);
    void failed(const Failure& failure);

    void add_timer(TimerKind kind,
                   std::uint64_t object,
                   std::chrono::milliseconds delay,
                   std::uint32_t message_id = 0);
};

inline constexpr std::size_t kNonceBytes = 32;
// RFC 2409 5: 8 to 256 bytes.
[[nodiscard]] inline bool is_nonce(ByteView nonce) {
    return nonce.size() >= 8 && nonce.size() <= 256;
}

// How long answers are kept for a peer that repeats its last message: as long as ours would repeat.
[[nodiscard]] std::chrono::milliseconds repeat_time(const EngineOptions& options);

}  // namespace control::ike
