#include "crypto/crypto_batch.h"
#include "dataplane/ah.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/ipsec_oracle.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

using crypto::JobStatus;
using crypto::testing::random_bytes;
using crypto::testing::Suite;
using crypto::testing::to_hex;
using dataplane::DropReason;
using dataplane::IpsecCheck;
using dataplane::IpsecWork;
using dataplane::Sa;
using tests::Bytes;
using tests::Packet;

constexpr std::size_t kEther = 14;
constexpr std::uint64_t kSequence = 0x0000000300000007;
constexpr std::uint32_t kSequenceHigh = 3;
constexpr Suite kSha256{config::Cipher::kNone, config::Hash::kSha256};

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

Bytes without_ethernet(const Bytes& frame) {
    return {frame.begin() + kEther, frame.end()};
}

// --- shapes of IP packets

Packet v4() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(77);
}
// NOP, record route, router alert, security.
Packet v4_with_options() {
    return v4().options({1, 7, 7, 4, 1, 2, 3, 4, 148, 4, 5, 6, 130, 4, 8, 9});
}
Packet v6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8:1::1");
}
// Hop-by-hop with Pad1, an option whose data stays, one whose data may change and PadN; routing;
// destination options.
Packet v6_with_extensions() {
    const Bytes hop_by_hop{43, 2, 0, 0x1E, 3, 1, 2, 3, 0x3E, 4, 4, 5, 6, 7, 1, 8};
    const Bytes routing{60, 1, 4, 0, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7};
    const Bytes destination{17, 0, 0xE3, 2, 5, 6, 1, 0};
    return v6()
        .protocol(0)
        .payload(hop_by_hop)
        .payload(Bytes(8))
        .payload(routing)
        .payload(destination);
}

struct Shape {
    const char* name;
    Packet (*packet)();
    std::size_t headers;  // in front of the AH
};
const Shape kShapes[] = {
    {"IPv4", v4, 20},
    {"IPv4 with options", v4_with_options, 36},
    {"IPv6", v6, 40},
    {"IPv6 with extension headers", v6_with_extensions, 88},
};

// `size` bytes of a protocol that parse() does not look into.
Bytes packet_of(const Shape& shape, const Bytes& payload) {
    Packet packet = shape.packet();
    if (shape.headers != 88) {
        packet.protocol(253);
    }
    return packet.payload(payload).bytes();
}

class AhTest : public ::testing::Test {
  protected:
    struct InFlight {
        rte_mbuf* mbuf = nullptr;
        IpsecWork work;
    };

    ~AhTest() override {
        clear();
        EXPECT_EQ(pool_.in_use(), 0U);
    }

    void clear() {
        for (const InFlight& packet : packets_) {
            rte_pktmbuf_free(packet.mbuf);
        }
        packets_.clear();
        jobs_.clear();
    }

    IpsecWork& work_for(const Bytes& frame, Sa& sa, std::uint64_t sequence, std::size_t headers) {
        InFlight& packet = packets_.emplace_back();
        packet.mbuf = pool_.make(frame);
        dataplane::PacketMeta& meta = dataplane::meta_of(packet.mbuf);
        meta.family = frame[kEther] >> 4U == 4 ? config::Family::kIpv4 : config::Family::kIpv6;
        meta.l3_offset = kEther;
        packet.work.mbuf = packet.mbuf;
        packet.work.sa = &sa;
        packet.work.sequence = sequence;
        packet.work.offset = static_cast<std::uint16_t>(kEther + headers);
        return packet.work;
    }

    IpsecCheck verify(Sa& sa, std::uint64_t sequence, const Bytes& frame, std::size_t headers) {
        IpsecWork& work = work_for(frame, sa, sequence, headers);
        crypto::CryptoJob job;
        const IpsecCheck check = dataplane::ah_prepare_verify(work, job);
        if (check) {
            EXPECT_EQ(tests::FakePool::bytes_of(work.mbuf), frame);
        } else {
            jobs_.push_back(job);
        }
        return check;
    }

