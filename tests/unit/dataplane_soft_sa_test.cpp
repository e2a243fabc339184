// Soft SAs: what a rule wants protected leaves in clear while there is no real SA, and nothing else
// does.
#include "dataplane/wire.h"
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using config::SaMode;
using config::SaSpec;
using dataplane::DropReason;
using dataplane::EventKind;
using dataplane::InjectionKind;
using dataplane::SaHandle;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kWan;
using tests::make_sa;
using tests::Packet;

SaSpec soft_spec(SaMode mode,
                 std::string_view source = "192.0.2.1",
                 std::string_view destination = "192.0.2.2") {
    SaSpec spec;
    spec.mode = mode;
    spec.source = tests::address(source);
    spec.destination = tests::address(destination);
    spec.lifetime.hard_seconds = 100;
    spec.soft = true;
    return spec;
}

Packet from_west_kernel(std::size_t payload) {
    return Packet()
        .eth(tests::kWestWanMac, tests::kEastWanMac)
        .ipv4("192.0.2.1", "192.0.2.2")
        .udp(7, 9)
        .payload(payload);
}

class SoftSaTest : public ::testing::Test {
  protected:
    SoftSaTest() { net_.set_tunnel_rules(); }
    ~SoftSaTest() override {
        for (tests::PipelineHarness* gateway : {&net_.west, &net_.east}) {
            static_cast<void>(gateway->take_sent());
            gateway->discard_events();
            gateway->pipeline().drain();
            EXPECT_TRUE(gateway->pipeline().is_conserved());
            EXPECT_EQ(gateway->pool().in_use(), 0U);
            EXPECT_EQ(gateway->large_pool().in_use(), 0U);
        }
    }

    std::vector<Bytes> send(std::size_t payload = 64, Family family = Family::kV4) {
        net_.west.receive(kLan, GatewayPair::from_west(family, payload).bytes());
        return GatewayPair::take_wire(net_.west);
    }
    // Of what `send` sends: whether it leaves as it came.
    bool leaves_in_clear() {
        const std::vector<Bytes> wire = send();
        EXPECT_EQ(wire.size(), 1U) << net_.west.drop_report();
        return wire.size() == 1 && wire[0][14 + 9] == dataplane::kProtoUdp;
    }
    dataplane::Sa& sa(SaHandle handle) { return net_.west.sa(handle); }

    GatewayPair net_;
};

TEST_F(SoftSaTest, WithoutItNothingLeaves) {
    EXPECT_TRUE(send().empty());
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 1U);
}

TEST_F(SoftSaTest, ForwardsInClearWhatATunnelRuleWantsProtected) {
    const SaHandle soft = net_.west.add_sa(soft_spec(SaMode::kTunnel));
    const Bytes sent = GatewayPair::from_west(Family::kV4, 64).bytes();
    const std::vector<Bytes> wire = send();
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_TRUE(std::equal(sent.begin() + 26, sent.end(), wire[0].begin() + 26))
        << "addresses and everything behind them";
    EXPECT_EQ(wire[0][22], sent[22] - 1) << "the TTL, once";
    EXPECT_EQ(send(64, Family::kV6).size(), 1U);
    EXPECT_EQ(sa(soft).packets, 2U);
    EXPECT_EQ(sa(soft).bytes, (20U + 8U + 64U) + (40U + 8U + 64U));
    EXPECT_EQ(sa(soft).last_used, net_.west.now);
    EXPECT_EQ(net_.west.counters().sent_clear.read(), 2U);
    EXPECT_EQ(net_.west.counters().protected_packets.read(), 0U);
    EXPECT_EQ(net_.west.all_drops(), 0U);
}

TEST_F(SoftSaTest, ABurstIsCountedPacketByPacket) {
    const SaHandle soft = net_.west.add_sa(soft_spec(SaMode::kTunnel));
    std::vector<Bytes> burst;
    for (std::size_t payload = 0; payload < 20; ++payload) {
        burst.push_back(GatewayPair::from_west(Family::kV4, payload).bytes());
    }
    net_.west.receive(kLan, burst);
    EXPECT_EQ(GatewayPair::take_wire(net_.west).size(), 20U);
    EXPECT_EQ(sa(soft).packets, 20U);
    EXPECT_EQ(sa(soft).bytes, 20U * 28U + 190U);
}

