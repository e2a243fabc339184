// What the rules make of traffic that should be protected, and what becomes of packets that claim
// to be: one row per way to fail, and the neighbours in the burst pass.
#include "dataplane/wire.h"
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <functional>

namespace {

using config::SaMode;
using dataplane::DropReason;
using dataplane::EventKind;
using dataplane::InjectionKind;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kWan;
using tests::make_sa;
using tests::Packet;

constexpr std::size_t kEsp = 14 + 20;  // of a frame with IPv4 outside

class IpsecStageTest : public ::testing::Test {
  protected:
    IpsecStageTest() {
        net_.set_tunnel_rules();
        out_ = net_.connect_west_to_east(ends_);
        in_ = net_.east.sas()
                  .find(dataplane::SpiKey{ends_.inbound.spi,
                                          ends_.inbound.protocol,
                                          ends_.inbound.destination.family,
                                          ends_.inbound.destination.bytes.data()})
                  ->handle;
    }
    ~IpsecStageTest() override {
        for (tests::PipelineHarness* gateway : {&net_.west, &net_.east}) {
            static_cast<void>(gateway->take_sent());
            gateway->discard_events();
            gateway->pipeline().drain();
            EXPECT_TRUE(gateway->pipeline().is_conserved());
            EXPECT_EQ(gateway->pool().in_use(), 0U);
            EXPECT_EQ(gateway->large_pool().in_use(), 0U);
        }
    }

    Bytes protect(const Bytes& frame) {
        net_.west.receive(kLan, frame);
        const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
        return wire.size() == 1 ? wire[0] : Bytes();
    }
    Bytes protect() { return protect(GatewayPair::from_west(Family::kV4, 64).bytes()); }
    // A packet from the west in so many tunnels inside each other.
    Bytes wrapped(unsigned layers) {
        const Bytes inner = GatewayPair::from_west(Family::kV4, 64).bytes();
        rte_mbuf* mbuf = net_.west.pool().make(inner);
        mbuf->data_off = static_cast<std::uint16_t>(
            mbuf->data_off + 256);  // more layers than the ordinary headroom takes
        std::copy(inner.begin(), inner.end(), dataplane::bytes_at(mbuf, 0));
        EXPECT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kRouted, tests::kGatewayMac).next,
                  dataplane::ParseNext::kIp);
        dataplane::WorkerCounters counters;
        dataplane::EventSink events(nullptr, counters, tests::kTscHz);
        dataplane::IpsecOutbound outbound(net_.west.ivs(), counters, events);
        for (unsigned i = 0; i < layers; ++i) {
            std::array<crypto::CryptoJob, dataplane::kBurst> jobs;
            dataplane::Burst done;
            outbound.add(mbuf, this->outbound());
            EXPECT_EQ(outbound.prepare(net_.west.now, jobs), 1U);
            net_.west.crypto().run({jobs.data(), 1});
            outbound.finish(net_.west.now, {jobs.data(), 1}, done);
        }
        Bytes frame = tests::FakePool::bytes_of(mbuf);
        rte_pktmbuf_free(mbuf);
        std::copy_n(tests::kEastWanMac.bytes.begin(), 6, frame.begin());
        return frame;
    }
    dataplane::Sa& outbound() { return net_.west.sa(out_); }
    dataplane::Sa& inbound() { return net_.east.sa(in_); }

    tests::SaEnds ends_ = make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    GatewayPair net_;
    dataplane::SaHandle out_ = dataplane::kNoSa;
    dataplane::SaHandle in_ = dataplane::kNoSa;
};

// An IPv4 packet changed on the way, header checksum made right again.
Bytes changed(Bytes frame, const std::function<void(Bytes&)>& change) {
    change(frame);
    frame[16] = static_cast<std::uint8_t>((frame.size() - 14) >> 8U);
    frame[17] = static_cast<std::uint8_t>(frame.size() - 14);
    frame[24] = frame[25] = 0;
    const std::uint16_t sum =
        tests::internet_checksum(Bytes(frame.begin() + 14, frame.begin() + 34));
    frame[24] = static_cast<std::uint8_t>(sum >> 8U);
    frame[25] = static_cast<std::uint8_t>(sum);
    return frame;
}

