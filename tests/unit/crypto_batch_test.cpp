// CryptoBatch against OpenSSL's one-shot interfaces, for every suite and every engine that claims a
// part of it, and what a burst promises: jobs do not affect each other.
#include "crypto/crypto_batch.h"

#include "tests/support/crypto_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

namespace crypto {
namespace {

using testing::all_choices;
using testing::all_suites;
using testing::Bytes;
using testing::exercises;
using testing::Keys;
using testing::NamedChoice;
using testing::Suite;
using testing::TestPacket;

std::unique_ptr<CryptoBatch> make_batch(const EngineChoice& choice) {
    auto batch = CryptoBatch::create(choice);
    EXPECT_TRUE(batch) << batch.error().text;
    return std::move(batch).value();
}

// A clear packet, what the oracle makes of it, and the keys.
struct Case {
    Suite suite;
    Keys keys;
    SaKeys expanded;
    TestPacket clear;
    TestPacket expected;

    Case(const Suite& of,
         std::size_t payload,
         bool esn,
         const EngineChoice& choice,
         std::mt19937_64& random)
        : suite(of),
          keys(Keys::random(of, random)),
          expanded(keys.expand(of, choice)),
          clear(of, payload, random),
          expected(clear) {
        set_up(esn, random);
    }
    // A packet of an SA that exists already.
    Case(const Case& same_sa,
         std::size_t payload,
         bool esn,
         const EngineChoice& choice,
         std::mt19937_64& random)
        : suite(same_sa.suite),
          keys(same_sa.keys),
          expanded(keys.expand(suite, choice)),
          clear(suite, payload, random),
          expected(clear) {
        set_up(esn, random);
    }

