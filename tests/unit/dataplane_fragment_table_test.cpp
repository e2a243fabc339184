#include "dataplane/fragment_table.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace {

using dataplane::DropReason;
using dataplane::FragmentTable;
using tests::Bytes;
using tests::Packet;

struct Piece {
    std::uint16_t offset;
    std::uint16_t length;
    bool more;
};

Bytes v4_piece(const Piece& piece, std::uint16_t id) {
    Packet packet = Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(id);
    packet.fragment(piece.offset, piece.more);
    return piece.offset == 0 ? packet.udp(7, 9).payload(piece.length - 8U).bytes()
                             : packet.protocol(17).payload(piece.length).bytes();
}

Bytes v6_piece(const Piece& piece, std::uint16_t id) {
    Packet packet = Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
    packet.fragment6(piece.offset, piece.more, id);
    return piece.offset == 0 ? packet.udp(7, 9).payload(piece.length - 8U).bytes()
                             : packet.protocol(17).payload(piece.length).bytes();
}

class FragmentTableTest : public ::testing::Test {
  protected:
    ~FragmentTableTest() override {
        table_.drain(DropReason::kShutdown, *counters_);
        EXPECT_EQ(pool_.in_use(), 0U);
        EXPECT_EQ(table_.datagrams(), 0U);
        EXPECT_EQ(table_.fragments(), 0U);
        EXPECT_EQ(counters_->held.read(), counters_->released.read());
    }

    // Offsets of what came out.
    std::vector<unsigned> add(const Bytes& frame,
                              std::uint16_t port = 0,
                              dataplane::Origin origin = dataplane::Origin::kWire,
                              dataplane::SaHandle sa = dataplane::kNoSa) {
        rte_mbuf* mbuf = pool_.make(frame);
        EXPECT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        dataplane::meta_of(mbuf).in_port = port;
        dataplane::meta_of(mbuf).origin = origin;
        dataplane::meta_of(mbuf).sa = sa;
        std::vector<unsigned> offsets;
        for (rte_mbuf* out : table_.add(mbuf, now_, *counters_)) {
            const dataplane::PacketMeta& meta = dataplane::meta_of(out);
            offsets.push_back(meta.fragment_offset);
            EXPECT_EQ(meta.source_port, 7);
            EXPECT_EQ(meta.destination_port, 9);
            EXPECT_EQ(meta.protocol, 17);
            rte_pktmbuf_free(out);
        }
        return offsets;
    }
    std::uint64_t drops(DropReason reason) {
        return counters_->drops[static_cast<std::size_t>(reason)].read();
    }

    tests::FakePool pool_{256};
    std::unique_ptr<dataplane::WorkerCounters> counters_ =
        std::make_unique<dataplane::WorkerCounters>();
    FragmentTable table_{{.datagrams = 8, .fragments = 100, .timeout = 30}, 42};
    std::uint64_t now_ = 0;
};

struct SequenceRow {
    const char* description;
    std::vector<Piece> pieces;
    std::vector<unsigned> released;    // offsets, after the last piece
    std::optional<DropReason> reason;  // of all pieces
};

