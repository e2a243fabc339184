#include "dataplane/parse.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/martian.h"
#include "dataplane/wire.h"

#include <rte_prefetch.h>

#include <cstring>
#include <optional>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::Family;
using config::load;

// Nothing: the check passed.
using Check = std::optional<DropReason>;

// RFC 8504 5.3 lets a node limit the chain; no sane packet comes near this.
constexpr unsigned kMaxExtensions = 8;
constexpr unsigned kMaxVlanTags = 2;
constexpr std::size_t kMaxDatagram = 65535;

ParseResult dropped(DropReason reason) {
    return {ParseNext::kDrop, reason};
}

// The fields that stay are written after the whole: a fresh struct that is copied when it has them
// is read wider than it was written, and the CPU waits for the stores.
PacketMeta& reset(rte_mbuf* mbuf) {
    PacketMeta& meta = meta_of(mbuf);
    const Origin origin = meta.origin;
    const Direction direction = meta.direction;
    const std::uint16_t in_port = meta.in_port;
    const SaHandle sa = meta.sa;
    meta = PacketMeta{};
    meta.origin = origin;
    meta.direction = direction;
    meta.in_port = in_port;
    meta.sa = sa;
    return meta;
}

// Whether bytes up to `end` are there and in the first segment.
Check reach(const rte_mbuf* mbuf, std::size_t end, DropReason truncated) {
    if (end <= mbuf->data_len) {
        return {};
    }
    return end <= mbuf->pkt_len ? DropReason::kSegmentedFrame : truncated;
}

std::size_t l3_end(const PacketMeta& meta) {
    return std::size_t{meta.l3_offset} + meta.l3_length;
}

// Cuts link-layer padding off, so that what we pass on is exactly the IP packet we judged.
void trim(rte_mbuf* mbuf, std::size_t length) {
    mbuf->pkt_len = static_cast<std::uint32_t>(length);
    rte_mbuf* segment = mbuf;
    while (length > segment->data_len) {
        length -= segment->data_len;
        segment = segment->next;
    }
    segment->data_len = static_cast<std::uint16_t>(length);
    rte_mbuf* rest = segment->next;
    segment->next = nullptr;
    while (rest != nullptr) {
        rte_mbuf* next = rest->next;
        rte_pktmbuf_free_seg(rest);
        --mbuf->nb_segs;
        rest = next;
    }
}

Check set_length(rte_mbuf* mbuf, PacketMeta& meta, std::size_t length, ParseMode mode) {
    if (length > kMaxDatagram) {
        return DropReason::kIpBadLength;
    }
    const std::size_t end = meta.l3_offset + length;
    if (end > mbuf->pkt_len) {
        return DropReason::kIpTruncated;
    }
    meta.l3_length = static_cast<std::uint16_t>(length);
    if (mode != ParseMode::kTransparent && end < mbuf->pkt_len) {
        trim(mbuf, end);
    }
    return {};
}

// `before`: bytes the reassembled datagram has in front of its fragmented part and that count
// towards the largest datagram.
Check set_fragment(
    PacketMeta& meta, std::size_t offset, bool more, std::size_t length, std::size_t before) {
    meta.fragment = offset == 0 ? FragmentKind::kFirst : FragmentKind::kLater;
    meta.more_fragments = more;
    meta.fragment_offset = static_cast<std::uint16_t>(offset);
    meta.fragment_length = static_cast<std::uint16_t>(length);
    if (length == 0 || before + offset + length > kMaxDatagram || (more && length % 8 != 0)) {
        return DropReason::kFragmentBad;
    }
    return {};
}

