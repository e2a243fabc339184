// NeighborAgent: who is answered, what is learned, how packets wait. No wire, no clock, no EAL.
#include "control/neighbor_agent.h"
#include "control/neighbor_wire.h"
#include "tests/support/fake_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace {

using config::IpAddress;
using config::IpPrefix;
using config::MacAddress;
using control::LinkEnd;
using control::NeighborAgent;
using control::NeighborLimits;
using dataplane::DropReason;
using namespace std::chrono_literals;
using Frame = std::vector<std::uint8_t>;

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

const MacAddress kOurMac = MacAddress::parse("02:00:00:00:00:01").value();
const MacAddress kPeerMac = MacAddress::parse("02:00:00:00:00:99").value();
const MacAddress kOtherMac = MacAddress::parse("02:00:00:00:00:66").value();

struct Addresses {
    IpAddress ours;
    IpAddress peer;
    IpAddress stranger;
};

const Addresses kV4{ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3")};
const Addresses kV6{ip("2001:db8::1"), ip("2001:db8::2"), ip("2001:db8::3")};

// An agent with one port that has both families, a pool and a clock.
class NeighborAgentTest : public ::testing::TestWithParam<Addresses> {
  protected:
    static std::vector<NeighborAgent::Port> ports() {
        return {{kOurMac,
                 {IpPrefix::parse("10.0.0.1/24").value(),
                  IpPrefix::parse("2001:db8::1/64").value(),
                  IpPrefix::parse("fe80::1/64").value()}}};
    }

    const Addresses& a() const { return GetParam(); }

    void send_to_peer(std::uint8_t mark = 0) { send_to(a().peer, mark); }
    void send_to(const IpAddress& next_hop, std::uint8_t mark = 0) {
        const std::array<std::uint8_t, 60> bytes{mark};
        agent.unresolved(0, next_hop, dataplane::Packet(pool.make(bytes)), now, actions);
    }
    std::optional<DropReason> receive(const Frame& frame) {
        return agent.receive(0, frame, now, actions);
    }
    Frame answer_of(const IpAddress& address, const MacAddress& mac = kPeerMac) const {
        return control::make_advertisement({mac, address}, {kOurMac, a().ours}, false);
    }
    void resolve_peer() {
        send_to_peer();
        EXPECT_EQ(receive(answer_of(a().peer)), std::nullopt);
        actions = {};
    }
    // Runs every timer up to `duration` from now.
    void pass(std::chrono::milliseconds duration) {
        const auto end = now + duration;
        while (agent.deadline() && *agent.deadline() <= end) {
            now = *agent.deadline();
            agent.tick(now, actions);
        }
        now = end;
    }
    MacAddress known(const IpAddress& address) const {
        for (const dataplane::Neighbor& neighbor : agent.table()) {
            if (neighbor.address == address) {
                return neighbor.mac;
            }
        }
        return {};
    }

    tests::FakePool pool{4096, 256};
    NeighborAgent agent{ports(), {}};
    NeighborAgent::Time now{std::chrono::hours(1)};
    NeighborAgent::Actions actions;
};

TEST_P(NeighborAgentTest, AnswersSolicitationForOurAddress) {
    const Frame question = control::make_solicitation({kPeerMac, a().peer}, a().ours, std::nullopt);
    EXPECT_EQ(receive(question), std::nullopt);
    ASSERT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(actions.transmits[0].frame,
              control::make_advertisement({kOurMac, a().ours}, {kPeerMac, a().peer}, true));
}

TEST_P(NeighborAgentTest, DoesNotAnswerForAnotherAddress) {
    const Frame question =
        control::make_solicitation({kPeerMac, a().peer}, a().stranger, std::nullopt);
    EXPECT_EQ(receive(question), std::nullopt);
    EXPECT_TRUE(actions.transmits.empty());
}

TEST_P(NeighborAgentTest, AskerIsNotLearned) {
    const Frame question = control::make_solicitation({kPeerMac, a().peer}, a().ours, std::nullopt);
    EXPECT_EQ(receive(question), std::nullopt);
    EXPECT_EQ(agent.size(), 0U);
    EXPECT_FALSE(actions.table_changed);
}

TEST_P(NeighborAgentTest, UnaskedAnswerIsNotLearned) {
    EXPECT_EQ(receive(answer_of(a().peer)), std::nullopt);
    EXPECT_EQ(agent.size(), 0U);
}

TEST_P(NeighborAgentTest, PacketWaitsForAnswerAndThenGoesOn) {
    send_to_peer(7);
    ASSERT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(actions.transmits[0].frame,
              control::make_solicitation({kOurMac, a().ours}, a().peer, std::nullopt));
    EXPECT_TRUE(actions.forwards.empty());
    EXPECT_EQ(receive(answer_of(a().peer)), std::nullopt);
    EXPECT_TRUE(actions.table_changed);
    EXPECT_EQ(known(a().peer), kPeerMac);
    ASSERT_EQ(actions.forwards.size(), 1U);
    EXPECT_EQ(actions.forwards[0].packet.bytes()[0], 7);
    EXPECT_EQ(agent.held(), 0U);
}

TEST_P(NeighborAgentTest, SecondPacketAsksNoSecondTime) {
    send_to_peer();
    send_to_peer();
    EXPECT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(agent.held(), 2U);
}

TEST_P(NeighborAgentTest, PacketForKnownNeighborGoesOnAtOnce) {
    resolve_peer();
    send_to_peer();
    EXPECT_EQ(actions.forwards.size(), 1U);
    EXPECT_TRUE(actions.transmits.empty());
}

TEST_P(NeighborAgentTest, AsksThreeTimesThenDropsWhatWaits) {
    send_to_peer();
    pass(2999ms);
    EXPECT_EQ(actions.transmits.size(), 3U);
    EXPECT_TRUE(actions.drops.empty());
    pass(1ms);
    EXPECT_EQ(actions.transmits.size(), 3U);
    ASSERT_EQ(actions.drops.size(), 1U);
    EXPECT_EQ(actions.drops[0].reason, DropReason::kNeighborUnresolved);
    EXPECT_EQ(agent.size(), 0U);
    EXPECT_FALSE(actions.table_changed);
}

TEST_P(NeighborAgentTest, ReachableNeighborIsProbedAndStays) {
    resolve_peer();
    for (int i = 0; i < 5; ++i) {
        now = agent.deadline().value();
        agent.tick(now, actions);
        ASSERT_EQ(actions.transmits.size(), 1U);
        EXPECT_EQ(actions.transmits[0].frame,
                  control::make_solicitation({kOurMac, a().ours}, a().peer, kPeerMac));
        EXPECT_EQ(receive(answer_of(a().peer)), std::nullopt);
        EXPECT_FALSE(actions.table_changed);
        actions = {};
    }
    EXPECT_EQ(known(a().peer), kPeerMac);
}

TEST_P(NeighborAgentTest, SilentNeighborIsRemovedAfterThreeProbes) {
    resolve_peer();
    pass(60s);
    EXPECT_EQ(actions.transmits.size(), 3U);
    EXPECT_TRUE(actions.table_changed);
    EXPECT_EQ(agent.size(), 0U);
    EXPECT_EQ(agent.deadline(), std::nullopt);
}

TEST_P(NeighborAgentTest, KnownNeighborWithNewMacIsUpdatedAndProbed) {
    resolve_peer();
    const Frame announcement = control::make_announcement({kOtherMac, a().peer});
    EXPECT_EQ(receive(announcement), std::nullopt);
    EXPECT_TRUE(actions.table_changed);
    EXPECT_EQ(known(a().peer), kOtherMac);
    agent.tick(now, actions);
    ASSERT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(actions.transmits[0].frame,
              control::make_solicitation({kOurMac, a().ours}, a().peer, kOtherMac));
}

TEST_P(NeighborAgentTest, QuestionFromAwaitedNeighborReleasesPackets) {
    send_to_peer();
    actions.transmits.clear();
    const Frame question = control::make_solicitation({kPeerMac, a().peer}, a().ours, std::nullopt);
    EXPECT_EQ(receive(question), std::nullopt);
    EXPECT_EQ(actions.forwards.size(), 1U);
    EXPECT_EQ(known(a().peer), kPeerMac);
}

TEST_P(NeighborAgentTest, OurAddressFromOutsideIsRefused) {
    EXPECT_EQ(receive(control::make_announcement({kOtherMac, a().ours})), DropReason::kSpoofedMe);
    EXPECT_EQ(receive(answer_of(a().ours, kOtherMac)), DropReason::kSpoofedMe);
    EXPECT_TRUE(actions.transmits.empty());
}

TEST_P(NeighborAgentTest, StaticNeighborIsNeverChangedOrProbed) {
    agent.add_static({0, a().peer, kPeerMac});
    EXPECT_EQ(receive(answer_of(a().peer, kOtherMac)), std::nullopt);
    EXPECT_EQ(known(a().peer), kPeerMac);
    EXPECT_FALSE(actions.table_changed);
    EXPECT_EQ(agent.deadline(), std::nullopt);
    send_to_peer();
    EXPECT_EQ(actions.forwards.size(), 1U);
}

TEST_P(NeighborAgentTest, OldestPacketsOfOneNeighborMakeRoom) {
    for (std::uint8_t i = 0; i < 20; ++i) {
        send_to_peer(i);
    }
    EXPECT_EQ(agent.held(), 16U);
    ASSERT_EQ(actions.drops.size(), 4U);
    EXPECT_EQ(actions.drops[0].reason, DropReason::kNeighborQueueFull);
    EXPECT_EQ(receive(answer_of(a().peer)), std::nullopt);
    ASSERT_EQ(actions.forwards.size(), 16U);
    EXPECT_EQ(actions.forwards.front().packet.bytes()[0], 4);
    EXPECT_EQ(actions.forwards.back().packet.bytes()[0], 19);
}

TEST_P(NeighborAgentTest, HeldPacketsHaveOneLimitForAll) {
    NeighborLimits limits;
    limits.held_total = 3;
    agent = NeighborAgent(ports(), limits);
    send_to(a().peer, 1);
    send_to(a().peer, 2);
    send_to(a().peer, 3);
    send_to(a().stranger, 4);
    send_to(a().peer, 5);
    EXPECT_EQ(agent.held(), 3U);
    ASSERT_EQ(actions.drops.size(), 2U);
    EXPECT_EQ(actions.drops[0].packet.bytes()[0], 4);
    EXPECT_EQ(actions.drops[1].packet.bytes()[0], 1);
}

TEST_P(NeighborAgentTest, ScanOfSilentAddressesDoesNotKeepOutNewNeighbors) {
    NeighborLimits limits;
    limits.incomplete = 8;
    agent = NeighborAgent(ports(), limits);
    IpAddress address = a().peer;
    for (std::uint8_t i = 0; i < 100; ++i) {
        address.bytes[config::address_bytes(address.family) - 1] =
            static_cast<std::uint8_t>(100 + i);
        send_to(address);
    }
    EXPECT_EQ(agent.size(), 8U);
    EXPECT_EQ(actions.drops.size(), 92U);
    EXPECT_EQ(receive(answer_of(address)), std::nullopt);
    EXPECT_EQ(known(address), kPeerMac);
}

TEST_P(NeighborAgentTest, TableOfOnePortIsBounded) {
    NeighborLimits limits;
    limits.per_port = 2;
    agent = NeighborAgent(ports(), limits);
    IpAddress address = a().peer;
    for (std::uint8_t i = 0; i < 3; ++i) {
        address.bytes[config::address_bytes(address.family) - 1] =
            static_cast<std::uint8_t>(100 + i);
        send_to(address);
        EXPECT_EQ(receive(answer_of(address)), std::nullopt);
    }
    EXPECT_EQ(agent.size(), 2U);
    ASSERT_EQ(actions.drops.size(), 1U);
    EXPECT_EQ(actions.drops[0].reason, DropReason::kNeighborQueueFull);
}

TEST_P(NeighborAgentTest, DrainGivesBackEveryPacket) {
    send_to(a().peer);
    send_to(a().stranger);
    agent.drain(actions);
    ASSERT_EQ(actions.drops.size(), 2U);
    EXPECT_EQ(actions.drops[0].reason, DropReason::kShutdown);
    actions = {};
    EXPECT_EQ(pool.in_use(), 0U);
}

TEST_P(NeighborAgentTest, EveryCutOfAValidFrameIsRefused) {
    send_to_peer();
    const std::vector<Frame> frames = {
        control::make_solicitation({kPeerMac, a().peer}, a().ours, std::nullopt),
        answer_of(a().peer),
        control::make_announcement({kPeerMac, a().peer}),
    };
    const std::size_t arp_end = 42;
    for (const Frame& frame : frames) {
        const std::size_t whole = a().peer.family == config::Family::kIpv4 ? arp_end : frame.size();
        for (std::size_t length = 0; length < whole; ++length) {
            EXPECT_NE(receive(Frame(frame.begin(), frame.begin() + static_cast<long>(length))),
                      std::nullopt)
                << length;
        }
    }
    EXPECT_TRUE(actions.forwards.empty());
}

INSTANTIATE_TEST_SUITE_P(Families,
                         NeighborAgentTest,
                         ::testing::Values(kV4, kV6),
                         [](const auto& row) {
                             return row.param.ours.family == config::Family::kIpv4 ? "Arp" : "Nd";
                         });

TEST(NeighborAgentSources, LinkLocalNextHopIsAskedFromLinkLocalAddress) {
    NeighborAgent agent(
        {{kOurMac,
          {IpPrefix::parse("2001:db8::1/64").value(), IpPrefix::parse("fe80::1/64").value()}}});
    NeighborAgent::Actions actions;
    agent.unresolved(0, ip("fe80::2"), {}, {}, actions);
    ASSERT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(actions.transmits[0].frame,
              control::make_solicitation({kOurMac, ip("fe80::1")}, ip("fe80::2"), std::nullopt));
}

TEST(NeighborAgentSources, PortWithoutAddressOfTheFamilyCannotAsk) {
    NeighborAgent agent({{kOurMac, {IpPrefix::parse("10.0.0.1/24").value()}}});
    NeighborAgent::Actions actions;
    agent.unresolved(0, ip("2001:db8::2"), {}, {}, actions);
    agent.unresolved(0, ip("255.255.255.255"), {}, {}, actions);
    agent.unresolved(9, ip("10.0.0.2"), {}, {}, actions);
    EXPECT_TRUE(actions.drops.size() >= 2);
    EXPECT_EQ(actions.drops[0].reason, DropReason::kNeighborUnresolved);
}

TEST(NeighborAgentAnnounce, NamesEveryAddress) {
    const NeighborAgent agent(
        {{kOurMac,
          {IpPrefix::parse("10.0.0.1/24").value(), IpPrefix::parse("2001:db8::1/64").value()}}});
    NeighborAgent::Actions actions;
    agent.announce(actions);
    ASSERT_EQ(actions.transmits.size(), 2U);
    EXPECT_EQ(actions.transmits[0].frame, control::make_announcement({kOurMac, ip("10.0.0.1")}));
    EXPECT_EQ(actions.transmits[1].frame, control::make_announcement({kOurMac, ip("2001:db8::1")}));
}

TEST(NeighborAgentDuplicates, ProbeForOurAddressIsAnsweredToEverybodyThatMustHear) {
    NeighborAgent agent(
        {{kOurMac,
          {IpPrefix::parse("10.0.0.1/24").value(), IpPrefix::parse("2001:db8::1/64").value()}}});
    NeighborAgent::Actions actions;
    const IpAddress nobody = ip("0.0.0.0");
    EXPECT_EQ(
        agent.receive(0,
                      control::make_solicitation({kPeerMac, nobody}, ip("10.0.0.1"), std::nullopt),
                      {},
                      actions),
        std::nullopt);
    ASSERT_EQ(actions.transmits.size(), 1U);
    EXPECT_EQ(actions.transmits[0].frame,
              control::make_advertisement({kOurMac, ip("10.0.0.1")}, {kPeerMac, nobody}, true));
}

}  // namespace