TEST_F(FragmentTableTest, ReleasesCompleteDatagramsAndDropsContradictions) {
    using enum DropReason;
    const std::vector<SequenceRow> rows = {
        {"in order", {{0, 16, true}, {16, 8, true}, {24, 5, false}}, {0, 16, 24}, {}},
        {"backwards", {{24, 5, false}, {16, 8, true}, {0, 16, true}}, {0, 16, 24}, {}},
        {"middle last", {{0, 16, true}, {24, 5, false}, {16, 8, true}}, {0, 16, 24}, {}},
        {"middle first", {{16, 8, true}, {24, 5, false}, {0, 16, true}}, {0, 16, 24}, {}},
        {"hole", {{0, 16, true}, {24, 5, false}}, {}, {}},
        {"no end", {{0, 16, true}, {16, 8, true}}, {}, {}},
        {"no beginning", {{16, 8, true}, {24, 5, false}}, {}, {}},
        {"duplicate", {{0, 16, true}, {0, 16, true}}, {}, kFragmentOverlap},
        {"duplicate of a later one",
         {{16, 8, true}, {16, 8, true}, {0, 16, true}},
         {},
         kFragmentOverlap},
        {"overlap from behind", {{0, 24, true}, {16, 16, false}}, {}, kFragmentOverlap},
        {"overlap from the front", {{16, 16, false}, {0, 24, true}}, {}, kFragmentOverlap},
        {"overlap inside", {{0, 64, true}, {16, 8, true}}, {}, kFragmentOverlap},
        {"overlap around", {{16, 8, true}, {0, 64, true}}, {}, kFragmentOverlap},
        {"completion after an overlap",
         {{0, 16, true}, {8, 16, true}, {24, 8, false}},
         {},
         kFragmentOverlap},
        {"two ends", {{16, 8, false}, {24, 8, false}}, {}, kFragmentBad},
        {"beyond the end", {{16, 8, false}, {24, 8, true}}, {}, kFragmentBad},
        {"up to the end, and more", {{16, 8, false}, {8, 16, true}}, {}, kFragmentBad},
        {"end before what is there", {{24, 8, true}, {16, 8, false}}, {}, kFragmentBad},
    };
    std::uint16_t id = 0;
    for (const bool v6 : {false, true}) {
        for (const SequenceRow& row : rows) {
            SCOPED_TRACE(row.description);
            ++id;
            std::uint64_t before = 0;
            if (row.reason) {
                before = drops(*row.reason);
            }
            std::vector<unsigned> released;
            for (const Piece& piece : row.pieces) {
                released = add(v6 ? v6_piece(piece, id) : v4_piece(piece, id));
            }
            EXPECT_EQ(released, row.released);
            if (row.reason) {
                EXPECT_EQ(drops(*row.reason), before + row.pieces.size());
            }
            table_.drain(kShutdown, *counters_);
        }
    }
}

TEST_F(FragmentTableTest, KeepsDatagramsApart) {
    const Piece first{0, 16, true};
    const Piece last{16, 5, false};
    EXPECT_TRUE(add(v4_piece(first, 1)).empty());
    EXPECT_TRUE(add(v4_piece(last, 2)).empty()) << "other identification";
    EXPECT_TRUE(add(v6_piece(last, 1)).empty()) << "other family";
    EXPECT_TRUE(add(v4_piece(last, 1), 1).empty()) << "other port";
    EXPECT_TRUE(add(v4_piece(last, 1), 0, dataplane::Origin::kHost).empty()) << "other origin";
    const Bytes other_protocol = Packet()
                                     .eth()
                                     .ipv4("10.0.0.1", "10.0.1.1")
                                     .id(1)
                                     .fragment(16, false)
                                     .protocol(6)
                                     .payload(5)
                                     .bytes();
    EXPECT_TRUE(add(other_protocol).empty()) << "other protocol";
    EXPECT_EQ(add(v4_piece(last, 1)).size(), 2U);
}

TEST_F(FragmentTableTest, ClearFragmentsDoNotCompleteProtectedDatagrams) {
    constexpr auto kWire = dataplane::Origin::kWire;
    for (const bool v6 : {false, true}) {
        const auto piece = [&](const Piece& at) { return v6 ? v6_piece(at, 1) : v4_piece(at, 1); };
        const Piece first{0, 16, true};
        const Piece last{16, 5, false};
        EXPECT_TRUE(add(piece(first), 0, kWire, 5).empty());
        EXPECT_TRUE(add(piece(last)).empty()) << "in clear";
        EXPECT_TRUE(add(piece(last), 0, kWire, 6).empty()) << "by another SA";
        EXPECT_EQ(add(piece(last), 0, kWire, 5).size(), 2U);
        EXPECT_EQ(add(piece(first)).size(), 2U) << "the clear ones are a datagram of their own";
    }
}

