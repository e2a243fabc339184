#include "crypto/imb_engine.h"

#include "config/bytes.h"
#include "crypto/constant_time.h"
#include "crypto/cpu_features.h"

// Without it the header defines macros named CBC, DES, SHA1, ...
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace crypto {
namespace {

using config::be32;
using config::Cipher;
using config::Hash;

struct FreeManager {
    void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

Manager make_manager(Engine engine) {
    if (!ImbEngine::available(engine)) {
        return nullptr;
    }
    Manager manager(alloc_mb_mgr(0));
    if (manager == nullptr) {
        return nullptr;
    }
    if (engine == Engine::kImbSse) {
        init_mb_mgr_sse(manager.get());
    } else if (engine == Engine::kImbAvx2) {
        init_mb_mgr_avx2(manager.get());
    } else {
        init_mb_mgr_avx512(manager.get());
    }
    const bool tested = (manager->features & IMB_FEATURE_SELF_TEST) != 0;
    const bool passed = (manager->features & IMB_FEATURE_SELF_TEST_PASS) != 0;
    if (imb_get_errno(manager.get()) != 0 || (tested && !passed)) {
        return nullptr;
    }
    return manager;
}

// Key expansion uses a manager's functions only, never its state, so that threads may share these.
IMB_MGR* expander(Engine engine) {
    static const Manager kSse = make_manager(Engine::kImbSse);
    static const Manager kAvx2 = make_manager(Engine::kImbAvx2);
    static const Manager kAvx512 = make_manager(Engine::kImbAvx512);
    return engine == Engine::kImbSse    ? kSse.get()
           : engine == Engine::kImbAvx2 ? kAvx2.get()
                                        : kAvx512.get();
}

const gcm_key_data* gcm_keys(const SaKeys& keys) {
    return static_cast<const gcm_key_data*>(static_cast<const void*>(keys.gcm().data.data()));
}

void make_nonce(const CryptoJob& job, std::uint8_t* nonce) {
    std::memcpy(nonce, job.keys->salt().data(), 4);
    std::memcpy(nonce + 4, job.iv, 8);
}

// The high half of the sequence number stands behind the packet while it is hashed.
class EsnTrailers {
  public:
    explicit EsnTrailers(std::span<CryptoJob* const> jobs) : jobs_(jobs) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (jobs[i]->esn_trailer) {
                std::uint8_t* const behind = jobs[i]->auth + jobs[i]->auth_length;
                saved_[i] = config::load<be32>(behind);
                config::store(behind, be32{jobs[i]->esn_high});
            }
        }
    }
    EsnTrailers(const EsnTrailers&) = delete;
    EsnTrailers& operator=(const EsnTrailers&) = delete;
    ~EsnTrailers() {
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            if (jobs_[i]->esn_trailer) {
                config::store(jobs_[i]->auth + jobs_[i]->auth_length, saved_[i]);
            }
        }
    }

    [[nodiscard]] static std::uint64_t length(const CryptoJob& job) {
        return job.auth_length + (job.esn_trailer ? sizeof(be32) : 0);
    }

  private:
    std::span<CryptoJob* const> jobs_;
    std::array<be32, ImbEngine::kMaxJobs> saved_;
};

IMB_HASH_ALG hash_of(Hash hash) {
    switch (hash) {
        case Hash::kMd5:
            return IMB_AUTH_MD5;
        case Hash::kSha1:
            return IMB_AUTH_HMAC_SHA_1;
        case Hash::kSha256:
            return IMB_AUTH_HMAC_SHA_256;
        case Hash::kSha384:
            return IMB_AUTH_HMAC_SHA_384;
        case Hash::kSha512:
            return IMB_AUTH_HMAC_SHA_512;
        case Hash::kAesXcbc:
            return IMB_AUTH_AES_XCBC;
        case Hash::kNone:
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256:
            return IMB_AUTH_NULL;
    }
    return IMB_AUTH_NULL;
}

