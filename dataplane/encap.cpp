#include "dataplane/encap.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/transport_checksum.h"
#include "dataplane/tunnel_header.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <cstring>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::Family;
using config::IpsecProtocol;
using config::load;
using config::SaMode;
using config::store;

constexpr std::uint32_t kMaxIpPacket = 65535;
// CryptoJob::auth: four bytes behind the packet are written during the run.
constexpr std::uint32_t kScratch = 4;
constexpr std::size_t kNonEspMarker = 4;  // RFC 3948 2.2
constexpr std::uint8_t kKeepaliveByte = 0xFF;

// A packet as one SA sees it: `header` bytes of IP header and extensions of `family`, in front of
// what the SA inserts, and the `payload` that it protects. In tunnel mode the header is the new one
// and the payload the whole packet.
struct Shape {
    Family family = Family::kIpv4;
    std::uint32_t header = 0;
    std::uint32_t payload = 0;
};

Shape shape_of(const PacketMeta& meta) {
    const std::uint32_t header = std::uint32_t{meta.l4_offset} - meta.l3_offset;
    return {meta.family, header, meta.l3_length - header};
}

bool is_tunnel(const Sa& sa) {
    return sa.mode == SaMode::kTunnel;
}

bool is_esp(const Sa& sa) {
    return sa.protocol == IpsecProtocol::kEsp;
}

Shape seen_by(const Sa& sa, const Shape& packet) {
    if (!is_tunnel(sa)) {
        return packet;
    }
    return {sa.family,
            static_cast<std::uint32_t>(ip_header_bytes(sa.family)),
            packet.header + packet.payload};
}

std::uint32_t udp_bytes(const Sa& sa) {
    return sa.encapsulation ? static_cast<std::uint32_t>(kUdpHeader) : 0;
}

// Bytes behind the payload: padding, trailer and ICV of ESP.
std::uint32_t bytes_behind(const Sa& sa, std::uint32_t payload) {
    return is_esp(sa) ? esp_trailer_bytes(sa, payload) + sa.icv_bytes : 0;
}

// What the SA inserts around the payload, without a tunnel's IP header.
std::uint32_t overhead(const Sa& sa, const Shape& shape) {
    return is_esp(sa) ? udp_bytes(sa) + esp_overhead(sa, shape.payload)
                      : ah_header_bytes(sa, shape.family);
}

// AH's MAC covers the packet from its first byte, and a job is at most kMaxJobBytes long.
std::uint32_t longest_packet(const Sa& sa) {
    return is_esp(sa) ? kMaxIpPacket : std::min(kMaxIpPacket, crypto::kMaxJobBytes);
}

// The longest payload with which the packet has at most `room` bytes; 0: none.
std::uint32_t largest_payload(const Sa& sa, const Shape& shape, std::uint32_t room) {
    const std::uint32_t usable = std::min(room, longest_packet(sa));
    const std::uint32_t least_trailer = is_esp(sa) ? esp_trailer_bytes(sa, 0) : 0;
    const std::uint32_t fixed =
        shape.header + overhead(sa, {shape.family, shape.header, 0}) - least_trailer;
    if (usable < fixed + least_trailer) {
        return 0;
    }
    if (!is_esp(sa)) {
        return usable - fixed;
    }
    // RFC 4303 2.4: payload, padding and the trailer's two bytes are a multiple of align_to.
    return (usable - fixed) / sa.align_to * sa.align_to - 2;
}

// Sets the protocol that follows `header` bytes of IP header and extensions, and the packet's
// length, with IPv4's checksum.
void set_upper(std::uint8_t* ip, const Shape& shape, std::uint8_t protocol, std::uint32_t length) {
    if (shape.family == Family::kIpv4) {
        store(ip + kIpv4TotalLength, be16(static_cast<std::uint16_t>(length)));
        ip[kIpv4Protocol] = protocol;
        store(ip + kIpv4Checksum, std::uint16_t{0});
        store(ip + kIpv4Checksum, checksum_finish(checksum_add(0, {ip, shape.header})));
        return;
    }
    store(ip + kIpv6PayloadLength, be16(static_cast<std::uint16_t>(length - kIpv6Header)));
    // parse() has walked the same headers: their lengths add up to shape.header.
    std::uint8_t* next = ip + kIpv6NextHeader;
    for (std::size_t at = kIpv6Header; at < shape.header;) {
        const std::size_t size =
            *next == kProtoFragment ? kIpv6FragmentHeader : (std::size_t{ip[at + 1]} + 1) * 8;
        next = ip + at;
        at += size;
    }
    *next = protocol;
}

