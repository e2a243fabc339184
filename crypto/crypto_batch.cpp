#include "crypto/crypto_batch.h"

#include "crypto/constant_time.h"
#include "crypto/sa_keys.h"

#include <algorithm>
#include <cstring>

namespace crypto {

CryptoBatch::CryptoBatch(const EngineChoice& choice) : des_(choice), choice_(choice) {}

config::Result<std::unique_ptr<CryptoBatch>> CryptoBatch::create(const EngineChoice& choice) {
    std::unique_ptr<CryptoBatch> batch(new CryptoBatch(choice));
    auto openssl = OpensslEngine::create();
    if (!openssl) {
        return openssl.error();
    }
    batch->openssl_ = std::move(openssl).value();
    std::array<bool, kEngines.size()> wanted{};
    const auto want = [&wanted](Engine engine) { wanted[static_cast<std::size_t>(engine)] = true; };
    for (const CipherEngines& engines : choice.ciphers) {
        want(engines.encrypt);
        want(engines.decrypt);
    }
    for (const HashEngines& engines : choice.hashes) {
        want(engines.short_packets);
        want(engines.long_packets);
    }
    for (const EngineRow& row : kEngines) {
        const auto index = static_cast<std::size_t>(row.engine);
        if (!wanted[index] || !is_imb(row.engine)) {
            continue;
        }
        auto engine = ImbEngine::create(row.engine);
        if (!engine) {
            return engine.error();
        }
        batch->imb_[index] = std::move(engine).value();
    }
    return batch;
}

ImbEngine& CryptoBatch::imb(Engine engine) {
    return *imb_[static_cast<std::size_t>(engine)];
}

void CryptoBatch::run(std::span<CryptoJob> jobs) {
    while (jobs.size() > kMaxJobs) {
        run_part(jobs.first(kMaxJobs));
        jobs = jobs.subspan(kMaxJobs);
    }
    run_part(jobs);
}

// 1. Sorts the jobs by what they need. AEADs are complete in one step.
// 2. Encrypts what is to be protected.
// 3. Computes all MACs: over the new ciphertext, and over the ciphertext received.
// 4. Decrypts what passed.
void CryptoBatch::run_part(std::span<CryptoJob> jobs) {
    constexpr std::size_t kAhead = 4;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i + kAhead < jobs.size() && jobs[i + kAhead].keys != jobs[i + kAhead - 1].keys) {
            jobs[i + kAhead].keys->prefetch();
        }
        sort_in(jobs[i]);
    }
    aead_.drain([this](std::span<CryptoJob* const> list) { run_aead(list); });
    encrypt_.drain([this](std::span<CryptoJob* const> list) { encrypt_or_decrypt(list); });
    hash_.drain([this](std::span<CryptoJob* const> list) { hash(list); });
    decrypt_.drain([this](std::span<CryptoJob* const> list) { encrypt_or_decrypt(list); });
}

void CryptoBatch::sort_in(CryptoJob& job) {
    const SaKeys& keys = *job.keys;
    // Blocks are powers of two.
    const std::uint32_t partial = job.length & (keys.block_bytes() - 1U);
    if (partial != 0 || job.length > kMaxJobBytes || job.auth_length > kMaxJobBytes) {
        job.status = JobStatus::kBadLength;
        return;
    }
    job.status = JobStatus::kOk;
    const auto cipher = static_cast<std::size_t>(keys.cipher());
    if (keys.aead()) {
        aead_.add(cipher, job);
        return;
    }
    const bool protect = job.direction == Direction::kProtect;
    if (keys.hash() != config::Hash::kNone) {
        hash_.add(static_cast<std::size_t>(keys.hash()), job);
    } else if (!protect && keys.cipher() != config::Cipher::kNone) {
        decrypt_.add(cipher, job);
    }
    if (protect && keys.cipher() != config::Cipher::kNone) {
        encrypt_.add(cipher, job);
    }
}

void CryptoBatch::encrypt_or_decrypt(std::span<CryptoJob* const> jobs) {
    const CipherEngines& engines = choice_.of(jobs[0]->keys->cipher());
    const bool protect = jobs[0]->direction == Direction::kProtect;
    const Engine engine = protect ? engines.encrypt : engines.decrypt;
    if (engine == Engine::kLanes) {
        des_.cipher(jobs);
    } else if (is_imb(engine)) {
        imb(engine).cipher(jobs);
    } else {
        openssl_->cipher(jobs);
    }
}

void CryptoBatch::run_aead(std::span<CryptoJob* const> jobs) {
    const Engine engine = choice_.of(jobs[0]->keys->cipher()).encrypt;
    if (is_imb(engine)) {
        imb(engine).aead(jobs);
    } else {
        openssl_->aead(jobs);
    }
}

void CryptoBatch::hash(std::span<CryptoJob* const> jobs) {
    const HashEngines& engines = choice_.of(jobs[0]->keys->hash());
    std::size_t bytes = 0;
    for (const CryptoJob* const job : jobs) {
        bytes += job->auth_length;
    }
    const Engine engine =
        bytes >= jobs.size() * engines.long_from ? engines.long_packets : engines.short_packets;
    if (is_imb(engine)) {
        imb(engine).hash(jobs, tags_);
    } else {
        openssl_->hash(jobs, tags_);
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        CryptoJob& job = *jobs[i];
        const std::uint8_t icv_bytes = job.keys->icv_bytes();
        if (job.direction == Direction::kProtect) {
            std::memcpy(job.icv, tags_[i].data(), icv_bytes);
        } else if (!equal_ct(job.icv, tags_[i].data(), icv_bytes)) {
            job.status = JobStatus::kBadIcv;
        } else if (job.keys->cipher() != config::Cipher::kNone) {
            decrypt_.add(static_cast<std::size_t>(job.keys->cipher()), job);
        }
    }
}

}  // namespace crypto
