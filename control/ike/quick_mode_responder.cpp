// The responder's messages of quick mode: 2 which answers 1, and what 3 leads to.
#include "control/ike/informational.h"
#include "control/ike/main_mode.h"
#include "control/ike/quick_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

constexpr std::size_t kListedProposals = 8;

// A refusal: the reason in the log and in the notification, which is protected here.
struct Refusal {
    Drop drop = Drop::kBadPayload;
    std::string reason;
};

std::optional<Refusal> refusal(Drop drop) {
    return Refusal{drop, std::string(row_of(drop).meaning)};
}

// RFC 2409 5.5: without IDs it is the ends of IKE. What the peer calls its own is remote here.
std::optional<Refusal> read_traffic(const IsakmpSa& sa, QuickMode& quick, const Message& message) {
    const std::vector<ByteView> bodies = message.all(PayloadType::kIdentification);
    if (bodies.empty()) {
        quick.traffic.local = {sa.local.address, sa.local.address, 0, 0};
        quick.traffic.remote = {sa.remote.address, sa.remote.address, 0, 0};
        return std::nullopt;
    }
    if (bodies.size() != 2) {
        return refusal(Drop::kBadPayload);
    }
    std::array<Selector, 2> selectors;
    for (std::size_t i = 0; i < selectors.size(); ++i) {
        const auto identity = decode_identity(bodies[i]);
        if (const Drop* drop = std::get_if<Drop>(&identity)) {
            return refusal(*drop);
        }
        const auto selector = selector_of(std::get<Identity>(identity));
        if (const Drop* drop = std::get_if<Drop>(&selector)) {
            return Refusal{
                *drop,
                fmt::format("{} names no addresses", to_string(std::get<Identity>(identity)))};
        }
        selectors[i] = std::get<Selector>(selector);
        quick.ids.emplace_back(PayloadType::kIdentification,
                               Bytes(bodies[i].begin(), bodies[i].end()));
    }
    quick.traffic.remote = selectors[0];
    quick.traffic.local = selectors[1];
    return std::nullopt;
}

// RFC 3947 5.2: behind a NAT, transport mode packets have other addresses than the peer writes.
TrafficSelectors as_packets_have(const IsakmpSa& sa,
                                 config::SaMode mode,
                                 TrafficSelectors traffic) {
    if (sa.behind_nat() && mode == config::SaMode::kTransport) {
        traffic.local.first = traffic.local.last = sa.local.address;
        traffic.remote.first = traffic.remote.last = sa.remote.address;
    }
    return traffic;
}

std::string selectors_text(const TrafficSelectors& traffic) {
    return fmt::format("{} here, {} there", to_string(traffic.local), to_string(traffic.remote));
}

std::optional<Refusal> find_rule(Core& core,
                                 const IsakmpSa& sa,
                                 QuickMode& quick,
                                 const std::vector<Phase2Transform>& transforms) {
    for (const config::SaMode mode : {config::SaMode::kTunnel, config::SaMode::kTransport}) {
        if (std::ranges::find(transforms, mode, &Phase2Transform::mode) == transforms.end()) {
            continue;
        }
        QuickModeQuery query;
        query.local = sa.local.address;
        query.remote = sa.remote.address;
        query.mode = mode;
        query.traffic = as_packets_have(sa, mode, quick.traffic);
        query.behind_nat = sa.behind_nat();
        const std::optional<QuickModeMatch> match = core.host.quick_mode_match(query);
        if (!match) {
            continue;
        }
        if (!satisfies(sa, *match->terms)) {
            return Refusal{Drop::kNoPolicy,
                           fmt::format("the rule for {} wants another main mode than this one",
                                       selectors_text(quick.traffic))};
        }
        quick.selector = match->selector;
        quick.rule = match->rule;
        quick.terms = match->terms;
        quick.mode = mode;
        quick.traffic = query.traffic;
        return std::nullopt;
    }
    return Refusal{Drop::kBadIdentity,
                   fmt::format("no rule negotiates for {}", selectors_text(quick.traffic))};
}

bool has_icv(const config::QmOffer& offer) {
    return offer.ah != config::Hash::kNone || offer.esp_hash != config::Hash::kNone
           || config::row_of(offer.esp_cipher).aead;
}

bool fits(const IsakmpSa& sa,
          const QuickMode& quick,
          const config::QmOffer& ours,
          const Phase2Transform& theirs) {
    const bool algorithms = ours.ah == theirs.offer.ah && ours.has_esp == theirs.offer.has_esp
                            && ours.esp_cipher == theirs.offer.esp_cipher
                            && ours.esp_hash == theirs.offer.esp_hash;
    const std::uint16_t group = pfs_group_of(*quick.terms, sa);
    const bool known =
        theirs.pfs_group == 0
        || std::ranges::find(config::kDhGroups, theirs.pfs_group, &config::DhGroupRow::ike_group)
               != config::kDhGroups.end();
    return algorithms && theirs.mode == quick.mode
           && (!theirs.udp_encapsulated || sa.nat_traversal != NatTraversal::kNone)
           && (group == 0 ? known : theirs.pfs_group == group)
           && (!theirs.esn || has_icv(theirs.offer));
}

