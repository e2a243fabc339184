// Hashes, HMACs and ciphers of IKE against published values.
#include "crypto/ike_crypto.h"
#include "tests/support/crypto_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace crypto {
namespace {

using config::Cipher;
using config::Hash;
using testing::Bytes;
using testing::from_hex;
using testing::to_hex;

ByteView bytes_of(std::string_view text) {
    return {static_cast<const std::uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

struct HashAnswer {
    Hash hash;
    std::string_view abc;    // RFC 1321 A.5, FIPS 180
    std::string_view empty;  // HMAC of nothing with an empty key
};

constexpr auto kHashAnswers = std::to_array<HashAnswer>({
    {Hash::kMd5, "900150983cd24fb0d6963f7d28e17f72", "74e6f7298a9c2d168935f58c001bad88"},
    {Hash::kSha1,
     "a9993e364706816aba3e25717850c26c9cd0d89d",
     "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"},
    {Hash::kSha256,
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    {Hash::kSha384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
     "8086072ba1e7cc2358baeca134c825a7",
     "6c1f2ee938fad2e24bd91298474382ca218c75db3d83e114b3d4367776d14d35"
     "51289e75e8209cd4b792302840234adc"},
    {Hash::kSha512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "b936cee86c9f87aa5d3c6f2e84cb5a4239a5fe50480a6ec66b70ab5b1f4ac673"
     "0c6c515421b327ec1d69402e53dfb49ad7381eb067b338fd7b0cb22247225d47"},
});

struct MacAnswer {
    std::string_view source;
    Hash hash;
    Bytes key;
    std::string_view data;
    std::string_view digest;
};

// Keys shorter than a block and longer: the latter are hashed first (RFC 2104 3).
const std::vector<MacAnswer>& mac_answers() {
    constexpr std::string_view kHiThere = "Hi There";
    constexpr std::string_view kWant = "what do ya want for nothing?";
    constexpr std::string_view kLarger = "Test Using Larger Than Block-Size Key - Hash Key First";
    const Bytes jefe{'J', 'e', 'f', 'e'};
    static const std::vector<MacAnswer> answers{
        {"RFC 2202 MD5 1",
         Hash::kMd5,
         Bytes(16, 0x0B),
         kHiThere,
         "9294727a3638bb1c13f48ef8158bfc9d"},
        {"RFC 2202 MD5 2", Hash::kMd5, jefe, kWant, "750c783e6ab0b503eaa86e310a5db738"},
        {"RFC 2202 MD5 6",
         Hash::kMd5,
         Bytes(80, 0xAA),
         kLarger,
         "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
        {"RFC 2202 SHA1 1",
         Hash::kSha1,
         Bytes(20, 0x0B),
         kHiThere,
         "b617318655057264e28bc0b6fb378c8ef146be00"},
        {"RFC 2202 SHA1 2", Hash::kSha1, jefe, kWant, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"RFC 2202 SHA1 6",
         Hash::kSha1,
         Bytes(80, 0xAA),
         kLarger,
         "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
        {"RFC 4231 SHA256 1",
         Hash::kSha256,
         Bytes(20, 0x0B),
         kHiThere,
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"RFC 4231 SHA256 2",
         Hash::kSha256,
         jefe,
         kWant,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"RFC 4231 SHA256 6",
         Hash::kSha256,
         Bytes(131, 0xAA),
         kLarger,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"RFC 4231 SHA384 1",
         Hash::kSha384,
         Bytes(20, 0x0B),
         kHiThere,
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
         "faea9ea9076ede7f4af152e8b2fa9cb6"},
        {"RFC 4231 SHA384 6",
         Hash::kSha384,
         Bytes(131, 0xAA),
         kLarger,
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
         "0c2ef6ab4030fe8296248df163f44952"},
        {"RFC 4231 SHA512 1",
         Hash::kSha512,
         Bytes(20, 0x0B),
         kHiThere,
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
        {"RFC 4231 SHA512 6",
         Hash::kSha512,
         Bytes(131, 0xAA),
         kLarger,
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
         "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
    };
    return answers;
}

struct CipherAnswer {
    std::string_view source;
    Cipher cipher;
    std::string_view key;
    std::string_view iv;
    std::string_view plain;
    std::string_view secret;
};

constexpr auto kCipherAnswers = std::to_array<CipherAnswer>({
    {"FIPS 81 table C1",
     Cipher::kDes,
     "0123456789abcdef",
     "1234567890abcdef",
     "4e6f77206973207468652074696d6520666f7220616c6c20",
     "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
    // The same key three times is single DES.
    {"FIPS 81 table C1, thrice",
     Cipher::k3des,
     "0123456789abcdef0123456789abcdef0123456789abcdef",
     "1234567890abcdef",
     "4e6f77206973207468652074696d6520666f7220616c6c20",
     "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
    {"SP 800-67 B.1 block 1",
     Cipher::k3des,
     "0123456789abcdef23456789abcdef01456789abcdef0123",
     "0000000000000000",
     "5468652071756663",
     "a826fd8ce53b855f"},
    {"RFC 3602 case 2",
     Cipher::kAes128,
     "c286696d887c9aa0611bbb3e2025a45a",
     "562e17996d093d28ddb3ba695a2e6f58",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
    {"SP 800-38A F.2.3",
     Cipher::kAes192,
     "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"},
    {"SP 800-38A F.2.5",
     Cipher::kAes256,
     "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"},
});

TEST(IkeCrypto, HashesAsPublishedHoweverCut) {
    for (const HashAnswer& answer : kHashAnswers) {
        EXPECT_EQ(to_hex(hash(answer.hash, {bytes_of("abc")})), answer.abc);
        EXPECT_EQ(to_hex(hash(answer.hash, {bytes_of("a"), {}, bytes_of("bc")})), answer.abc);
    }
}

TEST(IkeCrypto, ComputesHmacsAsPublishedHoweverCut) {
    for (const MacAnswer& answer : mac_answers()) {
        const ByteView data = bytes_of(answer.data);
        EXPECT_EQ(to_hex(hmac(answer.hash, answer.key, {data}).bytes()), answer.digest)
            << answer.source;
        const auto parts = {data.first(3), ByteView(), data.subspan(3)};
        EXPECT_EQ(to_hex(hmac(answer.hash, answer.key, parts).bytes()), answer.digest)
            << answer.source;
    }
}

TEST(IkeCrypto, TakesAnEmptyKeyAsAKey) {
    for (const HashAnswer& answer : kHashAnswers) {
        // A key used before must not be left over.
        const auto other = hmac(answer.hash, bytes_of("key"), {});
        EXPECT_EQ(to_hex(hmac(answer.hash, {}, {}).bytes()), answer.empty);
        EXPECT_NE(to_hex(other.bytes()), answer.empty);
    }
}

TEST(IkeCrypto, EncryptsAndDecryptsInPlaceAsPublished) {
    for (const CipherAnswer& answer : kCipherAnswers) {
        SCOPED_TRACE(answer.source);
        const Bytes key = from_hex(answer.key);
        const Bytes iv = from_hex(answer.iv);
        Bytes data = from_hex(answer.plain);
        cbc_encrypt(answer.cipher, key, iv, data);
        EXPECT_EQ(to_hex(data), answer.secret);
        cbc_decrypt(answer.cipher, key, iv, data);
        EXPECT_EQ(to_hex(data), answer.plain);
    }
}

TEST(IkeCrypto, RefusesLengthsThatAreNotTheCiphers) {
    for (const CipherAnswer& answer : kCipherAnswers) {
        SCOPED_TRACE(answer.source);
        const Bytes key = from_hex(answer.key);
        const Bytes iv = from_hex(answer.iv);
        Bytes data(3 * iv.size());
        const std::span<std::uint8_t> whole = data;
        EXPECT_NO_THROW(cbc_decrypt(answer.cipher, key, iv, whole));
        EXPECT_NO_THROW(cbc_decrypt(answer.cipher, key, iv, {}));
        EXPECT_THROW(cbc_decrypt(answer.cipher, key, iv, whole.subspan(1)), std::logic_error);
        EXPECT_THROW(cbc_encrypt(answer.cipher, key, iv, whole.first(1)), std::logic_error);
        EXPECT_THROW(cbc_decrypt(answer.cipher, ByteView(key).subspan(1), iv, whole),
                     std::logic_error);
        EXPECT_THROW(cbc_decrypt(answer.cipher, key, ByteView(iv).subspan(1), whole),
                     std::logic_error);
    }
}

// What main mode may name can be computed.
TEST(IkeCrypto, HasAnswersForAllOfMainMode) {
    for (const config::CipherRow& row : config::kCiphers) {
        EXPECT_EQ(std::ranges::count(kCipherAnswers, row.cipher, &CipherAnswer::cipher) > 0,
                  row.main_mode)
            << row.token;
    }
    for (const config::HashRow& row : config::kHashes) {
        EXPECT_EQ(std::ranges::count(kHashAnswers, row.hash, &HashAnswer::hash) > 0, row.main_mode)
            << row.token;
        EXPECT_EQ(std::ranges::count(mac_answers(), row.hash, &MacAnswer::hash) > 0, row.main_mode)
            << row.token;
    }
}

TEST(IkeCrypto, RefusesHashesThatMainModeDoesNotKnow) {
    for (const config::HashRow& row : config::kHashes) {
        if (!row.main_mode) {
            EXPECT_ANY_THROW((void)hash(row.hash, {})) << row.token;
            EXPECT_ANY_THROW((void)hmac(row.hash, {}, {})) << row.token;
        }
    }
}

TEST(IkeCrypto, DrawsOtherRandomBytesEachTime) {
    Bytes first(32);
    Bytes second(32);
    random_bytes(first);
    random_bytes(second);
    EXPECT_NE(first, second);
    EXPECT_NE(first, Bytes(32));
}

}  // namespace
}  // namespace crypto