    // Whether the one packet's ICV is right; the packet is afterwards as it was.
    bool is_good(Sa& sa, const Bytes& frame, std::size_t headers) {
        clear();
        EXPECT_EQ(verify(sa, kSequence, frame, headers), IpsecCheck{});
        run();
        dataplane::ah_restore(packets_[0].work);
        EXPECT_EQ(to_hex(tests::FakePool::bytes_of(packets_[0].mbuf)), to_hex(frame));
        return jobs_.at(0).status == JobStatus::kOk;
    }

    void run() { batch_->run(jobs_); }

    Bytes protected_by_peer(const config::SaSpec& spec, const Bytes& frame) {
        const Bytes ip = tests::ah_protect(
            spec, kSequence, random_bytes(random_, tests::iv_bytes(spec)), without_ethernet(frame));
        Bytes out(frame.begin(), frame.begin() + kEther);
        out.insert(out.end(), ip.begin(), ip.end());
        return out;
    }

    // The packet as encapsulation leaves it: what a peer would send, with rubbish where the AH is.
    Bytes with_room(const config::SaSpec& spec, const Bytes& frame, std::size_t headers) {
        Bytes out = protected_by_peer(spec, frame);
        const auto begin = out.begin() + static_cast<std::ptrdiff_t>(kEther + headers);
        const std::size_t length = tests::ah_bytes(spec, without_ethernet(frame));
        std::fill_n(begin, length, std::uint8_t{0xEE});
        return out;
    }

    config::SaSpec spec_of(const Suite& suite, bool esn = false) {
        return tests::random_sa(suite, config::IpsecProtocol::kAh, esn, random_);
    }

