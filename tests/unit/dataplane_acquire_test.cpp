// The packet without SA: what control is told, how often, and what becomes of the packet when it
// comes back.
#include "dataplane/acquire_limiter.h"
#include "dataplane/event_sink.h"
#include "dataplane/wire.h"
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace {

using config::IpAddress;
using config::SaMode;
using dataplane::AcquireLimiter;
using dataplane::DropReason;
using dataplane::Event;
using dataplane::EventKind;
using dataplane::InjectionKind;
using tests::address;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kTscHz;
using tests::kWan;
using tests::make_sa;
using tests::negotiate_rule;
using tests::Packet;

class AcquireTest : public ::testing::Test {
  protected:
    ~AcquireTest() override {
        for (tests::PipelineHarness* gateway : {&net_.west, &net_.east}) {
            static_cast<void>(gateway->take_sent());
            gateway->discard_events();
            gateway->pipeline().drain();
            EXPECT_TRUE(gateway->pipeline().is_conserved());
            EXPECT_EQ(gateway->pool().in_use(), 0U);
            EXPECT_EQ(gateway->large_pool().in_use(), 0U);
        }
    }

    // From the kernel of the west gateway to the east gateway.
    static Bytes own(std::string_view source = "192.0.2.1",
                     std::string_view destination = "192.0.2.2") {
        return Packet()
            .eth(tests::kWestWanMac, tests::kEastWanMac)
            .ipv4(source, destination)
            .udp(7, 9)
            .payload(8)
            .bytes();
    }

    GatewayPair net_;
};

// --- What control is told

TEST_F(AcquireTest, ATunnelsPacketIsHandedOverAsItCame) {
    struct Row {
        const char* name;
        Family outer;
        Family inner;
        const char* local;
        const char* remote;
    };
    for (const Row& row : {
             Row{"IPv4", Family::kV4, Family::kV4, "192.0.2.1", "192.0.2.2"},
             Row{"IPv6 in IPv4", Family::kV4, Family::kV6, "192.0.2.1", "192.0.2.2"},
             Row{"IPv4 in IPv6", Family::kV6, Family::kV4, "2001:db8:f::1", "2001:db8:f::2"},
         }) {
        SCOPED_TRACE(row.name);
        net_.set_tunnel_rules(row.outer);
        const Bytes frame = GatewayPair::from_west(row.inner, 64).bytes();
        net_.west.receive(kLan, frame);
        const std::vector<Event> events = net_.west.take_events();
        ASSERT_EQ(events.size(), 1U);
        EXPECT_EQ(events[0].kind, EventKind::kAcquire);
        EXPECT_EQ(events[0].mode, SaMode::kTunnel);
        EXPECT_EQ(events[0].source, address(row.local));
        EXPECT_EQ(events[0].address, address(row.remote));
        EXPECT_EQ(events[0].port, kLan);
        EXPECT_NE(events[0].detail.acquire.selector, config::kAnyRule);
        EXPECT_NE(events[0].detail.acquire.rule, config::kAnyRule);
        EXPECT_NE(events[0].detail.acquire.rule, events[0].detail.acquire.selector);
        EXPECT_EQ(tests::FakePool::bytes_of(events[0].mbuf), frame);
        rte_pktmbuf_free(events[0].mbuf);
        EXPECT_EQ(net_.west.all_drops(), 0U);
    }
}

TEST_F(AcquireTest, OurEndIsThatOfTheRuleForTheWayBackElseTheAddressTowardsThePeer) {
    struct Row {
        const char* name;
        const char* peer;
        const char* way_back;  // nullptr: a mirrored rule alone
        const char* local;
    };
    for (const Row& row : {
             Row{"rule", "192.0.2.2", "10.1.0.254", "10.1.0.254"},
             Row{"route", "192.0.2.2", nullptr, "192.0.2.1"},
             Row{"route, IPv6", "2001:db8:f::2", nullptr, "2001:db8:f::1"},
             Row{"no route", "203.0.113.9", nullptr, "0.0.0.0"},
         }) {
        SCOPED_TRACE(row.name);
        std::vector<config::RuleSource> rules = {
            negotiate_rule("10.1.0.0/16", "10.2.0.0/16", row.peer, row.way_back == nullptr)};
        if (row.way_back != nullptr) {
            rules.push_back(negotiate_rule("10.2.0.0/16", "10.1.0.0/16", row.way_back));
        }
        net_.set_rules(net_.west, rules);
        net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).bytes());
        const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
        ASSERT_EQ(events.size(), 1U) << net_.west.drop_report();
        EXPECT_EQ(events[0].source, address(row.local));
        rte_pktmbuf_free(events[0].mbuf);
    }
}

