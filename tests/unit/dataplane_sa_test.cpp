#include "dataplane/sa.h"
#include "tests/support/meeting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using config::Cipher;
using config::Hash;
using config::IpsecProtocol;
using config::SaDirection;
using config::SaSpec;
using dataplane::ByteBudget;
using dataplane::Sa;
using dataplane::SaExpiry;
using dataplane::SequenceRun;
using dataplane::TscClock;

constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr TscClock kClock{.now = 5'000, .hz = 1'000};

// No part of it is like another one, which 3DES wants.
config::SecretBytes key(std::size_t bytes) {
    std::vector<std::uint8_t> key(bytes);
    std::iota(key.begin(), key.end(), std::uint8_t{1});
    return config::SecretBytes(key);
}

void use(SaSpec& spec, Cipher cipher, Hash hash) {
    const auto& cipher_bytes = row_of(cipher).bytes;
    const auto& hash_bytes = row_of(hash).bytes;
    spec.cipher = cipher;
    spec.hash = hash;
    spec.cipher_key = key(std::size_t{cipher_bytes.key} + cipher_bytes.salt);
    spec.auth_key = key(std::size_t{hash_bytes.key} + hash_bytes.salt);
}

void use_ah(SaSpec& spec) {
    use(spec, Cipher::kNone, Hash::kSha256);
    spec.protocol = IpsecProtocol::kAh;
}

SaSpec esp() {
    SaSpec spec;
    spec.spi = 0x1000;
    spec.source = config::IpAddress::v4(0x0A000001);
    spec.destination = config::IpAddress::v4(0x0A000002);
    use(spec, Cipher::kAes128, Hash::kSha1);
    return spec;
}

config::Result<std::unique_ptr<Sa>> create(const SaSpec& spec, const TscClock& clock = kClock) {
    static const auto kEngines = crypto::EngineChoice::only(crypto::Engine::kOpenssl);
    return Sa::create(spec, kEngines, clock);
}

std::unique_ptr<Sa> made(const SaSpec& spec, const TscClock& clock = kClock) {
    auto sa = create(spec, clock);
    EXPECT_TRUE(sa.ok()) << (sa.ok() ? "" : sa.error().text);
    return std::move(sa).value();
}

// --- create

// 3DES with a key of three parts, each of one repeated byte: "112233".
void use_3des(SaSpec& spec, std::string_view parts) {
    use(spec, Cipher::k3des, Hash::kSha1);
    std::vector<std::uint8_t> key;
    for (std::size_t part = 0; part < parts.size(); part += 2) {
        key.insert(key.end(), 8, static_cast<std::uint8_t>(parts[part]));
    }
    spec.cipher_key = config::SecretBytes(key);
}

void use_soft(SaSpec& spec) {
    const SaSpec ends = spec;
    spec = SaSpec();
    spec.source = ends.source;
    spec.destination = ends.destination;
    spec.lifetime.hard_seconds = 100;
    spec.soft = true;
}

struct CreateRow {
    const char* name;
    std::function<void(SaSpec&)> change;
    const char* error = nullptr;  // part of the text; nothing: the SA is made
};

class SaCreateTest : public ::testing::TestWithParam<CreateRow> {};

TEST_P(SaCreateTest, SaysWhatDoesNotFit) {
    SaSpec spec = esp();
    GetParam().change(spec);
    const auto sa = create(spec);
    if (GetParam().error == nullptr) {
        EXPECT_TRUE(sa.ok()) << (sa.ok() ? "" : sa.error().text);
        return;
    }
    ASSERT_FALSE(sa.ok());
    EXPECT_EQ(sa.error().code, config::ErrorCode::kBadSa);
    EXPECT_NE(sa.error().text.find(GetParam().error), std::string::npos) << sa.error().text;
}

