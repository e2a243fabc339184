// Why an IKE message was not acted upon: one row each yields the enumerator, the name in listings,
// the counter and the notification the peer is sent, if RFC 2408 wants one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace control::ike {

// RFC 2408 3.14.1 notify message types that drops name; 0: nothing is sent.
// Name, token, notify type, meaning as docs and listings print it.
#define PORTCULLIS_IKE_DROPS(X)                                                                   \
    X(kTooShort, "too-short", 0, "shorter than an ISAKMP header")                                 \
    X(kBadLength, "bad-length", 0, "the header's length is not the datagram's")                   \
    X(kBadVersion, "bad-version", 5, "major version other than 1")                                \
    X(kBadExchange, "bad-exchange", 7, "an exchange type that is not spoken here")                \
    X(kBadFlags, "bad-flags", 8, "flags that the exchange does not allow")                        \
    X(kBadPayload, "bad-payload", 16, "a payload that does not fit or is out of place")           \
    X(kTooManyPayloads,                                                                           \
      "too-many-payloads",                                                                        \
      16,                                                                                         \
      "more payloads, proposals or transforms than kept")                                         \
    X(kUnknownPayload, "unknown-payload", 1, "a payload type that is not known")                  \
    X(kBadCookie, "bad-cookie", 4, "cookies that name no SA")                                     \
    X(kBadMessageId, "bad-message-id", 9, "a message ID that is out of place or was used before") \
    X(kNotEncrypted, "not-encrypted", 0, "in clear where it must be encrypted")                   \
    X(kDecryption, "decryption", 0, "what was decrypted makes no sense: other keys")              \
    X(kBadHash, "bad-hash", 0, "a HASH that does not verify")                                     \
    X(kRepeated, "repeated", 0, "received before; the answer was sent again if there is one")     \
    X(kTooManyRepeats, "too-many-repeats", 0, "received too often")                               \
    X(kNoProposal, "no-proposal", 14, "none of the peer's proposals is one of ours")              \
    X(kNoPolicy, "no-policy", 14, "no rule negotiates with this peer")                            \
    X(kBadIdentity, "bad-identity", 18, "identities that no rule expects")                        \
    X(kBadKeyExchange, "bad-key-exchange", 17, "a public value that is not valid")                \
    X(kAuthentication, "authentication", 24, "the peer did not prove who it is")                  \
    X(kBadCertificate, "bad-certificate", 20, "a certificate that cannot be read")                \
    X(kWaitingForCrl, "waiting-for-crl", 0, "until the revocation list has arrived")              \
    X(kHalfOpenLimit, "half-open-limit", 0, "too many negotiations begun and not proven")         \
    X(kTooManySas, "too-many-sas", 0, "as many SAs or exchanges as are kept")                     \
    X(kFragment, "fragment", 0, "an IKE fragment that does not fit its message")                  \
    X(kUnexpected, "unexpected", 0, "valid, but not what comes next")

enum class Drop : std::uint8_t {
#define X(name, token, notify, meaning) name,
    PORTCULLIS_IKE_DROPS(X)
#undef X
};

struct DropRow {
    Drop drop;
    std::string_view token;
    std::uint16_t notify;
    std::string_view meaning;
};

inline constexpr auto kDrops = std::to_array<DropRow>({
#define X(name, token, notify, meaning) {Drop::name, token, notify, meaning},
    PORTCULLIS_IKE_DROPS(X)
#undef X
});

[[nodiscard]] constexpr const DropRow& row_of(Drop drop) {
    return kDrops[static_cast<std::size_t>(drop)];
}

}  // namespace control::ike