    void set_up(bool esn, std::mt19937_64& random) {
        if (esn) {
            clear.use_esn(static_cast<std::uint32_t>(random()));
        }
        expected = clear;
        expected.protect_by_oracle(keys);
    }
};

class EachEngine : public ::testing::TestWithParam<std::size_t> {
  protected:
    [[nodiscard]] const NamedChoice& engine() const { return all_choices()[GetParam()]; }
};

INSTANTIATE_TEST_SUITE_P(CryptoBatch,
                         EachEngine,
                         ::testing::Range(std::size_t{0}, all_choices().size()),
                         [](const auto& instance) {
                             std::string name = all_choices()[instance.param].name;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

// Round trip of one packet alone, in place.
void expect_both_ways(CryptoBatch& batch, const Case& c) {
    TestPacket packet = c.clear;
    CryptoJob job = packet.job(c.expanded, Direction::kProtect);
    batch.run({&job, 1});
    ASSERT_EQ(job.status, JobStatus::kOk);
    ASSERT_EQ(testing::to_hex(packet.bytes()), testing::to_hex(c.expected.bytes()));

    job = packet.job(c.expanded, Direction::kVerify);
    batch.run({&job, 1});
    ASSERT_EQ(job.status, JobStatus::kOk);
    ASSERT_EQ(testing::to_hex(packet.payload()), testing::to_hex(c.clear.payload()));
}

TEST_P(EachEngine, AgreesWithOpensslOnOnePacketOfEachShortLength) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(1);
    for (const Suite& suite : all_suites()) {
        if (!exercises(engine(), suite)) {
            continue;
        }
        SCOPED_TRACE(suite.name());
        for (std::size_t length = 1; length <= 130; length += 3) {
            SCOPED_TRACE(length);
            expect_both_ways(*batch, Case(suite, length, length % 2 == 0, engine().choice, random));
        }
    }
}

TEST_P(EachEngine, AgreesWithOpensslOnBurstsOfRandomLengths) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(2);
    for (const Suite& suite : all_suites()) {
        if (!exercises(engine(), suite)) {
            continue;
        }
        SCOPED_TRACE(suite.name());
        std::list<Case> cases;
        for (std::size_t i = 0; i < 12; ++i) {
            const std::size_t length = 1 + random() % 9000;
            const bool esn = random() % 2 == 0;
            // Some share an SA with the first.
            if (i % 3 == 1) {
                cases.emplace_back(cases.front(), length, esn, engine().choice, random);
            } else {
                cases.emplace_back(suite, length, esn, engine().choice, random);
            }
        }
        std::vector<TestPacket> packets;
        for (const Case& c : cases) {
            packets.push_back(c.clear);
        }
        std::vector<CryptoJob> jobs;
        std::size_t i = 0;
        for (const Case& c : cases) {
            jobs.push_back(packets[i++].job(c.expanded, Direction::kProtect));
        }
        batch->run(jobs);
        i = 0;
        for (const Case& c : cases) {
            EXPECT_EQ(jobs[i].status, JobStatus::kOk);
            ASSERT_TRUE(packets[i].bytes() == c.expected.bytes()) << "packet " << i;
            jobs[i] = packets[i].job(c.expanded, Direction::kVerify);
            ++i;
        }
        batch->run(jobs);
        i = 0;
        for (const Case& c : cases) {
            EXPECT_EQ(jobs[i].status, JobStatus::kOk);
            ASSERT_TRUE(packets[i].payload() == c.clear.payload()) << "packet " << i;
            ++i;
        }
    }
}

// One burst of many suites, both directions, in place or not, some damaged.
void expect_mixed_burst(CryptoBatch& batch,
                        const EngineChoice& choice,
                        std::size_t count,
                        std::mt19937_64& random) {
    enum class Damage { kNone, kIcv, kPayload };
    const std::vector<Suite> suites = all_suites();
    std::list<Case> cases;
    std::vector<TestPacket> packets;
    std::vector<Damage> damages;
    std::vector<Bytes> outputs(count);
    for (std::size_t i = 0; i < count; ++i) {
        const Suite& suite = suites[random() % suites.size()];
        cases.emplace_back(suite, 1 + random() % 1500, random() % 2 == 0, choice, random);
        const Case& c = cases.back();
        const bool verify = random() % 2 == 0;
        packets.push_back(verify ? c.expected : c.clear);
        const bool checked = c.expanded.icv_bytes() != 0;
        const auto damage = static_cast<Damage>(verify && checked ? random() % 3 : 0);
        damages.push_back(damage);
        if (damage == Damage::kIcv) {
            packets.back().corrupt_icv(random() % 2048);
        } else if (damage == Damage::kPayload) {
            packets.back().corrupt_payload(random() % 12000);
        }
    }
    std::vector<CryptoJob> jobs;
    std::size_t i = 0;
    for (const Case& c : cases) {
        const bool verify = packets[i].bytes() != c.clear.bytes();
        const Direction direction = verify ? Direction::kVerify : Direction::kProtect;
        // A MAC over ciphertext in another buffer would not be one over the packet.
        const bool elsewhere = i % 2 == 0 && (verify || c.suite.hash == config::Hash::kNone);
        jobs.push_back(elsewhere ? packets[i].job_into(c.expanded, direction, outputs[i])
                                 : packets[i].job(c.expanded, direction));
        ++i;
    }
    batch.run(jobs);
    i = 0;
    for (const Case& c : cases) {
        SCOPED_TRACE(c.suite.name());
        const bool damaged = damages[i] != Damage::kNone;
        EXPECT_EQ(jobs[i].status, damaged ? JobStatus::kBadIcv : JobStatus::kOk);
        if (!damaged && c.suite.cipher != config::Cipher::kNone) {
            const Bytes got = outputs[i].empty() ? packets[i].payload() : outputs[i];
            const TestPacket& wanted =
                jobs[i].direction == Direction::kVerify ? c.clear : c.expected;
            EXPECT_TRUE(got == wanted.payload());
        }
        ++i;
    }
}

TEST_P(EachEngine, RunsMixedBurstsAndOneBadIcvFailsItsOwnJobOnly) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(3);
    for (std::size_t count = 1; count <= 64; ++count) {
        SCOPED_TRACE(count);
        expect_mixed_burst(*batch, engine().choice, count, random);
    }
    expect_mixed_burst(*batch, engine().choice, 200, random);
}

// Damage to each bit of the ICV, of the trailer's number and of the aad is seen.
TEST_P(EachEngine, ChecksEveryBitOfTheIcvAndTheExtendedSequenceNumber) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(4);
    for (const Suite& suite : all_suites()) {
        if (!exercises(engine(), suite)) {
            continue;
        }
        SCOPED_TRACE(suite.name());
        const Case c(suite, 40, true, engine().choice, random);
        const std::size_t bits = std::size_t{c.expanded.icv_bytes()} * 8;
        for (std::size_t bit = 0; bit < bits; ++bit) {
            TestPacket packet = c.expected;
            packet.corrupt_icv(bit);
            CryptoJob job = packet.job(c.expanded, Direction::kVerify);
            batch->run({&job, 1});
            EXPECT_EQ(job.status, JobStatus::kBadIcv) << bit;
        }
        if (bits != 0) {
            TestPacket packet = c.expected;
            packet.use_esn(12345);
            CryptoJob job = packet.job(c.expanded, Direction::kVerify);
            batch->run({&job, 1});
            EXPECT_EQ(job.status, JobStatus::kBadIcv);
        }
    }
}