Check parse_l4(const rte_mbuf* mbuf, PacketMeta& meta) {
    std::size_t need = 0;
    if (meta.protocol == kProtoTcp) {
        need = kTcpHeader;
    } else if (meta.protocol == kProtoUdp) {
        need = kUdpHeader;
    } else if (meta.protocol == (meta.family == Family::kIpv4 ? kProtoIcmp : kProtoIcmpv6)) {
        need = kIcmpHeader;
    } else {
        return {};
    }
    // RFC 1858 and RFC 7112: a first fragment holds the whole upper-layer header, or a filter would
    // judge ports it cannot see.
    const DropReason truncated =
        meta.fragment == FragmentKind::kFirst ? DropReason::kFragmentBad : DropReason::kL4Truncated;
    const std::size_t begin = meta.l4_offset;
    if (begin + need > l3_end(meta)) {
        return truncated;
    }
    if (const Check check = reach(mbuf, begin + need, truncated)) {
        return check;
    }
    const std::uint8_t* header = bytes_at(mbuf, begin);
    if (meta.protocol == kProtoTcp) {
        const std::size_t length = std::size_t{header[12]} / 16 * 4;
        if (length < kTcpHeader || begin + length > l3_end(meta)) {
            return truncated;
        }
    }
    if (meta.protocol == kProtoTcp || meta.protocol == kProtoUdp) {
        meta.source_port = load<be16>(header).host();
        meta.destination_port = load<be16>(header + 2).host();
    }
    return {};
}

Check walk_options(const std::uint8_t* option, const std::uint8_t* end) {
    constexpr std::uint8_t kEnd = 0;
    constexpr std::uint8_t kNop = 1;
    constexpr std::uint8_t kLooseSourceRoute = 131;
    constexpr std::uint8_t kStrictSourceRoute = 137;
    while (option < end && *option != kEnd) {
        if (*option == kNop) {
            ++option;
            continue;
        }
        if (end - option < 2 || option[1] < 2 || option[1] > end - option) {
            return DropReason::kIpBadOptions;
        }
        // RFC 7126 4.3, 4.4: packets with a source route are dropped.
        if (*option == kLooseSourceRoute || *option == kStrictSourceRoute) {
            return DropReason::kIpSourceRoute;
        }
        option += option[1];
    }
    return {};
}

// RFC 1812 5.2.2, in its order: (1) length, (2) checksum, (3) version, (4) header length, (5) total
// length. The version comes first here, since it says whether the rest can be read.
Check parse_ipv4_header(rte_mbuf* mbuf, PacketMeta& meta, ParseMode mode) {
    if (const Check check = reach(mbuf, meta.l3_offset + kIpv4Header, DropReason::kIpTruncated)) {
        return check;
    }
    const std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    if (ip[0] >> 4U != 4) {
        return DropReason::kIpBadVersion;
    }
    const std::size_t header = (ip[0] & 0x0FU) * std::size_t{4};
    if (header < kIpv4Header) {
        return DropReason::kIpBadHeaderLength;
    }
    if (const Check check = reach(mbuf, meta.l3_offset + header, DropReason::kIpBadHeaderLength)) {
        return check;
    }
    if (checksum_fold(checksum_add(0, {ip, header})) != 0xFFFF) {
        return DropReason::kIpBadChecksum;
    }
    const std::size_t total = load<be16>(ip + kIpv4TotalLength).host();
    if (total < header) {
        return DropReason::kIpBadLength;
    }
    if (const Check check = walk_options(ip + kIpv4Header, ip + header)) {
        return check;
    }
    meta.protocol = ip[kIpv4Protocol];
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header);
    return set_length(mbuf, meta, total, mode);
}

Check parse_ipv4(rte_mbuf* mbuf, PacketMeta& meta, ParseMode mode) {
    if (const Check check = parse_ipv4_header(mbuf, meta, mode)) {
        return check;
    }
    const std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    const std::size_t header = meta.l4_offset - std::size_t{meta.l3_offset};
    const std::uint16_t word = load<be16>(ip + kIpv4Fragment).host();
    const std::size_t offset = (word & kIpv4OffsetMask) * std::size_t{8};
    const bool more = (word & kIpv4MoreFragments) != 0;
    if (offset != 0 || more) {
        meta.fragment_id = load<be16>(ip + kIpv4Id).host();
        const std::size_t length = meta.l3_length - header;
        if (const Check check = set_fragment(meta, offset, more, length, header)) {
            return check;
        }
    }
    if (meta.fragment != FragmentKind::kLater) {
        if (const Check check = parse_l4(mbuf, meta)) {
            return check;
        }
    }
    return mode == ParseMode::kTransparent ? Check{} : check_martian_v4(ip, meta);
}