Bytes fragmentation_needed(std::uint16_t mtu, const Bytes& quote) {
    Bytes message = {
        3, 4, 0, 0, 0, 0, static_cast<std::uint8_t>(mtu >> 8U), static_cast<std::uint8_t>(mtu)};
    message.insert(message.end(), quote.begin(), quote.end());
    const std::uint16_t sum = tests::internet_checksum(message);
    message[2] = static_cast<std::uint8_t>(sum >> 8U);
    message[3] = static_cast<std::uint8_t>(sum);
    return Packet()
        .eth(tests::kEastWanMac, tests::kWestWanMac)
        .ipv4("198.51.100.7", "192.0.2.1")
        .protocol(dataplane::kProtoIcmp)
        .payload(message)
        .bytes();
}

struct BadRow {
    const char* what;
    DropReason reason;
    std::function<void(Bytes&)> change;
};

const std::vector<BadRow>& bad_rows() {
    static const std::vector<BadRow> rows = {
        {"unknown SPI", DropReason::kSaUnknown, [](Bytes& f) { f[kEsp + 3] ^= 1U; }},
        {"SPI zero",
         DropReason::kSaUnknown,
         [](Bytes& f) { std::fill_n(&f[kEsp], 4, std::uint8_t{0}); }},
        {"sequence number zero",
         DropReason::kSequenceZero,
         [](Bytes& f) { std::fill_n(&f[kEsp + 4], 4, std::uint8_t{0}); }},
        {"another sequence number", DropReason::kIcvMismatch, [](Bytes& f) { f[kEsp + 7] = 77; }},
        {"changed IV", DropReason::kIcvMismatch, [](Bytes& f) { f[kEsp + 8] ^= 1U; }},
        {"changed ciphertext", DropReason::kIcvMismatch, [](Bytes& f) { f[kEsp + 20] ^= 0x80U; }},
        {"changed ICV", DropReason::kIcvMismatch, [](Bytes& f) { f.back() ^= 1U; }},
        {"ICV cut", DropReason::kIcvMismatch, [](Bytes& f) { f.resize(f.size() - 4); }},
        {"longer", DropReason::kIcvMismatch, [](Bytes& f) { f.insert(f.end(), 4, 0); }},
        {"only the SPI", DropReason::kEspTruncated, [](Bytes& f) { f.resize(kEsp + 4); }},
        {"only ESP header and IV",
         DropReason::kEspTruncated,
         [](Bytes& f) { f.resize(kEsp + 16); }},
        {"nothing encrypted", DropReason::kEspTruncated, [](Bytes& f) { f.resize(kEsp + 32); }},
    };
    return rows;
}

TEST_F(IpsecStageTest, EveryBadPacketIsOneCountedDropAndItsNeighboursPass) {
    for (const BadRow& row : bad_rows()) {
        SCOPED_TRACE(row.what);
        const Bytes before = protect();
        const Bytes bad = changed(protect(), row.change);
        const Bytes after = protect();
        const std::uint64_t drops = net_.east.drops(row.reason);
        const std::uint64_t all = net_.east.all_drops();
        net_.east.receive(kWan, std::vector{before, bad, after});
        EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 2U);
        EXPECT_EQ(net_.east.drops(row.reason), drops + 1);
        EXPECT_EQ(net_.east.all_drops(), all + 1);
    }
}

TEST_F(IpsecStageTest, AReplayInTheSameBurstIsDropped) {
    const Bytes frame = protect();
    net_.east.receive(kWan, std::vector{frame, frame, frame});
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
    EXPECT_EQ(net_.east.drops(DropReason::kReplayed), 2U);
    EXPECT_EQ(inbound().replayed, 2U);
}

TEST_F(IpsecStageTest, APacketLeftOfTheWindowIsDropped) {
    const Bytes old = protect();
    for (int i = 0; i < 80; ++i) {
        net_.east.receive(kWan, protect());
        static_cast<void>(GatewayPair::take_lan(net_.east));
    }
    net_.east.receive(kWan, old);
    EXPECT_EQ(net_.east.drops(DropReason::kReplayTooOld), 1U);
}

TEST_F(IpsecStageTest, AForgedPacketDoesNotMoveTheWindow) {
    const Bytes first = protect();
    net_.east.receive(kWan, changed(protect(), [](Bytes& f) {
                          f[kEsp + 4] = 0x7F;  // a sequence number far ahead
                      }));
    EXPECT_EQ(net_.east.drops(DropReason::kIcvMismatch), 1U);
    net_.east.receive(kWan, first);
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
    EXPECT_EQ(inbound().replay.top(), 1U);
}