void set_hash(const CryptoJob& job, Tag& tag, IMB_JOB& imb) {
    const SaKeys& keys = *job.keys;
    imb.src = job.auth;
    imb.hash_start_src_offset_in_bytes = 0;
    imb.msg_len_to_hash_in_bytes = EsnTrailers::length(job);
    imb.auth_tag_output = tag.data();
    imb.auth_tag_output_len_in_bytes = keys.icv_bytes();
    imb.hash_alg = hash_of(keys.hash());
    if (keys.hash() == Hash::kAesXcbc) {
        const XcbcKeys& xcbc = keys.xcbc();
        imb.u.XCBC._k1_expanded =
            static_cast<const std::uint32_t*>(static_cast<const void*>(xcbc.k1_expanded.data()));
        imb.u.XCBC._k2 = xcbc.k2.data();
        imb.u.XCBC._k3 = xcbc.k3.data();
    } else {
        imb.u.HMAC._hashed_auth_key_xor_ipad = keys.hmac().inner.data();
        imb.u.HMAC._hashed_auth_key_xor_opad = keys.hmac().outer.data();
    }
}

}  // namespace

struct ImbEngine::State {
    Manager manager;
    // Scratch of the call in progress.
    std::array<IMB_JOB, kMaxJobs> jobs{};
    alignas(16) std::array<std::array<std::uint8_t, 16>, kMaxJobs> ivs{};
    gcm_context_data context{};
    std::array<IMB_JOB*, kMaxJobs> slots{};
    std::array<Tag, kMaxJobs> tags{};  // of ChaCha20-Poly1305

    // Hands `count` jobs, filled in by fill(index, job), to the job queue and waits for all of
    // them.
    template <typename Fill>
    void run_queue(std::size_t count, const Fill& fill) {
        for (std::size_t done = 0; done < count;) {
            const auto wanted = static_cast<std::uint32_t>(count - done);
            const std::uint32_t got = IMB_GET_NEXT_BURST(manager.get(), wanted, slots.data());
            for (std::uint32_t i = 0; i < got; ++i) {
                fill(done + i, *slots[i]);
            }
            std::uint32_t finished = IMB_SUBMIT_BURST_NOCHECK(manager.get(), got, slots.data());
            while (finished < got) {
                finished += IMB_FLUSH_BURST(manager.get(), got - finished, slots.data());
            }
            done += got;
        }
    }
};

ImbEngine::ImbEngine() : state_(std::make_unique<State>()) {}
ImbEngine::~ImbEngine() = default;

bool ImbEngine::available(Engine engine) {
    static const CpuFeatures kCpu = CpuFeatures::detect();
    return is_imb(engine) && supports(kCpu, engine);
}

config::Result<std::unique_ptr<ImbEngine>> ImbEngine::create(Engine engine) {
    std::unique_ptr<ImbEngine> created(new ImbEngine);
    created->state_->manager = make_manager(engine);
    if (created->state_->manager == nullptr) {
        return config::Error{
            config::ErrorCode::kSystem,
            fmt::format(
                "The crypto engine {} cannot be started on this CPU, or its self-test failed.",
                row_of(engine).name)};
    }
    return created;
}

void ImbEngine::expand_aes(std::span<const std::uint8_t> key, AesKeys& keys) {
    IMB_MGR* const manager = expander(Engine::kImbSse);
    if (key.size() == 16) {
        IMB_AES_KEYEXP_128(manager, key.data(), keys.encrypt.data(), keys.decrypt.data());
    } else if (key.size() == 24) {
        IMB_AES_KEYEXP_192(manager, key.data(), keys.encrypt.data(), keys.decrypt.data());
    } else {
        IMB_AES_KEYEXP_256(manager, key.data(), keys.encrypt.data(), keys.decrypt.data());
    }
}

void ImbEngine::expand_xcbc(std::span<const std::uint8_t> key, XcbcKeys& keys) {
    IMB_AES_XCBC_KEYEXP(expander(Engine::kImbSse),
                        key.data(),
                        keys.k1_expanded.data(),
                        keys.k2.data(),
                        keys.k3.data());
}

void ImbEngine::expand_gcm(Engine engine, std::span<const std::uint8_t> key, GcmKeys& keys) {
    static_assert(sizeof(gcm_key_data) <= sizeof(GcmKeys::data));
    static_assert(alignof(gcm_key_data) <= alignof(GcmKeys));
    IMB_MGR* const manager = expander(engine);
    auto* const data = static_cast<gcm_key_data*>(static_cast<void*>(keys.data.data()));
    if (key.size() == 16) {
        IMB_AES128_GCM_PRE(manager, key.data(), data);
    } else if (key.size() == 24) {
        IMB_AES192_GCM_PRE(manager, key.data(), data);
    } else {
        IMB_AES256_GCM_PRE(manager, key.data(), data);
    }
}

