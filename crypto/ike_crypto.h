// What IKE computes, by OpenSSL: hashes, PRFs, the CBC ciphers of phase 1, and Diffie-Hellman.
#pragma once

#include "config/algorithms.h"
#include "config/result.h"
#include "config/secret.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

namespace crypto {

using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] std::vector<std::uint8_t> hash(config::Hash hash,
                                             std::initializer_list<ByteView> parts);
// HMAC (RFC 2409 4: the PRF of IKE is the HMAC of the negotiated hash).
[[nodiscard]] config::SecretBytes hmac(config::Hash hash,
                                       ByteView key,
                                       std::initializer_list<ByteView> parts);

// DES, 3DES, AES in CBC mode, in place; `data` is a multiple of the block, `iv` one block; other
// lengths throw. No padding is added or removed.
void cbc_encrypt(config::Cipher cipher, ByteView key, ByteView iv, std::span<std::uint8_t> data);
void cbc_decrypt(config::Cipher cipher, ByteView key, ByteView iv, std::span<std::uint8_t> data);

void random_bytes(std::span<std::uint8_t> bytes);

// One Diffie-Hellman exchange in one group of config::kDhGroups.
class DhExchange {
  public:
    // A fresh key pair. Precondition: the group has a row.
    [[nodiscard]] static DhExchange generate(std::uint16_t ike_group);
    // With a given private value: for known answers.
    [[nodiscard]] static DhExchange with_private(std::uint16_t ike_group, ByteView private_value);

    DhExchange(const DhExchange&) = delete;
    DhExchange& operator=(const DhExchange&) = delete;
    DhExchange(DhExchange&&) noexcept;
    DhExchange& operator=(DhExchange&&) noexcept;
    ~DhExchange();

    [[nodiscard]] std::uint16_t group() const;
    // As the KE payload carries it: MODP as long as the prime (RFC 2409 5), ECP x and y (RFC 5903
    // 7).
    [[nodiscard]] const std::vector<std::uint8_t>& public_value() const;
    // g^xy, as long as the prime; ECP the x coordinate (RFC 5903 9). Errors: kBadSa: a value of the
    // wrong length, 0, 1, p-1 or above, of small order (group 24), not on the curve.
    [[nodiscard]] config::Result<config::SecretBytes> shared(ByteView peer) const;

    [[nodiscard]] static std::size_t public_bytes(std::uint16_t ike_group);

  private:
    struct State;
    explicit DhExchange(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace crypto