    std::mt19937_64 random_{20250917};
    tests::FakePool pool_{128, 12'000};
    std::unique_ptr<crypto::CryptoBatch> batch_ =
        std::move(crypto::CryptoBatch::create(engines())).value();
    // A job points into its packet's work.
    std::deque<InFlight> packets_;
    std::vector<crypto::CryptoJob> jobs_;
};

constexpr std::size_t kSizes[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 577, 1400, 8900};

TEST_F(AhTest, ProtectsSoThatAPeerVerifiesIt) {
    for (const Suite& suite : tests::ah_suites()) {
        for (const bool esn : {false, true}) {
            for (const Shape& shape : kShapes) {
                SCOPED_TRACE(suite.name() + (esn ? " with ESN, " : ", ") + shape.name);
                const config::SaSpec spec = spec_of(suite, esn);
                const auto sa = make_sa(spec);
                std::vector<Bytes> before;
                std::vector<Bytes> rooms;
                for (const std::size_t size : kSizes) {
                    before.push_back(packet_of(shape, random_bytes(random_, size)));
                    rooms.push_back(with_room(spec, before.back(), shape.headers));
                    IpsecWork& work = work_for(rooms.back(), *sa, kSequence, shape.headers);
                    const std::uint8_t next = shape.headers == 88 ? 17 : 253;
                    ASSERT_EQ(dataplane::ah_prepare_protect(work, next, jobs_.emplace_back()),
                              IpsecCheck{});
                }
                run();
                for (std::size_t i = 0; i < packets_.size(); ++i) {
                    ASSERT_EQ(jobs_[i].status, JobStatus::kOk);
                    dataplane::ah_finish_protect(packets_[i].work);
                    const Bytes frame = tests::FakePool::bytes_of(packets_[i].mbuf);
                    const Bytes ip = without_ethernet(frame);
                    ASSERT_TRUE(tests::ah_verifies(spec, kSequenceHigh, ip)) << kSizes[i];
                    // The peer's packet with our IV is ours, mutable fields included.
                    const auto iv = ip.begin() + static_cast<std::ptrdiff_t>(shape.headers + 12);
                    const Bytes our_iv(iv, iv + sa->iv_bytes);
                    EXPECT_EQ(to_hex(ip),
                              to_hex(tests::ah_protect(
                                  spec, kSequence, our_iv, without_ethernet(before[i]))));
                    EXPECT_EQ(Bytes(frame.begin(), frame.begin() + kEther),
                              Bytes(before[i].begin(), before[i].begin() + kEther));
                    EXPECT_EQ(dataplane::ah_counted_bytes(
                                  *sa,
                                  dataplane::meta_of(packets_[i].mbuf).family,
                                  static_cast<std::uint32_t>(before[i].size() - kEther)),
                              ip.size());
                }
                clear();
            }
        }
    }
}

TEST_F(AhTest, VerifiesWhatAPeerProtects) {
    for (const Suite& suite : tests::ah_suites()) {
        for (const bool esn : {false, true}) {
            for (const Shape& shape : kShapes) {
                SCOPED_TRACE(suite.name() + (esn ? " with ESN, " : ", ") + shape.name);
                const config::SaSpec spec = spec_of(suite, esn);
                const auto sa = make_sa(spec);
                std::vector<Bytes> frames;
                for (const std::size_t size : kSizes) {
                    frames.push_back(
                        protected_by_peer(spec, packet_of(shape, random_bytes(random_, size))));
                    ASSERT_EQ(verify(*sa, kSequence, frames.back(), shape.headers), IpsecCheck{});
                }
                run();
                for (std::size_t i = 0; i < packets_.size(); ++i) {
                    ASSERT_EQ(jobs_[i].status, JobStatus::kOk) << kSizes[i];
                    dataplane::ah_restore(packets_[i].work);
                    ASSERT_EQ(tests::FakePool::bytes_of(packets_[i].mbuf), frames[i]);
                    const dataplane::AhPayload payload = dataplane::ah_payload(packets_[i].work);
                    EXPECT_EQ(payload.offset + kSizes[i], frames[i].size());
                    EXPECT_EQ(payload.next_header, shape.headers == 88 ? 17 : 253);
                }
                clear();
            }
        }
    }
}

TEST_F(AhTest, FindsAChangedBitAndLeavesTheNeighboursAlone) {
    for (const Suite& suite : tests::ah_suites()) {
        for (const bool esn : {false, true}) {
            SCOPED_TRACE(suite.name() + (esn ? " with ESN" : ""));
            const config::SaSpec spec = spec_of(suite, esn);
            const auto sa = make_sa(spec);
            const Bytes good = protected_by_peer(spec, packet_of(kShapes[0], Bytes(41, 9)));
            const std::size_t ah = kEther + 20;
            const std::size_t icv = ah + 12 + sa->iv_bytes;
            // Next header, reserved, SPI, sequence number, IV or ICV, ICV, payload.
            for (const std::size_t at : {ah,
                                         ah + 3,
                                         ah + 4,
                                         ah + 11,
                                         ah + 12,
                                         icv,
                                         icv + sa->icv_bytes - 1,
                                         icv + sa->icv_bytes,
                                         good.size() - 1}) {
                Bytes bad = good;
                bad[at] ^= 0x10U;
                ASSERT_EQ(verify(*sa, kSequence, bad, 20), IpsecCheck{});
                ASSERT_EQ(verify(*sa, kSequence, good, 20), IpsecCheck{});
            }
            if (esn) {
                const std::uint64_t other_half = kSequence ^ (std::uint64_t{1} << 32U);
                ASSERT_EQ(verify(*sa, other_half, good, 20), IpsecCheck{});
                ASSERT_EQ(verify(*sa, kSequence, good, 20), IpsecCheck{});
            }
            run();
            for (std::size_t i = 0; i < jobs_.size(); i += 2) {
                EXPECT_EQ(jobs_[i].status, JobStatus::kBadIcv) << "packet " << i;
                EXPECT_EQ(jobs_[i + 1].status, JobStatus::kOk) << "packet " << i + 1;
            }
            clear();
        }
    }
}

// Where a router may write, and where nobody may: offsets from the IP header.
struct Change {
    const char* name;
    const Shape& shape;
    std::vector<std::size_t> at;
    bool allowed;
};

TEST_F(AhTest, AllowsExactlyWhatRoutersMayChange) {
    const Change changes[] = {
        {"DSCP and ECN", kShapes[0], {1}, true},
        {"total length", kShapes[0], {2, 3}, false},
        {"identification", kShapes[0], {4, 5}, false},
        {"flags and fragment offset", kShapes[0], {6, 7}, true},
        {"TTL", kShapes[0], {8}, true},
        {"protocol", kShapes[0], {9}, false},
        {"checksum", kShapes[0], {10, 11}, true},
        {"source", kShapes[0], {12, 15}, false},
        {"destination", kShapes[0], {16, 19}, false},
        {"recorded route", kShapes[1], {23, 24, 25, 26, 27}, true},
        {"router alert", kShapes[1], {30}, false},
        {"security", kShapes[1], {34}, false},
        {"traffic class, its low half, flow label", kShapes[2], {1, 2, 3}, true},
        {"payload length", kShapes[2], {4, 5}, false},
        {"next header", kShapes[2], {6}, false},
        {"hop limit", kShapes[2], {7}, true},
        {"IPv6 source", kShapes[2], {8, 23}, false},
        {"IPv6 destination", kShapes[2], {24, 39}, false},
        {"option data that stays", kShapes[3], {45, 46, 47}, false},
        {"option data that may change", kShapes[3], {50, 51, 52, 53}, true},
        {"type of an option whose data may change", kShapes[3], {48}, false},
        {"hop-by-hop padding", kShapes[3], {56}, false},
        {"routing header type", kShapes[3], {66}, false},
        {"segments left", kShapes[3], {67}, true},
        {"routing header data", kShapes[3], {68, 79}, false},
        {"destination option data that may change", kShapes[3], {84, 85}, true},
        {"type of a destination option", kShapes[3], {82}, false},
    };
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    for (const Change& change : changes) {
        const Bytes good = protected_by_peer(spec, packet_of(change.shape, Bytes(20, 1)));
        ASSERT_TRUE(is_good(*sa, good, change.shape.headers)) << change.shape.name;
        for (const std::size_t at : change.at) {
            SCOPED_TRACE(std::string(change.name) + ", byte " + std::to_string(at));
            Bytes changed = good;
            changed[kEther + at] ^= 0x04U;
            EXPECT_EQ(is_good(*sa, changed, change.shape.headers), change.allowed);
        }
    }
}

TEST_F(AhTest, CoversIpv4OptionsByTheirType) {
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    for (unsigned type = 2; type < 256; ++type) {
        const auto option = static_cast<std::uint8_t>(type);
        const bool immutable = option == 130 || option == 133 || option == 134 || option == 148
                               || option == 149;  // RFC 4302 Appendix A1
        const Bytes good = protected_by_peer(
            spec, v4().options({option, 4, 1, 2}).protocol(253).payload(9).bytes());
        Bytes changed = good;
        changed[kEther + 22] ^= 1U;
        EXPECT_TRUE(is_good(*sa, good, 24)) << type;
        EXPECT_EQ(is_good(*sa, changed, 24), !immutable) << type;
    }
}

TEST_F(AhTest, CoversWhatFollowsTheEndOfOptions) {
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    const Bytes good =
        protected_by_peer(spec, v4().options({0, 7, 3, 4}).protocol(253).payload(9).bytes());
    EXPECT_TRUE(is_good(*sa, good, 24));
    Bytes changed = good;
    changed[kEther + 23] ^= 1U;
    EXPECT_FALSE(is_good(*sa, changed, 24));
}

TEST_F(AhTest, TakesAnyPaddingThatThePeerCovered) {
    // RFC 4302 3.3.3.2.1: 12 + 16 bytes become 32 over IPv6, and the last four are the sender's.
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    const Bytes good = protected_by_peer(spec, packet_of(kShapes[2], Bytes(20, 1)));
    ASSERT_TRUE(is_good(*sa, good, 40));
    Bytes changed = good;
    changed[kEther + 40 + 12 + 16] ^= 1U;
    EXPECT_FALSE(is_good(*sa, changed, 40));
}

TEST_F(AhTest, RefusesHeadersThatCannotBe) {
    const config::SaSpec spec = spec_of(kSha256, true);
    const auto sa = make_sa(spec);
    const Bytes four = protected_by_peer(spec, packet_of(kShapes[0], {}));
    const Bytes six = protected_by_peer(spec, packet_of(kShapes[2], {}));
    for (std::size_t length = 0; length <= 32; ++length) {
        const auto cut = [length](const Bytes& frame, std::size_t headers) {
            return Bytes(frame.begin(),
                         frame.begin() + static_cast<std::ptrdiff_t>(kEther + headers + length));
        };
        if (length <= 28) {
            EXPECT_EQ(verify(*sa, kSequence, cut(four, 20), 20),
                      length < 28 ? IpsecCheck{DropReason::kAhTruncated} : IpsecCheck{});
        }
        EXPECT_EQ(verify(*sa, kSequence, cut(six, 40), 40),
                  length < 32 ? IpsecCheck{DropReason::kAhTruncated} : IpsecCheck{});
    }
    for (unsigned field = 0; field < 256; ++field) {
        Bytes changed = four;
        changed[kEther + 21] = static_cast<std::uint8_t>(field);
        EXPECT_EQ(verify(*sa, kSequence, changed, 20),
                  field == 5 ? IpsecCheck{} : IpsecCheck{DropReason::kAhBadLength});
        clear();
    }
}

TEST_F(AhTest, RefusesOptionsThatCannotBeWalked) {
    struct Row {
        const char* name;
        bool v6;
        Bytes headers;  // IPv4 options, or IPv6 extension headers behind a hop-by-hop next header
        DropReason reason;
    };
    Bytes long_chain{51, 27, 1, 220};
    long_chain.resize(224);
    const Row rows[] = {
        {"no length", false, {1, 1, 1, 7}, DropReason::kIpBadOptions},
        {"length 0", false, {7, 0, 1, 1}, DropReason::kIpBadOptions},
        {"length 1", false, {7, 1, 1, 1}, DropReason::kIpBadOptions},
        {"past the end", false, {7, 5, 1, 1}, DropReason::kIpBadOptions},
        {"past the end, behind a mutable one",
         false,
         {7, 3, 9, 1, 148, 9, 1, 1},
         DropReason::kIpBadOptions},
        {"past the header's end", true, {51, 0, 0x3E, 5, 1, 1, 1, 1}, DropReason::kIpBadExtension},
        {"no length", true, {51, 0, 1, 3, 0, 0, 0, 0x3E}, DropReason::kIpBadExtension},
        {"a header past the AH", true, {51, 1, 1, 4, 0, 0, 0, 0}, DropReason::kIpBadExtension},
        {"half a header",
         true,
         {60, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 0},
         DropReason::kIpBadExtension},
        {"a fragment header",
         true,
         {44, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 0},
         DropReason::kIpBadExtension},
        {"more than can be kept", true, long_chain, DropReason::kIpBadExtension},
    };
    const auto sa = make_sa(spec_of(kSha256));
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Packet packet = row.v6 ? v6().ttl(9).protocol(0).payload(row.headers)
                               : v4().ttl(9).options(row.headers).protocol(51);
        // An AH of the right length for the family.
        Bytes ah(row.v6 ? 32 : 28, 3);
        ah[1] = row.v6 ? 6 : 5;
        const Bytes frame = packet.payload(ah).payload(10).bytes();
        const std::size_t headers = (row.v6 ? 40 : 20) + row.headers.size();
        EXPECT_EQ(verify(*sa, kSequence, frame, headers), row.reason);
        IpsecWork& work = work_for(frame, *sa, kSequence, headers);
        crypto::CryptoJob job;
        EXPECT_EQ(dataplane::ah_prepare_protect(work, 17, job), row.reason);
        EXPECT_EQ(tests::FakePool::bytes_of(work.mbuf), frame);
    }
}