TEST_F(AcquireTest, TransportModeIsBetweenThePacketsOwnEnds) {
    net_.set_transport_rules();
    net_.west.inject(InjectionKind::kHostOutput, kWan, own());
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 1U) << net_.west.drop_report();
    EXPECT_EQ(events[0].mode, SaMode::kTransport);
    EXPECT_EQ(events[0].source, address("192.0.2.1"));
    EXPECT_EQ(events[0].address, address("192.0.2.2"));
    rte_pktmbuf_free(events[0].mbuf);
}

TEST_F(AcquireTest, NobodyNegotiatesWithAGroup) {
    net_.set_rules(net_.west, {negotiate_rule("192.0.2.0/24", "0.0.0.0/0")});
    net_.west.inject(InjectionKind::kHostOutput, kWan, own("192.0.2.1", "224.0.0.9"));
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 0U);
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateNoSa), 1U) << net_.west.drop_report();
}

TEST_F(AcquireTest, AnErrorAboutAnSasPacketDoesNotWait) {
    // East gets a packet whose TTL ends there; it has no SA to tell the sender by.
    net_.set_tunnel_rules();
    net_.connect_west_to_east(make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2"));
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 8).ttl(2).bytes());
    net_.east.receive(kWan, GatewayPair::take_wire(net_.west));
    EXPECT_EQ(net_.east.drops(DropReason::kTtlExpired), 1U) << net_.east.drop_report();
    EXPECT_EQ(net_.east.drops(DropReason::kNegotiateNoSa), 1U) << net_.east.drop_report();
    EXPECT_EQ(GatewayPair::discard_acquires(net_.east), 0U);
}

// --- What becomes of the packet

TEST_F(AcquireTest, AReleasedPacketTakesTheSaOfItsSelector) {
    net_.set_tunnel_rules();
    // Another rule's SA to the same peer, which must not be taken.
    net_.connect_west_to_east(
        make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").change([](config::SaSpec& spec) {
            spec.rule = 999;
        }));
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).bytes());
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 1U);
    net_.east.receive(kLan,
                      Packet()
                          .eth(tests::kPeerMac, tests::kEastLanMac)
                          .ipv4("10.2.0.1", "10.1.0.1")
                          .udp(9, 7)
                          .payload(8)
                          .bytes());
    const std::vector<Event> replies = GatewayPair::take_acquires(net_.east);
    ASSERT_EQ(replies.size(), 1U);
    tests::SaEnds sa = make_sa(0x2000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    sa.outbound.rule = events[0].detail.acquire.selector;
    // That of the rule which protects, though another one expects.
    sa.inbound.rule = replies[0].detail.acquire.selector;
    rte_pktmbuf_free(replies[0].mbuf);
    net_.connect_west_to_east(sa);
    net_.west.release(events);
    EXPECT_EQ(net_.west.hits(0).packets, 1U) << "it matched once";
    net_.east.receive(kWan, GatewayPair::take_wire(net_.west));
    const std::vector<Bytes> arrived = GatewayPair::take_lan(net_.east);
    ASSERT_EQ(arrived.size(), 1U) << net_.west.drop_report() << net_.east.drop_report();
    EXPECT_EQ(arrived[0], GatewayPair::at_east(Family::kV4, 64).bytes());
}

TEST_F(AcquireTest, AnSaOfAnotherSelectorOfTheSameRuleIsRefused) {
    // One rule with two filters, an SA for each.
    config::RuleSource rule = negotiate_rule("10.1.0.1/32", "10.2.0.0/16", "192.0.2.2", true);
    rule.filters.push_back(negotiate_rule("10.1.0.2/32", "10.2.0.0/16", {}, true).filters[0]);
    config::RuleSource expecting = rule;
    expecting.tunnel.endpoint = address("192.0.2.1");
    for (config::Filter& filter : expecting.filters) {
        std::swap(filter.spec.source, filter.spec.destination);
    }
    net_.set_rules(net_.west, {rule});
    net_.set_rules(net_.east, {expecting});
    const auto from = [](std::string_view source) {
        return Packet()
            .eth(tests::kHostMac, tests::kGatewayMac)
            .ipv4(source, "10.2.0.1")
            .udp(7, 9)
            .payload(8)
            .bytes();
    };
    net_.west.receive(kLan, std::vector{from("10.1.0.1"), from("10.1.0.2")});
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].detail.acquire.rule, events[1].detail.acquire.rule);
    EXPECT_NE(events[0].detail.acquire.selector, events[1].detail.acquire.selector);
    net_.west.add_sa(
        make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2")
            .change([&](config::SaSpec& spec) { spec.rule = events[0].detail.acquire.selector; })
            .outbound);
    net_.west.release(events);
    EXPECT_EQ(GatewayPair::take_wire(net_.west).size(), 1U);
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateNoSa), 1U) << "the other selector's";
}

