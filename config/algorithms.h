// The algorithm table: one row for each cipher, hash and Diffie-Hellman group that a method can
// name. Parsers, listings and documentation come from the rows.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace config {

enum class Cipher : std::uint8_t {
    kNone,  // ESP without confidentiality (RFC 2410)
    kDes,
    k3des,
    kAes128,
    kAes192,
    kAes256,
    kAesGcm128,
    kAesGcm256,
};

enum class Hash : std::uint8_t { kNone, kMd5, kSha1, kSha256, kSha384, kSha512 };

struct CipherRow {
    Cipher cipher;
    std::string_view token;  // as netsh writes it
    bool main_mode;          // may stand in mmsecmethods
    bool quick_mode;         // may stand in ESP[...]
    bool aead;               // carries its own integrity: ESP[AESGCM128,None] is complete
    bool weak;
    std::string_view rfc;
};

struct HashRow {
    Hash hash;
    std::string_view token;
    bool main_mode;
    bool quick_mode;
    bool weak;
    std::string_view rfc;
};

struct DhGroupRow {
    std::uint16_t ike_group;    // RFC 2409 / IANA number
    std::uint16_t netsh_group;  // as written in a-b-n: 1, 2, 3 (= IKE 14), else the IKE number
    std::uint16_t bits;
    bool weak;
    std::string_view rfc;
};

inline constexpr auto kCiphers = std::to_array<CipherRow>({
    {Cipher::kNone, "None", false, true, false, false, "RFC 2410"},
    {Cipher::kDes, "DES", true, true, false, true, "RFC 2405"},
    {Cipher::k3des, "3DES", true, true, false, false, "RFC 2451"},
    {Cipher::kAes128, "AES128", true, true, false, false, "RFC 3602"},
    {Cipher::kAes192, "AES192", true, true, false, false, "RFC 3602"},
    {Cipher::kAes256, "AES256", true, true, false, false, "RFC 3602"},
    {Cipher::kAesGcm128, "AESGCM128", false, true, true, false, "RFC 4106"},
    {Cipher::kAesGcm256, "AESGCM256", false, true, true, false, "RFC 4106"},
});

inline constexpr auto kHashes = std::to_array<HashRow>({
    {Hash::kNone, "None", false, true, false, ""},
    {Hash::kMd5, "MD5", true, true, true, "RFC 2403"},
    {Hash::kSha1, "SHA1", true, true, false, "RFC 2404"},
    {Hash::kSha256, "SHA256", true, true, false, "RFC 4868"},
    {Hash::kSha384, "SHA384", true, true, false, "RFC 4868"},
    {Hash::kSha512, "SHA512", true, true, false, "RFC 4868"},
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
