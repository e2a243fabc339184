// Diffie-Hellman of IKE against published values and tests/unit/ike_vectors.py, and what it
// refuses.
#include "crypto/ike_crypto.h"
#include "tests/support/crypto_oracle.h"
#include "tests/unit/dh_vectors.h"

#include <openssl/bn.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace crypto {
namespace {

using config::DhGroupRow;
using config::Hash;
using testing::Bytes;
using testing::from_hex;
using testing::to_hex;

struct Published {
    std::string_view source;
    std::uint16_t group;
    std::string_view own_private;
    std::string_view peer_private;
    std::string_view own_public;
    std::string_view peer_public;
    std::string_view shared;
};

constexpr auto kPublished = std::to_array<Published>({
    {"RFC 5903 8.1",
     19,
     "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c45"
     "6fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c"
     "13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {"RFC 5903 8.2",
     20,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896"
     "783ab194",
     "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd5"
     "5a7448fc",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732ae"
     "e95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947da"
     "e69b4c634573a81c",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0"
     "774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff"
     "5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a2"
     "70f59746"},
    {"RFC 5903 8.3",
     21,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d9"
     "37ba9777f5957b2639bab072462f68c27a57382d4a52",
     "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a"
     "3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c"
     "2d107564941885942af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e"
     "1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352"
     "f6be64a6c2912d4ef2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551"
     "a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a347868"
     "59810c06b3c715a3a8cc3151f2bee417996d19f3ddea"},
    {"RFC 5114 A.3",
     24,
     "0881382cdb87660c6dc13e614938d5b9c8b2f248581cc5e31b35454397fce50e",
     "7d62a7e3ef36de617b13d1afb82c780d83a23bd4ee6705645121f371f546a53d",
     "2e9380c8323af97545bc4941deb0ec3742c62fe0ece824a6abdbe66c59bee0242911bfb967235ceba35ae13e"
     "4ec752be630b92dc4bde2847a9c62cb8152745421fb7eb60a63c0fe9159fcce726ce7cd8523d7450667ef840"
     "e4919121eb5f01c8c9b0d3d648a93bfb75689e8244ac134af544711ce79a02dcc34226684780dddcb4985941"
     "06c37f5bc79856487af5ab022a2e5e42f09897c1a85a11ea0212af04d9b4cebc937c3c1a3e15a8a0342e3376"
     "15c84e7fe3b8b9b87fb1e73a15af12a30d746e06dfc34f290d797ce51aa13aa785bf6658aff5e4b093003cbe"
     "af665b3c2e113a3a4e905269341dc0711426685f4ef37e868a8126ff3f2279b57ca67e29",
     "575f0351bd2b1b817448bdf87a6c362c1e289d3903a30b9832c5741fa250363e7acbc7f77f3dacbc1f131add"
     "8e03367eff8fbbb3e1c5784424809b25afe4d2262a1a6fd2fab64105ca30a674e07f7809852088632fc04923"
     "3791ad4edd083a978b883ee618bc5e0dd047415f2d95e683cf14826b5fbe10d3ce41c6c120c78ab20008c698"
     "bf7f0bcab9d7f407bed0f43afb2970f57f8d12043963e66ddd320d599ad9936c8f44137c08b180ec5e985ceb"
     "e186f3d549677e80607331ee17af3380a725b0782317d7dd43f59d7af9568a9bb63a84d365f92244ed120988"
     "219302f42924c7ca90b89d24f71b0ab697823d7deb1aff5b0e8e4a45d49f7f53757e1913",
     "86c70bf8d0bb81bb01078a17219cb7d27203db2a19c877f1d1f19fd7d77ef22546a68f005ad52dc84553b78f"
     "c60330be51ea7c0672cac1515e4b35c047b9a551b88f39dc26da14a09ef74774d47c762dd177f9ed5bc2f11e"
     "52c879bd95098504cd9eecd8a8f9b3efbd1f008ac5853097d9d1837f2b18f77cd7be01af80a7c7b5ea3ca54c"
     "c02d0c116fee3f95bb87399385875d7e86747e676e728938acbff7098e05be4dcfb24052b83aeffb14783f02"
     "9adbde7f53fae92084224090e007cee94d4bf2bace9ffd4b57d2af7c724d0caa19bf0501f6f17b4aa10f425e"
     "3ea76080b4b9d6b3cefea115b2ceb8789bb8a3b0ea87febe63b6c8f846ec6db0c26c5d7c"},
});

// An element of group 24's field of order 7: with it a peer learns our private value modulo 7.
constexpr std::string_view kOrder7 =
    "7e22fad9cc23b5949616a26b060dcec3557a81d98dc45f51943f4e29b06dd73e6fbf201c01c4c2620b816980"
    "48fcb21655d1276bfb402a41c3af50528f2df02b3440a3b7a1855dfe31a549ddce9563ed18fe1530a3a649f8"
    "7fa4d427d6d2e1b73cf3848177651080f2ca96628fed411c331d9e28d28da5f0c65f2516f9bb4c72e4c9050f"
    "5d654bcc0139e66fbc582ae32d345ad84a249d9cea131c6a9af59ecaefbc190ca265394eb8190ff91a6af583"
    "27060ca4900829eaa3a1c26f86737d7510bfd55c430bcc1f2db6a62c3bfe1717e5236945c475bb7b36dc2fa5"
    "ab06b089325dfd864a6b044622e62a5638ce23f319cf564826ce1e5c1bc1166896c5f205";

// RFC 5114 2.3.
constexpr std::string_view kPrime24 =
    "87a8e61db4b6663cffbbd19c651959998ceef608660dd0f25d2ceed4435e3b00e00df8f1d61957d4faf7df45"
    "61b2aa3016c3d91134096faa3bf4296d830e9a7c209e0c6497517abd5a8a9d306bcf67ed91f9e6725b4758c0"
    "22e0b1ef4275bf7b6c5bfc11d45f9088b941f54eb1e59bb8bc39a0bf12307f5c4fdb70c581b23f76b63acae1"
    "caa6b7902d52526735488a0ef13c6d9a51bfa4ab3ad8347796524d8ef6a167b5a41825d967e144e514056425"
    "1ccacb83e6b486f6b3ca3f7971506026c0b857f689962856ded4010abd0be621c3a3960a54e710c375f26375"
    "d7014103a4b54330c198af126116d2276e11715f693877fad7ef09cadb094ae91e1a1597";

bool elliptic(const DhGroupRow& row) {
    return row.ike_group >= 19 && row.ike_group <= 21;
}

std::string shared_hex(const DhExchange& own, ByteView peer) {
    const auto secret = own.shared(peer);
    return secret ? to_hex(secret->bytes()) : secret.error().text;
}

Bytes number(std::size_t bytes, std::uint8_t value) {
    Bytes big_endian(bytes);
    big_endian.back() = value;
    return big_endian;
}

// Of a MODP group. That OpenSSL's are the RFCs' is what the known answers show.
Bytes prime_of(std::uint16_t group) {
    if (group == 24) {
        return from_hex(kPrime24);
    }
    BIGNUM* const prime = group == 1    ? BN_get_rfc2409_prime_768(nullptr)
                          : group == 2  ? BN_get_rfc2409_prime_1024(nullptr)
                          : group == 14 ? BN_get_rfc3526_prime_2048(nullptr)
                          : group == 15 ? BN_get_rfc3526_prime_3072(nullptr)
                          : group == 16 ? BN_get_rfc3526_prime_4096(nullptr)
                          : group == 17 ? BN_get_rfc3526_prime_6144(nullptr)
                                        : BN_get_rfc3526_prime_8192(nullptr);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(prime)));
    BN_bn2bin(prime, bytes.data());
    BN_free(prime);
    return bytes;
}

