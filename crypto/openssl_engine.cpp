// The low-level hash and DES functions are deprecated in favour of EVP, which allocates for each
// key.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/openssl_engine.h"

#include "config/bytes.h"

#include <openssl/aes.h>
#include <openssl/des.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace crypto {
namespace {

using config::be32;
using config::Cipher;
using config::Hash;

// The state is the first member of each context and the count of bits, low half, is named Nl.
struct Md5 {
    using Context = MD5_CTX;
    static constexpr std::size_t kBlock = 64;
    static constexpr std::size_t kState = 16;
    static constexpr std::size_t kDigest = 16;
    static constexpr auto kInit = MD5_Init;
    static constexpr auto kUpdate = MD5_Update;
    static constexpr auto kFinal = MD5_Final;
};

struct Sha1 {
    using Context = SHA_CTX;
    static constexpr std::size_t kBlock = 64;
    static constexpr std::size_t kState = 20;
    static constexpr std::size_t kDigest = 20;
    static constexpr auto kInit = SHA1_Init;
    static constexpr auto kUpdate = SHA1_Update;
    static constexpr auto kFinal = SHA1_Final;
};

struct Sha256 {
    using Context = SHA256_CTX;
    static constexpr std::size_t kBlock = 64;
    static constexpr std::size_t kState = 32;
    static constexpr std::size_t kDigest = 32;
    static constexpr auto kInit = SHA256_Init;
    static constexpr auto kUpdate = SHA256_Update;
    static constexpr auto kFinal = SHA256_Final;
};

struct Sha384 {
    using Context = SHA512_CTX;
    static constexpr std::size_t kBlock = 128;
    static constexpr std::size_t kState = 64;
    static constexpr std::size_t kDigest = 48;
    static constexpr auto kInit = SHA384_Init;
    static constexpr auto kUpdate = SHA384_Update;
    static constexpr auto kFinal = SHA384_Final;
};

struct Sha512 {
    using Context = SHA512_CTX;
    static constexpr std::size_t kBlock = 128;
    static constexpr std::size_t kState = 64;
    static constexpr std::size_t kDigest = 64;
    static constexpr auto kInit = SHA512_Init;
    static constexpr auto kUpdate = SHA512_Update;
    static constexpr auto kFinal = SHA512_Final;
};

template <typename H>
void expand_hmac(std::span<const std::uint8_t> key, HmacKeys& keys) {
    const auto state_after = [&key](std::uint8_t pad, std::uint8_t* state) {
        std::array<std::uint8_t, H::kBlock> block{};
        block.fill(pad);
        // Keys are as long as the digest, hence shorter than the block: RFC 2104's hashing of long
        // keys does not arise.
        for (std::size_t i = 0; i < key.size(); ++i) {
            block[i] = static_cast<std::uint8_t>(block[i] ^ key[i]);
        }
        typename H::Context context;
        H::kInit(&context);
        H::kUpdate(&context, block.data(), block.size());
        std::memcpy(state, &context, H::kState);
        explicit_bzero(&context, sizeof(context));
        explicit_bzero(block.data(), block.size());
    };
    state_after(0x36, keys.inner.data());
    state_after(0x5C, keys.outer.data());
}

template <typename H>
void start_from(typename H::Context& context, const std::uint8_t* state) {
    H::kInit(&context);
    std::memcpy(&context, state, H::kState);
    context.Nl = H::kBlock * 8;
}

template <typename H>
void hmac(const CryptoJob& job, Tag& tag) {
    const HmacKeys& keys = job.keys->hmac();
    typename H::Context context;
    start_from<H>(context, keys.inner.data());
    H::kUpdate(&context, job.auth, job.auth_length);
    if (job.esn_trailer) {
        const be32 high{job.esn_high};
        H::kUpdate(&context, &high, sizeof(high));
    }
    H::kFinal(tag.data(), &context);
    start_from<H>(context, keys.outer.data());
    H::kUpdate(&context, tag.data(), H::kDigest);
    H::kFinal(tag.data(), &context);
}

const char* evp_name(Cipher cipher) {
    const config::CipherRow& row = row_of(cipher);
    const bool counter = !row.aead && row.bytes.block == 1;
    if (cipher == Cipher::kNone || row.bytes.block == 8) {
        return nullptr;  // nothing to do; DES has its own function
    }
    if (cipher == Cipher::kChaCha20Poly1305) {
        return "ChaCha20-Poly1305";
    }
    switch (row.bytes.key) {
        case 16:
            return row.aead ? "AES-128-GCM" : counter ? "AES-128-CTR" : "AES-128-CBC";
        case 24:
            return row.aead ? "AES-192-GCM" : counter ? "AES-192-CTR" : "AES-192-CBC";
        default:
            return row.aead ? "AES-256-GCM" : counter ? "AES-256-CTR" : "AES-256-CBC";
    }
}

Cipher gcm_under(Hash hash) {
    return hash == Hash::kAesGmac128   ? Cipher::kAesGcm128
           : hash == Hash::kAesGmac192 ? Cipher::kAesGcm192
                                       : Cipher::kAesGcm256;
}

std::array<std::uint8_t, 12> nonce_of(const CryptoJob& job) {
    std::array<std::uint8_t, 12> nonce{};
    std::copy_n(job.keys->salt().begin(), 4, nonce.begin());
    std::copy_n(job.iv, 8, nonce.begin() + 4);
    return nonce;
}

// `out` null: additional data.
void update(EVP_CIPHER_CTX* context,
            std::uint8_t* out,
            const std::uint8_t* in,
            std::size_t length) {
    int written = 0;
    if (length != 0) {
        EVP_CipherUpdate(context, out, &written, in, static_cast<int>(length));
    }
}

}  // namespace

