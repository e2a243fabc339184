// The responder's messages of main mode: what answers 1, 3 and 5.
//
// It never repeats by itself: whoever began repeats until it is answered, and a stranger who writes
// in another's name makes one small answer, not many (CVE-2016-5361).
#include "control/ike/main_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

constexpr std::size_t kListedProposals = 8;

// Our order decides, among what the peer offers.
const Phase1Transform* choose(const config::NegotiationTerms& terms,
                              const std::vector<const config::AuthMethod*>& methods,
                              const Phase1Proposal& proposal) {
    for (const config::MmOffer& offer : terms.main_mode.offers) {
        for (const config::AuthMethod* method : methods) {
            const AuthenticationMethod kind = authentication_of(*method);
            const auto found =
                std::ranges::find_if(proposal.transforms, [&](const Phase1Transform& transform) {
                    return transform.offer == offer && transform.authentication == kind;
                });
            if (found != proposal.transforms.end()) {
                return &*found;
            }
        }
    }
    return nullptr;
}

std::string theirs_and_ours(const config::NegotiationTerms& terms,
                            const std::vector<const config::AuthMethod*>& methods,
                            const Phase1Proposal& proposal) {
    std::string theirs;
    for (std::size_t i = 0; i < std::min(proposal.transforms.size(), kListedProposals); ++i) {
        theirs += (i == 0 ? "" : ", ") + to_string(proposal.transforms[i]);
    }
    if (proposal.transforms.size() > kListedProposals) {
        theirs += fmt::format(" and {} more", proposal.transforms.size() - kListedProposals);
    }
    if (proposal.unknown > 0) {
        theirs += fmt::format("{}{} not known here", theirs.empty() ? "" : ", ", proposal.unknown);
    }
    std::string ours;
    for (const config::MmOffer& offer : terms.main_mode.offers) {
        for (const config::AuthMethod* method : methods) {
            Phase1Transform transform;
            transform.offer = offer;
            transform.authentication = authentication_of(*method);
            ours += (ours.empty() ? "" : ", ") + to_string(transform);
        }
    }
    return fmt::format("no proposal chosen: theirs {}; ours {}",
                       theirs.empty() ? "none" : theirs,
                       ours.empty() ? "none" : ours);
}

// RFC 2408 3.14: an error for a message 1 that made no SA. Shorter than any message 1.
void refuse(Core& core, const Message& message, Drop drop) {
    const std::uint16_t type = row_of(drop).notify;
    if (type == 0 || !core.error_notifies.admit(core.now)) {
        return;
    }
    Header header;
    header.initiator = message.header.initiator;
    header.responder = core.new_cookie();
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kInformational);
    header.message_id = core.random_below(0xffff'fffe) + 1;
    MessageBuilder builder(header);
    builder.add(PayloadType::kNotification, notification_payload(type).second);
    ++core.statistics.messages_out;
    core.host.send(message.local, message.remote, builder.finish());
}

// What a message 1 leads to, before anything is kept.
struct Offered {
    std::shared_ptr<const config::NegotiationTerms> terms;
    std::vector<const config::AuthMethod*> methods;
    Phase1Proposal proposal;
    const Phase1Transform* chosen = nullptr;
};

std::optional<Drop> judge_offer(Core& core, const Message& message, Offered& offered) {
    const ByteView body = message.body(PayloadType::kSa);
    if (body.size() > kMaxSaPayload) {
        return Drop::kTooManyPayloads;
    }
    auto decoded = decode_phase1(body);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    offered.proposal = std::get<Phase1Proposal>(std::move(decoded));
    offered.terms = core.host.main_mode_terms(message.local.address, message.remote.address);
    if (offered.terms == nullptr) {
        return Drop::kNoPolicy;
    }
    offered.methods = usable_methods(core, *offered.terms, message.remote.address);
    offered.chosen = choose(*offered.terms, offered.methods, offered.proposal);
    if (offered.chosen == nullptr) {
        // Strangers can make as many of these as they like: the list of failures hears of few.
        if (core.error_notifies.admit(core.now)) {
            core.failed({message.local.address,
                         message.remote.address,
                         config::kAnyRule,
                         "main mode",
                         theirs_and_ours(*offered.terms, offered.methods, offered.proposal)});
        }
        return Drop::kNoProposal;
    }
    return std::nullopt;
}

// RFC 3947 3.1 and others: what the peer announced and we speak too. An answer is never longer than
// the question.
void add_vendors(Core& core, const IsakmpSa& sa, MessageBuilder& builder) {
    const std::optional<Vendor> traversal = nat_traversal_vendor(sa.vendors);
    for (const Vendor vendor : own_vendors(core.options)) {
        const bool one_of_versions =
            vendor == Vendor::kNatTraversalRfc || vendor == Vendor::kNatTraversalDraft02
            || vendor == Vendor::kNatTraversalDraft02n || vendor == Vendor::kNatTraversalDraft03;
        if (one_of_versions ? vendor == traversal : sa.has(vendor)) {
            builder.add(PayloadType::kVendorId, vendor_body(vendor));
        }
    }
}

