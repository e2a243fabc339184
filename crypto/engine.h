// The engines an algorithm can run on. Which one does is decided once, at start-up
// (crypto/engine_choice.h).
#pragma once

#include "crypto/cpu_features.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crypto {

enum class Engine : std::uint8_t {
    kNone,     // nothing to compute: ESP without confidentiality, or without integrity
    kOpenssl,  // one packet at a time; every algorithm
    kImbSse,   // IPsec-MB's code paths live side by side: the widest is not always the fastest
    kImbAvx2,
    kImbAvx512,
    kLanes,  // DES and 3DES on many blocks at once (crypto/des_lanes.h)
};

struct EngineRow {
    Engine engine;
    std::string_view name;
};

inline constexpr auto kEngines = std::to_array<EngineRow>({
    {Engine::kNone, "none"},
    {Engine::kOpenssl, "openssl"},
    {Engine::kImbSse, "ipsec-mb-sse"},
    {Engine::kImbAvx2, "ipsec-mb-avx2"},
    {Engine::kImbAvx512, "ipsec-mb-avx512"},
    {Engine::kLanes, "des-lanes"},
});

[[nodiscard]] constexpr const EngineRow& row_of(Engine engine) {
    return kEngines[static_cast<std::size_t>(engine)];
}

[[nodiscard]] constexpr bool is_imb(Engine engine) {
    return engine == Engine::kImbSse || engine == Engine::kImbAvx2 || engine == Engine::kImbAvx512;
}

// Whether the engine can run at all on such a CPU.
[[nodiscard]] constexpr bool supports(const CpuFeatures& cpu, Engine engine) {
    switch (engine) {
        case Engine::kNone:
        case Engine::kOpenssl:
        case Engine::kLanes:
            return true;
        case Engine::kImbSse:
            return cpu.aes;
        case Engine::kImbAvx2:
            return cpu.aes && cpu.avx2;
        case Engine::kImbAvx512:
            return cpu.aes && cpu.avx512;
    }
    return false;
}

}  // namespace crypto
