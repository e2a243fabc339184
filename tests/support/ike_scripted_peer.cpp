#include "tests/support/ike_scripted_peer.h"

#include "control/ike/proposal.h"

#include <algorithm>

namespace tests {

using namespace control::ike;  // NOLINT(google-build-using-namespace)

ScriptedPeer::ScriptedPeer(Ladder& net, std::string key)
    : here{net.a.ip, 500}, there{net.b.ip, 500}, net_(net), key_(std::move(key)) {
    net_.fate = [this](const Datagram& datagram, std::size_t) {
        return datagram.destination.address == here.address ? std::vector<Datagram>()
                                                            : std::vector{datagram};
    };
    sa_payload_ = encode_phase1(offers, {AuthenticationMethod::kPresharedKey}, 3600);
}

void ScriptedPeer::begin_anew(std::uint8_t cookie) {
    cookie_i_.fill(cookie);
    cookie_r_ = {};
}

std::vector<Bytes> ScriptedPeer::exchange(const Bytes& message) {
    const std::size_t before = net_.seen.size();
    net_.wire.push_back({here, there, message});
    net_.deliver();
    std::vector<Bytes> answers;
    for (std::size_t i = before; i < net_.seen.size(); ++i) {
        if (net_.seen[i].destination.address == here.address) {
            answers.push_back(net_.seen[i].bytes);
        }
    }
    return answers;
}

Header ScriptedPeer::header(ExchangeType exchange) const {
    Header header;
    header.initiator = cookie_i_;
    header.responder = cookie_r_;
    header.exchange = static_cast<std::uint8_t>(exchange);
    return header;
}

Bytes ScriptedPeer::cookies() const {
    Bytes bytes(cookie_i_.begin(), cookie_i_.end());
    bytes.insert(bytes.end(), cookie_r_.begin(), cookie_r_.end());
    return bytes;
}

Bytes ScriptedPeer::first_message() const {
    return MessageBuilder(header(ExchangeType::kMainMode))
        .add(PayloadType::kSa, sa_payload_)
        .add(PayloadType::kVendorId, vendor_id(Vendor::kDeadPeerDetection))
        .finish();
}

bool ScriptedPeer::answered(const Bytes& message2) {
    const auto decoded = decode_header(message2);
    const auto* header = std::get_if<Header>(&decoded);
    if (header == nullptr
        || header->exchange != static_cast<std::uint8_t>(ExchangeType::kMainMode)) {
        return false;
    }
    cookie_r_ = header->responder;
    return true;
}

Bytes ScriptedPeer::third_message() const {
    return MessageBuilder(header(ExchangeType::kMainMode))
        .add(PayloadType::kKeyExchange, dh_.public_value())
        .add(PayloadType::kNonce, nonce_)
        .finish();
}

bool ScriptedPeer::keyed(const Bytes& message4) {
    Message message;
    message.bytes = message4;
    message.header = std::get<Header>(decode_header(message4));
    if (std::holds_alternative<Drop>(read_payloads(message))) {
        return false;
    }
    const Payload* key = message.first(PayloadType::kKeyExchange);
    const Payload* nonce = message.first(PayloadType::kNonce);
    if (key == nullptr || nonce == nullptr) {
        return false;
    }
    public_peer_.assign(key->body.begin(), key->body.end());
    const auto shared = dh_.shared(public_peer_);
    PhaseOneInput input;
    input.offer = offers.front();
    input.nonce_i = nonce_;
    input.nonce_r = nonce->body;
    input.shared = shared.value().bytes();
    input.cookie_i = cookie_i_;
    input.cookie_r = cookie_r_;
    secrets_ = psk_secrets(input, config::SecretBytes(std::string_view(key_)).bytes());
    iv_ = phase1_iv(secrets_, dh_.public_value(), public_peer_);
    return true;
}

Bytes ScriptedPeer::fifth_message(const Identity& id) {
    const Bytes body = encode_identity(id);
    const Bytes hash = phase1_hash(
        secrets_, {dh_.public_value(), public_peer_, cookie_i_, cookie_r_, sa_payload_, body});
    MessageBuilder builder(header(ExchangeType::kMainMode));
    builder.add(PayloadType::kIdentification, body).add(PayloadType::kHash, hash);
    return encrypt_message(builder, secrets_, iv_);
}

bool ScriptedPeer::connect() {
    const std::vector<Bytes> second = exchange(first_message());
    if (second.size() != 1 || !answered(second.front())) {
        return false;
    }
    const std::vector<Bytes> fourth = exchange(third_message());
    if (fourth.size() != 1 || !keyed(fourth.front())) {
        return false;
    }
    const std::vector<Bytes> sixth = exchange(fifth_message(address_identity(here.address)));
    if (sixth.size() != 1) {
        return false;
    }
    const std::size_t block = iv_.size();
    iv_.assign(sixth.front().end() - static_cast<std::ptrdiff_t>(block), sixth.front().end());
    return true;
}

Bytes ScriptedPeer::protect(ExchangeType exchange,
                            std::uint32_t message_id,
                            const std::vector<OutPayload>& payloads,
                            bool hash) const {
    Header head = header(exchange);
    head.message_id = message_id;
    Bytes iv = phase2_iv(secrets_, iv_, message_id);
    if (!hash) {
        MessageBuilder builder(head);
        for (const auto& [type, body] : payloads) {
            builder.add(type, body);
        }
        return encrypt_message(builder, secrets_, iv);
    }
    return encrypt_hashed(head, payloads, secrets_, iv, [&](ByteView covered) {
        return exchange == ExchangeType::kQuickMode
                   ? quick_mode_hash1(secrets_, message_id, covered)
                   : informational_hash(secrets_, message_id, covered);
    });
}

Bytes ScriptedPeer::protect_raw(ExchangeType exchange,
                                std::uint32_t message_id,
                                PayloadType first,
                                Bytes payloads) const {
    const std::size_t block = config::row_of(secrets_.cipher).bytes.block;
    payloads.resize(std::max(block, (payloads.size() + block - 1) / block * block));
    const Bytes iv = phase2_iv(secrets_, iv_, message_id);
    crypto::cbc_encrypt(secrets_.cipher, secrets_.encryption_key.bytes(), iv, payloads);
    Header head = header(exchange);
    head.message_id = message_id;
    head.flags = kFlagEncryption;
    head.next = first;
    head.length = static_cast<std::uint32_t>(kHeaderBytes + payloads.size());
    Bytes message(kHeaderBytes);
    encode_header(head, message.data());
    message.insert(message.end(), payloads.begin(), payloads.end());
    return message;
}

std::vector<PayloadType> ScriptedPeer::read(const Bytes& bytes) const {
    Message message;
    message.bytes = bytes;
    message.header = std::get<Header>(decode_header(bytes));
    const Bytes iv = phase2_iv(secrets_, iv_, message.header.message_id);
    std::vector<PayloadType> types;
    if (std::holds_alternative<std::monostate>(decrypt_payloads(message, secrets_, iv))) {
        std::ranges::transform(message.payloads, std::back_inserter(types), &Payload::type);
    }
    return types;
}

Bytes ScriptedPeer::quick_mode_sa(std::uint32_t spi) {
    Phase2Offer offer;
    offer.offer = qm("ESP[AES128,SHA1]:100000k/3600s").front();
    offer.mode = config::SaMode::kTunnel;
    return encode_phase2({offer}, {0, spi});
}

}  // namespace tests
