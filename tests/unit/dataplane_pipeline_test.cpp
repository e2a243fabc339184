#include "dataplane/pipeline.h"
#include "tests/support/pipeline_harness.h"

#include <gtest/gtest.h>

#include <optional>

namespace {

using config::Action;
using config::Family;
using dataplane::DropReason;
using dataplane::Event;
using dataplane::EventKind;
using dataplane::InjectionKind;
using tests::address;
using tests::Bytes;
using tests::kGatewayMac;
using tests::kHostMac;
using tests::kLan;
using tests::kPairA;
using tests::kPairB;
using tests::kPeerMac;
using tests::kWan;
using tests::kWanMac;
using tests::Packet;
using tests::Sent;

class PipelineTest : public ::testing::Test {
  protected:
    ~PipelineTest() override {
        // Nothing is lost and nothing leaks, whatever the test did.
        static_cast<void>(net_.take_sent());
        net_.discard_events();
        net_.pipeline().drain();
        EXPECT_TRUE(net_.pipeline().is_conserved());
        EXPECT_EQ(net_.pool().in_use(), 0U);
    }

    void expect_dropped(DropReason reason, std::uint64_t count = 1) {
        EXPECT_EQ(net_.drops(reason), count) << dataplane::kDropReasons[std::size_t(reason)].token;
        EXPECT_EQ(net_.all_drops(), count);
    }
    std::vector<std::pair<EventKind, std::uint16_t>> take_event_kinds() {
        std::vector<std::pair<EventKind, std::uint16_t>> kinds;
        for (const Event& event : net_.take_events()) {
            kinds.emplace_back(event.kind, event.port);
            rte_pktmbuf_free(event.mbuf);
        }
        return kinds;
    }

