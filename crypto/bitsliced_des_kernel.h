// DES on bit slices: 64 vectors hold one bit of each block, one block per lane, and the round
// function becomes logic on whole vectors (E. Biham, "A Fast New DES Implementation in Software").
// Constant time: no lookup and no branch depends on data or key. Instantiated once per lane type in
// a file with that type's machine flags; nothing here may be an ordinary inline function, which the
// linker could take from the wrong file.
#pragma once

#include "crypto/des_lanes.h"
#include "crypto/des_sboxes.h"
#include "crypto/des_tables.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace crypto::des {

// Bit n of the standard (1 first) as a bit number of the block read as a little-endian integer.
constexpr unsigned little_endian_bit(unsigned n) {
    return (n - 1) / 8 * 8 + 7 - (n - 1) % 8;
}

// For each round, which bit of the key as a little-endian integer meets which S-box input.
inline constexpr auto kSubkeyBits = [] {
    std::array<std::array<std::uint8_t, 48>, 16> bits{};
    unsigned rotation = 0;
    for (unsigned round = 0; round < 16; ++round) {
        rotation += kDesKeyRotation[round];
        for (unsigned j = 0; j < 48; ++j) {
            const unsigned position = kDesKeyPermutation2[j] - 1U;
            const unsigned half = position / 28 * 28;
            const unsigned source = half + (position - half + rotation) % 28;
            bits[round][j] =
                static_cast<std::uint8_t>(little_endian_bit(kDesKeyPermutation1[source]));
        }
    }
    return bits;
}();

// Where, counted from 0, bit j (from 0) of the S-boxes' output goes in the round function's output.
inline constexpr auto kRoundOutput = [] {
    std::array<std::uint8_t, 32> position{};
    for (unsigned i = 0; i < 32; ++i) {
        position[kDesRoundPermutation[i] - 1U] = static_cast<std::uint8_t>(i);
    }
    return position;
}();

// IP on blocks read as little-endian integers.
inline constexpr auto kInitialBit = [] {
    std::array<std::uint8_t, 64> bits{};
    for (unsigned i = 0; i < 64; ++i) {
        bits[i] = static_cast<std::uint8_t>(little_endian_bit(kDesInitialPermutation[i]));
    }
    return bits;
}();

template <typename V>
struct Kernel {
    // One for each bit of a vector.
    static constexpr std::size_t kLanes = 8 * sizeof(V);

    // Swaps rows and columns of the bit matrix in each 64-bit column: m[b] bit i <-> m[i] bit b.
    static void transpose(V* m) {
        transpose_step<32>(m, 0x00000000FFFFFFFFU);
        transpose_step<16>(m, 0x0000FFFF0000FFFFU);
        transpose_step<8>(m, 0x00FF00FF00FF00FFU);
        transpose_step<4>(m, 0x0F0F0F0F0F0F0F0FU);
        transpose_step<2>(m, 0x3333333333333333U);
        transpose_step<1>(m, 0x5555555555555555U);
    }

    // Spreads one key to all lanes.
    static void same_key(std::uint64_t key, V* key_bits) {
        for (std::size_t bit = 0; bit < 64; ++bit) {
            key_bits[bit] = V{} - ((key >> bit) & 1U);
        }
    }

    // One key per lane.
    static void lane_keys_of(const std::uint64_t* keys, V* key_bits) {
        std::memcpy(key_bits, keys, kLanes * sizeof(std::uint64_t));
        transpose(key_bits);
    }

    // `keys`: `stages` sets of 64 key bits, in the order of encryption, for DES (1) or EDE (3).
    // `in` and `out` hold kLanes blocks and may be the same.
    static void blocks(
        const std::uint64_t* in, std::uint64_t* out, const V* keys, unsigned stages, bool decrypt) {
        V m[64];
        std::memcpy(m, in, sizeof(m));
        transpose(m);
        V a[32];
        V b[32];
        for (std::size_t i = 0; i < 32; ++i) {
            a[i] = m[kInitialBit[i]];
            b[i] = m[kInitialBit[32 + i]];
        }
        // Between the stages of EDE the final and the initial permutation cancel out; what is left
        // is the exchange of halves. `reverse`: the middle stage runs the other way.
        V* left = a;
        V* right = b;
        for (std::size_t stage = 0; stage < stages; ++stage) {
            const bool reverse = decrypt != (stage == 1);
            const V* key = keys + 64 * (decrypt ? stages - 1 - stage : stage);
            rounds(left, right, key, reverse);
            V* const swap = left;
            left = right;
            right = swap;
        }
        for (std::size_t i = 0; i < 32; ++i) {
            m[kInitialBit[i]] = left[i];
            m[kInitialBit[32 + i]] = right[i];
        }
        transpose(m);
        std::memcpy(out, m, sizeof(m));
    }