void set_ethertype(std::uint8_t* ip, Family family) {
    store(ip - sizeof(be16), be16(family == Family::kIpv4 ? kEtherIpv4 : kEtherIpv6));
}

// Makes `gap` bytes of room behind the first `count` bytes of the frame.
void open_gap(rte_mbuf* mbuf, std::uint32_t gap, std::size_t count) {
    auto* front =
        reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(mbuf, static_cast<std::uint16_t>(gap)));
    std::memmove(front, front + gap, count);
}

// Removes the `gap` bytes behind the first `count` bytes of the frame, and all that follows `rest`
// bytes more.
void close_gap(rte_mbuf* mbuf, std::uint32_t gap, std::size_t count, std::uint32_t rest) {
    std::uint8_t* front = bytes_at(mbuf, 0);
    std::memmove(front + gap, front, count);
    rte_pktmbuf_adj(mbuf, static_cast<std::uint16_t>(gap));
    mbuf->data_len = static_cast<std::uint16_t>(count + rest);
    mbuf->pkt_len = mbuf->data_len;
}

// RFC 3948 2.1. The checksum is zero over IPv4. Over IPv6 finish_encapsulation() writes it: hosts
// refuse a datagram without one (RFC 8200 8.1), tunnels or not.
void write_udp_header(std::uint8_t* udp,
                      const config::UdpEncapsulation& ports,
                      std::uint32_t length) {
    store(udp, be16(ports.source_port));
    store(udp + 2, be16(ports.destination_port));
    store(udp + 4, be16(static_cast<std::uint16_t>(length)));
    store(udp + 6, std::uint16_t{0});
}

std::uint8_t outermost_protocol(const Sa& sa) {
    return sa.encapsulation ? kProtoUdp : is_esp(sa) ? kProtoEsp : kProtoAh;
}

void describe(PacketMeta& meta, const Sa& sa, const Shape& shape, std::uint32_t length) {
    meta.direction = Direction::kOutbound;
    meta.family = shape.family;
    meta.fragment = FragmentKind::kWhole;
    meta.more_fragments = false;
    meta.fragment_offset = 0;
    meta.fragment_length = 0;
    meta.fragment_id = 0;
    meta.protocol = outermost_protocol(sa);
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + shape.header);
    meta.l3_length = static_cast<std::uint16_t>(length);
    const config::UdpEncapsulation ports =
        sa.encapsulation ? udp_ports(sa) : config::UdpEncapsulation{0, 0};
    meta.source_port = ports.source_port;
    meta.destination_port = ports.destination_port;
}

// Writes the headers in front of the ESP or AH header, into the gap made for them; says what its
// next header is. meta still describes the packet without them.
std::uint8_t write_headers(const IpsecWork& work,
                           const Shape& shape,
                           std::uint32_t length,
                           std::uint32_t gap) {
    const Sa& sa = *work.sa;
    const PacketMeta& meta = meta_of(work.mbuf);
    std::uint8_t* ip = bytes_at(work.mbuf, meta.l3_offset);
    std::uint8_t next_header = meta.protocol;
    if (is_tunnel(sa)) {
        next_header = tunnel_protocol(meta.family);
        write_tunnel_header(
            ip,
            sa,
            {.length = length, .protocol = outermost_protocol(sa), .sequence = work.sequence},
            ip + gap,
            meta.family);
        set_ethertype(ip, sa.family);
    } else {
        set_upper(ip, shape, outermost_protocol(sa), length);
    }
    if (sa.encapsulation) {
        write_udp_header(ip + shape.header, udp_ports(sa), length - shape.header);
    }
    return next_header;
}

// RFC 4303 2.6, RFC 4302 2.2: what may follow in transport mode. Not the headers that RFC 8200 4.1
// puts in front of ESP and AH, which routers act on, and not a fragment: transport mode protects
// whole datagrams (RFC 4303 3.3.4). Destination options may, and so may IP in IP (RFC 3884): in
// transport mode both numbers are protocols like any other, for the filters to judge.
bool may_follow(std::uint8_t protocol) {
    return protocol != kProtoHopByHop && protocol != kProtoRouting && protocol != kProtoFragment;
}

