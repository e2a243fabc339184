// Signatures of IKEv1 main mode (RFC 2409 5.1): RSA, PKCS#1 v1.5 over the hash itself. There is no
// DigestInfo, so nothing in the block is parsed: it is made once more and compared as a whole.
#pragma once

#include "config/result.h"
#include "control/ike/isakmp.h"

#include <openssl/evp.h>

#include <optional>
#include <string>

namespace control {

inline constexpr int kLeastRsaBits = 1024;
inline constexpr int kWeakRsaBits = 2048;  // shorter ones are warned of
inline constexpr int kMostRsaBits = 8192;  // what a stranger may make us compute with

// Why signatures by this public key are not taken; nothing: they are.
[[nodiscard]] std::optional<std::string> key_fault(const EVP_PKEY* key);

[[nodiscard]] config::Result<ike::Bytes> rsa_sign(EVP_PKEY* key, ike::ByteView hash);
// False for a key with a fault, and for whatever differs from the one valid block in any bit.
[[nodiscard]] bool rsa_verify(EVP_PKEY* key, ike::ByteView hash, ike::ByteView signature);

}  // namespace control
