// The initiator's messages of quick mode: 1, and 3 which answers 2.
#include "control/ike/informational.h"
#include "control/ike/main_mode.h"
#include "control/ike/quick_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

std::vector<Phase2Offer> offers_of(const IsakmpSa& sa, const QuickMode& quick) {
    std::vector<Phase2Offer> offers;
    for (const config::QmOffer& offer : quick.terms->quick_mode.offers) {
        // RFC 3947: AH covers the addresses that a NAT changes.
        if (!has_identifiers(offer) || (sa.behind_nat() && offer.ah != config::Hash::kNone)) {
            continue;
        }
        Phase2Offer one;
        one.offer = offer;
        one.mode = quick.mode;
        one.udp_encapsulated = sa.behind_nat();
        one.draft_encapsulation = sa.nat_traversal == NatTraversal::kDraft;
        one.pfs_group = quick.pfs_group;
        offers.push_back(one);
    }
    return offers;
}

void take_spis(Core& core, const IsakmpSa& sa, QuickMode& quick) {
    const auto any = [&](auto wants) { return std::ranges::any_of(quick.offers, wants); };
    if (any([](const Phase2Offer& one) { return one.offer.ah != config::Hash::kNone; })) {
        quick.ours.ah = core.host.new_spi(config::IpsecProtocol::kAh, sa.local.address);
        ++core.statistics.spis;
    }
    if (any([](const Phase2Offer& one) { return one.offer.has_esp; })) {
        quick.ours.esp = core.host.new_spi(config::IpsecProtocol::kEsp, sa.local.address);
        ++core.statistics.spis;
    }
}

bool same_algorithms(const config::QmOffer& a, const config::QmOffer& b) {
    return a.ah == b.ah && a.has_esp == b.has_esp && a.esp_cipher == b.esp_cipher
           && a.esp_hash == b.esp_hash;
}

const Phase2Offer* offered(const QuickMode& quick, const Phase2Transform& chosen) {
    const auto found = std::ranges::find_if(quick.offers, [&](const Phase2Offer& one) {
        return same_algorithms(one.offer, chosen.offer) && one.mode == chosen.mode
               && one.udp_encapsulated == chosen.udp_encapsulated
               && one.pfs_group == chosen.pfs_group && !chosen.esn;
    });
    return found == quick.offers.end() ? nullptr : &*found;
}

// RFC 2409 5.5: the responder sends the IDs back. A NAT makes the addresses of transport mode
// differ.
bool ids_are_ours(const IsakmpSa& sa, const QuickMode& quick, const Message& message) {
    const std::vector<ByteView> bodies = message.all(PayloadType::kIdentification);
    if (bodies.empty() || (sa.behind_nat() && quick.mode == config::SaMode::kTransport)) {
        return true;
    }
    if (bodies.size() != 2) {
        return false;
    }
    const std::array<const Selector*, 2> expected = {&quick.traffic.local, &quick.traffic.remote};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto id = decode_identity(bodies[i]);
        const auto* identity = std::get_if<Identity>(&id);
        if (identity == nullptr) {
            return false;
        }
        const auto decoded = selector_of(*identity);
        const auto* selector = std::get_if<Selector>(&decoded);
        if (selector == nullptr || *selector != *expected[i]) {
            return false;
        }
    }
    return true;
}

// RFC 2407 4.6.3.1: the responder's lifetimes where they are shorter.
void apply_responder_lifetime(QuickMode& quick, const Message& message) {
    for (const Notification& notification : notifications_of(message)) {
        if (!is(notification, NotifyType::kResponderLifetime)) {
            continue;
        }
        const auto decoded = decode_lifetime(notification.data);
        if (const auto* lifetime = std::get_if<Lifetime>(&decoded)) {
            quick.offer.seconds = shorter(quick.offer.seconds, lifetime->seconds);
            quick.offer.kilobytes = shorter(quick.offer.kilobytes, lifetime->kilobytes);
        }
    }
}

std::optional<Drop> read_answer(QuickMode& quick, const IsakmpSa& sa, const Message& message) {
    const ByteView nonce = message.body(PayloadType::kNonce);
    auto decoded = decode_phase2(message.body(PayloadType::kSa));
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    const auto& transforms = std::get<std::vector<Phase2Transform>>(decoded);
    if (!is_nonce(nonce)) {
        return Drop::kBadPayload;
    }
    const Phase2Offer* offer =
        transforms.size() == 1 ? offered(quick, transforms.front()) : nullptr;
    if (offer == nullptr) {
        return Drop::kNoProposal;
    }
    if (!ids_are_ours(sa, quick, message)) {
        return Drop::kBadIdentity;
    }
    const Phase2Transform& chosen = transforms.front();
    quick.nonce_r.assign(nonce.begin(), nonce.end());
    quick.offer = offer->offer;
    quick.offer.seconds = shorter(quick.offer.seconds, chosen.offer.seconds);
    quick.offer.kilobytes = shorter(quick.offer.kilobytes, chosen.offer.kilobytes);
    quick.encapsulated = offer->udp_encapsulated;
    quick.theirs = {chosen.ah_spi, chosen.esp_spi};
    quick.ours = {chosen.ah_spi == 0 ? 0 : quick.ours.ah, chosen.esp_spi == 0 ? 0 : quick.ours.esp};
    apply_responder_lifetime(quick, message);
    if (quick.pfs_group == 0) {
        return std::nullopt;
    }
    const Payload* key = message.first(PayloadType::kKeyExchange);
    if (key == nullptr) {
        return Drop::kBadPayload;
    }
    auto shared = quick.dh->shared(key->body);
    if (!shared) {
        return Drop::kBadKeyExchange;
    }
    quick.shared = *std::move(shared);
    quick.dh.reset();
    return std::nullopt;
}

