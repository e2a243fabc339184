// RSA signatures: see rsa_signature.h.
#include "control/rsa_signature.h"

#include "control/x509.h"
#include "crypto/constant_time.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <fmt/format.h>

#include <memory>

namespace control {

namespace {

using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

constexpr std::size_t kPaddingBytes = 11;  // RFC 8017 9.2: 00 01, eight of FF, 00
constexpr int kMostExponentBits = 64;

BignumPtr parameter(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return BignumPtr(number);
}

ike::Bytes padded(ike::ByteView hash, std::size_t size) {
    ike::Bytes block(size, 0xFF);
    block[0] = 0;
    block[1] = 1;
    block[size - hash.size() - 1] = 0;
    std::copy(hash.begin(), hash.end(), block.end() - static_cast<std::ptrdiff_t>(hash.size()));
    return block;
}

}  // namespace

std::optional<std::string> key_fault(const EVP_PKEY* key) {
    if (key == nullptr) {
        return "its public key cannot be read; expected an RSA key";
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        const char* name = EVP_PKEY_get0_type_name(key);
        return fmt::format(
            "its key is of the type {}; expected RSA, the one signature that is "
            "negotiated here",
            name == nullptr ? "(unknown)" : name);
    }
    const BignumPtr modulus = parameter(key, OSSL_PKEY_PARAM_RSA_N);
    const BignumPtr exponent = parameter(key, OSSL_PKEY_PARAM_RSA_E);
    if (modulus == nullptr || exponent == nullptr) {
        return "its public key cannot be read; expected an RSA key";
    }
    const int bits = BN_num_bits(modulus.get());
    if (bits < kLeastRsaBits || bits > kMostRsaBits) {
        return fmt::format(
            "its RSA key has {} bits; expected {} to {}", bits, kLeastRsaBits, kMostRsaBits);
    }
    // With an exponent of 1 every block signs itself; even ones and moduli are no RSA keys.
    if (BN_is_odd(modulus.get()) == 0 || BN_is_odd(exponent.get()) == 0
        || BN_is_one(exponent.get()) != 0 || BN_is_negative(exponent.get()) != 0
        || BN_num_bits(exponent.get()) > kMostExponentBits) {
        return "its RSA key is not valid: expected an odd modulus and an odd exponent from 3 to "
               "2^64";
    }
    return std::nullopt;
}

config::Result<ike::Bytes> rsa_sign(EVP_PKEY* key, ike::ByteView hash) {
    const KeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
    std::size_t size = 0;
    // RFC 2409 5.1: PKCS#1 block type 1 over the hash; without a digest set there is no DigestInfo.
    if (context == nullptr || EVP_PKEY_sign_init(context.get()) != 1
        || EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1
        || EVP_PKEY_sign(context.get(), nullptr, &size, hash.data(), hash.size()) != 1) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("The signature failed: {}.", openssl_error())};
    }
    ike::Bytes signature(size);
    if (EVP_PKEY_sign(context.get(), signature.data(), &size, hash.data(), hash.size()) != 1) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("The signature failed: {}.", openssl_error())};
    }
    signature.resize(size);
    return signature;
}

bool rsa_verify(EVP_PKEY* key, ike::ByteView hash, ike::ByteView signature) {
    if (key_fault(key)) {
        return false;
    }
    const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key));
    // RFC 8017 8.2.2 step 1: a signature is as long as the modulus.
    if (signature.size() != size || hash.size() + kPaddingBytes > size) {
        return false;
    }
    const KeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
    ike::Bytes block(size);
    std::size_t recovered = block.size();
    const bool computed =
        context != nullptr && EVP_PKEY_verify_recover_init(context.get()) == 1
        && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1
        && EVP_PKEY_verify_recover(
               context.get(), block.data(), &recovered, signature.data(), signature.size())
               == 1
        && recovered == size;
    ERR_clear_error();
    // The whole block: forgeries live in padding that is skipped or lengths that are believed.
    return computed && crypto::equal_ct(block.data(), padded(hash, size).data(), size);
}

}  // namespace control
