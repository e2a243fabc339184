// What the CPU we run on can do, as far as the choice of a crypto engine depends on it. The binary
// is built for x86-64-v2: everything above that is asked for at run time.
#pragma once

#include <string>

namespace crypto {

struct CpuFeatures {
    bool aes = false;  // AES-NI and PCLMULQDQ: without them IPsec-MB is not used
    bool sha = false;
    bool avx2 = false;
    bool avx512 = false;  // F, BW, DQ, VL
    bool avx512_vbmi = false;
    bool vaes = false;  // VAES and VPCLMULQDQ
    bool gfni = false;

    [[nodiscard]] static CpuFeatures detect();
    // "AES-NI SHA-NI AVX2 ...", for the log.
    [[nodiscard]] std::string to_string() const;
};

}  // namespace crypto
