#include "config/sa_value.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace config {
namespace {

constexpr std::size_t kMaxHexKeyBytes = 128;
constexpr std::uint32_t kMaxPort = 65535;
constexpr std::uint32_t kMaxDscp = 63;  // six bits (RFC 2474 3)

std::optional<std::uint32_t> parse_number(std::string_view digits, int base) {
    std::uint32_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, status] = std::from_chars(digits.data(), end, value, base);
    if (digits.empty() || status != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}

bool strip_hex_prefix(std::string_view& text) {
    const bool prefixed = starts_with_ignoring_case(text, "0x");
    text.remove_prefix(prefixed ? 2 : 0);
    return prefixed;
}

Result<Value> parse_hex_key(std::string_view tag, std::string_view text) {
    strip_hex_prefix(text);
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    bool good = !text.empty() && text.size() % 2 == 0 && text.size() / 2 <= kMaxHexKeyBytes;
    for (std::size_t i = 0; good && i < text.size(); i += 2) {
        const std::optional<std::uint32_t> byte = parse_number(text.substr(i, 2), 16);
        good = byte.has_value();
        bytes.push_back(static_cast<std::uint8_t>(byte.value_or(0)));
    }
    SecretBytes key{std::span<const std::uint8_t>(bytes)};
    if (!bytes.empty()) {  // of an empty vector data() may be null
        explicit_bzero(bytes.data(), bytes.size());
    }
    if (!good) {
        return Error{
            ErrorCode::kInvalidValue,
            fmt::format("The key in {} must be {}.", tag, row_of(ValueType::kHexKey).expected)};
    }
    return Value(std::move(key));
}

Result<Value> parse_ip_address(std::string_view tag, std::string_view text) {
    const Result<IpAddress> address = IpAddress::parse(text);
    return address ? Result<Value>(*address) : invalid_value(ValueType::kIpAddress, tag, text);
}

// The numbers of an SA, each within its bounds.
Result<Value> parse_sa_number(ValueType type, std::string_view tag, std::string_view text) {
    std::string_view digits = text;
    const bool hexadecimal = type == ValueType::kSpi && strip_hex_prefix(digits);
    const std::optional<std::uint32_t> number = parse_number(digits, hexadecimal ? 16 : 10);
    bool good = number.has_value();
    if (type == ValueType::kSpi) {
        good = good && *number >= kMinSpi;
    } else if (type == ValueType::kReplayWindow) {
        good =
            good && (*number == 0 || (*number >= kMinReplayWindow && *number <= kMaxReplayWindow));
    } else {
        good = good && *number > 0 && *number <= kMaxPort;
    }
    return good ? Result<Value>(*number) : invalid_value(type, tag, text);
}

Result<Value> parse_dscp(std::string_view tag, std::string_view text) {
    if (equals_ignoring_case(text, "copy")) {
        return Value(DscpSyntax{});
    }
    const std::optional<std::uint32_t> number = parse_number(text, 10);
    if (!number || *number > kMaxDscp) {
        return invalid_value(ValueType::kDscp, tag, text);
    }
    return Value(DscpSyntax{static_cast<std::uint8_t>(*number)});
}

Result<Value> parse_method(std::string_view tag,
                           std::string_view text,
                           std::vector<std::string>& notes) {
    const Result<QmOffer> method = parse_sa_method(text);
    if (!method) {
        return method.error();
    }
    if (is_weak(*method)) {
        notes.push_back(
            fmt::format("Warning: {} names a weak method: {}.", tag, algorithms_text(*method)));
    }
    return Value(*method);
}

}  // namespace

Result<Value> parse_sa_value(ValueType type,
                             std::string_view tag,
                             std::string_view text,
                             std::vector<std::string>& notes) {
    if (type == ValueType::kIpAddress) {
        return parse_ip_address(tag, text);
    }
    if (type == ValueType::kSaMethod) {
        return parse_method(tag, text, notes);
    }
    if (type == ValueType::kHexKey) {
        return parse_hex_key(tag, text);
    }
    if (type == ValueType::kDscp) {
        return parse_dscp(tag, text);
    }
    return parse_sa_number(type, tag, text);
}

}  // namespace config
