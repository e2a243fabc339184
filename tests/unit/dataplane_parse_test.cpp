#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

namespace {

using dataplane::DropReason;
using dataplane::FragmentKind;
using dataplane::PacketMeta;
using dataplane::ParseMode;
using dataplane::ParseNext;
using dataplane::ParseResult;
using tests::Bytes;
using tests::Packet;

class ParseTest : public ::testing::Test {
  protected:
    ~ParseTest() override {
        rte_pktmbuf_free(mbuf_);
        EXPECT_EQ(pool_.in_use(), 0U);
    }

    ParseResult parse(const Bytes& bytes, ParseMode mode = ParseMode::kRouted) {
        return take(pool_.make(bytes), mode);
    }
    ParseResult take(rte_mbuf* mbuf, ParseMode mode = ParseMode::kRouted) {
        rte_pktmbuf_free(mbuf_);
        mbuf_ = mbuf;
        return dataplane::parse(mbuf_, mode, tests::kGatewayMac);
    }
    const PacketMeta& meta() { return dataplane::meta_of(mbuf_); }
    Bytes frame() { return tests::FakePool::bytes_of(mbuf_); }

    tests::FakePool pool_{16};
    rte_mbuf* mbuf_ = nullptr;
};

Packet v4() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1");
}
Packet v4(std::string_view source, std::string_view destination) {
    return Packet().eth().ipv4(source, destination);
}
Packet v6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8:1::1");
}
Packet v6(std::string_view source, std::string_view destination) {
    return Packet().eth().ipv6(source, destination);
}
Bytes cut(Bytes bytes, std::size_t length) {
    bytes.resize(length);
    return bytes;
}
Bytes with_chain(unsigned length) {
    Packet packet = v6();
    for (unsigned i = 0; i < length; ++i) {
        packet.destination_options();
    }
    return packet.udp(1, 2).bytes();
}

struct DropRow {
    const char* description;
    DropReason reason;
    Bytes frame;
    ParseMode mode = ParseMode::kRouted;
};

