#include "crypto/crypto_batch.h"
#include "dataplane/esp.h"
#include "tests/support/fake_pool.h"
#include "tests/support/ipsec_oracle.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

using crypto::JobStatus;
using crypto::testing::from_hex;
using crypto::testing::random_bytes;
using crypto::testing::Suite;
using crypto::testing::to_hex;
using dataplane::DropReason;
using dataplane::EspPayload;
using dataplane::IpsecCheck;
using dataplane::IpsecWork;
using dataplane::Sa;
using tests::Bytes;

constexpr std::uint16_t kOffset = 34;  // Ethernet and IPv4
constexpr std::uint64_t kSequence = 0x0000000300000007;
constexpr std::uint32_t kSequenceHigh = 3;
constexpr std::uint8_t kNextHeader = 17;

const crypto::EngineChoice& engines() {
    static const crypto::EngineChoice choice = crypto::EngineChoice::best();
    return choice;
}

std::unique_ptr<Sa> make_sa(const config::SaSpec& spec) {
    auto sa = Sa::create(spec, engines(), {});
    if (!sa) {
        throw std::runtime_error(sa.error().text);
    }
    return std::move(sa).value();
}

Bytes joined(const Bytes& a, const Bytes& b) {
    Bytes both = a;
    both.insert(both.end(), b.begin(), b.end());
    return both;
}

struct Case {
    Suite suite;
    bool esn;

    [[nodiscard]] std::string name() const { return suite.name() + (esn ? " with ESN" : ""); }
};

bool has_icv(const Suite& suite) {
    return suite.hash != config::Hash::kNone || row_of(suite.cipher).aead;
}

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const Suite& suite : tests::esp_suites()) {
        cases.push_back({suite, false});
        // RFC 4303 2.2.1: ESN rests on the ICV.
        if (has_icv(suite)) {
            cases.push_back({suite, true});
        }
    }
    return cases;
}

class EspTest : public ::testing::Test {
  protected:
    // One packet on its way through.
    struct Packet {
        rte_mbuf* mbuf = nullptr;
        IpsecWork work;
    };

    ~EspTest() override {
        for (const Packet& packet : packets_) {
            rte_pktmbuf_free(packet.mbuf);
        }
        EXPECT_EQ(pool_.in_use(), 0U);
    }

    IpsecWork& work_for(const Bytes& frame, Sa& sa, std::uint64_t sequence) {
        Packet& packet = packets_.emplace_back();
        packet.mbuf = pool_.make(frame);
        packet.work.mbuf = packet.mbuf;
        packet.work.sa = &sa;
        packet.work.sequence = sequence;
        packet.work.offset = kOffset;
        return packet.work;
    }

    // A frame with room for header and IV in front of the payload, as encapsulation leaves it.
    void protect(Sa& sa, std::uint64_t sequence, const Bytes& payload) {
        const std::size_t room = 8U + sa.iv_bytes;
        IpsecWork& work =
            work_for(joined(joined(headers_, Bytes(room, 0xEE)), payload), sa, sequence);
        dataplane::esp_prepare_protect(work,
                                       static_cast<std::uint32_t>(payload.size()),
                                       kNextHeader,
                                       *ivs_,
                                       jobs_.emplace_back());
    }

    IpsecCheck verify(Sa& sa, std::uint64_t sequence, const Bytes& esp) {
        IpsecWork& work = work_for(joined(headers_, esp), sa, sequence);
        crypto::CryptoJob job;
        const IpsecCheck check = dataplane::esp_prepare_verify(work, job);
        if (check) {
            EXPECT_EQ(tests::FakePool::bytes_of(work.mbuf), joined(headers_, esp));
        } else {
            jobs_.push_back(job);
        }
        return check;
    }

    void run() { batch_->run(jobs_); }

