// Bursts in which packets of several rules and SAs alternate: what one packet has looked up is not
// taken for the next one's.
#include "dataplane/wire.h"
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace {

using config::SaMode;
using dataplane::DropReason;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kWan;
using tests::make_sa;
using tests::Packet;

constexpr std::uint32_t kSpi4 = 0x1000;
constexpr std::uint32_t kSpi6 = 0x2000;
constexpr std::size_t kMarker = 14 + 20 + 8;  // the first byte of a UDP packet's payload

std::uint32_t spi_of(const Bytes& frame) {
    const std::size_t at = 14U + (frame[12] == 0x08 ? 20U : 40U);
    return std::uint32_t{frame[at]} << 24U | std::uint32_t{frame[at + 1]} << 16U
           | std::uint32_t{frame[at + 2]} << 8U | frame[at + 3];
}

// From the west site to the east; the source chooses the rule.
Bytes from(const char* source, std::uint8_t marker) {
    return Packet()
        .eth(tests::kHostMac, tests::kGatewayMac)
        .ipv4(source, "10.2.0.1")
        .udp(7, 9)
        .payload(32, marker)
        .bytes();
}

class IpsecBurstsTest : public ::testing::Test {
  protected:
    ~IpsecBurstsTest() override {
        for (tests::PipelineHarness* gateway : {&net_.west, &net_.east}) {
            static_cast<void>(gateway->take_sent());
            gateway->discard_events();
            EXPECT_TRUE(gateway->pipeline().is_conserved());
            EXPECT_EQ(gateway->pool().in_use(), 0U);
        }
    }

    // 10.1.0.1 goes through an IPv4 tunnel, 10.1.0.2 through an IPv6 one, and 10.1.0.3 should go
    // through one that is not there.
    void set_tunnels() {
        const std::vector<config::RuleSource> rules = {
            tests::negotiate_rule("10.1.0.1/32", "10.2.0.0/16", "192.0.2.2"),
            tests::negotiate_rule("10.1.0.2/32", "10.2.0.0/16", "2001:db8:f::2"),
            tests::negotiate_rule("10.1.0.3/32", "10.2.0.0/16", "192.0.2.9")};
        net_.set_rules(net_.west, rules);
        net_.set_rules(net_.east, rules);
        net_.connect_west_to_east(make_sa(kSpi4, SaMode::kTunnel, "192.0.2.1", "192.0.2.2"));
        net_.connect_west_to_east(
            make_sa(kSpi6, SaMode::kTunnel, "2001:db8:f::1", "2001:db8:f::2"));
    }

    GatewayPair net_;
};

constexpr const char* kSources[] = {"10.1.0.1",
                                    "10.1.0.1",
                                    "10.1.0.2",
                                    "10.1.0.3",
                                    "10.1.0.1",
                                    "10.1.0.3",
                                    "10.1.0.2",
                                    "10.1.0.2",
                                    "10.1.0.1"};

TEST_F(IpsecBurstsTest, EachTunnelRuleFindsItsOwnSa) {
    set_tunnels();
    std::vector<Bytes> burst;
    std::map<std::uint32_t, unsigned> expected;
    for (const char* source : kSources) {
        burst.push_back(from(source, static_cast<std::uint8_t>(burst.size())));
        ++expected[source[7] == '1' ? kSpi4 : source[7] == '2' ? kSpi6 : 0];
    }
    net_.west.receive(kLan, burst);
    std::map<std::uint32_t, unsigned> sent;
    for (const Bytes& frame : GatewayPair::take_wire(net_.west)) {
        ++sent[spi_of(frame)];
    }
    EXPECT_EQ(GatewayPair::discard_acquires(net_.west), expected[0]);
    expected.erase(0);
    EXPECT_EQ(sent, expected);
}

TEST_F(IpsecBurstsTest, EachPacketIsVerifiedByTheSaItNames) {
    set_tunnels();
    std::vector<Bytes> burst;
    std::map<std::string, std::vector<std::uint8_t>> expected;
    for (const char* source : {"10.1.0.1", "10.1.0.1", "10.1.0.2", "10.1.0.1", "10.1.0.2"}) {
        expected[source].push_back(static_cast<std::uint8_t>(burst.size()));
        burst.push_back(from(source, static_cast<std::uint8_t>(burst.size())));
    }
    net_.west.receive(kLan, burst);
    std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), burst.size());
    // Between two packets that are good: the first one's with an SPI nobody has, and one of the
    // other tunnel's packets with the SPI of this one.
    Bytes unknown = wire[0];
    unknown[14 + 20] ^= 1U;
    const auto other = std::find_if(
        wire.begin(), wire.end(), [](const Bytes& frame) { return spi_of(frame) == kSpi6; });
    ASSERT_NE(other, wire.end());
    Bytes crossed = *other;
    crossed[14 + 40 + 2] = kSpi4 >> 8U;
    wire.insert(wire.begin() + 1, {unknown, crossed});
    net_.east.receive(kWan, wire);
    std::map<std::string, std::vector<std::uint8_t>> arrived;
    for (const Bytes& frame : GatewayPair::take_lan(net_.east)) {
        arrived[std::string("10.1.0.") + std::to_string(frame[14 + 15])].push_back(frame[kMarker]);
    }
    EXPECT_EQ(arrived, expected);
    EXPECT_EQ(net_.east.drops(DropReason::kSaUnknown), 2U) << net_.east.drop_report();
}

// One rule, one row, and a peer each.
TEST_F(IpsecBurstsTest, InTransportModeTheDestinationNamesTheSa) {
    const std::vector<config::RuleSource> rules = {
        tests::negotiate_rule("192.0.2.1/32", "192.0.2.0/24")};
    net_.set_rules(net_.west, rules);
    for (const auto& [spi, peer] : {std::pair{0x3000U, "192.0.2.2"}, {0x4000U, "192.0.2.3"}}) {
        net_.west.add_sa(make_sa(spi, SaMode::kTransport, "192.0.2.1", peer).outbound);
    }
    const std::vector<dataplane::Neighbor> neighbors = {
        {kWan, tests::address("192.0.2.2"), tests::kEastWanMac},
        {kWan, tests::address("192.0.2.3"), tests::kPeerMac}};
    net_.west.set_neighbors(neighbors);
    std::vector<Bytes> burst;
    for (const char* peer : {"192.0.2.2", "192.0.2.3", "192.0.2.3", "192.0.2.2"}) {
        burst.push_back(Packet()
                            .eth(tests::kWestWanMac, tests::kEastWanMac)
                            .ipv4("192.0.2.1", peer)
                            .udp(7, 9)
                            .payload(32)
                            .bytes());
    }
    net_.west.inject(dataplane::InjectionKind::kHostOutput, kWan, burst);
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), burst.size()) << net_.west.drop_report();
    for (const Bytes& frame : wire) {
        const bool second = frame[14 + dataplane::kIpv4Destination + 3] == 3;
        EXPECT_EQ(spi_of(frame), second ? 0x4000U : 0x3000U);
        // And each goes to its own neighbour.
        EXPECT_TRUE(std::equal(frame.begin(),
                               frame.begin() + 6,
                               (second ? tests::kPeerMac : tests::kEastWanMac).bytes.begin()));
    }
}

}  // namespace
