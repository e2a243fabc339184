// The algorithm table: one row for each cipher, hash and Diffie-Hellman group that a method can
// name. Parsers, listings and documentation come from the rows.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace config {

// Appended to, never reordered. An AES-GCM with a shortened ICV is a row of its own, because IKE
// gives it a transform of its own.
enum class Cipher : std::uint8_t {
    kNone,  // ESP without confidentiality (RFC 2410)
    kDes,
    k3des,
    kAes128,
    kAes192,
    kAes256,
    kAesGcm128,
    kAesGcm256,
    kAesGcm192,
    kAesGcm128Icv12,
    kAesGcm192Icv12,
    kAesGcm256Icv12,
    kAesGcm128Icv8,
    kAesGcm192Icv8,
    kAesGcm256Icv8,
    kAesCtr128,
    kAesCtr192,
    kAesCtr256,
    kChaCha20Poly1305,
};

// The GMACs protect ESP without confidentiality (ESP[None,AESGMAC128]) or AH.
enum class Hash : std::uint8_t {
    kNone,
    kMd5,
    kSha1,
    kSha256,
    kSha384,
    kSha512,
    kAesXcbc,
    kAesGmac128,
    kAesGmac192,
    kAesGmac256,
};

// Numbers by which IKEv1 names an algorithm; 0: it has none there.
struct CipherIds {
    std::uint16_t main_mode;   // RFC 2409 Appendix A, encryption algorithm
    std::uint16_t esp;         // RFC 2407 4.4.4 and successors, ESP transform
    std::uint16_t key_length;  // value of the key length attribute in bits; 0: not sent
};

struct HashIds {
    std::uint16_t main_mode;       // RFC 2409 Appendix A, hash algorithm
    std::uint16_t authentication;  // RFC 2407 4.5, authentication algorithm attribute of ESP and AH
    std::uint16_t ah;              // RFC 2407 4.4.3, AH transform
    std::uint16_t esp;             // ESP transform, where it replaces the attribute
    std::uint16_t key_length;      // value of the key length attribute in bits; 0: not sent
};

// In bytes.
struct CipherSizes {
    std::uint8_t key;
    std::uint8_t salt;   // follows the key in the keying material; first part of the nonce
    std::uint8_t iv;     // in each packet
    std::uint8_t block;  // what the ciphertext must be a multiple of, apart from ESP's own four
    std::uint8_t icv;    // of an AEAD; else the hash provides it
};

struct HashSizes {
    std::uint8_t key;
    std::uint8_t salt;
    std::uint8_t iv;      // in each packet
    std::uint8_t block;   // of the underlying function
    std::uint8_t digest;  // before truncation
    std::uint8_t icv;
};

struct CipherRow {
    Cipher cipher;
    std::string_view token;  // as netsh writes it
    bool main_mode;          // may stand in mmsecmethods
    bool quick_mode;         // may stand in ESP[...]
    bool aead;               // carries its own integrity: ESP[AESGCM128,None] is complete
    bool weak;
    std::string_view rfc;
    CipherIds ids;
    CipherSizes bytes;
};

struct HashRow {
    Hash hash;
    std::string_view token;
    bool main_mode;
    bool quick_mode;
    bool weak;
    std::string_view rfc;
    HashIds ids;
    HashSizes bytes;
};

struct DhGroupRow {
    std::uint16_t ike_group;    // RFC 2409 / IANA number
    std::uint16_t netsh_group;  // as written in a-b-n: 1, 2, 3 (= IKE 14), else the IKE number
    std::uint16_t bits;
    bool weak;
    std::string_view rfc;
};

// The families whose rows differ in little more than the key. `key` and `icv` in bytes.
namespace rows {

constexpr std::uint16_t bits_of(std::uint8_t bytes) {
    return static_cast<std::uint16_t>(bytes * 8);
}

constexpr CipherRow aes_cbc(Cipher cipher, std::string_view token, std::uint8_t key) {
    const std::uint16_t bits = bits_of(key);
    return {
        cipher, token, true, true, false, false, "RFC 3602", {7, 12, bits}, {key, 0, 16, 16, 0}};
}

constexpr CipherRow aes_ctr(Cipher cipher, std::string_view token, std::uint8_t key) {
    const std::uint16_t bits = bits_of(key);
    return {cipher, token, false, true, false, false, "RFC 3686", {0, 13, bits}, {key, 4, 8, 1, 0}};
}

constexpr CipherRow aes_gcm(Cipher cipher,
                            std::string_view token,
                            std::uint8_t key,
                            std::uint8_t icv) {
    const std::uint16_t bits = bits_of(key);
    const std::uint16_t esp = icv == 16 ? 20 : icv == 12 ? 19 : 18;
    return {
        cipher, token, false, true, true, false, "RFC 4106", {0, esp, bits}, {key, 4, 8, 1, icv}};
}

constexpr HashRow hmac(Hash hash,
                       std::string_view token,
                       std::string_view rfc,
                       HashIds ids,
                       std::uint8_t digest,
                       std::uint8_t icv) {
    const std::uint8_t block = digest > 32 ? 128 : 64;
    return {hash, token, true, true, false, rfc, ids, {digest, 0, 0, block, digest, icv}};
}

constexpr HashRow aes_gmac(Hash hash, std::string_view token, std::uint16_t id, std::uint8_t key) {
    const std::uint16_t bits = bits_of(key);
    return {hash,
            token,
            false,
            true,
            false,
            "RFC 4543",
            {0, id, id, 23, bits},
            {key, 4, 8, 16, 16, 16}};
}

}  // namespace rows