    // From the SPI to the end; what is in front must not have changed.
    Bytes esp_of(std::size_t index) {
        const Bytes frame = tests::FakePool::bytes_of(packets_.at(index).mbuf);
        EXPECT_EQ(Bytes(frame.begin(), frame.begin() + kOffset), headers_);
        return {frame.begin() + kOffset, frame.end()};
    }

    Bytes payload_of(std::size_t index) {
        EspPayload payload;
        EXPECT_EQ(dataplane::esp_finish_verify(packets_.at(index).work, payload), IpsecCheck{});
        EXPECT_EQ(payload.next_header, kNextHeader);
        const std::uint8_t* begin = dataplane::bytes_at(packets_.at(index).mbuf, payload.offset);
        return {begin, begin + payload.length};
    }

    void clear() {
        for (const Packet& packet : packets_) {
            rte_pktmbuf_free(packet.mbuf);
        }
        packets_.clear();
        jobs_.clear();
    }

    // What a verified packet with this plaintext is found to be.
    IpsecCheck finish(const config::SaSpec& spec,
                      const Bytes& plaintext,
                      EspPayload& payload,
                      std::uint64_t sequence = kSequence) {
        clear();
        const auto sa = make_sa(spec);
        const Bytes iv = random_bytes(random_, tests::iv_bytes(spec));
        EXPECT_EQ(verify(*sa, sequence, tests::esp_protect(spec, sequence, iv, plaintext)),
                  IpsecCheck{});
        run();
        EXPECT_EQ(jobs_.at(0).status, JobStatus::kOk);
        const Bytes before = tests::FakePool::bytes_of(packets_.at(0).mbuf);
        const IpsecCheck check = dataplane::esp_finish_verify(packets_.at(0).work, payload);
        EXPECT_EQ(tests::FakePool::bytes_of(packets_.at(0).mbuf), before);
        return check;
    }

    config::SaSpec spec_of(const Suite& suite, bool esn = false) {
        return tests::random_sa(suite, config::IpsecProtocol::kEsp, esn, random_);
    }

    std::mt19937_64 random_{20250917};
    tests::FakePool pool_{256, 12'000};
    std::unique_ptr<crypto::CryptoBatch> batch_ =
        std::move(crypto::CryptoBatch::create(engines())).value();
    std::unique_ptr<dataplane::IvSource> ivs_ = std::move(dataplane::IvSource::create()).value();
    Bytes headers_ = random_bytes(random_, kOffset);
    // A job points into its packet's work.
    std::deque<Packet> packets_;
    std::vector<crypto::CryptoJob> jobs_;
};

// Around the blocks of 4, 8 and 16 bytes, with the trailer's two; odd; one segment; jumbo frames.
constexpr std::size_t kSizes[] = {0,  1,  2,  3,  5,  6,  7,  8,   13,  14,   15,   16,  17,
                                  29, 30, 31, 32, 33, 61, 62, 576, 999, 1400, 1401, 8900};

TEST_F(EspTest, ProtectsSoThatAPeerOpensIt) {
    for (const Case& test : all_cases()) {
        SCOPED_TRACE(test.name());
        const config::SaSpec spec = spec_of(test.suite, test.esn);
        const auto sa = make_sa(spec);
        std::vector<Bytes> payloads;
        for (const std::size_t size : kSizes) {
            payloads.push_back(random_bytes(random_, size));
            protect(*sa, kSequence + payloads.size(), payloads.back());
        }
        run();
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            ASSERT_EQ(jobs_[i].status, JobStatus::kOk);
            const Bytes esp = esp_of(i);
            const auto length = static_cast<std::uint32_t>(payloads[i].size());
            EXPECT_EQ(esp.size(), length + dataplane::esp_overhead(*sa, length));
            const auto opened = tests::esp_open(spec, kSequenceHigh, esp);
            ASSERT_TRUE(opened) << "payload of " << length;
            EXPECT_EQ(opened->spi, spec.spi);
            EXPECT_EQ(opened->sequence, static_cast<std::uint32_t>(kSequence + i + 1));
            EXPECT_EQ(opened->plaintext, tests::esp_plaintext(spec, payloads[i], kNextHeader));
            EXPECT_EQ(opened->plaintext.size(), dataplane::esp_counted_bytes(*sa, length));
        }
        clear();
    }
}

