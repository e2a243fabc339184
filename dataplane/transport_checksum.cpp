#include "dataplane/transport_checksum.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/wire.h"

namespace dataplane {
namespace {

using config::be16;
using config::Family;
using config::load;
using config::store;

constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kUdpLength = 4;
constexpr std::size_t kUdpChecksum = 6;

// The pseudo-header's fields are wider in IPv6, but the sum only sees their 16-bit words, and the
// upper half of a length of at most 65,535 is zero.
std::uint16_t checksum_of(const std::uint8_t* ip,
                          Family family,
                          std::uint8_t protocol,
                          std::span<const std::uint8_t> segment) {
    const bool v4 = family == Family::kIpv4;
    const std::uint8_t* addresses = ip + (v4 ? kIpv4Source : kIpv6Source);
    std::uint64_t sum = checksum_add(0, {addresses, 2 * config::address_bytes(family)});
    sum += be16(protocol).raw();
    sum += be16(static_cast<std::uint16_t>(segment.size())).raw();
    return checksum_finish(checksum_add(sum, segment));
}

}  // namespace

void write_udp_checksum(const std::uint8_t* ip, Family family, std::span<std::uint8_t> datagram) {
    std::uint8_t* field = &datagram[kUdpChecksum];
    store(field, std::uint16_t{0});
    const std::uint16_t checksum = checksum_of(ip, family, kProtoUdp, datagram);
    // RFC 768: zero means that there is none, so a checksum of zero is sent as all ones.
    store(field, checksum == 0 ? std::uint16_t{0xFFFF} : checksum);
}

void renew_transport_checksum(const std::uint8_t* ip,
                              Family family,
                              std::uint8_t protocol,
                              std::span<std::uint8_t> upper) {
    if (protocol == kProtoTcp && upper.size() >= kTcpHeader) {
        std::uint8_t* field = &upper[kTcpChecksum];
        store(field, std::uint16_t{0});
        store(field, checksum_of(ip, family, kProtoTcp, upper));
    } else if (protocol == kProtoUdp && upper.size() >= kUdpHeader) {
        const std::size_t length = load<be16>(&upper[kUdpLength]).host();
        // RFC 768: a sender over IPv4 may do without.
        const bool has_none =
            family == Family::kIpv4 && load<std::uint16_t>(&upper[kUdpChecksum]) == 0;
        if (!has_none && length >= kUdpHeader && length <= upper.size()) {
            write_udp_checksum(ip, family, upper.first(length));
        }
    }
}

}  // namespace dataplane
