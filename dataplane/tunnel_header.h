// The IP header that tunnel mode puts in front of a packet, and what that header tells about
// congestion when it is taken off. RFC 4301 5.1.2 (fields), RFC 6040 (ECN), RFC 2983 (DSCP).
#pragma once

#include "config/types.h"
#include "dataplane/sa.h"
#include "dataplane/wire.h"

#include <cstddef>
#include <cstdint>

namespace dataplane {

// Next header of ESP or AH in tunnel mode (RFC 4303 2.6).
inline constexpr std::uint8_t kProtoIpv4 = 4;
inline constexpr std::uint8_t kProtoIpv6 = 41;

[[nodiscard]] constexpr std::size_t ip_header_bytes(config::Family family) {
    return family == config::Family::kIpv4 ? kIpv4Header : kIpv6Header;
}
[[nodiscard]] constexpr std::uint8_t tunnel_protocol(config::Family inner) {
    return inner == config::Family::kIpv4 ? kProtoIpv4 : kProtoIpv6;
}

struct TunnelHeader {
    std::uint32_t length = 0;    // of the whole packet, this header included; at most 65,535
    std::uint8_t protocol = 0;   // of what follows
    std::uint64_t sequence = 0;  // the packet's number in its SA
};

// Writes ip_header_bytes(sa.family) bytes. `inner` is the packet's own IP header of `inner_family`.
//   addresses       the SA's
//   DSCP            the SA's or the inner one
//   ECN             the inner one (RFC 6040 4.1, normal mode)
//   TTL, hop limit  64
//   identification  differs between the last 65,536 packets of an SA
//   DF              as DfPolicy says. To copy from IPv6, which routers never fragment, means 1 if a
//                   packet too big can be answered; one of at most 1,280 bytes cannot be made
//                   shorter, so there the tunnel fragments (RFC 4213 3.2.2)
//   flow label      one per SA: as random as the SPI, tells nothing that the SPI behind it does not
//                   tell, and keeps the SA's packets on one path and so in order (RFC 6438 3)
void write_tunnel_header(std::uint8_t* outer,
                         const Sa& sa,
                         const TunnelHeader& header,
                         const std::uint8_t* inner,
                         config::Family inner_family);

// ECN of the packet that leaves a tunnel (RFC 6040 4.2, Figure 4), from both headers. Changes the
// inner one, with its checksum; its DSCP stays. False: it must be dropped.
[[nodiscard]] bool combine_ecn(const std::uint8_t* outer,
                               config::Family outer_family,
                               std::uint8_t* inner,
                               config::Family inner_family);

}  // namespace dataplane