TEST_F(EspTest, OpensWhatAPeerProtects) {
    for (const Case& test : all_cases()) {
        SCOPED_TRACE(test.name());
        const config::SaSpec spec = spec_of(test.suite, test.esn);
        const auto sa = make_sa(spec);
        std::vector<Bytes> payloads;
        for (const std::size_t size : kSizes) {
            payloads.push_back(random_bytes(random_, size));
            const Bytes plaintext = tests::esp_plaintext(spec, payloads.back(), kNextHeader);
            const Bytes iv = random_bytes(random_, tests::iv_bytes(spec));
            ASSERT_EQ(verify(*sa, kSequence, tests::esp_protect(spec, kSequence, iv, plaintext)),
                      IpsecCheck{});
        }
        run();
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            ASSERT_EQ(jobs_[i].status, JobStatus::kOk) << "payload of " << payloads[i].size();
            ASSERT_EQ(payload_of(i), payloads[i]);
        }
        clear();
    }
}

TEST_F(EspTest, FindsAChangedBitAndLeavesTheNeighboursAlone) {
    for (const Case& test : all_cases()) {
        if (!has_icv(test.suite)) {
            continue;
        }
        SCOPED_TRACE(test.name());
        const config::SaSpec spec = spec_of(test.suite, test.esn);
        const auto sa = make_sa(spec);
        const Bytes payload = random_bytes(random_, 41);
        const Bytes good = tests::esp_protect(spec,
                                              kSequence,
                                              random_bytes(random_, tests::iv_bytes(spec)),
                                              tests::esp_plaintext(spec, payload, kNextHeader));
        // SPI, sequence number, first and last byte behind the header, of the text, of the ICV.
        const std::size_t text = 8 + tests::iv_bytes(spec);
        const std::size_t icv = good.size() - tests::icv_bytes(spec);
        for (const std::size_t at : {std::size_t{0},
                                     std::size_t{7},
                                     std::size_t{8},
                                     text,
                                     icv - 1,
                                     icv,
                                     good.size() - 1}) {
            for (const unsigned bit : {0U, 7U}) {
                Bytes bad = good;
                bad[at] = static_cast<std::uint8_t>(bad[at] ^ (1U << bit));
                ASSERT_EQ(verify(*sa, kSequence, bad), IpsecCheck{});
                ASSERT_EQ(verify(*sa, kSequence, good), IpsecCheck{});
            }
        }
        if (test.esn) {
            const std::uint64_t other_half = kSequence ^ (std::uint64_t{1} << 32U);
            ASSERT_EQ(verify(*sa, other_half, good), IpsecCheck{});
            ASSERT_EQ(verify(*sa, kSequence, good), IpsecCheck{});
        }
        run();
        for (std::size_t i = 0; i < jobs_.size(); i += 2) {
            EXPECT_EQ(jobs_[i].status, JobStatus::kBadIcv) << "packet " << i;
            ASSERT_EQ(jobs_[i + 1].status, JobStatus::kOk) << "packet " << i + 1;
            EXPECT_EQ(payload_of(i + 1), payload);
        }
        clear();
    }
}

TEST_F(EspTest, RunsPacketsOfAllSuitesAtOnce) {
    std::vector<config::SaSpec> specs;
    std::vector<std::unique_ptr<Sa>> sas;
    const Bytes payload = random_bytes(random_, 333);
    for (const Case& test : all_cases()) {
        specs.push_back(spec_of(test.suite, test.esn));
        sas.push_back(make_sa(specs.back()));
        protect(*sas.back(), kSequence, payload);
    }
    run();
    for (std::size_t i = 0; i < specs.size(); ++i) {
        const auto opened = tests::esp_open(specs[i], kSequenceHigh, esp_of(i));
        ASSERT_TRUE(opened) << i;
        EXPECT_EQ(opened->plaintext, tests::esp_plaintext(specs[i], payload, kNextHeader));
    }
}

