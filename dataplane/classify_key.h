// What a classifier compares of a packet, gathered into one contiguous block: protocol and port
// positions vary in the packet (options, extension headers), and a later fragment's ports come from
// its datagram's first one. Network byte order, the layout rte_acl reads in 4-byte steps.
#pragma once

#include "config/bytes.h"
#include "dataplane/packet.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace dataplane {

template <std::size_t kBytes>
struct ClassifyKey {
    std::uint8_t protocol = 0;
    std::array<std::uint8_t, 3> zero{};
    std::array<std::uint8_t, kBytes> source{};
    std::array<std::uint8_t, kBytes> destination{};
    config::be16 source_port;
    config::be16 destination_port;
};
using KeyV4 = ClassifyKey<4>;
using KeyV6 = ClassifyKey<16>;
static_assert(sizeof(KeyV4) == 16 && sizeof(KeyV6) == 40);

template <std::size_t kBytes>
void gather_key(const rte_mbuf* mbuf, const PacketMeta& meta, ClassifyKey<kBytes>& key) {
    // RFC 791 3.1, RFC 8200 3: source and destination stand side by side.
    constexpr std::size_t kAddresses = kBytes == 4 ? 12 : 8;
    const std::uint8_t* addresses = bytes_at(mbuf, meta.l3_offset + kAddresses);
    key.protocol = meta.protocol;
    std::memcpy(key.source.data(), addresses, kBytes);
    std::memcpy(key.destination.data(), addresses + kBytes, kBytes);
    key.source_port = config::be16(meta.source_port);
    key.destination_port = config::be16(meta.destination_port);
}

}  // namespace dataplane
