// What the IKE engine says of itself: main modes, children, failures, counters. Plain values for
// listings.
#pragma once

#include "config/methods.h"
#include "config/policy.h"
#include "config/types.h"
#include "control/ike/drop.h"
#include "control/ike/host.h"
#include "control/ike/identity.h"
#include "control/ike/isakmp.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control::ike {

enum class MainModeState : std::uint8_t {
    kNegotiating,
    kEstablished,
    kReplaced,  // a newer one is used; its end is near
    kDeadPeer,  // asked whether it is there, no answer yet
};

enum class NatSituation : std::uint8_t { kNone, kLocal, kRemote, kBoth };

struct MainModeReport {
    Cookie initiator{};
    Cookie responder{};
    Endpoint local;
    Endpoint remote;
    bool is_initiator = false;
    MainModeState state = MainModeState::kNegotiating;
    std::string_view step;  // of kNegotiating: the message waited for
    std::string policy_name;
    config::MmOffer offer;
    config::AuthKind authentication = config::AuthKind::kPresharedKey;
    std::string local_id;
    std::string remote_id;
    NatSituation nat = NatSituation::kNone;
    std::uint64_t age_seconds = 0;
    std::uint64_t seconds_left = 0;                 // to the end of its life
    std::optional<std::uint64_t> rekey_in_seconds;  // nothing: the peer's business
    std::uint32_t quick_modes = 0;                  // done under it
    std::uint32_t quick_mode_limit = 0;
    std::uint64_t silent_seconds = 0;  // since the peer was last heard of
    std::vector<std::string> vendors;
};

struct ChildReport {
    ChildId child = 0;
    Cookie initiator{};  // of the main mode it was negotiated under
    Cookie responder{};
    bool is_initiator = false;
    config::RuleTag selector = config::kAnyRule;
    std::string policy_name;
    config::QmOffer offer;
    config::SaMode mode = config::SaMode::kTransport;
    std::uint16_t pfs_group = 0;  // IKE number; 0: none
    TrafficSelectors traffic;
    std::uint64_t age_seconds = 0;
    std::optional<std::uint64_t> rekey_in_seconds;
    bool replaced = false;
};

struct FailureReport {
    Failure failure;
    std::uint64_t seconds_ago = 0;
    std::uint64_t count = 0;  // in a row, with this peer
};

struct Report {
    std::vector<MainModeReport> main_modes;
    std::vector<FailureReport> failures;  // the last one of each peer, newest first
};

// Since the start, but for `active_acquire`, `active_receive`, `main_modes_active` and
// `children_active`.
struct Statistics {
    std::uint64_t main_modes = 0;   // established
    std::uint64_t quick_modes = 0;  // established
    std::uint64_t soft_sas = 0;
    std::uint64_t authentication_failures = 0;
    std::uint64_t negotiation_failures = 0;
    std::uint64_t active_acquire = 0;  // wishes being negotiated
    std::uint64_t active_receive = 0;  // negotiations begun by peers
    std::uint64_t acquire_failures = 0;
    std::uint64_t receive_failures = 0;
    std::uint64_t send_failures = 0;
    std::uint64_t total_acquire = 0;
    std::uint64_t spis = 0;         // new_spi()
    std::uint64_t key_adds = 0;     // outbound SAs
    std::uint64_t key_updates = 0;  // inbound SAs
    std::uint64_t key_add_failures = 0;
    std::uint64_t main_modes_active = 0;
    std::uint64_t children_active = 0;
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t retransmissions = 0;
    std::uint64_t dead_peers = 0;
    std::array<std::uint64_t, kDrops.size()> drops{};
};

}  // namespace control::ike
