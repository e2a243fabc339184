#include "dataplane/fragment_out.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/segments.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::load;
using config::store;

// What one fragment carries.
struct Piece {
    std::size_t at = 0;  // bytes from the packet's start
    std::size_t length = 0;
    std::size_t offset = 0;  // bytes from the datagram's start
    bool more = false;
};

struct Header {
    std::array<std::uint8_t, kIpv4MaxHeader> bytes{};
    std::size_t length = 0;
};

// The header of all fragments but the first: RFC 791 3.1 keeps only options whose copied flag is
// set. The parser has walked the options before.
Header later_header(const Header& first) {
    constexpr std::uint8_t kCopied = 0x80;
    Header header;
    std::memcpy(header.bytes.data(), first.bytes.data(), kIpv4Header);
    header.length = kIpv4Header;
    for (std::size_t at = kIpv4Header; at < first.length && first.bytes[at] != 0;) {
        const std::size_t size = first.bytes[at] == 1 ? 1 : first.bytes[at + 1];
        if ((first.bytes[at] & kCopied) != 0) {
            std::memcpy(&header.bytes[header.length], &first.bytes[at], size);
            header.length += size;
        }
        at += size;
    }
    header.length = (header.length + 3) / 4 * 4;  // the rest is zero: end of options
    header.bytes[0] = static_cast<std::uint8_t>(0x40U | (header.length / 4));
    return header;
}

void finish_header(Header& header, const Piece& piece) {
    std::uint8_t* ip = header.bytes.data();
    const std::size_t word = piece.offset / 8 | (piece.more ? kIpv4MoreFragments : 0U);
    store(ip + kIpv4TotalLength, be16(static_cast<std::uint16_t>(header.length + piece.length)));
    store(ip + kIpv4Fragment, be16(static_cast<std::uint16_t>(word)));
    store(ip + kIpv4Checksum, std::uint16_t{0});
    store(ip + kIpv4Checksum, checksum_finish(checksum_add(0, {ip, header.length})));
}

FragmentKind kind_of(const Piece& piece) {
    if (piece.offset != 0) {
        return FragmentKind::kLater;
    }
    return piece.more ? FragmentKind::kFirst : FragmentKind::kWhole;
}

// Everything but the `header` bytes of the IP header, which the caller writes.
rte_mbuf* make_fragment(const rte_mbuf* packet,
                        std::size_t header,
                        const Piece& piece,
                        rte_mempool* pool) {
    const PacketMeta& meta = meta_of(packet);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr) {
        return nullptr;
    }
    const std::size_t length = meta.l3_offset + header + piece.length;
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(length)));
    if (frame == nullptr) {
        rte_pktmbuf_free(mbuf);
        return nullptr;
    }
    std::memcpy(frame, bytes_at(packet, 0), meta.l3_offset);
    copy_out(packet, piece.at, piece.length, frame + meta.l3_offset + header);
    PacketMeta& part = meta_of(mbuf);
    part = meta;
    part.l3_length = static_cast<std::uint16_t>(header + piece.length);
    part.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header);
    part.fragment = kind_of(piece);
    part.more_fragments = piece.more;
    part.fragment_offset = static_cast<std::uint16_t>(piece.offset);
    part.fragment_length = static_cast<std::uint16_t>(piece.length);
    return mbuf;
}

// All fragments or none.
FragmentsOut give_up(FragmentsOut& out) {
    std::for_each_n(out.packets.begin(), out.count, rte_pktmbuf_free);
    return {};
}

std::size_t room_for_payload(std::size_t mtu, std::size_t header) {
    return mtu < header + 8 ? 0 : (mtu - header) / 8 * 8;
}

// Where the headers end that every fragment repeats.
struct Cut {
    std::size_t length = kIpv6Header;
    std::size_t next_header = kIpv6NextHeader;  // place of the field that says what follows
};

// RFC 8200 4.5: up to and including the routing header if there is one, else the hop-by-hop
// options. Both are counted from the IP header. parse() has walked the chain up to l4_offset
// before.
std::optional<Cut> find_cut(const std::uint8_t* ip, std::size_t chain_end) {
    Cut cut;
    std::uint8_t next = ip[kIpv6NextHeader];
    for (std::size_t at = kIpv6Header; at < chain_end;) {
        if (next == kProtoFragment) {
            return std::nullopt;
        }
        const std::size_t length = (std::size_t{ip[at + 1]} + 1) * 8;
        if (next == kProtoHopByHop || next == kProtoRouting) {
            cut = {at + length, at};
        }
        next = ip[at];
        at += length;
    }
    return cut;
}

