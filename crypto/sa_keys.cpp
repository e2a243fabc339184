#include "crypto/sa_keys.h"

#include "crypto/engine_choice.h"
#include "crypto/imb_engine.h"
#include "crypto/openssl_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;

enum class Shape : std::uint8_t { kNone, kDes, kAes, kGcm, kChaCha, kHmac, kXcbc };

Shape shape_of(const config::CipherRow& row) {
    if (row.cipher == Cipher::kNone) {
        return Shape::kNone;
    }
    if (row.cipher == Cipher::kChaCha20Poly1305) {
        return Shape::kChaCha;
    }
    if (row.bytes.block == 8) {
        return Shape::kDes;
    }
    return row.aead ? Shape::kGcm : Shape::kAes;
}

Shape shape_of(const config::HashRow& row) {
    if (row.hash == Hash::kNone) {
        return Shape::kNone;
    }
    if (row.hash == Hash::kAesXcbc) {
        return Shape::kXcbc;
    }
    return row.bytes.iv != 0 ? Shape::kGcm : Shape::kHmac;
}

std::size_t bytes_of(Shape shape) {
    switch (shape) {
        case Shape::kNone:
        case Shape::kChaCha:
            return 0;
        case Shape::kDes:
            return sizeof(DesKeys);
        case Shape::kAes:
            return sizeof(AesKeys);
        case Shape::kGcm:
            return sizeof(GcmKeys);
        case Shape::kHmac:
            return sizeof(HmacKeys);
        case Shape::kXcbc:
            return sizeof(XcbcKeys);
    }
    return 0;
}

config::Error wrong_length(std::string_view token,
                           std::size_t got,
                           std::size_t key,
                           std::size_t salt) {
    const std::string expected =
        salt == 0 ? fmt::format("{} bytes", key)
                  : fmt::format("{} bytes ({} of key, {} of salt)", key + salt, key, salt);
    return {config::ErrorCode::kBadMethods,
            fmt::format("The key of {} has {} bytes; it must have {}.", token, got, expected)};
}

}  // namespace

void WipeKeys::operator()(std::uint8_t* memory) const noexcept {
    explicit_bzero(memory, size);
    ::operator delete (memory, std::align_val_t{64});
}

void SaKeys::allocate(std::size_t cipher_part, std::size_t auth_part) {
    auth_offset_ = static_cast<std::uint16_t>(kCipherOffset + (cipher_part + 63) / 64 * 64);
    const std::size_t size = auth_offset_ + (auth_part + 63) / 64 * 64;
    auto* const memory = static_cast<std::uint8_t*>(::operator new (size, std::align_val_t{64}));
    std::memset(memory, 0, size);
    memory_ = {memory, WipeKeys{size}};
}

config::Result<SaKeys> SaKeys::expand(const KeySpec& spec, const EngineChoice& engines) {
    const config::CipherRow& cipher = row_of(spec.cipher);
    const config::HashRow& hash = row_of(spec.hash);
    if (spec.cipher_key.size() != std::size_t{cipher.bytes.key} + cipher.bytes.salt) {
        return wrong_length(
            cipher.token, spec.cipher_key.size(), cipher.bytes.key, cipher.bytes.salt);
    }
    if (spec.auth_key.size() != std::size_t{hash.bytes.key} + hash.bytes.salt) {
        return wrong_length(hash.token, spec.auth_key.size(), hash.bytes.key, hash.bytes.salt);
    }
    const bool gmac = shape_of(hash) == Shape::kGcm;
    // RFC 4543 2: GMAC in ESP is for a null cipher; an AEAD needs no second integrity.
    if ((cipher.aead && spec.hash != Hash::kNone) || (gmac && spec.cipher != Cipher::kNone)) {
        return config::Error{
            config::ErrorCode::kBadMethods,
            fmt::format("{} cannot be combined with {}.", cipher.token, hash.token)};
    }
    SaKeys keys;
    keys.cipher_ = spec.cipher;
    keys.hash_ = spec.hash;
    keys.aead_ = cipher.aead;
    keys.icv_bytes_ = cipher.aead ? cipher.bytes.icv : hash.bytes.icv;
    keys.iv_bytes_ = gmac ? hash.bytes.iv : cipher.bytes.iv;
    keys.block_bytes_ = cipher.bytes.block;
    if (gmac) {
        // GMAC keeps its keys where AES-GCM does; there is no cipher beside it.
        keys.engine_ = engines.of(spec.hash).long_packets;
        keys.allocate(sizeof(GcmKeys), 0);
    } else {
        keys.engine_ = cipher.aead ? engines.of(spec.cipher).encrypt : Engine::kNone;
        keys.allocate(bytes_of(shape_of(cipher)), bytes_of(shape_of(hash)));
    }
    keys.expand_cipher(cipher, spec.cipher_key);
    keys.expand_hash(hash, spec.auth_key);
    return keys;
}

void SaKeys::expand_cipher(const config::CipherRow& row, std::span<const std::uint8_t> key) {
    const Shape shape = shape_of(row);
    if (shape == Shape::kNone) {
        return;
    }
    if (shape == Shape::kDes) {
        auto& des = *new (memory_.get() + kCipherOffset) DesKeys{};
        expand_des_key(key.data(), row.bytes.key / 8U, des.lanes);
        openssl_expand_des(key.data(), row.bytes.key / 8U, des.openssl.data());
        return;
    }
    key_bytes_ = row.bytes.key;
    std::copy_n(key.begin(), row.bytes.key, memory_.get());
    std::copy_n(key.end() - row.bytes.salt, row.bytes.salt, salt_.begin());
    if (shape == Shape::kAes && ImbEngine::available(Engine::kImbSse)) {
        ImbEngine::expand_aes(key.first(row.bytes.key),
                              *new (memory_.get() + kCipherOffset) AesKeys{});
    } else if (shape == Shape::kGcm && is_imb(engine_)) {
        ImbEngine::expand_gcm(
            engine_, key.first(row.bytes.key), *new (memory_.get() + kCipherOffset) GcmKeys{});
    }
}

void SaKeys::expand_hash(const config::HashRow& row, std::span<const std::uint8_t> key) {
    switch (shape_of(row)) {
        case Shape::kHmac:
            openssl_expand_hmac(row.hash, key, *new (memory_.get() + auth_offset_) HmacKeys{});
            return;
        case Shape::kXcbc:
            openssl_expand_xcbc(key, *new (memory_.get() + auth_offset_) XcbcKeys{});
            if (ImbEngine::available(Engine::kImbSse)) {
                ImbEngine::expand_xcbc(key, part<XcbcKeys>(auth_offset_));
            }
            return;
        case Shape::kGcm:
            key_bytes_ = row.bytes.key;
            std::copy_n(key.begin(), row.bytes.key, memory_.get());
            std::copy_n(key.end() - row.bytes.salt, row.bytes.salt, salt_.begin());
            if (is_imb(engine_)) {
                ImbEngine::expand_gcm(engine_,
                                      key.first(row.bytes.key),
                                      *new (memory_.get() + kCipherOffset) GcmKeys{});
            }
            return;
        case Shape::kNone:
        case Shape::kDes:
        case Shape::kAes:
        case Shape::kChaCha:
            return;
    }
}

}  // namespace crypto