TEST_F(IpsecStageTest, AuditEventsCarryWhatRfc4303WantsAndAreLimited) {
    const Bytes bad = changed(protect(), [](Bytes& f) { f.back() ^= 1U; });
    for (int i = 0; i < 100; ++i) {
        net_.east.receive(kWan, bad);
    }
    const std::vector<dataplane::Event> events = net_.east.take_events();
    ASSERT_FALSE(events.empty());
    EXPECT_LE(events.size(), 20U);
    EXPECT_EQ(events[0].kind, EventKind::kAudit);
    EXPECT_EQ(events[0].reason, DropReason::kIcvMismatch);
    EXPECT_EQ(events[0].detail.audit.spi, 0x1000U);
    EXPECT_EQ(events[0].detail.audit.sequence, 1U);
    EXPECT_EQ(events[0].source, tests::address("192.0.2.1"));
    EXPECT_EQ(events[0].address, tests::address("192.0.2.2"));
    EXPECT_EQ(net_.east.counters().audits_suppressed.read(), 100U - events.size());
}

TEST_F(IpsecStageTest, ClearTrafficThatMustBeProtectedIsDropped) {
    net_.east.receive(kWan,
                      Packet()
                          .eth(tests::kWestWanMac, tests::kEastWanMac)
                          .ipv4("10.1.0.1", "10.2.0.1")
                          .udp(7, 9)
                          .payload(64)
                          .bytes());
    EXPECT_EQ(net_.east.drops(DropReason::kClearText), 1U);
    EXPECT_EQ(net_.east.all_drops(), 1U);
}

TEST_F(IpsecStageTest, PassThroughAcceptsClearInboundTrafficAndStillProtectsReplies) {
    for (const bool soft : {false, true}) {
        std::vector<config::RuleSource> rules = {
            tests::negotiate_rule("10.2.0.0/16", "10.1.0.0/16", "192.0.2.1"),
            tests::negotiate_rule("10.1.0.0/16", "10.2.0.0/16", "192.0.2.2")};
        rules[1].inbound_passthrough = !soft;
        rules[1].soft = soft;
        net_.set_rules(net_.east, rules);
        net_.east.receive(kWan,
                          Packet()
                              .eth(tests::kWestWanMac, tests::kEastWanMac)
                              .ipv4("10.1.0.1", "10.2.0.1")
                              .udp(7, 9)
                              .payload(64)
                              .bytes());
        EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
        net_.east.receive(kLan,
                          Packet()
                              .eth(tests::kPeerMac, tests::kEastLanMac)
                              .ipv4("10.2.0.1", "10.1.0.1")
                              .udp(9, 7)
                              .payload(64)
                              .bytes());
        EXPECT_TRUE(GatewayPair::take_wire(net_.east).empty());
    }
    EXPECT_EQ(GatewayPair::discard_acquires(net_.east), 2U);
    EXPECT_EQ(net_.east.counters().accepted_clear.read(), 2U);
}

TEST_F(IpsecStageTest, AnSaCarriesOnlyWhatItsRuleCovers) {
    // West's rules send everything through the tunnel; east's speak of one network only.
    net_.set_rules(net_.west, {tests::negotiate_rule("10.1.0.0/16", "10.2.0.0/15", "192.0.2.2")});
    net_.set_rules(net_.east,
                   {tests::negotiate_rule("10.1.0.0/24", "10.2.0.0/16", "192.0.2.2"),
                    tests::negotiate_rule("10.2.0.0/16", "10.1.0.0/24", "192.0.2.1")});
    const auto from = [](std::string_view source) {
        return Packet()
            .eth(tests::kHostMac, tests::kGatewayMac)
            .ipv4(source, "10.2.0.1")
            .udp(7, 9)
            .payload(8)
            .bytes();
    };
    net_.east.receive(kWan, std::vector{protect(from("10.1.0.7")), protect(from("10.1.9.7"))});
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
    EXPECT_EQ(net_.east.drops(DropReason::kSaPolicyMismatch), 1U);
    EXPECT_EQ(inbound().policy_mismatch, 1U);
}

