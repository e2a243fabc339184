// The initiator's messages of main mode: 1, then what answers 2, 4 and 6.
#include "control/ike/main_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

void send_first(Core& core, IsakmpSa& sa, Bytes message) {
    Retransmission& sent = sa.handshake->last_sent;
    core.send(sa, message);
    sent.start(std::move(message), core.options.retransmit_first, core.now);
    core.add_timer(TimerKind::kMainModeRepeat, sa.id, sent.interval);
}

std::vector<AuthenticationMethod> authentications(
    const std::vector<const config::AuthMethod*>& methods) {
    std::vector<AuthenticationMethod> kinds;
    for (const config::AuthMethod* method : methods) {
        const AuthenticationMethod kind = authentication_of(*method);
        if (std::ranges::find(kinds, kind) == kinds.end()) {
            kinds.push_back(kind);
        }
    }
    return kinds;
}

// RFC 2409 5: the responder chooses one transform of ours, as it is.
bool was_offered(const IsakmpSa& sa, const Phase1Transform& chosen) {
    const std::vector<config::MmOffer>& offers = sa.terms->main_mode.offers;
    const std::vector<AuthenticationMethod> kinds = authentications(sa.handshake->methods);
    return std::ranges::find(offers, chosen.offer) != offers.end()
           && std::ranges::find(kinds, chosen.authentication) != kinds.end();
}

// Traffic that may go in clear to a peer without IPsec does not wait long for a peer that is
// silent.
unsigned repeats_of(const Core& core, const IsakmpSa& sa) {
    static constexpr unsigned kSoftRepeats = 1;
    const bool impatient = sa.terms->quick_mode.soft && !sa.handshake->heard;
    return impatient ? std::min(kSoftRepeats, core.options.retransmits) : core.options.retransmits;
}

}  // namespace

config::Result<IsakmpSa*> begin_main_mode(Core& core, const MainModeWish& wish) {
    const config::MainModeTerms& terms = wish.terms->main_mode;
    std::vector<const config::AuthMethod*> methods =
        usable_methods(core, *wish.terms, wish.remote.address);
    if (methods.empty()) {
        return config::Error{config::ErrorCode::kNoAuthMethod,
                             "none of the rule's authentication methods can be used here"};
    }
    if (terms.offers.empty()) {
        return config::Error{config::ErrorCode::kBadMethods,
                             "the rule has no main mode security method"};
    }
    if (core.sas.size() >= core.options.max_main_modes) {
        return config::Error{
            config::ErrorCode::kTooManySas,
            fmt::format("{} main modes are as many as are kept", core.options.max_main_modes)};
    }
    IsakmpSa& sa = core.sas.add(true, core.new_cookie(), wish.local, wish.remote);
    sa.terms = wish.terms;
    sa.selector = wish.selector;
    sa.created = core.now;
    sa.heard = core.now;
    sa.lifetime_seconds = terms.lifetime_minutes * 60;
    sa.handshake = std::make_unique<Handshake>();
    sa.handshake->methods = std::move(methods);
    sa.handshake->sa_payload =
        encode_phase1(terms.offers, authentications(sa.handshake->methods), sa.lifetime_seconds);

    MessageBuilder builder(main_mode_header(sa));
    builder.add(PayloadType::kSa, sa.handshake->sa_payload);
    for (const Vendor vendor : own_vendors(core.options)) {
        builder.add(PayloadType::kVendorId, vendor_body(vendor));
    }
    core.log("{} <- main mode 1: we offer {}", name_of(sa), config::to_string(terms.offers));
    send_first(core, sa, builder.finish());
    return &sa;
}

