#include "dataplane/sa.h"

#include "crypto/constant_time.h"
#include "dataplane/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <span>
#include <utility>

namespace dataplane {
namespace {

using config::Error;
using config::ErrorCode;
using config::IpsecProtocol;
using config::SaDirection;
using config::SaSpec;

// Until 2^32 or 2^64 numbers are used up a successor needs time; with a quarter of a billion left
// even 64-byte packets at 100 Gb/s leave more than a second.
constexpr std::uint64_t kSequenceMargin = std::uint64_t{1} << 28U;
constexpr std::uint8_t kMaxDscp = 63;

std::uint64_t deadline(std::uint32_t seconds, const TscClock& clock) {
    const std::uint64_t never = ~std::uint64_t{0};
    const bool beyond_counting = seconds >= (never - clock.now) / clock.hz;
    return seconds == 0 || beyond_counting ? never : clock.now + seconds * clock.hz;
}

std::uint64_t random_base() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

// With extended numbers the margin also lies behind the last one: workers that take numbers at the
// same moment go a burst too far, and must not come around to one.
std::uint64_t last_sequence_of(const SaSpec& spec) {
    return spec.esn ? ~std::uint64_t{0} - kSequenceMargin : 0xFFFFFFFFU;
}

// RFC 4303 3.4.3, RFC 4302 3.4.3: only the receiver has a window. Without an ICV a number proves
// nothing, and checking it would let anybody move the window.
std::uint32_t window_of(const SaSpec& spec, std::uint8_t icv_bytes) {
    return spec.direction == SaDirection::kInbound && icv_bytes != 0 ? spec.replay_window : 0;
}

Error bad(std::string text) {
    return {ErrorCode::kBadSa, std::move(text)};
}

bool is_authenticated(const SaSpec& spec) {
    return spec.hash != config::Hash::kNone || row_of(spec.cipher).aead;
}

// RFC 2451 2.3: such a key must be rejected, because one encryption undoes the other.
bool is_single_des(const SaSpec& spec) {
    constexpr std::size_t kPart = 8;
    const std::span<const std::uint8_t> key = spec.cipher_key.bytes();
    return spec.cipher == config::Cipher::k3des && key.size() == 3 * kPart
           && (crypto::equal_ct(&key[0], &key[kPart], kPart)
               || crypto::equal_ct(&key[kPart], &key[2 * kPart], kPart));
}

config::Result<void> check_algorithms(const SaSpec& spec) {
    if (spec.protocol == IpsecProtocol::kAh) {
        if (spec.cipher != config::Cipher::kNone || spec.hash == config::Hash::kNone) {
            return bad("AH needs an integrity algorithm and has no cipher.");
        }
        return {};
    }
    const config::CipherRow& cipher = row_of(spec.cipher);
    if (is_single_des(spec)) {
        return bad("Two neighbouring parts of the 3DES key are equal, which makes it a DES key.");
    }
    if (is_authenticated(spec)) {
        return {};
    }
    // RFC 4303 3.2: not both at once.
    if (spec.cipher == config::Cipher::kNone) {
        return bad("ESP needs a cipher or an integrity algorithm.");
    }
    // RFC 3686 3.3. Of the ciphers that are no AEAD only counter modes have a salt.
    if (cipher.bytes.salt != 0) {
        return bad(fmt::format("{} needs an integrity algorithm beside it.", cipher.token));
    }
    return {};
}

config::Result<void> check_sequence(const SaSpec& spec) {
    if (spec.replay_window != 0
        && (spec.replay_window < config::kMinReplayWindow
            || spec.replay_window > config::kMaxReplayWindow)) {
        return bad(fmt::format("A replay window of {} packets; expected 0 or {} to {}.",
                               spec.replay_window,
                               config::kMinReplayWindow,
                               config::kMaxReplayWindow));
    }
    // RFC 4303 2.2.1: the half that is not sent is covered by the ICV.
    if (spec.esn && !is_authenticated(spec)) {
        return bad("Extended sequence numbers need an integrity algorithm.");
    }
    // RFC 4303 3.4.3: the receiver tells that half by its window.
    if (spec.esn && spec.direction == SaDirection::kInbound && spec.replay_window == 0) {
        return bad("Inbound extended sequence numbers need a replay window.");
    }
    return {};
}

config::Result<void> check_headers(const SaSpec& spec) {
    if (spec.spi < config::kMinSpi) {
        return bad(
            fmt::format("SPI {} is reserved; expected {} or more.", spec.spi, config::kMinSpi));
    }
    if (spec.source.family != spec.destination.family) {
        return bad(fmt::format("{} and {} are not of one family.",
                               spec.source.to_string(),
                               spec.destination.to_string()));
    }
    if (spec.dscp && *spec.dscp > kMaxDscp) {
        return bad(fmt::format("A DSCP of {}; expected 0 to {}.", *spec.dscp, kMaxDscp));
    }
    if (spec.encapsulation) {
        if (spec.protocol == IpsecProtocol::kAh) {
            return bad("AH cannot be encapsulated in UDP (RFC 3948 1).");
        }
        if (spec.encapsulation->source_port == 0 || spec.encapsulation->destination_port == 0) {
            return bad("Encapsulation in UDP needs two ports; 0 is none.");
        }
        if (spec.direction == SaDirection::kInbound
            && spec.encapsulation->destination_port != kNatTraversalPort) {
            return bad(fmt::format("ESP in UDP is received on port {}, not on {}.",
                                   kNatTraversalPort,
                                   spec.encapsulation->destination_port));
        }
    }
    return {};
}

// A successor is asked for before the SA ends, or not at all.
config::Result<void> check_lifetime(const config::SaLifetime& lifetime) {
    const auto beyond = [](std::uint64_t soft, std::uint64_t hard) {
        return hard != 0 && soft > hard;
    };
    if (beyond(lifetime.soft_bytes, lifetime.hard_bytes)) {
        return bad(fmt::format("The soft limit of {} bytes is beyond the hard one of {}.",
                               lifetime.soft_bytes,
                               lifetime.hard_bytes));
    }
    if (beyond(lifetime.soft_seconds, lifetime.hard_seconds)) {
        return bad(fmt::format("The soft limit of {} seconds is beyond the hard one of {}.",
                               lifetime.soft_seconds,
                               lifetime.hard_seconds));
    }
    return {};
}

// What it must not have would never be looked at, or would promise what it does not do.
config::Result<void> check_soft(const SaSpec& spec) {
    if (spec.direction != SaDirection::kOutbound || spec.spi != 0
        || spec.cipher != config::Cipher::kNone || spec.hash != config::Hash::kNone
        || spec.encapsulation || spec.source.family != spec.destination.family) {
        return bad(
            "A soft SA is outbound, between addresses of one family, and has neither SPI "
            "nor algorithm nor encapsulation.");
    }
    if (spec.lifetime.hard_seconds == 0 || spec.lifetime.hard_bytes != 0
        || spec.lifetime.soft_bytes != 0) {
        return bad("A soft SA ends after some seconds; it has no limit of bytes.");
    }
    return check_lifetime(spec.lifetime);
}

config::Result<void> check(const SaSpec& spec) {
    if (spec.soft) {
        return check_soft(spec);
    }
    for (config::Result<void> checked : {check_headers(spec),
                                         check_algorithms(spec),
                                         check_sequence(spec),
                                         check_lifetime(spec.lifetime)}) {
        if (!checked) {
            return checked;
        }
    }
    return {};
}

}  // namespace

config::Result<std::unique_ptr<Sa>> Sa::create(const config::SaSpec& spec,
                                               const crypto::EngineChoice& engines,
                                               const TscClock& clock) {
    if (config::Result<void> checked = check(spec); !checked) {
        return std::move(checked).error();
    }
    auto keys = crypto::SaKeys::expand({.cipher = spec.cipher,
                                        .hash = spec.hash,
                                        .cipher_key = spec.cipher_key.bytes(),
                                        .auth_key = spec.auth_key.bytes()},
                                       engines);
    if (!keys) {
        return std::move(keys).error();
    }
    return std::make_unique<Sa>(spec, std::move(keys).value(), clock);
}

Sa::Sa(const config::SaSpec& spec, crypto::SaKeys expanded, const TscClock& clock)
    : spi(spec.spi),
      rule(spec.rule),
      family(spec.source.family),
      protocol(spec.protocol),
      mode(spec.mode),
      direction(spec.direction),
      source(spec.source.bytes),
      destination(spec.destination.bytes),
      soft(spec.soft),
      esn(spec.esn),
      icv_bytes(expanded.icv_bytes()),
      iv_bytes(expanded.iv_bytes()),
      align_to(std::max<std::uint8_t>(expanded.block_bytes(), 4)),
      df(spec.df),
      fragments(spec.fragments),
      dscp(spec.dscp),
      encapsulation(spec.encapsulation),
      iv_base(random_base()),
      deadlines{.soft = deadline(spec.lifetime.soft_seconds, clock),
                .hard = deadline(spec.lifetime.hard_seconds, clock)},
      soft_sequence(last_sequence_of(spec) - kSequenceMargin),
      last_sequence(last_sequence_of(spec)),
      lifetime(spec.lifetime),
      keys(std::move(expanded)),
      replay(window_of(spec, icv_bytes)) {}

bool is_expired(const Sa& sa, std::uint64_t now) {
    const std::uint64_t limit = sa.lifetime.hard_bytes;
    return now >= sa.deadlines.hard
           || (limit != 0 && sa.bytes.load(std::memory_order_relaxed) >= limit)
           || sa.sequence.load(std::memory_order_relaxed) >= sa.last_sequence;
}

SaExpiry take_expiry(Sa& sa, std::uint64_t now) {
    if (is_expired(sa, now)) {
        const bool first = !sa.hard_raised.load(std::memory_order_relaxed)
                           && !sa.hard_raised.exchange(true, std::memory_order_relaxed);
        return first ? SaExpiry::kHard : SaExpiry::kNone;
    }
    const std::uint64_t limit = sa.lifetime.soft_bytes;
    const bool soft = now >= sa.deadlines.soft
                      || (limit != 0 && sa.bytes.load(std::memory_order_relaxed) >= limit)
                      || sa.sequence.load(std::memory_order_relaxed) >= sa.soft_sequence;
    const bool first = soft && !sa.soft_raised.load(std::memory_order_relaxed)
                       && !sa.soft_raised.exchange(true, std::memory_order_relaxed);
    return first ? SaExpiry::kSoft : SaExpiry::kNone;
}

void rearm_expiry(Sa& sa, SaExpiry expiry) {
    (expiry == SaExpiry::kHard ? sa.hard_raised : sa.soft_raised)
        .store(false, std::memory_order_relaxed);
}

}  // namespace dataplane