TEST_F(EspTest, CounterModesTakeTheirIvFromTheSequenceNumber) {
    for (const Suite& suite : tests::esp_suites()) {
        const config::SaSpec spec = spec_of(suite);
        if (tests::iv_bytes(spec) != 8 || row_of(suite.cipher).bytes.block != 1) {
            continue;
        }
        SCOPED_TRACE(suite.name());
        const auto sa = make_sa(spec);
        sa->iv_base = 0xFFFFFFFFFFFFFFFE;  // The sum wraps around.
        protect(*sa, 0x0102030405060708, {});
        const Bytes esp = esp_of(0);
        EXPECT_EQ(to_hex(Bytes(esp.begin() + 8, esp.begin() + 16)), "0102030405060706");
        clear();
    }
}

TEST_F(EspTest, CbcNeverRepeatsAnIv) {
    for (const config::Cipher cipher : {config::Cipher::k3des, config::Cipher::kAes256}) {
        const config::SaSpec spec = spec_of({cipher, config::Hash::kSha1});
        const auto sa = make_sa(spec);
        protect(*sa, 1, {});
        protect(*sa, 1, {});
        const auto length = static_cast<std::ptrdiff_t>(tests::iv_bytes(spec));
        const Bytes first = esp_of(0);
        const Bytes second = esp_of(1);
        EXPECT_NE(Bytes(first.begin() + 8, first.begin() + 8 + length),
                  Bytes(second.begin() + 8, second.begin() + 8 + length));
        clear();
    }
}

TEST_F(EspTest, RefusesLengthsThatCannotBe) {
    struct Row {
        Suite suite;
        std::size_t fixed;  // header, IV and ICV
        std::size_t block;
    };
    using config::Cipher;
    using config::Hash;
    for (const Row& row : {Row{{Cipher::kNone, Hash::kSha1}, 8 + 12, 4},
                           Row{{Cipher::kNone, Hash::kAesGmac128}, 8 + 8 + 16, 4},
                           Row{{Cipher::k3des, Hash::kNone}, 8 + 8, 8},
                           Row{{Cipher::kAes128, Hash::kSha512}, 8 + 16 + 32, 16},
                           Row{{Cipher::kAesCtr128, Hash::kMd5}, 8 + 8 + 12, 4},
                           Row{{Cipher::kAesGcm256Icv8, Hash::kNone}, 8 + 8 + 8, 4}}) {
        SCOPED_TRACE(row.suite.name());
        const auto sa = make_sa(spec_of(row.suite));
        for (std::size_t length = 0; length <= row.fixed + 2 * row.block; ++length) {
            IpsecCheck expected;
            if (length < row.fixed + 2) {
                expected = DropReason::kEspTruncated;
            } else if ((length - row.fixed) % row.block != 0) {
                expected = DropReason::kEspBadLength;
            }
            EXPECT_EQ(verify(*sa, 1, Bytes(length, 0xA5)), expected) << length << " bytes";
            clear();
        }
    }
}

TEST_F(EspTest, RefusesAPacketInSegments) {
    const auto sa = make_sa(spec_of({config::Cipher::kAesGcm128, config::Hash::kNone}));
    Packet& packet = packets_.emplace_back();
    packet.mbuf = pool_.make_segmented(random_bytes(random_, 200), 120);
    packet.work.mbuf = packet.mbuf;
    packet.work.sa = sa.get();
    packet.work.offset = kOffset;
    crypto::CryptoJob job;
    EXPECT_EQ(dataplane::esp_prepare_verify(packet.work, job), DropReason::kSegmentedFrame);
}

