#include "crypto/engine_choice.h"

#include "crypto/calibration.h"

#include <fmt/format.h>

#include <string_view>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;

bool is_des(Cipher cipher) {
    return row_of(cipher).bytes.block == 8;
}

void set_all(EngineChoice& choice, Engine engine) {
    for (const config::CipherRow& row : config::kCiphers) {
        const Engine used = row.cipher == Cipher::kNone         ? Engine::kNone
                            : engine_claims(engine, row.cipher) ? engine
                                                                : Engine::kOpenssl;
        choice.ciphers[static_cast<std::size_t>(row.cipher)] = {used, used};
    }
    for (const config::HashRow& row : config::kHashes) {
        const Engine used = row.hash == Hash::kNone           ? Engine::kNone
                            : engine_claims(engine, row.hash) ? engine
                                                              : Engine::kOpenssl;
        choice.hashes[static_cast<std::size_t>(row.hash)] = {used, used, 0};
    }
}

Engine widest_imb(const CpuFeatures& cpu) {
    for (const Engine engine : {Engine::kImbAvx512, Engine::kImbAvx2, Engine::kImbSse}) {
        if (supports(cpu, engine)) {
            return engine;
        }
    }
    return Engine::kOpenssl;
}

}  // namespace

bool engine_available(Engine engine) {
    return supports(CpuFeatures::detect(), engine);
}

bool engine_claims(Engine engine, Cipher cipher) {
    switch (engine) {
        case Engine::kNone:
            return cipher == Cipher::kNone;
        case Engine::kOpenssl:
            return cipher != Cipher::kNone;
        case Engine::kLanes:
            return is_des(cipher);
        case Engine::kImbSse:
        case Engine::kImbAvx2:
        case Engine::kImbAvx512:
            return cipher != Cipher::kNone && !is_des(cipher);
    }
    return false;
}

bool engine_claims(Engine engine, Hash hash) {
    return hash == Hash::kNone ? engine == Engine::kNone
                               : engine == Engine::kOpenssl || is_imb(engine);
}

EngineChoice EngineChoice::best() {
    return for_cpu(CpuFeatures::detect());
}

EngineChoice EngineChoice::for_cpu(const CpuFeatures& cpu) {
    EngineChoice choice;
    set_all(choice, widest_imb(cpu));
    for (const Cipher cipher : {Cipher::kDes, Cipher::k3des}) {
        choice.ciphers[static_cast<std::size_t>(cipher)] = {Engine::kLanes, Engine::kLanes};
    }
    calibrate(choice, cpu);
    return choice;
}

EngineChoice EngineChoice::only(Engine engine) {
    EngineChoice choice;
    set_all(choice, engine);
    if (engine == Engine::kLanes) {
        calibrate_des(choice, CpuFeatures::detect());
    }
    return choice;
}

EngineChoice EngineChoice::only(const DesLanes& lanes) {
    EngineChoice choice;
    set_all(choice, Engine::kLanes);
    // So dear that nothing is left to it.
    choice.des_block_cost = {1U << 20, 1U << 20};
    choice.des_forms.push_back({&lanes, {1, 1}});
    return choice;
}

std::string EngineChoice::to_string() const {
    std::string text;
    const auto line = [&text](std::string_view token, Engine a, Engine b, std::string_view how) {
        text += a == b
                    ? fmt::format("{:<18}{}\n", token, row_of(a).name)
                    : fmt::format("{:<18}{}, {} {}\n", token, row_of(a).name, row_of(b).name, how);
    };
    for (const config::CipherRow& row : config::kCiphers) {
        if (row.cipher != Cipher::kNone) {
            line(row.token, of(row.cipher).encrypt, of(row.cipher).decrypt, "to decrypt");
        }
    }
    for (const config::HashRow& row : config::kHashes) {
        if (row.hash != Hash::kNone) {
            const HashEngines& engines = of(row.hash);
            line(row.token,
                 engines.short_packets,
                 engines.long_packets,
                 fmt::format("from {} bytes", engines.long_from));
        }
    }
    for (const DesForm& form : des_forms) {
        text += fmt::format("{:<18}{} lanes, {:.1f} / {:.1f} us a run for DES / 3DES\n",
                            form.lanes->name,
                            form.lanes->lanes,
                            form.cost[0] / 16e3,
                            form.cost[1] / 16e3);
    }
    return text;
}

}  // namespace crypto