    tests::PipelineHarness net_;
};

Packet from_lan(std::string_view source, std::string_view destination) {
    return Packet().eth().ipv4(source, destination);
}
Packet from_lan6(std::string_view source, std::string_view destination) {
    return Packet().eth().ipv6(source, destination);
}
Packet to_wan4() {
    return from_lan("10.0.0.1", "10.0.1.1");
}
Packet to_wan6() {
    return from_lan6("2001:db8::1", "2001:db8:1::1");
}
// The same packets as they leave "wan".
Packet out_of_wan4(std::uint8_t ttl = 63) {
    return Packet().eth(kWanMac, kPeerMac).ipv4("10.0.0.1", "10.0.1.1").ttl(ttl);
}
Packet out_of_wan6(std::uint8_t ttl = 63) {
    return Packet().eth(kWanMac, kPeerMac).ipv6("2001:db8::1", "2001:db8:1::1").ttl(ttl);
}

struct DropRow {
    const char* description;
    DropReason reason;
    std::uint16_t port;
    Bytes frame;
};

TEST_F(PipelineTest, DropsWhatMustNotPassWithItsReason) {
    using enum DropReason;
    const auto multicast = [](const char* source, const char* destination) {
        return Packet().eth(kHostMac, {{1, 0, 0x5E, 0, 0, 5}}).ipv4(source, destination);
    };
    const std::vector<DropRow> rows = {
        {"runt", kRuntFrame, kLan, Bytes(10)},
        {"our own address as source",
         kSpoofedMe,
         kLan,
         from_lan("10.0.0.254", "10.0.1.1").udp(1, 2).bytes()},
        {"address of another port of ours as source",
         kSpoofedMe,
         kLan,
         from_lan6("2001:db8:1::fe", "2001:db8:1::1").udp(1, 2).bytes()},
        {"broadcast address of a connected network as source",
         kMartianSource,
         kLan,
         from_lan("10.0.1.255", "10.0.1.1").udp(1, 2).bytes()},
        {"unicast packet in a broadcast frame",
         kLinkBroadcast,
         kLan,
         Packet()
             .eth(kHostMac, tests::kBroadcastMac)
             .ipv4("10.0.0.1", "10.0.1.1")
             .udp(1, 2)
             .bytes()},
        {"unicast packet for us in a multicast frame",
         kLinkBroadcast,
         kLan,
         multicast("10.0.0.1", "10.0.0.254").udp(1, 2).bytes()},
        {"link-local destination",
         kMartianDestination,
         kLan,
         from_lan6("2001:db8::1", "fe80::77").udp(1, 2).bytes()},
        {"link-local address of another link",
         kMartianDestination,
         kWan,
         Packet().eth(kPeerMac, kWanMac).ipv6("2001:db8:1::1", "fe80::fe").udp(1, 2).bytes()},
        {"link-local source to another link",
         kMartianSource,
         kLan,
         from_lan6("fe80::77", "2001:db8:1::1").udp(1, 2).bytes()},
        {"IPv4 link-local source to another link",
         kMartianSource,
         kLan,
         from_lan("169.254.1.1", "10.0.1.1").udp(1, 2).bytes()},
        {"directed broadcast of another link",
         kBlackhole,
         kLan,
         from_lan("10.0.0.1", "10.0.1.255").udp(1, 2).bytes()},
        {"multicast where the kernel has no path",
         kBlackhole,
         kWan,
         Packet()
             .eth(kPeerMac, {{1, 0, 0x5E, 0, 0, 5}})
             .ipv4("10.0.1.1", "224.0.0.5")
             .udp(1, 2)
             .bytes()},
        {"TCP header cut off", kL4Truncated, kLan, to_wan4().protocol(6).payload(8).bytes()},
    };
    std::uint64_t dropped = 0;
    for (const DropRow& row : rows) {
        SCOPED_TRACE(row.description);
        const std::uint64_t before = net_.drops(row.reason);
        net_.receive(row.port, row.frame);
        EXPECT_EQ(net_.drops(row.reason), before + 1);
        EXPECT_EQ(net_.all_drops(), ++dropped);
        EXPECT_TRUE(net_.take_sent().empty());
        EXPECT_TRUE(take_event_kinds().empty());
    }
    EXPECT_EQ(
        net_.counters().ports[kLan].dropped.read() + net_.counters().ports[kWan].dropped.read(),
        dropped);
}

TEST_F(PipelineTest, ForwardsWithNewAddressesTtlAndChecksum) {
    net_.receive(kLan, to_wan4().tcp(1, 2).payload(9).bytes());
    net_.receive(kLan, to_wan6().udp(1, 2).payload(9).bytes());
    net_.receive(kLan, from_lan("10.0.0.1", "192.168.7.7").udp(3, 4).bytes());
    const std::vector<Sent> expected = {
        {kWan, out_of_wan4().tcp(1, 2).payload(9).bytes()},
        {kWan, out_of_wan6().udp(1, 2).payload(9).bytes()},
        {kWan,
         Packet().eth(kWanMac, kPeerMac).ipv4("10.0.0.1", "192.168.7.7").ttl(63).udp(3, 4).bytes()},
    };
    EXPECT_EQ(net_.take_sent(), expected);
    EXPECT_EQ(net_.counters().unmatched.read(), 3U);
    EXPECT_EQ(net_.counters().permitted.read(), 3U);
}

TEST_F(PipelineTest, KeepsTheChecksumRightForEveryTtl) {
    for (unsigned ttl = 2; ttl < 256; ++ttl) {
        const auto value = static_cast<std::uint8_t>(ttl);
        net_.receive(kLan, to_wan4().ttl(value).udp(1, 2).bytes());
        const auto left = static_cast<std::uint8_t>(ttl - 1);
        const std::vector<Sent> expected = {{kWan, out_of_wan4(left).udp(1, 2).bytes()}};
        ASSERT_EQ(net_.take_sent(), expected) << ttl;
    }
}

TEST_F(PipelineTest, BlocksAndCountsWhatTheWinningRowBlocks) {
    net_.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 17, 53),
                    tests::rule_row(Action::kPermit),
                    tests::rule_row(Action::kNegotiate, Family::kIpv6)});
    const std::vector<Bytes> burst = {to_wan4().udp(1, 53).bytes(),
                                      to_wan4().udp(1, 54).bytes(),
                                      to_wan4().udp(1, 53).payload(10).bytes(),
                                      to_wan6().udp(1, 53).bytes()};
    net_.receive(kLan, burst);
    EXPECT_EQ(net_.take_sent().size(), 1U);
    EXPECT_EQ(net_.drops(DropReason::kFilterBlock), 2U);
    EXPECT_EQ(net_.drops(DropReason::kNegotiateTransit), 1U);
    EXPECT_EQ(net_.hits(0).packets, 2U);
    EXPECT_EQ(net_.hits(0).bytes, 42U + 52U);
    EXPECT_EQ(net_.hits(1).packets, 1U);
    EXPECT_EQ(net_.hits(2).packets, 1U);
}