TEST(DhExchange, ComputesThePublishedValues) {
    for (const Published& row : kPublished) {
        SCOPED_TRACE(row.source);
        const auto own = DhExchange::with_private(row.group, from_hex(row.own_private));
        const auto peer = DhExchange::with_private(row.group, from_hex(row.peer_private));
        EXPECT_EQ(own.group(), row.group);
        EXPECT_EQ(to_hex(own.public_value()), row.own_public);
        EXPECT_EQ(to_hex(peer.public_value()), row.peer_public);
        EXPECT_EQ(shared_hex(own, peer.public_value()), row.shared);
        EXPECT_EQ(shared_hex(peer, own.public_value()), row.shared);
    }
}

TEST(DhExchange, ComputesWhatPythonComputes) {
    for (const DhVector& row : kDhVectors) {
        SCOPED_TRACE(row.group);
        const auto own = DhExchange::with_private(row.group, from_hex(row.own_private));
        const auto peer = DhExchange::with_private(row.group, from_hex(row.peer_private));
        EXPECT_EQ(to_hex(hash(Hash::kSha256, {own.public_value()})), row.own_public_sha256);
        EXPECT_EQ(to_hex(hash(Hash::kSha256, {peer.public_value()})), row.peer_public_sha256);
        const auto secret = own.shared(peer.public_value());
        ASSERT_TRUE(secret);
        EXPECT_EQ(to_hex(hash(Hash::kSha256, {secret->bytes()})), row.shared_sha256);
        EXPECT_EQ(shared_hex(peer, own.public_value()), to_hex(secret->bytes()));
    }
}

