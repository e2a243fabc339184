#include "control/ike/keymat.h"

#include "crypto/ike_crypto.h"

#include <algorithm>
#include <array>
#include <utility>

namespace control::ike {
namespace {

using config::SecretBytes;

// As fields of the protocol are sent: most significant byte first.
std::array<std::uint8_t, 4> network_order(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value >> 24),
            static_cast<std::uint8_t>(value >> 16),
            static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value)};
}

Bytes joined(ByteView a, ByteView b) {
    Bytes both(a.begin(), a.end());
    both.insert(both.end(), b.begin(), b.end());
    return both;
}

Bytes public_copy(const SecretBytes& tag) {
    return Bytes(tag.bytes().begin(), tag.bytes().end());
}

// K1 | K2 | ... cut to `bytes`, where K(n) = next(K(n-1)) and K(0) is empty.
template <typename Next>
SecretBytes expand(std::size_t bytes, Next next) {
    Bytes material;
    // So that growing leaves no copy behind.
    material.reserve(bytes);
    SecretBytes block;
    while (material.size() < bytes) {
        block = next(block.bytes());
        const auto take = block.bytes().first(std::min(block.size(), bytes - material.size()));
        material.insert(material.end(), take.begin(), take.end());
    }
    return SecretBytes(std::move(material));
}

// RFC 2409 Appendix B. The chance of a weak DES key is one in 2^52; none is looked for.
SecretBytes encryption_key(const PhaseOneSecrets& secrets) {
    const std::size_t bytes = row_of(secrets.cipher).bytes.key;
    const ByteView skeyid_e = secrets.skeyid_e.bytes();
    if (bytes <= skeyid_e.size()) {
        return SecretBytes(skeyid_e.first(bytes));
    }
    // K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), ...
    static constexpr std::array<std::uint8_t, 1> kZero{0};
    return expand(bytes, [&](ByteView last) {
        return crypto::hmac(secrets.hash, skeyid_e, {last.empty() ? ByteView(kZero) : last});
    });
}

// RFC 2409 5: SKEYID_d, _a and _e, each from the one before.
PhaseOneSecrets derived(const PhaseOneInput& input, SecretBytes skeyid) {
    PhaseOneSecrets secrets;
    secrets.hash = input.offer.hash;
    secrets.cipher = input.offer.cipher;
    secrets.skeyid = std::move(skeyid);
    const auto prf = [&](const SecretBytes& last, std::uint8_t number) {
        const std::array<std::uint8_t, 1> octet{number};
        return crypto::hmac(secrets.hash,
                            secrets.skeyid.bytes(),
                            {last.bytes(), input.shared, input.cookie_i, input.cookie_r, octet});
    };
    secrets.skeyid_d = prf(SecretBytes(), 0);
    secrets.skeyid_a = prf(secrets.skeyid_d, 1);
    secrets.skeyid_e = prf(secrets.skeyid_a, 2);
    secrets.encryption_key = encryption_key(secrets);
    return secrets;
}

// RFC 2409 Appendix B: a hash as long as a block of the cipher.
Bytes iv_of(const PhaseOneSecrets& secrets, ByteView a, ByteView b) {
    Bytes iv = crypto::hash(secrets.hash, {a, b});
    iv.resize(row_of(secrets.cipher).bytes.block);
    return iv;
}

Bytes authentication_hash(const PhaseOneSecrets& secrets, std::initializer_list<ByteView> parts) {
    return public_copy(crypto::hmac(secrets.hash, secrets.skeyid_a.bytes(), parts));
}

}  // namespace

PhaseOneSecrets psk_secrets(const PhaseOneInput& input, ByteView preshared_key) {
    // RFC 2409 5: SKEYID = prf(pre-shared-key, Ni_b | Nr_b).
    return derived(input,
                   crypto::hmac(input.offer.hash, preshared_key, {input.nonce_i, input.nonce_r}));
}

PhaseOneSecrets signature_secrets(const PhaseOneInput& input) {
    // RFC 2409 5: SKEYID = prf(Ni_b | Nr_b, g^xy).
    return derived(
        input,
        crypto::hmac(input.offer.hash, joined(input.nonce_i, input.nonce_r), {input.shared}));
}

Bytes phase1_iv(const PhaseOneSecrets& secrets, ByteView public_i, ByteView public_r) {
    return iv_of(secrets, public_i, public_r);
}

Bytes phase2_iv(const PhaseOneSecrets& secrets, ByteView last_block, std::uint32_t message_id) {
    return iv_of(secrets, last_block, network_order(message_id));
}

Bytes phase1_hash(const PhaseOneSecrets& secrets, const PhaseOneProof& proof) {
    // RFC 2409 5: HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b); HASH_R with
    // the roles changed, but for SAi_b.
    return public_copy(crypto::hmac(secrets.hash,
                                    secrets.skeyid.bytes(),
                                    {proof.public_own,
                                     proof.public_peer,
                                     proof.cookie_own,
                                     proof.cookie_peer,
                                     proof.sa_i,
                                     proof.id}));
}

Bytes quick_mode_hash1(const PhaseOneSecrets& secrets,
                       std::uint32_t message_id,
                       ByteView payloads) {
    // RFC 2409 5.5: HASH(1) = prf(SKEYID_a, M-ID | SA | Ni [ | KE ] [ | IDci | IDcr ]).
    return authentication_hash(secrets, {network_order(message_id), payloads});
}

Bytes quick_mode_hash2(const PhaseOneSecrets& secrets,
                       std::uint32_t message_id,
                       ByteView nonce_i,
                       ByteView payloads) {
    // RFC 2409 5.5: HASH(2) = prf(SKEYID_a, M-ID | Ni_b | SA | Nr [ | KE ] [ | IDci | IDcr ]).
    return authentication_hash(secrets, {network_order(message_id), nonce_i, payloads});
}

Bytes quick_mode_hash3(const PhaseOneSecrets& secrets,
                       std::uint32_t message_id,
                       ByteView nonce_i,
                       ByteView nonce_r) {
    // RFC 2409 5.5: HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b).
    static constexpr std::array<std::uint8_t, 1> kZero{0};
    return authentication_hash(secrets, {kZero, network_order(message_id), nonce_i, nonce_r});
}

Bytes informational_hash(const PhaseOneSecrets& secrets,
                         std::uint32_t message_id,
                         ByteView payloads) {
    // RFC 2409 5.7: HASH(1) = prf(SKEYID_a, M-ID | N/D).
    return authentication_hash(secrets, {network_order(message_id), payloads});
}

SecretBytes keymat(const PhaseOneSecrets& secrets, const KeymatInput& input, std::size_t bytes) {
    // RFC 2409 5.5: K1 = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b), K2 = prf(
    // SKEYID_d, K1 | [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b), ...
    const std::array<std::uint8_t, 1> protocol{input.protocol};
    const std::array<std::uint8_t, 4> spi = network_order(input.spi);
    return expand(bytes, [&](ByteView last) {
        return crypto::hmac(secrets.hash,
                            secrets.skeyid_d.bytes(),
                            {last, input.shared, protocol, spi, input.nonce_i, input.nonce_r});
    });
}

Bytes nat_hash(config::Hash hash,
               const Cookie& initiator,
               const Cookie& responder,
               ByteView address,
               std::uint16_t port) {
    const std::array<std::uint8_t, 2> port_bytes{static_cast<std::uint8_t>(port >> 8),
                                                 static_cast<std::uint8_t>(port)};
    return crypto::hash(hash, {initiator, responder, address, port_bytes});
}

}  // namespace control::ike