inline constexpr auto kCiphers = std::to_array<CipherRow>({
    {Cipher::kNone, "None", false, true, false, false, "RFC 2410", {0, 11, 0}, {0, 0, 0, 1, 0}},
    {Cipher::kDes, "DES", true, true, false, true, "RFC 2405", {1, 2, 0}, {8, 0, 8, 8, 0}},
    {Cipher::k3des, "3DES", true, true, false, false, "RFC 2451", {5, 3, 0}, {24, 0, 8, 8, 0}},
    rows::aes_cbc(Cipher::kAes128, "AES128", 16),
    rows::aes_cbc(Cipher::kAes192, "AES192", 24),
    rows::aes_cbc(Cipher::kAes256, "AES256", 32),
    rows::aes_gcm(Cipher::kAesGcm128, "AESGCM128", 16, 16),
    rows::aes_gcm(Cipher::kAesGcm256, "AESGCM256", 32, 16),
    rows::aes_gcm(Cipher::kAesGcm192, "AESGCM192", 24, 16),
    rows::aes_gcm(Cipher::kAesGcm128Icv12, "AESGCM128ICV12", 16, 12),
    rows::aes_gcm(Cipher::kAesGcm192Icv12, "AESGCM192ICV12", 24, 12),
    rows::aes_gcm(Cipher::kAesGcm256Icv12, "AESGCM256ICV12", 32, 12),
    rows::aes_gcm(Cipher::kAesGcm128Icv8, "AESGCM128ICV8", 16, 8),
    rows::aes_gcm(Cipher::kAesGcm192Icv8, "AESGCM192ICV8", 24, 8),
    rows::aes_gcm(Cipher::kAesGcm256Icv8, "AESGCM256ICV8", 32, 8),
    rows::aes_ctr(Cipher::kAesCtr128, "AESCTR128", 16),
    rows::aes_ctr(Cipher::kAesCtr192, "AESCTR192", 24),
    rows::aes_ctr(Cipher::kAesCtr256, "AESCTR256", 32),
    // RFC 7634 registers it for IKEv2 only: with us it serves manually keyed SAs.
    {Cipher::kChaCha20Poly1305,
     "CHACHA20POLY1305",
     false,
     true,
     true,
     false,
     "RFC 7634",
     {0, 0, 0},
     {32, 4, 8, 1, 16}},
});

inline constexpr auto kHashes = std::to_array<HashRow>({
    {Hash::kNone, "None", false, true, false, "", {0, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0}},
    {Hash::kMd5, "MD5", true, true, true, "RFC 2403", {1, 1, 2, 0, 0}, {16, 0, 0, 64, 16, 12}},
    rows::hmac(Hash::kSha1, "SHA1", "RFC 2404", {2, 2, 3, 0, 0}, 20, 12),
    rows::hmac(Hash::kSha256, "SHA256", "RFC 4868", {4, 5, 5, 0, 0}, 32, 16),
    rows::hmac(Hash::kSha384, "SHA384", "RFC 4868", {5, 6, 6, 0, 0}, 48, 24),
    rows::hmac(Hash::kSha512, "SHA512", "RFC 4868", {6, 7, 7, 0, 0}, 64, 32),
    {Hash::kAesXcbc,
     "AESXCBC",
     false,
     true,
     false,
     "RFC 3566",
     {0, 9, 9, 0, 0},
     {16, 0, 0, 16, 16, 12}},
    rows::aes_gmac(Hash::kAesGmac128, "AESGMAC128", 11, 16),
    rows::aes_gmac(Hash::kAesGmac192, "AESGMAC192", 12, 24),
    rows::aes_gmac(Hash::kAesGmac256, "AESGMAC256", 13, 32),
});

inline constexpr auto kDhGroups = std::to_array<DhGroupRow>({
    {1, 1, 768, true, "RFC 2409"},
    {2, 2, 1024, false, "RFC 2409"},
    {14, 3, 2048, false, "RFC 3526"},
    {15, 15, 3072, false, "RFC 3526"},
    {16, 16, 4096, false, "RFC 3526"},
    {17, 17, 6144, false, "RFC 3526"},
    {18, 18, 8192, false, "RFC 3526"},
    {19, 19, 256, false, "RFC 5903"},
    {20, 20, 384, false, "RFC 5903"},
    {21, 21, 521, false, "RFC 5903"},
    {24, 24, 2048, false, "RFC 5114"},
});

[[nodiscard]] constexpr const CipherRow& row_of(Cipher cipher) {
    return kCiphers[static_cast<std::size_t>(cipher)];
}
[[nodiscard]] constexpr const HashRow& row_of(Hash hash) {
    return kHashes[static_cast<std::size_t>(hash)];
}

}  // namespace config
