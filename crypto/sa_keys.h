// The expanded keys of one SA: everything the engines need per packet that depends on the key only.
// Immutable after expand(), so that any number of workers may use one SaKeys at once. The memory is
// zeroised when released. Weak DES keys are not looked for (RFC 2405 2.3 leaves it to key
// management).
#pragma once

#include "config/algorithms.h"
#include "config/result.h"
#include "crypto/des_lanes.h"
#include "crypto/engine.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace crypto {

struct EngineChoice;

// Keys as IKE derives them or an operator gives them: the salt follows the key.
struct KeySpec {
    config::Cipher cipher = config::Cipher::kNone;
    config::Hash hash = config::Hash::kNone;
    std::span<const std::uint8_t> cipher_key;
    std::span<const std::uint8_t> auth_key;
};

struct alignas(16) AesKeys {
    std::array<std::uint8_t, 240> encrypt;  // round keys as IPsec-MB expands them
    std::array<std::uint8_t, 240> decrypt;
};

// IPsec-MB's gcm_key_data. Its layout differs between the engines: only `engine()` may read it.
struct alignas(64) GcmKeys {
    std::array<std::uint8_t, 1088> data;
};

struct DesKeys {
    DesLaneKey lanes;
    alignas(8) std::array<std::uint8_t, 384> openssl{};  // DES_key_schedule for each stage
};

// RFC 2104: the state of the hash after the block key^ipad and after key^opad, in machine words.
struct alignas(16) HmacKeys {
    std::array<std::uint8_t, 64> inner;
    std::array<std::uint8_t, 64> outer;
};

// RFC 3566 4: K1's round keys, K2 and K3; and K1 itself.
struct alignas(16) XcbcKeys {
    std::array<std::uint8_t, 176> k1_expanded;
    std::array<std::uint8_t, 16> k2;
    std::array<std::uint8_t, 16> k3;
    std::array<std::uint8_t, 16> k1;
};

// Zeroises what it frees.
struct WipeKeys {
    std::size_t size = 0;
    void operator()(std::uint8_t* memory) const noexcept;
};

class SaKeys {
  public:
    // The error names the algorithm and the length expected.
    [[nodiscard]] static config::Result<SaKeys> expand(const KeySpec& spec,
                                                       const EngineChoice& engines);

    [[nodiscard]] config::Cipher cipher() const { return cipher_; }
    [[nodiscard]] config::Hash hash() const { return hash_; }
    // The one that an AEAD's or GMAC's keys were expanded for; else kNone.
    [[nodiscard]] Engine engine() const { return engine_; }
    [[nodiscard]] std::uint8_t icv_bytes() const { return icv_bytes_; }
    [[nodiscard]] std::uint8_t iv_bytes() const { return iv_bytes_; }
    [[nodiscard]] std::uint8_t block_bytes() const { return block_bytes_; }
    [[nodiscard]] bool aead() const { return aead_; }
    // RFC 4106 4, RFC 3686 4, RFC 7634 2, RFC 4543 3.2: the first four bytes of the nonce.
    [[nodiscard]] const std::array<std::uint8_t, 4>& salt() const { return salt_; }

    // The key itself: up to 32 bytes of an AES or ChaCha20 key (of GMAC: its AES key).
    [[nodiscard]] const std::uint8_t* key() const { return part<std::uint8_t>(0); }
    [[nodiscard]] std::uint8_t key_bytes() const { return key_bytes_; }

    // Precondition of each: the algorithm is of that kind.
    [[nodiscard]] const AesKeys& aes() const { return *part<AesKeys>(kCipherOffset); }
    [[nodiscard]] const GcmKeys& gcm() const { return *part<GcmKeys>(kCipherOffset); }
    [[nodiscard]] const DesKeys& des() const { return *part<DesKeys>(kCipherOffset); }
    [[nodiscard]] const HmacKeys& hmac() const { return *part<HmacKeys>(auth_offset_); }
    [[nodiscard]] const XcbcKeys& xcbc() const { return *part<XcbcKeys>(auth_offset_); }

    // Brings the keys into the cache. Harmless on empty keys.
    void prefetch() const {
        for (std::size_t at = 0; at < memory_bytes(); at += kLine) {
            __builtin_prefetch(memory_.get() + at);
        }
    }
    // What the SA costs, for sizing.
    [[nodiscard]] std::size_t memory_bytes() const { return memory_.get_deleter().size; }

  private:
    SaKeys() = default;

    static constexpr std::size_t kCipherOffset = 64;
    static constexpr std::size_t kLine = 64;  // of the cache

    template <typename T>
    [[nodiscard]] const T* part(std::size_t offset) const {
        return static_cast<const T*>(static_cast<const void*>(memory_.get() + offset));
    }
    template <typename T>
    [[nodiscard]] T& part(std::size_t offset) {
        return *static_cast<T*>(static_cast<void*>(memory_.get() + offset));
    }

    void allocate(std::size_t cipher_part, std::size_t auth_part);
    void expand_cipher(const config::CipherRow& row, std::span<const std::uint8_t> key);
    void expand_hash(const config::HashRow& row, std::span<const std::uint8_t> key);

    std::unique_ptr<std::uint8_t, WipeKeys> memory_;
    std::uint16_t auth_offset_ = kCipherOffset;
    config::Cipher cipher_ = config::Cipher::kNone;
    config::Hash hash_ = config::Hash::kNone;
    Engine engine_ = Engine::kNone;
    bool aead_ = false;
    std::uint8_t icv_bytes_ = 0;
    std::uint8_t iv_bytes_ = 0;
    std::uint8_t block_bytes_ = 1;
    std::uint8_t key_bytes_ = 0;
    std::array<std::uint8_t, 4> salt_{};
};

}  // namespace crypto
