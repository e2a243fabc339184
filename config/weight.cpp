#include "config/weight.h"

#include <algorithm>
#include <array>
#include <bit>

namespace config {
namespace {

// Indexes the order of address classes.
enum class Breadth : std::uint8_t { kHost, kNet, kAny };

Breadth breadth_of(const SideBreadth& side) {
    if (side.any) {
        return Breadth::kAny;
    }
    return side.free_bits == 0 ? Breadth::kHost : Breadth::kNet;
}

// Bits after the common prefix of two addresses of one family.
unsigned differing_bits(const IpAddress& first, const IpAddress& last) {
    for (std::size_t i = 0; i < address_bytes(first.family); ++i) {
        const auto difference = static_cast<std::uint8_t>(first.bytes[i] ^ last.bytes[i]);
        if (difference != 0) {
            const auto common =
                static_cast<unsigned>(8 * i) + static_cast<unsigned>(std::countl_zero(difference));
            return address_bits(first.family) - common;
        }
    }
    return 0;
}

// Appends the low `bits` of `value` to `word`, larger values cut to the largest that fits.
std::uint64_t append(std::uint64_t word, unsigned bits, std::uint64_t value) {
    const std::uint64_t largest = (std::uint64_t{1} << bits) - 1;
    return (word << bits) | std::min(value, largest);
}

}  // namespace

SideBreadth SideBreadth::of(const FilterAddress& side) {
    if (side.kind == AddressKind::kAny) {
        return {.any = true, .free_bits = 0};
    }
    if (side.is_symbol()) {
        return {};
    }
    const unsigned free_bits = differing_bits(side.first, side.last);
    if (free_bits == address_bits(side.first.family)) {
        return {.any = true, .free_bits = 0};
    }
    return {.any = false, .free_bits = static_cast<std::uint8_t>(free_bits)};
}

std::uint8_t address_class(const SideBreadth& source, const SideBreadth& destination) {
    // Rows: source host, net, any. Columns: destination host, net, any.
    static constexpr std::array<std::array<std::uint8_t, 3>, 3> kClasses{{
        {1, 3, 6},
        {2, 4, 8},
        {5, 7, 9},
    }};
    return kClasses.at(static_cast<std::size_t>(breadth_of(source)))
        .at(static_cast<std::size_t>(breadth_of(destination)));
}

std::uint8_t protocol_class(std::uint8_t protocol,
                            const PortRange& source_port,
                            const PortRange& destination_port) {
    if (protocol == kAnyProtocol) {
        return 5;
    }
    if (!destination_port.is_any()) {
        return source_port.is_any() ? 2 : 1;
    }
    return source_port.is_any() ? 4 : 3;
}

std::uint8_t leniency(Action action, bool soft) {
    switch (action) {
        case Action::kBlock:
            return 0;
        case Action::kNegotiate:
            return soft ? 2 : 1;
        case Action::kPermit:
            break;
    }
    return 3;
}

std::uint64_t weight(const OrderKey& key) {
    std::uint64_t lightness = 0;
    lightness = append(lightness, 1, key.transport);
    lightness = append(lightness, 4, key.address_class);
    lightness = append(lightness, 8, key.free_bits);
    lightness = append(lightness, 8, key.least_free_bits);
    lightness = append(lightness, 3, key.protocol_class);
    lightness = append(lightness, 2, key.leniency);
    const std::uint64_t rule_limit = (std::uint64_t{1} << 16U) - 1;
    lightness = append(lightness, 16, key.rule);
    // Among the rules that share the last value, filters must not restart from 0.
    lightness = append(lightness, 20, key.rule < rule_limit ? key.filter : ~std::uint64_t{0});
    const std::uint64_t lightest = (std::uint64_t{1} << 62U) - 1;
    return lightest - lightness;
}

}  // namespace config
