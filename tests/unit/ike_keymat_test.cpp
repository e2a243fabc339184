// Keys of IKE against tests/unit/ike_vectors.py and against exchanges of other implementations.
#include "control/ike/keymat.h"
#include "tests/support/crypto_oracle.h"
#include "tests/unit/ike_vectors.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace control::ike {
namespace {

using crypto::testing::from_hex;
using crypto::testing::to_hex;

Cookie cookie(std::string_view hex) {
    const Bytes bytes = from_hex(hex);
    Cookie value{};
    std::ranges::copy(bytes, value.begin());
    return value;
}

PhaseOneSecrets secrets_of(const IkeVector& row) {
    const Bytes nonce_i = from_hex(row.nonce_i);
    const Bytes nonce_r = from_hex(row.nonce_r);
    const Bytes shared = from_hex(row.shared);
    PhaseOneInput input;
    input.offer.cipher = row.cipher;
    input.offer.hash = row.hash;
    input.nonce_i = nonce_i;
    input.nonce_r = nonce_r;
    input.shared = shared;
    input.cookie_i = cookie(row.cookie_i);
    input.cookie_r = cookie(row.cookie_r);
    return row.preshared ? psk_secrets(input, from_hex(row.psk)) : signature_secrets(input);
}

std::string text_of(const IkeVector& row) {
    return std::string(config::row_of(row.hash).token) + " "
           + std::string(config::row_of(row.cipher).token);
}

TEST(IkeKeymat, DerivesThePhaseOneSecrets) {
    for (const IkeVector& row : kIkeVectors) {
        SCOPED_TRACE(text_of(row));
        const PhaseOneSecrets secrets = secrets_of(row);
        EXPECT_EQ(secrets.hash, row.hash);
        EXPECT_EQ(secrets.cipher, row.cipher);
        EXPECT_EQ(to_hex(secrets.skeyid.bytes()), row.skeyid);
        EXPECT_EQ(to_hex(secrets.skeyid_d.bytes()), row.skeyid_d);
        EXPECT_EQ(to_hex(secrets.skeyid_a.bytes()), row.skeyid_a);
        EXPECT_EQ(to_hex(secrets.skeyid_e.bytes()), row.skeyid_e);
        EXPECT_EQ(to_hex(secrets.encryption_key.bytes()), row.encryption_key);
    }
}

TEST(IkeKeymat, CutsIvsToTheCiphersBlock) {
    for (const IkeVector& row : kIkeVectors) {
        SCOPED_TRACE(text_of(row));
        const PhaseOneSecrets secrets = secrets_of(row);
        EXPECT_EQ(to_hex(phase1_iv(secrets, from_hex(row.public_i), from_hex(row.public_r))),
                  row.phase1_iv);
        EXPECT_EQ(to_hex(phase2_iv(secrets, from_hex(row.last_block), row.message_id)),
                  row.phase2_iv);
    }
}

TEST(IkeKeymat, ProvesIdentities) {
    for (const IkeVector& row : kIkeVectors) {
        SCOPED_TRACE(text_of(row));
        const PhaseOneSecrets secrets = secrets_of(row);
        const Bytes public_i = from_hex(row.public_i);
        const Bytes public_r = from_hex(row.public_r);
        const Bytes sa_i = from_hex(row.sa_i);
        const Bytes id_i = from_hex(row.id_i);
        const Bytes id_r = from_hex(row.id_r);
        const Cookie cookie_i = cookie(row.cookie_i);
        const Cookie cookie_r = cookie(row.cookie_r);
        EXPECT_EQ(
            to_hex(phase1_hash(secrets, {public_i, public_r, cookie_i, cookie_r, sa_i, id_i})),
            row.hash_i);
        EXPECT_EQ(
            to_hex(phase1_hash(secrets, {public_r, public_i, cookie_r, cookie_i, sa_i, id_r})),
            row.hash_r);
    }
}

TEST(IkeKeymat, AuthenticatesPhaseTwo) {
    for (const IkeVector& row : kIkeVectors) {
        SCOPED_TRACE(text_of(row));
        const PhaseOneSecrets secrets = secrets_of(row);
        const Bytes nonce_i = from_hex(row.nonce_i);
        const Bytes nonce_r = from_hex(row.nonce_r);
        const Bytes payloads = from_hex(row.payloads);
        EXPECT_EQ(to_hex(quick_mode_hash1(secrets, row.message_id, payloads)), row.hash1);
        EXPECT_EQ(to_hex(quick_mode_hash2(secrets, row.message_id, nonce_i, payloads)), row.hash2);
        EXPECT_EQ(to_hex(quick_mode_hash3(secrets, row.message_id, nonce_i, nonce_r)), row.hash3);
        EXPECT_EQ(to_hex(informational_hash(secrets, row.message_id, payloads)), row.hash1);
    }
}

// ESP's without PFS, AH's with it.
TEST(IkeKeymat, DerivesTheKeysOfSas) {
    for (const IkeVector& row : kIkeVectors) {
        SCOPED_TRACE(text_of(row));
        const PhaseOneSecrets secrets = secrets_of(row);
        const Bytes nonce_i = from_hex(row.nonce_i);
        const Bytes nonce_r = from_hex(row.nonce_r);
        const Bytes shared = from_hex(row.quick_mode_shared);
        const KeymatInput esp{{}, kProtocolEsp, row.spi, nonce_i, nonce_r};
        const KeymatInput ah{shared, kProtocolAh, row.spi, nonce_i, nonce_r};
        for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, row.keymat.size() / 2}) {
            EXPECT_EQ(to_hex(keymat(secrets, esp, bytes).bytes()), row.keymat.substr(0, 2 * bytes));
        }
        EXPECT_EQ(to_hex(keymat(secrets, ah, row.pfs_keymat.size() / 2).bytes()), row.pfs_keymat);
    }
}

