// Offsets and values of the headers the packet path reads and writes. Fields are read by checked
// copy (config::load), never through a struct laid over the packet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dataplane {

inline constexpr std::size_t kEtherHeader = 14;
inline constexpr std::size_t kEtherSource = 6;
inline constexpr std::size_t kEtherTypeOffset = 12;
inline constexpr std::size_t kVlanTag = 4;
inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherVlan = 0x8100;
inline constexpr std::uint16_t kEtherQinq = 0x88A8;
inline constexpr std::uint16_t kEtherIpv6 = 0x86DD;
inline constexpr std::uint16_t kEtherMaxLength = 1500;  // below: an IEEE 802.3 length field

inline constexpr std::size_t kIpv4Header = 20;
inline constexpr std::size_t kIpv4MaxHeader = 60;
inline constexpr std::size_t kIpv4TotalLength = 2;
inline constexpr std::size_t kIpv4Id = 4;
inline constexpr std::size_t kIpv4Fragment = 6;
inline constexpr std::size_t kIpv4Ttl = 8;
inline constexpr std::size_t kIpv4Protocol = 9;
inline constexpr std::size_t kIpv4Checksum = 10;
inline constexpr std::size_t kIpv4Source = 12;
inline constexpr std::size_t kIpv4Destination = 16;
inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4OffsetMask = 0x1FFF;

inline constexpr std::size_t kIpv6Header = 40;
inline constexpr std::size_t kIpv6PayloadLength = 4;
inline constexpr std::size_t kIpv6NextHeader = 6;
inline constexpr std::size_t kIpv6HopLimit = 7;
inline constexpr std::size_t kIpv6Source = 8;
inline constexpr std::size_t kIpv6Destination = 24;
inline constexpr std::size_t kIpv6FragmentHeader = 8;
inline constexpr std::uint16_t kIpv6MinMtu = 1280;

inline constexpr std::uint8_t kProtoHopByHop = 0;
inline constexpr std::uint8_t kProtoIcmp = 1;
inline constexpr std::uint8_t kProtoTcp = 6;
inline constexpr std::uint8_t kProtoUdp = 17;
inline constexpr std::uint8_t kProtoRouting = 43;
inline constexpr std::uint8_t kProtoFragment = 44;
inline constexpr std::uint8_t kProtoRsvp = 46;
inline constexpr std::uint8_t kProtoEsp = 50;
inline constexpr std::uint8_t kProtoAh = 51;
inline constexpr std::uint8_t kProtoIcmpv6 = 58;
inline constexpr std::uint8_t kProtoDestinationOptions = 60;

inline constexpr std::size_t kTcpHeader = 20;
inline constexpr std::size_t kUdpHeader = 8;
inline constexpr std::size_t kIcmpHeader = 8;
inline constexpr std::uint16_t kIkePort = 500;
inline constexpr std::uint16_t kNatTraversalPort = 4500;  // RFC 3947 4, RFC 3948 2.1

inline constexpr std::size_t kEspHeader = 8;       // SPI and sequence number (RFC 4303 2)
inline constexpr std::size_t kAhFixedHeader = 12;  // up to the ICV (RFC 4302 2)

// RFC 4861: router solicitation to redirect.
inline constexpr std::uint8_t kNdFirstType = 133;
inline constexpr std::uint8_t kNdLastType = 137;
inline constexpr std::uint8_t kNdHopLimit = 255;

}  // namespace dataplane