TEST_F(AhTest, KeepsTheLongestChainItCan) {
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    // 40 + 216 bytes.
    Bytes extension{253, 26, 0x3E, 212};
    extension.resize(216, 7);
    const Bytes good =
        protected_by_peer(spec, v6().protocol(0).payload(extension).payload(30).bytes());
    EXPECT_TRUE(is_good(*sa, good, dataplane::kMaxAhHeader));
}

TEST_F(AhTest, RefusesAPacketInSegments) {
    const config::SaSpec spec = spec_of(kSha256);
    const auto sa = make_sa(spec);
    const Bytes frame = protected_by_peer(spec, packet_of(kShapes[0], Bytes(100, 1)));
    IpsecWork& work = work_for(frame, *sa, kSequence, 20);
    rte_pktmbuf_free(work.mbuf);
    packets_.back().mbuf = work.mbuf = pool_.make_segmented(frame, 90);
    crypto::CryptoJob job;
    EXPECT_EQ(dataplane::ah_prepare_verify(work, job), DropReason::kSegmentedFrame);
    EXPECT_EQ(tests::FakePool::bytes_of(work.mbuf), frame);
}

TEST_F(AhTest, NeedsRoomForTheHighHalfOfTheNumber) {
    // A sender can fill a buffer to its end.
    for (const bool esn : {false, true}) {
        for (const std::size_t room : {3U, 4U}) {
            tests::FakePool small(1, static_cast<std::uint16_t>(kEther + 20 + 28 + 100 + room));
            const config::SaSpec spec = spec_of(kSha256, esn);
            const auto sa = make_sa(spec);
            const Bytes frame = protected_by_peer(spec, packet_of(kShapes[0], Bytes(100, 1)));
            IpsecWork& work = work_for(frame, *sa, kSequence, 20);
            rte_pktmbuf_free(work.mbuf);
            packets_.back().mbuf = work.mbuf = small.make(frame);
            dataplane::meta_of(work.mbuf).l3_offset = kEther;
            crypto::CryptoJob job;
            EXPECT_EQ(dataplane::ah_prepare_verify(work, job),
                      esn && room < 4 ? IpsecCheck{DropReason::kNoBuffer} : IpsecCheck{});
            clear();
        }
    }
}

