#include "tests/support/crypto_oracle.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace crypto::testing {
namespace {

using config::Cipher;
using config::Hash;

// A cipher as OpenSSL knows it, with its key and its whole nonce.
struct Evp {
    std::string name;
    Bytes key;
    Bytes iv;
};

// `tag` is set for AEADs, by encryption only.
Bytes run(const Evp& evp, bool encrypt, const Bytes& aad, const Bytes& in, Bytes* tag) {
    EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, evp.name.c_str(), nullptr);
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    Bytes out(in.size() + 16);
    int written = 0;
    bool ok = cipher != nullptr
              && EVP_CipherInit_ex(
                     context, cipher, nullptr, evp.key.data(), evp.iv.data(), encrypt ? 1 : 0)
                     == 1
              && EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    if (!aad.empty()) {
        ok = ok
             && EVP_CipherUpdate(
                    context, nullptr, &written, aad.data(), static_cast<int>(aad.size()))
                    == 1;
    }
    int length = 0;
    if (!in.empty()) {
        ok = ok
             && EVP_CipherUpdate(
                    context, out.data(), &length, in.data(), static_cast<int>(in.size()))
                    == 1;
    }
    ok = ok && EVP_CipherFinal_ex(context, out.data() + length, &written) == 1;
    if (tag != nullptr) {
        tag->resize(16);
        ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag->data()) == 1;
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    if (!ok) {
        throw std::runtime_error(fmt::format("OpenSSL cannot do {}", evp.name));
    }
    out.resize(static_cast<std::size_t>(length + written));
    return out;
}

Bytes hmac(const char* name, const Bytes& key, const Bytes& data) {
    Bytes out(64);
    unsigned length = 0;
    HMAC(EVP_get_digestbyname(name),
         key.data(),
         static_cast<int>(key.size()),
         data.data(),
         data.size(),
         out.data(),
         &length);
    out.resize(length);
    return out;
}

Bytes aes_block(const Bytes& key, const Bytes& block) {
    return run({"AES-128-ECB", key, {}}, true, {}, block, nullptr);
}

// RFC 3566 4, read literally.
Bytes xcbc(const Bytes& key, const Bytes& data) {
    const Bytes k1 = aes_block(key, Bytes(16, 1));
    const Bytes k2 = aes_block(key, Bytes(16, 2));
    const Bytes k3 = aes_block(key, Bytes(16, 3));
    Bytes padded = data;
    const bool full = !data.empty() && data.size() % 16 == 0;
    if (!full) {
        padded.push_back(0x80);
        padded.resize((padded.size() + 15) / 16 * 16);
    }
    Bytes e(16);
    for (std::size_t at = 0; at < padded.size(); at += 16) {
        const bool last = at + 16 == padded.size();
        for (std::size_t i = 0; i < 16; ++i) {
            const int extra = !last ? 0 : full ? k2[i] : k3[i];
            e[i] = static_cast<std::uint8_t>(e[i] ^ padded[at + i] ^ extra);
        }
        e = aes_block(k1, e);
    }
    return e;
}

std::string aes_name(std::size_t key, std::string_view mode) {
    return fmt::format("AES-{}-{}", key * 8, mode);
}

Bytes joined(const Bytes& a, const Bytes& b) {
    Bytes both = a;
    both.insert(both.end(), b.begin(), b.end());
    return both;
}

Bytes big_endian(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value >> 24),
            static_cast<std::uint8_t>(value >> 16),
            static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value)};
}

Evp evp_of(Cipher cipher, const Bytes& key_and_salt, const Bytes& iv) {
    const config::CipherRow& row = row_of(cipher);
    const auto split = key_and_salt.begin() + row.bytes.key;
    const Bytes key(key_and_salt.begin(), split);
    const Bytes salt(split, key_and_salt.end());
    if (cipher == Cipher::kDes) {
        // EDE with one key is DES; DES itself is in OpenSSL's legacy provider.
        return {"DES-EDE3-CBC", joined(joined(key, key), key), iv};
    }
    if (cipher == Cipher::k3des) {
        return {"DES-EDE3-CBC", key, iv};
    }
    if (cipher == Cipher::kChaCha20Poly1305) {
        return {"ChaCha20-Poly1305", key, joined(salt, iv)};
    }
    if (row.aead) {
        return {aes_name(key.size(), "GCM"), key, joined(salt, iv)};
    }
    if (row.bytes.block == 16) {
        return {aes_name(key.size(), "CBC"), key, iv};
    }
    return {aes_name(key.size(), "CTR"), key, joined(joined(salt, iv), big_endian(1))};
}

}  // namespace

