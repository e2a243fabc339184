// Checksums of TCP and UDP with the pseudo-header (RFC 9293 3.1, RFC 768, RFC 8200 8.1), where the
// gateway has to make them: it wrote the UDP header, or a NAT changed the addresses under them.
#pragma once

#include "config/types.h"

#include <cstdint>
#include <span>

namespace dataplane {

// Writes the checksum of a UDP header with all that follows it. `ip` is the IP header in front,
// whose destination is the packet's last one.
void write_udp_checksum(const std::uint8_t* ip,
                        config::Family family,
                        std::span<std::uint8_t> datagram);

// `upper`: all that is behind the IP headers. Makes the checksum right for the addresses in `ip`,
// unless UDP over IPv4 came without one. Other protocols, and headers that are not all there, stay
// as they are: the parser judges them. RFC 3948 3.1.2 allows this because the ICV has proved the
// bytes.
void renew_transport_checksum(const std::uint8_t* ip,
                              config::Family family,
                              std::uint8_t protocol,
                              std::span<std::uint8_t> upper);

}  // namespace dataplane
