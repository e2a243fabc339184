// Which filter wins: netsh ipsec has no priorities, the most specific filter decides. OrderKey is
// that order; weight() packs it into the number that `show qmfilter` prints.
#pragma once

#include "config/policy.h"

#include <compare>
#include <cstdint>

namespace config {

// How much of the address space one side of a row covers, by how its filter is written: the host
// bits left open by the mask. `me`, server symbols and DNS names count as hosts (0), a range as the
// shortest prefix that covers it. Whatever leaves every bit open counts as `any`.
struct SideBreadth {
    bool any = false;
    std::uint8_t free_bits = 0;  // 0 when `any`: the class says it all

    [[nodiscard]] static SideBreadth of(const FilterAddress& side);
};

// Less = more specific = decides first. Members are compared from the top.
struct OrderKey {
    std::uint8_t transport = 1;        // 0: rule with a tunnel end point
    std::uint8_t address_class = 0;    // 1 host,host .. 9 any,any
    std::uint8_t free_bits = 0;        // of both sides together: longer masks first
    std::uint8_t least_free_bits = 0;  // of the narrower side
    std::uint8_t protocol_class = 0;   // 1 both ports, 2 destination, 3 source, 4 protocol, 5 any
    std::uint8_t leniency = 0;         // 0 block, 1 negotiate, 2 negotiate or clear, 3 permit
    std::uint32_t rule = 0;
    std::uint32_t filter = 0;  // within the rule

    friend auto operator<=>(const OrderKey&, const OrderKey&) = default;
};

[[nodiscard]] std::uint8_t address_class(const SideBreadth& source, const SideBreadth& destination);
[[nodiscard]] std::uint8_t protocol_class(std::uint8_t protocol,
                                          const PortRange& source_port,
                                          const PortRange& destination_port);
[[nodiscard]] std::uint8_t leniency(Action action, bool soft);

// A lesser key has a greater weight, or the same one if the keys differ only in rules beyond 65,535
// or filters beyond 1,048,575.
[[nodiscard]] std::uint64_t weight(const OrderKey& key);

}  // namespace config
