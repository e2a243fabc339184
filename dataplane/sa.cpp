#include "dataplane/sa.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

namespace dataplane {
namespace {

using config::Error;
using config::ErrorCode;
using config::IpsecProtocol;
using config::SaMode;
using config::SaSpec;

// Until 2^32 or 2^64 numbers are used up a successor needs time; with a quarter of a billion left
// even 64-byte packets at 100 Gb/s leave more than a second.
constexpr std::uint64_t kSequenceMargin = std::uint64_t{1} << 28U;

std::array<std::uint8_t, 16> raw(const config::IpAddress& address) {
    return address.bytes;
}

std::uint64_t deadline(std::uint32_t seconds, const TscClock& clock) {
    return seconds == 0 ? ~std::uint64_t{0} : clock.now + seconds * clock.hz;
}

std::uint64_t random_base() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

std::uint64_t last_sequence_of(const SaSpec& spec) {
    return spec.esn ? ~std::uint64_t{0} - kSequenceMargin : 0xFFFFFFFFU;
}

Error bad(std::string text) {
    return {ErrorCode::kBadMethods, std::move(text)};
}

config::Result<void> check(const SaSpec& spec) {
    if (spec.spi < config::kMinSpi) {
        return bad(
            fmt::format("SPI {} is reserved; expected {} or more.", spec.spi, config::kMinSpi));
    }
    if (spec.source.family != spec.destination.family) {
        return bad(fmt::format("{} and {} are not of one family.",
                               spec.source.to_string(),
                               spec.destination.to_string()));
    }
    const bool ah = spec.protocol == IpsecProtocol::kAh;
    if (ah && (spec.cipher != config::Cipher::kNone || spec.hash == config::Hash::kNone)) {
        return bad("AH needs an integrity algorithm and has no cipher.");
    }
    // RFC 4303 3.2: not both at once.
    if (!ah && spec.cipher == config::Cipher::kNone && spec.hash == config::Hash::kNone) {
        return bad("ESP needs a cipher or an integrity algorithm.");
    }
    if (ah && spec.encapsulation) {
        return bad("AH cannot be encapsulated in UDP (RFC 3948 1).");
    }
    const bool authenticated = ah || spec.hash != config::Hash::kNone || row_of(spec.cipher).aead;
    if (spec.replay_window != 0
        && (spec.replay_window < config::kMinReplayWindow
            || spec.replay_window > config::kMaxReplayWindow)) {
        return bad(fmt::format("A replay window of {} packets; expected 0 or {} to {}.",
                               spec.replay_window,
                               config::kMinReplayWindow,
                               config::kMaxReplayWindow));
    }
    // RFC 4303 2.2.1, 3.4.3: both rest on the ICV, and the number's high half on the window.
    if (spec.esn && (!authenticated || spec.replay_window == 0)) {
        return bad("Extended sequence numbers need an integrity algorithm and a replay window.");
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
      source(raw(spec.source)),
      destination(raw(spec.destination)),
      esn(spec.esn),
      icv_bytes(expanded.icv_bytes()),
      iv_bytes(expanded.iv_bytes()),
      align_to(std::max<std::uint8_t>(expanded.block_bytes(), 4)),
      df(spec.df),
      fragments(spec.fragments),
      dscp(spec.dscp),
      encapsulation(spec.encapsulation),
      keys(std::move(expanded)),
      iv_base(random_base()),
      lifetime(spec.lifetime),
      deadlines{.soft = deadline(spec.lifetime.soft_seconds, clock),
                .hard = deadline(spec.lifetime.hard_seconds, clock)},
      soft_sequence(last_sequence_of(spec) - kSequenceMargin),
      last_sequence(last_sequence_of(spec)),
      // RFC 4303 3.4.3: without an ICV a number proves nothing, and checking it would let anybody
      // move the window.
      replay(icv_bytes == 0 ? 0 : spec.replay_window) {}

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