const CreateRow kCreateRows[] = {
    {"Plain", [](SaSpec&) {}},
    {"ReservedSpi", [](SaSpec& s) { s.spi = 255; }, "SPI 255 is reserved"},
    {"NoSpi", [](SaSpec& s) { s.spi = 0; }, "SPI 0 is reserved"},
    {"LeastSpi", [](SaSpec& s) { s.spi = 256; }},
    {"Families",
     [](SaSpec& s) { s.source = config::IpAddress::parse("2001:db8::1").value(); },
     "2001:db8::1 and 10.0.0.2 are not of one family"},
    {"Nothing", [](SaSpec& s) { use(s, Cipher::kNone, Hash::kNone); }, "ESP needs a cipher or"},
    {"CipherAlone", [](SaSpec& s) { use(s, Cipher::kAes128, Hash::kNone); }},
    {"HashAlone", [](SaSpec& s) { use(s, Cipher::kNone, Hash::kSha1); }},
    {"GmacAlone", [](SaSpec& s) { use(s, Cipher::kNone, Hash::kAesGmac128); }},
    {"AeadAlone", [](SaSpec& s) { use(s, Cipher::kAesGcm128, Hash::kNone); }},
    {"CounterModeAlone",
     [](SaSpec& s) { use(s, Cipher::kAesCtr256, Hash::kNone); },
     "AESCTR256 needs an integrity algorithm"},
    {"CounterModeWithHash", [](SaSpec& s) { use(s, Cipher::kAesCtr256, Hash::kSha256); }},
    {"Ah", [](SaSpec& s) { use_ah(s); }},
    {"AhWithCipher",
     [](SaSpec& s) {
         use(s, Cipher::kAes128, Hash::kSha1);
         s.protocol = IpsecProtocol::kAh;
     },
     "AH needs an integrity algorithm and has no cipher"},
    {"AhWithoutHash",
     [](SaSpec& s) {
         use(s, Cipher::kNone, Hash::kNone);
         s.protocol = IpsecProtocol::kAh;
     },
     "AH needs an integrity algorithm"},
    {"AhInUdp",
     [](SaSpec& s) {
         use_ah(s);
         s.encapsulation.emplace();
     },
     "AH cannot be encapsulated in UDP"},
    {"EspInUdp", [](SaSpec& s) { s.encapsulation.emplace(); }},
    {"EspInUdpReceivedOnAnotherPort",
     [](SaSpec& s) {
         s.direction = config::SaDirection::kInbound;
         s.encapsulation = {.source_port = 4500, .destination_port = 4501};
     },
     "received on port 4500, not on 4501"},
    {"EspInUdpSentToAnotherPort",
     [](SaSpec& s) {
         s.direction = config::SaDirection::kOutbound;
         s.encapsulation = {.source_port = 4500, .destination_port = 4501};
     }},
    {"TripleDesWithThreeKeys", [](SaSpec& s) { use_3des(s, "112233"); }},
    {"TripleDesWithTwoKeys", [](SaSpec& s) { use_3des(s, "112211"); }},
    {"TripleDesWhoseFirstTwoAreEqual",
     [](SaSpec& s) { use_3des(s, "111122"); },
     "makes it a DES key"},
    {"TripleDesWhoseLastTwoAreEqual",
     [](SaSpec& s) { use_3des(s, "112222"); },
     "makes it a DES key"},
    {"SourcePortZero",
     [](SaSpec& s) { s.encapsulation = {.source_port = 0, .destination_port = 4500}; },
     "needs two ports"},
    {"DestinationPortZero",
     [](SaSpec& s) { s.encapsulation = {.source_port = 4500, .destination_port = 0}; },
     "needs two ports"},
    {"WindowOff", [](SaSpec& s) { s.replay_window = 0; }},
    {"WindowSmall", [](SaSpec& s) { s.replay_window = 63; }, "expected 0 or 64 to 4096"},
    {"WindowLargest", [](SaSpec& s) { s.replay_window = 4096; }},
    {"WindowLarge", [](SaSpec& s) { s.replay_window = 4097; }, "window of 4097 packets"},
    {"Esn", [](SaSpec& s) { s.esn = true; }},
    {"EsnWithoutHash",
     [](SaSpec& s) {
         use(s, Cipher::kAes128, Hash::kNone);
         s.esn = true;
     },
     "Extended sequence numbers need an integrity algorithm"},
    {"EsnInboundWithoutWindow",
     [](SaSpec& s) {
         s.esn = true;
         s.direction = SaDirection::kInbound;
         s.replay_window = 0;
     },
     "need a replay window"},
    {"EsnOutboundWithoutWindow",
     [](SaSpec& s) {
         s.esn = true;
         s.replay_window = 0;
     }},
    {"Dscp", [](SaSpec& s) { s.dscp = std::uint8_t{63}; }},
    {"DscpLarge", [](SaSpec& s) { s.dscp = std::uint8_t{64}; }, "DSCP of 64; expected 0 to 63"},
    {"SoftAtHard",
     [](SaSpec& s) {
         s.lifetime = {10, 10, 10, 10};
     }},
    {"SoftBytesBeyond",
     [](SaSpec& s) {
         s.lifetime = {11, 10, 0, 0};
     },
     "soft limit of 11 bytes is beyond the hard one of 10"},
    {"SoftSecondsBeyond",
     [](SaSpec& s) {
         s.lifetime = {0, 0, 11, 10};
     },
     "soft limit of 11 seconds is beyond"},
    {"Soft", use_soft},
    {"SoftInbound",
     [](SaSpec& s) {
         use_soft(s);
         s.direction = SaDirection::kInbound;
     },
     "A soft SA is outbound"},
    {"SoftWithSpi",
     [](SaSpec& s) {
         use_soft(s);
         s.spi = 256;
     },
     "neither SPI nor algorithm"},
    {"SoftWithCipher",
     [](SaSpec& s) {
         use_soft(s);
         s.cipher = Cipher::kAes128;
     },
     "neither SPI nor algorithm"},
    {"SoftWithHash",
     [](SaSpec& s) {
         use_soft(s);
         s.hash = Hash::kSha1;
     },
     "neither SPI nor algorithm"},
    {"SoftInUdp",
     [](SaSpec& s) {
         use_soft(s);
         s.encapsulation.emplace();
     },
     "nor encapsulation"},
    {"SoftBetweenFamilies",
     [](SaSpec& s) {
         use_soft(s);
         s.source = config::IpAddress::parse("2001:db8::1").value();
     },
     "addresses of one family"},
    {"SoftForEver",
     [](SaSpec& s) {
         use_soft(s);
         s.lifetime = {};
     },
     "ends after some seconds"},
    {"SoftWithBytes",
     [](SaSpec& s) {
         use_soft(s);
         s.lifetime.hard_bytes = 100;
     },
     "no limit of bytes"},
    {"SoftAlone",
     [](SaSpec& s) {
         s.lifetime = {11, 0, 11, 0};
     }},
};
INSTANTIATE_TEST_SUITE_P(Rows, SaCreateTest, ::testing::ValuesIn(kCreateRows), [](const auto& row) {
    return row.param.name;
});

