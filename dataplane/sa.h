// Sa: one security association in one direction, as packets need it. What a packet is changed by is
// fixed when the Sa is made; what packets change in it is atomic, so that any number of workers may
// use one Sa at once.
#pragma once

#include "config/result.h"
#include "config/sa_spec.h"
#include "crypto/engine_choice.h"
#include "crypto/sa_keys.h"
#include "dataplane/packet.h"
#include "dataplane/replay_window.h"

#include <rte_common.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace dataplane {

// When a worker may last use it, in TSC ticks; ~0: no limit.
struct SaDeadlines {
    std::uint64_t soft = ~std::uint64_t{0};
    std::uint64_t hard = ~std::uint64_t{0};
};

// "Now" when an Sa is made.
struct TscClock {
    std::uint64_t now = 0;
    std::uint64_t hz = 1;
};

// RFC 3948: where the packets of an SA go whose peer is behind a NAT that has changed its mapping.
struct SaPeer {
    std::array<std::uint8_t, 16> address{};  // as Sa::destination
    std::uint16_t port = 0;
};

// writer: workers, by fetch_add; readers: control; order: relaxed
using SharedCounter = std::atomic<std::uint64_t>;

struct Sa {
    // Errors: kBadSa: what in the spec cannot be; kBadMethods: the algorithm and what its keys
    // lack.
    [[nodiscard]] static config::Result<std::unique_ptr<Sa>> create(
        const config::SaSpec& spec, const crypto::EngineChoice& engines, const TscClock& clock);

    Sa(const config::SaSpec& spec, crypto::SaKeys expanded, const TscClock& clock);
    Sa(const Sa&) = delete;
    Sa& operator=(const Sa&) = delete;
    ~Sa() { delete moved_to.load(std::memory_order_relaxed); }

    // Brings in what looking the Sa up and changing a packet by it read. A pointer that is not good
    // to be followed yet is good enough for this.
    static void prefetch(const Sa* sa) {
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(sa);
        for (std::size_t line = 0; line < sizeof(Sa); line += RTE_CACHE_LINE_SIZE) {
            __builtin_prefetch(bytes + line);
        }
    }

    // --- Found by. writer: control, before the Sa is in the table; the links by SaTable
    std::atomic<Sa*> next_by_spi{nullptr};   // readers: workers; order: release / acquire
    std::atomic<Sa*> next_by_peer{nullptr};  // readers: workers; order: release / acquire
    SaHandle handle = kNoSa;
    std::uint32_t spi;
    config::RuleTag rule;
    config::Family family;  // of the ends
    config::IpsecProtocol protocol;
    config::SaMode mode;
    config::SaDirection direction;
    std::array<std::uint8_t, 16> source{};  // network byte order, IPv4 in the first four bytes
    std::array<std::uint8_t, 16> destination{};

    // --- How packets are changed. Immutable.
    bool soft;  // not at all (config::SaSpec::soft)
    bool esn;
    // A bundle (RFC 4301 4.4.2.1 of its predecessor 2401): this ESP SA's packets lie within AH of
    // `outer`. Of the outer one: it never stands alone. writer: control, before it is in the table
    bool within_bundle = false;
    std::uint8_t icv_bytes;
    std::uint8_t iv_bytes;
    // ESP: payload, padding and trailer are a multiple of it (RFC 4303 2.4: at least 4).
    std::uint8_t align_to;
    config::DfPolicy df;
    config::FragmentPolicy fragments;
    std::optional<std::uint8_t> dscp;
    std::optional<config::UdpEncapsulation> encapsulation;
    // Instead of `destination` and its port; nullptr: the peer did not move. The Sa is found by
    // what it was made for all the same: a rule names its end point once and for all. writer:
    // control, through SaTable; readers: workers; order: release / acquire
    std::atomic<const SaPeer*> moved_to{nullptr};
    Sa* outer = nullptr;
    // Counter modes: the IV is this plus the sequence number. Random, so that a key that an
    // operator installs twice does not repeat its IVs (RFC 4106 3.1, RFC 3686 3.1).
    std::uint64_t iv_base = 0;
    SaDeadlines deadlines;
    std::uint64_t soft_sequence;  // outbound: the number from which a successor is asked for
    std::uint64_t last_sequence;  // outbound: never exceeded (RFC 4303 3.3.3)
    config::SaLifetime lifetime;
    crypto::SaKeys keys;

