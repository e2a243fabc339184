#include "crypto/calibration.h"

#include "crypto/crypto_batch.h"
#include "crypto/openssl_engine.h"
#include "crypto/sa_keys.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;

constexpr unsigned kRuns = 8;
constexpr std::size_t kBurst = 32;
constexpr std::uint32_t kShort = 128;
constexpr std::uint32_t kLong = 1024;
constexpr std::uint32_t kLongFrom = 448;
constexpr std::size_t kStride = 1280;
static_assert(kStride >= kLong + 64);

// Nanoseconds times 16, the least of several runs: what others do to this CPU only ever adds time.
template <typename Run>
std::uint32_t fastest(const Run& run) {
    std::int64_t least = 1 << 24;
    for (unsigned i = 0; i < kRuns; ++i) {
        const auto start = std::chrono::steady_clock::now();
        run();
        const auto time = std::chrono::steady_clock::now() - start;
        least = std::min<std::int64_t>(
            least, std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
    }
    return static_cast<std::uint32_t>(std::max<std::int64_t>(least, 1) * 16);
}

// A burst of one algorithm. The contents do not matter: no engine's time depends on them.
class Trial {
  public:
    Trial() : memory_(kBurst * kStride) {}

    // 0 if the engine cannot be set up.
    [[nodiscard]] std::uint32_t time(
        Engine engine, Cipher cipher, Hash hash, Direction direction, std::uint32_t length) {
        const std::vector<std::uint8_t> key(96, 0x5A);
        const config::CipherSizes& of_cipher = row_of(cipher).bytes;
        const config::HashSizes& of_hash = row_of(hash).bytes;
        const EngineChoice choice = EngineChoice::only(engine);
        const auto keys =
            SaKeys::expand({cipher,
                            hash,
                            std::span(key).first(std::size_t{of_cipher.key} + of_cipher.salt),
                            std::span(key).first(std::size_t{of_hash.key} + of_hash.salt)},
                           choice);
        CryptoBatch* const batch = batch_of(engine, choice);
        if (!keys || batch == nullptr) {
            return 0;
        }
        std::array<CryptoJob, kBurst> jobs;
        for (std::size_t i = 0; i < kBurst; ++i) {
            std::uint8_t* const packet = memory_.data() + i * kStride;
            CryptoJob& job = jobs[i];
            job.keys = &*keys;
            job.direction = direction;
            job.iv = packet;
            job.aad = packet;
            job.aad_length = row_of(cipher).aead ? 8 : 0;
            job.src = packet + 16;
            job.dst = packet + 16;
            job.length = length;
            job.auth = packet;
            job.auth_length = length + 16;
            job.icv = packet + 16 + length;
        }
        return fastest([&] { batch->run(jobs); });
    }

  private:
    [[nodiscard]] CryptoBatch* batch_of(Engine engine, const EngineChoice& choice) {
        std::unique_ptr<CryptoBatch>& batch = batches_[static_cast<std::size_t>(engine)];
        if (batch == nullptr) {
            if (auto created = CryptoBatch::create(choice)) {
                batch = std::move(created).value();
            }
        }
        return batch.get();
    }

    std::vector<std::uint8_t> memory_;
    std::array<std::unique_ptr<CryptoBatch>, kEngines.size()> batches_;
};

template <typename Time>
Engine faster(Engine widest, const CpuFeatures& cpu, const Time& time) {
    Engine best = widest;
    std::uint64_t limit = std::uint64_t{time(widest)} * 9 / 10;
    for (const Engine engine : {Engine::kImbAvx2, Engine::kImbSse}) {
        if (engine == widest || !supports(cpu, engine)) {
            continue;
        }
        const std::uint32_t taken = time(engine);
        if (taken != 0 && taken < limit) {
            best = engine;
            limit = taken;
        }
    }
    return best;
}

void calibrate_cipher(Trial& trial, EngineChoice& choice, const CpuFeatures& cpu, Cipher cipher) {
    CipherEngines& engines = choice.ciphers[static_cast<std::size_t>(cipher)];
    if (!is_imb(engines.encrypt)) {
        return;
    }
    const auto pick = [&](Direction direction) {
        return faster(engines.encrypt, cpu, [&](Engine engine) {
            return trial.time(engine, cipher, Hash::kNone, direction, kShort)
                   + trial.time(engine, cipher, Hash::kNone, direction, kLong);
        });
    };
    const Engine encrypt = pick(Direction::kProtect);
    const Engine decrypt = row_of(cipher).aead ? encrypt : pick(Direction::kVerify);
    engines = {encrypt, decrypt};
}

void calibrate_hash(Trial& trial, EngineChoice& choice, const CpuFeatures& cpu, Hash hash) {
    HashEngines& engines = choice.hashes[static_cast<std::size_t>(hash)];
    if (!is_imb(engines.long_packets)) {
        return;
    }
    const auto pick = [&](std::uint32_t length) {
        return faster(engines.long_packets, cpu, [&](Engine engine) {
            return trial.time(engine, Cipher::kNone, hash, Direction::kProtect, length);
        });
    };
    const Engine for_long = pick(kLong);
    const bool gmac = row_of(hash).bytes.iv != 0;
    const Engine for_short = gmac ? for_long : pick(kShort);
    engines = {for_short, for_long, for_short == for_long ? 0 : kLongFrom};
}

struct DesTrial {
    alignas(64) std::array<std::uint64_t, kMaxDesLanes> blocks{};
    alignas(64) std::array<std::uint8_t, kMaxDesLaneKeyBytes> keys{};
    DesKeys key{};
    std::array<const DesLaneKey*, kMaxDesLanes> lane_keys{};
};

constexpr std::array<unsigned, 2> kStages{1, 3};

void time_openssl(DesTrial& trial, EngineChoice& choice) {
    std::array<std::uint8_t, 8> iv{};
    auto* const bytes = static_cast<std::uint8_t*>(static_cast<void*>(trial.blocks.data()));
    constexpr std::size_t kBlocks = 64;
    for (std::size_t kind = 0; kind < kStages.size(); ++kind) {
        const std::uint32_t time = fastest([&] {
            openssl_des_cbc(trial.key,
                            kStages[kind],
                            Direction::kProtect,
                            bytes,
                            bytes,
                            kBlocks * 8,
                            iv.data());
        });
        choice.des_block_cost[kind] = std::max<std::uint32_t>(1, time / kBlocks);
    }
}

DesForm time_form(DesTrial& trial, const DesLanes& lanes) {
    DesForm form{&lanes, {}};
    for (std::size_t kind = 0; kind < kStages.size(); ++kind) {
        lanes.load_keys({trial.lane_keys.data(), lanes.lanes}, kStages[kind], trial.keys.data());
        form.cost[kind] = fastest([&] {
            lanes.blocks(
                trial.blocks.data(), trial.blocks.data(), trial.keys.data(), kStages[kind], false);
        });
    }
    return form;
}

}  // namespace

void calibrate(EngineChoice& choice, const CpuFeatures& cpu) {
    Trial trial;
    for (const config::CipherRow& row : config::kCiphers) {
        calibrate_cipher(trial, choice, cpu, row.cipher);
    }
    for (const config::HashRow& row : config::kHashes) {
        calibrate_hash(trial, choice, cpu, row.hash);
    }
    calibrate_des(choice, cpu);
}

void calibrate_des(EngineChoice& choice, const CpuFeatures& cpu) {
    const auto trial = std::make_unique<DesTrial>();
    const std::array<std::uint8_t, 24> key{1, 2, 3, 4, 5, 6, 7, 8, 9};
    expand_des_key(key.data(), 3, trial->key.lanes);
    openssl_expand_des(key.data(), 3, trial->key.openssl.data());
    trial->lane_keys.fill(&trial->key.lanes);
    time_openssl(*trial, choice);
    choice.des_forms.clear();
    for (const DesLanes* const lanes : all_des_lanes()) {
        if (lanes->available(cpu)) {
            choice.des_forms.push_back(time_form(*trial, *lanes));
        }
    }
}

}  // namespace crypto
