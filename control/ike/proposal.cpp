// Writes SA payloads and describes their contents; proposal_decode.cpp reads them.
#include "control/ike/proposal.h"

#include "control/ike/attributes.h"
#include "control/ike/wire.h"

#include <fmt/format.h>

namespace control::ike {
namespace {

constexpr std::uint32_t kDoiIpsec = 1;
constexpr std::uint32_t kSitIdentityOnly = 1;  // RFC 2407 4.2.1
constexpr std::uint8_t kKeyIke = 1;            // RFC 2407 4.4.2

// Proposals and transforms are numbered in one byte.
constexpr std::size_t kMaxNumber = 255;

Bytes sa_body(const MessageBuilder& proposals) {
    Bytes body;
    append_u32(body, kDoiIpsec);
    append_u32(body, kSitIdentityOnly);
    append(body, proposals.payloads());
    return body;
}

// RFC 2408 3.6, without the generic header.
Bytes transform_body(std::size_t number, std::uint8_t id, ByteView attributes) {
    Bytes body{static_cast<std::uint8_t>(number), id, 0, 0};
    append(body, attributes);
    return body;
}

// RFC 2408 3.5, likewise.
Bytes proposal_body(std::size_t number,
                    std::uint8_t protocol,
                    ByteView spi,
                    std::size_t transforms,
                    const MessageBuilder& chain) {
    Bytes body{static_cast<std::uint8_t>(number),
               protocol,
               static_cast<std::uint8_t>(spi.size()),
               static_cast<std::uint8_t>(transforms)};
    append(body, spi);
    append(body, chain.payloads());
    return body;
}

// One transform, of AH or ESP, under an SPI.
void add_proposal(MessageBuilder& proposals,
                  std::size_t number,
                  std::uint8_t protocol,
                  std::uint32_t spi,
                  ByteView transform) {
    MessageBuilder chain{Header{}};
    chain.add(PayloadType::kTransform, transform);
    Bytes spi_bytes;
    append_u32(spi_bytes, spi);
    proposals.add(PayloadType::kProposal, proposal_body(number, protocol, spi_bytes, 1, chain));
}

Bytes phase1_attributes(const config::MmOffer& offer,
                        AuthenticationMethod method,
                        std::uint32_t lifetime_seconds) {
    const config::CipherIds& cipher = config::row_of(offer.cipher).ids;
    Bytes bytes;
    append_attribute(bytes, phase1::kEncryption, cipher.main_mode);
    if (cipher.key_length != 0) {
        append_attribute(bytes, phase1::kKeyLength, cipher.key_length);
    }
    append_attribute(bytes, phase1::kHash, config::row_of(offer.hash).ids.main_mode);
    append_attribute(bytes, phase1::kGroup, offer.dh_group);
    append_attribute(bytes, phase1::kAuthentication, static_cast<std::uint16_t>(method));
    append_life(bytes, kPhase1Classes, kLifeSeconds, lifetime_seconds);
    return bytes;
}

// RFC 2407 4.5, RFC 3947 5.1, draft-ietf-ipsec-nat-t-ike-02 5.1.
std::uint16_t mode_value(const Phase2Offer& offer) {
    const std::uint16_t transport = offer.mode == config::SaMode::kTransport ? 1 : 0;
    const int tunnel = !offer.udp_encapsulated ? 1 : offer.draft_encapsulation ? 61443 : 3;
    return static_cast<std::uint16_t>(tunnel + transport);
}

// What AH and ESP have in common.
Bytes phase2_attributes(const Phase2Offer& offer) {
    Bytes bytes;
    append_life(bytes, kPhase2Classes, kLifeSeconds, offer.offer.seconds);
    append_life(bytes, kPhase2Classes, kLifeKilobytes, offer.offer.kilobytes);
    if (offer.pfs_group != 0) {
        append_attribute(bytes, phase2::kGroup, offer.pfs_group);
    }
    append_attribute(bytes, phase2::kMode, mode_value(offer));
    return bytes;
}

Bytes ah_transform(const Phase2Offer& offer) {
    const config::HashIds& ids = config::row_of(offer.offer.ah).ids;
    Bytes attributes = phase2_attributes(offer);
    append_attribute(attributes, phase2::kAuthentication, ids.authentication);
    return transform_body(1, static_cast<std::uint8_t>(ids.ah), attributes);
}

Bytes esp_transform(const Phase2Offer& offer) {
    const config::CipherIds& cipher = config::row_of(offer.offer.esp_cipher).ids;
    const config::HashIds& hash = config::row_of(offer.offer.esp_hash).ids;
    // RFC 4543 5: AES-GMAC in ESP is a transform, not an authentication algorithm.
    const bool gmac = hash.esp != 0;
    const std::uint16_t key_length = gmac ? hash.key_length : cipher.key_length;
    Bytes attributes = phase2_attributes(offer);
    if (key_length != 0) {
        append_attribute(attributes, phase2::kKeyLength, key_length);
    }
    if (!gmac && hash.authentication != 0) {
        append_attribute(attributes, phase2::kAuthentication, hash.authentication);
    }
    return transform_body(1, static_cast<std::uint8_t>(gmac ? hash.esp : cipher.esp), attributes);
}

std::string lifetime_text(std::uint32_t seconds, std::uint32_t kilobytes) {
    std::string text;
    if (kilobytes != 0) {
        text += fmt::format(" {}k", kilobytes);
    }
    if (seconds != 0) {
        text += fmt::format("{}{}s", kilobytes != 0 ? '/' : ' ', seconds);
    }
    return text;
}

}  // namespace

Bytes encode_phase1(const std::vector<config::MmOffer>& offers,
                    const std::vector<AuthenticationMethod>& methods,
                    std::uint32_t lifetime_seconds) {
    MessageBuilder chain{Header{}};
    std::size_t count = 0;
    for (const config::MmOffer& offer : offers) {
        for (const AuthenticationMethod method : methods) {
            if (count == kMaxNumber) {
                break;
            }
            ++count;
            chain.add(
                PayloadType::kTransform,
                transform_body(count, kKeyIke, phase1_attributes(offer, method, lifetime_seconds)));
        }
    }
    MessageBuilder proposals{Header{}};
    proposals.add(PayloadType::kProposal, proposal_body(1, kProtocolIsakmp, {}, count, chain));
    return sa_body(proposals);
}

Bytes encode_phase1_choice(std::uint8_t proposal, ByteView transform) {
    MessageBuilder chain{Header{}};
    chain.add(PayloadType::kTransform, transform.subspan(kPayloadHeaderBytes));
    MessageBuilder proposals{Header{}};
    proposals.add(PayloadType::kProposal, proposal_body(proposal, kProtocolIsakmp, {}, 1, chain));
    return sa_body(proposals);
}

Bytes encode_phase2(const std::vector<Phase2Offer>& offers, const Phase2Spis& spis) {
    MessageBuilder proposals{Header{}};
    std::size_t number = 0;
    for (const Phase2Offer& offer : offers) {
        const bool ah = offer.offer.ah != config::Hash::kNone;
        // RFC 3947 5.1: there is no AH in UDP.
        if (!has_identifiers(offer.offer) || (ah && offer.udp_encapsulated)) {
            continue;
        }
        if (++number > kMaxNumber) {
            break;
        }
        if (ah) {
            add_proposal(proposals, number, kProtocolAh, spis.ah, ah_transform(offer));
        }
        if (offer.offer.has_esp) {
            add_proposal(proposals, number, kProtocolEsp, spis.esp, esp_transform(offer));
        }
    }
    return sa_body(proposals);
}

Bytes encode_phase2_choice(const Phase2Transform& chosen, const Phase2Spis& ours) {
    MessageBuilder proposals{Header{}};
    const auto add_esp = [&] {
        if (!chosen.esp_transform.empty()) {
            add_proposal(proposals,
                         chosen.proposal,
                         kProtocolEsp,
                         ours.esp,
                         chosen.esp_transform.subspan(kPayloadHeaderBytes));
        }
    };
    if (chosen.esp_first) {
        add_esp();
    }
    if (!chosen.ah_transform.empty()) {
        add_proposal(proposals,
                     chosen.proposal,
                     kProtocolAh,
                     ours.ah,
                     chosen.ah_transform.subspan(kPayloadHeaderBytes));
    }
    if (!chosen.esp_first) {
        add_esp();
    }
    return sa_body(proposals);
}

Bytes encode_lifetime(const Lifetime& lifetime) {
    Bytes bytes;
    append_life(bytes, kPhase2Classes, kLifeSeconds, lifetime.seconds);
    append_life(bytes, kPhase2Classes, kLifeKilobytes, lifetime.kilobytes);
    return bytes;
}

bool has_identifiers(const config::QmOffer& offer) {
    if (offer.ah != config::Hash::kNone && config::row_of(offer.ah).ids.ah == 0) {
        return false;
    }
    if (!offer.has_esp) {
        return offer.ah != config::Hash::kNone;
    }
    return config::row_of(offer.esp_cipher).ids.esp != 0
           && (offer.esp_hash == config::Hash::kNone
               || config::row_of(offer.esp_hash).ids.authentication != 0);
}

std::string to_string(const Phase1Transform& transform) {
    return config::to_string(transform.offer)
           + (transform.authentication == AuthenticationMethod::kPresharedKey ? " PSK" : " RSA")
           + lifetime_text(transform.lifetime_seconds, 0);
}

std::string to_string(const Phase2Transform& transform) {
    std::string text = config::algorithms_text(transform.offer);
    text += transform.mode == config::SaMode::kTunnel ? " tunnel" : " transport";
    text += transform.udp_encapsulated ? " in UDP" : "";
    if (transform.pfs_group != 0) {
        text += fmt::format(" grp{}", transform.pfs_group);
    }
    text += transform.esn ? " ESN" : "";
    return text + lifetime_text(transform.offer.seconds, transform.offer.kilobytes);
}

}  // namespace control::ike
