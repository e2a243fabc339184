#include "dataplane/martian.h"

#include "config/bytes.h"
#include "dataplane/wire.h"

#include <algorithm>

namespace dataplane {
namespace {

using config::be32;
using config::load;

constexpr std::uint32_t kLimitedBroadcast = 0xFFFFFFFF;

// RFC 2131 4.1: a client without an address.
bool is_dhcp_request(std::uint32_t source, std::uint32_t destination, const PacketMeta& meta) {
    return source == 0 && destination == kLimitedBroadcast && meta.protocol == kProtoUdp
           && meta.source_port == 68 && meta.destination_port == 67;
}

bool all_zero(const std::uint8_t* bytes, std::size_t count) {
    return std::all_of(bytes, bytes + count, [](std::uint8_t byte) { return byte == 0; });
}

bool is_unspecified_v6(const std::uint8_t* address) {
    return all_zero(address, 16);
}

bool is_loopback_v6(const std::uint8_t* address) {
    return all_zero(address, 15) && address[15] == 1;
}

// RFC 4291 2.5.5.2: never on a wire.
bool is_v4_mapped(const std::uint8_t* address) {
    return all_zero(address, 10) && address[10] == 0xFF && address[11] == 0xFF;
}

}  // namespace

std::optional<DropReason> check_martian_v4(const std::uint8_t* ip, const PacketMeta& meta) {
    const std::uint32_t source = load<be32>(ip + kIpv4Source).host();
    const std::uint32_t destination = load<be32>(ip + kIpv4Destination).host();
    const std::uint32_t source_net = source >> 24U;
    const std::uint32_t destination_net = destination >> 24U;
    // RFC 1812 5.3.7: network 0, loopback, multicast, class E and broadcast are no senders.
    if (source_net == 127 || source_net >= 224
        || (source_net == 0 && !is_dhcp_request(source, destination, meta))) {
        return DropReason::kMartianSource;
    }
    if (destination_net == 0 || destination_net == 127
        || (destination_net >= 240 && destination != kLimitedBroadcast)) {
        return DropReason::kMartianDestination;
    }
    return {};
}

std::optional<DropReason> check_martian_v6(const std::uint8_t* ip, const PacketMeta& meta) {
    const std::uint8_t* source = ip + kIpv6Source;
    const std::uint8_t* destination = ip + kIpv6Destination;
    // RFC 4861 7.2.2, RFC 3590: ICMPv6 to a group may come from a node that has no address yet.
    const bool may_lack_source = meta.protocol == kProtoIcmpv6 && destination[0] == 0xFF;
    if (source[0] == 0xFF || is_loopback_v6(source) || is_v4_mapped(source)
        || (is_unspecified_v6(source) && !may_lack_source)) {
        return DropReason::kMartianSource;
    }
    // RFC 4291 2.7: scope 0 is reserved, scope 1 stays inside a node.
    const bool bad_scope = destination[0] == 0xFF && (destination[1] & 0x0FU) < 2;
    if (bad_scope || is_unspecified_v6(destination) || is_loopback_v6(destination)
        || is_v4_mapped(destination)) {
        return DropReason::kMartianDestination;
    }
    return {};
}

bool is_group(config::Family family, const std::uint8_t* address) {
    return family == config::Family::kIpv4 ? (address[0] & 0xF0U) == 0xE0U : address[0] == 0xFF;
}

bool is_limited_broadcast(config::Family family, const std::uint8_t* address) {
    return family == config::Family::kIpv4 && load<be32>(address).host() == kLimitedBroadcast;
}

bool is_link_local(config::Family family, const std::uint8_t* address) {
    return family == config::Family::kIpv4 ? address[0] == 169 && address[1] == 254
                                           : address[0] == 0xFE && (address[1] & 0xC0U) == 0x80U;
}

}  // namespace dataplane
