// Engine: IKEv1 without sockets and clocks. Datagrams, wishes, expiries and the time go in; the
// Host (control/ike/host.h) is asked to send, to install and to remove.
//
// One thread. The Host's functions are called from within the engine's and must not call back.
#pragma once

#include "config/sa_spec.h"
#include "control/ike/credentials.h"
#include "control/ike/drop.h"
#include "control/ike/host.h"
#include "control/ike/report.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace control::ike {

struct EngineOptions {
    std::uint16_t port = 500;
    std::uint16_t nat_port = 4500;
    bool nat_traversal = true;
    // Messages longer than this are cut if the peer can put them together; 0: never cut.
    std::size_t fragment_bytes = 1280;
    std::chrono::milliseconds retransmit_first{2000};  // then doubled each time
    unsigned retransmits = 5;
    std::chrono::seconds dpd_delay{30};  // silence after which a peer is asked; 0: never
    std::chrono::seconds half_open_time{30};
    std::chrono::seconds keepalive{20};  // 0: never
    std::size_t max_half_open = 1000;    // as responder: all of them
    std::size_t max_half_open_per_peer = 5;
    std::size_t max_main_modes = 100'000;
    // Rekey this share of a lifetime before its end, less up to as much again by chance.
    unsigned rekey_margin_percent = 10;
    bool log_keys = false;
    // Tests: nonces, cookies, message IDs and jitter of their own. Empty: OpenSSL's.
    std::function<void(std::span<std::uint8_t>)> random;
};

enum class ChildLimit : std::uint8_t { kSoft, kHard };

struct MainModeSelection {
    std::optional<config::IpAddress> local;
    std::optional<config::IpAddress> remote;
};

class Engine {
  public:
    // `host` and `credentials` outlive the engine.
    Engine(EngineOptions options, Host& host, Credentials& credentials);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // One datagram, without non-ESP marker.
    void receive(const Endpoint& local, const Endpoint& remote, ByteView message, Time now);
    // Traffic waits for SAs. Asking again while a negotiation for it runs does nothing.
    void acquire(const Acquire& wish, Time now);
    // A lifetime the Host keeps: kSoft wants a successor, kHard has ended the SAs.
    void child_expires(ChildId child, ChildLimit limit, Time now);
    // The operator removes SAs: the peer is told. How many SAs (ISAKMP and pairs) are gone.
    std::size_t close_child(ChildId child, Time now);
    std::size_t close(const MainModeSelection& selection, Time now);
    // The rules have changed: SAs whose selector is gone, or whose terms are not what they were
    // negotiated under, are closed; `terms_of` gives the terms in force now, nullptr: gone.
    using TermsOf = std::function<std::shared_ptr<const config::NegotiationTerms>(config::RuleTag)>;
    void rules_changed(const TermsOf& terms_of, Time now);

    // Retransmissions, lifetimes, dead peers, keepalives.
    void tick(Time now);
    [[nodiscard]] std::optional<Time> next_tick() const;

    [[nodiscard]] Report report(Time now) const;
    [[nodiscard]] std::optional<ChildReport> child(ChildId child, Time now) const;
    [[nodiscard]] const Statistics& statistics() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace control::ike
