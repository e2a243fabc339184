// Which filter wins (netsh ipsec has no priorities): the most specific one. OrderKey is that
// order; weight() packs it into the number that `show qmfilter` prints.
#pragma once

#include "config/policy.h"

#include <compare>
#include <cstdint>

namespace config {

// Less = more specific = decides first. The members are compared in this order.
struct OrderKey {
    std::uint8_t transport = 1;       // 0: tunnel rule
    std::uint8_t address_class = 0;   // 1 host,host .. 9 any,any
    std::uint16_t free_bits = 0;      // 256 - prefix bits of both sides
    std::uint8_t shorter_bits = 0;    // 128 - the longer of the two prefixes
    std::uint8_t protocol_class = 0;  // 1 both ports, 2 destination, 3 source, 4 protocol, 5 any
    std::uint8_t leniency = 0;        // 0 block, 1 negotiate, 2 negotiate or clear, 3 permit
    std::uint32_t rule = 0;
    std::uint32_t filter = 0;

    friend auto operator<=>(const OrderKey&, const OrderKey&) = default;
};

// One side of a row as far as the order is concerned. `written_any` is the symbol `any`.
struct SideBreadth {
    bool any = false;
    std::uint8_t prefix_bits = 0;  // a range counts as the shortest prefix that covers it
    std::uint8_t address_bits = 32;
};

[[nodiscard]] std::uint8_t address_class(const SideBreadth& source, const SideBreadth& destination);
[[nodiscard]] std::uint8_t protocol_class(const FilterSpec& spec);
[[nodiscard]] std::uint8_t leniency(Action action, bool soft);

// Monotonic: a smaller key never has a smaller weight. Rule and filter positions, which only break
// ties, are in the weight as far as 64 bits hold them.
[[nodiscard]] std::uint64_t weight(const OrderKey& key);

}  // namespace config