struct DirectionRow {
    const char* description;
    bool mirror;
    Action inbound;
    Action outbound;
    bool transit_permitted;
    bool inbound_permitted;
    bool outbound_permitted;
};

TEST_F(PipelineTest, TakesTheActionOfThePacketsDirection) {
    const std::vector<DirectionRow> rows = {
        {"as written", false, Action::kBlock, Action::kPermit, true, false, true},
        {"as written, other way", false, Action::kPermit, Action::kBlock, false, true, false},
        {"mirror", true, Action::kBlock, Action::kPermit, false, false, true},
        {"mirror, other way", true, Action::kPermit, Action::kBlock, true, true, false},
    };
    for (const DirectionRow& row : rows) {
        SCOPED_TRACE(row.description);
        config::RuleRow rule = tests::rule_row(Action::kPermit);
        rule.mirror = row.mirror;
        rule.inbound = row.inbound;
        rule.outbound = row.outbound;
        net_.set_rules({rule});
        net_.receive(kLan, to_wan4().udp(1, 2).bytes());
        EXPECT_EQ(!net_.take_sent().empty(), row.transit_permitted);
        net_.receive(kLan, from_lan("10.0.0.1", "10.0.0.254").udp(1, 2).bytes());
        EXPECT_EQ(!take_event_kinds().empty(), row.inbound_permitted);
        net_.inject(
            InjectionKind::kHostOutput, kLan, from_lan("10.0.0.254", "10.0.0.1").udp(1, 2).bytes());
        EXPECT_EQ(!net_.take_sent().empty(), row.outbound_permitted);
    }
}

TEST_F(PipelineTest, ConnectionTypeLooksAtBothPortsOfTransit) {
    config::RuleRow row = tests::rule_row(Action::kBlock);
    row.connection_type = config::ConnectionType::kDialup;
    net_.set_rules({row});
    net_.receive(kLan, to_wan4().udp(1, 2).bytes());
    EXPECT_EQ(net_.drops(DropReason::kFilterBlock), 1U) << "transit through a dialup port";
    net_.receive(kLan, from_lan("10.0.0.1", "10.0.0.254").udp(1, 2).bytes());
    EXPECT_EQ(take_event_kinds().size(), 1U) << "to this host on a lan port";
    net_.inject(
        InjectionKind::kHostOutput, kLan, from_lan("10.0.0.254", "10.0.1.1").udp(1, 2).bytes());
    EXPECT_EQ(net_.drops(DropReason::kFilterBlock), 2U) << "from this host out of a dialup port";
}

struct ExemptRow {
    const char* description;
    std::array<bool, 4> exempt;  // at level 0..3
    Bytes frame;
};

TEST_F(PipelineTest, ExemptsByLevelWhatGoesToThisHost) {
    const auto inbound = [] { return from_lan("10.0.0.1", "10.0.0.254"); };
    const std::vector<ExemptRow> rows = {
        {"IKE", {true, true, true, true}, inbound().udp(500, 500).bytes()},
        {"IKE behind NAT", {true, true, true, true}, inbound().udp(61000, 4500).bytes()},
        {"ESP", {true, true, true, true}, inbound().protocol(50).payload(20).bytes()},
        {"AH", {true, true, true, true}, inbound().protocol(51).payload(24).bytes()},
        {"IKE's port on the peer's side only",
         {false, false, false, false},
         inbound().udp(500, 22).bytes()},
        {"TCP 500", {false, false, false, false}, inbound().tcp(500, 500).bytes()},
        {"RSVP", {true, false, true, false}, inbound().protocol(46).payload(8).bytes()},
        {"Kerberos", {true, false, true, false}, inbound().tcp(88, 1024).bytes()},
        {"broadcast",
         {true, true, false, false},
         Packet()
             .eth(kHostMac, tests::kBroadcastMac)
             .ipv4("10.0.0.1", "255.255.255.255")
             .udp(1, 2)
             .bytes()},
        {"directed broadcast",
         {true, true, false, false},
         Packet()
             .eth(kHostMac, tests::kBroadcastMac)
             .ipv4("10.0.0.1", "10.0.0.255")
             .udp(1, 2)
             .bytes()},
        {"multicast",
         {true, true, false, false},
         Packet()
             .eth(kHostMac, {{1, 0, 0x5E, 0, 0, 5}})
             .ipv4("10.0.0.1", "224.0.0.5")
             .udp(1, 2)
             .bytes()},
    };
    for (const ExemptRow& row : rows) {
        for (std::uint8_t level = 0; level < 4; ++level) {
            SCOPED_TRACE(std::string(row.description) + " at level " + std::to_string(level));
            net_.set_rules({tests::rule_row(Action::kBlock)}, level);
            net_.receive(kLan, row.frame);
            EXPECT_EQ(take_event_kinds().size(), row.exempt[level] ? 1U : 0U);
        }
    }
    const std::uint64_t exempted = net_.counters().exempted.read();
    net_.set_rules({tests::rule_row(Action::kBlock)}, 0);
    net_.receive(kLan, to_wan4().udp(500, 500).bytes());
    EXPECT_TRUE(net_.take_sent().empty()) << "transit is never exempt";
    EXPECT_EQ(net_.counters().exempted.read(), exempted);
}