// Our order decides, among what the peer offers. Whether ESP needs UDP is the initiator's to say:
// of NAT discovery nothing is authenticated, so what each end found may differ.
const Phase2Transform* choose(const IsakmpSa& sa,
                              const QuickMode& quick,
                              const std::vector<Phase2Transform>& transforms,
                              config::QmOffer& offer) {
    for (const config::QmOffer& ours : quick.terms->quick_mode.offers) {
        const Phase2Transform* found = nullptr;
        for (const Phase2Transform& theirs : transforms) {
            const bool better = found == nullptr
                                || (found->udp_encapsulated != sa.behind_nat()
                                    && theirs.udp_encapsulated == sa.behind_nat());
            if (better && fits(sa, quick, ours, theirs)) {
                found = &theirs;
            }
        }
        if (found != nullptr) {
            offer = ours;
            offer.seconds = shorter(ours.seconds, found->offer.seconds);
            offer.kilobytes = shorter(ours.kilobytes, found->offer.kilobytes);
            return found;
        }
    }
    return nullptr;
}

std::string theirs_and_ours(const IsakmpSa& sa,
                            const QuickMode& quick,
                            const std::vector<Phase2Transform>& transforms) {
    std::string theirs;
    for (std::size_t i = 0; i < std::min(transforms.size(), kListedProposals); ++i) {
        theirs += (i == 0 ? "" : ", ") + to_string(transforms[i]);
    }
    if (transforms.size() > kListedProposals) {
        theirs += fmt::format(" and {} more", transforms.size() - kListedProposals);
    }
    const std::uint16_t group = pfs_group_of(*quick.terms, sa);
    return fmt::format("no proposal chosen: theirs {}; ours {}, {}{}",
                       theirs.empty() ? "none that is known here" : theirs,
                       config::to_string(quick.terms->quick_mode.offers),
                       group == 0 ? std::string("no PFS") : fmt::format("PFS group {}", group),
                       sa.behind_nat() ? ", in UDP for the NAT" : "");
}

std::optional<Refusal> exchange_keys(QuickMode& quick, const Message& message) {
    if (quick.pfs_group == 0) {
        return std::nullopt;
    }
    const Payload* key = message.first(PayloadType::kKeyExchange);
    if (key == nullptr) {
        return refusal(Drop::kBadPayload);
    }
    if (key->body.size() != crypto::DhExchange::public_bytes(quick.pfs_group)) {
        return refusal(Drop::kBadKeyExchange);
    }
    quick.dh = crypto::DhExchange::generate(quick.pfs_group);
    auto shared = quick.dh->shared(key->body);
    if (!shared) {
        return Refusal{Drop::kBadKeyExchange, shared.error().text};
    }
    quick.shared = *std::move(shared);
    return std::nullopt;
}

void send_message2(Core& core, IsakmpSa& sa, QuickMode& quick, const Phase2Transform& chosen) {
    std::vector<OutPayload> payloads{{PayloadType::kSa, encode_phase2_choice(chosen, quick.ours)},
                                     {PayloadType::kNonce, quick.nonce_r}};
    if (quick.dh) {
        payloads.emplace_back(PayloadType::kKeyExchange, quick.dh->public_value());
        quick.dh.reset();
    }
    payloads.insert(payloads.end(), quick.ids.begin(), quick.ids.end());
    if (quick.offer.seconds != chosen.offer.seconds
        || quick.offer.kilobytes != chosen.offer.kilobytes) {
        // RFC 2407 4.6.3.1: a protected notification of the shorter lifetime.
        const bool esp = quick.ours.esp != 0;
        const std::uint32_t spi = esp ? quick.ours.esp : quick.ours.ah;
        payloads.push_back(
            notification_payload(static_cast<std::uint16_t>(NotifyType::kResponderLifetime),
                                 spi_bytes(spi),
                                 encode_lifetime({quick.offer.seconds, quick.offer.kilobytes}),
                                 esp ? kProtocolEsp : kProtocolAh));
    }
    if (sa.behind_nat() && quick.mode == config::SaMode::kTransport) {
        const PayloadType original = nat_original_payload(sa.nat_traversal);
        payloads.emplace_back(original, nat_original_address(sa.remote.address));
        payloads.emplace_back(original, nat_original_address(sa.local.address));
    }
    Bytes answer = encrypt_hashed(
        quick_mode_header(sa, quick), payloads, sa.secrets, quick.iv, [&](ByteView covered) {
            return quick_mode_hash2(sa.secrets, quick.message_id, quick.nonce_i, covered);
        });
    core.log("{} <- quick mode 2 {:08x}: chosen {} for {} s, {} kB",
             name_of(sa),
             quick.message_id,
             to_string(chosen),
             quick.offer.seconds,
             quick.offer.kilobytes);
    send_quick_mode(core, sa, quick, std::move(answer), true);
}