void openssl_expand_des(const std::uint8_t* key, unsigned stages, std::uint8_t* schedules) {
    static_assert(sizeof(DES_key_schedule) * 3 == sizeof(DesKeys::openssl));
    for (unsigned stage = 0; stage < stages; ++stage) {
        DES_cblock block;
        std::memcpy(block, key + std::size_t{8} * stage, sizeof(block));
        DES_key_schedule schedule;
        DES_set_key_unchecked(&block, &schedule);
        std::memcpy(schedules + sizeof(schedule) * stage, &schedule, sizeof(schedule));
        explicit_bzero(&schedule, sizeof(schedule));
        explicit_bzero(block, sizeof(block));
    }
}

void openssl_expand_hmac(Hash hash, std::span<const std::uint8_t> key, HmacKeys& keys) {
    switch (hash) {
        case Hash::kMd5:
            return expand_hmac<Md5>(key, keys);
        case Hash::kSha1:
            return expand_hmac<Sha1>(key, keys);
        case Hash::kSha256:
            return expand_hmac<Sha256>(key, keys);
        case Hash::kSha384:
            return expand_hmac<Sha384>(key, keys);
        case Hash::kSha512:
            return expand_hmac<Sha512>(key, keys);
        case Hash::kNone:
        case Hash::kAesXcbc:
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256:
            return;
    }
}

void openssl_expand_xcbc(std::span<const std::uint8_t> key, XcbcKeys& keys) {
    AES_KEY aes;
    AES_set_encrypt_key(key.data(), 128, &aes);
    // RFC 3566 4 (1).
    keys.k1.fill(1);
    keys.k2.fill(2);
    keys.k3.fill(3);
    for (std::uint8_t* const derived : {keys.k1.data(), keys.k2.data(), keys.k3.data()}) {
        AES_encrypt(derived, derived, &aes);
    }
    explicit_bzero(&aes, sizeof(aes));
}

void openssl_des_cbc(const DesKeys& keys,
                     unsigned stages,
                     Direction direction,
                     const std::uint8_t* src,
                     std::uint8_t* dst,
                     std::size_t length,
                     std::uint8_t* iv) {
    // OpenSSL's prototypes lack const; it does not write to schedules.
    std::array<DES_key_schedule, 3> schedules{};
    std::memcpy(schedules.data(), keys.openssl.data(), sizeof(DES_key_schedule) * stages);
    DES_cblock chain;
    std::memcpy(chain, iv, sizeof(chain));
    const int encrypt = direction == Direction::kProtect ? DES_ENCRYPT : DES_DECRYPT;
    if (stages == 1) {
        DES_ncbc_encrypt(src, dst, static_cast<long>(length), schedules.data(), &chain, encrypt);
    } else {
        DES_ede3_cbc_encrypt(src,
                             dst,
                             static_cast<long>(length),
                             schedules.data(),
                             &schedules[1],
                             &schedules[2],
                             &chain,
                             encrypt);
    }
    std::memcpy(iv, chain, sizeof(chain));
}