std::vector<DropRow> frame_rows() {
    return {
        {"13 bytes", DropReason::kRuntFrame, Bytes(13)},
        {"nothing at all", DropReason::kRuntFrame, Bytes()},
        {"tag cut off",
         DropReason::kRuntFrame,
         cut(Packet().eth().vlan(5).bytes(), 16),
         ParseMode::kTransparent},
        {"MAC of somebody else",
         DropReason::kNotForUs,
         Packet().eth(tests::kHostMac, tests::kPeerMac).ipv4("10.0.0.1", "10.0.1.1").bytes()},
        {"tag on a routed port",
         DropReason::kVlanTagged,
         Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.1.1").udp(1, 2).bytes()},
        {"tag from the kernel",
         DropReason::kVlanTagged,
         Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.1.1").udp(1, 2).bytes(),
         ParseMode::kHost},
        {"three tags",
         DropReason::kVlanTagged,
         Packet().eth().vlan(1, 0x88A8).vlan(2).vlan(3).ipv4("10.0.0.1", "10.0.1.1").bytes(),
         ParseMode::kTransparent},
        {"MPLS",
         DropReason::kUnknownEthertype,
         Packet().eth().ethertype(0x8847).payload(50).bytes()},
        {"IPv4 in SNAP",
         DropReason::kUnknownEthertype,
         Packet()
             .eth()
             .ethertype(28)
             .payload(Bytes{0xAA, 0xAA, 3, 0, 0, 0, 8, 0})
             .payload(20)
             .bytes(),
         ParseMode::kTransparent},
    };
}

std::vector<DropRow> ipv4_rows() {
    using enum DropReason;
    return {
        {"19 bytes of header", kIpTruncated, cut(v4().udp(1, 2).bytes(), 33)},
        {"total length beyond the frame",
         kIpTruncated,
         cut(v4().udp(1, 2).payload(20).bytes(), 60)},
        {"version 6 under EtherType IPv4", kIpBadVersion, v4().poke_ipv4(0, 0x65).bytes()},
        {"header length 16", kIpBadHeaderLength, v4().udp(1, 2).poke_ipv4(0, 0x44).bytes()},
        {"header length past the frame",
         kIpBadHeaderLength,
         v4().udp(1, 2).poke_ipv4(0, 0x4F).bytes()},
        {"total length below header length", kIpBadLength, v4().udp(1, 2).poke_ipv4(3, 19).bytes()},
        {"checksum", kIpBadChecksum, v4().udp(1, 2).poke(24, 0x55).bytes()},
        {"option of length 1", kIpBadOptions, v4().options({7, 1, 0}).udp(1, 2).bytes()},
        {"option longer than the header", kIpBadOptions, v4().options({7, 9, 4}).bytes()},
        {"option without a length", kIpBadOptions, v4().options({1, 1, 1, 7}).bytes()},
        {"loose source route",
         kIpSourceRoute,
         v4().options({1, 131, 7, 4, 10, 0, 0, 9}).udp(1, 2).bytes()},
        {"strict source route",
         kIpSourceRoute,
         v4().options({137, 7, 4, 10, 0, 0, 9}).udp(1, 2).bytes()},
        {"source route on a transparent port",
         kIpSourceRoute,
         v4().options({137, 7, 4, 10, 0, 0, 9}).udp(1, 2).bytes(),
         ParseMode::kTransparent},
        {"19 bytes of TCP", kL4Truncated, v4().protocol(6).payload(19).bytes()},
        {"TCP header length below 20", kL4Truncated, v4().tcp(1, 2).poke(46, 0x40).bytes()},
        {"TCP header length past the end", kL4Truncated, v4().tcp(1, 2).poke(46, 0x60).bytes()},
        {"7 bytes of UDP", kL4Truncated, v4().protocol(17).payload(7).bytes()},
        {"7 bytes of ICMP", kL4Truncated, v4().protocol(1).payload(7).bytes()},
        {"first fragment with half a TCP header",
         kFragmentBad,
         v4().fragment(0, true).protocol(6).payload(16).bytes()},
        {"first fragment cut inside the TCP options",
         kFragmentBad,
         v4().fragment(0, true).tcp(1, 2).payload(4).poke(46, 0x80).bytes()},
        {"fragment not a multiple of eight",
         kFragmentBad,
         v4().fragment(8, true).protocol(17).payload(15).bytes()},
        {"fragment without payload", kFragmentBad, v4().fragment(8, false).protocol(17).bytes()},
        {"fragment that ends past 65535",
         kFragmentBad,
         v4().fragment(65512, false).protocol(17).payload(8).bytes()},
    };
}

std::vector<DropRow> ipv6_rows() {
    using enum DropReason;
    return {
        {"39 bytes of header", kIpTruncated, cut(v6().udp(1, 2).bytes(), 53)},
        {"payload length beyond the frame",
         kIpTruncated,
         cut(v6().udp(1, 2).payload(20).bytes(), 70)},
        {"version 4 under EtherType IPv6", kIpBadVersion, v6().udp(1, 2).poke(14, 0x45).bytes()},
        {"type 0 routing header", kIpSourceRoute, v6().routing(0, 1).udp(1, 2).bytes()},
        {"hop-by-hop options in second place",
         kIpBadExtension,
         v6().destination_options().hop_by_hop().udp(1, 2).bytes()},
        {"extension header past the end",
         kIpBadExtension,
         v6().destination_options().udp(1, 2).poke(55, 9).bytes()},
        {"extension header cut off", kIpBadExtension, v6().protocol(60).payload(7).bytes()},
        {"nine extension headers", kIpBadExtension, with_chain(9)},
        {"two fragment headers",
         kIpBadExtension,
         v6().fragment6(0, false, 1).fragment6(0, false, 1).udp(1, 2).bytes()},
        {"19 bytes of TCP", kL4Truncated, v6().protocol(6).payload(19).bytes()},
        {"7 bytes of ICMPv6", kL4Truncated, v6().protocol(58).payload(7).bytes()},
        {"chain goes on behind the first fragment",
         kFragmentBad,
         v6().fragment6(0, true, 1).protocol(60).payload(Bytes{17, 1, 0, 0, 0, 0, 0, 0}).bytes()},
        {"half a UDP header in the first fragment of an odd length",
         kFragmentBad,
         v6().fragment6(0, true, 1).protocol(17).payload(4).bytes()},
        {"fragment that ends past 65535",
         kFragmentBad,
         v6().fragment6(65528, false, 1).protocol(17).payload(16).bytes()},
        {"router advertisement with hop limit 64",
         kNeighborBad,
         v6("fe80::1", "ff02::1").icmp6(134).payload(8).bytes()},
        {"fragmented neighbour solicitation",
         kNeighborBad,
         v6("fe80::1", "ff02::1").ttl(255).fragment6(0, true, 1).icmp6(135).bytes()},
    };
}

std::vector<DropRow> martian_rows() {
    using enum DropReason;
    std::vector<DropRow> rows;
    for (const char* source :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
        rows.push_back({source, kMartianSource, v4(source, "10.0.1.1").udp(1, 2).bytes()});
    }
    for (const char* destination : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1"}) {
        rows.push_back(
            {destination, kMartianDestination, v4("10.0.0.1", destination).udp(1, 2).bytes()});
    }
    for (const char* source : {"::", "::1", "ff02::1", "::ffff:10.0.0.1"}) {
        rows.push_back({source, kMartianSource, v6(source, "2001:db8::2").udp(1, 2).bytes()});
    }
    for (const char* destination : {"::", "::1", "ff01::1", "ff00::1", "::ffff:10.0.0.1"}) {
        rows.push_back(
            {destination, kMartianDestination, v6("2001:db8::1", destination).udp(1, 2).bytes()});
    }
    rows.push_back({"0.0.0.0 to the broadcast address, but not DHCP",
                    kMartianSource,
                    v4("0.0.0.0", "255.255.255.255").udp(68, 69).bytes()});
    return rows;
}

class ParseDropTest : public ParseTest {
  protected:
    void run(const std::vector<DropRow>& rows) {
        for (const DropRow& row : rows) {
            SCOPED_TRACE(row.description);
            const ParseResult result = parse(row.frame, row.mode);
            EXPECT_EQ(result.next, ParseNext::kDrop);
            EXPECT_EQ(dataplane::kDropReasons[static_cast<std::size_t>(result.reason)].token,
                      dataplane::kDropReasons[static_cast<std::size_t>(row.reason)].token);
        }
    }
};

TEST_F(ParseDropTest, BadFramesAreDroppedWithTheirReason) {
    run(frame_rows());
}

TEST_F(ParseDropTest, BadIpv4IsDroppedWithItsReason) {
    run(ipv4_rows());
}

TEST_F(ParseDropTest, BadIpv6IsDroppedWithItsReason) {
    run(ipv6_rows());
}

TEST_F(ParseDropTest, MartiansAreDropped) {
    run(martian_rows());
}

TEST_F(ParseTest, FillsInTcpOverIpv4) {
    ASSERT_EQ(parse(v4().tcp(1234, 80).payload(5).bytes()).next, ParseNext::kIp);
    EXPECT_EQ(meta().family, config::Family::kIpv4);
    EXPECT_EQ(meta().protocol, 6);
    EXPECT_EQ(meta().l3_offset, 14);
    EXPECT_EQ(meta().l4_offset, 34);
    EXPECT_EQ(meta().l3_length, 45);
    EXPECT_EQ(meta().source_port, 1234);
    EXPECT_EQ(meta().destination_port, 80);
    EXPECT_EQ(meta().fragment, FragmentKind::kWhole);
}

TEST_F(ParseTest, FindsTheUpperLayerBehindExtensionHeaders) {
    ASSERT_EQ(parse(v6().hop_by_hop().destination_options().routing(2).udp(5, 6).bytes()).next,
              ParseNext::kIp);
    EXPECT_EQ(meta().family, config::Family::kIpv6);
    EXPECT_EQ(meta().protocol, 17);
    EXPECT_EQ(meta().l4_offset, 14 + 40 + 24);
    EXPECT_EQ(meta().destination_port, 6);
    EXPECT_EQ(parse(with_chain(8)).next, ParseNext::kIp);
}

TEST_F(ParseTest, WalksOptionsToTheUpperLayer) {
    ASSERT_EQ(parse(v4().options({1, 148, 4, 0, 0}).udp(5, 6).bytes()).next, ParseNext::kIp);
    EXPECT_EQ(meta().l4_offset, 14 + 28);
    EXPECT_EQ(meta().source_port, 5);
}

TEST_F(ParseTest, CutsPaddingOff) {
    const Packet packet = v4().udp(1, 2);
    ASSERT_EQ(parse(Packet(packet).padding(18).bytes()).next, ParseNext::kIp);
    EXPECT_EQ(frame(), packet.bytes());
}

TEST_F(ParseTest, LeavesPaddingOfATransparentFrame) {
    const Bytes bytes = v4().udp(1, 2).padding(18).bytes();
    ASSERT_EQ(parse(bytes, ParseMode::kTransparent).next, ParseNext::kIp);
    EXPECT_EQ(frame(), bytes);
}

TEST_F(ParseTest, CutsPaddingOffOverSeveralSegments) {
    const Packet packet = v4().udp(1, 2).payload(100);
    const Bytes padded = Packet(packet).padding(150).bytes();
    ASSERT_EQ(take(pool_.make_segmented(padded, 64)).next, ParseNext::kIp);
    EXPECT_EQ(frame(), packet.bytes());
    EXPECT_EQ(mbuf_->nb_segs, 3);
    EXPECT_EQ(mbuf_->pkt_len, packet.bytes().size());
    EXPECT_EQ(pool_.in_use(), 3U);
}

TEST_F(ParseTest, RefusesHeadersBehindTheFirstSegment) {
    const Bytes bytes = v4().tcp(1, 2).payload(100).bytes();
    for (const std::size_t segment : {14U, 33U, 53U}) {
        SCOPED_TRACE(segment);
        EXPECT_EQ(take(pool_.make_segmented(bytes, segment)).reason, DropReason::kSegmentedFrame);
    }
    EXPECT_EQ(take(pool_.make_segmented(bytes, 54)).next, ParseNext::kIp);
}

TEST_F(ParseTest, DescribesIpv4Fragments) {
    ASSERT_EQ(parse(v4().id(7).fragment(0, true).udp(5, 6).payload(24).bytes()).next,
              ParseNext::kIp);
    EXPECT_EQ(meta().fragment, FragmentKind::kFirst);
    EXPECT_TRUE(meta().more_fragments);
    EXPECT_EQ(meta().fragment_id, 7U);
    EXPECT_EQ(meta().fragment_length, 32);
    EXPECT_EQ(meta().source_port, 5);

    ASSERT_EQ(parse(v4().id(7).fragment(32, false).protocol(17).payload(9).bytes()).next,
              ParseNext::kIp);
    EXPECT_EQ(meta().fragment, FragmentKind::kLater);
    EXPECT_FALSE(meta().more_fragments);
    EXPECT_EQ(meta().fragment_offset, 32);
    EXPECT_EQ(meta().fragment_length, 9);
    EXPECT_EQ(meta().source_port, 0);
}

TEST_F(ParseTest, DescribesIpv6Fragments) {
    ASSERT_EQ(
        parse(v6().fragment6(0, true, 0x01020304).destination_options().udp(5, 6).bytes()).next,
        ParseNext::kIp);
    EXPECT_EQ(meta().fragment, FragmentKind::kFirst);
    EXPECT_EQ(meta().fragment_id, 0x01020304U);
    EXPECT_EQ(meta().fragment_length, 16);
    EXPECT_EQ(meta().destination_port, 6);

    // RFC 8200 4.5: what looks like an extension header in a later fragment is payload.
    ASSERT_EQ(parse(v6().fragment6(16, false, 9).protocol(60).payload(3).bytes()).next,
              ParseNext::kIp);
    EXPECT_EQ(meta().fragment, FragmentKind::kLater);
    EXPECT_EQ(meta().fragment_length, 3);
}

TEST_F(ParseTest, TreatsAnAtomicFragmentAsWhole) {
    ASSERT_EQ(parse(v6().fragment6(0, false, 9).udp(5, 6).bytes()).next, ParseNext::kIp);
    EXPECT_EQ(meta().fragment, FragmentKind::kWhole);
    EXPECT_EQ(meta().source_port, 5);
}

TEST_F(ParseTest, EndsTheChainAtAhAndEsp) {
    for (const std::uint8_t protocol : Bytes{50, 51}) {
        ASSERT_EQ(parse(v6().protocol(protocol).payload(24).bytes()).next, ParseNext::kIp);
        EXPECT_EQ(meta().protocol, protocol);
        EXPECT_EQ(meta().l4_offset, 54);
    }
}

struct NextRow {
    const char* description;
    ParseNext next;
    Bytes frame;
    ParseMode mode = ParseMode::kRouted;
};

TEST_F(ParseTest, SendsFramesWhereTheyBelong) {
    const std::vector<NextRow> rows = {
        {"ARP",
         ParseNext::kNeighbor,
         Packet().eth(tests::kHostMac, tests::kBroadcastMac).ethertype(0x0806).payload(28).bytes()},
        {"ARP on a transparent port",
         ParseNext::kNeighbor,
         Packet().eth().ethertype(0x0806).payload(28).bytes(),
         ParseMode::kTransparent},
        {"duplicate address detection",
         ParseNext::kNeighbor,
         v6("::", "ff02::1:ff00:1").ttl(255).icmp6(135).payload(16).bytes()},
        {"redirect",
         ParseNext::kNeighbor,
         v6("fe80::1", "2001:db8::1").ttl(255).icmp6(137).payload(32).bytes()},
        {"echo request with hop limit 255",
         ParseNext::kIp,
         v6().ttl(255).icmp6(128).payload(8).bytes()},
        {"multicast listener report without a source",
         ParseNext::kIp,
         v6("::", "ff02::16").hop_by_hop().icmp6(143).payload(8).bytes()},
        {"DHCP without a source",
         ParseNext::kIp,
         v4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(8).bytes()},
        {"solicitation with hop limit 64 between others",
         ParseNext::kIp,
         v6("fe80::1", "fe80::2").icmp6(135).payload(16).bytes(),
         ParseMode::kTransparent},
        {"two tags before IPv4",
         ParseNext::kIp,
         Packet().eth().vlan(1, 0x88A8).vlan(2).ipv4("10.0.0.1", "10.0.1.1").udp(1, 2).bytes(),
         ParseMode::kTransparent},
        {"martian between others",
         ParseNext::kIp,
         v4("127.0.0.1", "10.0.1.1").udp(1, 2).bytes(),
         ParseMode::kTransparent},
        {"MPLS between others",
         ParseNext::kOther,
         Packet().eth().ethertype(0x8847).payload(50).bytes(),
         ParseMode::kTransparent},
        {"spanning tree between others",
         ParseNext::kOther,
         Packet().eth().ethertype(38).payload(Bytes{0x42, 0x42, 3}).payload(35).bytes(),
         ParseMode::kTransparent},
        {"frame of the kernel to any MAC",
         ParseNext::kIp,
         Packet()
             .eth(tests::kGatewayMac, tests::kPeerMac)
             .ipv4("10.0.0.1", "10.0.1.1")
             .udp(1, 2)
             .bytes(),
         ParseMode::kHost},
    };
    for (const NextRow& row : rows) {
        SCOPED_TRACE(row.description);
        EXPECT_EQ(parse(row.frame, row.mode).next, row.next);
    }
}

TEST_F(ParseTest, NeverLooksPastTheFrame) {
    // Every prefix of a packet with all kinds of headers; the sanitizers watch.
    const std::vector<Bytes> frames = {
        v4().options({1, 148, 4, 0, 0}).tcp(1, 2).payload(9).bytes(),
        v6().hop_by_hop().routing(2).fragment6(0, true, 1).destination_options().udp(1, 2).bytes(),
        Packet().eth().vlan(1).vlan(2).ipv6("2001:db8::1", "2001:db8::2").icmp6(135).bytes()};
    for (const Bytes& whole : frames) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const ParseResult result = parse(cut(whole, length), ParseMode::kTransparent);
            EXPECT_NE(result.next, ParseNext::kIp) << length;
        }
    }
}

TEST_F(ParseTest, BurstGivesEachPacketItsResult) {
    std::vector<rte_mbuf*> burst;
    for (unsigned i = 0; i < 6; ++i) {
        burst.push_back(pool_.make(i % 2 == 0 ? v4().udp(1, 2).bytes() : Bytes(13)));
    }
    std::vector<ParseResult> results(burst.size());
    dataplane::parse_burst(burst, ParseMode::kRouted, tests::kGatewayMac, results);
    for (unsigned i = 0; i < 6; ++i) {
        EXPECT_EQ(results[i].next, i % 2 == 0 ? ParseNext::kIp : ParseNext::kDrop);
        rte_pktmbuf_free(burst[i]);
    }
}

}  // namespace