TEST(SaCreate, NamesTheAlgorithmWhoseKeyIsWrong) {
    SaSpec spec = esp();
    spec.auth_key = key(19);
    const auto sa = create(spec);
    ASSERT_FALSE(sa.ok());
    EXPECT_EQ(sa.error().code, config::ErrorCode::kBadMethods);
    EXPECT_NE(sa.error().text.find("SHA1"), std::string::npos) << sa.error().text;
}

TEST(SaCreate, OnlyAnAuthenticatedReceiverHasAWindow) {
    SaSpec spec = esp();
    spec.replay_window = 128;
    EXPECT_EQ(made(spec)->replay.size(), 0U) << "outbound";
    spec.direction = SaDirection::kInbound;
    EXPECT_EQ(made(spec)->replay.size(), 128U);
    use(spec, Cipher::kAes128, Hash::kNone);
    EXPECT_EQ(made(spec)->replay.size(), 0U) << "without ICV";
}

TEST(SaCreate, AlignsToTheBlockAndToFour) {
    struct Row {
        Cipher cipher;
        Hash hash;
        std::uint8_t align_to;
    };
    for (const Row& row : {Row{Cipher::kAes256, Hash::kSha1, 16},
                           Row{Cipher::k3des, Hash::kSha1, 8},
                           Row{Cipher::kNone, Hash::kSha1, 4},
                           Row{Cipher::kAesGcm128, Hash::kNone, 4}}) {
        SaSpec spec = esp();
        use(spec, row.cipher, row.hash);
        EXPECT_EQ(made(spec)->align_to, row.align_to) << row_of(row.cipher).token;
    }
}

