#include "tools/bench_crypto_baseline.h"

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

using config::Cipher;
using config::Hash;
using crypto::CryptoJob;
using crypto::Direction;

std::string evp_cipher_name(const config::CipherRow& row) {
    if (row.cipher == Cipher::kDes) {
        return "DES-CBC";
    }
    if (row.cipher == Cipher::k3des) {
        return "DES-EDE3-CBC";
    }
    if (row.cipher == Cipher::kChaCha20Poly1305) {
        return "ChaCha20-Poly1305";
    }
    const char* const mode = row.aead ? "-GCM" : row.bytes.block == 16 ? "-CBC" : "-CTR";
    return "AES-" + std::to_string(row.bytes.key * 8) + mode;
}

std::string evp_digest_name(Hash hash) {
    switch (hash) {
        case Hash::kMd5:
            return "MD5";
        case Hash::kSha1:
            return "SHA1";
        case Hash::kSha256:
            return "SHA256";
        case Hash::kSha384:
            return "SHA384";
        case Hash::kSha512:
            return "SHA512";
        case Hash::kNone:
        case Hash::kAesXcbc:
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256:
            return "";
    }
    return "";
}

bool is_gmac(Hash hash) {
    return row_of(hash).bytes.iv != 0;
}

// The GCM whose key a GMAC has.
const config::CipherRow& gcm_of(const config::HashRow& gmac) {
    return row_of(gmac.bytes.key == 16   ? Cipher::kAesGcm128
                  : gmac.bytes.key == 24 ? Cipher::kAesGcm192
                                         : Cipher::kAesGcm256);
}

// The nonce or counter block of the counter modes, the IV of the others.
struct Iv {
    alignas(16) std::array<std::uint8_t, 16> bytes{};

    Iv(const CryptoJob& job,
       std::size_t iv_bytes,
       const std::array<std::uint8_t, 4>& salt,
       bool counter) {
        if (counter) {
            std::copy(salt.begin(), salt.end(), bytes.begin());
            std::copy_n(job.iv, 8, bytes.begin() + 4);
            bytes[15] = 1;
        } else {
            std::copy_n(job.iv, iv_bytes, bytes.begin());
        }
    }
};

}  // namespace

struct EvpBaseline::State {
    const config::CipherRow& cipher;
    const config::HashRow& hash;
    std::array<std::uint8_t, 4> salt{};
    OSSL_PROVIDER* legacy = OSSL_PROVIDER_load(nullptr, "legacy");
    OSSL_PROVIDER* standard = OSSL_PROVIDER_load(nullptr, "default");
    std::array<EVP_CIPHER_CTX*, 2> contexts{};  // encrypt, decrypt
    EVP_MAC_CTX* mac = nullptr;
    std::array<std::uint8_t, 64> tag{};

    void compute_mac(const CryptoJob& job);
    void run_cipher(const CryptoJob& job, bool protect);

    explicit State(const BaselineKeys& keys)
        : cipher(row_of(keys.cipher)), hash(row_of(keys.hash)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        for (EVP_CIPHER_CTX* const context : contexts) {
            EVP_CIPHER_CTX_free(context);
        }
        EVP_MAC_CTX_free(mac);
        OSSL_PROVIDER_unload(legacy);
        OSSL_PROVIDER_unload(standard);
    }
};

EvpBaseline::EvpBaseline(const BaselineKeys& keys) : state_(std::make_unique<State>(keys)) {
    const bool gmac = is_gmac(keys.hash);
    if (keys.cipher != Cipher::kNone || gmac) {
        const std::span<const std::uint8_t> key = gmac ? keys.auth_key : keys.cipher_key;
        const config::CipherRow& row = gmac ? gcm_of(state_->hash) : state_->cipher;
        const std::string name = evp_cipher_name(row);
        if (row.bytes.salt != 0) {
            std::copy_n(key.end() - 4, 4, state_->salt.begin());
        }
        EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
        for (std::size_t decrypt = 0; decrypt < 2; ++decrypt) {
            EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
            const std::array<std::uint8_t, 16> iv{};
            if (cipher == nullptr
                || EVP_CipherInit_ex2(
                       context, cipher, key.data(), iv.data(), decrypt == 0 ? 1 : 0, nullptr)
                       != 1) {
                throw std::runtime_error("OpenSSL cannot do " + name);
            }
            EVP_CIPHER_CTX_set_padding(context, 0);
            state_->contexts[decrypt] = context;
        }
        EVP_CIPHER_free(cipher);
    }
    std::string digest = evp_digest_name(keys.hash);
    if (!digest.empty()) {
        EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        state_->mac = EVP_MAC_CTX_new(hmac);
        const std::array<OSSL_PARAM, 2> parameters{
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
            OSSL_PARAM_construct_end()};
        EVP_MAC_init(state_->mac, keys.auth_key.data(), keys.auth_key.size(), parameters.data());
        EVP_MAC_free(hmac);
    }
}

