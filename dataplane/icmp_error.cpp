#include "dataplane/icmp_error.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/forward.h"
#include "dataplane/martian.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dataplane {
namespace {

using config::be16;
using config::be32;
using config::Family;
using config::store;

// RFC 1812 4.3.2.3: as much of the offender as fits into 576 bytes.
constexpr std::size_t kIcmpv4MaxLength = 576;
// RFC 1812 4.3.2.5: precedence 6, internetwork control.
constexpr std::uint8_t kErrorPrecedence = 0xC0;
constexpr std::uint8_t kErrorTtl = 64;

struct TypeCode {
    std::uint8_t type;
    std::uint8_t code;
};

struct ErrorRow {
    IcmpError error;
    TypeCode v4;
    TypeCode v6;
};

constexpr std::array kErrors = {
    ErrorRow{IcmpError::kTimeExceeded, {11, 0}, {3, 0}},
    ErrorRow{IcmpError::kNoRoute, {3, 0}, {1, 0}},
    ErrorRow{IcmpError::kHostUnreachable, {3, 1}, {1, 3}},
    ErrorRow{IcmpError::kTooBig, {3, 4}, {2, 0}},
};

// RFC 1122 3.2.2: destination unreachable, source quench, redirect, time exceeded, parameter
// problem.
bool is_error_type_v4(std::uint8_t type) {
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

// RFC 4443 2.4 (e): errors have types below 128, redirects are 137.
bool is_error_type_v6(std::uint8_t type) {
    return type < 128 || type == kNdLastType;
}

bool is_icmp_error(const rte_mbuf* mbuf, const PacketMeta& meta) {
    const bool v4 = meta.family == Family::kIpv4;
    if (meta.protocol != (v4 ? kProtoIcmp : kProtoIcmpv6)) {
        return false;
    }
    const std::uint8_t type = *bytes_at(mbuf, meta.l4_offset);
    return v4 ? is_error_type_v4(type) : is_error_type_v6(type);
}

bool is_unspecified(Family family, const std::uint8_t* address) {
    const std::size_t size = config::address_bytes(family);
    return std::all_of(address, address + size, [](std::uint8_t byte) { return byte == 0; });
}

void write_icmp(
    std::uint8_t* icmp, const TypeCode& what, IcmpError error, Family family, std::uint16_t mtu) {
    std::memset(icmp, 0, kIcmpHeader);
    icmp[0] = what.type;
    icmp[1] = what.code;
    if (error != IcmpError::kTooBig) {
        return;
    }
    if (family == Family::kIpv4) {
        store(icmp + 6, be16(mtu));  // RFC 1191 4
    } else {
        store(icmp + 4, be32(std::max(mtu, kIpv6MinMtu)));  // RFC 4443 3.2
    }
}

void write_ipv4(std::uint8_t* ip,
                const std::uint8_t* source,
                const std::uint8_t* destination,
                std::size_t icmp_length) {
    std::memset(ip, 0, kIpv4Header);
    ip[0] = 0x45;
    ip[1] = kErrorPrecedence;
    store(ip + kIpv4TotalLength, be16(static_cast<std::uint16_t>(kIpv4Header + icmp_length)));
    // RFC 6864 4.1: with DF set and no fragmentation, the identification carries nothing.
    store(ip + kIpv4Fragment, be16(kIpv4DontFragment));
    ip[kIpv4Ttl] = kErrorTtl;
    ip[kIpv4Protocol] = kProtoIcmp;
    std::memcpy(ip + kIpv4Source, source, 4);
    std::memcpy(ip + kIpv4Destination, destination, 4);
    store(ip + kIpv4Checksum, checksum_finish(checksum_add(0, {ip, kIpv4Header})));
    std::uint8_t* icmp = ip + kIpv4Header;
    store(icmp + 2, checksum_finish(checksum_add(0, {icmp, icmp_length})));
}

void write_ipv6(std::uint8_t* ip,
                const std::uint8_t* source,
                const std::uint8_t* destination,
                std::size_t icmp_length) {
    std::memset(ip, 0, kIpv6Header);
    ip[0] = 0x60;
    store(ip + kIpv6PayloadLength, be16(static_cast<std::uint16_t>(icmp_length)));
    ip[kIpv6NextHeader] = kProtoIcmpv6;
    ip[kIpv6HopLimit] = kErrorTtl;
    std::memcpy(ip + kIpv6Source, source, 16);
    std::memcpy(ip + kIpv6Destination, destination, 16);
    // RFC 8200 8.1: pseudo-header of both addresses, the length and the next header.
    std::uint64_t sum = checksum_add(0, {ip + kIpv6Source, 32});
    sum += be32(static_cast<std::uint32_t>(icmp_length)).raw() & 0xFFFFU;
    sum += be32(static_cast<std::uint32_t>(icmp_length)).raw() >> 16U;
    sum += be16(kProtoIcmpv6).raw();
    std::uint8_t* icmp = ip + kIpv6Header;
    store(icmp + 2, checksum_finish(checksum_add(sum, {icmp, icmp_length})));
}

}  // namespace

bool may_report(const rte_mbuf* offender) {
    const PacketMeta& meta = meta_of(offender);
    const std::uint8_t* source = source_address(offender, meta);
    const std::uint8_t* destination = destination_address(offender, meta);
    const bool group_frame = (*bytes_at(offender, 0) & 1U) != 0;
    // RFC 1812 4.3.2.7, RFC 4443 2.4 (e). Packet too big about a multicast packet would be allowed
    // by RFC 4443, but we forward none.
    return meta.fragment != FragmentKind::kLater && !group_frame
           && !is_group(meta.family, destination) && !is_limited_broadcast(meta.family, destination)
           && !is_group(meta.family, source) && !is_unspecified(meta.family, source)
           && !is_icmp_error(offender, meta);
}

rte_mbuf* make_icmp_error(const rte_mbuf* offender,
                          IcmpError error,
                          const config::IpAddress& source,
                          std::uint16_t mtu,
                          rte_mempool* pool) {
    const PacketMeta& meta = meta_of(offender);
    const bool v4 = meta.family == Family::kIpv4;
    const std::size_t ip_header = v4 ? kIpv4Header : kIpv6Header;
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr) {
        return nullptr;
    }
    const std::size_t most = v4 ? kIcmpv4MaxLength : kIpv6MinMtu;
    const std::size_t room = most - ip_header - kIcmpHeader;
    const std::size_t quoted = std::min(
        {room, std::size_t{meta.l3_length}, std::size_t{offender->data_len} - meta.l3_offset});
    const std::size_t length = kEtherHeader + ip_header + kIcmpHeader + quoted;
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(length)));
    if (frame == nullptr) {
        rte_pktmbuf_free(mbuf);
        return nullptr;
    }
    std::memset(frame, 0, kEtherHeader);
    store(frame + kEtherTypeOffset, be16(v4 ? kEtherIpv4 : kEtherIpv6));
    std::uint8_t* ip = frame + kEtherHeader;
    std::uint8_t* icmp = ip + ip_header;
    const ErrorRow& row = kErrors[static_cast<std::size_t>(error)];
    write_icmp(icmp, v4 ? row.v4 : row.v6, error, meta.family, mtu);
    std::memcpy(icmp + kIcmpHeader, bytes_at(offender, meta.l3_offset), quoted);
    const std::uint8_t* destination = source_address(offender, meta);
    if (v4) {
        write_ipv4(ip, source.bytes.data(), destination, kIcmpHeader + quoted);
    } else {
        write_ipv6(ip, source.bytes.data(), destination, kIcmpHeader + quoted);
    }
    return mbuf;
}

rte_mbuf* make_icmp_error_for_host(const rte_mbuf* offender,
                                   IcmpError error,
                                   const config::MacAddress& port_mac,
                                   std::uint16_t mtu,
                                   rte_mempool* pool) {
    const PacketMeta& meta = meta_of(offender);
    const config::IpAddress source =
        config::IpAddress::from_bytes(meta.family, destination_address(offender, meta));
    rte_mbuf* mbuf = make_icmp_error(offender, error, source, mtu, pool);
    if (mbuf != nullptr) {
        // From where the offender was sent to.
        config::MacAddress next_hop;
        std::memcpy(next_hop.bytes.data(), bytes_at(offender, 0), next_hop.bytes.size());
        write_ethernet(mbuf, next_hop, port_mac);
    }
    return mbuf;
}

}  // namespace dataplane
