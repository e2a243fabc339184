#include "config/filter_syntax.h"

#include "config/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace config {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpV6 = 58;

struct AddressWord {
    std::string_view word;
    AddressForm form;
};
constexpr auto kAddressWords = std::to_array<AddressWord>({
    {"any", AddressForm::kAny},
    {"me", AddressForm::kMe},
    {"dns", AddressForm::kDnsServers},
    {"wins", AddressForm::kWinsServers},
    {"dhcp", AddressForm::kDhcpServer},
    {"gateway", AddressForm::kDefaultGateway},
});

struct ProtocolWord {
    std::string_view word;
    std::uint8_t number;
};
constexpr auto kProtocolWords = std::to_array<ProtocolWord>({
    {"any", kAnyProtocol},
    {"icmp", kIcmp},
    {"tcp", kTcp},
    {"udp", kUdp},
    {"raw", 255},
});

Error bad_address(std::string_view text, std::string_view expected) {
    return Error{ErrorCode::kBadAddress,
                 fmt::format("The address \"{}\" is not valid: {}.", text, expected)};
}

std::string_view trim(std::string_view text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t end = text.find_last_not_of(" \t");
    return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end + 1 - begin);
}

// RFC 1123 2.1: letters, digits and hyphens in labels of at most 63; underscores occur in Windows
// host names. A last label of digits alone would be a mistyped IPv4 address.
bool is_dns_name(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    if (name.empty() || name.size() > 253) {
        return false;
    }
    bool only_digits = true;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
            only_digits = true;
            continue;
        }
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool hyphen = c == '-' && label > 0;
        if ((!digit && !letter && !hyphen && c != '_') || ++label > 63) {
            return false;
        }
        only_digits = only_digits && digit;
    }
    return label > 0 && !only_digits;
}

Result<AddressSyntax> parse_range(std::string_view text, std::size_t hyphen) {
    const Result<IpAddress> first = IpAddress::parse(trim(text.substr(0, hyphen)));
    const Result<IpAddress> last = IpAddress::parse(trim(text.substr(hyphen + 1)));
    if (!first || !last) {
        return bad_address(text, "a range is two addresses, such as 10.0.0.1-10.0.0.9");
    }
    if (first->family != last->family) {
        return bad_address(text, "both ends of a range must be of one family");
    }
    if (*last < *first) {
        return bad_address(text, "a range starts with its lower address");
    }
    return AddressSyntax{AddressForm::kRange, *first, *last, 0, std::string(text)};
}

FilterAddress host(const IpAddress& address, std::string dns_name) {
    return FilterAddress{AddressKind::kHost,
                         address,
                         address,
                         static_cast<std::uint8_t>(address_bits(address.family)),
                         std::move(dns_name)};
}

FilterAddress symbol(AddressKind kind) {
    return FilterAddress{kind, {}, {}, 0, {}};
}

// Precondition: `length` fits the family.
FilterAddress network(const IpAddress& address, std::uint8_t length, std::string dns_name) {
    if (length == address_bits(address.family)) {
        return host(address, std::move(dns_name));
    }
    const IpPrefix prefix{address, length};
    return FilterAddress{AddressKind::kSubnet, prefix.first(), prefix.last(), length, {}};
}

// The prefix length for an address: from its mask, from /n, or of a host.
Result<std::uint8_t> effective_length(const AddressSyntax& address,
                                      const std::optional<MaskSyntax>& mask,
                                      Family family) {
    const unsigned bits = address_bits(family);
    if (!mask) {
        return address.form == AddressForm::kSubnet ? address.prefix_length
                                                    : static_cast<std::uint8_t>(bits);
    }
    if (mask->length > bits || (mask->dotted && family != Family::kIpv4)) {
        return bad_address(address.text, "its mask is of the other family");
    }
    if (address.form == AddressForm::kSubnet && address.prefix_length != mask->length) {
        return bad_address(
            address.text,
            fmt::format("the mask parameter says /{}; give one of the two", mask->length));
    }
    return mask->length;
}

