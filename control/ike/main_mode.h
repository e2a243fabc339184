// Main mode (RFC 2409 5): from strangers to an ISAKMP SA, as initiator and as responder, and the
// life of the SA.
#pragma once

#include "control/ike/core.h"
#include "control/ike/exchange.h"

#include <optional>
#include <string>
#include <vector>

namespace control::ike {

struct MainModeWish {
    Endpoint local;
    Endpoint remote;
    std::shared_ptr<const config::NegotiationTerms> terms;
    config::RuleTag selector = config::kAnyRule;
};

// Sends message 1. Errors: why no message can be sent, in words.
[[nodiscard]] config::Result<IsakmpSa*> begin_main_mode(Core& core, const MainModeWish& wish);
// Message 1 of a stranger. Why it was not acted on; nothing: it was.
[[nodiscard]] std::optional<Drop> accept_main_mode(Core& core, Message& message);
// Any later one.
[[nodiscard]] std::optional<Drop> receive_main_mode(Core& core, IsakmpSa& sa, Message& message);
// The peer repeats what was answered already.
[[nodiscard]] Drop answer_again(Core& core, IsakmpSa& sa);

// --- Steps

[[nodiscard]] std::optional<Drop> main_mode_message2(Core& core, IsakmpSa& sa, Message& message);
[[nodiscard]] std::optional<Drop> main_mode_message3(Core& core, IsakmpSa& sa, Message& message);
[[nodiscard]] std::optional<Drop> main_mode_message4(Core& core, IsakmpSa& sa, Message& message);
[[nodiscard]] std::optional<Drop> main_mode_message5(Core& core, IsakmpSa& sa, Message& message);
[[nodiscard]] std::optional<Drop> main_mode_message6(Core& core, IsakmpSa& sa, Message& message);

// --- Of both roles

// "message 3"; empty when there is none.
[[nodiscard]] std::string_view awaited_message(const IsakmpSa& sa);
[[nodiscard]] Header main_mode_header(const IsakmpSa& sa);
// Methods of the terms that this host can use; the log hears of the others once.
[[nodiscard]] std::vector<const config::AuthMethod*> usable_methods(
    Core& core, const config::NegotiationTerms& terms, const config::IpAddress& remote);
[[nodiscard]] AuthenticationMethod authentication_of(const config::AuthMethod& method);
[[nodiscard]] std::vector<Vendor> own_vendors(const EngineOptions& options);
[[nodiscard]] Bytes vendor_body(Vendor vendor);
void note_vendors(IsakmpSa& sa, const Message& message);
[[nodiscard]] std::string vendors_text(const IsakmpSa& sa);
// KE, nonce, certificate requests, NAT discovery: messages 3 and 4.
void add_key_exchange(Core& core, IsakmpSa& sa, MessageBuilder& builder);
[[nodiscard]] std::optional<Drop> read_key_exchange(IsakmpSa& sa, const Message& message);
[[nodiscard]] std::optional<Drop> derive_secrets(Core& core, IsakmpSa& sa);

// --- Proofs: messages 5 and 6

// Our ID and what proves it. Errors: why it cannot be proven.
[[nodiscard]] config::Result<std::vector<OutPayload>> own_proof(Core& core, IsakmpSa& sa);
[[nodiscard]] std::optional<Drop> judge_proof(Core& core, IsakmpSa& sa, const Message& message);
// RFC 2407 4.6.3.3: whether there is no other SA with the peer.
[[nodiscard]] bool is_initial_contact(const Core& core, const IsakmpSa& sa);
[[nodiscard]] OutPayload initial_contact(const IsakmpSa& sa);
// A notification INITIAL-CONTACT under `sa`: whatever is older is of a peer that has forgotten it.
void forget_older(Core& core, const IsakmpSa& sa);
// An error in clear to a peer whose main mode is not done: at most one for each, and few in all.
void notify_error(Core& core, IsakmpSa& sa, Drop drop);

// --- Outcomes and timers

void main_mode_established(Core& core, IsakmpSa& sa);
void fail_main_mode(Core& core, IsakmpSa& sa, std::string reason);
void repeat_main_mode(Core& core, IsakmpSa& sa);
void end_negotiation(Core& core, IsakmpSa& sa);
void forget_handshake(IsakmpSa& sa);
void rekey_main_mode(Core& core, IsakmpSa& sa);
void end_main_mode(Core& core, IsakmpSa& sa);
// Out of the table; quick modes under it are over. The peer is not told.
void remove_sa(Core& core, IsakmpSa& sa, const std::string& reason);
// The peer's packets were true and came from here: answers go there (RFC 3947 4).
void follow_peer(Core& core, IsakmpSa& sa, const Message& message);

}  // namespace control::ike
