// Addresses, masks, protocols and ports as typed, and the one place where they become filters.
// Pure: DNS names stay names here; the caller resolves them and hands the addresses in.
#pragma once

#include "config/policy.h"
#include "config/result.h"
#include "config/types.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace config {

enum class AddressForm : std::uint8_t {
    kAny,
    kMe,
    kDnsServers,
    kWinsServers,
    kDhcpServer,
    kDefaultGateway,
    kHost,     // `first`
    kSubnet,   // a.b.c.d/n or x::/n: `first` as typed, `prefix_length`
    kRange,    // `first`-`last`, inclusive
    kDnsName,  // `text`, to be resolved when the command runs
};

struct AddressSyntax {
    AddressForm form = AddressForm::kAny;
    IpAddress first;
    IpAddress last;
    std::uint8_t prefix_length = 0;
    std::string text;  // as typed

    [[nodiscard]] bool needs_resolving() const { return form == AddressForm::kDnsName; }
};
[[nodiscard]] Result<AddressSyntax> parse_address_syntax(std::string_view text);

struct MaskSyntax {
    std::uint8_t length = 0;  // 0..128
    bool dotted = false;      // dotted masks are IPv4 only
};
[[nodiscard]] Result<MaskSyntax> parse_mask_syntax(std::string_view text);

struct ProtocolSyntax {
    std::uint8_t number = kAnyProtocol;
    // Typed as the word ICMP: means ICMPv6 (58) between IPv6 addresses, and both protocols when
    // neither side says which family is meant.
    bool icmp_word = false;
};
[[nodiscard]] Result<ProtocolSyntax> parse_protocol_syntax(std::string_view text);

// A tunnel end point as typed. kAddress with an empty `address` is a DNS name to be resolved.
struct TunnelSyntax {
    TunnelKind kind = TunnelKind::kNone;
    std::optional<IpAddress> address;
    std::string dns_name;
};
[[nodiscard]] Result<TunnelSyntax> parse_tunnel_syntax(std::string_view text);

inline constexpr std::size_t kMaxResolvedAddresses = 64;

// One side of a filter with its mask. `resolved` holds the addresses of a kDnsName, otherwise it is
// ignored. Host bits below a mask are dropped; 0.0.0.0 with mask 0.0.0.0 is `any`, alone it is the
// host 0.0.0.0. `::/0` stays a subnet: it means every IPv6 address and no IPv4 one.
// Errors: kBadAddress (mask with a range, mask of the other family, mask 0 with an address, mask
// that disagrees with /n), kAddressNotResolved (no address, or more than 64).
[[nodiscard]] Result<std::vector<FilterAddress>> combine_filter_address(
    const AddressSyntax& address,
    const std::optional<MaskSyntax>& mask,
    std::span<const IpAddress> resolved);

struct FilterParts {
    std::vector<FilterAddress> sources;
    std::vector<FilterAddress> destinations;
    ProtocolSyntax protocol;
    PortRange source_port;
    PortRange destination_port;
    bool mirrored = true;
};

// Every pair of a source and a destination that share a family. Errors: kBadAddress (a server
// symbol whose other side is not `me`), kFamiliesDiffer (no pair fits), kPortNeedsTcpUdp.
[[nodiscard]] Result<std::vector<FilterSpec>> make_filter_specs(const FilterParts& parts);

// What `delete filter`, `delete rule` and the show commands select by: what is absent matches
// anything, what is given must be equal.
struct AddressPattern {
    std::vector<FilterAddress> any_of;  // a DNS name gives several
    // A filter that was added by a name is compared by name, one that stores an address by address.
    std::string dns_name;

    // Without both, every address matches.
};

struct FilterPattern {
    AddressPattern source;
    AddressPattern destination;
    std::optional<ProtocolSyntax> protocol;
    std::optional<PortRange> source_port;
    std::optional<PortRange> destination_port;
    std::optional<bool> mirrored;
};

// The mask of a single host defaults to /32 or /128, as when the filter was added (4.7).
[[nodiscard]] Result<AddressPattern> make_address_pattern(const AddressSyntax& address,
                                                          const std::optional<MaskSyntax>& mask,
                                                          std::span<const IpAddress> resolved);
[[nodiscard]] bool matches(const AddressPattern& pattern, const FilterAddress& address);
[[nodiscard]] bool matches(const FilterPattern& pattern, const FilterSpec& spec);

}  // namespace config