// All that is kept of a stranger until its second message (see isakmp_sa.h).
IsakmpSa& half_open_sa(Core& core, const Message& message, Offered& offered) {
    IsakmpSa& sa = core.sas.add(false, core.new_cookie(), message.local, message.remote);
    core.half_open.add(sa.first_remote.address);
    sa.half_open = true;
    sa.cookie_i = message.header.initiator;
    core.sas.note_first_message(sa);
    sa.terms = offered.terms;
    sa.created = core.now;
    sa.heard = core.now;
    sa.offer = offered.chosen->offer;
    sa.authentication = offered.chosen->authentication;
    sa.lifetime_seconds =
        shorter(offered.terms->main_mode.lifetime_minutes * 60, offered.chosen->lifetime_seconds);
    note_vendors(sa, message);
    sa.nat_traversal =
        core.options.nat_traversal ? nat_traversal_of(sa.vendors) : NatTraversal::kNone;
    sa.handshake = std::make_unique<Handshake>();
    Handshake& handshake = *sa.handshake;
    const ByteView body = message.body(PayloadType::kSa);
    handshake.sa_payload.assign(body.begin(), body.end());
    handshake.methods = std::move(offered.methods);
    handshake.last_digest = message.digest;
    core.add_timer(TimerKind::kNegotiationEnd, sa.id, core.options.half_open_time);
    return sa;
}

}  // namespace

std::optional<Drop> accept_main_mode(Core& core, Message& message) {
    if (message.header.message_id != 0) {
        return Drop::kBadMessageId;
    }
    if (message.encrypted()) {
        return Drop::kBadFlags;
    }
    if (IsakmpSa* sa = core.sas.find_first(message.header.initiator, message.remote)) {
        if (sa->handshake && sa->handshake->step == 0
            && sa->handshake->last_digest == message.digest) {
            return answer_again(core, *sa);
        }
        return Drop::kUnexpected;
    }
    if (!core.half_open.has_room(message.remote.address)) {
        return Drop::kHalfOpenLimit;
    }
    if (core.sas.size() >= core.options.max_main_modes) {
        return Drop::kTooManySas;
    }
    const auto read = read_payloads(message);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        return *drop;
    }
    static constexpr std::array kMessage1 = {PayloadRule{PayloadType::kSa, 1, 1}};
    if (const std::optional<Drop> drop = check_payloads(message, kMessage1)) {
        return drop;
    }
    Offered offered;
    if (const std::optional<Drop> drop = judge_offer(core, message, offered)) {
        refuse(core, message, *drop);
        return drop;
    }

    IsakmpSa& sa = half_open_sa(core, message, offered);
    if (core.stranger_lines.admit(core.now)) {
        core.log("{} -> main mode 1: SA ({} proposals), {}; <- main mode 2: chosen {}",
                 name_of(sa),
                 offered.proposal.transforms.size() + offered.proposal.unknown,
                 vendors_text(sa),
                 to_string(*offered.chosen));
    }

    MessageBuilder builder(main_mode_header(sa));
    builder.add(PayloadType::kSa,
                encode_phase1_choice(offered.proposal.number, offered.chosen->whole));
    add_vendors(core, sa, builder);
    sa.handshake->last_sent.keep(builder.finish());
    core.send(sa, sa.handshake->last_sent.message);
    return std::nullopt;
}

std::optional<Drop> main_mode_message3(Core& core, IsakmpSa& sa, Message& message) {
    if (const std::optional<Drop> drop = read_key_exchange(sa, message)) {
        return drop;
    }
    Handshake& handshake = *sa.handshake;
    handshake.dh = crypto::DhExchange::generate(sa.offer.dh_group);
    handshake.public_own = handshake.dh->public_value();
    handshake.nonce_own = core.random_bytes(kNonceBytes);
    if (const std::optional<Drop> drop = derive_secrets(core, sa)) {
        return drop;
    }
    MessageBuilder builder(main_mode_header(sa));
    add_key_exchange(core, sa, builder);
    handshake.last_sent.keep(builder.finish());
    core.send(sa, handshake.last_sent.message);
    return std::nullopt;
}

std::optional<Drop> main_mode_message5(Core& core, IsakmpSa& sa, Message& message) {
    if (const std::optional<Drop> drop = judge_proof(core, sa, message)) {
        return drop;
    }
    const auto proof = own_proof(core, sa);
    if (!proof) {
        fail_main_mode(core, sa, proof.error().text);
        return std::nullopt;
    }
    sa.iv = message.next_iv;
    core.half_open.remove(sa.first_remote.address);
    sa.half_open = false;
    follow_peer(core, sa, message);
    for (const Notification& notification : notifications_of(message)) {
        if (is(notification, NotifyType::kInitialContact)) {
            forget_older(core, sa);
        }
    }
    MessageBuilder builder(main_mode_header(sa));
    for (const auto& [type, body] : *proof) {
        builder.add(type, body);
    }
    if (is_initial_contact(core, sa)) {
        const OutPayload contact = initial_contact(sa);
        builder.add(contact.first, contact.second);
    }
    core.log("{} -> main mode 5: {} is proven; <- main mode 6: we are {}",
             name_of(sa),
             sa.remote_name,
             to_string(sa.local_id));
    sa.handshake->last_sent.keep(encrypt_message(builder, sa.secrets, sa.iv));
    core.send(sa, sa.handshake->last_sent.message);
    main_mode_established(core, sa);
    return std::nullopt;
}

}  // namespace control::ike