    // --- What packets change
    alignas(RTE_CACHE_LINE_SIZE) SharedCounter sequence{0};  // outbound: the last one given out
    SharedCounter bytes{0};                                  // against the lifetime
    SharedCounter packets{0};
    SharedCounter expired{0};                 // packets refused after the hard limit
    std::atomic<std::uint64_t> last_used{0};  // TSC of the last packet; any worker
    std::atomic<bool> soft_raised{false};     // each event is raised once, whoever is first
    std::atomic<bool> hard_raised{false};
    // Largest packet the path to the peer takes, 0: unknown. writer: workers; readers: workers
    std::atomic<std::uint16_t> path_mtu{0};
    std::atomic<std::uint64_t> path_mtu_until{0};  // TSC; RFC 1191 6.3: try larger ones again

    alignas(RTE_CACHE_LINE_SIZE) ReplayWindow replay;  // inbound
    SharedCounter bad_icv{0};
    SharedCounter replayed{0};
    SharedCounter malformed{0};        // lengths, padding, next header
    SharedCounter policy_mismatch{0};  // verified, but no rule allows it through this SA
};

// Where packets of an outbound SA go.
[[nodiscard]] inline const std::uint8_t* peer_address(const Sa& sa) {
    const SaPeer* const moved = sa.moved_to.load(std::memory_order_acquire);
    return moved == nullptr ? sa.destination.data() : moved->address.data();
}
// The ports of an SA that has encapsulation.
[[nodiscard]] inline config::UdpEncapsulation udp_ports(const Sa& sa) {
    config::UdpEncapsulation ports = *sa.encapsulation;
    if (const SaPeer* const moved = sa.moved_to.load(std::memory_order_acquire)) {
        ports.destination_port = moved->port;
    }
    return ports;
}

// Numbers for a burst's packets of one outbound SA: taken once per SA and burst, given out in
// order. Any number of workers; no two packets get the same one.
class SequenceRun {
  public:
    SequenceRun() = default;
    SequenceRun(Sa& sa, std::uint32_t packets)
        // An SA that is used up counts no further, or it would begin anew some day.
        : next_(sa.sequence.load(std::memory_order_relaxed) >= sa.last_sequence
                    ? sa.last_sequence
                    : sa.sequence.fetch_add(packets, std::memory_order_relaxed)),
          last_(sa.last_sequence) {}

    // Nothing: RFC 4303 3.3.3 forbids to protect another packet by this SA.
    [[nodiscard]] std::optional<std::uint64_t> take() {
        return next_ < last_ ? std::optional(++next_) : std::nullopt;
    }

  private:
    std::uint64_t next_ = 0;  // the one given out last
    std::uint64_t last_ = 0;
};

// Counts packets' bytes against the SA's hard limit, once per SA and burst, and says of each packet
// in turn whether it still fits. Together the workers never let more than hard_bytes pass.
class ByteBudget {
  public:
    ByteBudget() = default;
    // `bytes`: of all packets of the burst that want to pass.
    ByteBudget(Sa& sa, std::uint64_t bytes)
        : used_(sa.bytes.fetch_add(bytes, std::memory_order_relaxed)),
          limit_(sa.lifetime.hard_bytes) {}

    [[nodiscard]] bool take(std::uint64_t bytes) {
        used_ += bytes;
        return limit_ == 0 || used_ <= limit_;
    }

  private:
    std::uint64_t used_ = 0;
    std::uint64_t limit_ = 0;
};

enum class SaExpiry : std::uint8_t { kNone, kSoft, kHard };

// The event that is due now and that nobody raised yet; the caller raises it. Once the hard limit
// is reached a soft event that is still due is not raised any more. Any thread.
[[nodiscard]] SaExpiry take_expiry(Sa& sa, std::uint64_t now);
// The event could not be delivered: whoever looks next raises it again.
void rearm_expiry(Sa& sa, SaExpiry expiry);
// Whether the hard limit of time or bytes is reached, or the last number was given out: nothing
// more may pass.
[[nodiscard]] bool is_expired(const Sa& sa, std::uint64_t now);

}  // namespace dataplane
