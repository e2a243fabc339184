#include "dataplane/fragment_out.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <cstring>

namespace dataplane {
namespace {

using config::be16;
using config::load;
using config::store;

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

void finish_header(Header& header, std::size_t payload, std::uint16_t fragment_word) {
    std::uint8_t* ip = header.bytes.data();
    store(ip + kIpv4TotalLength, be16(static_cast<std::uint16_t>(header.length + payload)));
    store(ip + kIpv4Fragment, be16(fragment_word));
    store(ip + kIpv4Checksum, std::uint16_t{0});
    store(ip + kIpv4Checksum, checksum_finish(checksum_add(0, {ip, header.length})));
}

// Copies bytes that may lie in several segments.
void copy_out(const rte_mbuf* from, std::size_t offset, std::size_t length, std::uint8_t* to) {
    const void* data = rte_pktmbuf_read(
        from, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length), to);
    if (data != to && data != nullptr) {
        std::memcpy(to, data, length);
    }
}

rte_mbuf* make_fragment(const rte_mbuf* packet,
                        const Header& header,
                        std::size_t payload_at,
                        std::size_t payload,
                        rte_mempool* pool) {
    const PacketMeta& meta = meta_of(packet);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr) {
        return nullptr;
    }
    const std::size_t length = meta.l3_offset + header.length + payload;
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(length)));
    if (frame == nullptr) {
        rte_pktmbuf_free(mbuf);
        return nullptr;
    }
    std::memcpy(frame, bytes_at(packet, 0), meta.l3_offset);
    std::memcpy(frame + meta.l3_offset, header.bytes.data(), header.length);
    copy_out(packet, payload_at, payload, frame + meta.l3_offset + header.length);
    meta_of(mbuf) = meta;
    meta_of(mbuf).l3_length = static_cast<std::uint16_t>(header.length + payload);
    meta_of(mbuf).l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header.length);
    return mbuf;
}

}  // namespace

FragmentsOut fragment_ipv4(const rte_mbuf* packet, std::uint16_t mtu, rte_mempool* pool) {
    const PacketMeta& meta = meta_of(packet);
    Header header;
    header.length = std::size_t{meta.l4_offset} - meta.l3_offset;
    std::memcpy(header.bytes.data(), bytes_at(packet, meta.l3_offset), header.length);
    const std::uint16_t word = load<be16>(&header.bytes[kIpv4Fragment]).host();
    const Header later = later_header(header);

    FragmentsOut out;
    std::size_t at = meta.l4_offset;
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    std::size_t offset = word & kIpv4OffsetMask;  // in units of eight bytes
    while (at < end) {
        const std::size_t room = mtu < header.length + 8 ? 0 : (mtu - header.length) / 8 * 8;
        const std::size_t payload = end - at + header.length <= mtu ? end - at : room;
        // RFC 791: more fragments follow, or the packet was itself not the last one.
        const bool more = at + payload < end || (word & kIpv4MoreFragments) != 0;
        finish_header(
            header, payload, static_cast<std::uint16_t>(offset | (more ? kIpv4MoreFragments : 0U)));
        rte_mbuf* mbuf = room == 0 || out.count == kMaxFragmentsOut
                             ? nullptr
                             : make_fragment(packet, header, at, payload, pool);
        if (mbuf == nullptr) {
            std::for_each_n(out.packets.begin(), out.count, rte_pktmbuf_free);
            out.count = 0;
            return out;
        }
        out.packets[out.count++] = mbuf;
        at += payload;
        offset += payload / 8;
        header = later;
    }
    return out;
}

}  // namespace dataplane
