// DES-CBC and 3DES-CBC on many blocks at once. Decryption takes the blocks of all packets as lanes;
// encryption, which is serial within a packet, takes one block of each packet at a time. What does
// not fill lanes well enough to be worth it goes to OpenSSL.
#pragma once

#include "crypto/crypto_job.h"
#include "crypto/engine_choice.h"
#include "crypto/sa_keys.h"

#include <array>
#include <cstdint>
#include <span>

namespace crypto {

class DesEngine {
  public:
    static constexpr std::size_t kMaxJobs = 64;

    explicit DesEngine(const EngineChoice& choice);
    DesEngine(const DesEngine&) = delete;
    DesEngine& operator=(const DesEngine&) = delete;
    // The scratch holds keys.
    ~DesEngine();

    // At most kMaxJobs jobs of one of the two ciphers and of one direction.
    void cipher(std::span<CryptoJob* const> jobs);

  private:
    // A part of a packet in consecutive lanes.
    struct Run {
        std::uint8_t* dst = nullptr;
        std::size_t lane = 0;
        std::size_t blocks = 0;
    };
    // Where decryption stands in the jobs.
    struct Cursor {
        std::size_t job = 0;
        std::size_t block = 0;
        std::uint64_t previous = 0;  // ciphertext block before it
    };

    void encrypt(std::span<CryptoJob* const> jobs);
    void decrypt(std::span<CryptoJob* const> jobs);
    void decrypt_pass(std::span<CryptoJob* const> jobs, Cursor& cursor, const DesForm& form);
    void load_keys(const DesForm& form, std::size_t lanes);
    // The form with the least time per block for `blocks` blocks; null: OpenSSL.
    [[nodiscard]] const DesForm* best_form(std::size_t blocks) const;

    alignas(64) std::array<std::uint64_t, kMaxDesLanes> blocks_{};
    alignas(64) std::array<std::uint64_t, kMaxDesLanes> chain_{};
    alignas(64) std::array<std::uint8_t, kMaxDesLaneKeyBytes> keys_{};
    std::array<const DesLaneKey*, kMaxDesLanes> lane_keys_{};
    std::array<Run, kMaxJobs> runs_{};

    const std::vector<DesForm> forms_;
    const std::array<std::uint32_t, 2> block_cost_;
    const DesForm* loaded_form_ = nullptr;
    const DesLaneKey* loaded_key_ = nullptr;
    unsigned stages_ = 1;
};

}  // namespace crypto
