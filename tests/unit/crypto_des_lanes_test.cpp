// The circuits of the S-boxes, and each form of DES against OpenSSL, lane by lane.
#include "crypto/des_lanes.h"
#include "crypto/des_sboxes.h"
#include "crypto/des_tables.h"
#include "crypto/openssl_engine.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>

namespace crypto {
namespace {

using Slice = std::uint64_t;
using Sbox = void (*)(Slice, Slice, Slice, Slice, Slice, Slice, Slice&, Slice&, Slice&, Slice&);

TEST(DesSboxes, CircuitsComputeTheTablesOfTheStandard) {
    constexpr std::array<Sbox, 8> kBoxes{des_sbox1<Slice>,
                                         des_sbox2<Slice>,
                                         des_sbox3<Slice>,
                                         des_sbox4<Slice>,
                                         des_sbox5<Slice>,
                                         des_sbox6<Slice>,
                                         des_sbox7<Slice>,
                                         des_sbox8<Slice>};
    // Bit x of slice i is input bit i of the value x.
    std::array<Slice, 6> in{};
    for (unsigned x = 0; x < 64; ++x) {
        for (unsigned i = 0; i < 6; ++i) {
            in[i] |= static_cast<Slice>((x >> (5 - i)) & 1U) << x;
        }
    }
    for (unsigned box = 0; box < 8; ++box) {
        // The circuits XOR their result to what is there.
        const std::array<Slice, 4> before{1, ~Slice{0}, 0, 0x123456789ABCDEFU};
        std::array<Slice, 4> out = before;
        kBoxes[box](in[0], in[1], in[2], in[3], in[4], in[5], out[0], out[1], out[2], out[3]);
        for (unsigned x = 0; x < 64; ++x) {
            unsigned value = 0;
            for (unsigned i = 0; i < 4; ++i) {
                value = value * 2 + static_cast<unsigned>(((out[i] ^ before[i]) >> x) & 1U);
            }
            ASSERT_EQ(value, des_sbox(box, x)) << "S" << box + 1 << " of " << x;
        }
    }
}

struct Memory {
    alignas(64) std::array<std::uint64_t, kMaxDesLanes> in{};
    alignas(64) std::array<std::uint64_t, kMaxDesLanes> out{};
    alignas(64) std::array<std::uint8_t, kMaxDesLaneKeyBytes> keys{};
    std::array<DesKeys, kMaxDesLanes> expanded{};
    std::array<const DesLaneKey*, kMaxDesLanes> lane_keys{};
};

void expect_openssl(const DesLanes& form,
                    std::size_t lanes,
                    bool one_key,
                    unsigned stages,
                    bool decrypt,
                    std::mt19937_64& random) {
    const auto memory = std::make_unique<Memory>();
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        std::array<std::uint8_t, 24> key;
        for (std::uint8_t& byte : key) {
            byte = static_cast<std::uint8_t>(random());
        }
        expand_des_key(key.data(), stages, memory->expanded[lane].lanes);
        openssl_expand_des(key.data(), stages, memory->expanded[lane].openssl.data());
        memory->in[lane] = random();
        memory->lane_keys[lane] = &memory->expanded[one_key ? 0 : lane].lanes;
    }
    form.load_keys({memory->lane_keys.data(), lanes}, stages, memory->keys.data());
    form.blocks(memory->in.data(), memory->out.data(), memory->keys.data(), stages, decrypt);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        std::array<std::uint8_t, 8> block;
        std::array<std::uint8_t, 8> iv{};
        std::memcpy(block.data(), &memory->in[lane], 8);
        openssl_des_cbc(memory->expanded[one_key ? 0 : lane],
                        stages,
                        decrypt ? Direction::kVerify : Direction::kProtect,
                        block.data(),
                        block.data(),
                        8,
                        iv.data());
        std::uint64_t expected = 0;
        std::memcpy(&expected, block.data(), 8);
        ASSERT_EQ(memory->out[lane], expected) << "lane " << lane;
    }
}

TEST(DesLanes, EveryFormAgreesWithOpensslInEveryLane) {
    const CpuFeatures cpu = CpuFeatures::detect();
    std::mt19937_64 random(1);
    for (const DesLanes* const form : all_des_lanes()) {
        if (!form->available(cpu)) {
            continue;
        }
        SCOPED_TRACE(form->name);
        for (const unsigned stages : {1U, 3U}) {
            for (const bool decrypt : {false, true}) {
                for (const bool one_key : {false, true}) {
                    for (const std::size_t lanes : {std::size_t{1}, std::size_t{33}, form->lanes}) {
                        SCOPED_TRACE(lanes);
                        expect_openssl(*form, lanes, one_key, stages, decrypt, random);
                    }
                }
            }
        }
    }
}

TEST(DesLanes, TheScalarFormIsAlwaysThere) {
    EXPECT_TRUE(kDesLanesScalar.available(CpuFeatures{}));
    EXPECT_FALSE(kDesLanesAvx2.available(CpuFeatures{}));
    EXPECT_FALSE(kDesLanesAvx512.available(CpuFeatures{}));
    EXPECT_FALSE(kDesLanesVbmi.available(CpuFeatures{}));
}

}  // namespace
}  // namespace crypto
