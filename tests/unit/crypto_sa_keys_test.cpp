#include "crypto/constant_time.h"
#include "crypto/engine_choice.h"
#include "crypto/sa_keys.h"
#include "tests/support/crypto_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;
using testing::Bytes;

const EngineChoice& choice() {
    static const EngineChoice best = EngineChoice::best();
    return best;
}

TEST(SaKeys, TakeTheSizesOfTheTable) {
    std::mt19937_64 random(1);
    for (const testing::Suite& suite : testing::all_suites()) {
        SCOPED_TRACE(suite.name());
        const SaKeys keys = testing::Keys::random(suite, random).expand(suite, choice());
        const config::CipherRow& cipher = row_of(suite.cipher);
        const config::HashRow& hash = row_of(suite.hash);
        EXPECT_EQ(keys.cipher(), suite.cipher);
        EXPECT_EQ(keys.hash(), suite.hash);
        EXPECT_EQ(keys.aead(), cipher.aead);
        EXPECT_EQ(keys.icv_bytes(), cipher.aead ? cipher.bytes.icv : hash.bytes.icv);
        EXPECT_EQ(keys.iv_bytes(), std::max(cipher.bytes.iv, hash.bytes.iv));
        EXPECT_EQ(keys.block_bytes(), cipher.bytes.block);
        EXPECT_LE(keys.memory_bytes(), 1500U);
    }
}

TEST(SaKeys, RefuseKeysOfAnotherLengthAndSayWhatIsExpected) {
    for (const config::CipherRow& row : config::kCiphers) {
        const std::size_t right = std::size_t{row.bytes.key} + row.bytes.salt;
        for (const std::size_t wrong : {right + 1, right - 1, std::size_t{0}}) {
            if (wrong == right || wrong > 100) {
                continue;
            }
            const Bytes key(wrong, 1);
            const auto keys = SaKeys::expand({row.cipher, Hash::kNone, key, {}}, choice());
            ASSERT_FALSE(keys) << row.token;
            EXPECT_EQ(keys.error().code, config::ErrorCode::kBadMethods);
            EXPECT_NE(keys.error().text.find(std::to_string(right)), std::string::npos);
            EXPECT_NE(keys.error().text.find(row.token), std::string::npos);
        }
    }
    const Bytes key(19, 1);
    const auto keys = SaKeys::expand({Cipher::kNone, Hash::kSha1, {}, key}, choice());
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().text, "The key of SHA1 has 19 bytes; it must have 20 bytes.");
}

TEST(SaKeys, RefuseAnAeadWithAHashAndAGmacWithACipher) {
    const Bytes gcm(20, 1);
    const Bytes sha(20, 1);
    EXPECT_FALSE(SaKeys::expand({Cipher::kAesGcm128, Hash::kSha1, gcm, sha}, choice()));
    const Bytes aes(16, 1);
    EXPECT_FALSE(SaKeys::expand({Cipher::kAes128, Hash::kAesGmac128, aes, gcm}, choice()));
}

TEST(SaKeys, MoveWithTheirMemory) {
    std::mt19937_64 random(2);
    const testing::Suite suite{Cipher::kAes256, Hash::kSha512};
    const testing::Keys plain = testing::Keys::random(suite, random);
    SaKeys keys = plain.expand(suite, choice());
    const std::uint8_t* const at = keys.key();
    const SaKeys moved = std::move(keys);
    EXPECT_EQ(moved.key(), at);
    EXPECT_EQ(Bytes(moved.key(), moved.key() + 32), plain.cipher);
}

TEST(ConstantTime, ComparesEveryByteUpToTheSize) {
    const std::array<std::uint8_t, 4> a{1, 2, 3, 4};
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::array<std::uint8_t, 4> b = a;
        EXPECT_TRUE(equal_ct(a.data(), b.data(), b.size()));
        b[i] = 0x80;
        EXPECT_FALSE(equal_ct(a.data(), b.data(), b.size()));
        EXPECT_TRUE(equal_ct(a.data(), b.data(), i));
    }
}

}  // namespace
}  // namespace crypto