TEST_F(PipelineTest, GivesPacketsForThisHostToControl) {
    using Kinds = std::vector<std::pair<EventKind, std::uint16_t>>;
    net_.receive(kLan, from_lan("10.0.0.1", "10.0.0.254").icmp(8).bytes());
    EXPECT_EQ(take_event_kinds(), (Kinds{{EventKind::kHostPacket, kLan}}));
    net_.receive(kLan, from_lan6("fe80::77", "fe80::fe").icmp6(128).bytes());
    EXPECT_EQ(take_event_kinds(), (Kinds{{EventKind::kHostPacket, kLan}}));

    // An address of a port with a path, reached through one without.
    net_.receive(kWan,
                 Packet().eth(kPeerMac, kWanMac).ipv4("10.0.1.1", "10.0.0.254").icmp(8).bytes());
    const std::vector<Event> events = net_.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].port, kLan);
    const Bytes frame = tests::FakePool::bytes_of(events[0].mbuf);
    EXPECT_TRUE(std::equal(kGatewayMac.bytes.begin(), kGatewayMac.bytes.end(), frame.begin()));
    rte_pktmbuf_free(events[0].mbuf);

    EXPECT_EQ(net_.all_drops(), 0U);
    net_.receive(kWan,
                 Packet().eth(kPeerMac, kWanMac).ipv4("10.0.1.1", "10.0.1.254").icmp(8).bytes());
    expect_dropped(DropReason::kNoHostPath);
}

TEST_F(PipelineTest, GivesArpAndNeighborDiscoveryToControlUnfiltered) {
    net_.set_rules(
        {tests::rule_row(Action::kBlock), tests::rule_row(Action::kBlock, Family::kIpv6)});
    net_.receive(
        kWan, Packet().eth(kPeerMac, tests::kBroadcastMac).ethertype(0x0806).payload(28).bytes());
    net_.receive(kLan, from_lan6("fe80::1", "fe80::fe").ttl(255).icmp6(136).payload(16).bytes());
    using Kinds = std::vector<std::pair<EventKind, std::uint16_t>>;
    EXPECT_EQ(take_event_kinds(),
              (Kinds{{EventKind::kNeighbor, kWan}, {EventKind::kNeighbor, kLan}}));
}

TEST_F(PipelineTest, SendsTheKernelsPacketsOut) {
    const std::vector<std::pair<Bytes, Sent>> rows = {
        {from_lan("10.0.0.254", "10.0.0.1").ttl(1).udp(1, 2).bytes(),
         {kLan,
          Packet()
              .eth(kGatewayMac, kHostMac)
              .ipv4("10.0.0.254", "10.0.0.1")
              .ttl(1)
              .udp(1, 2)
              .bytes()}},
        {from_lan6("2001:db8::fe", "2001:db8:1::1").udp(1, 2).bytes(),
         {kWan,
          Packet().eth(kWanMac, kPeerMac).ipv6("2001:db8::fe", "2001:db8:1::1").udp(1, 2).bytes()}},
        {from_lan("0.0.0.0", "255.255.255.255").udp(68, 67).bytes(),
         {kLan,
          Packet()
              .eth(kGatewayMac, tests::kBroadcastMac)
              .ipv4("0.0.0.0", "255.255.255.255")
              .udp(68, 67)
              .bytes()}},
        {from_lan("10.0.0.254", "10.0.1.255").udp(1, 2).bytes(),
         {kWan,
          Packet()
              .eth(kWanMac, tests::kBroadcastMac)
              .ipv4("10.0.0.254", "10.0.1.255")
              .udp(1, 2)
              .bytes()}},
        {from_lan("10.0.0.254", "239.129.2.3").ttl(1).udp(1, 2).bytes(),
         {kLan,
          Packet()
              .eth(kGatewayMac, {{1, 0, 0x5E, 1, 2, 3}})
              .ipv4("10.0.0.254", "239.129.2.3")
              .ttl(1)
              .udp(1, 2)
              .bytes()}},
        {from_lan6("fe80::fe", "ff02::1:2").udp(546, 547).bytes(),
         {kLan,
          Packet()
              .eth(kGatewayMac, {{0x33, 0x33, 0, 1, 0, 2}})
              .ipv6("fe80::fe", "ff02::1:2")
              .udp(546, 547)
              .bytes()}},
        {Packet().eth(kGatewayMac, tests::kBroadcastMac).ethertype(0x0806).payload(28).bytes(),
         {kLan,
          Packet().eth(kGatewayMac, tests::kBroadcastMac).ethertype(0x0806).payload(28).bytes()}},
    };
    for (const auto& [frame, sent] : rows) {
        net_.inject(InjectionKind::kHostOutput, kLan, frame);
        EXPECT_EQ(net_.take_sent(), std::vector<Sent>{sent});
    }
}