// RFC 8200 4.5. A whole datagram in one fragment (RFC 6946) is treated as not fragmented.
Check parse_fragment_header(PacketMeta& meta, const std::uint8_t* header, std::size_t begin) {
    const std::uint16_t word = load<be16>(header + 2).host();
    const std::size_t offset = word & 0xFFF8U;
    const bool more = (word & 1U) != 0;
    if (offset == 0 && !more) {
        return {};
    }
    meta.fragment_id = load<be32>(header + 4).host();
    const std::size_t unfragmented = begin - meta.l3_offset - kIpv6Header;
    return set_fragment(
        meta, offset, more, l3_end(meta) - begin - kIpv6FragmentHeader, unfragmented);
}

// Follows the chain to the upper-layer header. AH ends the walk as ESP does: filters and exemptions
// see protocol 51 in both families. A later fragment's walk ends at its fragment header.
Check walk_extensions(const rte_mbuf* mbuf, PacketMeta& meta, std::uint8_t next) {
    std::size_t at = meta.l3_offset + kIpv6Header;
    bool fragment_seen = false;
    for (unsigned count = 0; count <= kMaxExtensions; ++count) {
        meta.protocol = next;
        meta.l4_offset = static_cast<std::uint16_t>(at);
        const bool extension = next == kProtoHopByHop || next == kProtoRouting
                               || next == kProtoFragment || next == kProtoDestinationOptions;
        if (!extension || meta.fragment == FragmentKind::kLater) {
            return {};
        }
        // RFC 7112 5: the whole chain is in the first fragment.
        const DropReason bad = meta.fragment == FragmentKind::kFirst ? DropReason::kFragmentBad
                                                                     : DropReason::kIpBadExtension;
        if (at + 8 > l3_end(meta)) {
            return bad;
        }
        if (const Check check = reach(mbuf, at + 8, bad)) {
            return check;
        }
        const std::uint8_t* header = bytes_at(mbuf, at);
        std::size_t length = (std::size_t{header[1]} + 1) * 8;
        if (next == kProtoFragment) {
            length = kIpv6FragmentHeader;
            if (fragment_seen) {
                return DropReason::kIpBadExtension;
            }
            fragment_seen = true;
            if (const Check check = parse_fragment_header(meta, header, at)) {
                return check;
            }
        } else if (next == kProtoHopByHop && count != 0) {
            // RFC 8200 4.1: hop-by-hop options come first or not at all.
            return DropReason::kIpBadExtension;
        } else if (next == kProtoRouting && header[2] == 0) {
            // RFC 5095 3: a type 0 routing header is not processed.
            return DropReason::kIpSourceRoute;
        }
        next = header[0];
        at += length;
        if (at > l3_end(meta)) {
            return bad;
        }
    }
    return DropReason::kIpBadExtension;
}

Check parse_ipv6(rte_mbuf* mbuf, PacketMeta& meta, ParseMode mode) {
    meta.family = Family::kIpv6;
    if (const Check check = reach(mbuf, meta.l3_offset + kIpv6Header, DropReason::kIpTruncated)) {
        return check;
    }
    const std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    if (ip[0] >> 4U != 6) {
        return DropReason::kIpBadVersion;
    }
    const std::size_t payload = load<be16>(ip + kIpv6PayloadLength).host();
    if (const Check check = set_length(mbuf, meta, kIpv6Header + payload, mode)) {
        return check;
    }
    if (const Check check = walk_extensions(mbuf, meta, ip[kIpv6NextHeader])) {
        return check;
    }
    if (meta.fragment != FragmentKind::kLater) {
        if (const Check check = parse_l4(mbuf, meta)) {
            return check;
        }
    }
    return mode == ParseMode::kTransparent ? Check{} : check_martian_v6(ip, meta);
}

bool has_discovery_type(const rte_mbuf* mbuf, const PacketMeta& meta) {
    if (meta.family != Family::kIpv6 || meta.protocol != kProtoIcmpv6
        || meta.fragment == FragmentKind::kLater) {
        return false;
    }
    const std::uint8_t type = *bytes_at(mbuf, meta.l4_offset);
    return type >= kNdFirstType && type <= kNdLastType;
}

