// One quick mode under an ISAKMP SA (RFC 2409 5.5), and what begins and drives it.
#pragma once

#include "config/sa_method.h"
#include "control/ike/message.h"
#include "control/ike/proposal.h"
#include "control/ike/retransmission.h"
#include "crypto/ike_crypto.h"

#include <optional>
#include <vector>

namespace control::ike {

struct Core;
struct IsakmpSa;
struct Wish;

struct QuickMode {
    std::uint32_t message_id = 0;
    bool initiator = false;
    bool done = false;  // only its last answer is kept, for a peer that repeats
    bool commit = false;
    std::uint64_t wish = 0;  // the initiator's
    Bytes iv;

    // Of the SAs, as this host sees them.
    config::RuleTag selector = config::kAnyRule;
    config::Guid rule;
    std::shared_ptr<const config::NegotiationTerms> terms;
    config::SaMode mode = config::SaMode::kTransport;
    TrafficSelectors traffic;
    std::vector<OutPayload> ids;  // IDci, IDcr as the initiator wrote them

    std::vector<Phase2Offer> offers;  // the initiator's
    config::QmOffer offer;            // the chosen one, lifetimes as they will be
    std::uint16_t pfs_group = 0;
    bool esn = false;
    bool encapsulated = false;
    Phase2Spis ours;
    Phase2Spis theirs;

    std::optional<crypto::DhExchange> dh;
    Bytes nonce_i;
    Bytes nonce_r;
    config::SecretBytes shared;

    MessageDigest last_digest{};
    unsigned repeats = 0;
    Retransmission last_sent;
    ChildId child = 0;
};

// Message 1, under an established SA.
void begin_quick_mode(Core& core, IsakmpSa& sa, Wish& wish);
// Why nothing came of a message; nothing: it was acted on.
[[nodiscard]] std::optional<Drop> receive_quick_mode(Core& core, IsakmpSa& sa, Message& message);
void repeat_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick);
// It is over without SAs, for this reason.
void fail_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick, std::string reason);

// --- Steps, each of one message

[[nodiscard]] std::optional<Drop> quick_mode_message1(Core& core,
                                                      IsakmpSa& sa,
                                                      QuickMode& quick,
                                                      Message& message);
[[nodiscard]] std::optional<Drop> quick_mode_message2(Core& core,
                                                      IsakmpSa& sa,
                                                      QuickMode& quick,
                                                      Message& message);
[[nodiscard]] std::optional<Drop> quick_mode_message3(Core& core,
                                                      IsakmpSa& sa,
                                                      QuickMode& quick,
                                                      Message& message);

// --- Of both roles

[[nodiscard]] std::uint16_t pfs_group_of(const config::NegotiationTerms& terms, const IsakmpSa& sa);
// What both ends agree to: neither's limit is exceeded; 0 is no limit.
[[nodiscard]] std::uint32_t shorter(std::uint32_t a, std::uint32_t b);
[[nodiscard]] Header quick_mode_header(const IsakmpSa& sa, const QuickMode& quick);
void send_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick, Bytes message, bool repeat);

}  // namespace control::ike
