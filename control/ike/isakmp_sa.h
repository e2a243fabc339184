// The ISAKMP SA: one main mode with one peer, from its first message to its end, and the table of
// all of them.
//
// A responder's half-open SA holds no Diffie-Hellman, no timer but its end, and at most
// kMaxSaPayload of the peer's bytes.
#pragma once

#include "config/negotiation.h"
#include "control/ike/fragments.h"
#include "control/ike/message.h"
#include "control/ike/nat_traversal.h"
#include "control/ike/proposal.h"
#include "control/ike/quick_mode.h"
#include "control/ike/report.h"
#include "control/ike/retransmission.h"
#include "crypto/ike_crypto.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace control::ike {

using SaId = std::uint64_t;  // never given out twice; 0: none
using WishId = std::uint64_t;

inline constexpr std::size_t kMaxSaPayload = 8192;
// Message IDs seen under one SA: beyond that its replays could not be told any more.
inline constexpr std::size_t kMaxMessageIds = 65'536;
// Quick modes under one SA at a time, with those whose last answer is kept.
inline constexpr std::size_t kMaxQuickModes = 512;
inline constexpr unsigned kMaxRepeats = 20;

// What main mode needs until it is done and its last message is not repeated any more.
struct Handshake {
    std::size_t step = 0;                            // of the role's script: the message waited for
    std::vector<const config::AuthMethod*> methods;  // usable ones of the terms, in their order
    Bytes sa_payload;                                // body of the initiator's
    std::optional<crypto::DhExchange> dh;
    Bytes public_own;
    Bytes public_peer;
    Bytes nonce_own;
    Bytes nonce_peer;
    std::vector<Bytes> certificate_requests;  // names of CAs
    MessageDigest last_digest{};              // of the message acted on last
    unsigned repeats = 0;                     // of it
    Retransmission last_sent;
    bool heard = false;     // anything came from the peer, true or not
    bool notified = false;  // it was sent an error
    bool refused = false;   // somebody says that the peer refuses, who cannot prove to be the peer
    std::string reason;     // why it may fail, for the operator
    bool authentication_failed = false;
    bool told = false;  // the operator heard of it before its end
};

struct DeadPeerState {
    std::uint32_t sequence = 0;  // of the last R-U-THERE sent
    std::uint32_t first_unanswered = 0;
    unsigned unanswered = 0;
};

struct IsakmpSa {
    SaId id = 0;
    bool initiator = false;
    MainModeState state = MainModeState::kNegotiating;
    bool half_open = false;  // counted: a responder's that is not proven
    bool closed = false;     // taken out of the table; freed when the engine's call ends
    Cookie cookie_i{};
    Cookie cookie_r{};
    Endpoint local;
    Endpoint remote;
    Endpoint first_remote;  // before ports floated: where message 1 came from
    std::shared_ptr<const config::NegotiationTerms> terms;
    config::RuleTag selector = config::kAnyRule;  // of the wish it was begun for

    std::unique_ptr<Handshake> handshake;
    config::MmOffer offer;
    AuthenticationMethod authentication = AuthenticationMethod::kPresharedKey;
    const config::AuthMethod* method = nullptr;  // of `terms`
    std::uint32_t lifetime_seconds = 0;          // 0: none
    PhaseOneSecrets secrets;
    Bytes iv;                   // of main mode; once done its last block (RFC 2409 Appendix B)
    std::uint32_t vendors = 0;  // bits by Vendor
    NatTraversal nat_traversal = NatTraversal::kNone;
    NatSituation nat = NatSituation::kNone;
    Identity local_id;
    Identity remote_id;
    std::string remote_name;  // as certificates call it

    Time created;
    Time established;
    Time heard;
    std::optional<Time> rekey_at;
    std::optional<Time> ends_at;

    std::uint32_t quick_modes = 0;  // begun by us or done
    std::unordered_map<std::uint32_t, std::unique_ptr<QuickMode>> exchanges;
    std::unordered_set<std::uint32_t> message_ids;
    std::vector<WishId> waiting;  // for main mode to be done
    std::unique_ptr<FragmentAssembler> fragments;
    DeadPeerState dead_peer;

    [[nodiscard]] const Cookie& own_cookie() const { return initiator ? cookie_i : cookie_r; }
    [[nodiscard]] bool has(Vendor vendor) const {
        return (vendors & (1U << static_cast<unsigned>(vendor))) != 0;
    }
    void add(Vendor vendor) { vendors |= 1U << static_cast<unsigned>(vendor); }
    [[nodiscard]] bool established_now() const { return state != MainModeState::kNegotiating; }
    [[nodiscard]] bool behind_nat() const { return nat != NatSituation::kNone; }
};

// "1122334455667788", and "192.0.2.1 1122334455667788:..." as log lines name an SA.
[[nodiscard]] std::string to_string(const Cookie& cookie);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);
[[nodiscard]] std::string name_of(const IsakmpSa& sa);
// RFC 2408 3.14, 3.15: the SPI of an ISAKMP SA is its pair of cookies.
[[nodiscard]] Bytes spi_of(const IsakmpSa& sa);

class SaTable {
  public:
    // A new SA, found by `own` cookie and by the addresses.
    IsakmpSa& add(bool initiator, const Cookie& own, const Endpoint& local, const Endpoint& remote);
    // The SA of a message with these cookies; nullptr: there is none.
    [[nodiscard]] IsakmpSa* find(const Cookie& initiator, const Cookie& responder) const;
    [[nodiscard]] IsakmpSa* find(SaId id) const;
    // The half-open SA that this first message began, as message 1 was repeated.
    [[nodiscard]] IsakmpSa* find_first(const Cookie& initiator, const Endpoint& remote) const;
    void note_first_message(IsakmpSa& sa);
    // Of this pair of addresses, oldest first.
    [[nodiscard]] const std::set<SaId>& between(const config::IpAddress& local,
                                                const config::IpAddress& remote) const;
    // The peer's packets come from another address now.
    void move(IsakmpSa& sa, const Endpoint& local, const Endpoint& remote);
    // Still readable until sweep().
    void remove(IsakmpSa& sa);
    void sweep() { removed_.clear(); }

    [[nodiscard]] std::size_t size() const { return sas_.size(); }
    [[nodiscard]] const std::unordered_map<SaId, std::unique_ptr<IsakmpSa>>& all() const {
        return sas_;
    }

  private:
    // Cookies that strangers choose are hashed under a key of this process's.
    struct CookieHash {
        std::size_t operator()(const Cookie& cookie) const;
    };
    struct Pair {
        config::IpAddress local;
        config::IpAddress remote;
        friend bool operator==(const Pair&, const Pair&) = default;
    };
    struct PairHash {
        std::size_t operator()(const Pair& pair) const;
    };
    struct FirstMessage {
        Cookie cookie{};
        Endpoint remote;
        friend bool operator==(const FirstMessage&, const FirstMessage&) = default;
    };
    struct FirstMessageHash {
        std::size_t operator()(const FirstMessage& first) const;
    };

    void unlink_pair(const IsakmpSa& sa);

    std::unordered_map<SaId, std::unique_ptr<IsakmpSa>> sas_;
    std::unordered_map<Cookie, IsakmpSa*, CookieHash> by_own_cookie_;
    std::unordered_map<FirstMessage, IsakmpSa*, FirstMessageHash> by_first_message_;
    std::unordered_map<Pair, std::set<SaId>, PairHash> by_pair_;
    std::vector<std::unique_ptr<IsakmpSa>> removed_;
    SaId last_id_ = 0;
};

}  // namespace control::ike