Result<FilterAddress> combine_one(const AddressSyntax& address,
                                  const std::optional<MaskSyntax>& mask,
                                  const IpAddress& ip) {
    const Result<std::uint8_t> length = effective_length(address, mask, ip.family);
    if (!length) {
        return length.error();
    }
    if (*length == 0) {
        if (!ip.is_unspecified()) {
            return bad_address(address.text,
                               "mask 0 leaves nothing of the address; write any, or a mask of 1 "
                               "bit or more");
        }
        return ip.family == Family::kIpv4 ? symbol(AddressKind::kAny) : network(ip, 0, {});
    }
    const bool named = address.form == AddressForm::kDnsName;
    return network(ip, *length, named ? address.text : std::string());
}

AddressKind kind_of(AddressForm form) {
    switch (form) {
        case AddressForm::kAny:
            return AddressKind::kAny;
        case AddressForm::kMe:
            return AddressKind::kMe;
        case AddressForm::kDnsServers:
            return AddressKind::kDnsServers;
        case AddressForm::kWinsServers:
            return AddressKind::kWinsServers;
        case AddressForm::kDhcpServer:
            return AddressKind::kDhcpServer;
        case AddressForm::kDefaultGateway:
            return AddressKind::kDefaultGateway;
        case AddressForm::kSubnet:
            return AddressKind::kSubnet;
        case AddressForm::kRange:
            return AddressKind::kRange;
        case AddressForm::kHost:
        case AddressForm::kDnsName:
            break;
    }
    return AddressKind::kHost;
}

bool families_fit(const FilterAddress& a, const FilterAddress& b) {
    return a.is_symbol() || b.is_symbol() || a.first.family == b.first.family;
}

Result<void> check_server_side(const FilterAddress& side, const FilterAddress& other) {
    if (side.is_server() && other.kind != AddressKind::kMe) {
        return Error{ErrorCode::kBadAddress,
                     "With DNS, WINS, DHCP or GATEWAY on one side the other side must be me."};
    }
    return {};
}

// The protocols a typed protocol means between two addresses.
std::vector<std::uint8_t> protocols_between(const ProtocolSyntax& protocol,
                                            const FilterAddress& source,
                                            const FilterAddress& destination) {
    if (!protocol.icmp_word) {
        return {protocol.number};
    }
    if (source.is_symbol() && destination.is_symbol()) {
        return {kIcmp, kIcmpV6};
    }
    const FilterAddress& specific = source.is_symbol() ? destination : source;
    return {specific.first.family == Family::kIpv4 ? kIcmp : kIcmpV6};
}

}  // namespace

Result<AddressSyntax> parse_address_syntax(std::string_view text) {
    for (const AddressWord& row : kAddressWords) {
        if (equals_ignoring_case(text, row.word)) {
            return AddressSyntax{row.form, {}, {}, 0, std::string(text)};
        }
    }
    if (const Result<IpAddress> address = IpAddress::parse(text)) {
        return AddressSyntax{AddressForm::kHost, *address, *address, 0, std::string(text)};
    }
    if (text.find('/') != std::string_view::npos) {
        const Result<IpPrefix> prefix = IpPrefix::parse(text);
        if (!prefix) {
            return prefix.error();
        }
        return AddressSyntax{AddressForm::kSubnet,
                             prefix->address,
                             prefix->last(),
                             prefix->length,
                             std::string(text)};
    }
    // A hyphen also stands in DNS names: it makes a range only behind an address.
    const std::size_t hyphen = text.find('-');
    if (hyphen != std::string_view::npos && IpAddress::parse(trim(text.substr(0, hyphen)))) {
        return parse_range(text, hyphen);
    }
    if (!is_dns_name(text)) {
        return bad_address(text,
                           "an IPv4 or IPv6 address, address/length, a range, a DNS name, me, any, "
                           "DNS, WINS, DHCP or GATEWAY is expected");
    }
    return AddressSyntax{AddressForm::kDnsName, {}, {}, 0, std::string(text)};
}

