// Runs the crypto of a burst: jobs of any SAs, algorithms and directions in one call, so that the
// engines that work on many packets at once find many. One object per worker. run() neither
// allocates nor locks nor throws (OpenSSL, where it is the engine, keeps to its contexts).
#pragma once

#include "config/algorithms.h"
#include "config/result.h"
#include "crypto/crypto_job.h"
#include "crypto/des_engine.h"
#include "crypto/engine_choice.h"
#include "crypto/imb_engine.h"
#include "crypto/openssl_engine.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace crypto {

class CryptoBatch {
  public:
    // Longer spans are run in parts of this size.
    static constexpr std::size_t kMaxJobs = 64;

    // Every SaKeys given to run() must have been expanded with the same choice.
    [[nodiscard]] static config::Result<std::unique_ptr<CryptoBatch>> create(
        const EngineChoice& choice);

    CryptoBatch(const CryptoBatch&) = delete;
    CryptoBatch& operator=(const CryptoBatch&) = delete;
    ~CryptoBatch() = default;

    // Sets the status of every job. A failed one has no effect on the others. Verifying checks the
    // ICV before it decrypts (AEADs: at the same time).
    void run(std::span<CryptoJob> jobs);

  private:
    // Jobs by algorithm; only the lists of used algorithms are touched.
    template <std::size_t kAlgorithms>
    struct Groups {
        std::uint32_t used = 0;  // bit per algorithm
        std::array<std::uint8_t, kAlgorithms> count{};
        std::array<std::array<CryptoJob*, kMaxJobs>, kAlgorithms> jobs{};

        void add(std::size_t algorithm, CryptoJob& job) {
            const std::uint32_t bit = 1U << algorithm;
            if ((used & bit) == 0) {
                used |= bit;
                count[algorithm] = 0;
            }
            jobs[algorithm][count[algorithm]++] = &job;
        }
        // Calls visit(list) for each used algorithm and empties all lists.
        template <typename Visit>
        void drain(const Visit& visit) {
            for (; used != 0; used &= used - 1) {
                const auto algorithm = static_cast<std::size_t>(__builtin_ctz(used));
                visit(std::span<CryptoJob* const>(jobs[algorithm].data(), count[algorithm]));
            }
        }
    };
    using CipherGroups = Groups<config::kCiphers.size()>;
    using HashGroups = Groups<config::kHashes.size()>;
    static_assert(config::kCiphers.size() <= 32 && config::kHashes.size() <= 32);

    explicit CryptoBatch(const EngineChoice& choice);
    void run_part(std::span<CryptoJob> jobs);
    void sort_in(CryptoJob& job);
    void encrypt_or_decrypt(std::span<CryptoJob* const> jobs);
    void run_aead(std::span<CryptoJob* const> jobs);
    void hash(std::span<CryptoJob* const> jobs);
    [[nodiscard]] ImbEngine& imb(Engine engine);

    alignas(64) std::array<Tag, kMaxJobs> tags_{};
    DesEngine des_;
    const EngineChoice choice_;
    std::array<std::unique_ptr<ImbEngine>, kEngines.size()> imb_;
    std::unique_ptr<OpensslEngine> openssl_;

    CipherGroups encrypt_;
    CipherGroups decrypt_;
    CipherGroups aead_;
    HashGroups hash_;
};

}  // namespace crypto