TEST(IkeKeymat, HashesAddressesForNatDiscovery) {
    constexpr std::array<std::uint8_t, 4> kAddress{192, 0, 2, 1};
    for (const IkeVector& row : kIkeVectors) {
        EXPECT_EQ(to_hex(nat_hash(
                      row.hash, cookie(row.cookie_i), cookie(row.cookie_r), kAddress, 0x1194)),
                  row.nat_hash);
    }
}

// A key as long as the hash, one shorter, and ones that take two and three rounds.
TEST(IkeKeymat, VectorsCoverEachHashAndCipherOfMainMode) {
    for (const config::HashRow& row : config::kHashes) {
        EXPECT_EQ(std::ranges::count(kIkeVectors, row.hash, &IkeVector::hash) > 0, row.main_mode)
            << row.token;
    }
    for (const config::CipherRow& row : config::kCiphers) {
        EXPECT_EQ(std::ranges::count(kIkeVectors, row.cipher, &IkeVector::cipher) > 0,
                  row.main_mode)
            << row.token;
    }
}

// What a responder sent, for which the pre-shared key is known to be "hashcat": the examples of the
// password tester of that name for its modes 5300 and 5400.
struct Recorded {
    config::Hash hash;
    std::string_view public_r;
    std::string_view public_i;
    std::string_view cookie_r;
    std::string_view cookie_i;
    std::string_view sa_i;
    std::string_view id_r;
    std::string_view nonce_i;
    std::string_view nonce_r;
    std::string_view hash_r;
};

