// Big-endian integers for wire structures, and checked byte copies. Conversion is always explicit,
// so that a network-order value cannot be used as a number by accident.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>

namespace config {

template <std::unsigned_integral T>
[[nodiscard]] constexpr T byte_swap(T value) {
    if constexpr (sizeof(T) == 1) {
        return value;
    } else if constexpr (sizeof(T) == 2) {
        return __builtin_bswap16(value);
    } else if constexpr (sizeof(T) == 4) {
        return __builtin_bswap32(value);
    } else {
        return __builtin_bswap64(value);
    }
}

template <std::unsigned_integral T>
class BigEndian {
  public:
    constexpr BigEndian() = default;
    constexpr explicit BigEndian(T host) : raw_(swap_if_little(host)) {}

    [[nodiscard]] constexpr T host() const { return swap_if_little(raw_); }
    // The bytes as they stand in memory, for checksums and for comparing with another wire value.
    [[nodiscard]] constexpr T raw() const { return raw_; }
    [[nodiscard]] static constexpr BigEndian from_raw(T raw) {
        BigEndian value;
        value.raw_ = raw;
        return value;
    }

    friend constexpr bool operator==(BigEndian, BigEndian) = default;

  private:
    [[nodiscard]] static constexpr T swap_if_little(T value) {
        return std::endian::native == std::endian::little ? byte_swap(value) : value;
    }

    T raw_ = 0;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && sizeof(be32) == 4 && sizeof(be64) == 8);

// Copies a trivially copyable T out of `bytes` at `offset`. The caller has checked the length.
template <typename T>
[[nodiscard]] T load(const std::uint8_t* bytes) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
}

template <typename T>
void store(std::uint8_t* bytes, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(bytes, &value, sizeof(T));
}

}  // namespace config
