// Where ESP and AH headers go in a packet, and the headers a tunnel puts around it: making room on
// the way out, closing the gap on the way in. RFC 4301 5.1.2 (tunnel headers), RFC 6040 (ECN), RFC
// 2983 (DSCP), RFC 3948 (UDP encapsulation). Works on parsed packets in one segment, and leaves
// PacketMeta as parse() would.
#pragma once

#include "dataplane/ah.h"
#include "dataplane/esp.h"
#include "dataplane/ipsec_work.h"

#include <cstdint>

namespace dataplane {

// --- sizes

// Length of the IP packet that comes of the parsed packet when this SA and its bundle protect it.
[[nodiscard]] std::uint32_t protected_length(const Sa& sa, const PacketMeta& meta);
// The longest IP packet of `meta`'s shape that still fits `mtu` when protected; 0: none does.
[[nodiscard]] std::uint16_t payload_mtu(const Sa& sa, const PacketMeta& meta, std::uint16_t mtu);
// What the packet counts against this SA's lifetime (not its bundle's outer one's).
[[nodiscard]] std::uint32_t counted_bytes(const Sa& sa, const PacketMeta& meta);

// --- outbound

// Steps, by mode:
//   transport: 1. headers up to the upper layer move forward to make room (IPv6: behind all
//                 extension headers, RFC 4303 3.1.1)
//              2. protocol of the last of them, lengths, checksum
//   tunnel:    1. an outer header in front: addresses of the SA, TTL 64, DSCP and ECN, DF, a
//                 fresh identification
//   both:      3. UDP header, where the SA has one
//              4. esp_prepare_protect() or ah_prepare_protect(), which fill the job
// work.mbuf, sa and sequence are set; the frame ends with the packet, which in transport mode is no
// fragment (RFC 4303 3.3.4). The Ethernet header stays in front, its type is set. meta says what
// the packet is now: protocol ESP, AH or UDP, from this host; what the route stage found stays.
// kNoBuffer: not enough head or tailroom, the packet is as it was; kIpsecTooLong: more than 65,535
// bytes (AH: than a job can cover), likewise; kIpBadExtension: see ah_prepare_protect().
[[nodiscard]] IpsecCheck encapsulate(IpsecWork& work, IvSource& ivs, crypto::CryptoJob& job);
// After the run.
void finish_encapsulation(IpsecWork& work);

// --- inbound

// Where the ESP or AH header of a parsed packet for this host is: behind the UDP header if it is
// encapsulated (RFC 3948 2.2, 2.3: not the non-ESP marker, not a keepalive). Nowhere in fragments.
// The UDP checksum is not looked at (RFC 3948 2.1): the ICV covers what matters.
enum class IpsecHeader : std::uint8_t { kNone, kEsp, kAh, kUdpEsp, kKeepalive };
[[nodiscard]] IpsecHeader ipsec_header(const rte_mbuf* mbuf);

// Whether the whole datagram of this parsed fragment may have one.
[[nodiscard]] bool may_hold_ipsec(const PacketMeta& meta);

struct IpsecFields {
    std::uint16_t offset = 0;  // from the frame's start
    std::uint32_t spi = 0;
    std::uint32_t sequence = 0;  // as sent: the low half
};
// Reads them, or kEspTruncated, kAhTruncated.
[[nodiscard]] IpsecCheck read_ipsec_fields(const rte_mbuf* mbuf,
                                           IpsecHeader header,
                                           IpsecFields& fields);

// Removes the verified ESP or AH and, in tunnel mode, everything in front of the inner packet but
// an Ethernet header with its type. In transport mode the headers in front close up, with protocol,
// lengths and checksums as the sender's host had them; through UDP also the checksum of TCP or UDP
// (RFC 3948 3.1.2). The result must be parsed again. kBadNextHeader: tunnel mode and not IP, or a
// protocol number that cannot follow; kIpTruncated; kEcnInvalid: RFC 6040 4.2, CE over Not-ECT.
[[nodiscard]] IpsecCheck decapsulate(IpsecWork& work, const EspPayload& payload);
[[nodiscard]] IpsecCheck decapsulate(IpsecWork& work, const AhPayload& payload);

}  // namespace dataplane