TEST(DhExchange, HasAKnownAnswerForEachGroup) {
    for (const DhGroupRow& row : config::kDhGroups) {
        EXPECT_TRUE(std::ranges::count(kDhVectors, row.ike_group, &DhVector::group)
                        + std::ranges::count(kPublished, row.ike_group, &Published::group)
                    > 0)
            << row.ike_group;
    }
}

TEST(DhExchange, AgreesInEachGroupWithFreshKeys) {
    for (const DhGroupRow& row : config::kDhGroups) {
        SCOPED_TRACE(row.ike_group);
        const auto own = DhExchange::generate(row.ike_group);
        const auto peer = DhExchange::generate(row.ike_group);
        const std::size_t field = (std::size_t{row.bits} + 7) / 8;
        EXPECT_EQ(own.public_value().size(), elliptic(row) ? 2 * field : field);
        EXPECT_EQ(own.public_value().size(), DhExchange::public_bytes(row.ike_group));
        EXPECT_NE(own.public_value(), peer.public_value());
        const auto secret = own.shared(peer.public_value());
        ASSERT_TRUE(secret) << secret.error().text;
        EXPECT_EQ(secret->size(), field);
        EXPECT_EQ(shared_hex(peer, own.public_value()), to_hex(secret->bytes()));
    }
}

TEST(DhExchange, IsTheSameAfterAMove) {
    auto own = DhExchange::generate(14);
    const auto peer = DhExchange::generate(14);
    const std::string before = shared_hex(own, peer.public_value());
    const DhExchange moved = std::move(own);
    EXPECT_EQ(shared_hex(moved, peer.public_value()), before);
}

struct Value {
    std::string_view what;
    Bytes bytes;
};

void expect_refused(const DhGroupRow& row, const std::vector<Value>& values) {
    const auto own = DhExchange::generate(row.ike_group);
    for (const Value& value : values) {
        const auto secret = own.shared(value.bytes);
        ASSERT_FALSE(secret) << row.ike_group << ": " << value.what;
        EXPECT_EQ(secret.error().code, config::ErrorCode::kBadSa);
        EXPECT_NE(secret.error().text.find(fmt::format("group {} ", row.ike_group)),
                  std::string::npos)
            << secret.error().text;
    }
}

