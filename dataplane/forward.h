// What forwarding changes in a packet: TTL or hop limit, and the Ethernet addresses.
#pragma once

#include "config/types.h"
#include "dataplane/packet.h"

namespace dataplane {

// False: the TTL or hop limit is used up, the packet is as it was (RFC 1812 5.2.3, RFC 8200 3).
[[nodiscard]] bool decrement_ttl(rte_mbuf* mbuf, const PacketMeta& meta);

// Precondition: untagged frame, as every routed one.
void write_ethernet(rte_mbuf* mbuf,
                    const config::MacAddress& source,
                    const config::MacAddress& destination);

// RFC 1112 6.4, RFC 2464 7; anything else is a broadcast.
[[nodiscard]] config::MacAddress group_mac(config::Family family, const std::uint8_t* address);

// RFC 791, RFC 8200 4.5: IPv4 without DF anywhere, IPv6 only where it was sent: what this gateway
// protected, and what its kernel had cut itself.
[[nodiscard]] bool may_fragment(const rte_mbuf* mbuf, const PacketMeta& meta);

}  // namespace dataplane
