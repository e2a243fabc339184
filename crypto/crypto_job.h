// One packet's work for CryptoBatch, filled by ESP and AH. Plain data; nothing in it is owned.
#pragma once

#include <array>
#include <cstdint>

namespace crypto {

class SaKeys;

enum class Direction : std::uint8_t { kProtect, kVerify };

enum class JobStatus : std::uint8_t {
    kOk,
    kBadIcv,     // kVerify: do not use `dst`, it may hold what an attacker chose
    kBadLength,  // not a multiple of the cipher's block, or longer than kMaxJobBytes; nothing was
                 // done
};

// A MAC as computed, before truncation.
using Tag = std::array<std::uint8_t, 64>;

// IPsec-MB counts an IP packet's bytes, and four more, in 16 bits.
inline constexpr std::uint32_t kMaxJobBytes = 65528;

struct CryptoJob {
    const SaKeys* keys = nullptr;

    // Encrypted or decrypted; `dst` may be `src`, else they do not overlap. Unused with cipher
    // None.
    const std::uint8_t* src = nullptr;
    std::uint8_t* dst = nullptr;
    // As it stands in the packet: SaKeys::iv_bytes(). Not inside dst.
    const std::uint8_t* iv = nullptr;
    // AEAD: the additional data, at most 16 bytes. GMAC: bytes before `auth` that the ICV covers
    // too (RFC 4543 3.3: SPI and extended sequence number), if they do not stand in front of it.
    // Else empty.
    const std::uint8_t* aad = nullptr;
    // What a MAC covers; as it is after encryption (kProtect) or before decryption (kVerify).
    // Unused with an AEAD. With `esn_trailer` the four bytes behind it must be ours to write: they
    // are changed during run() and restored.
    std::uint8_t* auth = nullptr;
    // kProtect: SaKeys::icv_bytes() are written here, after all of `auth` was read. kVerify:
    // compared.
    std::uint8_t* icv = nullptr;

    std::uint32_t length = 0;  // of src and dst
    std::uint32_t auth_length = 0;
    // RFC 4303 2.2.1, RFC 4302 3.3.3.2.2: with extended sequence numbers a MAC covers the number's
    // high half as well, behind everything else, though it is not sent. An AEAD has it in its
    // `aad`.
    std::uint32_t esn_high = 0;
    bool esn_trailer = false;
    std::uint8_t aad_length = 0;
    Direction direction = Direction::kProtect;
    JobStatus status = JobStatus::kOk;  // out
};

}  // namespace crypto