TEST_F(FragmentTableTest, LaterFragmentsTakeTheFirstOnesProtocol) {
    const Bytes later = Packet()
                            .eth()
                            .ipv6("2001:db8::1", "2001:db8::2")
                            .fragment6(16, false, 1)
                            .protocol(60)
                            .payload(5)
                            .bytes();
    EXPECT_TRUE(add(later).empty());
    EXPECT_EQ(add(v6_piece({0, 16, true}, 1)).size(), 2U);
}

TEST_F(FragmentTableTest, RefusesNewDatagramsWhenFull) {
    for (std::uint16_t id = 0; id < 8; ++id) {
        add(v4_piece({0, 16, true}, id));
    }
    add(v4_piece({0, 16, true}, 100));
    EXPECT_EQ(drops(DropReason::kFragmentLimit), 1U);
    EXPECT_EQ(add(v4_piece({16, 5, false}, 3)).size(), 2U) << "those it has can be completed";
    add(v4_piece({0, 16, true}, 100));
    EXPECT_EQ(table_.datagrams(), 8U);
}

TEST_F(FragmentTableTest, LimitsFragmentsOfOneDatagram) {
    for (std::uint16_t i = 0; i <= FragmentTable::kMaxFragments; ++i) {
        add(v4_piece({static_cast<std::uint16_t>(i * 16), 16, true}, 1));
    }
    EXPECT_EQ(drops(DropReason::kFragmentLimit), FragmentTable::kMaxFragments + 1U);
    EXPECT_EQ(table_.fragments(), 0U);
}

TEST_F(FragmentTableTest, ReleasesTheLargestDatagramItTakes) {
    for (std::uint16_t i = 0; i + 1U < FragmentTable::kMaxFragments; ++i) {
        add(v4_piece({static_cast<std::uint16_t>(i * 16), 16, true}, 1));
    }
    EXPECT_EQ(add(v4_piece({63 * 16, 16, false}, 1)).size(), FragmentTable::kMaxFragments);
}

TEST_F(FragmentTableTest, LimitsFragmentsInAll) {
    for (std::uint16_t i = 0; i < 60; ++i) {
        add(v4_piece({static_cast<std::uint16_t>(i * 16), 16, true}, 1));
        add(v4_piece({static_cast<std::uint16_t>(i * 16), 16, true}, 2));
        EXPECT_LE(table_.fragments(), 100U);
    }
    EXPECT_GT(drops(DropReason::kFragmentLimit), 0U);
}

TEST_F(FragmentTableTest, TimesOutFromTheFirstArrival) {
    add(v4_piece({0, 16, true}, 1));
    now_ = 20;
    add(v4_piece({16, 8, true}, 1));
    add(v4_piece({0, 16, true}, 2));
    table_.expire(29, *counters_);
    EXPECT_EQ(table_.datagrams(), 2U);
    table_.expire(30, *counters_);
    EXPECT_EQ(drops(DropReason::kFragmentTimeout), 2U);
    EXPECT_EQ(table_.datagrams(), 1U);
    table_.expire(50, *counters_);
    EXPECT_EQ(drops(DropReason::kFragmentTimeout), 3U);
}

TEST_F(FragmentTableTest, RefusedDatagramsStartAfreshAfterTheTimeout) {
    add(v4_piece({0, 16, true}, 1));
    add(v4_piece({0, 16, true}, 1));
    add(v4_piece({16, 5, false}, 1));
    EXPECT_EQ(drops(DropReason::kFragmentOverlap), 3U);
    table_.expire(30, *counters_);
    now_ = 30;
    add(v4_piece({0, 16, true}, 1));
    EXPECT_EQ(add(v4_piece({16, 5, false}, 1)).size(), 2U);
}

TEST_F(FragmentTableTest, SurvivesAFlood) {
    for (std::uint16_t id = 0; id < 20000; ++id) {
        ++now_;
        table_.expire(now_, *counters_);
        add(v4_piece({16, 16, true}, id));
        ASSERT_LE(table_.datagrams(), 8U);
    }
    EXPECT_GT(drops(DropReason::kFragmentLimit), 0U);
    EXPECT_GT(drops(DropReason::kFragmentTimeout), 0U);
}

}  // namespace
