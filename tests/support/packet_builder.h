// Builds frames byte by byte, layer after layer, outermost first:
//
//   Packet().eth(kMacA, kMacB).ipv4("10.0.0.1", "10.0.1.1").udp(1000, 53).payload(8).bytes()
//
// Lengths and checksums are filled in by bytes(), with code that shares nothing with the product.
// Setters after a layer change that layer; what they set is not corrected afterwards.
#pragma once

#include "config/types.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace tests {

using Bytes = std::vector<std::uint8_t>;

inline constexpr config::MacAddress kGatewayMac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr config::MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0xAA}};
inline constexpr config::MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 0xBB}};
inline constexpr config::MacAddress kBroadcastMac{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

[[nodiscard]] config::IpAddress address(std::string_view text);
[[nodiscard]] std::uint16_t internet_checksum(const Bytes& bytes);

class Packet {
  public:
    Packet& eth(const config::MacAddress& source = kHostMac,
                const config::MacAddress& destination = kGatewayMac);
    Packet& vlan(std::uint16_t id, std::uint16_t tpid = 0x8100);
    Packet& ethertype(std::uint16_t value);  // for a frame without a known next layer
    Packet& ipv4(std::string_view source, std::string_view destination);
    Packet& ipv6(std::string_view source, std::string_view destination);

    Packet& ttl(std::uint8_t value);  // also hop limit
    Packet& id(std::uint16_t value);
    Packet& dont_fragment();
    Packet& fragment(std::uint16_t byte_offset, bool more);  // IPv4
    Packet& options(const Bytes& options);                   // IPv4; padded to four bytes
    Packet& protocol(std::uint8_t value);  // of the last IP layer, and no L4 header follows

    // IPv6 extension headers, in the order they are called.
    Packet& hop_by_hop();
    Packet& destination_options();
    Packet& routing(std::uint8_t type, std::uint8_t segments_left = 0);
    Packet& fragment6(std::uint16_t byte_offset, bool more, std::uint32_t id);

    Packet& tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags = 0x02);
    Packet& udp(std::uint16_t source, std::uint16_t destination);
    Packet& icmp(std::uint8_t type, std::uint8_t code = 0);
    Packet& icmp6(std::uint8_t type, std::uint8_t code = 0);
    Packet& payload(std::size_t length, std::uint8_t first = 0);  // first, first+1, ...
    Packet& payload(const Bytes& bytes);
    Packet& padding(std::size_t length);  // after the IP packet

    // Changes the finished bytes: offset counts from the frame's start.
    Packet& poke(std::size_t offset, std::uint8_t value);
    // The same for a byte of the IPv4 header; its checksum is made right again.
    Packet& poke_ipv4(std::size_t offset, std::uint8_t value);

    [[nodiscard]] Bytes bytes() const;

  private:
    void append(const Bytes& bytes);
    void append16(std::uint16_t value);
    void next_header(std::uint8_t protocol);
    void finish_lengths(Bytes& frame) const;
    void finish_l4(Bytes& frame) const;
    void finish_ipv4(Bytes& frame) const;

    Bytes bytes_;
    std::size_t ip_at_ = 0;
    std::size_t next_header_at_ = 0;  // where the protocol of the next layer is written
    std::size_t l4_at_ = 0;
    std::size_t padding_ = 0;
    std::uint8_t family_ = 0;
    std::uint8_t l4_ = 0;
    bool fragmented_ = false;
    std::vector<std::pair<std::size_t, std::uint8_t>> pokes_;
    std::vector<std::pair<std::size_t, std::uint8_t>> ipv4_pokes_;
};

}  // namespace tests