    // The functions of DesLanes.
    static void load_keys(std::span<const DesLaneKey* const> lane_keys,
                          unsigned stages,
                          void* keys) {
        V* const key_bits = static_cast<V*>(keys);
        const DesLaneKey* const* const lanes = lane_keys.data();
        const std::size_t count = lane_keys.size();
        bool same = true;
        for (std::size_t lane = 1; lane < count; ++lane) {
            same = same && lanes[lane] == lanes[0];
        }
        for (std::size_t stage = 0; stage < stages; ++stage) {
            if (same) {
                same_key(lanes[0]->key.data()[stage], key_bits + 64 * stage);
                continue;
            }
            alignas(64) std::uint64_t column[kLanes] = {};
            for (std::size_t lane = 0; lane < count; ++lane) {
                column[lane] = lanes[lane]->key.data()[stage];
            }
            lane_keys_of(column, key_bits + 64 * stage);
        }
    }

    static void lane_blocks(const std::uint64_t* in,
                            std::uint64_t* out,
                            const void* keys,
                            unsigned stages,
                            bool decrypt) {
        blocks(in, out, static_cast<const V*>(keys), stages, decrypt);
    }

  private:
    template <std::size_t kDistance>
    static void transpose_step(V* m, std::uint64_t low) {
        for (std::size_t i = 0; i < 64; ++i) {
            if ((i & kDistance) != 0) {
                continue;
            }
            const V exchange = ((m[i] >> kDistance) ^ m[i + kDistance]) & low;
            m[i + kDistance] ^= exchange;
            m[i] ^= exchange << kDistance;
        }
    }

    // Two rounds at a time, so that the halves need not be exchanged.
    static void rounds(V* left, V* right, const V* key, bool reverse) {
        for (std::size_t round = 0; round < 16; round += 2) {
            half_round(left, right, key, kSubkeyBits[reverse ? 15 - round : round].data());
            half_round(right, left, key, kSubkeyBits[reverse ? 14 - round : round + 1].data());
        }
    }

    // left ^= f(right, subkey)
    static void half_round(V* left, const V* right, const V* key, const std::uint8_t* subkey) {
        sbox<0>(left, right, key, subkey);
        sbox<1>(left, right, key, subkey);
        sbox<2>(left, right, key, subkey);
        sbox<3>(left, right, key, subkey);
        sbox<4>(left, right, key, subkey);
        sbox<5>(left, right, key, subkey);
        sbox<6>(left, right, key, subkey);
        sbox<7>(left, right, key, subkey);
    }

    template <std::size_t kBox>
    static void sbox(V* left, const V* right, const V* key, const std::uint8_t* subkey) {
        // The expansion E: each box sees its four bits and one of each neighbour.
        const V a1 = right[(4 * kBox + 31) % 32] ^ key[subkey[6 * kBox]];
        const V a2 = right[4 * kBox] ^ key[subkey[6 * kBox + 1]];
        const V a3 = right[4 * kBox + 1] ^ key[subkey[6 * kBox + 2]];
        const V a4 = right[4 * kBox + 2] ^ key[subkey[6 * kBox + 3]];
        const V a5 = right[4 * kBox + 3] ^ key[subkey[6 * kBox + 4]];
        const V a6 = right[(4 * kBox + 4) % 32] ^ key[subkey[6 * kBox + 5]];
        V& o1 = left[kRoundOutput[4 * kBox]];
        V& o2 = left[kRoundOutput[4 * kBox + 1]];
        V& o3 = left[kRoundOutput[4 * kBox + 2]];
        V& o4 = left[kRoundOutput[4 * kBox + 3]];
        if constexpr (kBox == 0) {
            des_sbox1(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 1) {
            des_sbox2(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 2) {
            des_sbox3(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 3) {
            des_sbox4(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 4) {
            des_sbox5(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 5) {
            des_sbox6(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else if constexpr (kBox == 6) {
            des_sbox7(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        } else {
            des_sbox8(a1, a2, a3, a4, a5, a6, o1, o2, o3, o4);
        }
    }
};

}  // namespace crypto::des
