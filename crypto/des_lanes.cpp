#include "crypto/des_lanes.h"

#include "crypto/bitsliced_des_kernel.h"

#include <cstring>

namespace crypto {

void expand_des_key(const std::uint8_t* key, unsigned stages, DesLaneKey& expanded) {
    for (unsigned stage = 0; stage < stages; ++stage) {
        std::uint64_t& bits = expanded.key[stage];
        std::memcpy(&bits, key + std::size_t{8} * stage, sizeof(bits));
        for (unsigned round = 0; round < 16; ++round) {
            for (unsigned j = 0; j < 48; ++j) {
                const auto bit = static_cast<unsigned>((bits >> des::kSubkeyBits[round][j]) & 1U);
                std::uint8_t& six = expanded.subkeys[stage][round][j / 6];
                six = static_cast<std::uint8_t>(static_cast<unsigned>(six << 1) | bit);
            }
        }
    }
}

std::span<const DesLanes* const> all_des_lanes() {
    static constexpr std::array kAll{
        &kDesLanesScalar, &kDesLanesAvx2, &kDesLanesAvx512, &kDesLanesVbmi};
    return kAll;
}

}  // namespace crypto