void ImbEngine::cipher(std::span<CryptoJob* const> jobs) {
    if (jobs.empty()) {
        return;
    }
    const SaKeys& first = *jobs[0]->keys;
    const bool cbc = first.block_bytes() == 16;
    const IMB_CIPHER_DIRECTION direction =
        jobs[0]->direction == Direction::kProtect ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    const IMB_CIPHER_MODE mode = cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR;
    const auto key_size = static_cast<IMB_KEY_SIZE_BYTES>(first.key_bytes());
    std::uint32_t count = 0;
    for (const CryptoJob* const job : jobs) {
        if (job->length == 0) {
            continue;
        }
        IMB_JOB& imb = state_->jobs[count];
        imb.enc_keys = job->keys->aes().encrypt.data();
        imb.dec_keys = cbc ? job->keys->aes().decrypt.data() : imb.enc_keys;
        imb.key_len_in_bytes = key_size;
        imb.src = job->src;
        imb.dst = job->dst;
        imb.cipher_start_src_offset_in_bytes = 0;
        imb.msg_len_to_cipher_in_bytes = job->length;
        imb.iv = job->iv;
        imb.iv_len_in_bytes = 16;
        imb.cipher_mode = mode;
        imb.cipher_direction = direction;
        imb.hash_alg = IMB_AUTH_NULL;
        if (!cbc) {
            // RFC 3686 4: nonce, IV, and a block counter that starts at one.
            std::array<std::uint8_t, 16>& block = state_->ivs[count];
            make_nonce(*job, block.data());
            config::store(block.data() + 12, be32{1});
            imb.iv = block.data();
        }
        ++count;
    }
    if (count != 0) {
        IMB_SUBMIT_CIPHER_BURST_NOCHECK(
            state_->manager.get(), state_->jobs.data(), count, mode, direction, key_size);
    }
}

void ImbEngine::aead(std::span<CryptoJob* const> jobs) {
    if (jobs.empty()) {
        return;
    }
    if (jobs[0]->keys->cipher() == Cipher::kChaCha20Poly1305) {
        chacha(jobs);
    } else {
        gcm(jobs);
    }
}

void ImbEngine::gcm(std::span<CryptoJob* const> jobs) {
    const IMB_MGR& manager = *state_->manager;
    const std::uint8_t key_bytes = jobs[0]->keys->key_bytes();
    const aes_gcm_enc_dec_t encrypt = key_bytes == 16   ? manager.gcm128_enc
                                      : key_bytes == 24 ? manager.gcm192_enc
                                                        : manager.gcm256_enc;
    const aes_gcm_enc_dec_t decrypt = key_bytes == 16   ? manager.gcm128_dec
                                      : key_bytes == 24 ? manager.gcm192_dec
                                                        : manager.gcm256_dec;
    for (CryptoJob* const job : jobs) {
        const SaKeys& keys = *job->keys;
        alignas(16) std::array<std::uint8_t, 16> nonce{};
        make_nonce(*job, nonce.data());
        const bool protect = job->direction == Direction::kProtect;
        alignas(16) std::array<std::uint8_t, 16> tag{};
        (protect ? encrypt : decrypt)(gcm_keys(keys),
                                      &state_->context,
                                      job->dst,
                                      job->src,
                                      job->length,
                                      nonce.data(),
                                      job->aad,
                                      job->aad_length,
                                      tag.data(),
                                      keys.icv_bytes());
        if (protect) {
            std::memcpy(job->icv, tag.data(), keys.icv_bytes());
        } else if (!equal_ct(tag.data(), job->icv, keys.icv_bytes())) {
            job->status = JobStatus::kBadIcv;
        }
    }
}

