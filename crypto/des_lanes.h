// The forms in which DES is computed on many blocks at once, one block per lane: what each one
// needs, how many lanes it has, and its two functions. All forms are constant time.
#pragma once

#include "crypto/cpu_features.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace crypto {

// A DES or EDE key in the two shapes the forms start from. Unused stages are zero.
struct DesLaneKey {
    std::array<std::uint64_t, 3> key{};  // the eight bytes as a little-endian integer
    // Six bits for each S-box, the box's first input bit most significant.
    std::array<std::array<std::array<std::uint8_t, 8>, 16>, 3> subkeys{};
};

// Fills both shapes from `stages` (1 or 3) keys of eight bytes. Parity bits are ignored.
void expand_des_key(const std::uint8_t* key, unsigned stages, DesLaneKey& expanded);

inline constexpr std::size_t kMaxDesLanes = 512;
inline constexpr std::size_t kMaxDesLaneKeyBytes = std::size_t{3} * 16 * 8 * 64;

// Pure functions: a worker owns the memory they work on.
struct DesLanes {
    std::string_view name;
    std::size_t lanes;
    bool (*available)(const CpuFeatures& cpu);
    // Loads a key for each lane into `keys` (64-byte aligned, kMaxDesLaneKeyBytes). Lanes beyond
    // `lane_keys` get an arbitrary key.
    void (*load_keys)(std::span<const DesLaneKey* const> lane_keys, unsigned stages, void* keys);
    // `in` and `out` hold `lanes` blocks, 64-byte aligned, and may be the same.
    void (*blocks)(const std::uint64_t* in,
                   std::uint64_t* out,
                   const void* keys,
                   unsigned stages,
                   bool decrypt);
};

extern const DesLanes kDesLanesScalar;  // bit slices in general registers, 64 lanes
extern const DesLanes kDesLanesAvx2;    // bit slices, 256 lanes
extern const DesLanes kDesLanesAvx512;  // bit slices, 512 lanes
extern const DesLanes kDesLanesVbmi;    // byte slices and VPERMB, 64 lanes

[[nodiscard]] std::span<const DesLanes* const> all_des_lanes();

}  // namespace crypto
