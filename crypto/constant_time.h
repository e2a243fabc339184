// Comparison of integrity check values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace crypto {

// Time depends on `size` only.
[[nodiscard]] inline bool equal_ct(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) {
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < size; ++i) {
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    }
    // Keeps the compiler from leaving the loop early.
    asm volatile("" : "+r"(difference));
    return difference == 0;
}

}  // namespace crypto
