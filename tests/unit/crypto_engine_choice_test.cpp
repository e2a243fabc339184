#include "crypto/engine_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;

void expect_usable(const EngineChoice& choice) {
    for (const config::CipherRow& row : config::kCiphers) {
        SCOPED_TRACE(row.token);
        const CipherEngines& engines = choice.of(row.cipher);
        for (const Engine engine : {engines.encrypt, engines.decrypt}) {
            EXPECT_TRUE(engine_available(engine));
            EXPECT_TRUE(engine_claims(engine, row.cipher));
        }
        if (row.aead) {
            EXPECT_EQ(engines.encrypt, engines.decrypt);
        }
    }
    for (const config::HashRow& row : config::kHashes) {
        SCOPED_TRACE(row.token);
        const HashEngines& engines = choice.of(row.hash);
        for (const Engine engine : {engines.short_packets, engines.long_packets}) {
            EXPECT_TRUE(engine_available(engine));
            EXPECT_TRUE(engine_claims(engine, row.hash));
        }
        if (row.bytes.iv != 0) {
            EXPECT_EQ(engines.short_packets, engines.long_packets);
        }
    }
}

TEST(EngineChoice, NamesAnAvailableEngineForEveryRow) {
    expect_usable(EngineChoice::best());
    for (const EngineRow& row : kEngines) {
        if (engine_available(row.engine) && row.engine != Engine::kNone) {
            SCOPED_TRACE(row.name);
            expect_usable(EngineChoice::only(row.engine));
        }
    }
}

TEST(EngineChoice, IsOpensslWhereTheCpuHasNothingElse) {
    const EngineChoice choice = EngineChoice::for_cpu(CpuFeatures{});
    expect_usable(choice);
    for (const config::CipherRow& row : config::kCiphers) {
        EXPECT_FALSE(is_imb(choice.of(row.cipher).encrypt)) << row.token;
    }
    // Bit slices in general registers need no feature.
    EXPECT_EQ(choice.of(Cipher::k3des).decrypt, Engine::kLanes);
    ASSERT_EQ(choice.des_forms.size(), 1U);
    EXPECT_EQ(choice.des_forms[0].lanes, &kDesLanesScalar);
}

TEST(EngineChoice, PrintsALineForEachAlgorithmAndFormOfDes) {
    const EngineChoice choice = EngineChoice::best();
    const std::string text = choice.to_string();
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    EXPECT_EQ(lines,
              config::kCiphers.size() + config::kHashes.size() - 2 + choice.des_forms.size());
    for (const config::CipherRow& row : config::kCiphers) {
        if (row.cipher != Cipher::kNone) {
            EXPECT_NE(text.find(row.token), std::string::npos);
        }
    }
}

TEST(Engines, RowsStandAtTheirIndexWithDistinctNames) {
    for (std::size_t i = 0; i < kEngines.size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(kEngines[i].engine), i);
        EXPECT_FALSE(kEngines[i].name.empty());
    }
}

TEST(CpuFeatures, PrintWhatIsThere) {
    EXPECT_EQ(CpuFeatures{}.to_string(), "none");
    CpuFeatures cpu;
    cpu.aes = true;
    cpu.avx2 = true;
    EXPECT_EQ(cpu.to_string(), "AES-NI AVX2");
}

}  // namespace
}  // namespace crypto
