// Bitsliced DES with 64 lanes in general registers. This file has its own machine flags.
#include "crypto/bitsliced_des_kernel.h"

namespace crypto {
namespace {

using Slice = std::uint64_t;
using Form = des::Kernel<Slice>;

static_assert(Form::kLanes == 64);
static_assert(std::size_t{3} * 64 * sizeof(Slice) <= kMaxDesLaneKeyBytes);

bool available(const CpuFeatures& /*cpu*/) {
    return true;
}

}  // namespace

const DesLanes kDesLanesScalar{
    "bitsliced-scalar", Form::kLanes, available, Form::load_keys, Form::lane_blocks};

}  // namespace crypto
