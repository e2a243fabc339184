// Reads SA payloads: first into proposals and transforms, then each transform by the tables of
// config/algorithms.h. What does not fit together as bytes is an error; what is not understood is
// left out, so that the peer's other proposals count (RFC 2408 4.2).
#include "control/ike/attributes.h"
#include "control/ike/proposal.h"
#include "control/ike/wire.h"

#include <algorithm>
#include <bitset>

namespace control::ike {
namespace {

constexpr std::uint32_t kDoiIpsec = 1;
constexpr std::uint32_t kSitIdentityOnly = 1;  // RFC 2407 4.2.1
constexpr std::size_t kSaBytes = 8;
constexpr std::size_t kProposalBytes = 4;    // behind the generic header
constexpr std::size_t kTransformBytes = 4;   // likewise
constexpr std::uint8_t kKeyIke = 1;          // RFC 2407 4.4.2
constexpr std::size_t kMaxTransforms = 255;  // of one proposal: RFC 2408 3.5 counts in a byte
constexpr std::size_t kMaxCombinations = 256;

struct RawTransform {
    std::uint8_t number = 0;
    std::uint8_t id = 0;
    ByteView attributes;
    ByteView whole;
};

struct RawProposal {
    std::uint8_t number = 0;
    std::uint8_t protocol = 0;
    ByteView spi;
    std::vector<RawTransform> transforms;
};

// A chain of payloads that are all of one type.
Decoded<std::vector<Payload>> chain_of(PayloadType type, ByteView bytes, std::size_t limit) {
    Decoded<std::vector<Payload>> chain = decode_payloads(type, bytes, false, limit);
    if (const auto* payloads = std::get_if<std::vector<Payload>>(&chain)) {
        if (!std::all_of(payloads->begin(), payloads->end(), [&](const Payload& payload) {
                return payload.type == type;
            })) {
            return Drop::kBadPayload;
        }
    }
    return chain;
}

// RFC 2408 3.5, 3.6.
Decoded<RawProposal> decode_proposal(ByteView body) {
    if (body.size() < kProposalBytes) {
        return Drop::kBadPayload;
    }
    RawProposal proposal;
    proposal.number = body[0];
    proposal.protocol = body[1];
    const std::size_t spi_bytes = body[2];
    const std::size_t count = body[3];
    const ByteView rest = body.subspan(kProposalBytes);
    if (spi_bytes > rest.size()) {
        return Drop::kBadPayload;
    }
    proposal.spi = rest.first(spi_bytes);
    const auto chain = chain_of(PayloadType::kTransform, rest.subspan(spi_bytes), kMaxTransforms);
    if (const Drop* drop = std::get_if<Drop>(&chain)) {
        return *drop;
    }
    for (const Payload& payload : std::get<std::vector<Payload>>(chain)) {
        if (payload.body.size() < kTransformBytes) {
            return Drop::kBadPayload;
        }
        proposal.transforms.push_back({payload.body[0],
                                       payload.body[1],
                                       payload.body.subspan(kTransformBytes),
                                       payload.whole});
    }
    if (proposal.transforms.size() != count) {
        return Drop::kBadPayload;
    }
    return proposal;
}

// RFC 2408 3.4, RFC 2407 4.6.1.
Decoded<std::vector<RawProposal>> decode_sa(ByteView body) {
    // Other situations add fields of labelled networks; RFC 2407 4.2 lets a host refuse them.
    if (body.size() < kSaBytes || read_u32(body, 0) > kDoiIpsec
        || read_u32(body, 4) != kSitIdentityOnly) {
        return Drop::kBadPayload;
    }
    const auto chain = chain_of(PayloadType::kProposal, body.subspan(kSaBytes), kMaxPayloads);
    if (const Drop* drop = std::get_if<Drop>(&chain)) {
        return *drop;
    }
    std::vector<RawProposal> proposals;
    for (const Payload& payload : std::get<std::vector<Payload>>(chain)) {
        Decoded<RawProposal> proposal = decode_proposal(payload.body);
        if (const Drop* drop = std::get_if<Drop>(&proposal)) {
            return *drop;
        }
        proposals.push_back(std::get<RawProposal>(std::move(proposal)));
    }
    return proposals;
}

// The group's number if it has a row. CVE-2014-9221: other numbers go no further.
std::optional<std::uint16_t> known_group(std::uint32_t group) {
    const auto* row = std::find_if(
        config::kDhGroups.begin(), config::kDhGroups.end(), [&](const config::DhGroupRow& r) {
            return r.ike_group == group;
        });
    return row == config::kDhGroups.end() ? std::nullopt : std::optional(row->ike_group);
}

// RFC 2409 Appendix A, RFC 3602 5.3: a cipher of several key lengths says which, others must not.
bool is_key_length(std::uint16_t of_row, std::optional<std::uint32_t> said) {
    return of_row == 0 ? !said : said == of_row;
}

// --- Phase 1

std::optional<config::MmOffer> main_mode_offer(const Attributes& attributes) {
    // RFC 2409 4: all four must be there; 0 is reserved in each.
    const std::uint32_t encryption = attributes.value(phase1::kEncryption).value_or(0);
    const std::uint32_t digest = attributes.value(phase1::kHash).value_or(0);
    const auto group = known_group(attributes.value(phase1::kGroup).value_or(0));
    const auto* cipher = std::find_if(
        config::kCiphers.begin(), config::kCiphers.end(), [&](const config::CipherRow& row) {
            return row.ids.main_mode != 0 && row.ids.main_mode == encryption
                   && is_key_length(row.ids.key_length, attributes.value(phase1::kKeyLength));
        });
    const auto* hash = std::find_if(
        config::kHashes.begin(), config::kHashes.end(), [&](const config::HashRow& row) {
            return row.ids.main_mode != 0 && row.ids.main_mode == digest;
        });
    if (!group || cipher == config::kCiphers.end() || hash == config::kHashes.end()) {
        return std::nullopt;
    }
    return config::MmOffer{cipher->cipher, hash->hash, *group};
}

std::optional<AuthenticationMethod> authentication_method(const Attributes& attributes) {
    for (const auto method :
         {AuthenticationMethod::kPresharedKey, AuthenticationMethod::kRsaSignature}) {
        if (attributes.value(phase1::kAuthentication) == static_cast<std::uint16_t>(method)) {
            return method;
        }
    }
    return std::nullopt;
}

// --- Phase 2

// A transform of one protocol.
struct Half {
    Phase2Transform transform;
    std::uint8_t protocol = 0;
};

struct Mode {
    std::uint32_t value;
    config::SaMode mode;
    bool udp;
    bool draft;
};

constexpr auto kModes = std::to_array<Mode>({
    {1, config::SaMode::kTunnel, false, false},
    {2, config::SaMode::kTransport, false, false},
    {3, config::SaMode::kTunnel, true, false},  // RFC 3947 5.1
    {4, config::SaMode::kTransport, true, false},
    {61443, config::SaMode::kTunnel, true, true},  // draft-ietf-ipsec-nat-t-ike-02 5.1
    {61444, config::SaMode::kTransport, true, true},
});

// RFC 2407 4.5 leaves an unsaid mode to the host. Transport, since it is what changes least: who
// wants addresses replaced must say so.
constexpr std::uint32_t kUnsaidMode = 2;

bool read_common(const Attributes& attributes, Phase2Transform& transform) {
    const std::uint32_t value = attributes.value(phase2::kMode).value_or(kUnsaidMode);
    const auto* mode = std::find_if(
        kModes.begin(), kModes.end(), [&](const Mode& row) { return row.value == value; });
    if (!attributes.understood() || mode == kModes.end()) {
        return false;
    }
    transform.mode = mode->mode;
    transform.udp_encapsulated = mode->udp;
    transform.draft_encapsulation = mode->draft;
    if (const auto group = attributes.value(phase2::kGroup)) {
        const auto known = known_group(*group);
        if (!known) {
            return false;
        }
        transform.pfs_group = *known;
    }
    // RFC 4304 2: 1 is the only value. The ECN attribute asks for what we always do (RFC 6040).
    const auto esn = attributes.value(phase2::kExtendedSequenceNumber);
    transform.esn = esn == 1U;
    transform.offer.seconds = attributes.seconds();
    transform.offer.kilobytes = attributes.kilobytes();
    return !esn || transform.esn;
}

// RFC 2407 4.4.3: the transform and the attribute, which must be there, say the same.
bool read_ah(std::uint8_t id, const Attributes& attributes, Phase2Transform& transform) {
    const auto authentication = attributes.value(phase2::kAuthentication);
    const auto key_length = attributes.value(phase2::kKeyLength);
    const auto* row =
        std::find_if(config::kHashes.begin(), config::kHashes.end(), [&](const config::HashRow& r) {
            return r.ids.ah != 0 && r.ids.ah == id && authentication == r.ids.authentication;
        });
    if (row == config::kHashes.end() || transform.udp_encapsulated) {
        return false;
    }
    // AES-GMAC's transforms imply the length (RFC 4543 5).
    if (key_length && (row->ids.key_length == 0 || *key_length != row->ids.key_length)) {
        return false;
    }
    transform.offer.ah = row->hash;
    return true;
}

// The integrity of an ESP transform, kNone where there is no attribute.
std::optional<config::Hash> esp_hash(std::optional<std::uint32_t> authentication) {
    if (!authentication) {
        return config::Hash::kNone;
    }
    // AES-GMAC is an ESP transform of its own and never this attribute (RFC 4543 5).
    const auto* row =
        std::find_if(config::kHashes.begin(), config::kHashes.end(), [&](const config::HashRow& r) {
            return r.ids.authentication != 0 && r.ids.authentication == *authentication
                   && r.ids.esp == 0;
        });
    return row == config::kHashes.end() ? std::nullopt : std::optional(row->hash);
}

bool read_esp(std::uint8_t id, const Attributes& attributes, Phase2Transform& transform) {
    const auto authentication = attributes.value(phase2::kAuthentication);
    const auto key_length = attributes.value(phase2::kKeyLength);
    config::QmOffer& offer = transform.offer;
    offer.has_esp = true;
    for (const config::HashRow& row : config::kHashes) {
        if (row.ids.esp != 0 && row.ids.esp == id && key_length == row.ids.key_length) {
            offer.esp_cipher = config::Cipher::kNone;
            offer.esp_hash = row.hash;
            return !authentication;
        }
    }
    const auto* row = std::find_if(
        config::kCiphers.begin(), config::kCiphers.end(), [&](const config::CipherRow& r) {
            return r.ids.esp != 0 && r.ids.esp == id && is_key_length(r.ids.key_length, key_length);
        });
    const auto hash = esp_hash(authentication);
    if (row == config::kCiphers.end() || !hash) {
        return false;
    }
    offer.esp_cipher = row->cipher;
    offer.esp_hash = *hash;
    if (row->aead) {
        return !authentication;
    }
    // RFC 4303 3.2: not both absent. RFC 3686 3.3: no counter mode (the one with a salt) without.
    const bool needs_hash = row->cipher == config::Cipher::kNone || row->bytes.salt != 0;
    return *hash != config::Hash::kNone || !needs_hash;
}

// Those of one protocol that are understood.
Decoded<std::vector<Half>> decode_halves(const RawProposal& proposal) {
    std::vector<Half> halves;
    const bool ah = proposal.protocol == kProtocolAh;
    const std::uint32_t spi = proposal.spi.size() == 4 ? read_u32(proposal.spi, 0) : 0;
    for (const RawTransform& raw : proposal.transforms) {
        const auto decoded = Attributes::decode(raw.attributes, kPhase2Classes);
        if (const Drop* drop = std::get_if<Drop>(&decoded)) {
            return *drop;
        }
        const Attributes& attributes = std::get<Attributes>(decoded);
        Half half;
        half.protocol = proposal.protocol;
        Phase2Transform& transform = half.transform;
        transform.proposal = proposal.number;
        (ah ? transform.ah_spi : transform.esp_spi) = spi;
        (ah ? transform.ah_transform : transform.esp_transform) = raw.whole;
        if (spi >= config::kMinSpi && read_common(attributes, transform)
            && (ah ? read_ah : read_esp)(raw.id, attributes, transform)) {
            halves.push_back(half);
        }
    }
    return halves;
}

std::uint32_t shorter(std::uint32_t a, std::uint32_t b) {
    return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

// AH and ESP that are offered together; nothing where they do not fit.
std::optional<Phase2Transform> together(const Half& first, const Half& second) {
    const Phase2Transform& a = first.transform;
    const Phase2Transform& b = second.transform;
    // RFC 2409 5.5: one group for all of a quick mode. The rest a bundle has only once.
    if (a.mode != b.mode || a.udp_encapsulated != b.udp_encapsulated || a.pfs_group != b.pfs_group
        || a.esn != b.esn) {
        return std::nullopt;
    }
    const bool esp_first = first.protocol == kProtocolEsp;
    const Phase2Transform& ah = esp_first ? b : a;
    Phase2Transform both = esp_first ? a : b;
    both.offer.ah = ah.offer.ah;
    both.ah_spi = ah.ah_spi;
    both.ah_transform = ah.ah_transform;
    both.esp_first = esp_first;
    both.offer.seconds = shorter(a.offer.seconds, b.offer.seconds);
    both.offer.kilobytes = shorter(a.offer.kilobytes, b.offer.kilobytes);
    return both;
}

// Proposals with one number are one offer of all their protocols (RFC 2408 4.2).
using Group = std::span<const RawProposal>;

bool is_acceptable(Group group) {
    const bool known = std::all_of(group.begin(), group.end(), [](const RawProposal& proposal) {
        return proposal.protocol == kProtocolAh || proposal.protocol == kProtocolEsp;
    });
    return known && group.size() <= 2
           && (group.size() == 1 || group[0].protocol != group[1].protocol);
}

// Returns why the payload is refused.
std::optional<Drop> decode_group(Group group, std::vector<Phase2Transform>& transforms) {
    std::array<std::vector<Half>, 2> halves;
    for (std::size_t i = 0; i < group.size(); ++i) {
        Decoded<std::vector<Half>> decoded = decode_halves(group[i]);
        if (const Drop* drop = std::get_if<Drop>(&decoded)) {
            return *drop;
        }
        halves[i] = std::get<std::vector<Half>>(std::move(decoded));
    }
    for (const Half& first : halves[0]) {
        if (group.size() == 1 && transforms.size() < kMaxCombinations) {
            transforms.push_back(first.transform);
        }
        for (const Half& second : halves[1]) {
            const auto both = together(first, second);
            if (both && transforms.size() < kMaxCombinations) {
                transforms.push_back(*both);
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Decoded<Phase1Proposal> decode_phase1(ByteView body) {
    const auto decoded = decode_sa(body);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    const auto& proposals = std::get<std::vector<RawProposal>>(decoded);
    if (proposals.size() != 1) {
        return Drop::kBadPayload;
    }
    // RFC 2408 3.5: whatever SPI stands here is ignored, the cookies are it.
    if (proposals[0].protocol != kProtocolIsakmp) {
        return Drop::kNoProposal;
    }
    Phase1Proposal result;
    result.number = proposals[0].number;
    for (const RawTransform& raw : proposals[0].transforms) {
        const auto read = Attributes::decode(raw.attributes, kPhase1Classes);
        if (const Drop* drop = std::get_if<Drop>(&read)) {
            return *drop;
        }
        const Attributes& attributes = std::get<Attributes>(read);
        const auto offer = main_mode_offer(attributes);
        const auto method = authentication_method(attributes);
        if (raw.id != kKeyIke || !attributes.understood() || !offer || !method) {
            ++result.unknown;
            continue;
        }
        result.transforms.push_back({*offer, *method, attributes.seconds(), raw.number, raw.whole});
    }
    return result;
}

Decoded<std::vector<Phase2Transform>> decode_phase2(ByteView body) {
    const auto decoded = decode_sa(body);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    std::span<const RawProposal> rest = std::get<std::vector<RawProposal>>(decoded);
    std::vector<Phase2Transform> transforms;
    std::bitset<256> seen;
    while (!rest.empty()) {
        const std::uint8_t number = rest[0].number;
        // A number that comes back later would turn "both" into "either".
        if (seen.test(number)) {
            return Drop::kBadPayload;
        }
        seen.set(number);
        const auto end = std::find_if(rest.begin(), rest.end(), [&](const RawProposal& proposal) {
            return proposal.number != number;
        });
        const Group group(rest.begin(), end);
        rest = rest.subspan(group.size());
        if (!is_acceptable(group)) {
            continue;
        }
        if (const auto drop = decode_group(group, transforms)) {
            return *drop;
        }
    }
    return transforms;
}

Decoded<Lifetime> decode_lifetime(ByteView bytes) {
    const auto decoded = Attributes::decode(bytes, kPhase2Classes);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    const Attributes& attributes = std::get<Attributes>(decoded);
    return Lifetime{attributes.seconds(), attributes.kilobytes()};
}

}  // namespace control::ike
