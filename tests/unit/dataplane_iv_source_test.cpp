#include "dataplane/iv_source.h"

#include <openssl/evp.h>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <vector>

namespace {

using dataplane::IvSource;
using Iv = std::array<std::uint8_t, 16>;

constexpr std::size_t kStretch = 4096;

std::unique_ptr<IvSource> made(config::Result<std::unique_ptr<IvSource>> source) {
    EXPECT_TRUE(source.ok());
    return std::move(source).value();
}

Iv next_iv(IvSource& source) {
    Iv iv{};
    std::memcpy(iv.data(), source.next(iv.size()), iv.size());
    return iv;
}

// AES-128-CTR from counter zero over zeros, by OpenSSL alone.
std::vector<std::uint8_t> stream_of(const std::uint8_t* key) {
    const std::array<std::uint8_t, 16> counter{};
    const std::vector<std::uint8_t> zeros(kStretch);
    std::vector<std::uint8_t> stream(kStretch);
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    int written = 0;
    EXPECT_EQ(EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nullptr, key, counter.data()), 1);
    EXPECT_EQ(EVP_EncryptUpdate(context, stream.data(), &written, zeros.data(), int{kStretch}), 1);
    EVP_CIPHER_CTX_free(context);
    return stream;
}

TEST(IvSource, EachStretchBeginsWithTheKeyOfTheNext) {
    IvSource::Key key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::uint8_t>(3 * i + 1);
    }
    const auto source = made(IvSource::create(key));
    for (int stretch = 0; stretch < 4; ++stretch) {
        const std::vector<std::uint8_t> expected = stream_of(key.data());
        for (std::size_t at = key.size(); at < kStretch; at += 16) {
            ASSERT_EQ(std::memcmp(source->next(16), &expected[at], 16), 0)
                << "stretch " << stretch << ", byte " << at;
        }
        std::memcpy(key.data(), expected.data(), key.size());
    }
}

TEST(IvSource, IvsOfDifferentLengthsShareOneStream) {
    const IvSource::Key key{7};
    const auto source = made(IvSource::create(key));
    const std::vector<std::uint8_t> first = stream_of(key.data());
    const std::vector<std::uint8_t> second = stream_of(first.data());
    EXPECT_EQ(std::memcmp(source->next(8), &first[16], 8), 0);
    for (std::size_t at = 24; at + 16 <= kStretch; at += 16) {
        ASSERT_EQ(std::memcmp(source->next(16), &first[at], 16), 0) << "byte " << at;
    }
    // Eight bytes are left: too few for an IV of 16.
    EXPECT_EQ(std::memcmp(source->next(16), &second[16], 16), 0);
}

TEST(IvSource, SourcesOfTheKernelsKeysDiffer) {
    const auto first = made(IvSource::create());
    const auto second = made(IvSource::create());
    EXPECT_NE(next_iv(*first), next_iv(*second));
}

TEST(IvSource, IvsNeitherRepeatNorLean) {
    constexpr std::size_t kIvs = 50'000;
    const auto source = made(IvSource::create());
    std::set<Iv> seen;
    std::array<std::size_t, 128> ones{};
    for (std::size_t i = 0; i < kIvs; ++i) {
        const Iv iv = next_iv(*source);
        EXPECT_TRUE(seen.insert(iv).second);
        for (std::size_t bit = 0; bit < ones.size(); ++bit) {
            ones[bit] += (iv[bit / 8] >> (bit % 8)) & 1U;
        }
    }
    // Ten standard deviations to either side: sqrt(50,000) / 2 is 112.
    for (std::size_t bit = 0; bit < ones.size(); ++bit) {
        EXPECT_NEAR(static_cast<double>(ones[bit]), kIvs / 2.0, 1120) << "bit " << bit;
    }
}

}  // namespace