TEST_F(PipelineTest, RefusesWhatTheKernelMayNotSend) {
    const std::vector<Bytes> frames = {
        from_lan("10.0.0.1", "10.0.1.1").udp(1, 2).bytes(),      // not our address
        from_lan("10.0.0.254", "10.0.1.254").udp(1, 2).bytes(),  // to ourselves
    };
    for (const Bytes& frame : frames) {
        net_.inject(InjectionKind::kHostOutput, kLan, frame);
    }
    expect_dropped(DropReason::kHostPathError, 2);
}

TEST_F(PipelineTest, LinkLocalDestinationOfTheKernelStaysOnItsLink) {
    net_.inject(
        InjectionKind::kHostOutput, kLan, from_lan6("fe80::fe", "fe80::77").icmp6(128).bytes());
    const std::vector<Event> events = net_.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kUnresolved);
    EXPECT_EQ(events[0].port, kLan);
    EXPECT_EQ(events[0].address, address("fe80::77"));
    rte_pktmbuf_free(events[0].mbuf);
}

TEST_F(PipelineTest, UnresolvedPacketsComeBackWhereTheyLeft) {
    net_.receive(kLan, from_lan("10.0.0.1", "10.0.1.77").udp(1, 2).bytes());
    const std::vector<Event> events = net_.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kUnresolved);
    EXPECT_EQ(events[0].port, kWan);
    EXPECT_EQ(events[0].address, address("10.0.1.77"));

    // Filters and TTL are behind it: neither is applied a second time.
    net_.set_rules({tests::rule_row(Action::kBlock)});
    const dataplane::Neighbor learned{kWan, address("10.0.1.77"), kPeerMac};
    net_.set_neighbors({&learned, 1});
    net_.inject(InjectionKind::kForward, kWan, events[0].mbuf);
    const std::vector<Sent> expected = {
        {kWan,
         Packet().eth(kWanMac, kPeerMac).ipv4("10.0.0.1", "10.0.1.77").ttl(63).udp(1, 2).bytes()}};
    EXPECT_EQ(net_.take_sent(), expected);
}

TEST_F(PipelineTest, TransmitsControlsFramesUntouched) {
    const Bytes frame = Packet().eth().ethertype(0x0806).payload(28).bytes();
    net_.inject(InjectionKind::kTransmit, kWan, frame);
    EXPECT_EQ(net_.take_sent(), (std::vector<Sent>{{kWan, frame}}));
}

TEST_F(PipelineTest, PairPassesFramesUnchanged) {
    const std::vector<Bytes> frames = {
        Packet().eth().ethertype(0x0806).payload(28).bytes(),
        Packet().eth().ethertype(0x8847).payload(28).bytes(),
        Packet()
            .eth()
            .vlan(1, 0x88A8)
            .vlan(2)
            .ipv4("10.0.0.1", "10.0.1.1")
            .ttl(1)
            .tcp(1, 2)
            .padding(7)
            .bytes(),
        Packet().eth().ipv6("fe80::1", "ff02::1").ttl(255).icmp6(135).payload(16).bytes(),
        Packet().eth().ipv4("10.0.0.254", "10.0.0.1").udp(1, 2).bytes(),
    };
    std::vector<Sent> expected;
    for (const Bytes& frame : frames) {
        net_.receive(kPairA, frame);
        EXPECT_EQ(net_.take_sent(), (std::vector<Sent>{{kPairB, frame}}));
    }
    net_.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 6)});
    net_.receive(kPairB, frames[2]);
    expect_dropped(DropReason::kFilterBlock);
}

