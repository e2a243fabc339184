#include "dataplane/fragment_out.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using dataplane::PacketMeta;
using tests::Bytes;
using tests::Packet;

class FragmentOutTest : public ::testing::Test {
  protected:
    ~FragmentOutTest() override { EXPECT_EQ(pool_.in_use(), 0U); }

    std::vector<Bytes> fragments_of(rte_mbuf* packet, std::uint16_t mtu) {
        EXPECT_EQ(dataplane::parse(packet, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        dataplane::meta_of(packet).sa = 99;
        const bool v4 = dataplane::meta_of(packet).family == config::Family::kIpv4;
        const dataplane::FragmentsOut out =
            v4 ? dataplane::fragment_ipv4(packet, mtu, pool_.get())
               : dataplane::fragment_ipv6(packet, mtu, kIdentification, pool_.get());
        std::vector<Bytes> frames;
        for (std::size_t i = 0; i < out.count; ++i) {
            frames.push_back(tests::FakePool::bytes_of(out.packets[i]));
            expect_parsed(out.packets[i], dataplane::meta_of(packet));
            rte_pktmbuf_free(out.packets[i]);
        }
        rte_pktmbuf_free(packet);
        return frames;
    }

    // Its meta is what parse() finds, but for what only the whole packet shows.
    void expect_parsed(rte_mbuf* fragment, const PacketMeta& whole) {
        const PacketMeta made = dataplane::meta_of(fragment);
        EXPECT_EQ(dataplane::parse(fragment, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        const PacketMeta& parsed = dataplane::meta_of(fragment);
        EXPECT_EQ(made.fragment, parsed.fragment);
        EXPECT_EQ(made.more_fragments, parsed.more_fragments);
        EXPECT_EQ(made.fragment_offset, parsed.fragment_offset);
        EXPECT_EQ(made.fragment_length, parsed.fragment_length);
        EXPECT_EQ(made.fragment_id, parsed.fragment_id);
        EXPECT_EQ(made.l3_length, parsed.l3_length);
        EXPECT_EQ(made.l4_offset, parsed.l4_offset);
        EXPECT_EQ(made.protocol, whole.protocol);
        EXPECT_EQ(made.source_port, whole.source_port);
        EXPECT_EQ(made.destination_port, whole.destination_port);
        EXPECT_EQ(made.sa, 99U);
    }

    static constexpr std::uint32_t kIdentification = 0xA1B2C3D4;
    tests::FakePool pool_{64};
};

Packet base() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(77);
}
Bytes payload_of(const Bytes& frame, std::size_t header, std::size_t at, std::size_t length) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(14 + header + at);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

TEST_F(FragmentOutTest, CutsAtMultiplesOfEight) {
    const Bytes whole = base().udp(1, 2).payload(52).bytes();  // 60 bytes behind the IP header
    const std::vector<Bytes> expected = {
        base().fragment(0, true).protocol(17).payload(payload_of(whole, 20, 0, 24)).bytes(),
        base().fragment(24, true).protocol(17).payload(payload_of(whole, 20, 24, 24)).bytes(),
        base().fragment(48, false).protocol(17).payload(payload_of(whole, 20, 48, 12)).bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 44), expected);
    EXPECT_EQ(fragments_of(pool_.make(whole), 51), expected) << "31 bytes of room hold 24";
}

TEST_F(FragmentOutTest, CutsAFragmentFurther) {
    const Bytes whole = base().fragment(160, true).protocol(17).payload(32).bytes();
    const std::vector<Bytes> expected = {
        base().fragment(160, true).protocol(17).payload(payload_of(whole, 20, 0, 24)).bytes(),
        base().fragment(184, true).protocol(17).payload(payload_of(whole, 20, 24, 8)).bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 44), expected);
}

TEST_F(FragmentOutTest, CopiesOnlyOptionsWithTheCopiedFlag) {
    // Record route (7) stays with the first, router alert (148) goes with all; NOP is dropped.
    const Bytes all_options{7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};
    const Bytes whole = base().options(all_options).udp(1, 2).payload(24).bytes();
    const std::vector<Bytes> expected = {
        base()
            .options(all_options)
            .fragment(0, true)
            .protocol(17)
            .payload(payload_of(whole, 32, 0, 24))
            .bytes(),
        base()
            .options({148, 4, 0, 0})
            .fragment(24, false)
            .protocol(17)
            .payload(payload_of(whole, 32, 24, 8))
            .bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 56), expected);
}

TEST_F(FragmentOutTest, ReadsPayloadAcrossSegments) {
    const Bytes whole = base().udp(1, 2).payload(200).bytes();
    EXPECT_EQ(fragments_of(pool_.make_segmented(whole, 50), 100),
              fragments_of(pool_.make(whole), 100));
}

TEST_F(FragmentOutTest, GivesNothingWhenBuffersRunOut) {
    const Bytes whole = base().udp(1, 2).payload(1000).bytes();
    std::vector<rte_mbuf*> hoard;
    while (pool_.in_use() < 61) {
        hoard.push_back(pool_.make(whole));
    }
    EXPECT_TRUE(fragments_of(pool_.make(whole), 300).empty());
    for (rte_mbuf* mbuf : hoard) {
        rte_pktmbuf_free(mbuf);
    }
}