// Tells neighbour discovery from other IP. A hop limit other than 255 (RFC 4861 6.1, 7.1: it came
// through a router) or a fragment (RFC 6980 5) makes it invalid.
ParseResult classify_discovery(const rte_mbuf* mbuf, const PacketMeta& meta, ParseMode mode) {
    if (!has_discovery_type(mbuf, meta)) {
        return {ParseNext::kIp};
    }
    const std::uint8_t hop_limit = bytes_at(mbuf, meta.l3_offset)[kIpv6HopLimit];
    if (hop_limit == kNdHopLimit && meta.fragment == FragmentKind::kWhole) {
        return {ParseNext::kNeighbor};
    }
    return mode == ParseMode::kTransparent ? ParseResult{ParseNext::kIp}
                                           : dropped(DropReason::kNeighborBad);
}

// IEEE 802.2 SNAP can carry IP past a filter that looks at EtherTypes only.
bool is_snap_ip(const rte_mbuf* mbuf, std::size_t payload) {
    constexpr std::uint8_t kSnap[6] = {0xAA, 0xAA, 0x03, 0x00, 0x00, 0x00};
    if (payload + 8 > mbuf->data_len
        || std::memcmp(bytes_at(mbuf, payload), kSnap, sizeof(kSnap)) != 0) {
        return false;
    }
    const std::uint16_t type = load<be16>(bytes_at(mbuf, payload + 6)).host();
    return type == kEtherIpv4 || type == kEtherIpv6;
}

bool is_for(const std::uint8_t* destination, const config::MacAddress& mac) {
    return (destination[0] & 1U) != 0
           || std::memcmp(destination, mac.bytes.data(), mac.bytes.size()) == 0;
}

// Sets l3_offset and `ethertype` of the innermost header.
Check parse_ethernet(const rte_mbuf* mbuf,
                     PacketMeta& meta,
                     ParseMode mode,
                     const config::MacAddress& port_mac,
                     std::uint16_t& ethertype) {
    if (const Check check = reach(mbuf, kEtherHeader, DropReason::kRuntFrame)) {
        return check;
    }
    if (mode == ParseMode::kRouted && !is_for(bytes_at(mbuf, 0), port_mac)) {
        return DropReason::kNotForUs;
    }
    std::size_t type_at = kEtherTypeOffset;
    for (unsigned tags = 0;; ++tags) {
        ethertype = load<be16>(bytes_at(mbuf, type_at)).host();
        if (ethertype != kEtherVlan && ethertype != kEtherQinq) {
            break;
        }
        if (mode != ParseMode::kTransparent || tags == kMaxVlanTags) {
            return DropReason::kVlanTagged;
        }
        type_at += kVlanTag;
        if (const Check check = reach(mbuf, type_at + 2, DropReason::kRuntFrame)) {
            return check;
        }
    }
    meta.l3_offset = static_cast<std::uint16_t>(type_at + 2);
    return {};
}

}  // namespace

ParseResult parse(rte_mbuf* mbuf, ParseMode mode, const config::MacAddress& port_mac) {
    PacketMeta& meta = reset(mbuf);
    std::uint16_t ethertype = 0;
    if (const Check check = parse_ethernet(mbuf, meta, mode, port_mac, ethertype)) {
        return dropped(*check);
    }
    Check check;
    if (ethertype == kEtherIpv4) {
        check = parse_ipv4(mbuf, meta, mode);
    } else if (ethertype == kEtherIpv6) {
        check = parse_ipv6(mbuf, meta, mode);
    } else if (ethertype == kEtherArp) {
        return {ParseNext::kNeighbor};
    } else if (mode != ParseMode::kTransparent
               || (ethertype <= kEtherMaxLength && is_snap_ip(mbuf, meta.l3_offset))) {
        return dropped(DropReason::kUnknownEthertype);
    } else {
        return {ParseNext::kOther};
    }
    return check ? dropped(*check) : classify_discovery(mbuf, meta, mode);
}

void parse_burst(std::span<rte_mbuf* const> burst,
                 ParseMode mode,
                 const config::MacAddress& port_mac,
                 std::span<ParseResult> results) {
    constexpr std::size_t kAhead = 4;
    for (std::size_t i = 0; i < burst.size(); ++i) {
        if (i + kAhead < burst.size()) {
            rte_prefetch0(bytes_at(burst[i + kAhead], 0));
            rte_prefetch0(&meta_of(burst[i + kAhead]));
        }
        results[i] = parse(burst[i], mode, port_mac);
    }
}

}  // namespace dataplane