std::vector<Bytes> udp_fragments(std::uint16_t destination_port, std::uint16_t id) {
    return {Packet()
                .eth()
                .ipv4("10.0.0.1", "10.0.1.1")
                .id(id)
                .fragment(0, true)
                .udp(1, destination_port)
                .payload(24)
                .bytes(),
            Packet()
                .eth()
                .ipv4("10.0.0.1", "10.0.1.1")
                .id(id)
                .fragment(32, true)
                .protocol(17)
                .payload(32)
                .bytes(),
            Packet()
                .eth()
                .ipv4("10.0.0.1", "10.0.1.1")
                .id(id)
                .fragment(64, false)
                .protocol(17)
                .payload(5)
                .bytes()};
}

TEST_F(PipelineTest, JudgesEveryFragmentByTheFirstOnesPorts) {
    net_.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 17, 53)});
    std::vector<Bytes> blocked = udp_fragments(53, 1);
    std::vector<Bytes> permitted = udp_fragments(54, 2);
    // Last fragment first: it waits for the one that has the ports.
    std::swap(blocked[0], blocked[2]);
    std::swap(permitted[0], permitted[2]);
    net_.receive(kLan, blocked);
    EXPECT_EQ(net_.drops(DropReason::kFilterBlock), 3U);
    net_.receive(kLan, {permitted.data(), 2});
    EXPECT_TRUE(net_.take_sent().empty());
    EXPECT_EQ(net_.counters().held.read() - net_.counters().released.read(), 2U);
    net_.receive(kLan, permitted[2]);
    const std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_EQ(sent[0].frame.size(), 14U + 20 + 32) << "in offset order";
    EXPECT_EQ(sent[2].frame.size(), 14U + 20 + 5);
    EXPECT_EQ(net_.hits(0).packets, 3U);
}

TEST_F(PipelineTest, ForgetsDatagramsThatStayIncomplete) {
    net_.receive(kLan, {udp_fragments(53, 1).data(), 2});
    net_.now += 29 * tests::kTscHz;
    net_.pipeline().expire(net_.now);
    EXPECT_EQ(net_.all_drops(), 0U);
    net_.now += tests::kTscHz;
    net_.pipeline().expire(net_.now);
    expect_dropped(DropReason::kFragmentTimeout, 2);
}

TEST_F(PipelineTest, DrainCountsWhatWasHeld) {
    net_.receive(kLan, udp_fragments(53, 1)[0]);
    net_.pipeline().drain();
    expect_dropped(DropReason::kShutdown);
}

TEST_F(PipelineTest, ReportsExpiredTtlThroughTheFilters) {
    const Bytes frame = to_wan4().ttl(1).udp(1, 2).payload(8).bytes();
    net_.receive(kLan, frame);
    std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].port, kLan);
    EXPECT_EQ(sent[0].frame.at(34), 11);
    EXPECT_EQ(sent[0].frame.at(26), 10) << "source 10.0.0.254";
    EXPECT_EQ(sent[0].frame.at(29), 254);
    EXPECT_EQ(net_.counters().generated.read(), 1U);
    expect_dropped(DropReason::kTtlExpired);

    net_.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 1)});
    net_.receive(kLan, frame);
    EXPECT_TRUE(net_.take_sent().empty()) << "the error is outbound traffic and blocked";
    EXPECT_EQ(net_.drops(DropReason::kFilterBlock), 1U);
}

TEST_F(PipelineTest, SaysNothingAboutBlockedPackets) {
    net_.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 17)});
    net_.receive(kLan, to_wan4().ttl(1).udp(1, 2).bytes());
    EXPECT_TRUE(net_.take_sent().empty());
    expect_dropped(DropReason::kFilterBlock);
}

