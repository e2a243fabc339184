// One ISAKMP message on its way in: header, ends, payloads, decrypted if it was encrypted. And the
// encryption of messages (RFC 2409 Appendix B), both ways.
#pragma once

#include "control/ike/host.h"
#include "control/ike/isakmp.h"
#include "control/ike/keymat.h"

#include <array>
#include <utility>
#include <vector>

namespace control::ike {

using MessageDigest = std::array<std::uint8_t, 32>;

struct Message {
    Header header;
    Endpoint local;
    Endpoint remote;
    ByteView bytes;  // as received
    MessageDigest digest{};
    Bytes plain;    // decrypted payloads; empty if it came in clear
    Bytes next_iv;  // the last block of ciphertext
    std::vector<Payload> payloads;

    Message() = default;
    Message(const Message&) = delete;  // `payloads` are views into `plain`
    Message& operator=(const Message&) = delete;
    ~Message() = default;

    [[nodiscard]] bool encrypted() const { return (header.flags & kFlagEncryption) != 0; }
    // nullptr: there is none.
    [[nodiscard]] const Payload* first(PayloadType type) const;
    [[nodiscard]] std::vector<ByteView> all(PayloadType type) const;
    // Body of a payload that the script demands.
    [[nodiscard]] ByteView body(PayloadType type) const;
    // What follows the first payload, as HASHes cover it: without padding.
    [[nodiscard]] ByteView behind_first() const;
};

[[nodiscard]] MessageDigest digest_of(ByteView bytes);

// Fills `payloads` (and `plain`, `next_iv`). Errors: those of decode_payloads(); kDecryption for
// whatever does not make sense once decrypted.
[[nodiscard]] Decoded<std::monostate> read_payloads(Message& message);
[[nodiscard]] Decoded<std::monostate> decrypt_payloads(Message& message,
                                                       const PhaseOneSecrets& secrets,
                                                       ByteView iv);

// The message, encrypted; `iv` becomes its last block.
[[nodiscard]] Bytes encrypt_message(const MessageBuilder& builder,
                                    const PhaseOneSecrets& secrets,
                                    Bytes& iv);

using OutPayload = std::pair<PayloadType, Bytes>;

[[nodiscard]] OutPayload notification_payload(std::uint16_t type,
                                              ByteView spi = {},
                                              ByteView data = {},
                                              std::uint8_t protocol = kProtocolIsakmp);
[[nodiscard]] Bytes spi_bytes(std::uint32_t spi);
// The notifications of a message that can be read.
[[nodiscard]] std::vector<Notification> notifications_of(const Message& message);
[[nodiscard]] inline bool is(const Notification& notification, NotifyType type) {
    return notification.type == static_cast<std::uint16_t>(type);
}

// HASH in front of `payloads`, where the hash is of them chained; then encrypted.
template <typename HashOf>
[[nodiscard]] Bytes encrypt_hashed(const Header& header,
                                   const std::vector<OutPayload>& payloads,
                                   const PhaseOneSecrets& secrets,
                                   Bytes& iv,
                                   HashOf hash_of) {
    MessageBuilder covered(header);
    for (const auto& [type, body] : payloads) {
        covered.add(type, body);
    }
    MessageBuilder whole(header);
    whole.add(PayloadType::kHash, hash_of(covered.payloads()));
    for (const auto& [type, body] : payloads) {
        whole.add(type, body);
    }
    return encrypt_message(whole, secrets, iv);
}

}  // namespace control::ike