TEST_F(SoftSaTest, TreatsPacketsAsPermittedOnes) {
    net_.west.add_sa(soft_spec(SaMode::kTunnel));
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).ttl(1).bytes());
    EXPECT_EQ(net_.west.drops(DropReason::kTtlExpired), 1U);
    EXPECT_EQ(GatewayPair::take_lan(net_.west).size(), 1U) << "the sender is told";
    EXPECT_EQ(send(1472).size(), 1U) << "1500 bytes fit the link: nothing is put around them";
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 1473).dont_fragment().bytes());
    EXPECT_TRUE(GatewayPair::take_wire(net_.west).empty());
    EXPECT_EQ(net_.west.drops(DropReason::kMtuExceeded), 1U);
}

TEST_F(SoftSaTest, TransportModeSendsTheKernelsPacketsUnchanged) {
    net_.set_transport_rules();
    const Bytes frame = from_west_kernel(32).bytes();
    net_.west.add_sa(soft_spec(SaMode::kTransport, "192.0.2.7"));
    net_.west.inject(InjectionKind::kHostOutput, kWan, frame);
    EXPECT_TRUE(GatewayPair::take_wire(net_.west).empty()) << "it is for another source";
    net_.west.add_sa(soft_spec(SaMode::kTransport));
    net_.west.inject(InjectionKind::kHostOutput, kWan, frame);
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(Bytes(wire[0].begin() + 14, wire[0].end()), Bytes(frame.begin() + 14, frame.end()));
}

TEST_F(SoftSaTest, ADatagramPutTogetherForTransportModeIsCutAgain) {
    net_.set_transport_rules();
    net_.west.add_sa(soft_spec(SaMode::kTransport));
    const Bytes whole = from_west_kernel(2992).bytes();  // 3,000 bytes of payload for IP
    const auto fragment = [&](std::size_t offset, std::size_t bytes, bool more) {
        Bytes frame(whole.begin(), whole.begin() + 34);
        frame.insert(frame.end(),
                     whole.begin() + 34 + static_cast<std::ptrdiff_t>(offset),
                     whole.begin() + 34 + static_cast<std::ptrdiff_t>(offset + bytes));
        const std::size_t field = offset / 8 | (more ? 0x2000U : 0U);
        frame[16] = static_cast<std::uint8_t>((20 + bytes) >> 8U);
        frame[17] = static_cast<std::uint8_t>(20 + bytes);
        frame[20] = static_cast<std::uint8_t>(field >> 8U);
        frame[21] = static_cast<std::uint8_t>(field);
        frame[24] = frame[25] = 0;
        const std::uint16_t sum =
            tests::internet_checksum(Bytes(frame.begin() + 14, frame.begin() + 34));
        frame[24] = static_cast<std::uint8_t>(sum >> 8U);
        frame[25] = static_cast<std::uint8_t>(sum);
        return frame;
    };
    net_.west.inject(
        InjectionKind::kHostOutput,
        kWan,
        std::vector{
            fragment(0, 1480, true), fragment(1480, 1480, true), fragment(2960, 40, false)});
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    std::size_t payload = 0;
    for (const Bytes& frame : wire) {
        EXPECT_LE(frame.size(), 14U + 1500U);
        payload += frame.size() - 34;
    }
    EXPECT_EQ(wire.size(), 3U) << net_.west.drop_report();
    EXPECT_EQ(payload, 3000U);
}

// --- What it must not do

