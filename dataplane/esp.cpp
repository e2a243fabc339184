#include "dataplane/esp.h"

#include "config/bytes.h"

#include <array>
#include <cstring>

namespace dataplane {
namespace {

using config::be32;
using config::be64;
using config::store;
using crypto::CryptoJob;

constexpr std::uint32_t kHeader = 8;  // RFC 4303 2.1, 2.2: SPI and sequence number
constexpr std::uint32_t kSequence = 4;
constexpr std::uint32_t kTrailer = 2;  // RFC 4303 2.5, 2.6: pad length and next header
constexpr std::uint8_t kNoNextHeader = 59;

// RFC 4303 2.4: the padding is as much of this as is needed.
constexpr auto kPadding = [] {
    std::array<std::uint8_t, 255> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(i + 1);
    }
    return bytes;
}();

std::uint32_t body_offset(const IpsecWork& work) {
    return work.offset + kHeader + work.sa->iv_bytes;
}

// SPI and the whole sequence number, of which the packet has the low half only.
void write_extended_header(IpsecWork& work, const std::uint8_t* header) {
    std::memcpy(work.aad.data(), header, kSequence);
    store(&work.aad[4], be32{static_cast<std::uint32_t>(work.sequence >> 32U)});
    std::memcpy(&work.aad[8], header + kSequence, sizeof(be32));
}

// What the ICV covers beside an AEAD's ciphertext: RFC 4106 5, RFC 7634 2.1.
void cover_with_aead(IpsecWork& work, const std::uint8_t* header, CryptoJob& job) {
    if (!work.sa->esn) {
        job.aad = header;
        job.aad_length = kHeader;
        return;
    }
    write_extended_header(work, header);
    job.aad = work.aad.data();
    job.aad_length = kHeader + sizeof(be32);
}

// RFC 4303 3.3.2.1: from the SPI to the trailer.
void cover_with_mac(IpsecWork& work, std::uint8_t* header, CryptoJob& job) {
    const Sa& sa = *work.sa;
    const bool gmac = sa.keys.cipher() == config::Cipher::kNone && sa.iv_bytes != 0;
    job.auth = header;
    job.auth_length = kHeader + sa.iv_bytes + job.length;
    if (!sa.esn) {
        return;
    }
    if (!gmac) {
        job.esn_trailer = true;
        job.esn_high = static_cast<std::uint32_t>(work.sequence >> 32U);
        return;
    }
    // RFC 4543 3.3: other than every other MAC, it has the whole number where it has its low half
    // without extended numbers.
    write_extended_header(work, header);
    job.aad = work.aad.data();
    job.aad_length = kHeader + sizeof(be32);
    job.auth += kHeader;
    job.auth_length -= kHeader;
}

// `body`: bytes of payload, padding and trailer.
void fill_job(IpsecWork& work, std::uint32_t body, crypto::Direction direction, CryptoJob& job) {
    const Sa& sa = *work.sa;
    std::uint8_t* const header = bytes_at(work.mbuf, work.offset);
    std::uint8_t* const text = bytes_at(work.mbuf, body_offset(work));
    job = CryptoJob{};
    job.keys = &sa.keys;
    job.direction = direction;
    job.src = text;
    job.dst = text;
    job.length = body;
    job.iv = header + kHeader;
    job.icv = text + body;
    if (sa.keys.aead()) {
        cover_with_aead(work, header, job);
    } else if (sa.keys.hash() != config::Hash::kNone) {
        cover_with_mac(work, header, job);
    }
}

void write_iv(const Sa& sa, std::uint64_t sequence, IvSource& ivs, std::uint8_t* iv) {
    // Only CBC has blocks, and an IV that nobody may foresee; the others need one that is used once
    // (RFC 4106 3.1, RFC 3686 3.1, RFC 7634 2, RFC 4543 3.1).
    if (sa.keys.block_bytes() > 1) {
        std::memcpy(iv, ivs.next(sa.iv_bytes), sa.iv_bytes);
    } else if (sa.iv_bytes != 0) {
        store(iv, be64{sa.iv_base + sequence});
    }
}

}  // namespace

std::uint32_t esp_trailer_bytes(const Sa& sa, std::uint32_t payload) {
    // align_to is a power of two.
    const std::uint32_t mask = sa.align_to - 1U;
    return ((payload + kTrailer + mask) & ~mask) - payload;
}

std::uint32_t esp_overhead(const Sa& sa, std::uint32_t payload) {
    return kHeader + sa.iv_bytes + esp_trailer_bytes(sa, payload) + sa.icv_bytes;
}

std::uint32_t esp_counted_bytes(const Sa& sa, std::uint32_t payload) {
    return payload + esp_trailer_bytes(sa, payload);
}

void esp_prepare_protect(IpsecWork& work,
                         std::uint32_t payload,
                         std::uint8_t next_header,
                         IvSource& ivs,
                         CryptoJob& job) {
    const Sa& sa = *work.sa;
    rte_mbuf* const mbuf = work.mbuf;
    std::uint8_t* const header = bytes_at(mbuf, work.offset);
    store(header, be32{sa.spi});
    // RFC 4303 2.2.1: the high half of an extended number is not sent.
    store(header + kSequence, be32{static_cast<std::uint32_t>(work.sequence)});
    write_iv(sa, work.sequence, ivs, header + kHeader);

    const std::uint32_t trailer = esp_trailer_bytes(sa, payload);
    const std::uint32_t padding = trailer - kTrailer;
    std::uint8_t* const end = bytes_at(mbuf, body_offset(work) + payload);
    std::memcpy(end, kPadding.data(), padding);
    end[padding] = static_cast<std::uint8_t>(padding);
    end[padding + 1] = next_header;

    const std::uint32_t behind = trailer + sa.icv_bytes;
    mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len + behind);
    mbuf->pkt_len += behind;
    fill_job(work, payload + trailer, crypto::Direction::kProtect, job);
}

IpsecCheck esp_prepare_verify(IpsecWork& work, CryptoJob& job) {
    const Sa& sa = *work.sa;
    const rte_mbuf* const mbuf = work.mbuf;
    if (mbuf->nb_segs != 1) {
        return DropReason::kSegmentedFrame;
    }
    const std::uint32_t around = body_offset(work) + sa.icv_bytes;
    if (around + kTrailer > mbuf->data_len) {
        return DropReason::kEspTruncated;
    }
    // RFC 4303 2.4: whatever the cipher, the trailer ends at a multiple of four bytes.
    const std::uint32_t body = mbuf->data_len - around;
    if ((body & (sa.align_to - 1U)) != 0) {
        return DropReason::kEspBadLength;
    }
    fill_job(work, body, crypto::Direction::kVerify, job);
    return {};
}

IpsecCheck esp_finish_verify(const IpsecWork& work, EspPayload& payload) {
    const std::uint32_t begin = body_offset(work);
    const std::uint32_t body = work.mbuf->data_len - begin - work.sa->icv_bytes;
    const std::uint8_t* const trailer = bytes_at(work.mbuf, begin + body - kTrailer);
    const std::uint32_t padding = trailer[0];
    if (padding + kTrailer > body
        || std::memcmp(trailer - padding, kPadding.data(), padding) != 0) {
        return DropReason::kEspBadPadding;
    }
    payload.offset = static_cast<std::uint16_t>(begin);
    payload.length = body - kTrailer - padding;
    payload.next_header = trailer[1];
    // RFC 4303 2.6: a dummy packet is discarded without prejudice.
    return payload.next_header == kNoNextHeader ? IpsecCheck{DropReason::kEspDummy} : IpsecCheck{};
}

}  // namespace dataplane