std::optional<Refusal> answer(Core& core,
                              IsakmpSa& sa,
                              QuickMode& quick,
                              const Message& message,
                              const std::vector<Phase2Transform>& transforms) {
    const ByteView nonce = message.body(PayloadType::kNonce);
    if (!is_nonce(nonce)) {
        return refusal(Drop::kBadPayload);
    }
    if (auto refused = read_traffic(sa, quick, message)) {
        return refused;
    }
    if (auto refused = find_rule(core, sa, quick, transforms)) {
        return refused;
    }
    const Phase2Transform* chosen = choose(sa, quick, transforms, quick.offer);
    if (chosen == nullptr) {
        return Refusal{Drop::kNoProposal, theirs_and_ours(sa, quick, transforms)};
    }
    quick.pfs_group = chosen->pfs_group;
    if (auto refused = exchange_keys(quick, message)) {
        return refused;
    }
    quick.nonce_i.assign(nonce.begin(), nonce.end());
    quick.nonce_r = core.random_bytes(kNonceBytes);
    quick.esn = chosen->esn;
    quick.encapsulated = chosen->udp_encapsulated;
    quick.theirs = {chosen->ah_spi, chosen->esp_spi};
    if (chosen->ah_spi != 0) {
        quick.ours.ah = core.host.new_spi(config::IpsecProtocol::kAh, sa.local.address);
        ++core.statistics.spis;
    }
    if (chosen->esp_spi != 0) {
        quick.ours.esp = core.host.new_spi(config::IpsecProtocol::kEsp, sa.local.address);
        ++core.statistics.spis;
    }
    // Before message 2 leaves: its answer may be followed at once by packets.
    const auto installed = install_child(core, sa, quick, config::SaDirection::kInbound);
    if (!installed) {
        return Refusal{Drop::kTooManySas, installed.error().text};
    }
    send_message2(core, sa, quick, *chosen);
    return std::nullopt;
}

// RFC 2408 3.14: which exchange it is about says the SPI of its proposal.
void notify_refusal(Core& core,
                    IsakmpSa& sa,
                    Drop drop,
                    const std::vector<Phase2Transform>& transforms) {
    std::uint16_t type = row_of(drop).notify;
    if (type == 0) {
        // Of lacks of our own RFC 2408 knows no name; the peer need not wait all the same.
        type = static_cast<std::uint16_t>(NotifyType::kNoProposalChosen);
    }
    Bytes spi;
    std::uint8_t protocol = kProtocolEsp;
    if (!transforms.empty()) {
        const Phase2Transform& first = transforms.front();
        protocol = first.esp_spi != 0 ? kProtocolEsp : kProtocolAh;
        spi = spi_bytes(first.esp_spi != 0 ? first.esp_spi : first.ah_spi);
    }
    send_informational(core, sa, {notification_payload(type, spi, {}, protocol)});
}

}  // namespace

std::optional<Drop> quick_mode_message1(Core& core,
                                        IsakmpSa& sa,
                                        QuickMode& quick,
                                        Message& message) {
    core.log("{} -> quick mode 1 {:08x}", name_of(sa), quick.message_id);
    auto decoded = decode_phase2(message.body(PayloadType::kSa));
    std::vector<Phase2Transform> transforms;
    std::optional<Refusal> refused;
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        refused = refusal(*drop);
    } else {
        transforms = std::get<std::vector<Phase2Transform>>(std::move(decoded));
        refused = answer(core, sa, quick, message, transforms);
    }
    if (!refused) {
        ++sa.quick_modes;
        return std::nullopt;
    }
    if (ChildSa* child = core.children.find(quick.child)) {
        remove_child(core, *child, false);
    }
    ++core.statistics.receive_failures;
    core.failed(
        {sa.local.address, sa.remote.address, config::kAnyRule, "quick mode", refused->reason});
    notify_refusal(core, sa, refused->drop, transforms);
    return refused->drop;
}

std::optional<Drop> quick_mode_message3(Core& core,
                                        IsakmpSa& sa,
                                        QuickMode& quick,
                                        Message& /*message*/) {
    quick.last_sent.stop();
    const auto installed = install_child(core, sa, quick, config::SaDirection::kOutbound);
    if (!installed) {
        fail_quick_mode(core, sa, quick, installed.error().text);
        return std::nullopt;
    }
    quick.last_sent = {};
    if (quick.commit) {
        // RFC 2408 3.1: the peer waits to hear that the SAs are there.
        const bool esp = quick.ours.esp != 0;
        send_informational(core,
                           sa,
                           {notification_payload(static_cast<std::uint16_t>(NotifyType::kConnected),
                                                 spi_bytes(esp ? quick.ours.esp : quick.ours.ah),
                                                 {},
                                                 esp ? kProtocolEsp : kProtocolAh)});
    }
    child_established(core, sa, quick);
    return std::nullopt;
}

}  // namespace control::ike
