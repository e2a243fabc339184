// Numbers in the bytes of IKE, in network order.
#pragma once

#include "config/bytes.h"
#include "control/ike/isakmp.h"

#include <cstddef>
#include <cstdint>

namespace control::ike {

// The caller has checked the length.
[[nodiscard]] inline std::uint16_t read_u16(ByteView bytes, std::size_t offset) {
    return config::load<config::be16>(bytes.data() + offset).host();
}
[[nodiscard]] inline std::uint32_t read_u32(ByteView bytes, std::size_t offset) {
    return config::load<config::be32>(bytes.data() + offset).host();
}

inline void append(Bytes& to, ByteView bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append_u16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}
inline void append_u32(Bytes& to, std::uint32_t value) {
    append_u16(to, value >> 16U);
    append_u16(to, value & 0xFFFF);
}

}  // namespace control::ike
