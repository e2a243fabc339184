#include "dataplane/tunnel_header.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"

#include <array>
#include <cstring>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::DfPolicy;
using config::Family;
using config::load;
using config::store;

constexpr std::uint8_t kHopLimit = 64;

// Values of the two low bits of TOS and traffic class (RFC 3168 5).
constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kEct1 = 1;
constexpr std::uint8_t kEct0 = 2;
constexpr std::uint8_t kCe = 3;
constexpr std::uint8_t kEcnMask = 3;

constexpr std::uint8_t kDrop = 0xFF;

// RFC 6040 Figure 4: row: the arriving inner header; column: the arriving outer header. Both are
// numbered as on the wire: Not-ECT, ECT(1), ECT(0), CE.
constexpr std::array<std::array<std::uint8_t, 4>, 4> kEgressEcn = {{
    {kNotEct, kNotEct, kNotEct, kDrop},
    {kEct1, kEct1, kEct1, kCe},
    {kEct0, kEct1, kEct0, kCe},
    {kCe, kCe, kCe, kCe},
}};

// IPv4's TOS or IPv6's traffic class: six bits of DSCP, two of ECN.
std::uint8_t traffic_class(const std::uint8_t* ip, Family family) {
    return family == Family::kIpv4 ? ip[1]
                                   : static_cast<std::uint8_t>((ip[0] & 0x0FU) << 4U | ip[1] >> 4U);
}

void set_ecn(std::uint8_t* ip, Family family, std::uint8_t ecn) {
    if (family == Family::kIpv6) {
        ip[1] = static_cast<std::uint8_t>((ip[1] & ~(kEcnMask << 4U)) | ecn << 4U);
        return;
    }
    const auto before = load<std::uint16_t>(ip);
    ip[1] = static_cast<std::uint8_t>((ip[1] & ~std::uint32_t{kEcnMask}) | ecn);
    const auto after = load<std::uint16_t>(ip);
    store(ip + kIpv4Checksum,
          checksum_update(load<std::uint16_t>(ip + kIpv4Checksum), before, after));
}

std::uint8_t outer_traffic_class(const Sa& sa, const std::uint8_t* inner, Family family) {
    const std::uint8_t copied = traffic_class(inner, family);
    return sa.dscp ? static_cast<std::uint8_t>(*sa.dscp << 2U | (copied & kEcnMask)) : copied;
}

bool outer_dont_fragment(const Sa& sa, const std::uint8_t* inner, Family family) {
    if (sa.df != DfPolicy::kCopy) {
        return sa.df == DfPolicy::kSet;
    }
    if (family == Family::kIpv6) {
        return kIpv6Header + load<be16>(inner + kIpv6PayloadLength).host() > kIpv6MinMtu;
    }
    return (load<be16>(inner + kIpv4Fragment).host() & kIpv4DontFragment) != 0;
}

void write_ipv4(std::uint8_t* ip,
                const Sa& sa,
                const TunnelHeader& header,
                std::uint8_t tos,
                bool dont_fragment) {
    // RFC 6864 4.2: unique for the addresses and the protocol. The SPI sets SAs apart that have
    // both in common, so that their fragments are not mixed up all the time.
    const std::uint64_t id = header.sequence + sa.spi + (sa.spi >> 16U);
    const be16 version_tos(static_cast<std::uint16_t>(0x4500U | tos));
    const be16 length(static_cast<std::uint16_t>(header.length));
    const be16 identification(static_cast<std::uint16_t>(id));
    const be16 fragment(dont_fragment ? kIpv4DontFragment : std::uint16_t{0});
    const be16 ttl_protocol(static_cast<std::uint16_t>(kHopLimit << 8U | header.protocol));
    const auto source = load<std::uint32_t>(sa.source.data());
    const auto destination = load<std::uint32_t>(peer_address(sa));
    // Summed up before it is written: read back in wide pieces, the narrow stores would stall. RFC
    // 1071 2(C): words of 32 bits give the same sum.
    const std::uint64_t sum = std::uint64_t{version_tos.raw()} + length.raw() + identification.raw()
                              + fragment.raw() + ttl_protocol.raw() + source + destination;
    store(ip, version_tos);
    store(ip + kIpv4TotalLength, length);
    store(ip + kIpv4Id, identification);
    store(ip + kIpv4Fragment, fragment);
    store(ip + kIpv4Ttl, ttl_protocol);
    store(ip + kIpv4Checksum, checksum_finish(sum));
    store(ip + kIpv4Source, source);
    store(ip + kIpv4Destination, destination);
}

void write_ipv6(std::uint8_t* ip, const Sa& sa, const TunnelHeader& header, std::uint8_t tclass) {
    const std::uint32_t flow_label = (sa.spi ^ sa.spi >> 12U) & 0xFFFFFU;
    store(ip, be32(6U << 28U | std::uint32_t{tclass} << 20U | flow_label));
    store(ip + kIpv6PayloadLength, be16(static_cast<std::uint16_t>(header.length - kIpv6Header)));
    ip[kIpv6NextHeader] = header.protocol;
    ip[kIpv6HopLimit] = kHopLimit;
    std::memcpy(ip + kIpv6Source, sa.source.data(), 16);
    std::memcpy(ip + kIpv6Destination, peer_address(sa), 16);
}

}  // namespace

void write_tunnel_header(std::uint8_t* outer,
                         const Sa& sa,
                         const TunnelHeader& header,
                         const std::uint8_t* inner,
                         Family inner_family) {
    const std::uint8_t tclass = outer_traffic_class(sa, inner, inner_family);
    if (sa.family == Family::kIpv4) {
        write_ipv4(outer, sa, header, tclass, outer_dont_fragment(sa, inner, inner_family));
    } else {
        write_ipv6(outer, sa, header, tclass);
    }
}

bool combine_ecn(const std::uint8_t* outer,
                 Family outer_family,
                 std::uint8_t* inner,
                 Family inner_family) {
    const auto outer_ecn = static_cast<std::size_t>(traffic_class(outer, outer_family) & kEcnMask);
    const auto inner_ecn = static_cast<std::size_t>(traffic_class(inner, inner_family) & kEcnMask);
    const std::uint8_t ecn = kEgressEcn[inner_ecn][outer_ecn];
    if (ecn == kDrop) {
        return false;
    }
    if (ecn != inner_ecn) {
        set_ecn(inner, inner_family, ecn);
    }
    return true;
}

}  // namespace dataplane