TEST_F(EspTest, ChecksThePadding) {
    struct Row {
        const char* name;
        Bytes plaintext;
        IpsecCheck check;
        std::uint32_t length;
    };
    Bytes longest;
    for (unsigned i = 0; i < 255; ++i) {
        longest.push_back(static_cast<std::uint8_t>(i + 1));
    }
    const Bytes long_trailer{255, kNextHeader};
    const IpsecCheck bad = DropReason::kEspBadPadding;
    const Row rows[] = {
        {"nothing at all", {1, 2, 2, 17}, {}, 0},
        {"no padding", {9, 9, 0, 17}, {}, 2},
        {"the longest", joined(joined({9, 9, 9}, longest), long_trailer), {}, 3},
        {"the longest, without a payload's byte in front",
         joined(joined({1, 2, 3}, Bytes(longest.begin(), longest.begin() + 251)), long_trailer),
         bad,
         0},
        {"longer than everything by one", {1, 2, 3, 17}, bad, 0},
        {"much longer than everything", {1, 2, 255, 17}, bad, 0},
        {"wrong first byte", {9, 9, 0, 2, 3, 4, 4, 17}, bad, 0},
        {"wrong last byte", {9, 9, 1, 2, 3, 5, 4, 17}, bad, 0},
        {"zeros", {9, 9, 0, 0, 0, 0, 4, 17}, bad, 0},
        {"dummy", {7, 1, 1, 59}, DropReason::kEspDummy, 0},
        {"dummy with wrong padding", {7, 7, 1, 59}, bad, 0},
    };
    for (const Row& row : rows) {
        for (const Suite& suite : {Suite{config::Cipher::kAesGcm128, config::Hash::kNone},
                                   Suite{config::Cipher::kNone, config::Hash::kSha256}}) {
            SCOPED_TRACE(std::string(row.name) + " " + suite.name());
            EspPayload payload;
            EXPECT_EQ(finish(spec_of(suite), row.plaintext, payload), row.check);
            if (!row.check) {
                EXPECT_EQ(payload.length, row.length);
            }
        }
    }
}

TEST_F(EspTest, PaddingDoesNotReachIntoTheHeader) {
    // The sequence number's last byte would be the first of the padding.
    EspPayload payload;
    const config::SaSpec spec = spec_of({config::Cipher::kNone, config::Hash::kSha256});
    EXPECT_EQ(finish(spec, {2, 3, 3, 17}, payload, 1), DropReason::kEspBadPadding);
    EXPECT_EQ(finish(spec, {3, 3, 3, 17}, payload, 0x0102), DropReason::kEspBadPadding);
}

TEST_F(EspTest, NeedsNoIcvToOpen) {
    // ESP[3DES,None]: whatever the bytes decrypt to, the padding is all that is checked.
    const config::SaSpec spec = spec_of({config::Cipher::k3des, config::Hash::kNone});
    EspPayload payload;
    EXPECT_EQ(finish(spec, {1, 2, 3, 4, 5, 6, 6, 17}, payload), IpsecCheck{});
    EXPECT_EQ(payload.length, 0U);
}

// --- published packets

struct Vector {
    const char* name;
    Suite suite;
    const char* cipher_key;
    const char* auth_key;
    std::uint64_t sequence;
    bool esn;
    const char* packet;
    const char* plaintext;
};

constexpr Suite kCbc{config::Cipher::kAes128, config::Hash::kNone};
constexpr Suite kGcm128{config::Cipher::kAesGcm128, config::Hash::kNone};
constexpr Suite kGcm192{config::Cipher::kAesGcm192, config::Hash::kNone};
constexpr Suite kGcm256{config::Cipher::kAesGcm256, config::Hash::kNone};
constexpr Suite kChaCha{config::Cipher::kChaCha20Poly1305, config::Hash::kNone};
constexpr Suite kGmac{config::Cipher::kNone, config::Hash::kAesGmac128};

