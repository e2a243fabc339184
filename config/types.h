// Small values everything else is made of: addresses, prefixes, GUIDs, MAC addresses.
#pragma once

#include "config/result.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace config {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

[[nodiscard]] constexpr unsigned address_bits(Family family) {
    return family == Family::kIpv4 ? 32 : 128;
}
[[nodiscard]] constexpr std::size_t address_bytes(Family family) {
    return family == Family::kIpv4 ? 4 : 16;
}

// Network byte order. An IPv4 address uses the first four bytes; the other twelve are zero, so that
// comparison and hashing need no case distinction.
struct IpAddress {
    Family family = Family::kIpv4;
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] static IpAddress v4(std::uint32_t host_order);
    [[nodiscard]] static IpAddress from_bytes(Family family, const std::uint8_t* network_order);
    // Dotted quad (four decimal parts) or RFC 4291 text; no zone, no port, no brackets.
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

    // RFC 5952 form for IPv6.
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] std::span<const std::uint8_t> view() const {
        return {bytes.data(), address_bytes(family)};
    }
    // Precondition: family == kIpv4.
    [[nodiscard]] std::uint32_t v4_host() const;
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_link_local() const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    // "10.0.0.0/8" or "2001:db8::/32"; a bare address is a host prefix. Host bits are kept.
    [[nodiscard]] static Result<IpPrefix> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] IpAddress first() const;
    [[nodiscard]] IpAddress last() const;
    [[nodiscard]] bool contains(const IpAddress& other) const;

    friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

// Prefix length of a contiguous dotted mask ("255.255.255.0" -> 24).
[[nodiscard]] Result<std::uint8_t> parse_dotted_mask(std::string_view text);
[[nodiscard]] std::string dotted_mask(std::uint8_t length);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    [[nodiscard]] static Result<MacAddress> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

// Printed "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}", upper case as Windows does.
struct Guid {
    std::array<std::uint8_t, 16> bytes{};  // in the order they are printed

    [[nodiscard]] static Guid random();
    // Braces optional, case free.
    [[nodiscard]] static Result<Guid> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] bool is_nil() const;

    friend auto operator<=>(const Guid&, const Guid&) = default;
};

}  // namespace config

template <>
struct std::hash<config::Guid> {
    std::size_t operator()(const config::Guid& guid) const noexcept;
};

template <>
struct std::hash<config::IpAddress> {
    std::size_t operator()(const config::IpAddress& address) const noexcept;
};
