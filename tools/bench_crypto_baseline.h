// What crypto/ is measured against: the crypto libraries used the plain way, one packet after the
// other.
#pragma once

#include "config/algorithms.h"
#include "crypto/crypto_job.h"

#include <cstdint>
#include <memory>
#include <span>

namespace bench {

// A job's fields are used as CryptoBatch uses them; keys and sizes are given once.
struct BaselineKeys {
    config::Cipher cipher = config::Cipher::kNone;
    config::Hash hash = config::Hash::kNone;
    std::span<const std::uint8_t> cipher_key;  // with salt
    std::span<const std::uint8_t> auth_key;
};

// EVP_CIPHER and EVP_MAC with contexts keyed in advance; a packet brings its IV.
class EvpBaseline {
  public:
    explicit EvpBaseline(const BaselineKeys& keys);
    EvpBaseline(const EvpBaseline&) = delete;
    EvpBaseline& operator=(const EvpBaseline&) = delete;
    ~EvpBaseline();

    void run(std::span<crypto::CryptoJob> jobs);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// IPsec-MB's job interface with the manager the library itself picks: submit each job, flush at the
// end.
class ImbJobBaseline {
  public:
    explicit ImbJobBaseline(const BaselineKeys& keys);
    ImbJobBaseline(const ImbJobBaseline&) = delete;
    ImbJobBaseline& operator=(const ImbJobBaseline&) = delete;
    ~ImbJobBaseline();

    void run(std::span<crypto::CryptoJob> jobs);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bench