TEST_P(EachEngine, RefusesPartialBlocksAndOversizeWithoutTouchingThem) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(5);
    for (const Suite& suite : all_suites()) {
        SCOPED_TRACE(suite.name());
        const Case c(suite, 64, false, engine().choice, random);
        TestPacket packet = c.clear;
        CryptoJob job = packet.job(c.expanded, Direction::kProtect);
        job.length = kMaxJobBytes + 8;
        batch->run({&job, 1});
        EXPECT_EQ(job.status, JobStatus::kBadLength);
        job.length = 63;
        if (c.expanded.block_bytes() > 1) {
            batch->run({&job, 1});
            EXPECT_EQ(job.status, JobStatus::kBadLength);
        }
        EXPECT_TRUE(packet == c.clear);
    }
}

TEST_P(EachEngine, TakesTheLongestPackets) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(6);
    for (const Suite& suite : all_suites()) {
        const bool alone =
            suite.cipher == config::Cipher::kNone || suite.hash == config::Hash::kNone;
        if (alone && exercises(engine(), suite)) {
            SCOPED_TRACE(suite.name());
            expect_both_ways(*batch, Case(suite, 65472, true, engine().choice, random));
        }
    }
}

// RFC 4543 3.3: with an extended sequence number its high half stands between SPI and low half,
// which the packet does not have, so the first part comes as `aad`.
TEST_P(EachEngine, GmacCoversSeparateAdditionalDataFirst) {
    const auto batch = make_batch(engine().choice);
    std::mt19937_64 random(7);
    for (const config::Hash hash :
         {config::Hash::kAesGmac128, config::Hash::kAesGmac192, config::Hash::kAesGmac256}) {
        for (std::size_t length = 1; length < 300; length += 13) {
            const Case c({config::Cipher::kNone, hash}, length, false, engine().choice, random);
            TestPacket packet = c.clear;
            CryptoJob job = packet.job(c.expanded, Direction::kProtect);
            const std::size_t split = length % 17;
            const Bytes first(packet.bytes().begin(),
                              packet.bytes().begin() + static_cast<std::ptrdiff_t>(split));
            job.aad = first.data();
            job.aad_length = static_cast<std::uint8_t>(split);
            job.auth += split;
            job.auth_length -= static_cast<std::uint32_t>(split);
            batch->run({&job, 1});
            EXPECT_TRUE(packet == c.expected) << length;
        }
    }
}

TEST(CryptoBatch, AnEmptyBurstIsNoWork) {
    make_batch(EngineChoice::best())->run({});
}

}  // namespace
}  // namespace crypto