TEST_F(SoftSaTest, NeverHidesARealSa) {
    constexpr config::RuleTag rule = 1;  // of set_tunnel_rules(), the one send() meets
    struct Row {
        const char* name;
        config::RuleTag soft;
        config::RuleTag real;
        bool soft_first;
    };
    const Row rows[] = {
        {"any, soft first", config::kAnyRule, config::kAnyRule, true},
        {"any, soft later", config::kAnyRule, config::kAnyRule, false},
        {"same rule, soft first", rule, rule, true},
        {"same rule, soft later", rule, rule, false},
        {"soft bound, real for any, soft first", rule, config::kAnyRule, true},
        {"soft bound, real for any, soft later", rule, config::kAnyRule, false},
        {"real bound, soft for any, soft first", config::kAnyRule, rule, true},
        {"real bound, soft for any, soft later", config::kAnyRule, rule, false},
    };
    std::uint32_t spi = 0x1000;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        SaSpec soft = soft_spec(SaMode::kTunnel);
        soft.rule = row.soft;
        SaSpec real = make_sa(spi++, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").outbound;
        real.rule = row.real;
        const SaHandle first = net_.west.add_sa(row.soft_first ? soft : real);
        const SaHandle second = net_.west.add_sa(row.soft_first ? real : soft);
        EXPECT_FALSE(leaves_in_clear());
        // While rekeying, too: the retired one is out of sight, its successor is not.
        const SaHandle real_handle = row.soft_first ? second : first;
        real.spi = spi++;
        const SaHandle successor = net_.west.add_sa(real);
        net_.west.sas().retire(real_handle);
        EXPECT_FALSE(leaves_in_clear());
        // Expired it still is a real one: nothing leaves rather than in clear.
        sa(successor).bytes = sa(successor).lifetime.hard_bytes = 1;
        EXPECT_TRUE(send().empty());
        for (const SaHandle handle : {first, second, successor}) {
            EXPECT_TRUE(net_.west.sas().remove(handle));
        }
    }
    EXPECT_EQ(net_.west.drops(DropReason::kSaExpired), std::size(rows));
    EXPECT_TRUE(send().empty());
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), 1U);
}

TEST_F(SoftSaTest, EndsAtItsLimitAndTellsControlOnce) {
    const SaHandle soft = net_.west.add_sa(soft_spec(SaMode::kTunnel));
    net_.west.now = sa(soft).deadlines.hard - 1;
    EXPECT_TRUE(leaves_in_clear());
    net_.west.now += 1;
    EXPECT_TRUE(send().empty());
    EXPECT_TRUE(send().empty());
    EXPECT_EQ(net_.west.drops(DropReason::kSaExpired), 2U);
    EXPECT_EQ(sa(soft).expired, 2U);
    EXPECT_EQ(sa(soft).packets, 1U);
    const std::vector<dataplane::Event> events = net_.west.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kHardExpired);
    EXPECT_EQ(events[0].sa, soft);
}

// Neither as an SA of what comes in.
TEST_F(SoftSaTest, IsNotFoundBySpi) {
    const SaHandle first = net_.west.add_sa(soft_spec(SaMode::kTunnel));
    const SaHandle second = net_.west.add_sa(soft_spec(SaMode::kTunnel));
    EXPECT_NE(first, second) << "they are not in each other's way";
    const auto to = tests::address("192.0.2.2");
    EXPECT_EQ(net_.west.sas().find(
                  dataplane::SpiKey{0, config::IpsecProtocol::kEsp, to.family, to.bytes.data()}),
              nullptr);
    EXPECT_EQ(net_.west.sas().size(), 2U);
    EXPECT_TRUE(net_.west.sas().remove(first));
    EXPECT_TRUE(leaves_in_clear());
    EXPECT_TRUE(net_.west.sas().retire(second));
    EXPECT_TRUE(send().empty());
}

TEST_F(SoftSaTest, AnErrorAboutAPacketOfATunnelDoesNotLeaveByIt) {
    const tests::SaEnds ends = make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    net_.connect_west_to_east(ends);
    net_.west.receive(kLan, GatewayPair::from_west(Family::kV4, 64).ttl(2).bytes());
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), 1U);
    SaSpec soft = soft_spec(SaMode::kTunnel, "192.0.2.2", "192.0.2.1");
    net_.east.add_sa(soft);
    net_.east.receive(kWan, wire);
    EXPECT_EQ(net_.east.drops(DropReason::kTtlExpired), 1U);
    EXPECT_EQ(net_.east.drops(DropReason::kSaPolicyMismatch), 1U) << "the error";
    EXPECT_TRUE(GatewayPair::take_wire(net_.east).empty());
}

}  // namespace
