#include "dataplane/ah.h"

#include "config/bytes.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace dataplane {
namespace {

using config::be32;
using config::be64;
using config::Family;
using config::store;
using crypto::CryptoJob;

constexpr std::uint32_t kFixedPart = 12;  // RFC 4302 2: what is in front of IV and ICV
constexpr std::uint32_t kLengthField = 1;
constexpr std::uint32_t kSpi = 4;
constexpr std::uint32_t kSequence = 8;
constexpr std::size_t kExtensionUnit = 8;

using Header = std::span<std::uint8_t>;

void zero(Header bytes) {
    std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
}

// RFC 4302 Appendix A1. What it does not list is mutable.
constexpr bool is_immutable_option(std::uint8_t type) {
    constexpr std::uint8_t kSecurity = 130;
    constexpr std::uint8_t kExtendedSecurity = 133;
    constexpr std::uint8_t kCommercialSecurity = 134;
    constexpr std::uint8_t kRouterAlert = 148;
    constexpr std::uint8_t kMultiDestination = 149;
    return type == kSecurity || type == kExtendedSecurity || type == kCommercialSecurity
           || type == kRouterAlert || type == kMultiDestination;
}

// RFC 4302 3.3.3.1.1.2: an option is covered or zeroed as a whole, its type and length included.
IpsecCheck zero_ipv4_options(Header options) {
    constexpr std::uint8_t kEnd = 0;
    constexpr std::uint8_t kNop = 1;
    while (!options.empty() && options[0] != kEnd) {
        if (options[0] == kNop) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
            return DropReason::kIpBadOptions;
        }
        const std::size_t length = options[1];
        if (!is_immutable_option(options[0])) {
            zero(options.first(length));
        }
        options = options.subspan(length);
    }
    return {};
}

// RFC 4302 3.3.3.1.1.1.
IpsecCheck zero_ipv4(Header header) {
    if (header.size() < kIpv4Header) {
        return DropReason::kIpBadHeaderLength;
    }
    header[1] = 0;  // DSCP and ECN
    zero(header.subspan(kIpv4Fragment, 2));
    header[kIpv4Ttl] = 0;
    zero(header.subspan(kIpv4Checksum, 2));
    return zero_ipv4_options(header.subspan(kIpv4Header));
}

// RFC 4302 3.3.3.1.2.2: an option whose type says that its data may change on the way counts with
// type, length and as many zeros.
IpsecCheck zero_ipv6_options(Header options) {
    constexpr std::uint8_t kPad1 = 0;
    constexpr std::uint8_t kChangesEnRoute = 0x20;  // RFC 8200 4.2
    while (!options.empty()) {
        if (options[0] == kPad1) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2 || options.size() - 2 < options[1]) {
            return DropReason::kIpBadExtension;
        }
        const Header data = options.subspan(2, options[1]);
        if ((options[0] & kChangesEnRoute) != 0) {
            zero(data);
        }
        options = options.subspan(2 + data.size());
    }
    return {};
}

// One extension header in front of the AH.
IpsecCheck zero_extension(std::uint8_t type, Header extension) {
    constexpr std::size_t kOptions = 2;
    constexpr std::size_t kSegmentsLeft = 3;
    switch (type) {
        case kProtoHopByHop:
        case kProtoDestinationOptions:
            return zero_ipv6_options(extension.subspan(kOptions));
        case kProtoRouting:
            // RFC 4302 A2: it counts as it is when it arrives, with no segment left.
            extension[kSegmentsLeft] = 0;
            return {};
        default:
            // Among them the fragment header: the AH is inside of what was fragmented.
            return DropReason::kIpBadExtension;
    }
}

// RFC 4302 3.3.3.1.2.1.
IpsecCheck zero_ipv6(Header header) {
    if (header.size() < kIpv6Header) {
        return DropReason::kIpBadExtension;
    }
    header[0] &= 0xF0U;  // the version stays; traffic class
    zero(header.subspan(1, 3));
    header[kIpv6HopLimit] = 0;
    std::uint8_t next = header[kIpv6NextHeader];
    Header rest = header.subspan(kIpv6Header);
    while (!rest.empty()) {
        if (rest.size() < kExtensionUnit) {
            return DropReason::kIpBadExtension;
        }
        const std::size_t length = (rest[1] + std::size_t{1}) * kExtensionUnit;
        if (length > rest.size()) {
            return DropReason::kIpBadExtension;
        }
        if (const IpsecCheck check = zero_extension(next, rest.first(length))) {
            return check;
        }
        next = rest[0];
        rest = rest.subspan(length);
    }
    return {};
}

void put_header_back(IpsecWork& work) {
    std::memcpy(
        bytes_at(work.mbuf, meta_of(work.mbuf).l3_offset), work.header.data(), work.header_bytes);
}

// Keeps the headers in front of the AH and zeroes what is mutable in them; on a drop they are as
// they were.
IpsecCheck zero_mutable_fields(IpsecWork& work) {
    const PacketMeta& meta = meta_of(work.mbuf);
    if (work.offset < meta.l3_offset || work.offset - meta.l3_offset > int{kMaxAhHeader}) {
        return DropReason::kIpBadExtension;
    }
    const Header header{bytes_at(work.mbuf, meta.l3_offset),
                        static_cast<std::size_t>(work.offset - meta.l3_offset)};
    work.header_bytes = static_cast<std::uint16_t>(header.size());
    std::memcpy(work.header.data(), header.data(), header.size());
    const IpsecCheck check = meta.family == Family::kIpv4 ? zero_ipv4(header) : zero_ipv6(header);
    if (check) {
        put_header_back(work);
    }
    return check;
}