// A verified payload, of ESP or AH.
IpsecCheck open_tunnel(IpsecWork& work, const EspPayload& payload) {
    rte_mbuf* mbuf = work.mbuf;
    const PacketMeta& meta = meta_of(mbuf);
    if (payload.next_header != kProtoIpv4 && payload.next_header != kProtoIpv6) {
        return DropReason::kBadNextHeader;
    }
    const Family family = payload.next_header == kProtoIpv4 ? Family::kIpv4 : Family::kIpv6;
    if (payload.length < ip_header_bytes(family)) {
        return DropReason::kIpTruncated;
    }
    std::uint8_t* inner = bytes_at(mbuf, payload.offset);
    if (inner[0] >> 4U != static_cast<std::uint8_t>(family)) {
        return DropReason::kBadNextHeader;
    }
    const std::uint32_t length = family == Family::kIpv4
                                     ? load<be16>(inner + kIpv4TotalLength).host()
                                     : kIpv6Header + load<be16>(inner + kIpv6PayloadLength).host();
    if (length > payload.length) {
        return DropReason::kIpTruncated;
    }
    if (!combine_ecn(bytes_at(mbuf, meta.l3_offset), meta.family, inner, family)) {
        return DropReason::kEcnInvalid;
    }
    // RFC 4303 2.7: what the sender put behind the inner packet to hide its length ends here.
    close_gap(mbuf, std::uint32_t{payload.offset} - meta.l3_offset, meta.l3_offset, length);
    set_ethertype(bytes_at(mbuf, meta.l3_offset), family);
    return {};
}

IpsecCheck close_transport(IpsecWork& work, const EspPayload& payload) {
    rte_mbuf* mbuf = work.mbuf;
    const PacketMeta& meta = meta_of(mbuf);
    if (!may_follow(payload.next_header)) {
        return DropReason::kBadNextHeader;
    }
    const Shape shape = shape_of(meta);
    close_gap(mbuf, std::uint32_t{payload.offset} - meta.l4_offset, meta.l4_offset, payload.length);
    std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    set_upper(ip, shape, payload.next_header, shape.header + payload.length);
    if (work.sa->encapsulation) {
        renew_transport_checksum(
            ip, meta.family, payload.next_header, {ip + shape.header, payload.length});
    }
    return {};
}

}  // namespace

std::uint32_t protected_length(const Sa& sa, const PacketMeta& meta) {
    Shape shape = shape_of(meta);
    for (const Sa* each = &sa; each != nullptr; each = each->outer) {
        shape = seen_by(*each, shape);
        shape.payload += overhead(*each, shape);
    }
    return shape.header + shape.payload;
}

std::uint16_t payload_mtu(const Sa& sa, const PacketMeta& meta, std::uint16_t mtu) {
    const Shape packet = shape_of(meta);
    const Shape shape = seen_by(sa, packet);
    std::uint32_t room = mtu;
    if (sa.outer != nullptr) {
        const Shape outer = seen_by(*sa.outer, shape);
        const std::uint32_t payload = largest_payload(*sa.outer, outer, mtu);
        room = is_tunnel(*sa.outer) ? payload : outer.header + payload;
    }
    const std::uint32_t payload = largest_payload(sa, shape, room);
    const std::uint32_t length = is_tunnel(sa) ? payload : packet.header + payload;
    return payload == 0 || length < packet.header ? std::uint16_t{0}
                                                  : static_cast<std::uint16_t>(length);
}

std::uint32_t counted_bytes(const Sa& sa, const PacketMeta& meta) {
    const Shape shape = seen_by(sa, shape_of(meta));
    return is_esp(sa) ? esp_counted_bytes(sa, shape.payload)
                      : ah_counted_bytes(sa, shape.family, shape.header + shape.payload);
}

IpsecCheck encapsulate(IpsecWork& work, IvSource& ivs, crypto::CryptoJob& job) {
    const Sa& sa = *work.sa;
    rte_mbuf* mbuf = work.mbuf;
    PacketMeta& meta = meta_of(mbuf);
    const Shape shape = seen_by(sa, shape_of(meta));
    const std::uint32_t length = shape.header + shape.payload + overhead(sa, shape);
    if (length > longest_packet(sa)) {
        return DropReason::kIpsecTooLong;
    }
    const std::uint32_t behind = bytes_behind(sa, shape.payload);
    const std::uint32_t gap = length - meta.l3_length - behind;
    if (gap > rte_pktmbuf_headroom(mbuf) || behind + kScratch > rte_pktmbuf_tailroom(mbuf)) {
        return DropReason::kNoBuffer;
    }
    open_gap(mbuf, gap, is_tunnel(sa) ? meta.l3_offset : meta.l4_offset);
    const std::uint8_t next_header = write_headers(work, shape, length, gap);
    describe(meta, sa, shape, length);
    work.offset = static_cast<std::uint16_t>(meta.l4_offset + udp_bytes(sa));
    if (!is_esp(sa)) {
        return ah_prepare_protect(work, next_header, job);
    }
    esp_prepare_protect(work, shape.payload, next_header, ivs, job);
    return {};
}

