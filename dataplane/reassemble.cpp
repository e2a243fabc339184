#include "dataplane/reassemble.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/segments.h"
#include "dataplane/wire.h"

#include <optional>

namespace dataplane {
namespace {

using config::be16;
using config::Family;
using config::store;

// RFC 3168 5. The two others are ECT(1) and ECT(0).
constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kCe = 3;
constexpr std::uint8_t kEcnMask = 3;

// Where the datagram's bytes begin that this fragment carries. It is not l4_offset: in a first IPv6
// fragment, extension headers may lie between.
std::size_t payload_at(const PacketMeta& meta) {
    return std::size_t{meta.l3_offset} + meta.l3_length - meta.fragment_length;
}

std::uint8_t ecn_of(const rte_mbuf* fragment) {
    const PacketMeta& meta = meta_of(fragment);
    const std::uint8_t* ip = bytes_at(fragment, meta.l3_offset);
    return meta.family == Family::kIpv4 ? ip[1] & kEcnMask : (ip[1] >> 4U) & kEcnMask;
}

// RFC 3168 5.3, which says nothing about other mixtures: Not-ECT is the claim that cannot harm,
// since a router then drops where it would mark. Nothing: CE that the datagram must not carry.
std::optional<std::uint8_t> joint_ecn(std::span<rte_mbuf* const> fragments) {
    bool congestion = false;
    bool not_capable = false;
    for (const rte_mbuf* fragment : fragments) {
        const std::uint8_t ecn = ecn_of(fragment);
        congestion = congestion || ecn == kCe;
        not_capable = not_capable || ecn == kNotEct;
    }
    if (congestion && not_capable) {
        return std::nullopt;
    }
    if (congestion) {
        return kCe;
    }
    return not_capable ? kNotEct : ecn_of(fragments.front());
}

struct Layout {
    std::size_t removed = 0;  // bytes of the first fragment's headers that the packet has not
    std::size_t headers = 0;  // bytes in front of the fragmented part, link layer included
    std::size_t frame = 0;
};

Layout layout_of(const PacketMeta& first, const PacketMeta& last) {
    Layout layout;
    layout.removed = first.family == Family::kIpv4 ? 0 : kIpv6FragmentHeader;
    layout.headers = payload_at(first) - layout.removed;
    layout.frame = layout.headers + last.fragment_offset + last.fragment_length;
    return layout;
}

bool has_room(rte_mempool* pool, std::size_t frame) {
    return kPacketHeadroom + frame + kPacketTailroom <= rte_pktmbuf_data_room_size(pool);
}

void copy_bytes(std::span<rte_mbuf* const> fragments, const Layout& layout, std::uint8_t* frame) {
    std::memcpy(frame, bytes_at(fragments.front(), 0), layout.headers);
    for (const rte_mbuf* fragment : fragments) {
        const PacketMeta& part = meta_of(fragment);
        copy_out(fragment,
                 payload_at(part),
                 part.fragment_length,
                 frame + layout.headers + part.fragment_offset);
    }
}

void finish_ipv4(std::uint8_t* ip, std::size_t header, std::size_t length, std::uint8_t ecn) {
    ip[1] = static_cast<std::uint8_t>((ip[1] & ~kEcnMask) | ecn);
    store(ip + kIpv4TotalLength, be16(static_cast<std::uint16_t>(length)));
    store(ip + kIpv4Fragment, std::uint16_t{0});
    store(ip + kIpv4Checksum, std::uint16_t{0});
    store(ip + kIpv4Checksum, checksum_finish(checksum_add(0, {ip, header})));
}

// `fragmented`: what the fragment header says follows the unfragmentable part.
void finish_ipv6(std::uint8_t* ip, std::size_t length, std::uint8_t ecn, std::uint8_t fragmented) {
    ip[1] = static_cast<std::uint8_t>((ip[1] & ~(kEcnMask << 4U)) | (ecn << 4U));
    store(ip + kIpv6PayloadLength, be16(static_cast<std::uint16_t>(length - kIpv6Header)));
    // RFC 8200 4.5: it takes the fragment header's place in the chain, which parse() has walked up
    // to there.
    std::uint8_t* next = ip + kIpv6NextHeader;
    std::uint8_t* extension = ip + kIpv6Header;
    while (*next != kProtoFragment) {
        next = extension;
        extension += (std::size_t{extension[1]} + 1) * 8;
    }
    *next = fragmented;
}

PacketMeta whole_meta(const PacketMeta& first, const Layout& layout) {
    PacketMeta meta = first;
    meta.reassembled = true;
    meta.fragment = FragmentKind::kWhole;
    meta.more_fragments = false;
    meta.fragment_offset = 0;
    meta.fragment_length = 0;
    meta.fragment_id = 0;
    meta.held_since = 0;
    meta.l3_length = static_cast<std::uint16_t>(layout.frame - first.l3_offset);
    meta.l4_offset = static_cast<std::uint16_t>(first.l4_offset - layout.removed);
    return meta;
}

}  // namespace

Reassembled reassemble(std::span<rte_mbuf* const> fragments,
                       rte_mempool* pool,
                       rte_mempool* large) {
    const rte_mbuf* first = fragments.front();
    const PacketMeta& meta = meta_of(first);
    const Layout layout = layout_of(meta, meta_of(fragments.back()));
    const std::size_t l3_length = layout.frame - meta.l3_offset;
    rte_mempool* from = has_room(pool, layout.frame) ? pool : large;
    if (l3_length > kMaxReassembled || !has_room(from, layout.frame)) {
        return {nullptr, DropReason::kReassembledTooLong};
    }
    const std::optional<std::uint8_t> ecn = joint_ecn(fragments);
    if (!ecn) {
        return {nullptr, DropReason::kEcnInvalid};
    }
    rte_mbuf* mbuf = rte_pktmbuf_alloc(from);
    if (mbuf == nullptr) {
        return {nullptr, DropReason::kNoBuffer};
    }
    mbuf->data_len = static_cast<std::uint16_t>(layout.frame);
    mbuf->pkt_len = static_cast<std::uint32_t>(layout.frame);
    std::uint8_t* frame = bytes_at(mbuf, 0);
    copy_bytes(fragments, layout, frame);
    std::uint8_t* ip = frame + meta.l3_offset;
    if (meta.family == Family::kIpv4) {
        finish_ipv4(ip, layout.headers - meta.l3_offset, l3_length, *ecn);
    } else {
        // The fragment header begins where the packet's headers end.
        finish_ipv6(ip, l3_length, *ecn, *bytes_at(first, layout.headers));
    }
    meta_of(mbuf) = whole_meta(meta, layout);
    return {mbuf, DropReason::kNoBuffer};
}

}  // namespace dataplane
