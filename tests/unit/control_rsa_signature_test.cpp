#include "control/rsa_signature.h"
#include "tests/support/certificate_maker.h"

#include <openssl/rsa.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace control {
namespace {

using test::rsa_key;
using test::run;

ike::Bytes hash_of(std::size_t size) {
    ike::Bytes hash(size);
    std::iota(hash.begin(), hash.end(), std::uint8_t{0xA0});
    return hash;
}

// The private operation on a block as it is: what a forger may have.
ike::Bytes raw_sign(EVP_PKEY* key, const ike::Bytes& block) {
    const KeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
    ike::Bytes signature(block.size());
    std::size_t size = signature.size();
    EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING), 1);
    EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &size, block.data(), block.size()), 1);
    return signature;
}

// 00 01 FF .. FF 00 hash
ike::Bytes good_block(const ike::Bytes& hash, std::size_t size) {
    ike::Bytes block(size, 0xFF);
    block[0] = 0;
    block[1] = 1;
    block[size - hash.size() - 1] = 0;
    std::copy(hash.begin(), hash.end(), block.end() - static_cast<std::ptrdiff_t>(hash.size()));
    return block;
}

// MD5, SHA-1, and every SHA-2 that phase 1 negotiates.
const std::vector<std::size_t> kHashSizes = {16, 20, 32, 48, 64};

TEST(RsaSignature, OpensslRecoversTheHashAlone) {
    const test::Directory directory;
    const std::string key = directory.write_pem("key", rsa_key(0));
    for (const std::size_t size : kHashSizes) {
        const ike::Bytes hash = hash_of(size);
        const config::Result<ike::Bytes> signature = rsa_sign(rsa_key(0), hash);
        ASSERT_TRUE(signature.ok());
        const std::string file = directory.write("signature", *signature);
        for (const auto& [padding, expected] :
             {std::pair<std::string, ike::Bytes>{"pkcs1", hash}, {"none", good_block(hash, 256)}}) {
            const test::Ran ran =
                run(fmt::format("openssl pkeyutl -verifyrecover -inkey {} -in {} -pkeyopt "
                                "rsa_padding_mode:{}",
                                key,
                                file,
                                padding));
            EXPECT_EQ(ran.status, 0) << ran.output;
            EXPECT_EQ(ike::Bytes(ran.output.begin(), ran.output.end()), expected) << size;
        }
        EXPECT_TRUE(rsa_verify(rsa_key(0), hash, *signature));
    }
}

TEST(RsaSignature, TakesWhatOpensslSigns) {
    const test::Directory directory;
    for (const int bits : {1024, 2048, 3072}) {
        const std::string key = directory.write_pem("key", rsa_key(0, bits));
        for (const std::size_t size : kHashSizes) {
            const ike::Bytes hash = hash_of(size);
            const std::string file = directory.path("signature");
            const test::Ran ran = run(fmt::format("openssl pkeyutl -sign -inkey {} -in {} -out {}",
                                                  key,
                                                  directory.write("hash", hash),
                                                  file));
            ASSERT_EQ(ran.status, 0) << ran.output;
            const config::Result<ike::Bytes> signature = read_file(file, 4096);
            ASSERT_TRUE(signature.ok());
            EXPECT_TRUE(rsa_verify(rsa_key(0, bits), hash, *signature)) << bits << " " << size;
            EXPECT_FALSE(rsa_verify(rsa_key(1, bits), hash, *signature));
        }
    }
}

// CVE-2018-16151, CVE-2018-16152 and their kind: blocks that lax readers take.
TEST(RsaSignature, TakesNoBlockButTheOne) {
    constexpr std::size_t kSize = 256;
    const ike::Bytes hash = hash_of(20);
    const std::vector<std::pair<std::string, std::function<void(ike::Bytes&)>>> forgeries = {
        {"rubbish behind the hash",
         [&](ike::Bytes& block) {
             block.assign(kSize, 0x5A);
             const ike::Bytes start = {0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 0};
             std::copy(start.begin(), start.end(), block.begin());
             std::copy(hash.begin(), hash.end(), block.begin() + 11);
         }},
        {"a DigestInfo before the hash",
         [&](ike::Bytes& block) {
             const ike::Bytes sha1 = {
                 0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 5, 0, 4, 20};
             std::copy(sha1.begin(), sha1.end(), block.end() - 35);
             block[kSize - 36] = 0;
         }},
        {"block type 0", [](ike::Bytes& block) { block[1] = 0; }},
        {"block type 2", [](ike::Bytes& block) { block[1] = 2; }},
        {"first byte",
         [](ike::Bytes& block) {
             block[0] = 1;
             block[1] = 0;
         }},
        {"one byte of padding", [](ike::Bytes& block) { block[100] = 0xFE; }},
        {"a zero in the padding", [](ike::Bytes& block) { block[10] = 0; }},
        {"no separator", [](ike::Bytes& block) { block[kSize - 21] = 0xFF; }},
        {"the hash one byte to the left",
         [](ike::Bytes& block) { std::rotate(block.begin() + 2, block.begin() + 3, block.end()); }},
        {"last bit of the hash", [](ike::Bytes& block) { block[kSize - 1] ^= 1; }},
        {"zeros", [](ike::Bytes& block) { block.assign(kSize, 0); }},
    };
    ASSERT_TRUE(rsa_verify(rsa_key(0), hash, raw_sign(rsa_key(0), good_block(hash, kSize))));
    for (const auto& [name, change] : forgeries) {
        ike::Bytes block = good_block(hash, kSize);
        change(block);
        EXPECT_FALSE(rsa_verify(rsa_key(0), hash, raw_sign(rsa_key(0), block))) << name;
    }
}