void ImbEngine::chacha(std::span<CryptoJob* const> jobs) {
    std::array<Tag, kMaxJobs>& tags = state_->tags;
    state_->run_queue(jobs.size(), [this, jobs, &tags](std::size_t i, IMB_JOB& imb) {
        const CryptoJob& job = *jobs[i];
        std::array<std::uint8_t, 16>& nonce = state_->ivs[i];
        make_nonce(job, nonce.data());
        const bool protect = job.direction == Direction::kProtect;
        imb.enc_keys = job.keys->key();
        imb.dec_keys = job.keys->key();
        imb.key_len_in_bytes = 32;
        imb.src = job.src;
        imb.dst = job.dst;
        imb.cipher_start_src_offset_in_bytes = 0;
        imb.msg_len_to_cipher_in_bytes = job.length;
        imb.hash_start_src_offset_in_bytes = 0;
        imb.msg_len_to_hash_in_bytes = job.length;
        imb.iv = nonce.data();
        imb.iv_len_in_bytes = 12;
        imb.auth_tag_output = tags[i].data();
        imb.auth_tag_output_len_in_bytes = 16;
        imb.u.CHACHA20_POLY1305.aad = job.aad;
        imb.u.CHACHA20_POLY1305.aad_len_in_bytes = job.aad_length;
        imb.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        imb.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        imb.cipher_direction = protect ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
        imb.chain_order = protect ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        CryptoJob& job = *jobs[i];
        if (job.direction == Direction::kProtect) {
            std::memcpy(job.icv, tags[i].data(), job.keys->icv_bytes());
        } else if (!equal_ct(tags[i].data(), job.icv, job.keys->icv_bytes())) {
            job.status = JobStatus::kBadIcv;
        }
    }
}

void ImbEngine::hash(std::span<CryptoJob* const> jobs, std::span<Tag> tags) {
    if (jobs.empty()) {
        return;
    }
    const Hash hash = jobs[0]->keys->hash();
    if (row_of(hash).bytes.iv != 0) {
        gmac(jobs, tags);
        return;
    }
    const EsnTrailers trailers(jobs);
    if (hash == Hash::kMd5 || hash == Hash::kAesXcbc) {
        hash_by_job(jobs, tags);
        return;
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        set_hash(*jobs[i], tags[i], state_->jobs[i]);
    }
    IMB_SUBMIT_HASH_BURST_NOCHECK(state_->manager.get(),
                                  state_->jobs.data(),
                                  static_cast<std::uint32_t>(jobs.size()),
                                  hash_of(hash));
}

void ImbEngine::hash_by_job(std::span<CryptoJob* const> jobs, std::span<Tag> tags) {
    state_->run_queue(jobs.size(), [jobs, tags](std::size_t i, IMB_JOB& imb) {
        set_hash(*jobs[i], tags[i], imb);
        imb.cipher_mode = IMB_CIPHER_NULL;
        imb.cipher_direction = IMB_DIR_DECRYPT;
        imb.chain_order = IMB_ORDER_HASH_CIPHER;
        imb.msg_len_to_cipher_in_bytes = 0;
    });
}

void ImbEngine::gmac(std::span<CryptoJob* const> jobs, std::span<Tag> tags) {
    const IMB_MGR& manager = *state_->manager;
    const std::uint8_t key_bytes = jobs[0]->keys->key_bytes();
    const bool k128 = key_bytes == 16;
    const bool k192 = key_bytes == 24;
    const auto init = k128   ? manager.gmac128_init
                      : k192 ? manager.gmac192_init
                             : manager.gmac256_init;
    const auto update = k128   ? manager.gmac128_update
                        : k192 ? manager.gmac192_update
                               : manager.gmac256_update;
    const auto finalize = k128   ? manager.gmac128_finalize
                          : k192 ? manager.gmac192_finalize
                                 : manager.gmac256_finalize;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const CryptoJob& job = *jobs[i];
        const gcm_key_data* const keys = gcm_keys(*job.keys);
        std::array<std::uint8_t, 12> nonce{};
        make_nonce(job, nonce.data());
        init(keys, &state_->context, nonce.data(), nonce.size());
        if (job.aad_length != 0) {
            update(keys, &state_->context, job.aad, job.aad_length);
        }
        update(keys, &state_->context, job.auth, job.auth_length);
        if (job.esn_trailer) {
            const be32 high{job.esn_high};
            std::array<std::uint8_t, sizeof(high)> bytes{};
            std::memcpy(bytes.data(), &high, sizeof(high));
            update(keys, &state_->context, bytes.data(), bytes.size());
        }
        finalize(keys, &state_->context, tags[i].data(), 16);
    }
}

}  // namespace crypto