constexpr auto kRecorded = std::to_array<Recorded>({
    {config::Hash::kMd5,
     "50503326cac6e4bd892b8257805b5a59a285f464ad3f63dc01bd0335f8341ef52e00be0b8cb205422a3788f0"
     "21e4e6e8ccbe34784bc85abe42f62545bac64888426a2f1264fa28cf384ff00b14cfa5eff562dda4fad2a31f"
     "d7a6715218cff959916deed856feea5bee2e773241c5fbebf202958f0ce0c432955e0f1f6d1259da",
     "688a7bfa8d5819630a970ed6d27018021a15fbb3e2fdcc36ce9b563d8ff95f510c4b3236c014d1cde9c2f1a9"
     "99b121bc3ab1bc8049c8ac1e8c167a84f53c867492723eb01ab4b38074b38f4297d6fea8f44e01ea828fce33"
     "c433430938b1551f60673ce8088e7d2f41e3b49315344046fefee1e3860064331417562761db3ba4",
     "c66606d691eaade4",
     "8bdc88a2cdb4a1cf",
     "c3b13137fae9f66684d98709939e5c3454ee31a98c80a1c76427d805b5dea866eff045515e8fb42dd259b944"
     "8caba9d937f4b3b75ec1b092a92232b4c8c1e70a60a52076e907f887b731d0f66e19e09b535238169c74c04a"
     "4b393f9b815c54eef4558cd8a22c9018bb4f24ee6db0e32979f9a353361cdba948f9027551ee40b1c96ba81c"
     "28aa3e1a0fac105dc469efa83f6d3ee281b945c6fa8b4677bac26dda",
     "53f757c5b08afad6",
     "aa02d9289e1702e5d7ed1e4ebf35ab31c2688e00",
     "aab8580015cf545ac0b7291d15a4f2c79e06defd",
     "944a0df3939f3bd281c9d05fbc0e3d30"},
    {config::Hash::kSha1,
     "266b43c54636c062b6696b71f24b30999c98bd4c3ba57e2de56a7ae50bb17ebcbca1abcd33e9ad466d4df6e6"
     "f2a407600f0c5a983f79d493b0a3694080a81143d4bac7a8b7b008ae5364a04688b3cfae44824885ca96ade1"
     "e395936567ecad519b502c3a786c72847f79c67b777feb8ba4f747303eb985709e92b3a5634f6513",
     "60f861c6209c9c996ac0dcb49d6f6809faaaf0e8eb8041fe603a918170a801e94ab8ab10c5906d850f4282c0"
     "668029fa69dbc8576f7d86633dc2b21f0d79aa06342b02a4d2732841cd3266b84a7eb49ac489b307ba55562a"
     "17741142bac7712025f0a8cad59b11f19d9b756ce998176fd6b063df556957b257b3645549a138c2",
     "f4dd079ed2b60e77",
     "f1f8da1f38f76923",
     "fd862602549f6949b33870f186d96cb8926a19d78442c02af823460740be719eba41a79388aeefb072e1ec7c"
     "b46b2f0b72e21fb30bd3a6568d2b041af7f9dc0c9cce27ed577e5aabb9ab6c405f1c4b189adbee8c9fb6abf4"
     "788b63a3ae05a02c192187b9d7246efe5e46db9b01bf8f4be05f7599ae52bf137743e41d90dceb85bd6ae073"
     "97dcc168bbc904adfebb08e6bc67e653edeee97a7e4ab9dab5e63fec",
     "56e3f0d49ea70514",
     "e754055008febe970053d795d26bfe609f42eda8",
     "0c3283efd6396e7a2ecb008e1933fccb694a4ac0",
     "8f79167724f4bdb2d76ee5d5e502b665e3445ea6"},
});

TEST(IkeKeymat, VerifiesWhatOthersRecorded) {
    for (const Recorded& row : kRecorded) {
        const Bytes nonce_i = from_hex(row.nonce_i);
        const Bytes nonce_r = from_hex(row.nonce_r);
        const Bytes public_i = from_hex(row.public_i);
        const Bytes public_r = from_hex(row.public_r);
        const Bytes sa_i = from_hex(row.sa_i);
        const Bytes id_r = from_hex(row.id_r);
        const Bytes preshared_key{'h', 'a', 's', 'h', 'c', 'a', 't'};
        PhaseOneInput input;
        input.offer.hash = row.hash;
        input.nonce_i = nonce_i;
        input.nonce_r = nonce_r;
        const PhaseOneSecrets secrets = psk_secrets(input, preshared_key);
        EXPECT_EQ(
            to_hex(phase1_hash(
                secrets,
                {public_r, public_i, cookie(row.cookie_r), cookie(row.cookie_i), sa_i, id_r})),
            row.hash_r);
    }
}

}  // namespace
}  // namespace control::ike
