#include "dataplane/parse.h"
#include "dataplane/reassemble.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <vector>

namespace {

using dataplane::DropReason;
using dataplane::PacketMeta;
using dataplane::Reassembled;
using tests::Bytes;
using tests::FakePool;
using tests::Packet;

constexpr std::uint16_t kLargestRoom = 0xFFFF - RTE_PKTMBUF_HEADROOM;

// Everything parse() writes.
void expect_same_parse(const PacketMeta& actual, const PacketMeta& expected) {
    EXPECT_EQ(actual.family, expected.family);
    EXPECT_EQ(actual.fragment, expected.fragment);
    EXPECT_EQ(actual.more_fragments, expected.more_fragments);
    EXPECT_EQ(actual.protocol, expected.protocol);
    EXPECT_EQ(actual.l3_offset, expected.l3_offset);
    EXPECT_EQ(actual.l4_offset, expected.l4_offset);
    EXPECT_EQ(actual.l3_length, expected.l3_length);
    EXPECT_EQ(actual.source_port, expected.source_port);
    EXPECT_EQ(actual.destination_port, expected.destination_port);
    EXPECT_EQ(actual.fragment_offset, expected.fragment_offset);
    EXPECT_EQ(actual.fragment_length, expected.fragment_length);
    EXPECT_EQ(actual.fragment_id, expected.fragment_id);
    EXPECT_EQ(actual.held_since, expected.held_since);
}

class ReassembleTest : public ::testing::Test {
  protected:
    ~ReassembleTest() override {
        free_fragments();
        EXPECT_EQ(in_.in_use(), 0U);
        EXPECT_EQ(pool_.in_use(), 0U);
        EXPECT_EQ(large_.in_use(), 0U);
    }

    void free_fragments() {
        for (rte_mbuf* mbuf : fragments_) {
            rte_pktmbuf_free(mbuf);
        }
        fragments_.clear();
    }
    void parse(rte_mbuf* mbuf) {
        ASSERT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kTransparent, {}).next,
                  dataplane::ParseNext::kIp);
    }
    // In offset order, as the fragment table gives them.
    void receive(const std::vector<Bytes>& frames, std::size_t segment = 65535) {
        free_fragments();
        for (const Bytes& frame : frames) {
            fragments_.push_back(in_.make_segmented(frame, segment));
            parse(fragments_.back());
        }
    }
    // The frame, or nothing and the reason.
    Bytes reassembled(FakePool& pool, FakePool& large) {
        const Reassembled result = dataplane::reassemble(fragments_, pool.get(), large.get());
        reason_ = result.reason;
        if (result.mbuf == nullptr) {
            return {};
        }
        EXPECT_TRUE(rte_pktmbuf_is_contiguous(result.mbuf));
        EXPECT_EQ(result.mbuf->pkt_len, result.mbuf->data_len);
        EXPECT_GE(rte_pktmbuf_headroom(result.mbuf), 128);
        EXPECT_GE(rte_pktmbuf_tailroom(result.mbuf), 64);
        meta_ = dataplane::meta_of(result.mbuf);
        Bytes bytes = FakePool::bytes_of(result.mbuf);
        rte_pktmbuf_free(result.mbuf);
        return bytes;
    }
    Bytes reassembled() { return reassembled(pool_, large_); }

    FakePool in_{512};
    FakePool pool_{2, 2048};
    FakePool large_{2, kLargestRoom};
    std::vector<rte_mbuf*> fragments_;
    PacketMeta meta_;
    DropReason reason_ = DropReason::kShutdown;
};

Bytes slice(const Bytes& bytes, std::size_t at, std::size_t length) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min(length, bytes.size() - at))};
}

Packet v4() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(77);
}
Packet v6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}

// Headers of the whole datagram, and of the fragment at `offset`.
using WholeHeaders = std::function<Packet()>;
using FragmentHeaders = std::function<Packet(std::uint16_t offset, bool more)>;

struct ShapeRow {
    const char* description;
    std::size_t headers;    // length of the unfragmentable part, link layer included
    WholeHeaders whole;     // up to where its fragmentable part begins
    FragmentHeaders piece;  // likewise
    std::uint8_t next;      // of what follows: UDP, or destination options in front of it
};