std::optional<Drop> main_mode_message2(Core& core, IsakmpSa& sa, Message& message) {
    if (message.header.responder == Cookie{}) {
        return Drop::kBadCookie;
    }
    auto decoded = decode_phase1(message.body(PayloadType::kSa));
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    const Phase1Proposal& proposal = std::get<Phase1Proposal>(decoded);
    if (proposal.transforms.size() != 1 || proposal.unknown != 0
        || !was_offered(sa, proposal.transforms.front())) {
        sa.handshake->reason = "the peer chose what was not offered";
        return Drop::kNoProposal;
    }
    const Phase1Transform& chosen = proposal.transforms.front();
    sa.cookie_r = message.header.responder;
    sa.offer = chosen.offer;
    sa.authentication = chosen.authentication;
    sa.lifetime_seconds = shorter(sa.lifetime_seconds, chosen.lifetime_seconds);
    note_vendors(sa, message);
    sa.nat_traversal =
        core.options.nat_traversal ? nat_traversal_of(sa.vendors) : NatTraversal::kNone;
    core.log("{} -> main mode 2: chosen {}, {}", name_of(sa), to_string(chosen), vendors_text(sa));

    Handshake& handshake = *sa.handshake;
    handshake.dh = crypto::DhExchange::generate(sa.offer.dh_group);
    handshake.public_own = handshake.dh->public_value();
    handshake.nonce_own = core.random_bytes(kNonceBytes);
    MessageBuilder builder(main_mode_header(sa));
    add_key_exchange(core, sa, builder);
    send_first(core, sa, builder.finish());
    return std::nullopt;
}

std::optional<Drop> main_mode_message4(Core& core, IsakmpSa& sa, Message& message) {
    if (const std::optional<Drop> drop = read_key_exchange(sa, message)) {
        return drop;
    }
    if (const std::optional<Drop> drop = derive_secrets(core, sa)) {
        return drop;
    }
    if (sa.behind_nat() && sa.local.port != core.options.nat_port) {
        // RFC 3947 4: the initiator moves to the other ports with its first encrypted message.
        core.sas.move(sa,
                      {sa.local.address, core.options.nat_port},
                      {sa.remote.address, core.options.nat_port});
    }
    const auto proof = own_proof(core, sa);
    if (!proof) {
        fail_main_mode(core, sa, proof.error().text);
        return std::nullopt;
    }
    MessageBuilder builder(main_mode_header(sa));
    for (const auto& [type, body] : *proof) {
        builder.add(type, body);
    }
    if (is_initial_contact(core, sa)) {
        const OutPayload contact = initial_contact(sa);
        builder.add(contact.first, contact.second);
    }
    core.log("{} <- main mode 5: we are {}{}",
             name_of(sa),
             to_string(sa.local_id),
             sa.behind_nat() ? ", NAT in between" : "");
    send_first(core, sa, encrypt_message(builder, sa.secrets, sa.iv));
    return std::nullopt;
}

std::optional<Drop> main_mode_message6(Core& core, IsakmpSa& sa, Message& message) {
    if (const std::optional<Drop> drop = judge_proof(core, sa, message)) {
        return drop;
    }
    sa.iv = message.next_iv;
    sa.handshake->last_sent.stop();
    follow_peer(core, sa, message);
    main_mode_established(core, sa);
    for (const Notification& notification : notifications_of(message)) {
        if (is(notification, NotifyType::kInitialContact)) {
            forget_older(core, sa);
        }
    }
    return std::nullopt;
}

void repeat_main_mode(Core& core, IsakmpSa& sa) {
    if (!sa.handshake || !sa.handshake->last_sent.due || *sa.handshake->last_sent.due > core.now) {
        return;
    }
    Retransmission& sent = sa.handshake->last_sent;
    if (sent.sent > repeats_of(core, sa) || (sa.handshake->refused && sent.sent > 1)) {
        const unsigned number = 2 * static_cast<unsigned>(sa.handshake->step) + 1;
        std::string reason =
            fmt::format("no answer to message {} after {} tries", number, sent.sent);
        if (number == 5 && sa.authentication == AuthenticationMethod::kPresharedKey) {
            reason += ": the pre-shared keys differ?";
        }
        if (!sa.handshake->reason.empty()) {
            reason += fmt::format("; {}", sa.handshake->reason);
        }
        fail_main_mode(core, sa, std::move(reason));
        return;
    }
    sent.sent_again(core.now);
    ++core.statistics.retransmissions;
    core.send(sa, sent.message);
    core.add_timer(TimerKind::kMainModeRepeat, sa.id, sent.interval);
}

}  // namespace control::ike