Bytes encrypt(Cipher cipher,
              const Bytes& key_and_salt,
              const Bytes& iv,
              const Bytes& aad,
              const Bytes& plain,
              Bytes* tag) {
    if (cipher == Cipher::kNone) {
        return plain;
    }
    return run(
        evp_of(cipher, key_and_salt, iv), true, row_of(cipher).aead ? aad : Bytes{}, plain, tag);
}

Bytes decrypt(Cipher cipher, const Bytes& key_and_salt, const Bytes& iv, const Bytes& text) {
    if (cipher == Cipher::kNone) {
        return text;
    }
    // A stream cipher's key stream is the same both ways.
    const bool cbc = row_of(cipher).bytes.block > 1;
    return run(evp_of(cipher, key_and_salt, iv), !cbc, {}, text, nullptr);
}

Bytes mac(Hash hash, const Bytes& key_and_salt, const Bytes& iv, const Bytes& data) {
    const config::HashRow& row = row_of(hash);
    const auto split = key_and_salt.begin() + row.bytes.key;
    const Bytes key(key_and_salt.begin(), split);
    const Bytes salt(split, key_and_salt.end());
    switch (hash) {
        case Hash::kNone:
            return {};
        case Hash::kMd5:
            return hmac("MD5", key, data);
        case Hash::kSha1:
            return hmac("SHA1", key, data);
        case Hash::kSha256:
            return hmac("SHA256", key, data);
        case Hash::kSha384:
            return hmac("SHA384", key, data);
        case Hash::kSha512:
            return hmac("SHA512", key, data);
        case Hash::kAesXcbc:
            return xcbc(key, data);
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256: {
            Bytes tag;
            run({aes_name(key.size(), "GCM"), key, joined(salt, iv)}, true, data, {}, &tag);
            return tag;
        }
    }
    return {};
}

Bytes from_hex(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(
            static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return bytes;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string hex;
    for (const std::uint8_t byte : bytes) {
        hex += fmt::format("{:02x}", byte);
    }
    return hex;
}

Bytes random_bytes(std::mt19937_64& random, std::size_t count) {
    Bytes bytes(count);
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
    }
    return bytes;
}

std::string Suite::name() const {
    return fmt::format("{},{}", row_of(cipher).token, row_of(hash).token);
}

std::vector<Suite> all_suites() {
    std::vector<Suite> suites;
    for (const config::CipherRow& cipher : config::kCiphers) {
        for (const config::HashRow& hash : config::kHashes) {
            const bool none = cipher.cipher == Cipher::kNone && hash.hash == Hash::kNone;
            const bool gmac = hash.bytes.iv != 0;
            if (!none && !(cipher.aead && hash.hash != Hash::kNone)
                && !(gmac && cipher.cipher != Cipher::kNone)) {
                suites.push_back({cipher.cipher, hash.hash});
            }
        }
    }
    return suites;
}

Keys Keys::random(const Suite& suite, std::mt19937_64& random) {
    const config::CipherSizes& cipher = row_of(suite.cipher).bytes;
    const config::HashSizes& hash = row_of(suite.hash).bytes;
    return {random_bytes(random, std::size_t{cipher.key} + cipher.salt),
            random_bytes(random, std::size_t{hash.key} + hash.salt)};
}

SaKeys Keys::expand(const Suite& suite, const EngineChoice& choice) const {
    auto keys = SaKeys::expand({suite.cipher, suite.hash, cipher, auth}, choice);
    if (!keys) {
        throw std::runtime_error(keys.error().text);
    }
    return std::move(keys).value();
}

TestPacket::TestPacket(const Suite& suite, std::size_t payload, std::mt19937_64& random)
    : cipher_(suite.cipher),
      hash_(suite.hash),
      iv_bytes_(std::max(row_of(suite.cipher).bytes.iv, row_of(suite.hash).bytes.iv)),
      payload_bytes_((payload + row_of(suite.cipher).bytes.block - 1)
                     / row_of(suite.cipher).bytes.block * row_of(suite.cipher).bytes.block),
      icv_bytes_(std::max(row_of(suite.cipher).bytes.icv, row_of(suite.hash).bytes.icv)),
      bytes_(random_bytes(random, icv_at() + icv_bytes_ + 4)) {
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(icv_at()), icv_bytes_ + 4, 0);
    aad_ = aad();
}