TEST_F(IpsecStageTest, NothingThatCameByAnSaIsExemptFromItsRule) {
    // IKE to the gateway itself, from a network the tunnel is for and from another one.
    net_.set_rules(net_.west, {tests::negotiate_rule("10.0.0.0/8", "10.2.0.0/16", "192.0.2.2")});
    const auto ike_from = [](std::string_view source) {
        return Packet()
            .eth(tests::kHostMac, tests::kGatewayMac)
            .ipv4(source, "10.2.0.254")
            .udp(500, 500)
            .payload(28)
            .bytes();
    };
    net_.east.receive(kWan,
                      std::vector{protect(ike_from("10.1.0.7")), protect(ike_from("10.9.0.7"))});
    EXPECT_EQ(GatewayPair::take_host(net_.east).size(), 1U);
    EXPECT_EQ(net_.east.drops(DropReason::kSaPolicyMismatch), 1U);
}

TEST_F(IpsecStageTest, AnSaBoundToAnotherRuleIsRefused) {
    inbound().rule = 999;
    net_.east.receive(kWan, protect());
    EXPECT_EQ(net_.east.drops(DropReason::kSaPolicyMismatch), 1U);
}

TEST_F(IpsecStageTest, WithoutAnSaProtectedTrafficWaits) {
    net_.west.sas().remove(out_);
    EXPECT_TRUE(protect().empty());
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 1U);
}

TEST_F(IpsecStageTest, TransportRulesDoNotProtectForwardedPackets) {
    net_.set_rules(net_.west, {tests::negotiate_rule("10.1.0.0/16", "10.2.0.0/16")});
    EXPECT_TRUE(protect().empty());
    EXPECT_EQ(net_.west.drops(DropReason::kNegotiateTransit), 1U);
}

TEST_F(IpsecStageTest, TheTtlOfWhatIsProtectedIsDecrementedFirst) {
    EXPECT_TRUE(protect(GatewayPair::from_west(Family::kV4, 8).ttl(1).bytes()).empty());
    EXPECT_EQ(net_.west.drops(DropReason::kTtlExpired), 1U);
    EXPECT_EQ(GatewayPair::take_lan(net_.west).size(), 1U);  // time exceeded, to the host
}

TEST_F(IpsecStageTest, EspInUdpForAnSaWithoutItIsRefusedAndTheReverse) {
    const tests::SaEnds natted =
        make_sa(0x2000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").change([](config::SaSpec& spec) {
            spec.encapsulation.emplace();
        });
    net_.connect_west_to_east(natted);
    Bytes frame = protect();
    ASSERT_EQ(frame[14 + 9], dataplane::kProtoUdp);
    net_.east.receive(kWan, changed(frame, [](Bytes& f) {
                          f.erase(f.begin() + kEsp, f.begin() + kEsp + 8);
                          f[14 + 9] = dataplane::kProtoEsp;
                      }));
    EXPECT_EQ(net_.east.drops(DropReason::kEncapsulationMismatch), 1U);
    frame[kEsp + 8 + 2] = 0x10;  // SPI 0x1000, which is not encapsulated
    net_.east.receive(kWan, frame);
    EXPECT_EQ(net_.east.drops(DropReason::kEncapsulationMismatch), 2U);
}

TEST_F(IpsecStageTest, KeepalivesEndHereAndIkeGoesToTheHost) {
    const auto udp = [](const Bytes& payload) {
        return Packet()
            .eth(tests::kWestWanMac, tests::kEastWanMac)
            .ipv4("192.0.2.1", "192.0.2.2")
            .udp(4500, 4500)
            .payload(payload)
            .bytes();
    };
    net_.east.receive(kWan, udp({0xFF}));
    EXPECT_EQ(net_.east.drops(DropReason::kNatKeepalive), 1U);
    net_.east.receive(kWan, udp({0, 0, 0, 0, 1, 2, 3, 4}));
    EXPECT_EQ(GatewayPair::take_host(net_.east).size(), 1U);
}

TEST_F(IpsecStageTest, NestedDeeperThanAllowedIsRefused) {
    const Bytes five = wrapped(5);
    net_.east.receive(kWan, std::vector{wrapped(4), five});
    EXPECT_EQ(net_.east.drops(DropReason::kIpsecNesting), 1U);
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
}

// --- Errors about packets of a tunnel ------------------------------------------------------------

