// What a correct engine must compute, by OpenSSL's one-shot interfaces: independent of crypto/.
// Also the packet that tests run jobs on.
#pragma once

#include "config/algorithms.h"
#include "crypto/crypto_job.h"
#include "crypto/engine_choice.h"
#include "crypto/sa_keys.h"

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crypto::testing {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] Bytes from_hex(std::string_view hex);
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);
[[nodiscard]] Bytes random_bytes(std::mt19937_64& random, std::size_t count);

// `iv` as it stands in a packet; the key's salt comes in front of it here. `tag`: an AEAD's, whole.
[[nodiscard]] Bytes encrypt(config::Cipher cipher,
                            const Bytes& key_and_salt,
                            const Bytes& iv,
                            const Bytes& aad,
                            const Bytes& plain,
                            Bytes* tag);
// An AEAD's tag is not looked at: encrypt the result again to see whether it is right.
[[nodiscard]] Bytes decrypt(config::Cipher cipher,
                            const Bytes& key_and_salt,
                            const Bytes& iv,
                            const Bytes& text);
// Before truncation. `iv`: of a GMAC.
[[nodiscard]] Bytes mac(config::Hash hash,
                        const Bytes& key_and_salt,
                        const Bytes& iv,
                        const Bytes& data);

// A cipher with or without a hash, an AEAD, or a hash alone.
struct Suite {
    config::Cipher cipher = config::Cipher::kNone;
    config::Hash hash = config::Hash::kNone;

    [[nodiscard]] std::string name() const;
};

// Every combination a method can name.
[[nodiscard]] std::vector<Suite> all_suites();

struct Keys {
    Bytes cipher;  // with salt
    Bytes auth;

    [[nodiscard]] static Keys random(const Suite& suite, std::mt19937_64& random);
    [[nodiscard]] SaKeys expand(const Suite& suite, const EngineChoice& choice) const;
};

// A packet in one piece of memory: authenticated header, IV, payload, ICV. Only the payload is
// encrypted; the MAC covers header, IV and payload.
class TestPacket {
  public:
    TestPacket(const Suite& suite, std::size_t payload, std::mt19937_64& random);

    void use_esn(std::uint32_t high);
    // The job to protect or verify it in place.
    [[nodiscard]] CryptoJob job(const SaKeys& keys, Direction direction);
    // The same into a buffer of its own.
    [[nodiscard]] CryptoJob job_into(const SaKeys& keys, Direction direction, Bytes& payload);

    // Encrypts payload and writes the ICV as OpenSSL does.
    void protect_by_oracle(const Keys& keys);
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    [[nodiscard]] Bytes payload() const;
    void corrupt_icv(std::size_t bit);
    void corrupt_payload(std::size_t bit);

    friend bool operator==(const TestPacket&, const TestPacket&) = default;

  private:
    static constexpr std::size_t kHeader = 8;  // SPI and sequence number

    [[nodiscard]] std::size_t payload_at() const { return kHeader + iv_bytes_; }
    [[nodiscard]] std::size_t icv_at() const { return payload_at() + payload_bytes_; }
    [[nodiscard]] Bytes aad() const;

    config::Cipher cipher_;
    config::Hash hash_;
    std::size_t iv_bytes_;
    std::size_t payload_bytes_;
    std::size_t icv_bytes_;
    bool esn_ = false;
    std::uint32_t esn_high_ = 0;
    Bytes aad_;
    Bytes bytes_;  // four more bytes than the packet, for the trailer
};

// A choice that exercises one engine, or one form of DES.
struct NamedChoice {
    std::string name;
    EngineChoice choice;
    Engine engine;
};

// Every engine this CPU has, each form of DES, and the choice a gateway makes.
[[nodiscard]] const std::vector<NamedChoice>& all_choices();
// Whether the choice runs any part of the suite on its own engine.
[[nodiscard]] bool exercises(const NamedChoice& choice, const Suite& suite);

}  // namespace crypto::testing