TEST_F(FragmentOutTest, GivesNothingWhenTheHeaderLeavesNoRoom) {
    EXPECT_TRUE(fragments_of(pool_.make(base().udp(1, 2).payload(40).bytes()), 27).empty());
}

Packet base6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}
constexpr std::uint32_t kId6 = 0xA1B2C3D4;

TEST_F(FragmentOutTest, PutsAFragmentHeaderBehindTheIpv6Header) {
    const Bytes whole = base6().udp(1, 2).payload(52).bytes();  // 60 bytes behind the IP header
    const auto piece = [&](std::uint16_t at, std::size_t length, bool more) {
        return base6()
            .fragment6(at, more, kId6)
            .protocol(17)
            .payload(payload_of(whole, 40, at, length))
            .bytes();
    };
    const std::vector<Bytes> expected = {
        piece(0, 24, true), piece(24, 24, true), piece(48, 12, false)};
    EXPECT_EQ(fragments_of(pool_.make(whole), 72), expected);
    EXPECT_EQ(fragments_of(pool_.make(whole), 79), expected) << "31 bytes of room hold 24";
    EXPECT_EQ(fragments_of(pool_.make_segmented(whole, 80), 72), expected);
}

struct ChainRow {
    const char* description;
    std::size_t repeated;  // bytes of headers that every fragment has, IPv6 header included
    Packet whole, front;   // the packet; the headers in front of the fragment header
    std::uint8_t next;     // what the fragment header says follows
};

// RFC 8200 4.5: up to the routing header, else the hop-by-hop options.
TEST_F(FragmentOutTest, RepeatsTheHeadersThatRoutersOnTheWayRead) {
    const std::vector<ChainRow> rows = {
        {"hop-by-hop options", 48, base6().hop_by_hop().udp(1, 2), base6().hop_by_hop(), 17},
        {"destination options", 40, base6().destination_options().udp(1, 2), base6(), 60},
        {"routing header", 48, base6().routing(4).udp(1, 2), base6().routing(4), 17},
        {"destination options on both sides of a routing header",
         64,
         base6().hop_by_hop().destination_options().routing(4).destination_options().udp(1, 2),
         base6().hop_by_hop().destination_options().routing(4),
         60},
    };
    for (const ChainRow& row : rows) {
        SCOPED_TRACE(row.description);
        Packet packet = row.whole;
        const Bytes whole = packet.payload(100).bytes();
        const std::size_t body = whole.size() - 14 - row.repeated;
        std::vector<Bytes> expected;
        for (std::size_t at = 0; at < body; at += 40) {
            const std::size_t length = std::min<std::size_t>(40, body - at);
            Packet front = row.front;
            expected.push_back(front.fragment6(static_cast<std::uint16_t>(at), at + 40 < body, kId6)
                                   .protocol(row.next)
                                   .payload(payload_of(whole, row.repeated, at, length))
                                   .bytes());
        }
        const auto mtu = static_cast<std::uint16_t>(row.repeated + 8 + 40);
        EXPECT_EQ(fragments_of(pool_.make(whole), mtu), expected);
    }
}

TEST_F(FragmentOutTest, KeepsAllIpv6HeadersInTheFirstFragment) {
    const Bytes whole = base6().destination_options().udp(1, 2).payload(100).bytes();
    EXPECT_TRUE(fragments_of(pool_.make(whole), 48 + 8).empty());
    EXPECT_FALSE(fragments_of(pool_.make(whole), 48 + 16).empty());
}

TEST_F(FragmentOutTest, CutsTheLongestIpv6PacketForTheLeastMtu) {
    tests::FakePool large(1, 0xFFFF - RTE_PKTMBUF_HEADROOM);
    const Bytes whole = base6().protocol(50).payload(65321 - 40).bytes();
    const std::vector<Bytes> fragments = fragments_of(large.make(whole), 1280);
    EXPECT_EQ(fragments.size(), (65321 - 40 + 1231) / 1232U);
    Bytes joined;
    for (const Bytes& fragment : fragments) {
        EXPECT_LE(fragment.size(), 14U + 1280);
        joined.insert(joined.end(), fragment.begin() + 14 + 48, fragment.end());
    }
    EXPECT_EQ(joined, payload_of(whole, 40, 0, 65321 - 40));
}

TEST_F(FragmentOutTest, CutsNoIpv6PacketThatHasAFragmentHeader) {
    // RFC 6946: a datagram in one fragment, which parse() takes for whole.
    const Bytes whole = base6().fragment6(0, false, 1).udp(1, 2).payload(100).bytes();
    EXPECT_TRUE(fragments_of(pool_.make(whole), 100).empty());
}

TEST_F(FragmentOutTest, GivesNoIpv6FragmentsWhenBuffersRunOut) {
    const Bytes whole = base6().udp(1, 2).payload(1000).bytes();
    std::vector<rte_mbuf*> hoard;
    while (pool_.in_use() < 61) {
        hoard.push_back(pool_.make(whole));
    }
    EXPECT_TRUE(fragments_of(pool_.make(whole), 300).empty());
    for (rte_mbuf* mbuf : hoard) {
        rte_pktmbuf_free(mbuf);
    }
}

}  // namespace
