// Walks every row of the algorithm table.
#include "config/algorithms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <tuple>

namespace config {
namespace {

bool is_token(std::string_view token) {
    return !token.empty() && std::all_of(token.begin(), token.end(), [](unsigned char c) {
        return std::isalnum(c) != 0;
    });
}

TEST(AlgorithmTable, CipherRowsStandAtTheirIndexWithDistinctTokens) {
    std::set<std::string_view> tokens;
    for (std::size_t i = 0; i < kCiphers.size(); ++i) {
        const CipherRow& row = kCiphers[i];
        SCOPED_TRACE(row.token);
        EXPECT_EQ(static_cast<std::size_t>(row.cipher), i);
        EXPECT_EQ(&row_of(row.cipher), &row);
        // '-', ',' and brackets separate algorithms in a method.
        EXPECT_TRUE(is_token(row.token));
        EXPECT_TRUE(tokens.insert(row.token).second);
        EXPECT_TRUE(row.rfc.starts_with("RFC "));
    }
}

TEST(AlgorithmTable, HashRowsStandAtTheirIndexWithDistinctTokens) {
    std::set<std::string_view> tokens;
    for (std::size_t i = 0; i < kHashes.size(); ++i) {
        const HashRow& row = kHashes[i];
        SCOPED_TRACE(row.token);
        EXPECT_EQ(static_cast<std::size_t>(row.hash), i);
        EXPECT_EQ(&row_of(row.hash), &row);
        EXPECT_TRUE(is_token(row.token));
        EXPECT_TRUE(tokens.insert(row.token).second);
        EXPECT_EQ(row.rfc.empty(), row.hash == Hash::kNone);
    }
}

TEST(AlgorithmTable, CipherSizesAgreeWithEachOther) {
    for (const CipherRow& row : kCiphers) {
        SCOPED_TRACE(row.token);
        EXPECT_EQ(row.bytes.key == 0, row.cipher == Cipher::kNone);
        EXPECT_EQ(row.bytes.icv != 0, row.aead);
        EXPECT_GE(row.bytes.block, 1);
        EXPECT_FALSE(row.aead && row.main_mode);
        if (row.ids.key_length != 0) {
            EXPECT_EQ(row.ids.key_length, row.bytes.key * 8);
        }
        if (row.bytes.block > 1) {
            // CBC: the IV is one block and no salt is derived.
            EXPECT_EQ(row.bytes.iv, row.bytes.block);
            EXPECT_EQ(row.bytes.salt, 0);
        } else if (row.cipher != Cipher::kNone) {
            // Counter modes: salt and IV are the nonce of twelve bytes.
            EXPECT_EQ(row.bytes.salt + row.bytes.iv, 12);
        }
    }
}

TEST(AlgorithmTable, HashSizesAgreeWithEachOther) {
    for (const HashRow& row : kHashes) {
        SCOPED_TRACE(row.token);
        EXPECT_LE(row.bytes.icv, row.bytes.digest);
        EXPECT_EQ(row.bytes.icv == 0, row.hash == Hash::kNone);
        if (row.bytes.block >= 64) {
            // RFC 2403, 2404, 4868: the key is as long as the digest.
            EXPECT_EQ(row.bytes.key, row.bytes.digest);
        }
        if (row.bytes.iv != 0) {
            EXPECT_EQ(row.bytes.salt + row.bytes.iv, 12);
            EXPECT_EQ(row.ids.key_length, row.bytes.key * 8);
        }
    }
}

TEST(AlgorithmTable, WireIdentifiersNameOneRowEach) {
    std::set<std::tuple<unsigned, unsigned>> esp;
    std::set<std::tuple<unsigned, unsigned>> main_mode;
    for (const CipherRow& row : kCiphers) {
        SCOPED_TRACE(row.token);
        EXPECT_EQ(row.main_mode, row.ids.main_mode != 0);
        if (row.ids.esp != 0) {
            EXPECT_TRUE(esp.insert({row.ids.esp, row.ids.key_length}).second);
        }
        if (row.main_mode) {
            EXPECT_TRUE(main_mode.insert({row.ids.main_mode, row.ids.key_length}).second);
        }
    }
    std::set<unsigned> ah;
    std::set<unsigned> authentication;
    for (const HashRow& row : kHashes) {
        SCOPED_TRACE(row.token);
        EXPECT_EQ(row.main_mode, row.ids.main_mode != 0);
        EXPECT_EQ(row.hash == Hash::kNone, row.ids.ah == 0);
        if (row.hash != Hash::kNone) {
            EXPECT_TRUE(ah.insert(row.ids.ah).second);
            EXPECT_TRUE(authentication.insert(row.ids.authentication).second);
        }
        if (row.ids.esp != 0) {
            EXPECT_TRUE(esp.insert({row.ids.esp, row.ids.key_length}).second);
        }
    }
}

// IANA "Magic Numbers" for ISAKMP, as other implementations send them.
TEST(AlgorithmTable, WireIdentifiersAreThoseOfIana) {
    EXPECT_EQ(row_of(Cipher::kDes).ids.esp, 2);
    EXPECT_EQ(row_of(Cipher::k3des).ids.esp, 3);
    EXPECT_EQ(row_of(Cipher::k3des).ids.main_mode, 5);
    EXPECT_EQ(row_of(Cipher::kNone).ids.esp, 11);
    EXPECT_EQ(row_of(Cipher::kAes256).ids.esp, 12);
    EXPECT_EQ(row_of(Cipher::kAes256).ids.main_mode, 7);
    EXPECT_EQ(row_of(Cipher::kAesCtr128).ids.esp, 13);
    EXPECT_EQ(row_of(Cipher::kAesGcm128Icv8).ids.esp, 18);
    EXPECT_EQ(row_of(Cipher::kAesGcm128Icv12).ids.esp, 19);
    EXPECT_EQ(row_of(Cipher::kAesGcm128).ids.esp, 20);
    EXPECT_EQ(row_of(Hash::kAesGmac192).ids.esp, 23);
    EXPECT_EQ(row_of(Hash::kMd5).ids.ah, 2);
    EXPECT_EQ(row_of(Hash::kMd5).ids.authentication, 1);
    EXPECT_EQ(row_of(Hash::kSha1).ids.ah, 3);
    EXPECT_EQ(row_of(Hash::kSha1).ids.authentication, 2);
    EXPECT_EQ(row_of(Hash::kSha256).ids.ah, 5);
    EXPECT_EQ(row_of(Hash::kSha256).ids.main_mode, 4);
    EXPECT_EQ(row_of(Hash::kAesXcbc).ids.authentication, 9);
    EXPECT_EQ(row_of(Hash::kAesGmac256).ids.ah, 13);
}

}  // namespace
}  // namespace config