TEST_F(IpsecStageTest, AnErrorAboutAPacketOfATunnelGoesBackThroughTheTunnel) {
    net_.connect_east_to_west(make_sa(0x2000, SaMode::kTunnel, "192.0.2.2", "192.0.2.1"));
    for (const Family family : {Family::kV4, Family::kV6}) {
        net_.east.receive(kWan, protect(GatewayPair::from_west(family, 64).ttl(2).bytes()));
        const std::vector<Bytes> wire = GatewayPair::take_wire(net_.east);
        ASSERT_EQ(wire.size(), 1U) << net_.east.drop_report();
        EXPECT_EQ(wire[0][14 + 9], dataplane::kProtoEsp);
        net_.west.receive(kWan, wire);
        const std::vector<Bytes> errors = GatewayPair::take_lan(net_.west);
        ASSERT_EQ(errors.size(), 1U) << net_.west.drop_report();
        EXPECT_EQ(errors[0][family == Family::kV4 ? 34 : 54], family == Family::kV4 ? 11U : 3U);
    }
    EXPECT_EQ(net_.east.drops(DropReason::kTtlExpired), 2U);
}

// It quotes what was confidential on the way here.
TEST_F(IpsecStageTest, AnErrorAboutAPacketOfATunnelNeverLeavesInClear) {
    const config::RuleSource there =
        tests::negotiate_rule("10.1.0.0/16", "10.2.0.0/16", "192.0.2.2");
    config::RuleSource permitted = tests::negotiate_rule("10.2.0.0/16", "10.1.0.0/16");
    permitted.inbound = permitted.outbound = config::Action::kPermit;
    const config::RuleSource expected =
        tests::negotiate_rule("10.2.0.0/16", "10.1.0.0/16", "192.0.2.2");
    for (const std::vector<config::RuleSource>& rules :
         {std::vector{there}, std::vector{there, permitted}, std::vector{there, expected}}) {
        net_.set_rules(net_.east, rules);
        net_.east.receive(kWan, protect(GatewayPair::from_west(Family::kV4, 64).ttl(2).bytes()));
        EXPECT_TRUE(GatewayPair::take_wire(net_.east).empty());
    }
    EXPECT_EQ(net_.east.drops(DropReason::kTtlExpired), 3U);
    EXPECT_EQ(net_.east.drops(DropReason::kSaPolicyMismatch), 3U) << net_.east.drop_report();
}

TEST_F(IpsecStageTest, ABufferThatHeldAPacketOfATunnelIsAsGoodAsNewForAnError) {
    net_.east.receive(kWan, std::vector{protect(), protect()});
    ASSERT_EQ(GatewayPair::take_lan(net_.east).size(), 2U);
    net_.set_rules(net_.east, {});
    net_.east.receive(kLan,
                      Packet()
                          .eth(tests::kPeerMac, tests::kEastLanMac)
                          .ipv4("10.2.0.1", "10.1.0.1")
                          .ttl(1)
                          .udp(7, 9)
                          .bytes());
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U) << net_.east.drop_report();
}

TEST_F(IpsecStageTest, ATransportSaServesItsOwnSourceOnly) {
    net_.set_rules(net_.west,
                   {tests::negotiate_rule("192.0.2.0/24", "192.0.2.2/32", {}, true),
                    tests::negotiate_rule("10.1.0.0/16", "192.0.2.2/32", {}, true)});
    net_.west.add_sa(make_sa(0x4000, SaMode::kTransport, "192.0.2.1", "192.0.2.2").outbound);
    const auto send = [&](std::string_view source) {
        net_.west.inject(InjectionKind::kHostOutput,
                         kWan,
                         Packet()
                             .eth(tests::kWestWanMac, tests::kEastWanMac)
                             .ipv4(source, "192.0.2.2")
                             .udp(7, 9)
                             .payload(8)
                             .bytes());
        const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
        return wire.empty() ? 0U : wire[0][kEsp + 2] * 256U + wire[0][kEsp + 3];  // of the SPI
    };
    EXPECT_EQ(send("192.0.2.1"), 0x4000U);
    EXPECT_EQ(send("10.1.0.254"), 0U);
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 1U);
    // An SA for another source hides no older one to the same peer.
    net_.west.add_sa(make_sa(0x4001, SaMode::kTransport, "10.1.0.254", "192.0.2.2").outbound);
    EXPECT_EQ(send("192.0.2.1"), 0x4000U);
    EXPECT_EQ(send("10.1.0.254"), 0x4001U);
}

// --- Sizes ---------------------------------------------------------------------------------------