TEST(RsaSignature, EveryByteAndTheLengthCount) {
    const ike::Bytes hash = hash_of(32);
    const ike::Bytes signature = rsa_sign(rsa_key(0), hash).value();
    for (std::size_t i = 0; i < signature.size(); ++i) {
        ike::Bytes changed = signature;
        changed[i] ^= 0x40;
        EXPECT_FALSE(rsa_verify(rsa_key(0), hash, changed)) << i;
    }
    ike::Bytes longer = signature;
    longer.insert(longer.begin(), 0);
    EXPECT_FALSE(rsa_verify(rsa_key(0), hash, longer));
    longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(rsa_verify(rsa_key(0), hash, longer));
    EXPECT_FALSE(rsa_verify(rsa_key(0), hash, ike::ByteView(signature).first(255)));
    EXPECT_FALSE(rsa_verify(rsa_key(0), hash, {}));
    EXPECT_FALSE(rsa_verify(rsa_key(0), hash, ike::Bytes(256, 0xFF)));  // above the modulus
    EXPECT_FALSE(rsa_verify(rsa_key(0), ike::ByteView(hash).first(31), signature));
    EXPECT_FALSE(rsa_verify(rsa_key(0, 1024), hash_of(118), ike::Bytes(128, 1)));
    EXPECT_FALSE(rsa_verify(nullptr, hash, signature));
}

// CVE-2018-17540 and its kind: numbers that are no RSA key.
TEST(RsaSignature, RefusesKeysThatAreNone) {
    const std::string modulus = test::modulus_of(rsa_key(0));
    std::string even = modulus;
    even.back() = '8';
    struct Row {
        std::string name;
        std::string modulus;
        std::string exponent;
        std::string fault;  // part of it; empty: none
    };
    const std::vector<Row> rows = {
        {"good", modulus, "010001", ""},
        {"exponent 3", modulus, "03", ""},
        {"exponent 0", modulus, "00", "expected an odd modulus"},
        {"exponent 1", modulus, "01", "expected an odd modulus"},
        {"exponent 2", modulus, "02", "expected an odd modulus"},
        {"exponent of 65 bits", modulus, "010000000000000001", "expected an odd modulus"},
        {"even modulus", even, "010001", "expected an odd modulus"},
        {"modulus 0", "00", "010001", "has 0 bits"},
        {"modulus 1", "01", "010001", "has 1 bits"},
        {"1023 bits", "7" + std::string(255, 'F'), "010001", "has 1023 bits"},
        {"1024 bits", "F" + std::string(255, 'F'), "010001", ""},
        {"8193 bits", "1" + std::string(2048, 'F'), "010001", "has 8193 bits"},
    };
    for (const Row& row : rows) {
        const KeyPtr key = test::rsa_public_key(row.modulus, row.exponent);
        const std::string fault = key_fault(key.get()).value_or("");
        EXPECT_EQ(fault.empty(), row.fault.empty()) << row.name << ": " << fault;
        EXPECT_NE(fault.find(row.fault), std::string::npos) << row.name << ": " << fault;
        if (!row.fault.empty()) {
            // A block that is its own signature under exponent 1.
            const ike::Bytes hash = hash_of(20);
            EXPECT_FALSE(rsa_verify(key.get(), hash, good_block(hash, 256))) << row.name;
        }
    }
    EXPECT_NE(key_fault(test::ec_key(0))->find("type EC; expected RSA"), std::string::npos);
    EXPECT_NE(key_fault(nullptr)->find("cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace control
