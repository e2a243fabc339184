#include "dataplane/path_mtu.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <array>
#include <span>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::Family;
using config::IpsecProtocol;
using config::load;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kAhSpi = 4;
constexpr unsigned kMaxExtensions = 8;

// What a quoted IP header says, and where it ends.
struct Quoted {
    std::uint8_t protocol = 0;
    std::size_t header = 0;
    std::size_t length = 0;  // of the whole packet, of which less may be quoted
};

// Only the first fragment has an SPI.
std::optional<Quoted> read_ipv4(Bytes quote) {
    if (quote.size() < kIpv4Header || quote[0] >> 4U != 4) {
        return std::nullopt;
    }
    Quoted quoted;
    quoted.protocol = quote[kIpv4Protocol];
    quoted.header = (quote[0] & 0x0FU) * std::size_t{4};
    quoted.length = load<be16>(&quote[kIpv4TotalLength]).host();
    const std::uint16_t word = load<be16>(&quote[kIpv4Fragment]).host();
    if (quoted.header < kIpv4Header || (word & kIpv4OffsetMask) != 0) {
        return std::nullopt;
    }
    return quoted;
}

std::optional<Quoted> read_ipv6(Bytes quote) {
    if (quote.size() < kIpv6Header || quote[0] >> 4U != 6) {
        return std::nullopt;
    }
    Quoted quoted;
    quoted.protocol = quote[kIpv6NextHeader];
    quoted.header = kIpv6Header;
    quoted.length = kIpv6Header + std::size_t{load<be16>(&quote[kIpv6PayloadLength]).host()};
    for (unsigned count = 0; count < kMaxExtensions; ++count) {
        const bool fragment = quoted.protocol == kProtoFragment;
        if (!fragment && quoted.protocol != kProtoHopByHop && quoted.protocol != kProtoRouting
            && quoted.protocol != kProtoDestinationOptions) {
            return quoted;
        }
        if (quote.size() < quoted.header + 8) {
            return std::nullopt;
        }
        const std::uint8_t* extension = &quote[quoted.header];
        if (fragment && (load<be16>(extension + 2).host() & 0xFFF8U) != 0) {
            return std::nullopt;
        }
        quoted.protocol = extension[0];
        quoted.header += fragment ? kIpv6FragmentHeader : (std::size_t{extension[1]} + 1) * 8;
    }
    return std::nullopt;
}

// `body`: what is quoted behind the IP headers. Fills in protocol and SPI.
bool read_spi(std::uint8_t protocol, Bytes body, PathMtuReport& report) {
    std::size_t at = 0;
    report.protocol = IpsecProtocol::kEsp;
    if (protocol == kProtoAh) {
        report.protocol = IpsecProtocol::kAh;
        at = kAhSpi;
    } else if (protocol == kProtoUdp) {
        at = kUdpHeader;
        if (body.size() < kUdpHeader
            || (load<be16>(&body[0]).host() != kNatTraversalPort
                && load<be16>(&body[2]).host() != kNatTraversalPort)) {
            return false;
        }
    } else if (protocol != kProtoEsp) {
        return false;
    }
    if (body.size() < at + 4) {
        return false;
    }
    // RFC 4303 2.1: no packet has a reserved SPI; 0 behind UDP is IKE (RFC 3948 2.2).
    report.spi = load<be32>(&body[at]).host();
    return report.spi >= config::kMinSpi;
}

// RFC 1191 7: for routers that say nothing, the largest MTU in use below the length that failed.
std::uint16_t plateau_below(std::size_t length) {
    constexpr std::array<std::uint16_t, 9> kPlateaus = {
        32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    const auto* found = std::find_if(
        kPlateaus.begin(), kPlateaus.end(), [&](std::uint16_t mtu) { return mtu < length; });
    return found == kPlateaus.end() ? std::uint16_t{68} : *found;
}

// 0: not to be used. A packet no longer than the reported MTU would have passed: stale or false.
std::uint16_t usable_mtu(Family family, std::size_t reported, std::size_t length) {
    if (family == Family::kIpv4 && reported == 0) {
        reported = plateau_below(length);
    }
    if (reported >= length) {
        return 0;
    }
    if (family == Family::kIpv4) {
        return static_cast<std::uint16_t>(std::max<std::size_t>(reported, kMinPathMtuV4));
    }
    // RFC 8201 4: less than IPv6's least MTU must be discarded.
    return reported < kIpv6MinMtu ? std::uint16_t{0} : static_cast<std::uint16_t>(reported);
}

bool has_good_checksum(const rte_mbuf* mbuf, const PacketMeta& meta, Bytes message) {
    std::uint64_t sum = 0;
    if (meta.family == Family::kIpv6) {
        // RFC 4443 2.3: over the pseudo-header too.
        sum = checksum_add(0, {source_address(mbuf, meta), 32});
        sum += be16(static_cast<std::uint16_t>(message.size())).raw();
        sum += be16(kProtoIcmpv6).raw();
    }
    return checksum_fold(checksum_add(sum, message)) == 0xFFFF;
}

// The whole ICMP message if it is of the right type, else nothing. One that is spread over several
// segments is longer than any that RFC 1812 4.3.2.3 or RFC 4443 2.4 (c) let a router send.
Bytes too_big_message(const rte_mbuf* mbuf, const PacketMeta& meta) {
    const bool v4 = meta.family == Family::kIpv4;
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    if (meta.fragment != FragmentKind::kWhole || end > mbuf->data_len
        || meta.protocol != (v4 ? kProtoIcmp : kProtoIcmpv6)
        || end < meta.l4_offset + kIcmpHeader) {
        return {};
    }
    const Bytes message{bytes_at(mbuf, meta.l4_offset), end - meta.l4_offset};
    const bool too_big = v4 ? message[0] == 3 && message[1] == 4 : message[0] == 2;
    return too_big ? message : Bytes{};
}

}  // namespace

std::optional<PathMtuReport> read_path_mtu(const rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const Bytes message = too_big_message(mbuf, meta);
    if (message.empty() || !has_good_checksum(mbuf, meta, message)) {
        return std::nullopt;
    }
    const bool v4 = meta.family == Family::kIpv4;
    const Bytes quote = message.subspan(kIcmpHeader);
    const std::optional<Quoted> quoted = v4 ? read_ipv4(quote) : read_ipv6(quote);
    if (!quoted || quoted->header > quote.size()) {
        return std::nullopt;
    }
    PathMtuReport report;
    if (!read_spi(quoted->protocol, quote.subspan(quoted->header), report)) {
        return std::nullopt;
    }
    // RFC 1191 4: 16 bits after 16 unused ones; RFC 4443 3.2: 32 bits.
    const std::size_t reported = v4 ? std::size_t{load<be16>(&message[6]).host()}
                                    : std::size_t{load<be32>(&message[4]).host()};
    report.mtu = usable_mtu(meta.family, reported, quoted->length);
    if (report.mtu == 0) {
        return std::nullopt;
    }
    report.source =
        config::IpAddress::from_bytes(meta.family, &quote[v4 ? kIpv4Source : kIpv6Source]);
    report.destination = config::IpAddress::from_bytes(
        meta.family, &quote[v4 ? kIpv4Destination : kIpv6Destination]);
    return report;
}

}  // namespace dataplane