void fill_job(const IpsecWork& work,
              std::uint8_t* icv,
              crypto::Direction direction,
              CryptoJob& job) {
    const Sa& sa = *work.sa;
    const std::uint16_t begin = meta_of(work.mbuf).l3_offset;
    job = CryptoJob{};
    job.keys = &sa.keys;
    job.direction = direction;
    job.iv = work.icv.data();
    job.auth = bytes_at(work.mbuf, begin);
    job.auth_length = static_cast<std::uint32_t>(work.mbuf->data_len - begin);
    job.icv = icv;
    // RFC 4302 3.3.3.2.2: with every algorithm, GMAC included.
    job.esn_trailer = sa.esn;
    job.esn_high = static_cast<std::uint32_t>(work.sequence >> 32U);
}

// The ICV field: of a GMAC the IV and the tag (RFC 4543 4). For the computation all of it is zero
// (RFC 4302 3.3.3), and the IV is in IpsecWork::icv.
Header icv_field(const IpsecWork& work) {
    return {bytes_at(work.mbuf, work.offset + kFixedPart),
            std::size_t{work.sa->iv_bytes} + work.sa->icv_bytes};
}

}  // namespace

std::uint32_t ah_header_bytes(const Sa& sa, Family family) {
    const std::uint32_t mask = family == Family::kIpv4 ? 3 : 7;
    return (kFixedPart + sa.iv_bytes + sa.icv_bytes + mask) & ~mask;
}

std::uint32_t ah_counted_bytes(const Sa& sa, Family family, std::uint32_t ip_bytes_without_ah) {
    return ip_bytes_without_ah + ah_header_bytes(sa, family);
}

IpsecCheck ah_prepare_protect(IpsecWork& work, std::uint8_t next_header, CryptoJob& job) {
    if (const IpsecCheck check = zero_mutable_fields(work)) {
        return check;
    }
    const Sa& sa = *work.sa;
    const std::uint32_t length = ah_header_bytes(sa, meta_of(work.mbuf).family);
    const Header ah{bytes_at(work.mbuf, work.offset), length};
    // RFC 4302 3.3.3.1: the ICV counts as zero. The padding behind it is covered, and may be
    // anything (3.3.3.2.1); reserved bits are zero.
    zero(ah);
    ah[0] = next_header;
    // RFC 4302 2.2: in words, less two.
    ah[kLengthField] = static_cast<std::uint8_t>(length / 4 - 2);
    store(&ah[kSpi], be32{sa.spi});
    store(&ah[kSequence], be32{static_cast<std::uint32_t>(work.sequence)});
    if (sa.iv_bytes != 0) {
        store(work.icv.data(), be64{sa.iv_base + work.sequence});
    }
    fill_job(work, &icv_field(work)[sa.iv_bytes], crypto::Direction::kProtect, job);
    return {};
}

void ah_finish_protect(IpsecWork& work) {
    put_header_back(work);
    std::memcpy(icv_field(work).data(), work.icv.data(), work.sa->iv_bytes);
}

IpsecCheck ah_prepare_verify(IpsecWork& work, CryptoJob& job) {
    const Sa& sa = *work.sa;
    const rte_mbuf* const mbuf = work.mbuf;
    if (mbuf->nb_segs != 1) {
        return DropReason::kSegmentedFrame;
    }
    if (work.offset + kFixedPart > mbuf->data_len) {
        return DropReason::kAhTruncated;
    }
    const std::uint32_t stated = (*bytes_at(mbuf, work.offset + kLengthField) + 2U) * 4;
    if (stated != ah_header_bytes(sa, meta_of(mbuf).family)) {
        return DropReason::kAhBadLength;
    }
    if (work.offset + stated > mbuf->data_len) {
        return DropReason::kAhTruncated;
    }
    // CryptoJob::esn_trailer writes behind the packet, which a sender can make as long as a buffer.
    if (sa.esn && rte_pktmbuf_tailroom(mbuf) < sizeof(be32)) {
        return DropReason::kNoBuffer;
    }
    if (const IpsecCheck check = zero_mutable_fields(work)) {
        return check;
    }
    const Header icv = icv_field(work);
    std::memcpy(work.icv.data(), icv.data(), icv.size());
    zero(icv);
    fill_job(work, &work.icv[sa.iv_bytes], crypto::Direction::kVerify, job);
    return {};
}

void ah_restore(IpsecWork& work) {
    put_header_back(work);
    const Header icv = icv_field(work);
    std::memcpy(icv.data(), work.icv.data(), icv.size());
}

AhPayload ah_payload(const IpsecWork& work) {
    const std::uint8_t* const ah = bytes_at(work.mbuf, work.offset);
    const std::uint32_t length = (ah[kLengthField] + 2U) * 4;
    return {.offset = static_cast<std::uint16_t>(work.offset + length), .next_header = ah[0]};
}

}  // namespace dataplane
