// Which engine runs which algorithm on this CPU. Chosen once at start-up, printed in the log, and
// given to every SA's keys and every worker's CryptoBatch alike.
#pragma once

#include "config/algorithms.h"
#include "crypto/cpu_features.h"
#include "crypto/des_lanes.h"
#include "crypto/engine.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace crypto {

// AEADs: the same engine both ways, because it owns the form of the key.
struct CipherEngines {
    Engine encrypt = Engine::kNone;
    Engine decrypt = Engine::kNone;
};

// GMACs: the same engine for all lengths, likewise.
struct HashEngines {
    Engine short_packets = Engine::kNone;
    Engine long_packets = Engine::kNone;
    std::uint32_t long_from = 0;  // bytes, on average over the packets of a burst
};

// A form of DES that this CPU has, and the time of one run in cycles for DES and for 3DES.
struct DesForm {
    const DesLanes* lanes = nullptr;
    std::array<std::uint32_t, 2> cost{};
};

struct EngineChoice {
    std::array<CipherEngines, config::kCiphers.size()> ciphers{};
    std::array<HashEngines, config::kHashes.size()> hashes{};
    std::vector<DesForm> des_forms;
    // OpenSSL's time for one block, DES and 3DES.
    std::array<std::uint32_t, 2> des_block_cost{};

    // The widest code path this CPU has, unless a narrower one is measured to be clearly faster
    // (crypto/calibration.h).
    [[nodiscard]] static EngineChoice best();
    // As best(), without making use of features `cpu` lacks. Precondition: this CPU has the others.
    [[nodiscard]] static EngineChoice for_cpu(const CpuFeatures& cpu);
    // `engine` for whatever it claims, OpenSSL for the rest: for tests and measurements.
    // Precondition: engine_available(engine).
    [[nodiscard]] static EngineChoice only(Engine engine);
    // As only(Engine::kLanes), with a single form.
    [[nodiscard]] static EngineChoice only(const DesLanes& lanes);

    [[nodiscard]] const CipherEngines& of(config::Cipher cipher) const {
        return ciphers[static_cast<std::size_t>(cipher)];
    }
    [[nodiscard]] const HashEngines& of(config::Hash hash) const {
        return hashes[static_cast<std::size_t>(hash)];
    }
    // One line per algorithm.
    [[nodiscard]] std::string to_string() const;
};

[[nodiscard]] bool engine_available(Engine engine);
// Whether the engine has code for the algorithm at all.
[[nodiscard]] bool engine_claims(Engine engine, config::Cipher cipher);
[[nodiscard]] bool engine_claims(Engine engine, config::Hash hash);

}  // namespace crypto