TEST_F(IpsecStageTest, WhatMayNotBeCutIsRefusedWithTheSizeThatFits) {
    const Bytes frame = GatewayPair::from_west(Family::kV4, 1460).dont_fragment().bytes();
    EXPECT_TRUE(protect(frame).empty());
    EXPECT_EQ(net_.west.drops(DropReason::kMtuExceeded), 1U);
    const std::vector<Bytes> errors = GatewayPair::take_lan(net_.west);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0][34], 3U);  // destination unreachable
    EXPECT_EQ(errors[0][35], 4U);  // fragmentation needed and DF set
    const std::size_t mtu = errors[0][40] * 256U + errors[0][41];
    // A packet of just that size fits, one byte more does not.
    EXPECT_FALSE(
        protect(GatewayPair::from_west(Family::kV4, mtu - 28).dont_fragment().bytes()).empty());
    EXPECT_TRUE(
        protect(GatewayPair::from_west(Family::kV4, mtu - 27).dont_fragment().bytes()).empty());
}

TEST_F(IpsecStageTest, Ipv6IsToldPacketTooBigButNeverLessThan1280) {
    EXPECT_TRUE(protect(GatewayPair::from_west(Family::kV6, 1440).bytes()).empty());
    const std::vector<Bytes> errors = GatewayPair::take_lan(net_.west);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0][54], 2U);
    EXPECT_GE(errors[0][60] * 256U + errors[0][61], 1280U);
    // 1280 bytes always pass, if need be in pieces.
    outbound().path_mtu = 1280;
    outbound().path_mtu_until = ~std::uint64_t{0};
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV6, 1280 - 48).bytes());
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_FALSE(wire.empty());
    net_.east.receive(kWan, wire);
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U);
}

TEST_F(IpsecStageTest, TheKernelIsToldToo) {
    net_.set_transport_rules();
    net_.connect_west_to_east(make_sa(0x4000, SaMode::kTransport, "192.0.2.1", "192.0.2.2"));
    net_.west.inject(InjectionKind::kHostOutput,
                     kWan,
                     Packet()
                         .eth(tests::kWestWanMac, tests::kEastWanMac)
                         .ipv4("192.0.2.1", "192.0.2.2")
                         .dont_fragment()
                         .udp(7, 9)
                         .payload(1472)
                         .bytes());
    const std::vector<Bytes> errors = GatewayPair::take_host(net_.west);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0][34], 3U);
    EXPECT_EQ(errors[0][35], 4U);
}

TEST_F(IpsecStageTest, AnIcmpErrorAboutAProtectedPacketLowersItsSasPathMtu) {
    const Bytes sent = protect(GatewayPair::from_west(Family::kV4, 1200).dont_fragment().bytes());
    ASSERT_FALSE(sent.empty());
    const Bytes quote(sent.begin() + 14, sent.begin() + 14 + 28);
    net_.west.receive(kWan, fragmentation_needed(1200, quote));
    EXPECT_EQ(outbound().path_mtu, 1200U);
    net_.west.discard_events();
    EXPECT_TRUE(protect(GatewayPair::from_west(Family::kV4, 1200).dont_fragment().bytes()).empty());
    EXPECT_EQ(net_.west.drops(DropReason::kMtuExceeded), 1U);
    // Of a bundle routers see the AH.
    outbound().path_mtu = 0;
    const tests::SaMethod ah{
        config::IpsecProtocol::kAh, config::Cipher::kNone, config::Hash::kSha1};
    const dataplane::SaHandle bundle = net_.west.add_bundle(
        make_sa(0x5000, SaMode::kTransport, "192.0.2.1", "192.0.2.2", ah).outbound,
        make_sa(0x5001, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").outbound);
    net_.west.sa(bundle).outer->path_mtu = 1200;
    net_.west.sa(bundle).outer->path_mtu_until = ~std::uint64_t{0};
    EXPECT_TRUE(protect(GatewayPair::from_west(Family::kV4, 1200).dont_fragment().bytes()).empty());
    EXPECT_EQ(net_.west.drops(DropReason::kMtuExceeded), 2U);
    net_.west.sas().remove(bundle);
    outbound().path_mtu = 1200;
    // Ten minutes later the larger size is tried again.
    net_.west.now += 601 * tests::kTscHz;
    EXPECT_FALSE(
        protect(GatewayPair::from_west(Family::kV4, 1200).dont_fragment().bytes()).empty());
}

}  // namespace
