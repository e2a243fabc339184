#include "config/types.h"

#include "config/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <sys/random.h>

namespace config {
namespace {

Error bad_address(std::string_view text, std::string_view expected) {
    return Error{ErrorCode::kBadAddress, fmt::format("\"{}\" is not {}.", text, expected)};
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

// Sets every bit after the first `length` bits of `address` to `bit`.
IpAddress fill_host_bits(IpAddress address, unsigned length, bool bit) {
    const unsigned bits = address_bits(address.family);
    for (unsigned i = length; i < bits; ++i) {
        const auto mask = static_cast<std::uint8_t>(0x80U >> (i % 8));
        std::uint8_t& byte = address.bytes[i / 8];
        byte = static_cast<std::uint8_t>(bit ? byte | mask : byte & ~mask);
    }
    return address;
}

std::size_t hash_bytes(std::span<const std::uint8_t> bytes) {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
    IpAddress address;
    store(address.bytes.data(), be32(host_order));
    return address;
}

IpAddress IpAddress::from_bytes(Family family, const std::uint8_t* network_order) {
    IpAddress address;
    address.family = family;
    std::memcpy(address.bytes.data(), network_order, address_bytes(family));
    return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
    IpAddress address;
    const std::string terminated(text);
    const bool has_nul = text.find('\0') != std::string_view::npos;
    if (!has_nul && inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
        return address;
    }
    address.bytes = {};
    if (!has_nul && inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
        address.family = Family::kIpv6;
        return address;
    }
    return bad_address(text, "an IPv4 or IPv6 address");
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    inet_ntop(family == Family::kIpv4 ? AF_INET : AF_INET6,
              bytes.data(),
              buffer.data(),
              static_cast<socklen_t>(buffer.size()));
    return buffer.data();
}

std::uint32_t IpAddress::v4_host() const {
    return load<be32>(bytes.data()).host();
}

bool IpAddress::is_unspecified() const {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
    if (family == Family::kIpv4) {
        return bytes[0] == 127;
    }
    IpAddress loopback;
    loopback.family = Family::kIpv6;
    loopback.bytes[15] = 1;
    return *this == loopback;
}

bool IpAddress::is_multicast() const {
    return family == Family::kIpv4 ? (bytes[0] & 0xF0U) == 0xE0U : bytes[0] == 0xFF;
}

bool IpAddress::is_link_local() const {
    return family == Family::kIpv4 ? bytes[0] == 169 && bytes[1] == 254
                                   : bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80U;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    Result<IpAddress> address = IpAddress::parse(text.substr(0, slash));
    if (!address) {
        return bad_address(text, "an address or an address/prefix-length");
    }
    const unsigned bits = address_bits(address->family);
    unsigned length = bits;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const char* end = digits.data() + digits.size();
        const auto [stop, status] = std::from_chars(digits.data(), end, length);
        if (status != std::errc{} || stop != end || length > bits) {
            return bad_address(text, fmt::format("a prefix: its length must be 0 to {}", bits));
        }
    }
    return IpPrefix{*address, static_cast<std::uint8_t>(length)};
}

std::string IpPrefix::to_string() const {
    return fmt::format("{}/{}", address.to_string(), length);
}

IpAddress IpPrefix::first() const {
    return fill_host_bits(address, length, false);
}

IpAddress IpPrefix::last() const {
    return fill_host_bits(address, length, true);
}

bool IpPrefix::contains(const IpAddress& other) const {
    return other.family == address.family && first() <= other && other <= last();
}

Result<std::uint8_t> parse_dotted_mask(std::string_view text) {
    const Result<IpAddress> address = IpAddress::parse(text);
    if (!address || address->family != Family::kIpv4) {
        return bad_address(text, "a subnet mask such as 255.255.255.0");
    }
    const std::uint32_t mask = address->v4_host();
    const auto length = static_cast<std::uint8_t>(std::countl_one(mask));
    if (length < 32 && (mask << length) != 0) {
        return bad_address(text, "a contiguous subnet mask such as 255.255.255.0");
    }
    return length;
}

std::string dotted_mask(std::uint8_t length) {
    return IpAddress::v4(length == 0 ? 0 : ~std::uint32_t{0} << (32U - length)).to_string();
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress mac;
    const Error error = bad_address(text, "a MAC address such as 02:00:00:00:00:01");
    if (text.size() != 17) {
        return error;
    }
    for (std::size_t i = 0; i < 6; ++i) {
        const int high = hex_digit(text[3 * i]);
        const int low = hex_digit(text[3 * i + 1]);
        const bool separated = i == 5 || text[3 * i + 2] == ':' || text[3 * i + 2] == '-';
        if (high < 0 || low < 0 || !separated) {
            return error;
        }
        mac.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return mac;
}

std::string MacAddress::to_string() const {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                       bytes[0],
                       bytes[1],
                       bytes[2],
                       bytes[3],
                       bytes[4],
                       bytes[5]);
}

Guid Guid::random() {
    Guid guid;
    if (getrandom(guid.bytes.data(), guid.bytes.size(), 0)
        != static_cast<ssize_t>(guid.bytes.size())) {
        throw std::runtime_error("getrandom failed");
    }
    // RFC 4122 4.4: version 4, variant 1.
    guid.bytes[6] = static_cast<std::uint8_t>((guid.bytes[6] & 0x0FU) | 0x40U);
    guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3FU) | 0x80U);
    return guid;
}

Result<Guid> Guid::parse(std::string_view text) {
    const Error error{
        ErrorCode::kInvalidValue,
        fmt::format("\"{}\" is not a GUID such as {{6B29FC40-CA47-1067-B31D-00DD010662DA}}.",
                    text)};
    std::string_view body = text;
    if (body.size() == 38 && body.front() == '{' && body.back() == '}') {
        body = body.substr(1, 36);
    }
    if (body.size() != 36) {
        return error;
    }
    Guid guid;
    std::size_t at = 0;
    for (std::size_t i = 0; i < body.size();) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (body[i] != '-') {
                return error;
            }
            ++i;
            continue;
        }
        const int high = hex_digit(body[i]);
        const int low = hex_digit(body[i + 1]);
        if (high < 0 || low < 0) {
            return error;
        }
        guid.bytes[at++] = static_cast<std::uint8_t>(high * 16 + low);
        i += 2;
    }
    return guid;
}

std::string Guid::to_string() const {
    std::string text = "{";
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text += '-';
        }
        text += fmt::format("{:02X}", bytes[i]);
    }
    return text + "}";
}

bool Guid::is_nil() const {
    return *this == Guid{};
}

}  // namespace config

std::size_t std::hash<config::Guid>::operator()(const config::Guid& guid) const noexcept {
    return config::hash_bytes(guid.bytes);
}

std::size_t std::hash<config::IpAddress>::operator()(
    const config::IpAddress& address) const noexcept {
    return config::hash_bytes(address.bytes) ^ static_cast<std::size_t>(address.family);
}