TEST_F(PipelineTest, ReportsANextHopThatDoesNotAnswer) {
    net_.receive(kLan, from_lan("10.0.0.1", "10.0.1.77").udp(1, 2).bytes());
    const std::vector<Event> events = net_.take_events();
    ASSERT_EQ(events.size(), 1U);
    net_.inject(InjectionKind::kUnreachable, kWan, events[0].mbuf);
    const std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].port, kLan);
    EXPECT_EQ(sent[0].frame.at(34), 3) << "destination unreachable";
    EXPECT_EQ(sent[0].frame.at(35), 1) << "host unreachable";
    expect_dropped(DropReason::kNeighborUnresolved);
}

TEST_F(PipelineTest, ReportsMissingRoutes) {
    net_.receive(kLan, from_lan("10.0.0.1", "172.16.0.1").udp(1, 2).bytes());
    net_.receive(kLan, from_lan6("2001:db8::1", "2001:db9::1").udp(1, 2).bytes());
    const std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].frame.at(34), 3);
    EXPECT_EQ(sent[1].frame.at(54), 1);
    expect_dropped(DropReason::kNoRoute, 2);
}

TEST_F(PipelineTest, ReportsPacketsThatAreTooBig) {
    net_.receive(kLan, to_wan4().dont_fragment().udp(1, 2).payload(1300).bytes());
    net_.receive(kLan, to_wan6().udp(1, 2).payload(1300).bytes());
    const std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].frame.at(34), 3);
    EXPECT_EQ(sent[0].frame.at(35), 4);
    EXPECT_EQ(sent[0].frame.at(40) * 256 + sent[0].frame.at(41), 1280);
    EXPECT_EQ(sent[1].frame.at(54), 2);
    EXPECT_EQ(sent[1].frame.at(60) * 256 + sent[1].frame.at(61), 1280);
    expect_dropped(DropReason::kMtuExceeded, 2);
}

TEST_F(PipelineTest, FragmentsWhatMayBeFragmented) {
    net_.receive(kLan, to_wan4().id(9).udp(1, 2).payload(1300).bytes());
    const std::vector<Sent> sent = net_.take_sent();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].frame.size(), 14U + 20 + 1256);
    EXPECT_EQ(sent[1].frame.size(), 14U + 20 + 52);
    EXPECT_EQ(net_.counters().generated.read(), 1U);
    EXPECT_EQ(net_.all_drops(), 0U);
}

TEST_F(PipelineTest, LimitsHowManyErrorsItSends) {
    const std::vector<Bytes> burst(320, to_wan4().ttl(1).udp(1, 2).bytes());
    net_.receive(kLan, burst);
    EXPECT_EQ(net_.take_sent().size(), dataplane::IcmpErrorLimiter::kBurstSize);
    EXPECT_EQ(net_.drops(DropReason::kTtlExpired), 320U);
    net_.now += tests::kTscHz / 10;
    net_.receive(kLan, {burst.data(), 32});
    EXPECT_EQ(net_.take_sent().size(), 10U);
}

TEST_F(PipelineTest, CountsWhatControlCannotTake) {
    // The ring of the harness holds 255 events; its last quarter is not for these.
    const std::vector<Bytes> burst(260, from_lan("10.0.0.1", "10.0.0.254").icmp(8).bytes());
    net_.receive(kLan, burst);
    expect_dropped(DropReason::kEventRingFull, 68);
    EXPECT_EQ(net_.counters().to_control.read(), 192U);
}

TEST_F(PipelineTest, RunsOutOfBuffersWithoutLosingCount) {
    std::vector<rte_mbuf*> hoard;
    const Bytes frame = to_wan4().udp(1, 2).payload(1300).bytes();
    while (net_.pool().in_use() < 510) {
        hoard.push_back(net_.pool().make(frame));
    }
    net_.receive(kLan, frame);
    expect_dropped(DropReason::kNoBuffer);
    for (rte_mbuf* mbuf : hoard) {
        rte_pktmbuf_free(mbuf);
    }
}

TEST(PipelineTransmitTest, CountsWhatDoesNotFitIntoTheTransmitBuffer) {
    tests::PipelineHarness net(1024);
    const std::vector<Bytes> burst(dataplane::TxBuffer::kCapacity + 8, to_wan4().udp(1, 2).bytes());
    net.receive(kLan, burst);
    EXPECT_EQ(net.drops(DropReason::kTxFull), 8U);
    EXPECT_EQ(net.take_sent().size(), dataplane::TxBuffer::kCapacity);
    EXPECT_TRUE(net.pipeline().is_conserved());
    EXPECT_EQ(net.pool().in_use(), 0U);
}

}  // namespace
