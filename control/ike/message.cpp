#include "control/ike/message.h"

#include "control/ike/wire.h"
#include "crypto/ike_crypto.h"

#include <algorithm>
#include <cassert>

namespace control::ike {
namespace {

constexpr std::size_t kFlagsOffset = 19;  // RFC 2408 3.1

}  // namespace

const Payload* Message::first(PayloadType type) const {
    const auto found = std::ranges::find(payloads, type, &Payload::type);
    return found == payloads.end() ? nullptr : &*found;
}

std::vector<ByteView> Message::all(PayloadType type) const {
    std::vector<ByteView> bodies;
    for (const Payload& payload : payloads) {
        if (payload.type == type) {
            bodies.push_back(payload.body);
        }
    }
    return bodies;
}

ByteView Message::body(PayloadType type) const {
    const Payload* payload = first(type);
    assert(payload != nullptr);
    return payload->body;
}

ByteView Message::behind_first() const {
    if (payloads.size() < 2) {
        return {};
    }
    const std::uint8_t* begin = payloads[1].whole.data();
    const ByteView& last = payloads.back().whole;
    return {begin, last.data() + last.size()};
}

MessageDigest digest_of(ByteView bytes) {
    const Bytes hash = crypto::hash(config::Hash::kSha256, {bytes});
    MessageDigest digest{};
    std::copy_n(hash.begin(), digest.size(), digest.begin());
    return digest;
}

Decoded<std::monostate> read_payloads(Message& message) {
    auto decoded = decode_payloads(message.header.next, message.bytes.subspan(kHeaderBytes), false);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    message.payloads = std::get<std::vector<Payload>>(std::move(decoded));
    return std::monostate{};
}

Decoded<std::monostate> decrypt_payloads(Message& message,
                                         const PhaseOneSecrets& secrets,
                                         ByteView iv) {
    const std::size_t block = config::row_of(secrets.cipher).bytes.block;
    const ByteView ciphertext = message.bytes.subspan(kHeaderBytes);
    if (ciphertext.empty() || ciphertext.size() % block != 0) {
        return Drop::kDecryption;
    }
    const ByteView last = ciphertext.last(block);
    message.next_iv.assign(last.begin(), last.end());
    message.plain.assign(ciphertext.begin(), ciphertext.end());
    crypto::cbc_decrypt(secrets.cipher, secrets.encryption_key.bytes(), iv, message.plain);
    auto decoded = decode_payloads(message.header.next, message.plain, true);
    if (std::holds_alternative<Drop>(decoded)) {
        return Drop::kDecryption;
    }
    message.payloads = std::get<std::vector<Payload>>(std::move(decoded));
    return std::monostate{};
}

OutPayload notification_payload(std::uint16_t type,
                                ByteView spi,
                                ByteView data,
                                std::uint8_t protocol) {
    Notification notification;
    notification.protocol = protocol;
    notification.type = type;
    notification.spi = spi;
    notification.data = data;
    return {PayloadType::kNotification, encode_notification(notification)};
}

Bytes spi_bytes(std::uint32_t spi) {
    Bytes bytes;
    append_u32(bytes, spi);
    return bytes;
}

std::vector<Notification> notifications_of(const Message& message) {
    std::vector<Notification> notifications;
    for (const ByteView body : message.all(PayloadType::kNotification)) {
        const auto decoded = decode_notification(body);
        if (const auto* notification = std::get_if<Notification>(&decoded)) {
            notifications.push_back(*notification);
        }
    }
    return notifications;
}

Bytes encrypt_message(const MessageBuilder& builder, const PhaseOneSecrets& secrets, Bytes& iv) {
    const std::size_t block = config::row_of(secrets.cipher).bytes.block;
    Bytes bytes = builder.finish(block);
    bytes[kFlagsOffset] |= kFlagEncryption;
    const std::span<std::uint8_t> body = std::span(bytes).subspan(kHeaderBytes);
    crypto::cbc_encrypt(secrets.cipher, secrets.encryption_key.bytes(), iv, body);
    iv.assign(body.end() - static_cast<std::ptrdiff_t>(block), body.end());
    return bytes;
}

}  // namespace control::ike
