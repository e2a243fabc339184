// Intel's Multi-Buffer Crypto for IPsec Library: AES and the HMACs of many packets at once. One
// object is one manager of one code path; a worker has one for each path its engine choice names.
// Only the .cpp knows the library's header.
#pragma once

#include "config/result.h"
#include "crypto/crypto_job.h"
#include "crypto/engine.h"
#include "crypto/sa_keys.h"

#include <cstdint>
#include <memory>
#include <span>

namespace crypto {

class ImbEngine {
  public:
    static constexpr std::size_t kMaxJobs = 64;

    // Whether this CPU has what the code path needs (and AES-NI).
    [[nodiscard]] static bool available(Engine engine);
    [[nodiscard]] static config::Result<std::unique_ptr<ImbEngine>> create(Engine engine);

    // Round keys and XCBC keys are the same for all paths; GCM keys are not. Preconditions:
    // available().
    static void expand_aes(std::span<const std::uint8_t> key, AesKeys& keys);
    static void expand_xcbc(std::span<const std::uint8_t> key, XcbcKeys& keys);
    static void expand_gcm(Engine engine, std::span<const std::uint8_t> key, GcmKeys& keys);

    ImbEngine(const ImbEngine&) = delete;
    ImbEngine& operator=(const ImbEngine&) = delete;
    ~ImbEngine();

    // At most kMaxJobs jobs of one algorithm and, for ciphers without integrity, of one direction.
    void cipher(std::span<CryptoJob* const> jobs);
    // Writes or compares the ICV and sets the status.
    void aead(std::span<CryptoJob* const> jobs);
    void hash(std::span<CryptoJob* const> jobs, std::span<Tag> tags);

  private:
    struct State;

    ImbEngine();
    void gcm(std::span<CryptoJob* const> jobs);
    void chacha(std::span<CryptoJob* const> jobs);
    void gmac(std::span<CryptoJob* const> jobs, std::span<Tag> tags);
    // HMAC-MD5 and XCBC, which the burst functions lack.
    void hash_by_job(std::span<CryptoJob* const> jobs, std::span<Tag> tags);

    std::unique_ptr<State> state_;
};

}  // namespace crypto
