// Bitsliced DES with 512 lanes in AVX-512, where three-input logic shortens the circuits. This file
// has its own machine flags.
#include "crypto/bitsliced_des_kernel.h"

namespace crypto {
namespace {

using Slice [[gnu::vector_size(64)]] = std::uint64_t;
using Form = des::Kernel<Slice>;

static_assert(Form::kLanes == 512);
static_assert(std::size_t{3} * 64 * sizeof(Slice) <= kMaxDesLaneKeyBytes);

bool available(const CpuFeatures& cpu) {
    return cpu.avx512;
}

}  // namespace

const DesLanes kDesLanesAvx512{
    "bitsliced-avx512", Form::kLanes, available, Form::load_keys, Form::lane_blocks};

}  // namespace crypto