TEST(SaCreate, TheSameKeyTwiceDoesNotRepeatIvs) {
    EXPECT_NE(made(esp())->iv_base, made(esp())->iv_base);
}

// A lookup reads one cache line of each SA it passes.
TEST(SaLayout, WhatAPacketFindsItByIsInTheFirstLine) {
    const auto sa = made(esp());
    const auto* const begin = static_cast<const std::uint8_t*>(static_cast<const void*>(sa.get()));
    const auto* const end = sa->destination.data() + sa->destination.size();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin) % RTE_CACHE_LINE_SIZE, 0U);
    EXPECT_LE(end - begin, RTE_CACHE_LINE_SIZE);
}

// --- time

TEST(SaLifetime, TimeLimitsAreReachedAtTheirTick) {
    SaSpec spec = esp();
    spec.lifetime = {0, 0, 2, 3};
    const auto sa = made(spec);
    EXPECT_EQ(take_expiry(*sa, 6'999), SaExpiry::kNone);
    EXPECT_EQ(take_expiry(*sa, 7'000), SaExpiry::kSoft);
    EXPECT_EQ(take_expiry(*sa, 7'000), SaExpiry::kNone) << "once";
    EXPECT_FALSE(is_expired(*sa, 7'999));
    EXPECT_TRUE(is_expired(*sa, 8'000));
    EXPECT_EQ(take_expiry(*sa, 8'000), SaExpiry::kHard);
    EXPECT_EQ(take_expiry(*sa, 9'000), SaExpiry::kNone) << "once";
}

TEST(SaLifetime, WithoutLimitsNothingExpires) {
    const auto sa = made(esp());
    sa->bytes = kNever - 1;
    EXPECT_EQ(sa->deadlines.soft, kNever);
    EXPECT_FALSE(is_expired(*sa, kNever - 1));
    EXPECT_EQ(take_expiry(*sa, kNever - 1), SaExpiry::kNone);
}

TEST(SaLifetime, ADeadlineBeyondTheCounterIsNone) {
    SaSpec spec = esp();
    spec.lifetime = {0, 0, 0xFFFFFFFF, 0xFFFFFFFF};
    EXPECT_EQ(made(spec, {.now = 1, .hz = std::uint64_t{1} << 33U})->deadlines.hard, kNever);
    EXPECT_EQ(made(spec, {.now = 1, .hz = 1'000})->deadlines.hard, 1 + 0xFFFFFFFFULL * 1'000);
}

TEST(SaLifetime, AnEventThatWasNotDeliveredIsRaisedAgain) {
    SaSpec spec = esp();
    spec.lifetime = {0, 0, 2, 3};
    const auto sa = made(spec);
    ASSERT_EQ(take_expiry(*sa, 7'000), SaExpiry::kSoft);
    rearm_expiry(*sa, SaExpiry::kSoft);
    EXPECT_EQ(take_expiry(*sa, 7'000), SaExpiry::kSoft);
    ASSERT_EQ(take_expiry(*sa, 8'000), SaExpiry::kHard);
    rearm_expiry(*sa, SaExpiry::kHard);
    EXPECT_EQ(take_expiry(*sa, 8'000), SaExpiry::kHard);
    EXPECT_EQ(take_expiry(*sa, 8'000), SaExpiry::kNone);
}

TEST(SaLifetime, AfterTheHardEventNoSoftOneComes) {
    SaSpec spec = esp();
    spec.lifetime = {0, 0, 2, 3};
    const auto sa = made(spec);
    EXPECT_EQ(take_expiry(*sa, 8'000), SaExpiry::kHard);
    EXPECT_EQ(take_expiry(*sa, 8'000), SaExpiry::kNone);
}

// --- bytes

TEST(ByteBudget, LetsExactlyTheLimitPass) {
    SaSpec spec = esp();
    spec.lifetime = {60, 100, 0, 0};
    const auto sa = made(spec);
    ByteBudget first(*sa, 59);
    EXPECT_TRUE(first.take(59));
    EXPECT_EQ(take_expiry(*sa, 0), SaExpiry::kNone);
    ByteBudget second(*sa, 40);
    EXPECT_TRUE(second.take(1));
    EXPECT_TRUE(second.take(39));
    EXPECT_EQ(take_expiry(*sa, 0), SaExpiry::kSoft);
    EXPECT_FALSE(is_expired(*sa, 0));
    ByteBudget third(*sa, 4);
    EXPECT_TRUE(third.take(1)) << "byte 100";
    EXPECT_FALSE(third.take(2));
    EXPECT_FALSE(third.take(1)) << "once a packet did not fit none behind it does";
    EXPECT_TRUE(is_expired(*sa, 0));
    EXPECT_EQ(take_expiry(*sa, 0), SaExpiry::kHard);
}

TEST(ByteBudget, WithoutLimitEverythingPasses) {
    const auto sa = made(esp());
    ByteBudget budget(*sa, std::uint64_t{1} << 50U);
    EXPECT_TRUE(budget.take(std::uint64_t{1} << 50U));
    EXPECT_EQ(sa->bytes.load(), std::uint64_t{1} << 50U);
}

// --- several workers

template <typename Work>
void run_in_threads(std::size_t count, Work work) {
    tests::Meeting meeting(count);
    std::vector<std::thread> threads;
    for (std::size_t id = 0; id < count; ++id) {
        threads.emplace_back([&, id] {
            meeting.wait();
            work(id);
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

class SaThreadsTest : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Threads, SaThreadsTest, ::testing::Values(1, 2, 4));

TEST_P(SaThreadsTest, NoMoreThanTheLimitPassesAndEachEventIsTakenOnce) {
    constexpr std::uint64_t kLimit = 300'000'000;
    constexpr std::uint64_t kLargest = 1500;
    constexpr std::size_t kBurst = 4;
    SaSpec spec = esp();
    spec.lifetime = {kLimit / 2, kLimit, 0, 0};
    const auto sa = made(spec);
    std::atomic<std::uint64_t> passed{0};
    std::atomic<unsigned> soft{0};
    std::atomic<unsigned> hard{0};
    run_in_threads(GetParam(), [&](std::size_t id) {
        std::mt19937_64 random(id);
        while (!is_expired(*sa, 0)) {
            std::array<std::uint64_t, kBurst> sizes{};
            std::uint64_t total = 0;
            for (std::uint64_t& size : sizes) {
                size = 1 + random() % kLargest;
                total += size;
            }
            ByteBudget budget(*sa, total);
            for (const std::uint64_t size : sizes) {
                passed += budget.take(size) ? size : 0;
            }
            const SaExpiry expiry = take_expiry(*sa, 0);
            soft += expiry == SaExpiry::kSoft ? 1 : 0;
            hard += expiry == SaExpiry::kHard ? 1 : 0;
        }
    });
    EXPECT_LE(passed, kLimit);
    EXPECT_GT(passed, kLimit - kLargest) << "only the packet that did not fit is missing";
    EXPECT_EQ(soft, 1U);
    EXPECT_EQ(hard, 1U);
}

TEST_P(SaThreadsTest, OfThoseWhoLookAtOnceOneRaisesTheEvent) {
    constexpr unsigned kRounds = 3000;
    SaSpec spec = esp();
    spec.lifetime = {0, 0, 2, 3};
    const auto sa = made(spec);
    std::atomic<unsigned> soft{0};
    std::atomic<unsigned> hard{0};
    tests::Meeting meeting(GetParam());
    run_in_threads(GetParam(), [&](std::size_t id) {
        for (unsigned round = 0; round < kRounds; ++round) {
            if (id == 0) {
                rearm_expiry(*sa, SaExpiry::kSoft);
                rearm_expiry(*sa, SaExpiry::kHard);
            }
            meeting.wait();
            meeting.wait();  // who rearmed would be ahead of those who waited for it
            soft += take_expiry(*sa, 7'000) == SaExpiry::kSoft ? 1 : 0;
            meeting.wait();
            hard += take_expiry(*sa, 8'000) == SaExpiry::kHard ? 1 : 0;
            meeting.wait();
        }
    });
    EXPECT_EQ(soft, kRounds);
    EXPECT_EQ(hard, kRounds);
}

TEST_P(SaThreadsTest, EverySequenceNumberIsGivenOutOnceUpToTheLast) {
    constexpr std::uint64_t kLast = 1'000'000;
    const auto sa = made(esp());
    sa->last_sequence = kLast;
    sa->soft_sequence = kLast / 2;
    std::vector<std::atomic<unsigned>> given(kLast + 1);
    std::atomic<unsigned> soft{0};
    std::atomic<unsigned> hard{0};
    run_in_threads(GetParam(), [&](std::size_t id) {
        std::mt19937_64 random(id);
        while (!is_expired(*sa, 0)) {
            const auto packets = static_cast<std::uint32_t>(1 + random() % 4);
            SequenceRun run(*sa, packets);
            for (std::uint32_t i = 0; i < packets; ++i) {
                if (const auto sequence = run.take()) {
                    given.at(*sequence).fetch_add(1, std::memory_order_relaxed);
                }
            }
            const SaExpiry expiry = take_expiry(*sa, 0);
            soft += expiry == SaExpiry::kSoft ? 1 : 0;
            hard += expiry == SaExpiry::kHard ? 1 : 0;
        }
    });
    EXPECT_EQ(given[0], 0U) << "RFC 4303 3.3.3: the first number is 1";
    EXPECT_TRUE(std::all_of(given.begin() + 1, given.end(), [](const auto& n) { return n == 1; }));
    EXPECT_EQ(soft, 1U);
    EXPECT_EQ(hard, 1U);
}

TEST(SequenceRun, AnSaThatIsUsedUpCountsNoFurther) {
    for (const bool esn : {false, true}) {
        SaSpec spec = esp();
        spec.esn = esn;
        const auto sa = made(spec);
        sa->sequence = sa->last_sequence - 1;
        EXPECT_FALSE(is_expired(*sa, 0));
        SequenceRun last(*sa, 32);
        EXPECT_EQ(last.take(), sa->last_sequence);
        EXPECT_EQ(last.take(), std::nullopt);
        EXPECT_TRUE(is_expired(*sa, 0));
        const std::uint64_t after = sa->sequence;
        SequenceRun none(*sa, 32);
        EXPECT_EQ(none.take(), std::nullopt);
        EXPECT_EQ(sa->sequence, after);
    }
}

TEST(SequenceRun, WithoutExtendedNumbersTheLastIsThatOf32Bits) {
    EXPECT_EQ(made(esp())->last_sequence, 0xFFFFFFFFU);
}

}  // namespace