TEST_F(AcquireTest, AReleasedPacketWithoutSaIsDropped) {
    net_.set_tunnel_rules();
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).bytes());
    net_.west.release(GatewayPair::take_acquires(net_.west));
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 0U);
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateNoSa), 1U);
}

TEST_F(AcquireTest, TheKernelsPacketsComeBackAsTheKernels) {
    net_.set_transport_rules();
    net_.west.inject(InjectionKind::kHostOutput, kWan, own());
    const std::vector<Event> waiting = GatewayPair::take_acquires(net_.west);
    net_.connect_west_to_east(make_sa(0x1000, SaMode::kTransport, "192.0.2.1", "192.0.2.2"));
    net_.west.release(waiting);
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), 1U) << net_.west.drop_report();
    EXPECT_EQ(wire[0][14 + 8], 64U) << "the TTL of our own packets stays";
}

TEST_F(AcquireTest, OneReleasedBurstHoldsPacketsOfEveryPortAndTheKernel) {
    const std::vector<config::RuleSource> rules = {
        negotiate_rule("10.1.0.0/16", "10.2.0.0/16", "192.0.2.2"),
        negotiate_rule("198.51.100.0/24", "10.2.0.0/16", "192.0.2.2"),
        negotiate_rule("192.0.2.1/32", "192.0.2.2/32")};
    net_.set_rules(net_.west, rules);
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).bytes());
    net_.west.inject(InjectionKind::kHostOutput, kWan, own());
    net_.west.receive(kWan,
                      Packet()
                          .eth(tests::kEastWanMac, tests::kWestWanMac)
                          .ipv4("198.51.100.7", "10.2.0.1")
                          .udp(7, 9)
                          .payload(8)
                          .bytes());
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 3U) << net_.west.drop_report();
    net_.west.add_sa(make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").outbound);
    net_.west.add_sa(make_sa(0x2000, SaMode::kTransport, "192.0.2.1", "192.0.2.2").outbound);
    net_.west.release(events);
    EXPECT_EQ(GatewayPair::take_wire(net_.west).size(), 3U) << net_.west.drop_report();
}

TEST_F(AcquireTest, FragmentsOfATunnelledDatagramWaitTogether) {
    net_.set_tunnel_rules();
    const auto fragment = [](std::uint16_t offset, bool more) {
        Packet packet;
        packet.eth(tests::kHostMac, tests::kGatewayMac)
            .ipv4("10.1.0.1", "10.2.0.1")
            .id(7)
            .fragment(offset, more);
        return offset == 0 ? packet.udp(7, 9).payload(792).bytes()
                           : packet.protocol(dataplane::kProtoUdp).payload(100).bytes();
    };
    net_.west.receive(kLan, std::vector{fragment(0, true), fragment(800, false)});
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 2U) << net_.west.drop_report();
    net_.connect_west_to_east(make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2"));
    net_.west.release(events);
    net_.east.receive(kWan, GatewayPair::take_wire(net_.west));
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 2U)
        << net_.west.drop_report() << net_.east.drop_report();
}

// RFC 8200 4.5: only its source may cut an IPv6 packet, and what says that it did must not get lost
// while the packet waits.
TEST_F(AcquireTest, ADatagramThatTheKernelCutMayStillBeCutAfterItWaited) {
    net_.set_transport_rules();
    const auto fragment = [](std::uint16_t offset, bool more, std::size_t bytes) {
        Packet packet;
        packet.eth(tests::kWestWanMac, tests::kEastWanMac)
            .ipv6("2001:db8:f::1", "2001:db8:f::2")
            .fragment6(offset, more, 77);
        return offset == 0 ? packet.udp(7, 9).payload(bytes - 8).bytes()
                           : packet.protocol(dataplane::kProtoUdp).payload(bytes).bytes();
    };
    net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(0, true, 1408));
    net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(1408, false, 1392));
    const std::vector<Event> events = GatewayPair::take_acquires(net_.west);
    ASSERT_EQ(events.size(), 1U) << net_.west.drop_report();
    net_.connect_west_to_east(
        make_sa(0x1000, SaMode::kTransport, "2001:db8:f::1", "2001:db8:f::2"));
    net_.west.release(events);
    net_.east.receive(kWan, GatewayPair::take_wire(net_.west));
    const std::vector<Bytes> arrived = GatewayPair::take_host(net_.east);
    ASSERT_EQ(arrived.size(), 1U) << net_.west.drop_report() << net_.east.drop_report();
    EXPECT_EQ(arrived[0].size(), 14U + 40 + 1408 + 1392);
}

// --- How often