TEST(DhExchange, RefusesValuesOfAnotherLength) {
    for (const DhGroupRow& row : config::kDhGroups) {
        Bytes shorter = DhExchange::generate(row.ike_group).public_value();
        Bytes longer = shorter;
        shorter.erase(shorter.begin());
        longer.insert(longer.begin(), 0);
        Bytes half(shorter.begin(), shorter.begin() + std::ptrdiff_t(shorter.size() / 2));
        expect_refused(row,
                       {{"empty", {}},
                        {"one byte short", shorter},
                        {"one byte long", longer},
                        {"half", half}});
    }
}

TEST(DhExchange, RefusesModpValuesOutOfRange) {
    for (const DhGroupRow& row : config::kDhGroups) {
        if (elliptic(row)) {
            continue;
        }
        const Bytes prime = prime_of(row.ike_group);
        Bytes below = prime;
        below.back() = static_cast<std::uint8_t>(below.back() - 1);
        expect_refused(row,
                       {{"0", number(prime.size(), 0)},
                        {"1", number(prime.size(), 1)},
                        {"p-1", below},
                        {"p", prime},
                        {"all ones", Bytes(prime.size(), 0xFF)}});
    }
}

// The ends of the range.
TEST(DhExchange, TakesTwoAndItsNegativeInGroupsOfSafePrimes) {
    for (const DhGroupRow& row : config::kDhGroups) {
        if (elliptic(row) || row.ike_group == 24) {
            continue;
        }
        const auto own = DhExchange::generate(row.ike_group);
        Bytes value = prime_of(row.ike_group);
        value.back() = static_cast<std::uint8_t>(value.back() - 2);
        EXPECT_TRUE(own.shared(value)) << row.ike_group;
        EXPECT_EQ(shared_hex(own, number(value.size(), 2)), to_hex(own.public_value()));
    }
}

TEST(DhExchange, RefusesValuesOutsideGroup24sSubgroup) {
    Bytes negative = prime_of(24);
    negative.back() = static_cast<std::uint8_t>(negative.back() - 2);
    expect_refused(
        config::kDhGroups.back(),
        {{"of order 7", from_hex(kOrder7)}, {"2", number(negative.size(), 2)}, {"p-2", negative}});
}

TEST(DhExchange, RefusesWhatIsNotOnTheCurve) {
    for (const DhGroupRow& row : config::kDhGroups) {
        if (!elliptic(row)) {
            continue;
        }
        const Bytes good = DhExchange::generate(row.ike_group).public_value();
        Bytes x = good;
        x[good.size() / 2 - 1] ^= 1;
        Bytes y = good;
        y.back() ^= 1;
        Bytes swapped = good;
        std::rotate(
            swapped.begin(), swapped.begin() + std::ptrdiff_t(good.size() / 2), swapped.end());
        expect_refused(row,
                       {{"another x", x},
                        {"another y", y},
                        {"x and y swapped", swapped},
                        {"0, 0", Bytes(good.size())},
                        {"all ones", Bytes(good.size(), 0xFF)}});
    }
}

// p = 2^521 - 1 leaves room for x + p, which is the same element of the field.
TEST(DhExchange, RefusesCoordinatesAboveThePrime) {
    const Published& row = kPublished[2];
    const auto own = DhExchange::with_private(row.group, from_hex(row.own_private));
    Bytes value = from_hex(row.peer_public);
    ASSERT_TRUE(own.shared(value));
    value[0] |= 0x02;
    ASSERT_NE(value[65], 0);
    value[65] = static_cast<std::uint8_t>(value[65] - 1);
    EXPECT_FALSE(own.shared(value));
}

// Fresh keys come from the whole range: without this a short or constant private value would pass
// all of the above.
TEST(DhExchange, DrawsADifferentKeyEachTime) {
    for (const std::uint16_t group : {std::uint16_t{2}, std::uint16_t{19}, std::uint16_t{24}}) {
        std::set<Bytes> seen;
        for (int i = 0; i < 20; ++i) {
            seen.insert(DhExchange::generate(group).public_value());
        }
        EXPECT_EQ(seen.size(), 20U) << group;
    }
}

}  // namespace
}  // namespace crypto
