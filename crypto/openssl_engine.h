// OpenSSL, one packet at a time: the engine that has every algorithm and needs no CPU feature.
// Ciphers run through EVP contexts made once per worker. HMAC and DES use the low-level functions,
// because they work on keys expanded per SA without allocating, and because DES would need the
// legacy provider. OpenSSL's DES looks tables up by secret data: its time is not constant.
#pragma once

#include "config/algorithms.h"
#include "crypto/crypto_job.h"
#include "crypto/sa_keys.h"

#include <cstdint>
#include <memory>
#include <span>

namespace crypto {

void openssl_expand_des(const std::uint8_t* key, unsigned stages, std::uint8_t* schedules);
void openssl_expand_hmac(config::Hash hash, std::span<const std::uint8_t> key, HmacKeys& keys);
void openssl_expand_xcbc(std::span<const std::uint8_t> key, XcbcKeys& keys);

// CBC over whole blocks; `iv` becomes the last block of ciphertext.
void openssl_des_cbc(const DesKeys& keys,
                     unsigned stages,
                     Direction direction,
                     const std::uint8_t* src,
                     std::uint8_t* dst,
                     std::size_t length,
                     std::uint8_t* iv);

// One per worker: contexts are not shared.
class OpensslEngine {
  public:
    // Fails without memory, or if OpenSSL's configuration switches an algorithm off.
    [[nodiscard]] static config::Result<std::unique_ptr<OpensslEngine>> create();

    OpensslEngine(const OpensslEngine&) = delete;
    OpensslEngine& operator=(const OpensslEngine&) = delete;
    ~OpensslEngine();

    // Ciphers without integrity, all of one direction.
    void cipher(std::span<CryptoJob* const> jobs);
    // AEADs; writes or compares the ICV and sets the status.
    void aead(std::span<CryptoJob* const> jobs);
    // All MACs; tags[i] is for jobs[i].
    void hash(std::span<CryptoJob* const> jobs, std::span<Tag> tags);

  private:
    struct Contexts;

    OpensslEngine();
    void xcbc(const CryptoJob& job, Tag& tag);
    void gmac(const CryptoJob& job, Tag& tag);

    std::unique_ptr<Contexts> contexts_;
};

}  // namespace crypto
