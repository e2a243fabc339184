// Bitsliced DES with 256 lanes in AVX2. This file has its own machine flags.
#include "crypto/bitsliced_des_kernel.h"

namespace crypto {
namespace {

using Slice [[gnu::vector_size(32)]] = std::uint64_t;
using Form = des::Kernel<Slice>;

static_assert(Form::kLanes == 256);
static_assert(std::size_t{3} * 64 * sizeof(Slice) <= kMaxDesLaneKeyBytes);

bool available(const CpuFeatures& cpu) {
    return cpu.avx2;
}

}  // namespace

const DesLanes kDesLanesAvx2{
    "bitsliced-avx2", Form::kLanes, available, Form::load_keys, Form::lane_blocks};

}  // namespace crypto