void finish_encapsulation(IpsecWork& work) {
    const Sa& sa = *work.sa;
    const PacketMeta& meta = meta_of(work.mbuf);
    if (!is_esp(sa)) {
        ah_finish_protect(work);
    } else if (sa.encapsulation && meta.family == Family::kIpv6) {
        const std::uint8_t* ip = bytes_at(work.mbuf, meta.l3_offset);
        const std::uint32_t length =
            std::uint32_t{meta.l3_offset} + meta.l3_length - meta.l4_offset;
        write_udp_checksum(ip, meta.family, {bytes_at(work.mbuf, meta.l4_offset), length});
    }
}

bool may_hold_ipsec(const PacketMeta& meta) {
    return meta.direction == Direction::kInbound
           && (meta.protocol == kProtoEsp || meta.protocol == kProtoAh
               || (meta.protocol == kProtoUdp && meta.destination_port == kNatTraversalPort));
}

IpsecHeader ipsec_header(const rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    if (meta.direction != Direction::kInbound || meta.fragment != FragmentKind::kWhole) {
        return IpsecHeader::kNone;
    }
    if (meta.protocol == kProtoEsp) {
        return IpsecHeader::kEsp;
    }
    if (meta.protocol == kProtoAh) {
        return IpsecHeader::kAh;
    }
    if (meta.protocol != kProtoUdp || meta.destination_port != kNatTraversalPort) {
        return IpsecHeader::kNone;
    }
    // A datagram shorter than the packet is no sender's of ESP, whose end is the packet's.
    const std::uint8_t* udp = bytes_at(mbuf, meta.l4_offset);
    const std::size_t length = load<be16>(udp + 4).host();
    const std::size_t end = meta.l4_offset + length;
    if (end != std::size_t{meta.l3_offset} + meta.l3_length || end > mbuf->data_len) {
        return IpsecHeader::kNone;
    }
    const std::uint8_t* payload = udp + kUdpHeader;
    if (length == kUdpHeader + 1 && *payload == kKeepaliveByte) {
        return IpsecHeader::kKeepalive;  // RFC 3948 2.3
    }
    // RFC 3948 2.2: where IKE has four zero bytes, ESP has its SPI, which is never 0.
    return length < kUdpHeader + kNonEspMarker || load<std::uint32_t>(payload) == 0
               ? IpsecHeader::kNone
               : IpsecHeader::kUdpEsp;
}

IpsecCheck read_ipsec_fields(const rte_mbuf* mbuf, IpsecHeader header, IpsecFields& fields) {
    const PacketMeta& meta = meta_of(mbuf);
    const bool ah = header == IpsecHeader::kAh;
    const std::size_t udp = header == IpsecHeader::kUdpEsp ? kUdpHeader : 0;
    const std::size_t offset = meta.l4_offset + udp;
    // RFC 4302 2: in front of the SPI AH has four bytes of which none is needed yet.
    const std::size_t spi = offset + (ah ? 4U : 0U);
    const std::size_t end =
        std::min<std::size_t>(std::size_t{meta.l3_offset} + meta.l3_length, mbuf->data_len);
    if (spi + 8 > end) {
        return ah ? DropReason::kAhTruncated : DropReason::kEspTruncated;
    }
    fields.offset = static_cast<std::uint16_t>(offset);
    fields.spi = load<be32>(bytes_at(mbuf, spi)).host();
    fields.sequence = load<be32>(bytes_at(mbuf, spi + 4)).host();
    return {};
}

IpsecCheck decapsulate(IpsecWork& work, const EspPayload& payload) {
    return is_tunnel(*work.sa) ? open_tunnel(work, payload) : close_transport(work, payload);
}

IpsecCheck decapsulate(IpsecWork& work, const AhPayload& payload) {
    const PacketMeta& meta = meta_of(work.mbuf);
    const std::uint32_t end = std::uint32_t{meta.l3_offset} + meta.l3_length;
    return decapsulate(work,
                       EspPayload{.offset = payload.offset,
                                  .length = end - payload.offset,
                                  .next_header = payload.next_header});
}

}  // namespace dataplane
