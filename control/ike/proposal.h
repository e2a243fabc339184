// SA payloads (RFC 2408 3.4 to 3.6, RFC 2409 Appendix A, RFC 2407 4.4 and 4.5): what is offered in
// either phase, as bytes and as the methods of config/methods.h.
//
// Numbers of algorithms come from config/algorithms.h.
#pragma once

#include "config/methods.h"
#include "config/sa_spec.h"
#include "control/ike/isakmp.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace control::ike {

// --- Phase 1

// RFC 2409 Appendix A, authentication method.
enum class AuthenticationMethod : std::uint16_t { kPresharedKey = 1, kRsaSignature = 3 };

// One transform, ours or the peer's.
struct Phase1Transform {
    config::MmOffer offer;
    AuthenticationMethod authentication = AuthenticationMethod::kPresharedKey;
    std::uint32_t lifetime_seconds = 0;  // 0: the attribute is not there
    std::uint8_t number = 0;
    ByteView whole;  // the transform payload as received, with its generic header
};

struct Phase1Proposal {
    std::uint8_t number = 0;
    // Those that are understood; others are counted.
    std::vector<Phase1Transform> transforms;
    std::size_t unknown = 0;
};

// Every combination of offers and methods, in the operator's order: offers outermost.
[[nodiscard]] Bytes encode_phase1(const std::vector<config::MmOffer>& offers,
                                  const std::vector<AuthenticationMethod>& methods,
                                  std::uint32_t lifetime_seconds);
// What a responder answers with: the chosen transform exactly as the peer wrote it.
[[nodiscard]] Bytes encode_phase1_choice(std::uint8_t proposal, ByteView transform);

// `body` of the SA payload. DOI 1 (IPSEC) or 0; situation SIT_IDENTITY_ONLY. Exactly one proposal
// (RFC 2409 5). Attributes in either form, TV or TLV, in any order; the key length attribute where
// a cipher has one. A transform of unknown attributes or values is left out, not an error.
// Views into `body`.
// Errors: kBadPayload, kTooManyPayloads, kNoProposal if there is no ISAKMP proposal.
[[nodiscard]] Decoded<Phase1Proposal> decode_phase1(ByteView body);

// --- Phase 2

// What one proposal number says: one QmOffer with an SPI for each protocol of it.
struct Phase2Transform {
    config::QmOffer offer;  // algorithms; lifetimes as the transform says them, 0: not there
    config::SaMode mode = config::SaMode::kTransport;
    bool udp_encapsulated = false;     // RFC 3947 5.1 or draft-02 values of the mode
    bool draft_encapsulation = false;  // written with the draft's numbers (61443, 61444)
    std::uint16_t pfs_group = 0;       // IKE group, 0: no PFS
    bool esn = false;
    std::uint8_t proposal = 0;
    bool esp_first = false;  // of AH+ESP: the order the peer wrote them in, and is answered in
    // Of the proposal's protocols; 0: the protocol is not in it.
    std::uint32_t ah_spi = 0;
    std::uint32_t esp_spi = 0;
    // The transform payloads as received, to answer with.
    ByteView ah_transform;
    ByteView esp_transform;
};

struct Phase2Spis {
    std::uint32_t ah = 0;  // 0: the method has no AH
    std::uint32_t esp = 0;
};

struct Phase2Offer {
    config::QmOffer offer;
    config::SaMode mode = config::SaMode::kTransport;
    bool udp_encapsulated = false;
    bool draft_encapsulation = false;
    std::uint16_t pfs_group = 0;
};

// One proposal per offer, numbered from 1, AH and ESP of one offer under the same number. Lifetimes
// of 0 are left out. Offers without IKEv1 identifiers are left out, and those of AH in UDP.
[[nodiscard]] Bytes encode_phase2(const std::vector<Phase2Offer>& offers, const Phase2Spis& spis);
// The responder's answer: the chosen transforms as received, with our SPIs.
[[nodiscard]] Bytes encode_phase2_choice(const Phase2Transform& chosen, const Phase2Spis& ours);

// Every combination a peer offers, in its order: of several transforms under one protocol each is
// one Phase2Transform; for AH+ESP all pairs of one mode, group and ESN, with the shorter lifetimes.
// The first 256 of them. Not understood ones are left out, as are reserved SPIs and proposals with
// other protocols (IPCOMP). Views into `body`.
// Errors: kBadPayload, kTooManyPayloads.
[[nodiscard]] Decoded<std::vector<Phase2Transform>> decode_phase2(ByteView body);

// RFC 2407 4.6.3.1: data of a RESPONDER-LIFETIME notification.
struct Lifetime {
    std::uint32_t seconds = 0;
    std::uint32_t kilobytes = 0;
};
[[nodiscard]] Decoded<Lifetime> decode_lifetime(ByteView attributes);
[[nodiscard]] Bytes encode_lifetime(const Lifetime& lifetime);

// Whether IKEv1 has numbers for all of it.
[[nodiscard]] bool has_identifiers(const config::QmOffer& offer);

// "3DES-SHA1-2 PSK 28800s", "ESP[AES128,SHA1] tunnel grp14 3600s": for logs: "theirs: ...; ours:
// ...".
[[nodiscard]] std::string to_string(const Phase1Transform& transform);
[[nodiscard]] std::string to_string(const Phase2Transform& transform);

}  // namespace control::ike