const Vector kVectors[] = {
    {"RFC 3602 4 case 5",
     kCbc,
     "90d382b410eeba7ad938c46cec1a82bf",
     "",
     1,
     false,
     "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66cc6b"
     "9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add0"
     "47ad2d5913ac19b7cfbad4a6",
     "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425"
     "262728292a2b2c2d2e2f30313233343536370102030405060708090a0b0c0d0e0e01"},
    {"RFC 3602 4 case 6",
     kCbc,
     "90d382b410eeba7ad938c46cec1a82bf",
     "",
     8,
     false,
     "000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109689bb379d2d7"
     "50c0d915dca346a89f75",
     "0800b5e8a80a0500a69c083d0b660e0077777777777777777777777701020201"},
    {"RFC 3602 4 case 7",
     kCbc,
     "0123456789abcdef0123456789abcdef",
     "",
     2,
     false,
     "0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a"
     "93013c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5c177f132"
     "ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
     "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a2040008090a0b0c0d0e0f1011"
     "12131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536370102030405060708"
     "090a0a04"},
    {"RFC 3602 4 case 8",
     kCbc,
     "0123456789abcdef0123456789abcdef",
     "",
     5,
     false,
     "000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048fe45318e11f8a"
     "0f62ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3d2726d9b"
     "5ef6affc6d17a0decbb13892",
     "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300ffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffff0102030405060708090a0a04"},
    {"RFC 7634 Appendix A",
     kChaCha,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
     "",
     5,
     false,
     "010203040000000510111213141516172403942"
     "8b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa7"
     "1e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7"
     "b11b369907e1ad43",
     "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f1011"
     "12131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204"},
    {"draft-mcgrew-gcm-test-01 case 1",
     kGcm128,
     "4c80cdefbb5d10da906ac73c3613a6342e443b68",
     "",
     0x8765432100000000,
     true,
     "00004321000000004956ed7e3b244cfefecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ce"
     "ac34cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd973245901814"
     "8f6cbe722fd04796562dfdb4",
     "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f756470"
     "037369700963796265726369747902646b000021000101020201"},
    {"draft-mcgrew-gcm-test-01 case 2",
     kGcm128,
     "feffe9928665731c6d6a8f9467308308cafebabe",
     "",
     10,
     false,
     "0000a5f80000000afacedbaddecaf888deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d"
     "2a5c3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d8"
     "5a41ad4a",
     "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d001000001000000000000037369700963"
     "796265726369747902646b00000100010001"},
    {"draft-mcgrew-gcm-test-01 case 3",
     kGcm256,
     "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344",
     "",
     2,
     false,
     "4a2cbfe3000000020102030405060708ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5"
     "d763748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c4915956c96",
     "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b40101"
     "040201020201"},
    {"draft-mcgrew-gcm-test-01 case 7",
     kGcm192,
     "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
     "",
     10,
     false,
     "0000a5f80000000afacedbaddecaf888a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfb"
     "dbd0315b27452144cc7795457b9652037f5318027b5b4cd7a636",
     "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001"},
    {"draft-mcgrew-gcm-test-01 case 9",
     kGcm256,
     "abbccddef00112233445566778899aababbccddef00112233445566778899aab73616c74",
     "",
     0x156f3126dd0db99b,
     true,
     "17405e67dd0db99b616e640169766563f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9"
     "a57ff4d3a31ce673119e451626c2415771e3b7eebca614c89b35",
     "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001"},
    {"draft-mcgrew-gcm-test-01 case 12, no payload",
     kGcm128,
     "7d773d00c144c525ac619d18c84a3f47d9664267",
     "",
     0xffffffff,
     false,
     "335467aeffffffff43457e9182443bc6437f866bcb3f699fe9b0822bac961c4504bef270",
     "01020201"},
    {"draft-mcgrew-gcm-test-01 case 14",
     kGcm256,
     "6c6567616c697a656d6172696a75616e61616e64646f69746265666f726569617475726e",
     "",
     0xffffffffffffffff,
     true,
     "796b6963ffffffff333021696765746df97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c"
     "3a864cd3d78ca4ae68a32b42458fb57dbe821dcc63b9d0937ba2945f669368661a329fb4c053",
     "45000030da3a00008001df3bc0a80005c0a800010800c6cd02000700616263646566676869"
     "6a6b6c6d6e6f707172737401020201"},
    {"draft-mcgrew-gcm-test-01, GMAC",
     kGmac,
     "",
     "4c80cdefbb5d10da906ac73c3613a63422433c64",
     7,
     false,
     "0000432100000007000000000000000045000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162"
     "636465666768696a6b6c6d6e6f707172737401020201f2a9a836e155106aa8dcd618e4099aaa",
     "45000030da3a00008001df3bc0a80005c0a800010800c6cd02000700616263646566676869"
     "6a6b6c6d6e6f707172737401020201"},
};