struct OpensslEngine::Contexts {
    std::array<EVP_CIPHER_CTX*, config::kCiphers.size()> ciphers{};
    EVP_CIPHER_CTX* xcbc = nullptr;

    Contexts() = default;
    Contexts(const Contexts&) = delete;
    Contexts& operator=(const Contexts&) = delete;
    ~Contexts() {
        for (EVP_CIPHER_CTX* const context : ciphers) {
            EVP_CIPHER_CTX_free(context);
        }
        EVP_CIPHER_CTX_free(xcbc);
    }
    [[nodiscard]] EVP_CIPHER_CTX* of(Cipher cipher) const {
        return ciphers[static_cast<std::size_t>(cipher)];
    }
};

namespace {

// The context stays bound to the algorithm; a packet brings key and IV.
EVP_CIPHER_CTX* new_context(const char* name) {
    EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    if (cipher == nullptr || context == nullptr
        || EVP_CipherInit_ex2(context, cipher, nullptr, nullptr, 1, nullptr) != 1) {
        EVP_CIPHER_CTX_free(context);
        context = nullptr;
    }
    EVP_CIPHER_free(cipher);
    return context;
}

}  // namespace

OpensslEngine::OpensslEngine() : contexts_(std::make_unique<Contexts>()) {}
OpensslEngine::~OpensslEngine() = default;

config::Result<std::unique_ptr<OpensslEngine>> OpensslEngine::create() {
    std::unique_ptr<OpensslEngine> engine(new OpensslEngine);
    for (const config::CipherRow& row : config::kCiphers) {
        const char* const name = evp_name(row.cipher);
        if (name == nullptr) {
            continue;
        }
        EVP_CIPHER_CTX*& context = engine->contexts_->ciphers[static_cast<std::size_t>(row.cipher)];
        context = new_context(name);
        if (context == nullptr) {
            return config::Error{config::ErrorCode::kSystem,
                                 fmt::format("OpenSSL does not provide {}.", name)};
        }
    }
    engine->contexts_->xcbc = new_context("AES-128-CBC");
    if (engine->contexts_->xcbc == nullptr) {
        return config::Error{config::ErrorCode::kSystem, "OpenSSL does not provide AES-128-CBC."};
    }
    return engine;
}

void OpensslEngine::cipher(std::span<CryptoJob* const> jobs) {
    for (CryptoJob* const job : jobs) {
        const SaKeys& keys = *job->keys;
        std::array<std::uint8_t, 16> iv{};
        if (keys.block_bytes() == 8) {
            std::copy_n(job->iv, 8, iv.begin());
            const unsigned stages = keys.cipher() == Cipher::k3des ? 3 : 1;
            openssl_des_cbc(
                keys.des(), stages, job->direction, job->src, job->dst, job->length, iv.data());
            continue;
        }
        if (keys.block_bytes() == 16) {
            std::copy_n(job->iv, 16, iv.begin());
        } else {
            // RFC 3686 4: nonce, IV, and a block counter that starts at one.
            const auto nonce = nonce_of(*job);
            std::copy(nonce.begin(), nonce.end(), iv.begin());
            iv[15] = 1;
        }
        EVP_CIPHER_CTX* const context = contexts_->of(keys.cipher());
        EVP_CipherInit_ex2(context,
                           nullptr,
                           keys.key(),
                           iv.data(),
                           job->direction == Direction::kProtect ? 1 : 0,
                           nullptr);
        EVP_CIPHER_CTX_set_padding(context, 0);
        update(context, job->dst, job->src, job->length);
    }
}

void OpensslEngine::aead(std::span<CryptoJob* const> jobs) {
    for (CryptoJob* const job : jobs) {
        const SaKeys& keys = *job->keys;
        const bool protect = job->direction == Direction::kProtect;
        EVP_CIPHER_CTX* const context = contexts_->of(keys.cipher());
        const auto nonce = nonce_of(*job);
        EVP_CipherInit_ex2(context, nullptr, keys.key(), nonce.data(), protect ? 1 : 0, nullptr);
        if (!protect) {
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, keys.icv_bytes(), job->icv);
        }
        update(context, nullptr, job->aad, job->aad_length);
        update(context, job->dst, job->src, job->length);
        std::array<std::uint8_t, 16> rest{};
        int written = 0;
        // Compares the ICV in constant time when decrypting.
        const bool ok = EVP_CipherFinal_ex(context, rest.data(), &written) == 1;
        if (protect) {
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, keys.icv_bytes(), job->icv);
        }
        job->status = ok ? JobStatus::kOk : JobStatus::kBadIcv;
    }
}