EvpBaseline::~EvpBaseline() = default;

void EvpBaseline::State::compute_mac(const CryptoJob& job) {
    std::size_t length = tag.size();
    EVP_MAC_init(mac, nullptr, 0, nullptr);
    EVP_MAC_update(mac, job.auth, job.auth_length);
    EVP_MAC_final(mac, tag.data(), &length, tag.size());
}

void EvpBaseline::State::run_cipher(const CryptoJob& job, bool protect) {
    const bool gmac = is_gmac(hash.hash);
    const bool tagged = cipher.aead || gmac;
    const bool counter = tagged || cipher.bytes.block == 1;
    EVP_CIPHER_CTX* const context = contexts[protect ? 0 : 1];
    int written = 0;
    const Iv iv(job, cipher.bytes.iv, salt, counter);
    EVP_CipherInit_ex2(context, nullptr, nullptr, iv.bytes.data(), protect ? 1 : 0, nullptr);
    if (tagged && !protect) {
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, job.icv);
    }
    if (tagged) {
        const auto length = static_cast<int>(gmac ? job.auth_length : job.aad_length);
        EVP_CipherUpdate(context, nullptr, &written, gmac ? job.auth : job.aad, length);
    }
    if (!gmac) {
        EVP_CipherUpdate(context, job.dst, &written, job.src, static_cast<int>(job.length));
    }
    if (tagged) {
        EVP_CipherFinal_ex(context, tag.data(), &written);
    }
    if (tagged && protect) {
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    }
}

void EvpBaseline::run(std::span<CryptoJob> jobs) {
    const std::size_t icv = state_->cipher.aead ? state_->cipher.bytes.icv : state_->hash.bytes.icv;
    for (const CryptoJob& job : jobs) {
        const bool protect = job.direction == Direction::kProtect;
        if (state_->mac != nullptr && !protect) {
            state_->compute_mac(job);
        }
        if (state_->contexts[0] != nullptr) {
            state_->run_cipher(job, protect);
        }
        if (state_->mac != nullptr && protect) {
            state_->compute_mac(job);
        }
        if (protect) {
            std::memcpy(job.icv, state_->tag.data(), icv);
        }
    }
}

struct ImbJobBaseline::State {
    const config::CipherRow& cipher;
    const config::HashRow& hash;
    IMB_MGR* manager = alloc_mb_mgr(0);
    std::array<std::uint8_t, 4> salt{};
    std::array<std::uint8_t, 32> raw{};
    alignas(64) gcm_key_data gcm{};
    alignas(16) std::array<std::uint8_t, 240> encrypt{};
    alignas(16) std::array<std::uint8_t, 240> decrypt{};
    std::array<std::array<std::uint64_t, 16>, 3> des{};
    std::array<const void*, 3> des_stages{};
    alignas(16) std::array<std::uint8_t, 64> inner{};
    alignas(16) std::array<std::uint8_t, 64> outer{};
    alignas(16) std::array<std::uint32_t, 44> xcbc_k1{};
    alignas(16) std::array<std::uint8_t, 16> xcbc_k2{};
    alignas(16) std::array<std::uint8_t, 16> xcbc_k3{};
    alignas(16) std::array<std::array<std::uint8_t, 16>, 64> ivs{};
    std::array<std::array<std::uint8_t, 64>, 64> tags{};