void TestPacket::use_esn(std::uint32_t high) {
    esn_ = true;
    esn_high_ = high;
    aad_ = aad();
}

// RFC 4106 5: SPI, then the sequence number of 32 or 64 bits.
Bytes TestPacket::aad() const {
    Bytes aad(bytes_.begin(), bytes_.begin() + kHeader);
    if (esn_) {
        const Bytes high = big_endian(esn_high_);
        aad.insert(aad.begin() + 4, high.begin(), high.end());
    }
    return aad;
}

CryptoJob TestPacket::job(const SaKeys& keys, Direction direction) {
    CryptoJob job;
    job.keys = &keys;
    job.direction = direction;
    job.src = bytes_.data() + payload_at();
    job.dst = bytes_.data() + payload_at();
    job.length = static_cast<std::uint32_t>(payload_bytes_);
    job.iv = bytes_.data() + kHeader;
    job.icv = bytes_.data() + icv_at();
    if (keys.aead()) {
        job.aad = aad_.data();
        job.aad_length = static_cast<std::uint8_t>(aad_.size());
    } else {
        job.auth = bytes_.data();
        job.auth_length = static_cast<std::uint32_t>(icv_at());
        job.esn_trailer = esn_;
        job.esn_high = esn_high_;
    }
    return job;
}

CryptoJob TestPacket::job_into(const SaKeys& keys, Direction direction, Bytes& payload) {
    payload.assign(payload_bytes_, 0xEE);
    CryptoJob job = this->job(keys, direction);
    job.dst = payload.data();
    return job;
}

void TestPacket::protect_by_oracle(const Keys& keys) {
    const Bytes iv(bytes_.begin() + kHeader,
                   bytes_.begin() + kHeader + static_cast<std::ptrdiff_t>(iv_bytes_));
    Bytes tag;
    const bool aead = row_of(cipher_).aead;
    const Bytes out = encrypt(cipher_, keys.cipher, iv, aad(), payload(), aead ? &tag : nullptr);
    std::copy(out.begin(), out.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(payload_at()));
    if (hash_ != Hash::kNone) {
        Bytes covered(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(icv_at()));
        if (esn_) {
            covered = joined(covered, big_endian(esn_high_));
        }
        tag = mac(hash_, keys.auth, iv, covered);
    }
    std::copy_n(tag.begin(), icv_bytes_, bytes_.begin() + static_cast<std::ptrdiff_t>(icv_at()));
}

Bytes TestPacket::payload() const {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(payload_at());
    return {begin, begin + static_cast<std::ptrdiff_t>(payload_bytes_)};
}

void TestPacket::corrupt_icv(std::size_t bit) {
    std::uint8_t& byte = bytes_[icv_at() + bit / 8 % icv_bytes_];
    byte = static_cast<std::uint8_t>(byte ^ (1U << (bit % 8)));
}

void TestPacket::corrupt_payload(std::size_t bit) {
    std::uint8_t& byte = bytes_[payload_at() + bit / 8 % payload_bytes_];
    byte = static_cast<std::uint8_t>(byte ^ (1U << (bit % 8)));
}

const std::vector<NamedChoice>& all_choices() {
    static const std::vector<NamedChoice> choices = [] {
        std::vector<NamedChoice> found;
        for (const EngineRow& row : kEngines) {
            if (row.engine != Engine::kNone && engine_available(row.engine)) {
                found.push_back(
                    {std::string(row.name), EngineChoice::only(row.engine), row.engine});
            }
        }
        const CpuFeatures cpu = CpuFeatures::detect();
        for (const DesLanes* const lanes : all_des_lanes()) {
            if (lanes->available(cpu)) {
                found.push_back(
                    {std::string(lanes->name), EngineChoice::only(*lanes), Engine::kLanes});
            }
        }
        found.push_back({"best", EngineChoice::best(), Engine::kNone});
        return found;
    }();
    return choices;
}

bool exercises(const NamedChoice& choice, const Suite& suite) {
    return choice.engine == Engine::kNone
           || (suite.cipher != Cipher::kNone && engine_claims(choice.engine, suite.cipher))
           || (suite.hash != Hash::kNone && engine_claims(choice.engine, suite.hash));
}

}  // namespace crypto::testing
