// ARP and neighbour discovery on the wire: see neighbor_wire.h.
#include "control/neighbor_wire.h"

#include "config/bytes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace control {

namespace {

using config::be16;
using config::be32;
using config::Family;
using config::IpAddress;
using config::MacAddress;
using dataplane::DropReason;
using Frame = std::span<const std::uint8_t>;

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86DD;
constexpr std::size_t kMinimumFrame = 60;  // IEEE 802.3, without the check sequence

struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

// RFC 826
struct ArpBody {
    be16 hardware;
    be16 protocol;
    std::uint8_t hardware_length = 0;
    std::uint8_t protocol_length = 0;
    be16 operation;
    MacAddress sender_mac;
    std::array<std::uint8_t, 4> sender{};
    MacAddress target_mac;
    std::array<std::uint8_t, 4> target{};
};
static_assert(sizeof(ArpBody) == 28);
constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;

// RFC 8200 3
struct Ipv6Header {
    be32 version_class_flow;
    be16 payload_length;
    std::uint8_t next_header = 0;
    std::uint8_t hop_limit = 0;
    std::array<std::uint8_t, 16> source{};
    std::array<std::uint8_t, 16> destination{};
};
static_assert(sizeof(Ipv6Header) == 40);
constexpr std::uint8_t kIcmpv6 = 58;

// RFC 4861 4.3, 4.4: solicitation and advertisement have one layout.
struct NeighborBody {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    be16 checksum;
    be32 flags;  // of an advertisement
    std::array<std::uint8_t, 16> target{};
};
static_assert(sizeof(NeighborBody) == 24);
constexpr std::uint8_t kRouterSolicitation = 133;
constexpr std::uint8_t kRouterAdvertisement = 134;
constexpr std::uint8_t kNeighborSolicitation = 135;
constexpr std::uint8_t kNeighborAdvertisement = 136;
constexpr std::uint8_t kRedirect = 137;
constexpr std::uint32_t kFlagRouter = 0x8000'0000;
constexpr std::uint32_t kFlagSolicited = 0x4000'0000;
constexpr std::uint32_t kFlagOverride = 0x2000'0000;

// RFC 4861 4.6.1
struct LinkLayerOption {
    std::uint8_t type = 0;
    std::uint8_t length = 0;  // in units of 8 bytes
    MacAddress mac;
};
static_assert(sizeof(LinkLayerOption) == 8);
constexpr std::uint8_t kSourceLinkLayer = 1;
constexpr std::uint8_t kTargetLinkLayer = 2;

constexpr std::size_t kArpLength = sizeof(EthernetHeader) + sizeof(ArpBody);
constexpr std::size_t kIcmpOffset = sizeof(EthernetHeader) + sizeof(Ipv6Header);

bool is_group(const MacAddress& mac) {
    return (mac.bytes[0] & 1) != 0;
}
bool is_usable(const MacAddress& mac) {
    return !is_group(mac) && mac != MacAddress();
}

IpAddress v6(const std::array<std::uint8_t, 16>& bytes) {
    return IpAddress::from_bytes(Family::kIpv6, bytes.data());
}

// RFC 4291 2.7.1: ff02::1:ffXX:XXXX
IpAddress solicited_node(const IpAddress& target) {
    IpAddress address;
    address.family = Family::kIpv6;
    address.bytes = {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xFF};
    std::copy_n(target.bytes.begin() + 13, 3, address.bytes.begin() + 13);
    return address;
}

IpAddress all_nodes() {
    IpAddress address;
    address.family = Family::kIpv6;
    address.bytes = {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
    return address;
}

// RFC 2464 7
MacAddress multicast_mac(const IpAddress& group) {
    return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

// RFC 1071 over the pseudo header (RFC 8200 8.1) and `body`; 0 when the sum, checksum included, is
// right.
std::uint16_t icmpv6_checksum(const std::uint8_t* source,
                              const std::uint8_t* destination,
                              Frame body) {
    std::uint32_t sum = static_cast<std::uint32_t>(body.size()) + kIcmpv6;
    const auto add = [&sum](Frame bytes) {
        for (std::size_t i = 0; i < bytes.size(); i += 2) {
            const unsigned low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
            sum += (static_cast<unsigned>(bytes[i]) << 8U) | low;
            sum = (sum & 0xFFFF) + (sum >> 16U);
        }
    };
    add({source, 16});
    add({destination, 16});
    add(body);
    sum = (sum & 0xFFFF) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

using Parsed = std::variant<NeighborMessage, DropReason>;

Parsed parse_arp(const EthernetHeader& ethernet, Frame frame) {
    if (frame.size() < kArpLength) {
        return DropReason::kNeighborBad;
    }
    const auto arp = config::load<ArpBody>(frame.data() + sizeof(EthernetHeader));
    const bool request = arp.operation.host() == kArpRequest;
    const IpAddress sender = IpAddress::from_bytes(Family::kIpv4, arp.sender.data());
    if (arp.hardware.host() != 1 || arp.protocol.host() != 0x0800 || arp.hardware_length != 6
        || arp.protocol_length != 4 || (!request && arp.operation.host() != kArpReply)
        || !is_usable(arp.sender_mac) || sender.is_multicast() || sender.is_loopback()
        || sender == IpAddress::v4(0xFFFF'FFFF) || (!request && sender.is_unspecified())) {
        return DropReason::kNeighborBad;
    }
    NeighborMessage message;
    message.frame_source = ethernet.source;
    message.mac = arp.sender_mac;
    message.sender = sender;
    if (request) {
        message.operation = NeighborOperation::kSolicit;
        message.target = IpAddress::from_bytes(Family::kIpv4, arp.target.data());
    } else {
        message.operation = NeighborOperation::kAdvertise;
        message.target = sender;
        // A reply to one station was asked for; a broadcast one is gratuitous.
        message.solicited = !is_group(ethernet.destination);
        message.override = true;
    }
    return message;
}

// RFC 4861 4.6: the length counts units of 8 bytes. Precondition: two bytes are there.
std::size_t option_length(Frame options) {
    return options[1] * std::size_t{8};
}

// RFC 4861 4.6: every option has a length, none reaches past the end. Finds the link-layer option
// of `wanted` type.
bool walk_options(Frame options, std::uint8_t wanted, std::optional<MacAddress>& mac) {
    while (!options.empty()) {
        // RFC 4861 4.6: a message with an option of length zero is discarded.
        if (options.size() < 2 || options[1] == 0 || option_length(options) > options.size()) {
            return false;
        }
        if (options[0] == wanted && options[1] == 1) {
            mac = config::load<LinkLayerOption>(options.data()).mac;
            if (!is_usable(*mac)) {
                return false;
            }
        }
        options = options.subspan(option_length(options));
    }
    return true;
}

Parsed parse_discovery(const EthernetHeader& ethernet, const Ipv6Header& ip, Frame body) {
    const auto icmp = config::load<NeighborBody>(body.data());
    const bool solicit = icmp.type == kNeighborSolicitation;
    NeighborMessage message;
    message.operation = solicit ? NeighborOperation::kSolicit : NeighborOperation::kAdvertise;
    message.frame_source = ethernet.source;
    message.sender = v6(ip.source);
    message.target = v6(icmp.target);
    const IpAddress destination = v6(ip.destination);
    // RFC 4861 7.1.1, 7.1.2
    if (message.target.is_multicast() || message.target.is_unspecified()
        || message.sender.is_multicast()
        || !walk_options(body.subspan(sizeof(NeighborBody)),
                         solicit ? kSourceLinkLayer : kTargetLinkLayer,
                         message.mac)) {
        return DropReason::kNeighborBad;
    }
    if (solicit) {
        // RFC 4861 7.1.1: a probe goes to the solicited-node address and names no link-layer
        // address.
        if (message.sender.is_unspecified()
            && (destination != solicited_node(message.target) || message.mac)) {
            return DropReason::kNeighborBad;
        }
        return message;
    }
    message.solicited = (icmp.flags.host() & kFlagSolicited) != 0;
    message.override = (icmp.flags.host() & kFlagOverride) != 0;
    // RFC 4861 7.1.2: no answer to one who asked goes to everybody.
    if (message.sender.is_unspecified() || (message.solicited && destination.is_multicast())) {
        return DropReason::kNeighborBad;
    }
    return message;
}

Parsed parse_ipv6(const EthernetHeader& ethernet, Frame frame) {
    if (frame.size() < kIcmpOffset + 8) {
        return DropReason::kNeighborBad;
    }
    const auto ip = config::load<Ipv6Header>(frame.data() + sizeof(EthernetHeader));
    const std::size_t length = ip.payload_length.host();
    // RFC 4861 6.1, 7.1, 8.1: hop limit 255 shows that no router forwarded the packet.
    if (ip.version_class_flow.host() >> 28U != 6 || ip.next_header != kIcmpv6 || ip.hop_limit != 255
        || length < 8 || kIcmpOffset + length > frame.size()) {
        return DropReason::kNeighborBad;
    }
    const Frame body = frame.subspan(kIcmpOffset, length);
    if (body[1] != 0 || icmpv6_checksum(ip.source.data(), ip.destination.data(), body) != 0) {
        return DropReason::kNeighborBad;
    }
    switch (body[0]) {
        case kNeighborSolicitation:
        case kNeighborAdvertisement:
            if (body.size() < sizeof(NeighborBody)) {
                return DropReason::kNeighborBad;
            }
            return parse_discovery(ethernet, ip, body);
        case kRouterSolicitation:
        case kRouterAdvertisement:
        case kRedirect:
            return NeighborMessage{};
        default:
            return DropReason::kNeighborBad;
    }
}

std::vector<std::uint8_t> make_arp(std::uint16_t operation,
                                   const MacAddress& destination,
                                   const LinkEnd& sender,
                                   const LinkEnd& target) {
    std::vector<std::uint8_t> frame(kMinimumFrame);
    config::store(frame.data(), EthernetHeader{destination, sender.mac, be16(kEtherTypeArp)});
    ArpBody arp{be16(1), be16(0x0800), 6, 4, be16(operation), sender.mac, {}, target.mac, {}};
    std::copy_n(sender.address.bytes.begin(), 4, arp.sender.begin());
    std::copy_n(target.address.bytes.begin(), 4, arp.target.begin());
    config::store(frame.data() + sizeof(EthernetHeader), arp);
    return frame;
}

struct DiscoveryParts {
    std::uint8_t type;
    std::uint32_t flags;
    std::uint8_t option;
};

std::vector<std::uint8_t> make_discovery(const DiscoveryParts& parts,
                                         const LinkEnd& source,
                                         const LinkEnd& destination,
                                         const IpAddress& target) {
    constexpr std::size_t kBody = sizeof(NeighborBody) + sizeof(LinkLayerOption);
    std::vector<std::uint8_t> frame(kIcmpOffset + kBody);
    config::store(frame.data(), EthernetHeader{destination.mac, source.mac, be16(kEtherTypeIpv6)});
    const Ipv6Header ip{be32(6U << 28U),
                        be16(kBody),
                        kIcmpv6,
                        255,
                        source.address.bytes,
                        destination.address.bytes};
    config::store(frame.data() + sizeof(EthernetHeader), ip);
    NeighborBody icmp{parts.type, 0, be16(0), be32(parts.flags), target.bytes};
    const LinkLayerOption option{parts.option, 1, source.mac};
    std::uint8_t* body = frame.data() + kIcmpOffset;
    config::store(body, icmp);
    config::store(body + sizeof(NeighborBody), option);
    icmp.checksum = be16(icmpv6_checksum(ip.source.data(), ip.destination.data(), {body, kBody}));
    config::store(body, icmp);
    return frame;
}

}  // namespace

FrameKind kind_of_frame(Frame frame) {
    if (frame.size() < sizeof(EthernetHeader)) {
        return FrameKind::kOther;
    }
    switch (config::load<EthernetHeader>(frame.data()).type.host()) {
        case kEtherTypeArp:
            return FrameKind::kNeighbor;
        case kEtherTypeIpv4:
            return FrameKind::kIp;
        case kEtherTypeIpv6:
            break;
        default:
            return FrameKind::kOther;
    }
    constexpr std::size_t kNextHeader = sizeof(EthernetHeader) + offsetof(Ipv6Header, next_header);
    const bool discovery = frame.size() > kIcmpOffset && frame[kNextHeader] == kIcmpv6
                           && frame[kIcmpOffset] >= kRouterSolicitation
                           && frame[kIcmpOffset] <= kRedirect;
    return discovery ? FrameKind::kNeighbor : FrameKind::kIp;
}

Parsed parse_neighbor_frame(Frame frame) {
    if (frame.size() < sizeof(EthernetHeader)) {
        return DropReason::kRuntFrame;
    }
    const auto ethernet = config::load<EthernetHeader>(frame.data());
    if (!is_usable(ethernet.source)) {
        return DropReason::kNeighborBad;
    }
    switch (ethernet.type.host()) {
        case kEtherTypeArp:
            return parse_arp(ethernet, frame);
        case kEtherTypeIpv6:
            return parse_ipv6(ethernet, frame);
        default:
            return DropReason::kUnknownEthertype;
    }
}

std::vector<std::uint8_t> make_solicitation(const LinkEnd& source,
                                            const IpAddress& target,
                                            const std::optional<MacAddress>& target_mac) {
    if (target.family == Family::kIpv4) {
        return make_arp(kArpRequest,
                        target_mac.value_or(kBroadcastMac),
                        source,
                        {target_mac.value_or(MacAddress()), target});
    }
    const IpAddress group = solicited_node(target);
    const LinkEnd destination =
        target_mac ? LinkEnd{*target_mac, target} : LinkEnd{multicast_mac(group), group};
    return make_discovery(
        {kNeighborSolicitation, 0, kSourceLinkLayer}, source, destination, target);
}

std::vector<std::uint8_t> make_advertisement(const LinkEnd& source,
                                             const LinkEnd& to,
                                             bool router) {
    if (source.address.family == Family::kIpv4) {
        return make_arp(kArpReply, to.mac, source, to);
    }
    const bool probe = to.address.is_unspecified();
    const LinkEnd destination = probe ? LinkEnd{multicast_mac(all_nodes()), all_nodes()} : to;
    const std::uint32_t flags =
        kFlagOverride | (router ? kFlagRouter : 0) | (probe ? 0 : kFlagSolicited);
    return make_discovery(
        {kNeighborAdvertisement, flags, kTargetLinkLayer}, source, destination, source.address);
}

std::vector<std::uint8_t> make_announcement(const LinkEnd& source) {
    if (source.address.family == Family::kIpv4) {
        return make_arp(kArpRequest, kBroadcastMac, source, {MacAddress(), source.address});
    }
    return make_discovery({kNeighborAdvertisement, kFlagOverride | kFlagRouter, kTargetLinkLayer},
                          source,
                          {multicast_mac(all_nodes()), all_nodes()},
                          source.address);
}

}  // namespace control
