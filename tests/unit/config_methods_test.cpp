#include "config/methods.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace config {
namespace {

struct Reading {
    const char* text;
    const char* canonical;
};

TEST(MmMethods, ReadsEveryDocumentedForm) {
    const std::vector<Reading> rows = {
        {"3DES-SHA1-2", "3DES-SHA1-2"},
        {"3DES-SHA1-2 3DES-MD5-2 3DES-SHA1-3", "3DES-SHA1-2 3DES-MD5-2 3DES-SHA1-3"},
        {"3DES-SHA1-3 DES-SHA1-2 3DES-MD5-3", "3DES-SHA1-3 DES-SHA1-2 3DES-MD5-3"},
        {"3DES-SHA1", "3DES-SHA1-2"},
        {"3DES-SHA1 DHGroup2;AES128-SHA256 DHGroup14", "3DES-SHA1-2 AES128-SHA256-3"},
        {"AES256-SHA1 DHGroup14;AES128-SHA256 DHGroup2", "AES256-SHA1-3 AES128-SHA256-2"},
        {"3DES-SHA1 DHGroup2 AES128-SHA256 DHGroup14", "3DES-SHA1-2 AES128-SHA256-3"},
        {"3des-sha1-2,des-md5-1", "3DES-SHA1-2 DES-MD5-1"},
        {"SHA1-3DES-2", "3DES-SHA1-2"},
        {"AES-SHA-14", "AES128-SHA1-3"},
        {"AES192-SHA384-19 ; AES256-SHA512-24", "AES192-SHA384-19 AES256-SHA512-24"},
        {"  3DES-SHA1-2\t", "3DES-SHA1-2"},
    };
    for (const Reading& row : rows) {
        const Result<std::vector<MmOffer>> offers = parse_mm_methods(row.text);
        ASSERT_TRUE(offers.ok()) << row.text << ": " << offers.error().text;
        EXPECT_EQ(to_string(*offers), row.canonical) << row.text;
        EXPECT_EQ(*parse_mm_methods(row.canonical), *offers) << row.canonical;
    }
}

TEST(MmMethods, GroupThreeIsIkeGroupFourteen) {
    for (const char* text : {"3DES-SHA1-3", "3DES-SHA1-14", "3DES-SHA1 DHGroup14"}) {
        EXPECT_EQ(parse_mm_methods(text)->front().dh_group, 14) << text;
    }
    EXPECT_FALSE(parse_mm_methods("3DES-SHA1 DHGroup3").ok());
}

TEST(MmMethods, RefusesAndNamesTheMethod) {
    for (const char* text : {"",
                             ";",
                             "3DES",
                             "3DES-",
                             "3DES-SHA1-",
                             "3DES-SHA1-4",
                             "3DES-SHA1-2-2",
                             "3DES-DES-2",
                             "SHA1-MD5-2",
                             "None-SHA1-2",
                             "3DES-None-2",
                             "AESGCM128-SHA1-14",
                             "BLOWFISH-SHA1-2",
                             "DHGroup2",
                             "3DES-SHA1-2 DHGroup2",
                             "3DES-SHA1 DHGroup2 DHGroup14",
                             "3DES-SHA1 DHGroup99",
                             "3DES-SHA1-2 DES-SHA1-2;DES-MD5-1",
                             "ESP[3DES,SHA1]"}) {
        const Result<std::vector<MmOffer>> offers = parse_mm_methods(text);
        ASSERT_FALSE(offers.ok()) << text;
        EXPECT_EQ(offers.error().code, ErrorCode::kBadMethods) << text;
        EXPECT_FALSE(offers.error().text.empty());
    }
    EXPECT_NE(parse_mm_methods("3DES-SHA1-2 DES-XYZ-1").error().text.find("\"DES-XYZ-1\""),
              std::string::npos);
}

TEST(QmMethods, ReadsEveryDocumentedForm) {
    const std::vector<Reading> rows = {
        {"ESP[3DES,SHA1]", "ESP[3DES,SHA1]:100000k/3600s"},
        {"ESP[3DES,SHA1]:100000k/3600s ESP[3DES,MD5]:100000k/3600s",
         "ESP[3DES,SHA1]:100000k/3600s ESP[3DES,MD5]:100000k/3600s"},
        {"AH[MD5]:204800k/300s ESP[DES,SHA1]:30000k/480s",
         "AH[MD5]:204800k/300s ESP[DES,SHA1]:30000k/480s"},
        {"AH[SHA1]+ESP[3DES,MD5]:30000k/480s", "AH[SHA1]+ESP[3DES,MD5]:30000k/480s"},
        {"ESP[3DES,MD5]+AH[SHA1]", "AH[SHA1]+ESP[3DES,MD5]:100000k/3600s"},
        {"AH[SHA1] + ESP[3DES,MD5]", "AH[SHA1]+ESP[3DES,MD5]:100000k/3600s"},
        {"ESP:3DES-SHA1 ESP:AES128-SHA256",
         "ESP[3DES,SHA1]:100000k/3600s ESP[AES128,SHA256]:100000k/3600s"},
        {"3DES-SHA1;AES128-SHA256",
         "ESP[3DES,SHA1]:100000k/3600s ESP[AES128,SHA256]:100000k/3600s"},
        {"AES256-SHA1;AES128-SHA256",
         "ESP[AES256,SHA1]:100000k/3600s ESP[AES128,SHA256]:100000k/3600s"},
        {"SHA1-3DES", "ESP[3DES,SHA1]:100000k/3600s"},
        {"ESP[3DES,SHA1]:3600s", "ESP[3DES,SHA1]:100000k/3600s"},
        {"ESP[3DES,SHA1]:200000k", "ESP[3DES,SHA1]:200000k/3600s"},
        {"ESP[3DES,SHA1]:900s/50000k", "ESP[3DES,SHA1]:50000k/900s"},
        {"ESP:3DES-SHA1:50000k/900s", "ESP[3DES,SHA1]:50000k/900s"},
        {"ESP [ 3DES , SHA1 ] AH [ MD5 ]", "ESP[3DES,SHA1]:100000k/3600s AH[MD5]:100000k/3600s"},
        {"esp[none,sha1]", "ESP[None,SHA1]:100000k/3600s"},
        {"ESP[3DES,None]", "ESP[3DES,None]:100000k/3600s"},
        {"ESP[AESGCM128]", "ESP[AESGCM128,None]:100000k/3600s"},
        {"ESP[AESGCM256,None]:20480k/172800s", "ESP[AESGCM256,None]:20480k/172800s"},
        {"AH:SHA256", "AH[SHA256]:100000k/3600s"},
    };
    for (const Reading& row : rows) {
        const Result<std::vector<QmOffer>> offers = parse_qm_methods(row.text);
        ASSERT_TRUE(offers.ok()) << row.text << ": " << offers.error().text;
        EXPECT_EQ(to_string(*offers), row.canonical) << row.text;
        EXPECT_EQ(*parse_qm_methods(row.canonical), *offers) << row.canonical;
    }
}

TEST(QmMethods, Refuses) {
    for (const char* text : {"",
                             " ; ",
                             "ESP",
                             "ESP[",
                             "ESP[]",
                             "ESP[3DES,SHA1",
                             "ESP[3DES]",
                             "ESP[3DES,DES]",
                             "ESP[SHA1,MD5]",
                             "ESP[None,None]",
                             "ESP[3DES,SHA1,MD5]",
                             "ESP[AESGCM128,SHA1]",
                             "AH[None]",
                             "AH[3DES]",
                             "AH[SHA1,MD5]",
                             "AH[SHA1]+AH[MD5]",
                             "ESP[AESCTR128,None]",
                             "ESP[AESCTR256]",
                             "ESP[AES128,AESGMAC128]",
                             "ESP[3DES,SHA1]+ESP[3DES,MD5]",
                             "AH[SHA1]+",
                             "ESP[3DES,SHA1],ESP[3DES,MD5]",
                             "ESP[3DES,SHA1]AH[MD5]",
                             "ESP[3DES,SHA1]:",
                             "ESP[3DES,SHA1]:100000",
                             "ESP[3DES,SHA1]:100000k/100000k",
                             "ESP[3DES,SHA1]:100000k/3600s/1s",
                             "ESP[3DES,SHA1]:100000s/3600k",
                             "ESP[3DES,SHA1]:299s",
                             "ESP[3DES,SHA1]:172801s",
                             "ESP[3DES,SHA1]:20479k",
                             "ESP[3DES,SHA1]:2147483648k",
                             "ESP[3DES,SHA1]:0k/0s",
                             "3DES",
                             "3DES-SHA1-2"}) {
        const Result<std::vector<QmOffer>> offers = parse_qm_methods(text);
        ASSERT_FALSE(offers.ok()) << text;
        EXPECT_EQ(offers.error().code, ErrorCode::kBadMethods) << text;
    }
}

TEST(Methods, BoundTheirNumber) {
    std::string mm;
    std::string qm;
    for (int i = 0; i < 256; ++i) {
        mm += "3DES-SHA1-2 ";
        qm += "ESP[3DES,SHA1] ";
    }
    EXPECT_FALSE(parse_mm_methods(mm).ok());
    EXPECT_FALSE(parse_qm_methods(qm).ok());
}

TEST(Methods, DefaultsAreThoseOfTheReference) {
    EXPECT_EQ(to_string(default_mm_methods()), "3DES-SHA1-2 3DES-MD5-2 3DES-SHA1-3");
    EXPECT_EQ(to_string(default_qm_methods()),
              "ESP[3DES,SHA1]:100000k/3600s ESP[3DES,MD5]:100000k/3600s");
}

TEST(Methods, KnowWhatIsWeak) {
    struct Row {
        const char* text;
        bool weak;
    };
    for (const Row& row : std::vector<Row>{{"3DES-SHA1-2", false},
                                           {"DES-SHA1-2", true},
                                           {"3DES-MD5-2", true},
                                           {"3DES-SHA1-1", true},
                                           {"AES256-SHA256-14", false}}) {
        EXPECT_EQ(is_weak(parse_mm_methods(row.text)->front()), row.weak) << row.text;
    }
    for (const Row& row : std::vector<Row>{{"ESP[3DES,SHA1]", false},
                                           {"ESP[DES,SHA1]", true},
                                           {"AH[MD5]", true},
                                           {"ESP[None,SHA1]", false},
                                           {"ESP[AES128,None]", true},
                                           {"AH[SHA1]+ESP[AES128,None]", false},
                                           {"ESP[AESGCM128,None]", false}}) {
        EXPECT_EQ(is_weak(parse_qm_methods(row.text)->front()), row.weak) << row.text;
    }
}

// Every row that may stand in a method is read back by its own token.
TEST(AlgorithmTable, EveryRowIsReachable) {
    for (const CipherRow& cipher : kCiphers) {
        EXPECT_EQ(row_of(cipher.cipher).token, cipher.token);
        const std::string mm = std::string(cipher.token) + "-SHA1-2";
        EXPECT_EQ(parse_mm_methods(mm).ok(), cipher.main_mode) << mm;
        const std::string qm =
            "ESP[" + std::string(cipher.token) + (cipher.aead ? ",None]" : ",SHA1]");
        ASSERT_EQ(parse_qm_methods(qm).ok(), cipher.quick_mode) << qm;
        EXPECT_EQ(parse_qm_methods(qm)->front().esp_cipher, cipher.cipher);
    }
    for (const HashRow& hash : kHashes) {
        EXPECT_EQ(row_of(hash.hash).token, hash.token);
        const std::string mm = "3DES-" + std::string(hash.token) + "-2";
        EXPECT_EQ(parse_mm_methods(mm).ok(), hash.main_mode) << mm;
        const bool gmac = hash.bytes.salt != 0;
        const std::string qm = (gmac ? "ESP[None," : "ESP[3DES,") + std::string(hash.token) + "]";
        ASSERT_EQ(parse_qm_methods(qm).ok(), hash.quick_mode) << qm;
        EXPECT_EQ(parse_qm_methods(qm)->front().esp_hash, hash.hash);
    }
    for (const DhGroupRow& group : kDhGroups) {
        const std::string legacy = "3DES-SHA1-" + std::to_string(group.netsh_group);
        EXPECT_EQ(parse_mm_methods(legacy)->front().dh_group, group.ike_group);
        EXPECT_EQ(to_string(*parse_mm_methods(legacy)), legacy);
        const std::string word = "3DES-SHA1 DHGroup" + std::to_string(group.ike_group);
        EXPECT_EQ(parse_mm_methods(word)->front().dh_group, group.ike_group);
    }
}

}  // namespace
}  // namespace config