void OpensslEngine::hash(std::span<CryptoJob* const> jobs, std::span<Tag> tags) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const CryptoJob& job = *jobs[i];
        switch (job.keys->hash()) {
            case Hash::kNone:
                break;
            case Hash::kMd5:
                hmac<Md5>(job, tags[i]);
                break;
            case Hash::kSha1:
                hmac<Sha1>(job, tags[i]);
                break;
            case Hash::kSha256:
                hmac<Sha256>(job, tags[i]);
                break;
            case Hash::kSha384:
                hmac<Sha384>(job, tags[i]);
                break;
            case Hash::kSha512:
                hmac<Sha512>(job, tags[i]);
                break;
            case Hash::kAesXcbc:
                xcbc(job, tags[i]);
                break;
            case Hash::kAesGmac128:
            case Hash::kAesGmac192:
            case Hash::kAesGmac256:
                gmac(job, tags[i]);
                break;
        }
    }
}

// RFC 3566 4: CBC-MAC under K1, whose last block is first XORed with K2, or if it is not full
// padded with a one bit and zeros and XORed with K3.
void OpensslEngine::xcbc(const CryptoJob& job, Tag& tag) {
    const XcbcKeys& keys = job.keys->xcbc();
    EVP_CIPHER_CTX* const context = contexts_->xcbc;
    const std::array<std::uint8_t, 16> zero{};
    EVP_CipherInit_ex2(context, nullptr, keys.k1.data(), zero.data(), 1, nullptr);
    EVP_CIPHER_CTX_set_padding(context, 0);
    const std::size_t trailer = job.esn_trailer ? sizeof(be32) : 0;
    const std::size_t total = job.auth_length + trailer;
    // What follows the last whole block that is certainly not the final one: at most 16 + 4 bytes.
    const std::size_t early = total == 0 ? 0 : (total - 1) / 16 * 16;
    const std::size_t direct = std::min(early, std::size_t{job.auth_length} / 16 * 16);
    std::array<std::uint8_t, 256> scratch{};
    for (std::size_t done = 0; done < direct;) {
        const std::size_t step = std::min(direct - done, scratch.size());
        update(context, scratch.data(), job.auth + done, step);
        done += step;
    }
    std::array<std::uint8_t, 32> last{};
    std::size_t used = job.auth_length - direct;
    std::copy_n(job.auth + direct, used, last.begin());
    if (job.esn_trailer) {
        const be32 high{job.esn_high};
        std::memcpy(last.data() + used, &high, sizeof(high));
        used += sizeof(high);
    }
    std::uint8_t* block = last.data();
    if (used > 16) {
        update(context, scratch.data(), block, 16);
        block += 16;
        used -= 16;
    }
    const bool full = used == 16;
    if (!full) {
        block[used] = 0x80;
    }
    for (std::size_t i = 0; i < 16; ++i) {
        block[i] = static_cast<std::uint8_t>(block[i] ^ (full ? keys.k2[i] : keys.k3[i]));
    }
    update(context, tag.data(), block, 16);
}

// RFC 4543: GCM without plaintext.
void OpensslEngine::gmac(const CryptoJob& job, Tag& tag) {
    EVP_CIPHER_CTX* const context = contexts_->of(gcm_under(job.keys->hash()));
    const auto nonce = nonce_of(job);
    EVP_CipherInit_ex2(context, nullptr, job.keys->key(), nonce.data(), 1, nullptr);
    update(context, nullptr, job.aad, job.aad_length);
    update(context, nullptr, job.auth, job.auth_length);
    if (job.esn_trailer) {
        const be32 high{job.esn_high};
        std::array<std::uint8_t, sizeof(high)> bytes{};
        std::memcpy(bytes.data(), &high, sizeof(high));
        update(context, nullptr, bytes.data(), bytes.size());
    }
    int written = 0;
    EVP_CipherFinal_ex(context, tag.data(), &written);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
}

}  // namespace crypto
