// From a method and keys to SaSpecs: exact key lengths for every algorithm, lifetimes, bundles.
#include "config/sa_method.h"

#include <gtest/gtest.h>

#include <string>

namespace config {
namespace {

SecretBytes key_of(std::size_t bytes) {
    return SecretBytes(std::string(bytes, 'k'));
}

QmOffer method_of(std::string_view text) {
    const Result<QmOffer> method = parse_sa_method(text);
    EXPECT_TRUE(method) << text;
    return method ? *method : QmOffer{};
}

TEST(SaMethod, HasOnlyTheLifetimeThatIsWritten) {
    struct Row {
        const char* text;
        SaLifetime expected;
    };
    const Row rows[] = {
        {"AH[SHA1]", {0, 0, 0, 0}},
        {"AH[SHA1]:100000k", {92'160'000, 102'400'000, 0, 0}},
        {"AH[SHA1]:3600s", {0, 0, 3240, 3600}},
        {"AH[SHA1]:20480k/300s", {18'874'368, 20'971'520, 270, 300}},
        {"AH[SHA1]:2147483647k", {1'979'120'929'076, 2'199'023'254'528, 0, 0}},
    };
    for (const Row& row : rows) {
        const auto pair = apply_method(method_of(row.text), {{}, key_of(20), {}}, {});
        ASSERT_TRUE(pair) << row.text;
        EXPECT_EQ(pair->sa.lifetime.soft_bytes, row.expected.soft_bytes) << row.text;
        EXPECT_EQ(pair->sa.lifetime.hard_bytes, row.expected.hard_bytes) << row.text;
        EXPECT_EQ(pair->sa.lifetime.soft_seconds, row.expected.soft_seconds) << row.text;
        EXPECT_EQ(pair->sa.lifetime.hard_seconds, row.expected.hard_seconds) << row.text;
    }
}

TEST(SaMethod, IsExactlyOne) {
    for (const char* text : {"", " ", "AH[SHA1] AH[MD5]", "AH[SHA1];ESP[DES,MD5]", "AH[", "AH"}) {
        const Result<QmOffer> method = parse_sa_method(text);
        ASSERT_FALSE(method) << text;
        EXPECT_EQ(method.error().code, ErrorCode::kBadMethods) << text;
    }
}

TEST(SaMethod, EveryCipherTakesItsKeyAndSaltAndNothingElse) {
    for (const CipherRow& row : kCiphers) {
        if (row.cipher == Cipher::kNone || !row.quick_mode) {
            continue;
        }
        const bool aead = row.aead;
        const std::string text = "ESP[" + std::string(row.token) + (aead ? ",None]" : ",SHA1]");
        const std::optional<SecretBytes> auth = aead ? std::nullopt : std::optional(key_of(20));
        const std::size_t length = std::size_t{row.bytes.key} + row.bytes.salt;
        const auto good = apply_method(method_of(text), {key_of(length), auth, {}}, {});
        ASSERT_TRUE(good) << text << ": " << good.error().text;
        EXPECT_EQ(good->sa.protocol, IpsecProtocol::kEsp);
        EXPECT_EQ(good->sa.cipher, row.cipher);
        EXPECT_EQ(good->sa.cipher_key.size(), length);
        EXPECT_EQ(algorithms_text(good->sa), text);
        for (const std::size_t wrong : {length - 1, length + 1}) {
            const auto bad = apply_method(method_of(text), {key_of(wrong), auth, {}}, {});
            ASSERT_FALSE(bad) << text;
            EXPECT_EQ(bad.error().code, ErrorCode::kBadSa);
            for (const std::string& part : {std::string(row.token),
                                            std::to_string(length) + " bytes",
                                            std::to_string(wrong) + " bytes were given",
                                            std::string("enckey")}) {
                EXPECT_NE(bad.error().text.find(part), std::string::npos) << bad.error().text;
            }
            EXPECT_EQ(bad.error().text.find("kkk"), std::string::npos);
        }
        EXPECT_FALSE(apply_method(method_of(text), {{}, auth, {}}, {})) << text;
    }
}

TEST(SaMethod, EveryHashTakesItsKeyInEspAndAhAndBundle) {
    for (const HashRow& row : kHashes) {
        if (row.hash == Hash::kNone || !row.quick_mode) {
            continue;
        }
        const std::string token(row.token);
        const SecretBytes key = key_of(std::size_t{row.bytes.key} + row.bytes.salt);
        const SecretBytes longer = key_of(key.size() + 1);
        const auto ah = apply_method(method_of("AH[" + token + "]"), {{}, key, {}}, {});
        ASSERT_TRUE(ah) << token;
        EXPECT_EQ(ah->sa.protocol, IpsecProtocol::kAh);
        EXPECT_EQ(ah->sa.hash, row.hash);
        EXPECT_EQ(ah->sa.auth_key.size(), key.size());
        EXPECT_EQ(algorithms_text(ah->sa), "AH[" + token + "]");
        EXPECT_FALSE(ah->outer);
        EXPECT_FALSE(apply_method(method_of("AH[" + token + "]"), {{}, longer, {}}, {}));
        const QmOffer esp = method_of("ESP[None," + token + "]");
        EXPECT_TRUE(apply_method(esp, {{}, key, {}}, {}));
        EXPECT_FALSE(apply_method(esp, {{}, longer, {}}, {}));
        const QmOffer bundle = method_of("AH[" + token + "]+ESP[None,SHA1]");
        EXPECT_TRUE(apply_method(bundle, {{}, key_of(20), key}, {}));
        EXPECT_FALSE(apply_method(bundle, {{}, key_of(20), longer}, {}));
        EXPECT_FALSE(apply_method(bundle, {{}, key_of(20), {}}, {}));
    }
}

TEST(SaMethod, ABundleIsAhInTransportModeAroundEsp) {
    SaSpec common;
    common.mode = SaMode::kTunnel;
    common.esn = true;
    common.replay_window = 128;
    common.rule = 7;
    const auto pair = apply_method(method_of("AH[MD5]+ESP[AES256,SHA256]:3600s"),
                                   {key_of(32), key_of(32), key_of(16)},
                                   common);
    ASSERT_TRUE(pair);
    ASSERT_TRUE(pair->outer);
    EXPECT_EQ(pair->sa.mode, SaMode::kTunnel);
    EXPECT_EQ(pair->sa.lifetime.hard_seconds, 3600U);
    EXPECT_EQ(pair->outer->mode, SaMode::kTransport);
    EXPECT_EQ(pair->outer->protocol, IpsecProtocol::kAh);
    EXPECT_EQ(pair->outer->cipher, Cipher::kNone);
    EXPECT_TRUE(pair->outer->cipher_key.empty());
    EXPECT_EQ(pair->outer->lifetime, SaLifetime{});
    for (const SaSpec& half : {pair->sa, *pair->outer}) {
        EXPECT_TRUE(half.esn);
        EXPECT_EQ(half.replay_window, 128U);
        EXPECT_EQ(half.rule, 7U);
    }
}

TEST(SaMethod, EspWithoutIcvLeavesExtendedNumbersToAh) {
    SaSpec common;
    common.esn = true;
    const auto pair =
        apply_method(method_of("AH[MD5]+ESP[AES256,None]"), {key_of(32), {}, key_of(16)}, common);
    ASSERT_TRUE(pair);
    EXPECT_FALSE(pair->sa.esn);
    EXPECT_TRUE(pair->outer->esn);
    const auto aead = apply_method(
        method_of("AH[MD5]+ESP[AESGCM256,None]"), {key_of(36), {}, key_of(16)}, common);
    ASSERT_TRUE(aead);
    EXPECT_TRUE(aead->sa.esn);
    const auto alone = apply_method(method_of("ESP[AES256,None]"), {key_of(32), {}, {}}, common);
    ASSERT_TRUE(alone);
    EXPECT_TRUE(alone->sa.esn) << "Sa::create() refuses it";
}

TEST(SaMethod, SuperfluousKeysAreErrors) {
    struct Row {
        const char* method;
        MethodKeys keys;
    };
    const Row rows[] = {
        {"AH[SHA1]", {key_of(16), key_of(20), {}}},
        {"AH[SHA1]", {{}, key_of(20), key_of(20)}},
        {"ESP[None,SHA1]", {key_of(16), key_of(20), {}}},
        {"ESP[AES128,None]", {key_of(16), key_of(20), {}}},
        {"ESP[AESGCM128,None]", {key_of(20), key_of(20), {}}},
        {"ESP[AESGCM128,None]", {key_of(20), {}, key_of(20)}},
    };
    for (const Row& row : rows) {
        const auto pair = apply_method(method_of(row.method), row.keys, {});
        ASSERT_FALSE(pair) << row.method;
        EXPECT_EQ(pair.error().code, ErrorCode::kBadSa);
        EXPECT_NE(pair.error().text.find(" is given, but "), std::string::npos);
    }
}

}  // namespace
}  // namespace config
