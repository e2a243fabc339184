// The Internet checksum (RFC 1071) and its incremental form (RFC 1624). Sums are taken over memory
// as it stands, which RFC 1071 2(B) allows: no byte order appears anywhere.
#pragma once

#include "config/bytes.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dataplane {

// Adds `bytes` to a running sum. Only the last part of a sum may have an odd length.
[[nodiscard]] inline std::uint64_t checksum_add(std::uint64_t sum,
                                                std::span<const std::uint8_t> bytes) {
    std::size_t at = 0;
    for (; at + 2 <= bytes.size(); at += 2) {
        sum += config::load<std::uint16_t>(&bytes[at]);
    }
    if (at < bytes.size()) {
        const std::uint8_t last[2] = {bytes[at], 0};
        sum += config::load<std::uint16_t>(last);
    }
    return sum;
}

// 0xFFFF for a sum over bytes that include their own correct checksum.
[[nodiscard]] constexpr std::uint16_t checksum_fold(std::uint64_t sum) {
    while ((sum >> 16U) != 0) {
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(sum);
}

// The value of a checksum field.
[[nodiscard]] constexpr std::uint16_t checksum_finish(std::uint64_t sum) {
    return static_cast<std::uint16_t>(~checksum_fold(sum));
}

// RFC 1624 3: HC' = ~(~HC + ~m + m'). All three as they stand in memory.
[[nodiscard]] constexpr std::uint16_t checksum_update(std::uint16_t checksum,
                                                      std::uint16_t before,
                                                      std::uint16_t after) {
    const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~checksum)}
                              + static_cast<std::uint16_t>(~before) + after;
    return checksum_finish(sum);
}

}  // namespace dataplane