void write_ipv6(std::uint8_t* to,
                const std::uint8_t* ip,
                const Cut& cut,
                const Piece& piece,
                std::uint32_t identification) {
    std::memcpy(to, ip, cut.length);
    const std::size_t payload = cut.length - kIpv6Header + kIpv6FragmentHeader + piece.length;
    store(to + kIpv6PayloadLength, be16(static_cast<std::uint16_t>(payload)));
    to[cut.next_header] = kProtoFragment;
    std::uint8_t* header = to + cut.length;
    header[0] = ip[cut.next_header];
    header[1] = 0;
    store(header + 2, be16(static_cast<std::uint16_t>(piece.offset | (piece.more ? 1U : 0U))));
    store(header + 4, be32(identification));
}

}  // namespace

FragmentsOut fragment_ipv4(const rte_mbuf* packet, std::uint16_t mtu, rte_mempool* pool) {
    const PacketMeta& meta = meta_of(packet);
    Header header;
    header.length = std::size_t{meta.l4_offset} - meta.l3_offset;
    std::memcpy(header.bytes.data(), bytes_at(packet, meta.l3_offset), header.length);
    const std::uint16_t word = load<be16>(&header.bytes[kIpv4Fragment]).host();
    const std::uint16_t id = load<be16>(&header.bytes[kIpv4Id]).host();
    const Header later = later_header(header);

    FragmentsOut out;
    Piece piece{.at = meta.l4_offset, .offset = (word & kIpv4OffsetMask) * std::size_t{8}};
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    while (piece.at < end) {
        const std::size_t left = end - piece.at;
        const std::size_t room = room_for_payload(mtu, header.length);
        piece.length = left + header.length <= mtu ? left : room;
        // RFC 791: more fragments follow, or the packet was itself not the last one.
        piece.more = piece.length < left || (word & kIpv4MoreFragments) != 0;
        finish_header(header, piece);
        rte_mbuf* mbuf = room == 0 || out.count == kMaxFragmentsOut
                             ? nullptr
                             : make_fragment(packet, header.length, piece, pool);
        if (mbuf == nullptr) {
            return give_up(out);
        }
        std::memcpy(bytes_at(mbuf, meta.l3_offset), header.bytes.data(), header.length);
        meta_of(mbuf).fragment_id = id;
        out.packets[out.count++] = mbuf;
        piece.at += piece.length;
        piece.offset += piece.length;
        header = later;
    }
    return out;
}

FragmentsOut fragment_ipv6(const rte_mbuf* packet,
                           std::uint16_t mtu,
                           std::uint32_t identification,
                           rte_mempool* pool) {
    const PacketMeta& meta = meta_of(packet);
    const std::uint8_t* ip = bytes_at(packet, meta.l3_offset);
    const std::size_t chain_end = std::size_t{meta.l4_offset} - meta.l3_offset;
    const std::optional<Cut> cut = find_cut(ip, chain_end);
    if (!cut) {
        return {};
    }
    const std::size_t header = cut->length + kIpv6FragmentHeader;
    const std::size_t room = room_for_payload(mtu, header);
    // RFC 7112 5: the first one holds all headers; what ports and SPIs are in are eight bytes.
    if (room < chain_end - cut->length + 8) {
        return {};
    }
    FragmentsOut out;
    Piece piece{.at = meta.l3_offset + cut->length};
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    while (piece.at < end) {
        const std::size_t left = end - piece.at;
        piece.length = left + header <= mtu ? left : room;
        piece.more = piece.length < left;
        rte_mbuf* mbuf =
            out.count == kMaxFragmentsOut ? nullptr : make_fragment(packet, header, piece, pool);
        if (mbuf == nullptr) {
            return give_up(out);
        }
        write_ipv6(bytes_at(mbuf, meta.l3_offset), ip, *cut, piece, identification);
        PacketMeta& part = meta_of(mbuf);
        part.fragment_id = identification;
        if (piece.offset == 0) {
            part.l4_offset = static_cast<std::uint16_t>(meta.l4_offset + kIpv6FragmentHeader);
        }
        out.packets[out.count++] = mbuf;
        piece.at += piece.length;
        piece.offset += piece.length;
    }
    return out;
}

}  // namespace dataplane
