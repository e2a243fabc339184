// What the IKE engine asks of its surroundings: packets out, SAs in and out, rules, log lines. The
// daemon's is control/ike_service.h; tests wire two engines together with their own.
#pragma once

#include "config/negotiation.h"
#include "config/sa_method.h"
#include "config/sa_spec.h"
#include "config/types.h"
#include "control/ike/identity.h"
#include "control/ike/isakmp.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace control::ike {

// Of one clock that never goes back; tests count it up by hand.
using Time = std::chrono::steady_clock::time_point;

struct Endpoint {
    config::IpAddress address;
    std::uint16_t port = 500;

    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// One pair of SAs with a peer (two pairs in a bundle of AH and ESP); never given out twice.
using ChildId = std::uint64_t;

// Traffic has come that needs an SA.
struct Acquire {
    config::RuleTag selector = config::kAnyRule;  // the specific filter (config/rule_set.h)
    config::Guid rule;
    config::SaMode mode = config::SaMode::kTransport;
    config::IpAddress local;  // ends of the SA, and of IKE
    config::IpAddress remote;
    TrafficSelectors traffic;
    std::shared_ptr<const config::NegotiationTerms> terms;
};

// A peer proposes SAs in quick mode.
struct QuickModeQuery {
    config::IpAddress local;  // ends of IKE, as packets have them
    config::IpAddress remote;
    config::SaMode mode = config::SaMode::kTransport;
    TrafficSelectors traffic;
    bool behind_nat = false;  // either end
};

struct QuickModeMatch {
    config::RuleTag selector = config::kAnyRule;
    config::Guid rule;
    std::shared_ptr<const config::NegotiationTerms> terms;
};

// How the negotiation with a peer failed last, in words.
struct Failure {
    config::IpAddress local;
    config::IpAddress remote;
    config::RuleTag selector = config::kAnyRule;  // of what was asked for; kAnyRule: main mode, or
                                                  // the peer asked
    std::string_view phase;                       // "main mode", "quick mode"
    std::string reason;                           // "no proposal chosen: theirs ...; ours ..."
    bool no_answer = false;  // the peer said nothing at all: `soft` may send in clear
};

struct ChildUse {
    std::uint64_t packets_in = 0;
    std::uint64_t packets_out = 0;
    std::optional<std::uint64_t> idle_in_seconds;  // since the last one; nothing: none yet
    std::optional<std::uint64_t> idle_out_seconds;
};

class Host {
  public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    virtual ~Host() = default;

    // --- Rules

    // Of the most specific rule that negotiates between these two; nullptr: none does.
    [[nodiscard]] virtual std::shared_ptr<const config::NegotiationTerms> main_mode_terms(
        const config::IpAddress& local, const config::IpAddress& remote) const = 0;
    [[nodiscard]] virtual std::optional<QuickModeMatch> quick_mode_match(
        const QuickModeQuery& query) const = 0;

    // --- Packets. A message, without non-ESP marker: it is put in front where `local.port` is the
    // NAT traversal port.
    virtual void send(const Endpoint& local, const Endpoint& remote, ByteView message) = 0;
    // RFC 3948 2.3: the byte that keeps a NAT's mapping alive.
    virtual void send_keepalive(const Endpoint& local, const Endpoint& remote) = 0;

    // --- SAs

    // An SPI no inbound SA of this host uses.
    [[nodiscard]] virtual std::uint32_t new_spi(config::IpsecProtocol protocol,
                                                const config::IpAddress& local) = 0;
    // SaSpec::rule is the selector. In force when the call returns.
    [[nodiscard]] virtual config::Result<void> install(ChildId child,
                                                       const config::Guid& rule,
                                                       const config::SaPair& sas) = 0;
    // Both directions, or what is there of them.
    virtual void remove(ChildId child) = 0;
    // From now on packets take other SAs if there are any; what comes by this one is still good.
    virtual void retire_outbound(ChildId child) = 0;
    // The peer behind a NAT has another address or port now.
    virtual void move_peer(ChildId child, const Endpoint& remote) = 0;
    [[nodiscard]] virtual ChildUse use_of(ChildId child) const = 0;

    // --- Outcomes

    // SAs for the traffic are there.
    virtual void established(config::RuleTag selector, const config::IpAddress& remote) = 0;
    virtual void failed(const Failure& failure) = 0;

    // --- Log. One line; `peer` and cookies are in it.
    virtual void log(std::string_view line) = 0;
    // For Wireshark: the initiator's cookie and the encryption key (only if asked for).
    virtual void log_key(const Cookie& initiator, ByteView encryption_key) = 0;
};

}  // namespace control::ike