config::SaSpec published_sa(const Vector& vector) {
    const Bytes packet = from_hex(vector.packet);
    config::SaSpec spec;
    for (std::size_t i = 0; i < 4; ++i) {
        spec.spi = (spec.spi << 8U) | packet[i];
    }
    spec.source = config::IpAddress::v4(0x0A000001);
    spec.destination = config::IpAddress::v4(0x0A000002);
    spec.cipher = vector.suite.cipher;
    spec.hash = vector.suite.hash;
    spec.cipher_key = config::SecretBytes(from_hex(vector.cipher_key));
    spec.auth_key = config::SecretBytes(from_hex(vector.auth_key));
    spec.esn = vector.esn;
    return spec;
}

TEST_F(EspTest, OpensPublishedPackets) {
    for (const Vector& vector : kVectors) {
        SCOPED_TRACE(vector.name);
        const auto sa = make_sa(published_sa(vector));
        ASSERT_EQ(verify(*sa, vector.sequence, from_hex(vector.packet)), IpsecCheck{});
        run();
        ASSERT_EQ(jobs_[0].status, JobStatus::kOk);
        const Bytes plaintext = from_hex(vector.plaintext);
        const auto begin = static_cast<std::ptrdiff_t>(8 + tests::iv_bytes(published_sa(vector)));
        const Bytes esp = esp_of(0);
        EXPECT_EQ(
            to_hex(Bytes(esp.begin() + begin,
                         esp.begin() + begin + static_cast<std::ptrdiff_t>(plaintext.size()))),
            vector.plaintext);
        EspPayload payload;
        ASSERT_EQ(dataplane::esp_finish_verify(packets_[0].work, payload), IpsecCheck{});
        EXPECT_EQ(payload.length, plaintext.size() - 2 - plaintext[plaintext.size() - 2]);
        EXPECT_EQ(payload.next_header, plaintext.back());
        clear();
    }
}

TEST_F(EspTest, MakesPublishedPackets) {
    for (const Vector& vector : kVectors) {
        SCOPED_TRACE(vector.name);
        const auto sa = make_sa(published_sa(vector));
        if (sa->keys.block_bytes() > 1) {
            continue;  // Nobody can foresee our IV.
        }
        const Bytes packet = from_hex(vector.packet);
        std::uint64_t iv = 0;
        for (std::size_t i = 8; i < 16; ++i) {
            iv = (iv << 8U) | packet[i];
        }
        sa->iv_base = iv - vector.sequence;
        Bytes payload = from_hex(vector.plaintext);
        const std::uint8_t next_header = payload.back();
        payload.resize(payload.size() - 2 - payload[payload.size() - 2]);
        IpsecWork& work =
            work_for(joined(joined(headers_, Bytes(16, 0xEE)), payload), *sa, vector.sequence);
        dataplane::esp_prepare_protect(work,
                                       static_cast<std::uint32_t>(payload.size()),
                                       next_header,
                                       *ivs_,
                                       jobs_.emplace_back());
        run();
        EXPECT_EQ(to_hex(esp_of(0)), vector.packet);
        clear();
    }
}

}  // namespace