    explicit State(const BaselineKeys& keys)
        : cipher(row_of(keys.cipher)), hash(row_of(keys.hash)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { free_mb_mgr(manager); }

    void expand_gcm(std::span<const std::uint8_t> key, std::size_t bytes);
    void expand_cipher(std::span<const std::uint8_t> key);
    void expand_hash(std::span<const std::uint8_t> key);
    void fill_cipher(const CryptoJob& job, std::size_t index, IMB_JOB& imb);
    void fill_hash(const CryptoJob& job, std::size_t index, IMB_JOB& imb) const;
};

void ImbJobBaseline::State::expand_gcm(std::span<const std::uint8_t> key, std::size_t bytes) {
    if (bytes == 16) {
        IMB_AES128_GCM_PRE(manager, key.data(), &gcm);
    } else if (bytes == 24) {
        IMB_AES192_GCM_PRE(manager, key.data(), &gcm);
    } else {
        IMB_AES256_GCM_PRE(manager, key.data(), &gcm);
    }
}

void ImbJobBaseline::State::expand_cipher(std::span<const std::uint8_t> key) {
    std::copy_n(key.begin(), std::min<std::size_t>(key.size(), raw.size()), raw.begin());
    const std::size_t bytes = cipher.bytes.block == 8 ? 8 : cipher.bytes.key;
    if (cipher.bytes.salt != 0) {
        std::copy_n(key.end() - 4, 4, salt.begin());
    }
    if (cipher.bytes.block == 8) {
        for (std::size_t stage = 0; stage < 3; ++stage) {
            const std::size_t at = cipher.cipher == Cipher::k3des ? 8 * stage : 0;
            IMB_DES_KEYSCHED(manager, des[stage].data(), key.data() + at);
            des_stages[stage] = des[stage].data();
        }
    } else if (cipher.aead && cipher.cipher != Cipher::kChaCha20Poly1305) {
        expand_gcm(key, bytes);
    } else if (bytes == 16) {
        IMB_AES_KEYEXP_128(manager, key.data(), encrypt.data(), decrypt.data());
    } else if (bytes == 24) {
        IMB_AES_KEYEXP_192(manager, key.data(), encrypt.data(), decrypt.data());
    } else if (bytes == 32) {
        IMB_AES_KEYEXP_256(manager, key.data(), encrypt.data(), decrypt.data());
    }
}

void ImbJobBaseline::State::expand_hash(std::span<const std::uint8_t> key) {
    if (hash.hash == Hash::kAesXcbc) {
        IMB_AES_XCBC_KEYEXP(manager, key.data(), xcbc_k1.data(), xcbc_k2.data(), xcbc_k3.data());
        return;
    }
    if (is_gmac(hash.hash)) {
        std::copy_n(key.end() - 4, 4, salt.begin());
        expand_gcm(key, hash.bytes.key);
        return;
    }
    const auto one_block = [this](const std::uint8_t* block, std::uint8_t* out) {
        switch (hash.hash) {
            case Hash::kMd5:
                return manager->md5_one_block(block, out);
            case Hash::kSha1:
                return manager->sha1_one_block(block, out);
            case Hash::kSha256:
                return manager->sha256_one_block(block, out);
            case Hash::kSha384:
                return manager->sha384_one_block(block, out);
            case Hash::kSha512:
                return manager->sha512_one_block(block, out);
            case Hash::kNone:
            case Hash::kAesXcbc:
            case Hash::kAesGmac128:
            case Hash::kAesGmac192:
            case Hash::kAesGmac256:
                return;
        }
    };
    for (const bool is_outer : {false, true}) {
        std::array<std::uint8_t, 128> block{};
        block.fill(is_outer ? 0x5C : 0x36);
        for (std::size_t i = 0; i < key.size(); ++i) {
            block[i] = static_cast<std::uint8_t>(block[i] ^ key[i]);
        }
        one_block(block.data(), is_outer ? outer.data() : inner.data());
    }
}

ImbJobBaseline::ImbJobBaseline(const BaselineKeys& keys) : state_(std::make_unique<State>(keys)) {
    init_mb_mgr_auto(state_->manager, nullptr);
    state_->expand_cipher(keys.cipher_key);
    if (keys.hash != Hash::kNone) {
        state_->expand_hash(keys.auth_key);
    }
}

ImbJobBaseline::~ImbJobBaseline() = default;

void ImbJobBaseline::State::fill_cipher(const CryptoJob& job, std::size_t index, IMB_JOB& imb) {
    const bool counter = cipher.bytes.block == 1;
    const bool ctr = counter && !cipher.aead;
    ivs[index] = Iv(job, cipher.bytes.iv, salt, counter).bytes;
    imb.iv = ivs[index].data();
    imb.iv_len_in_bytes = ctr ? 16 : counter ? 12 : cipher.bytes.block;
    imb.key_len_in_bytes = cipher.bytes.key;
    imb.msg_len_to_cipher_in_bytes = job.length;
    imb.enc_keys = encrypt.data();
    imb.dec_keys = ctr ? encrypt.data() : decrypt.data();
    imb.cipher_mode = counter ? IMB_CIPHER_CNTR : IMB_CIPHER_CBC;
    if (cipher.cipher == Cipher::kNone) {
        imb.cipher_mode = IMB_CIPHER_NULL;
    } else if (cipher.cipher == Cipher::kDes) {
        imb.cipher_mode = IMB_CIPHER_DES;
        imb.enc_keys = des[0].data();
        imb.dec_keys = des[0].data();
    } else if (cipher.cipher == Cipher::k3des) {
        imb.cipher_mode = IMB_CIPHER_DES3;
        imb.enc_keys = des_stages.data();
        imb.dec_keys = des_stages.data();
    } else if (cipher.cipher == Cipher::kChaCha20Poly1305) {
        imb.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        imb.enc_keys = raw.data();
        imb.dec_keys = raw.data();
    } else if (cipher.aead) {
        imb.cipher_mode = IMB_CIPHER_GCM;
        imb.enc_keys = &gcm;
        imb.dec_keys = &gcm;
    }
}

void ImbJobBaseline::State::fill_hash(const CryptoJob& job, std::size_t index, IMB_JOB& imb) const {
    imb.auth_tag_output = const_cast<std::uint8_t*>(tags[index].data());
    imb.auth_tag_output_len_in_bytes = cipher.aead ? cipher.bytes.icv : hash.bytes.icv;
    imb.msg_len_to_hash_in_bytes = job.auth_length;
    if (cipher.cipher == Cipher::kChaCha20Poly1305) {
        imb.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        imb.msg_len_to_hash_in_bytes = job.length;
        imb.u.CHACHA20_POLY1305.aad = job.aad;
        imb.u.CHACHA20_POLY1305.aad_len_in_bytes = job.aad_length;
        return;
    }
    if (cipher.aead) {
        imb.hash_alg = IMB_AUTH_AES_GMAC;
        imb.msg_len_to_hash_in_bytes = job.length;
        imb.u.GCM.aad = job.aad;
        imb.u.GCM.aad_len_in_bytes = job.aad_length;
        return;
    }
    imb.u.HMAC._hashed_auth_key_xor_ipad = inner.data();
    imb.u.HMAC._hashed_auth_key_xor_opad = outer.data();
    switch (hash.hash) {
        case Hash::kNone:
            imb.hash_alg = IMB_AUTH_NULL;
            break;
        case Hash::kMd5:
            imb.hash_alg = IMB_AUTH_MD5;
            break;
        case Hash::kSha1:
            imb.hash_alg = IMB_AUTH_HMAC_SHA_1;
            break;
        case Hash::kSha256:
            imb.hash_alg = IMB_AUTH_HMAC_SHA_256;
            break;
        case Hash::kSha384:
            imb.hash_alg = IMB_AUTH_HMAC_SHA_384;
            break;
        case Hash::kSha512:
            imb.hash_alg = IMB_AUTH_HMAC_SHA_512;
            break;
        case Hash::kAesXcbc:
            imb.hash_alg = IMB_AUTH_AES_XCBC;
            imb.u.XCBC._k1_expanded = xcbc_k1.data();
            imb.u.XCBC._k2 = xcbc_k2.data();
            imb.u.XCBC._k3 = xcbc_k3.data();
            break;
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256:
            imb.hash_alg = hash.bytes.key == 16   ? IMB_AUTH_AES_GMAC_128
                           : hash.bytes.key == 24 ? IMB_AUTH_AES_GMAC_192
                                                  : IMB_AUTH_AES_GMAC_256;
            imb.u.GMAC._key = &gcm;
            imb.u.GMAC._iv = ivs[index].data();
            imb.u.GMAC.iv_len_in_bytes = 12;
            break;
    }
}

void ImbJobBaseline::run(std::span<CryptoJob> jobs) {
    IMB_MGR* const manager = state_->manager;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const CryptoJob& job = jobs[i];
        IMB_JOB& imb = *IMB_GET_NEXT_JOB(manager);
        const bool protect = job.direction == Direction::kProtect;
        imb.cipher_direction = protect ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
        imb.chain_order = protect ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        const bool whole = job.auth != nullptr;
        imb.src = whole ? job.auth : job.src;
        imb.dst = job.dst;
        imb.cipher_start_src_offset_in_bytes =
            whole ? static_cast<std::uint64_t>(job.src - job.auth) : 0;
        imb.hash_start_src_offset_in_bytes = 0;
        if (is_gmac(state_->hash.hash)) {
            state_->ivs[i] = Iv(job, 8, state_->salt, true).bytes;
            imb.cipher_mode = IMB_CIPHER_NULL;
            imb.msg_len_to_cipher_in_bytes = 0;
        } else {
            state_->fill_cipher(job, i, imb);
        }
        state_->fill_hash(job, i, imb);
        IMB_SUBMIT_JOB_NOCHECK(manager);
    }
    while (IMB_FLUSH_JOB(manager) != nullptr) {
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::size_t icv =
            state_->cipher.aead ? state_->cipher.bytes.icv : state_->hash.bytes.icv;
        if (jobs[i].direction == Direction::kProtect) {
            std::memcpy(jobs[i].icv, state_->tags[i].data(), icv);
        }
    }
}

}  // namespace bench