std::vector<ShapeRow> shapes() {
    const Bytes all_options{7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};
    return {
        {"IPv4",
         34,
         v4,
         [](std::uint16_t offset, bool more) { return v4().fragment(offset, more); },
         17},
        {"IPv4 with options that only the first has",
         46,
         [=] { return v4().options(all_options); },
         [=](std::uint16_t offset, bool more) {
             return v4()
                 .options(offset == 0 ? all_options : Bytes{148, 4, 0, 0})
                 .fragment(offset, more);
         },
         17},
        {"IPv4 behind a VLAN tag",
         38,
         [] { return Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.1.1"); },
         [](std::uint16_t offset, bool more) {
             return Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.1.1").fragment(offset, more);
         },
         17},
        {"IPv6",
         54,
         v6,
         [](std::uint16_t offset, bool more) { return v6().fragment6(offset, more, 7); },
         17},
        {"IPv6 with headers in front of the fragment header",
         70,
         [] { return v6().hop_by_hop().routing(4); },
         [](std::uint16_t offset, bool more) {
             return v6().hop_by_hop().routing(4).fragment6(offset, more, 7);
         },
         17},
        {"IPv6 with headers behind the fragment header",
         54,
         v6,
         [](std::uint16_t offset, bool more) { return v6().fragment6(offset, more, 7); },
         60},
    };
}

Bytes whole_of(const ShapeRow& row) {
    Packet packet = row.whole();
    if (row.next == 60) {
        packet.destination_options();
    }
    return packet.udp(1000, 53).payload(100).bytes();
}

TEST_F(ReassembleTest, GivesTheDatagramAsItWasSent) {
    for (const std::size_t segment : {std::size_t{65535}, std::size_t{90}}) {
        for (const ShapeRow& row : shapes()) {
            SCOPED_TRACE(row.description);
            const Bytes whole = whole_of(row);
            const Bytes body = slice(whole, row.headers, 65535);
            std::vector<Bytes> frames;
            const std::vector<std::uint16_t> cuts = {0, 24, 32, 96};
            for (std::size_t i = 0; i < cuts.size(); ++i) {
                const bool more = i + 1 < cuts.size();
                const std::size_t next = more ? cuts[i + 1] : body.size();
                frames.push_back(row.piece(cuts[i], more)
                                     .protocol(row.next)
                                     .payload(slice(body, cuts[i], next - cuts[i]))
                                     .bytes());
            }
            receive(frames, segment);
            EXPECT_EQ(reassembled(), whole);

            rte_mbuf* expected = in_.make(whole);
            parse(expected);
            expect_same_parse(meta_, dataplane::meta_of(expected));
            rte_pktmbuf_free(expected);
        }
    }
}

TEST_F(ReassembleTest, LeavesLinkPaddingOut) {
    const Bytes body = slice(v4().udp(1, 2).payload(12).bytes(), 34, 65535);
    receive(
        {v4().fragment(0, true).protocol(17).payload(slice(body, 0, 16)).padding(10).bytes(),
         v4().fragment(16, false).protocol(17).payload(slice(body, 16, 4)).padding(22).bytes()});
    EXPECT_EQ(reassembled(), v4().udp(1, 2).payload(12).bytes());
}

TEST_F(ReassembleTest, KeepsWhatOtherStagesKnowOfTheFirst) {
    receive({v4().fragment(0, true).protocol(50).payload(16).bytes(),
             v4().fragment(16, false).protocol(50).payload(8).bytes()});
    PacketMeta& first = dataplane::meta_of(fragments_.front());
    first.origin = dataplane::Origin::kHost;
    first.direction = dataplane::Direction::kOutbound;
    first.delivery = dataplane::Delivery::kHost;
    first.connection_bits = dataplane::kConnLan;
    first.to_group = true;
    first.in_port = 3;
    first.out_port = 4;
    first.row = 5;
    first.sa = 6;
    first.next_hop = {10, 0, 0, 9};
    ASSERT_FALSE(reassembled().empty());
    EXPECT_EQ(meta_.origin, dataplane::Origin::kHost);
    EXPECT_EQ(meta_.direction, dataplane::Direction::kOutbound);
    EXPECT_EQ(meta_.delivery, dataplane::Delivery::kHost);
    EXPECT_EQ(meta_.connection_bits, dataplane::kConnLan);
    EXPECT_TRUE(meta_.to_group);
    EXPECT_EQ(meta_.in_port, 3);
    EXPECT_EQ(meta_.out_port, 4);
    EXPECT_EQ(meta_.row, 5U);
    EXPECT_EQ(meta_.sa, 6U);
    EXPECT_EQ(meta_.next_hop[3], 9);
}

TEST_F(ReassembleTest, AllowsAgainWhatWasFragmentedToBeFragmented) {
    receive({v4().fragment(0, true).dont_fragment().protocol(50).payload(16).bytes(),
             v4().fragment(16, false).dont_fragment().protocol(50).payload(8, 16).bytes()});
    EXPECT_EQ(reassembled(), v4().protocol(50).payload(24).bytes());
}

struct EcnRow {
    const char* description;
    std::vector<std::uint8_t> marks;
    std::optional<std::uint8_t> result;  // nothing: dropped
};

TEST_F(ReassembleTest, JoinsCongestionMarks) {
    // RFC 3168 5: Not-ECT 0, ECT(1) 1, ECT(0) 2, CE 3.
    const std::vector<EcnRow> rows = {
        {"none", {0, 0, 0}, 0},
        {"all ECT(0)", {2, 2, 2}, 2},
        {"all ECT(1)", {1, 1, 1}, 1},
        {"all CE", {3, 3, 3}, 3},
        {"CE first", {3, 2, 2}, 3},
        {"CE in the middle", {2, 3, 2}, 3},
        {"CE last", {1, 1, 3}, 3},
        {"CE and both ECT", {1, 2, 3}, 3},
        {"CE and Not-ECT", {3, 0, 0}, {}},
        {"Not-ECT and CE", {0, 0, 3}, {}},
        {"CE, ECT and Not-ECT", {2, 3, 0}, {}},
        {"ECT of both kinds", {1, 2, 2}, 1},
        {"Not-ECT among ECT", {2, 0, 2}, 0},
    };
    constexpr std::uint8_t kDscp = 0xB8;
    for (const EcnRow& row : rows) {
        SCOPED_TRACE(row.description);
        std::vector<Bytes> four;
        std::vector<Bytes> six;
        for (std::size_t i = 0; i < row.marks.size(); ++i) {
            const auto offset = static_cast<std::uint16_t>(i * 8);
            const bool more = i + 1 < row.marks.size();
            const unsigned field = kDscp | row.marks[i];
            four.push_back(v4().fragment(offset, more)
                               .protocol(50)
                               .payload(8)
                               .poke_ipv4(1, static_cast<std::uint8_t>(field))
                               .bytes());
            // Traffic class: between version and flow label, which is 0x5xxxx here.
            six.push_back(v6().fragment6(offset, more, 7)
                              .protocol(50)
                              .payload(8)
                              .poke(14, static_cast<std::uint8_t>(0x60U | (field >> 4U)))
                              .poke(15, static_cast<std::uint8_t>((field << 4U) | 0x05U))
                              .bytes());
        }
        receive(four);
        const Bytes whole4 = reassembled();
        EXPECT_EQ(reason_, row.result ? DropReason::kNoBuffer : DropReason::kEcnInvalid);
        receive(six);
        const Bytes whole6 = reassembled();
        EXPECT_EQ(reason_, row.result ? DropReason::kNoBuffer : DropReason::kEcnInvalid);
        ASSERT_EQ(whole4.empty(), !row.result);
        ASSERT_EQ(whole6.empty(), !row.result);
        if (row.result) {
            EXPECT_EQ(whole4.at(15), kDscp | *row.result);
            EXPECT_EQ(tests::internet_checksum(slice(whole4, 14, 20)), 0);
            EXPECT_EQ(whole6.at(14), 0x60 | (kDscp >> 4U));
            EXPECT_EQ(whole6.at(15), ((kDscp << 4U) & 0xFFU) | unsigned{*row.result} << 4U | 0x05U);
        }
    }
}

// Fragments of `total` bytes of IP without options.
std::vector<Bytes> fragments_of_length(std::size_t total) {
    constexpr std::size_t kPiece = 1480;
    std::vector<Bytes> frames;
    for (std::size_t at = 0; at < total - 20; at += kPiece) {
        const std::size_t length = std::min(kPiece, total - 20 - at);
        frames.push_back(v4().fragment(static_cast<std::uint16_t>(at), at + length < total - 20)
                             .protocol(50)
                             .payload(length, static_cast<std::uint8_t>(at))
                             .bytes());
    }
    return frames;
}

TEST_F(ReassembleTest, UsesTheLargePoolOnlyForWhatNeedsIt) {
    FakePool none(0, 2048);
    FakePool no_large(0, kLargestRoom);
    const std::size_t most = 2048 - 64 - 14;  // of an ordinary buffer, in IP bytes
    receive(fragments_of_length(most));
    EXPECT_EQ(reassembled(pool_, no_large), v4().protocol(50).payload(most - 20).bytes());
    EXPECT_TRUE(reassembled(none, large_).empty());
    EXPECT_EQ(reason_, DropReason::kNoBuffer);

    receive(fragments_of_length(most + 1));
    EXPECT_EQ(reassembled(none, large_), v4().protocol(50).payload(most - 19).bytes());
    EXPECT_TRUE(reassembled(pool_, no_large).empty());
    EXPECT_EQ(reason_, DropReason::kNoBuffer);
}

TEST_F(ReassembleTest, RefusesWhatNoPoolHasRoomFor) {
    receive(fragments_of_length(2048 - 64 - 14 + 1));
    EXPECT_TRUE(reassembled(pool_, pool_).empty());
    EXPECT_EQ(reason_, DropReason::kReassembledTooLong);

    receive(fragments_of_length(dataplane::kMaxReassembled));
    EXPECT_EQ(reassembled(), v4().protocol(50).payload(dataplane::kMaxReassembled - 20).bytes());
    receive(fragments_of_length(dataplane::kMaxReassembled + 1));
    EXPECT_TRUE(reassembled().empty());
    EXPECT_EQ(reason_, DropReason::kReassembledTooLong);
}

}  // namespace