Result<MaskSyntax> parse_mask_syntax(std::string_view text) {
    if (text.find('.') != std::string_view::npos) {
        const Result<std::uint8_t> length = parse_dotted_mask(text);
        if (!length) {
            return Error{ErrorCode::kBadAddress,
                         fmt::format("The mask \"{}\" is not valid: its one bits must be "
                                     "contiguous, such as 255.255.255.0.",
                                     text)};
        }
        return MaskSyntax{*length, true};
    }
    unsigned length = 0;
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, length);
    if (text.empty() || status != std::errc{} || stop != end || length > 128) {
        return Error{ErrorCode::kBadAddress,
                     fmt::format("The mask \"{}\" is not valid: a dotted mask or a prefix length "
                                 "is expected, 1 to 32 for IPv4 and 1 to 128 for IPv6.",
                                 text)};
    }
    return MaskSyntax{static_cast<std::uint8_t>(length), false};
}

Result<ProtocolSyntax> parse_protocol_syntax(std::string_view text) {
    for (const ProtocolWord& row : kProtocolWords) {
        if (equals_ignoring_case(text, row.word)) {
            return ProtocolSyntax{row.number, row.number == kIcmp};
        }
    }
    unsigned number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, number);
    if (text.empty() || status != std::errc{} || stop != end || number > 255) {
        return Error{ErrorCode::kInvalidValue,
                     fmt::format("The protocol \"{}\" is not valid: it must be ANY, ICMP, TCP, "
                                 "UDP, RAW or 0 to 255.",
                                 text)};
    }
    return ProtocolSyntax{static_cast<std::uint8_t>(number), false};
}

Result<TunnelSyntax> parse_tunnel_syntax(std::string_view text) {
    if (equals_ignoring_case(text, "no") || equals_ignoring_case(text, "none")) {
        return TunnelSyntax{TunnelKind::kNone, std::nullopt, {}};
    }
    if (equals_ignoring_case(text, "ip")) {
        return TunnelSyntax{TunnelKind::kFromFilters, std::nullopt, {}};
    }
    if (equals_ignoring_case(text, "dns")) {
        return TunnelSyntax{TunnelKind::kFromFilterNames, std::nullopt, {}};
    }
    if (const Result<IpAddress> address = IpAddress::parse(text)) {
        if (address->is_unspecified() || address->is_multicast()) {
            return bad_address(text, "a tunnel ends at the address of one host");
        }
        return TunnelSyntax{TunnelKind::kAddress, *address, {}};
    }
    if (!is_dns_name(text)) {
        return bad_address(text, "a tunnel end point is an address, a DNS name or no");
    }
    return TunnelSyntax{TunnelKind::kAddress, std::nullopt, std::string(text)};
}

Result<std::vector<FilterAddress>> combine_filter_address(const AddressSyntax& address,
                                                          const std::optional<MaskSyntax>& mask,
                                                          std::span<const IpAddress> resolved) {
    const AddressKind kind = kind_of(address.form);
    if (kind != AddressKind::kHost && kind != AddressKind::kSubnet && kind != AddressKind::kRange) {
        return std::vector{symbol(kind)};  // a mask is accepted beside a symbol and means nothing
    }
    if (kind == AddressKind::kRange) {
        if (mask) {
            return bad_address(address.text, "a range takes no mask");
        }
        if (address.first == address.last) {
            return std::vector{host(address.first, {})};
        }
        return std::vector{FilterAddress{AddressKind::kRange, address.first, address.last, 0, {}}};
    }
    std::vector<IpAddress> hosts{address.first};
    if (address.needs_resolving()) {
        hosts.assign(resolved.begin(), resolved.end());
        if (hosts.empty() || hosts.size() > kMaxResolvedAddresses) {
            return Error{ErrorCode::kAddressNotResolved,
                         fmt::format("The DNS name \"{}\" has {} addresses, 1 to {} are expected.",
                                     address.text,
                                     hosts.size(),
                                     kMaxResolvedAddresses)};
        }
    }
    std::vector<FilterAddress> combined;
    for (const IpAddress& ip : hosts) {
        Result<FilterAddress> one = combine_one(address, mask, ip);
        if (!one) {
            return one.error();
        }
        // Two addresses of a name may share the network of its mask.
        if (std::find(combined.begin(), combined.end(), *one) == combined.end()) {
            combined.push_back(std::move(*one));
        }
    }
    return combined;
}