std::string reason_of(Drop drop) {
    return fmt::format("the peer's answer cannot be used: {}", row_of(drop).meaning);
}

// What message 1 carries behind its HASH.
std::vector<OutPayload> first_payloads(const IsakmpSa& sa, QuickMode& quick) {
    std::vector<OutPayload> payloads{{PayloadType::kSa, encode_phase2(quick.offers, quick.ours)},
                                     {PayloadType::kNonce, quick.nonce_i}};
    if (quick.pfs_group != 0) {
        quick.dh = crypto::DhExchange::generate(quick.pfs_group);
        payloads.emplace_back(PayloadType::kKeyExchange, quick.dh->public_value());
    }
    payloads.insert(payloads.end(), quick.ids.begin(), quick.ids.end());
    if (sa.behind_nat() && quick.mode == config::SaMode::kTransport) {
        // RFC 3947 5.2: the addresses as this end sees them.
        const PayloadType original = nat_original_payload(sa.nat_traversal);
        payloads.emplace_back(original, nat_original_address(sa.local.address));
        payloads.emplace_back(original, nat_original_address(sa.remote.address));
    }
    return payloads;
}

}  // namespace

void begin_quick_mode(Core& core, IsakmpSa& sa, Wish& wish) {
    auto owned = std::make_unique<QuickMode>();
    QuickMode& quick = *owned;
    quick.message_id = core.new_message_id(sa);
    quick.initiator = true;
    quick.wish = wish.id;
    quick.selector = wish.acquire.selector;
    quick.rule = wish.acquire.rule;
    quick.terms = wish.acquire.terms;
    quick.mode = wish.acquire.mode;
    quick.traffic = wish.acquire.traffic;
    quick.pfs_group = pfs_group_of(*quick.terms, sa);
    quick.offers = offers_of(sa, quick);
    if (quick.offers.empty()) {
        wish_failed(core,
                    wish,
                    {"quick mode",
                     sa.behind_nat() ? "no security method of the rule can pass a NAT"
                                     : "no security method of the rule has a number in IKEv1"});
        return;
    }
    wish.sa = sa.id;
    ++sa.quick_modes;
    take_spis(core, sa, quick);
    quick.nonce_i = core.random_bytes(kNonceBytes);
    quick.iv = phase2_iv(sa.secrets, sa.iv, quick.message_id);
    quick.ids = {
        {PayloadType::kIdentification, encode_identity(identity_of(quick.traffic.local))},
        {PayloadType::kIdentification, encode_identity(identity_of(quick.traffic.remote))}};

    Bytes message = encrypt_hashed(
        quick_mode_header(sa, quick),
        first_payloads(sa, quick),
        sa.secrets,
        quick.iv,
        [&](ByteView covered) { return quick_mode_hash1(sa.secrets, quick.message_id, covered); });
    core.log("{} <- quick mode 1 {:08x}: {} - {}, {}",
             name_of(sa),
             quick.message_id,
             to_string(quick.traffic.local),
             to_string(quick.traffic.remote),
             config::to_string(quick.terms->quick_mode.offers));
    sa.exchanges.emplace(quick.message_id, std::move(owned));
    send_quick_mode(core, sa, quick, std::move(message), true);
}

std::optional<Drop> quick_mode_message2(Core& core,
                                        IsakmpSa& sa,
                                        QuickMode& quick,
                                        Message& message) {
    if (const std::optional<Drop> drop = read_answer(quick, sa, message)) {
        fail_quick_mode(core, sa, quick, reason_of(*drop));
        return drop;
    }
    for (const config::SaDirection direction :
         {config::SaDirection::kInbound, config::SaDirection::kOutbound}) {
        const auto installed = install_child(core, sa, quick, direction);
        if (!installed) {
            fail_quick_mode(core, sa, quick, installed.error().text);
            return std::nullopt;
        }
    }
    MessageBuilder builder(quick_mode_header(sa, quick));
    builder.add(PayloadType::kHash,
                quick_mode_hash3(sa.secrets, quick.message_id, quick.nonce_i, quick.nonce_r));
    core.log("{} <- quick mode 3 {:08x}: {} for {} s, {} kB{}",
             name_of(sa),
             quick.message_id,
             config::algorithms_text(quick.offer),
             quick.offer.seconds,
             quick.offer.kilobytes,
             quick.commit ? ", commit bit" : "");
    send_quick_mode(core, sa, quick, encrypt_message(builder, sa.secrets, quick.iv), false);
    // RFC 2408 3.1: a peer that set the commit bit says CONNECTED when it is ready. Nobody waits
    // for it. XXX: packets that overtake message 3 are lost at peers that install their inbound
    // SAs only then (docs/decisions/0024).
    child_established(core, sa, quick);
    if (Wish* wish = core.wishes.find(quick.wish)) {
        wish_granted(core, *wish);
    }
    return std::nullopt;
}

}  // namespace control::ike