TEST_F(AcquireTest, AFloodWithoutSaIsLimitedForEachTunnel) {
    net_.set_tunnel_rules();
    const std::vector<Bytes> burst(20, GatewayPair::from_west(Family::kV4, 64).bytes());
    net_.west.receive(kLan, burst);
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), AcquireLimiter::kAtOnce);
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateNoSa), 20 - AcquireLimiter::kAtOnce);
    net_.west.now += kTscHz;
    net_.west.receive(kLan, burst);
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), AcquireLimiter::kPerSecond);
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateNoSa),
              40 - AcquireLimiter::kAtOnce - AcquireLimiter::kPerSecond);
}

dataplane::PeerKey key_to(config::RuleTag selector, const IpAddress& peer) {
    return {.selector = selector,
            .mode = SaMode::kTunnel,
            .family = peer.family,
            .peer = peer.bytes.data()};
}

TEST(AcquireLimiter, SelectorPeerAndSourceEachHaveBucketsOfTheirOwn) {
    const IpAddress peer = address("192.0.2.2");
    const IpAddress other = address("192.0.2.3");
    // Two keys share one of 1,024 buckets now and then: of three tables not all three.
    const auto independent = [&](const dataplane::PeerKey& a, const dataplane::PeerKey& b) {
        for (int attempt = 0; attempt < 3; ++attempt) {
            AcquireLimiter limiter(kTscHz);
            while (limiter.allow(a, kTscHz)) {
            }
            if (limiter.allow(b, kTscHz)) {
                return true;
            }
        }
        return false;
    };
    const dataplane::PeerKey key = key_to(1, peer);
    EXPECT_TRUE(independent(key, key_to(2, peer)));
    EXPECT_TRUE(independent(key, key_to(1, other)));
    dataplane::PeerKey from = key;
    dataplane::PeerKey from_other = key;
    from.source = peer.bytes.data();
    from_other.source = other.bytes.data();
    EXPECT_TRUE(independent(from, from_other));
    EXPECT_FALSE(independent(key, key));
}

TEST(AcquireLimiter, AllPeersTogetherAreLimitedToo) {
    AcquireLimiter limiter(kTscHz);
    std::size_t allowed = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        allowed += limiter.allow(key_to(1, IpAddress::v4(i)), kTscHz) ? 1U : 0U;
    }
    EXPECT_EQ(allowed, AcquireLimiter::kBuckets * AcquireLimiter::kAtOnce);
}

TEST(AcquireLimiter, ADeadPeerStarvesNoOtherForLong) {
    AcquireLimiter limiter(kTscHz);
    const IpAddress peer = address("192.0.2.2");
    const auto flood = [&](std::uint64_t now) {
        while (limiter.allow(key_to(1, peer), now)) {
        }
    };
    flood(0);
    // The first that finds an empty bucket shares it with the flood, or with those before it.
    config::RuleTag victim = 2;
    while (limiter.allow(key_to(victim, peer), 0)) {
        ++victim;
    }
    bool served = false;
    for (std::uint64_t share = 1; share < 8; ++share) {
        const std::uint64_t now = share * AcquireLimiter::kSharedSeconds * kTscHz;
        flood(now);
        served = served || limiter.allow(key_to(victim, peer), now);
    }
    EXPECT_TRUE(served);
}

// --- The ring's last quarter

TEST_F(AcquireTest, UnderAFloodTheRingHasRoomForIkeAndMoreForNeighbors) {
    net_.set_transport_rules();
    net_.set_rules(net_.west, {negotiate_rule("192.0.2.1/32", "192.0.2.2/32")});
    const auto to_us = [](std::uint16_t port) {
        return Packet()
            .eth(tests::kEastWanMac, tests::kWestWanMac)
            .ipv4("198.51.100.7", "192.0.2.1")
            .udp(9, port)
            .payload(8)
            .bytes();
    };
    const Bytes arp = Packet()
                          .eth(tests::kEastWanMac, tests::kBroadcastMac)
                          .ethertype(0x0806)
                          .payload(28)
                          .bytes();
    const auto fill = [&](const Bytes& frame) {
        const std::uint64_t before = net_.west.drops(DropReason::kEventRingFull);
        const std::uint64_t taken = net_.west.counters().to_control.read();
        for (int i = 0; i < 256 && net_.west.drops(DropReason::kEventRingFull) == before; ++i) {
            net_.west.receive(kWan, frame);
        }
        return net_.west.counters().to_control.read() - taken;
    };
    EXPECT_EQ(fill(to_us(53)), 255U - 255 / 4);
    net_.west.inject(InjectionKind::kHostOutput, kWan, own());
    EXPECT_EQ(net_.west.drops(DropReason::kEventRingFull), 2U) << "no room for an acquire";
    EXPECT_EQ(fill(to_us(500)), 255U / 4 - 255 / 8);
    EXPECT_EQ(fill(arp), 255U / 8) << net_.west.drop_report();
}

}  // namespace
