// From frame to PacketMeta: Ethernet, IPv4 (RFC 1812 5.2.2), IPv6 with its extension headers
// (RFC 8200), the fields of TCP, UDP and ICMP that filters look at, and martian addresses.
// Left out: whether an address is ours (route stage), L4 checksums (the end systems' business).
#pragma once

#include "config/types.h"
#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <cstdint>
#include <span>

namespace dataplane {

enum class ParseMode : std::uint8_t {
    kRouted,       // from the wire of a routed port
    kTransparent,  // from the wire of a port of a pair: VLAN tags skipped, addresses not judged
    kHost,         // from the kernel's TAP
};

enum class ParseNext : std::uint8_t {
    kDrop,      // `reason` says why
    kIp,        // PacketMeta is filled in
    kNeighbor,  // ARP, or ICMPv6 types 133-137 with hop limit 255: no filter sees it
    kOther,     // neither IP nor ARP, on a transparent port
};

struct ParseResult {
    ParseNext next = ParseNext::kDrop;
    DropReason reason = DropReason::kRuntFrame;  // only for kDrop
};

// Fills in meta_of(mbuf) except origin, direction, in_port, sa and what later stages set. In routed
// and host mode the frame is trimmed to the length the IP header states.
[[nodiscard]] ParseResult parse(rte_mbuf* mbuf, ParseMode mode, const config::MacAddress& port_mac);

// parse() of each packet, with the next ones prefetched; results[i] belongs to burst[i].
void parse_burst(std::span<rte_mbuf* const> burst,
                 ParseMode mode,
                 const config::MacAddress& port_mac,
                 std::span<ParseResult> results);

}  // namespace dataplane
