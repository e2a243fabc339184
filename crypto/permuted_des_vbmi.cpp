// DES with AVX-512 VBMI for bursts too short to fill bit slices: 64 lanes, one byte each. VPERMB
// looks 64 six-bit S-box inputs up in 64 bytes at once, without touching memory by a secret
// address.
//
// Both halves are kept as the expansion E makes them: eight vectors, one for each S-box, with that
// box's six input bits in the low bits of each lane. As E only copies bits, the table of an S-box
// can hold its output already permuted by P and expanded by E; it is split into one table for each
// of the six boxes of the next round that the output reaches. The two high bits of a byte are not
// kept clean: VPERMB ignores them. This file has its own machine flags.
#include "crypto/bitsliced_des_kernel.h"
#include "crypto/des_lanes.h"

#include <immintrin.h>

namespace crypto {
namespace {

struct alignas(64) Table {
    std::uint8_t value[64];
};

// The part of box `from`'s output, after P and E, that is input of box `to`.
constexpr std::uint8_t spread(unsigned from, unsigned to, unsigned input) {
    unsigned six = 0;
    const unsigned output = des_sbox(from, input);
    for (unsigned j = 0; j < 4; ++j) {
        if (((output >> (3 - j)) & 1U) == 0) {
            continue;
        }
        for (unsigned i = 0; i < 6; ++i) {
            if (des::kRoundOutput[4 * from + j] == (4 * to + i + 31) % 32) {
                six |= 1U << (5 - i);
            }
        }
    }
    return static_cast<std::uint8_t>(six);
}

constexpr bool reaches(unsigned from, unsigned to) {
    for (unsigned input = 0; input < 64; ++input) {
        if (spread(from, to, input) != 0) {
            return true;
        }
    }
    return false;
}

struct Reach {
    bool value[8][8];
};

constexpr Reach kReaches = [] {
    Reach reach{};
    for (unsigned from = 0; from < 8; ++from) {
        for (unsigned to = 0; to < 8; ++to) {
            reach.value[from][to] = reaches(from, to);
        }
    }
    return reach;
}();

struct Tables {
    Table table[8][8];
};

constexpr Tables kTables = [] {
    Tables tables{};
    for (unsigned from = 0; from < 8; ++from) {
        for (unsigned to = 0; to < 8; ++to) {
            for (unsigned input = 0; input < 64; ++input) {
                tables.table[from][to].value[input] = spread(from, to, input);
            }
        }
    }
    return tables;
}();

// rows[i] qword j <-> rows[j] qword i.
[[gnu::always_inline]] inline void transpose_qwords(__m512i* rows) {
    __m512i t[8];
    for (unsigned i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(rows[i], rows[i + 1]);
    }
    for (unsigned odd = 0; odd < 2; ++odd) {
        const __m512i low_0_4 = _mm512_shuffle_i64x2(t[odd], t[2 + odd], 0x88);
        const __m512i high_0_4 = _mm512_shuffle_i64x2(t[4 + odd], t[6 + odd], 0x88);
        const __m512i low_2_6 = _mm512_shuffle_i64x2(t[odd], t[2 + odd], 0xDD);
        const __m512i high_2_6 = _mm512_shuffle_i64x2(t[4 + odd], t[6 + odd], 0xDD);
        rows[odd] = _mm512_shuffle_i64x2(low_0_4, high_0_4, 0x88);
        rows[2 + odd] = _mm512_shuffle_i64x2(low_2_6, high_2_6, 0x88);
        rows[4 + odd] = _mm512_shuffle_i64x2(low_0_4, high_0_4, 0xDD);
        rows[6 + odd] = _mm512_shuffle_i64x2(low_2_6, high_2_6, 0xDD);
    }
}

constexpr Table kByteTransposition = [] {
    Table order{};
    for (unsigned i = 0; i < 64; ++i) {
        order.value[i] = static_cast<std::uint8_t>(i % 8 * 8 + i / 8);
    }
    return order;
}();

// Byte 8 * i + j <-> byte 8 * j + i.
[[gnu::always_inline]] inline __m512i transpose_bytes(__m512i v) {
    return _mm512_permutexvar_epi8(_mm512_load_si512(&kByteTransposition), v);
}

// Eight vectors of eight blocks with a byte for each box -> a plane of 64 blocks for each box.
[[gnu::always_inline]] inline void to_planes(__m512i* rows) {
    for (unsigned i = 0; i < 8; ++i) {
        rows[i] = transpose_bytes(rows[i]);
    }
    transpose_qwords(rows);
}

[[gnu::always_inline]] inline void from_planes(__m512i* planes) {
    transpose_qwords(planes);
    for (unsigned i = 0; i < 8; ++i) {
        planes[i] = transpose_bytes(planes[i]);
    }
}

[[gnu::always_inline]] inline __m512i all_qwords(std::uint64_t value) {
    return _mm512_set1_epi64(static_cast<long long>(value));
}

// Swaps the bits under `mask` with those `kShift` places above them, in each qword.
template <unsigned kShift>
[[gnu::always_inline]] inline __m512i swap_bits(__m512i v, std::uint64_t mask) {
    const __m512i difference = _mm512_xor_si512(_mm512_srli_epi64(v, kShift), v);
    const __m512i swapped = _mm512_and_si512(difference, all_qwords(mask));
    return v ^ swapped ^ _mm512_slli_epi64(swapped, kShift);
}

// Mirrors the 8x8 bit matrix of each qword at its diagonal.
[[gnu::always_inline]] inline __m512i transpose_bits(__m512i v) {
    v = swap_bits<7>(v, 0x00AA00AA00AA00AAU);
    v = swap_bits<14>(v, 0x0000CCCC0000CCCCU);
    return swap_bits<28>(v, 0x00000000F0F0F0F0U);
}

// Byte i of each qword becomes byte number `order` byte i of the same qword; 0x80 clears it.
[[gnu::always_inline]] inline __m512i order_bytes(__m512i v, std::uint64_t order) {
    const __m512i second_of_two = _mm512_set_epi64(
        0x0808080808080808, 0, 0x0808080808080808, 0, 0x0808080808080808, 0, 0x0808080808080808, 0);
    return _mm512_shuffle_epi8(v, second_of_two | all_qwords(order));
}

// On blocks read as little-endian integers, IP is a transposition of the bit matrix and an order of
// its rows. The result has the left half in the upper 32 bits, and the standard's bit 1 of each
// half is its most significant.
[[gnu::always_inline]] inline __m512i initial_permutation(__m512i v) {
    return order_bytes(transpose_bits(v), 0x0604020007050301U);
}

[[gnu::always_inline]] inline __m512i final_permutation(__m512i v) {
    return transpose_bits(order_bytes(v, 0x0307020601050004U));
}

// E: for each box a byte with its six bits at the bottom. `halves` holds the half twice.
[[gnu::always_inline]] inline __m512i expand(__m512i halves) {
    return _mm512_multishift_epi64_epi8(all_qwords(0x3F03070B0F13171BU), halves);
}

// Undoes expand(): the middle four bits of each byte, at the byte positions that are not 0x80.
[[gnu::always_inline]] inline __m512i contract(__m512i six, std::uint64_t order) {
    const __m512i four = _mm512_srli_epi16(six, 1) & _mm512_set1_epi8(0x0F);
    const __m512i pairs = _mm512_maddubs_epi16(four, _mm512_set1_epi16(0x0110));
    return order_bytes(pairs, order);
}

// left ^= f(right, subkey)
[[gnu::always_inline]] inline void half_round(__m512i* left,
                                              const __m512i* right,
                                              const __m512i* subkey) {
    __m512i index[8];
    for (unsigned box = 0; box < 8; ++box) {
        index[box] = right[box] ^ subkey[box];
    }
#pragma GCC unroll 8
    for (unsigned to = 0; to < 8; ++to) {
#pragma GCC unroll 8
        for (unsigned from = 0; from < 8; ++from) {
            if (kReaches.value[from][to]) {
                const __m512i table = _mm512_load_si512(&kTables.table[from][to]);
                left[to] ^= _mm512_permutexvar_epi8(index[from], table);
            }
        }
    }
}

void vbmi_blocks(
    const std::uint64_t* in, std::uint64_t* out, const void* keys, unsigned stages, bool decrypt) {
    __m512i left[8];
    __m512i right[8];
    for (unsigned i = 0; i < 8; ++i) {
        const __m512i v = initial_permutation(_mm512_load_si512(in + std::size_t{8} * i));
        left[i] = expand(_mm512_shuffle_epi32(v, _MM_PERM_DDBB));
        right[i] = expand(_mm512_shuffle_epi32(v, _MM_PERM_CCAA));
    }
    to_planes(left);
    to_planes(right);
    for (unsigned stage = 0; stage < stages; ++stage) {
        const bool reverse = decrypt != (stage == 1);
        const unsigned key = decrypt ? stages - 1 - stage : stage;
        const __m512i* subkeys = static_cast<const __m512i*>(keys) + std::size_t{128} * key;
        for (unsigned round = 0; round < 16; round += 2) {
            half_round(left, right, subkeys + std::size_t{8} * (reverse ? 15 - round : round));
            half_round(right, left, subkeys + std::size_t{8} * (reverse ? 14 - round : round + 1));
        }
        // The exchange of halves at the end of a stage.
        for (unsigned i = 0; i < 8; ++i) {
            const __m512i swap = left[i];
            left[i] = right[i];
            right[i] = swap;
        }
    }
    from_planes(left);
    from_planes(right);
    for (unsigned i = 0; i < 8; ++i) {
        const __m512i v =
            contract(left[i], 0x0002040680808080U) | contract(right[i], 0x8080808000020406U);
        _mm512_store_si512(out + std::size_t{8} * i, final_permutation(v));
    }
}

void load_keys(std::span<const DesLaneKey* const> lane_keys, unsigned stages, void* keys) {
    const DesLaneKey* const* const lanes = lane_keys.data();
    const std::size_t count = lane_keys.size();
    bool same = true;
    for (std::size_t lane = 1; lane < count; ++lane) {
        same = same && lanes[lane] == lanes[0];
    }
    __m512i* planes = static_cast<__m512i*>(keys);
    for (unsigned row = 0; row < 16 * stages; ++row, planes += 8) {
        const std::size_t offset = std::size_t{8} * row;
        if (same) {
            const std::uint8_t* const subkey = lanes[0]->subkeys[0][0].data() + offset;
            for (unsigned box = 0; box < 8; ++box) {
                planes[box] = _mm512_set1_epi8(static_cast<char>(subkey[box]));
            }
            continue;
        }
        alignas(64) std::uint64_t rows[64] = {};
        for (std::size_t lane = 0; lane < count; ++lane) {
            __builtin_memcpy(&rows[lane], lanes[lane]->subkeys[0][0].data() + offset, 8);
        }
        __m512i v[8];
        for (unsigned i = 0; i < 8; ++i) {
            v[i] = _mm512_load_si512(rows + std::size_t{8} * i);
        }
        to_planes(v);
        for (unsigned i = 0; i < 8; ++i) {
            planes[i] = v[i];
        }
    }
}

bool available(const CpuFeatures& cpu) {
    return cpu.avx512_vbmi;
}

}  // namespace

const DesLanes kDesLanesVbmi{"vbmi", 64, available, load_keys, vbmi_blocks};

}  // namespace crypto
