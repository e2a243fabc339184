#include "crypto/cpu_features.h"

#include <array>
#include <cpuid.h>
#include <string_view>
#include <utility>

namespace crypto {

// __builtin_cpu_supports() also asks whether the operating system saves the vector registers. It
// does not know SHA under that name in gcc 12, hence CPUID for that one, which has no wide
// registers.
CpuFeatures CpuFeatures::detect() {
    CpuFeatures cpu;
    __builtin_cpu_init();
    cpu.aes = static_cast<bool>(__builtin_cpu_supports("aes"))
              && static_cast<bool>(__builtin_cpu_supports("pclmul"));
    cpu.avx2 = static_cast<bool>(__builtin_cpu_supports("avx2"));
    cpu.avx512 = static_cast<bool>(__builtin_cpu_supports("avx512f"))
                 && static_cast<bool>(__builtin_cpu_supports("avx512bw"))
                 && static_cast<bool>(__builtin_cpu_supports("avx512dq"))
                 && static_cast<bool>(__builtin_cpu_supports("avx512vl"));
    cpu.avx512_vbmi = cpu.avx512 && static_cast<bool>(__builtin_cpu_supports("avx512vbmi"));
    cpu.vaes = cpu.avx2 && static_cast<bool>(__builtin_cpu_supports("vpclmulqdq"));
    cpu.gfni = static_cast<bool>(__builtin_cpu_supports("gfni"));
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
        cpu.sha = (ebx & (1U << 29)) != 0;
        cpu.vaes = cpu.vaes && (ecx & (1U << 9)) != 0;
    }
    return cpu;
}

std::string CpuFeatures::to_string() const {
    const auto names = std::to_array<std::pair<bool, std::string_view>>({
        {aes, "AES-NI"},
        {sha, "SHA-NI"},
        {avx2, "AVX2"},
        {avx512, "AVX-512"},
        {avx512_vbmi, "VBMI"},
        {vaes, "VAES"},
        {gfni, "GFNI"},
    });
    std::string text;
    for (const auto& [present, name] : names) {
        if (present) {
            text += text.empty() ? "" : " ";
            text += name;
        }
    }
    return text.empty() ? "none" : text;
}

}  // namespace crypto
