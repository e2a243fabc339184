// What routers on the way to a peer report about the largest packet that gets through (RFC 4301
// 8.2): ICMP "fragmentation needed" (RFC 1191) and ICMPv6 "packet too big" (RFC 8201), if the
// packet they quote is ESP or AH. Such a report is not authenticated (RFC 4301 8.2.1): what anybody
// can do with one is limited by the lower bounds here, by having to know the SPI, and by the time
// after which the caller tries larger packets again.
#pragma once

#include "config/sa_spec.h"
#include "config/types.h"

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>

namespace dataplane {

// RFC 4301 8.2 leaves the bound to us; every IPv4 host takes so much (RFC 791 3.2).
inline constexpr std::uint16_t kMinPathMtuV4 = 576;

struct PathMtuReport {
    config::IpsecProtocol protocol = config::IpsecProtocol::kEsp;  // of a bundle: AH
    std::uint32_t spi = 0;
    config::IpAddress source;  // of the quoted packet: this end of the SA
    config::IpAddress destination;
    // At least kMinPathMtuV4 or kIpv6MinMtu, never above the length of the packet it is about,
    // unless that was shorter than the bound.
    std::uint16_t mtu = 0;
};

// `mbuf`: parsed, whole, for this host. Nothing: it is no such message, it is damaged, or it quotes
// too little to name an SA (of ESP in UDP, routers that quote only the RFC 792 eight bytes). The
// caller looks for the outbound SA of this SPI, protocol and destination, and lowers its path_mtu;
// the message itself goes on like any other.
[[nodiscard]] std::optional<PathMtuReport> read_path_mtu(const rte_mbuf* mbuf);

}  // namespace dataplane
