// Keys of IKE (RFC 2409 5, 5.5, Appendix B): from shared secrets to what encrypts messages, proves
// identities and keys SAs. Pure functions of their arguments.
#pragma once

#include "config/algorithms.h"
#include "config/methods.h"
#include "config/secret.h"
#include "control/ike/isakmp.h"

#include <cstdint>
#include <vector>

namespace control::ike {

struct PhaseOneSecrets {
    config::Hash hash = config::Hash::kSha1;
    config::Cipher cipher = config::Cipher::k3des;
    config::SecretBytes skeyid;
    config::SecretBytes skeyid_d;
    config::SecretBytes skeyid_a;
    config::SecretBytes skeyid_e;
    config::SecretBytes encryption_key;  // RFC 2409 Appendix B: expanded to the cipher's length
};

struct PhaseOneInput {
    config::MmOffer offer;
    ByteView nonce_i;  // bodies of the payloads
    ByteView nonce_r;
    ByteView shared;  // g^xy
    Cookie cookie_i{};
    Cookie cookie_r{};
};
[[nodiscard]] PhaseOneSecrets psk_secrets(const PhaseOneInput& input, ByteView preshared_key);
[[nodiscard]] PhaseOneSecrets signature_secrets(const PhaseOneInput& input);

// First IV of phase 1: of both public values.
[[nodiscard]] Bytes phase1_iv(const PhaseOneSecrets& secrets, ByteView public_i, ByteView public_r);
// First IV of an exchange under the SA: of phase 1's last block and the message ID.
[[nodiscard]] Bytes phase2_iv(const PhaseOneSecrets& secrets,
                              ByteView last_block,
                              std::uint32_t message_id);

// HASH_I and HASH_R: what the PSK proves and signatures sign.
struct PhaseOneProof {
    ByteView public_own;  // g^xi for HASH_I
    ByteView public_peer;
    Cookie cookie_own{};
    Cookie cookie_peer{};
    ByteView sa_i;  // body of the initiator's SA payload, in both
    ByteView id;    // body of the prover's ID payload
};
[[nodiscard]] Bytes phase1_hash(const PhaseOneSecrets& secrets, const PhaseOneProof& proof);

// HASH(1), HASH(2), HASH(3) of quick mode and that of informational exchanges: prf(SKEYID_a, ...).
[[nodiscard]] Bytes quick_mode_hash1(const PhaseOneSecrets& secrets,
                                     std::uint32_t message_id,
                                     ByteView payloads);
[[nodiscard]] Bytes quick_mode_hash2(const PhaseOneSecrets& secrets,
                                     std::uint32_t message_id,
                                     ByteView nonce_i,
                                     ByteView payloads);
[[nodiscard]] Bytes quick_mode_hash3(const PhaseOneSecrets& secrets,
                                     std::uint32_t message_id,
                                     ByteView nonce_i,
                                     ByteView nonce_r);
[[nodiscard]] Bytes informational_hash(const PhaseOneSecrets& secrets,
                                       std::uint32_t message_id,
                                       ByteView payloads);

// RFC 2409 5.5: KEYMAT of one SA, as long as wanted. `shared` is empty without PFS.
struct KeymatInput {
    ByteView shared;
    std::uint8_t protocol = kProtocolEsp;
    std::uint32_t spi = 0;  // of the SA's receiver; host order
    ByteView nonce_i;
    ByteView nonce_r;
};
[[nodiscard]] config::SecretBytes keymat(const PhaseOneSecrets& secrets,
                                         const KeymatInput& input,
                                         std::size_t bytes);

// RFC 3947 3.2: what a NAT-D payload carries. `address` 4 or 16 bytes.
[[nodiscard]] Bytes nat_hash(config::Hash hash,
                             const Cookie& initiator,
                             const Cookie& responder,
                             ByteView address,
                             std::uint16_t port);

}  // namespace control::ike