Result<std::vector<FilterSpec>> make_filter_specs(const FilterParts& parts) {
    const bool has_ports = parts.protocol.number == kTcp || parts.protocol.number == kUdp;
    if (!has_ports && (!parts.source_port.is_any() || !parts.destination_port.is_any())) {
        return Error{ErrorCode::kPortNeedsTcpUdp,
                     "srcport and dstport need protocol=TCP or protocol=UDP."};
    }
    std::vector<FilterSpec> specs;
    for (const FilterAddress& source : parts.sources) {
        for (const FilterAddress& destination : parts.destinations) {
            for (const auto& [side, other] :
                 {std::pair(&source, &destination), std::pair(&destination, &source)}) {
                if (Result<void> fits = check_server_side(*side, *other); !fits) {
                    return fits.error();
                }
            }
            if (!families_fit(source, destination)) {
                continue;
            }
            for (const std::uint8_t protocol :
                 protocols_between(parts.protocol, source, destination)) {
                specs.push_back(FilterSpec{source,
                                           destination,
                                           protocol,
                                           parts.source_port,
                                           parts.destination_port,
                                           parts.mirrored});
            }
        }
    }
    if (specs.empty()) {
        return Error{ErrorCode::kFamiliesDiffer,
                     "Source and destination must both be IPv4 or both be IPv6."};
    }
    return specs;
}

Result<AddressPattern> make_address_pattern(const AddressSyntax& address,
                                            const std::optional<MaskSyntax>& mask,
                                            std::span<const IpAddress> resolved) {
    AddressPattern pattern;
    if (address.needs_resolving()) {
        pattern.dns_name = address.text;
        // A name that no longer resolves must still select the filters that store it.
        if (resolved.empty()) {
            return pattern;
        }
    }
    Result<std::vector<FilterAddress>> combined = combine_filter_address(address, mask, resolved);
    if (!combined) {
        return combined.error();
    }
    pattern.any_of = std::move(*combined);
    return pattern;
}

bool matches(const AddressPattern& pattern, const FilterAddress& address) {
    if (!pattern.dns_name.empty() && !address.dns_name.empty()) {
        return equals_ignoring_case(pattern.dns_name, address.dns_name);
    }
    const auto same_value = [&](const FilterAddress& wanted) {
        return wanted.kind == address.kind && wanted.first == address.first
               && wanted.last == address.last && wanted.prefix_length == address.prefix_length;
    };
    const bool anything = pattern.any_of.empty() && pattern.dns_name.empty();
    return anything || std::any_of(pattern.any_of.begin(), pattern.any_of.end(), same_value);
}

bool matches(const FilterPattern& pattern, const FilterSpec& spec) {
    const auto protocol_matches = [&] {
        if (!pattern.protocol) {
            return true;
        }
        const bool icmp = pattern.protocol->icmp_word;
        return spec.protocol == pattern.protocol->number || (icmp && spec.protocol == kIcmpV6);
    };
    const auto given_and_different = [](const auto& wanted, const auto& actual) {
        return wanted && *wanted != actual;
    };
    return matches(pattern.source, spec.source) && matches(pattern.destination, spec.destination)
           && protocol_matches() && !given_and_different(pattern.source_port, spec.source_port)
           && !given_and_different(pattern.destination_port, spec.destination_port)
           && !given_and_different(pattern.mirrored, spec.mirrored);
}

}  // namespace config
