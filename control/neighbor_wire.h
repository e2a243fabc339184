// ARP and neighbour discovery on the wire: checked reading and writing of whole Ethernet frames. No
// state; what a message means is decided by NeighborAgent. IPv6 extension headers before ICMPv6 are
// refused (RFC 6980 for fragments; no one sends others).
#pragma once

#include "config/types.h"
#include "dataplane/drop_reason.h"

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace control {

inline constexpr config::MacAddress kBroadcastMac{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

// A cheap look at a frame, without any check of what is inside.
enum class FrameKind : std::uint8_t {
    kNeighbor,  // ARP, or ICMPv6 of types 133 to 137 right after the IPv6 header
    kIp,        // other IPv4 or IPv6
    kOther,
};
[[nodiscard]] FrameKind kind_of_frame(std::span<const std::uint8_t> frame);

enum class NeighborOperation : std::uint8_t {
    kSolicit,    // ARP request, neighbour solicitation
    kAdvertise,  // ARP reply, neighbour advertisement
    kIgnored,    // valid and not for us to act on: router discovery, redirect
};

struct NeighborMessage {
    NeighborOperation operation = NeighborOperation::kIgnored;
    config::MacAddress frame_source;
    // kSolicit: who asks; unspecified when it probes for a duplicate. kAdvertise: not used.
    config::IpAddress sender;
    // kSolicit: the address asked for. kAdvertise: the address that `mac` belongs to.
    config::IpAddress target;
    // ARP sender address, or the source (kSolicit) or target (kAdvertise) link-layer option.
    std::optional<config::MacAddress> mac;
    bool solicited = false;  // kAdvertise: sent because somebody asked
    bool override = false;   // kAdvertise: replaces a known, different link-layer address
};

// A reason instead of a message: the frame is neither ARP nor neighbour discovery, or not valid.
[[nodiscard]] std::variant<NeighborMessage, dataplane::DropReason> parse_neighbor_frame(
    std::span<const std::uint8_t> frame);

struct LinkEnd {
    config::MacAddress mac;
    config::IpAddress address;
};

// Asks for the link-layer address of `target`. Without `target_mac` everybody (ARP) or the
// solicited node (RFC 4861 7.2.2) is asked.
[[nodiscard]] std::vector<std::uint8_t> make_solicitation(
    const LinkEnd& source,
    const config::IpAddress& target,
    const std::optional<config::MacAddress>& target_mac);

// Answers `to` that source.address is at source.mac. An unspecified to.address is answered to all
// nodes (RFC 4861 7.2.4). `router` sets the R flag.
[[nodiscard]] std::vector<std::uint8_t> make_advertisement(const LinkEnd& source,
                                                           const LinkEnd& to,
                                                           bool router);

// Tells everybody that source.address is at source.mac: gratuitous ARP (RFC 5227 2.3) or an
// unsolicited neighbour advertisement (RFC 4861 7.2.6).
[[nodiscard]] std::vector<std::uint8_t> make_announcement(const LinkEnd& source);

}  // namespace control