TEST_F(AhTest, GmacTakesItsIvFromTheSequenceNumber) {
    const config::SaSpec spec = spec_of({config::Cipher::kNone, config::Hash::kAesGmac256});
    const auto sa = make_sa(spec);
    sa->iv_base = 0xFFFFFFFFFFFFFFFE;  // The sum wraps around.
    const Bytes frame = with_room(spec, packet_of(kShapes[0], {}), 20);
    IpsecWork& work = work_for(frame, *sa, 0x0102030405060708, 20);
    ASSERT_EQ(dataplane::ah_prepare_protect(work, 17, jobs_.emplace_back()), IpsecCheck{});
    dataplane::ah_finish_protect(work);
    const std::uint8_t* iv = dataplane::bytes_at(work.mbuf, kEther + 20 + 12);
    EXPECT_EQ(to_hex({iv, 8}), "0102030405060706");
}

TEST_F(AhTest, PadsToTheFamilysUnit) {
    struct Row {
        config::Hash hash;
        std::uint32_t v4;
        std::uint32_t v6;
    };
    // RFC 4543 4 with erratum 3643: over IPv6 the GMAC's header needs four bytes of padding.
    for (const Row& row : {Row{config::Hash::kMd5, 24, 24},
                           Row{config::Hash::kSha1, 24, 24},
                           Row{config::Hash::kSha256, 28, 32},
                           Row{config::Hash::kSha384, 36, 40},
                           Row{config::Hash::kSha512, 44, 48},
                           Row{config::Hash::kAesXcbc, 24, 24},
                           Row{config::Hash::kAesGmac128, 36, 40}}) {
        const auto sa = make_sa(spec_of({config::Cipher::kNone, row.hash}));
        EXPECT_EQ(dataplane::ah_header_bytes(*sa, config::Family::kIpv4), row.v4);
        EXPECT_EQ(dataplane::ah_header_bytes(*sa, config::Family::kIpv6), row.v6);
    }
}

}  // namespace
