#include "crypto/ike_crypto.h"

#include "crypto/openssl_engine.h"
#include "crypto/openssl_handle.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;

using MacContext = OpensslHandle<EVP_MAC_CTX, EVP_MAC_CTX_free>;

// What can only fail for want of memory or of random numbers, or where OpenSSL's configuration
// switches an algorithm off. Going on without its result would go on without keys.
void require(bool done, const char* what) {
    if (!done) {
        throw std::runtime_error(std::string("OpenSSL could not compute ") + what + ".");
    }
}

const EVP_MD* digest_of(Hash hash) {
    switch (hash) {
        case Hash::kMd5:
            return EVP_md5();
        case Hash::kSha1:
            return EVP_sha1();
        case Hash::kSha256:
            return EVP_sha256();
        case Hash::kSha384:
            return EVP_sha384();
        case Hash::kSha512:
            return EVP_sha512();
        case Hash::kNone:
        case Hash::kAesXcbc:
        case Hash::kAesGmac128:
        case Hash::kAesGmac192:
        case Hash::kAesGmac256:
            break;
    }
    throw std::logic_error("IKE computes nothing with this hash.");
}

MacContext new_hmac(Hash hash) {
    const OpensslHandle<EVP_MAC, EVP_MAC_free> mac(
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
    require(mac != nullptr, "an HMAC");
    MacContext context(EVP_MAC_CTX_new(mac.get()));
    require(context != nullptr, "an HMAC");
    std::string name = EVP_MD_get0_name(digest_of(hash));
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
        OSSL_PARAM_construct_end()};
    require(EVP_MAC_CTX_set_params(context.get(), parameters.data()) == 1, "an HMAC");
    return context;
}

// Bound to the digest, without a key: copying one costs less than asking the providers.
const EVP_MAC_CTX* hmac_prototype(Hash hash) {
    static const std::array<MacContext, config::kHashes.size()> kPrototypes = [] {
        std::array<MacContext, config::kHashes.size()> all;
        for (const config::HashRow& row : config::kHashes) {
            if (row.main_mode) {
                all[static_cast<std::size_t>(row.hash)] = new_hmac(row.hash);
            }
        }
        return all;
    }();
    const EVP_MAC_CTX* const prototype = kPrototypes[static_cast<std::size_t>(hash)].get();
    require(prototype != nullptr, "an HMAC with a hash that main mode does not know");
    return prototype;
}

const EVP_CIPHER* aes_cbc(Cipher cipher) {
    return cipher == Cipher::kAes128   ? EVP_aes_128_cbc()
           : cipher == Cipher::kAes192 ? EVP_aes_192_cbc()
                                       : EVP_aes_256_cbc();
}

// EVP's single DES is in OpenSSL's legacy provider; this needs none.
void des_cbc(
    unsigned stages, ByteView key, ByteView iv, std::span<std::uint8_t> data, Direction direction) {
    DesKeys keys{};
    openssl_expand_des(key.data(), stages, keys.openssl.data());
    std::array<std::uint8_t, 8> chain{};
    std::copy_n(iv.begin(), chain.size(), chain.begin());
    openssl_des_cbc(keys, stages, direction, data.data(), data.data(), data.size(), chain.data());
    explicit_bzero(&keys, sizeof(keys));
}

void cbc(
    Cipher cipher, ByteView key, ByteView iv, std::span<std::uint8_t> data, Direction direction) {
    const config::CipherRow& row = row_of(cipher);
    // Not an assertion: OpenSSL's DES would write beyond the end of a half block, and how long a
    // message is says the peer.
    if (!row.main_mode || key.size() != row.bytes.key || iv.size() != row.bytes.block
        || data.size() % row.bytes.block != 0) {
        throw std::logic_error("A cipher of IKE is given lengths that are not its own.");
    }
    if (data.empty()) {
        return;
    }
    if (row.bytes.block == 8) {
        return des_cbc(cipher == Cipher::k3des ? 3 : 1, key, iv, data, direction);
    }
    const OpensslHandle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context(EVP_CIPHER_CTX_new());
    require(context != nullptr, "a cipher");
    const int encrypt = direction == Direction::kProtect ? 1 : 0;
    int written = 0;
    require(
        EVP_CipherInit_ex2(context.get(), aes_cbc(cipher), key.data(), iv.data(), encrypt, nullptr)
                == 1
            && EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1
            && EVP_CipherUpdate(
                   context.get(), data.data(), &written, data.data(), static_cast<int>(data.size()))
                   == 1
            && static_cast<std::size_t>(written) == data.size(),
        "a cipher");
}

}  // namespace

std::vector<std::uint8_t> hash(Hash hash, std::initializer_list<ByteView> parts) {
    const OpensslHandle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    require(context != nullptr && EVP_DigestInit_ex2(context.get(), digest_of(hash), nullptr) == 1,
            "a hash");
    for (const ByteView part : parts) {
        require(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1, "a hash");
    }
    std::vector<std::uint8_t> digest(row_of(hash).bytes.digest);
    require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1, "a hash");
    return digest;
}

config::SecretBytes hmac(Hash hash, ByteView key, std::initializer_list<ByteView> parts) {
    const MacContext context(EVP_MAC_CTX_dup(hmac_prototype(hash)));
    // A null key would mean "the one you have".
    static constexpr std::uint8_t kEmpty = 0;
    require(
        context != nullptr
            && EVP_MAC_init(context.get(), key.empty() ? &kEmpty : key.data(), key.size(), nullptr)
                   == 1,
        "an HMAC");
    for (const ByteView part : parts) {
        require(EVP_MAC_update(context.get(), part.data(), part.size()) == 1, "an HMAC");
    }
    std::vector<std::uint8_t> tag(row_of(hash).bytes.digest);
    std::size_t written = 0;
    require(EVP_MAC_final(context.get(), tag.data(), &written, tag.size()) == 1
                && written == tag.size(),
            "an HMAC");
    return config::SecretBytes(std::move(tag));
}

void cbc_encrypt(Cipher cipher, ByteView key, ByteView iv, std::span<std::uint8_t> data) {
    cbc(cipher, key, iv, data, Direction::kProtect);
}

void cbc_decrypt(Cipher cipher, ByteView key, ByteView iv, std::span<std::uint8_t> data) {
    cbc(cipher, key, iv, data, Direction::kVerify);
}

void random_bytes(std::span<std::uint8_t> bytes) {
    require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "random bytes");
}

}  // namespace crypto
