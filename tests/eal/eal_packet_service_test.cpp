// The packet service with a real worker: a packet waits for its SA, goes on when it is there, or is
// dropped when there will be none.
#include "control/packet_service.h"
#include "tests/eal/ring_gateway.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using config::IpAddress;
using control::AcquireRequest;
using dataplane::DropReason;
using tests::RingGateway;

constexpr config::RuleTag kRule = 3;
constexpr config::RuleTag kSelector = 5;
const IpAddress kPeer = IpAddress::v4(0x0A000102);

// UDP from the "lan" network goes through a tunnel to the host on "wan".
config::RuleSet tunnel_rule() {
    config::RuleSet set;
    set.rules.emplace_back().tunnel = true;
    set.rules[0].tag = kRule;
    set.filters.emplace_back().tunnel_endpoint = kPeer;
    config::RuleRow& row = set.rows.emplace_back();
    row.protocol = 17;
    row.selector = kSelector;
    row.inbound = row.outbound = config::Action::kNegotiate;
    row.source_first = IpAddress::v4(0x0A000000);
    row.source_last = IpAddress::v4(0x0A0000FF);
    row.destination_last = IpAddress::v4(0xFFFFFFFF);
    return set;
}

class PacketServiceTest : public ::testing::Test {
  protected:
    void start(bool with_ike) {
        EXPECT_TRUE(gateway_.dataplane().start(gateway_.snapshot(tunnel_rule(), 1)).ok());
        std::vector<control::NeighborAgent::Port> ports;
        for (const dataplane::PortInfo& port : gateway_.dataplane().topology().ports) {
            ports.push_back({port.mac, {}});
        }
        service_ = std::make_unique<control::PacketService>(
            gateway_.dataplane(),
            control::NeighborAgent(std::move(ports)),
            std::vector<std::optional<control::TapDevice>>(2),
            [](std::shared_ptr<const dataplane::NeighborTable>) {},
            [](const dataplane::Event&) {});
        if (with_ike) {
            service_->on_acquire([this](const AcquireRequest& request) {
                asked_ = request;
                ++asks_;
            });
        }
        ASSERT_TRUE(service_->start().ok());
    }
    void send() {
        ASSERT_TRUE(gateway_.send(RingGateway::kLan,
                                  tests::Packet()
                                      .eth(tests::kHostMac, gateway_.mac(RingGateway::kLan))
                                      .ipv4("10.0.0.2", "10.0.1.9")
                                      .udp(7, 9)
                                      .payload(32)
                                      .bytes()));
    }
    // Gives up after ten seconds, so that a test fails instead of hanging.
    template <typename Condition>
    static bool await(Condition condition) {
        for (int i = 0; i < 10'000 && !condition(); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return condition();
    }
    void add_sa() {
        config::SaSpec spec;
        spec.mode = config::SaMode::kTunnel;
        spec.spi = 0x1000;
        spec.source = IpAddress::v4(0x0A000101);
        spec.destination = kPeer;
        spec.hash = config::Hash::kSha1;
        spec.auth_key = config::SecretBytes(std::string(20, 'k'));
        spec.rule = kSelector;
        dataplane::Dataplane& dataplane = gateway_.dataplane();
        auto sa = dataplane::Sa::create(spec, dataplane.engines(), dataplane::Dataplane::clock());
        ASSERT_TRUE(sa.ok());
        ASSERT_TRUE(dataplane.sas().add(std::move(sa).value()).ok());
    }
    // Everything is accounted for once nothing waits any more.
    void expect_conserved() {
        service_.reset();
        gateway_.dataplane().stop();
        EXPECT_EQ(gateway_.received() + gateway_.injected(),
                  gateway_.transmitted() + gateway_.dropped() + gateway_.to_control());
    }

    RingGateway gateway_;
    AcquireRequest asked_;  // written before asks_
    std::atomic<int> asks_{0};
    std::unique_ptr<control::PacketService> service_;
};

TEST_F(PacketServiceTest, APacketGoesOnWhenItsSaIsThere) {
    start(true);
    send();
    ASSERT_TRUE(await([&] { return asks_ == 1; }));
    EXPECT_EQ(asked_.selector, kSelector);
    EXPECT_EQ(asked_.rule, kRule);
    EXPECT_EQ(asked_.mode, config::SaMode::kTunnel);
    EXPECT_EQ(asked_.local, IpAddress::v4(0x0A000101));
    EXPECT_EQ(asked_.remote, kPeer);
    EXPECT_EQ(service_->held(), 1U);
    add_sa();
    service_->release(kSelector, IpAddress::v4(0x0A000103));  // another peer's
    service_->release(kSelector, kPeer);
    rte_mbuf* const sent = gateway_.await(RingGateway::kWan);
    ASSERT_NE(sent, nullptr);
    EXPECT_EQ(*dataplane::bytes_at(sent, 14 + 9), 50) << "ESP";
    rte_pktmbuf_free(sent);
    EXPECT_TRUE(await([&] { return service_->held() == 0; }));
    expect_conserved();
    EXPECT_EQ(gateway_.dropped(), 0U);
}

TEST_F(PacketServiceTest, APacketIsDroppedWhenThereWillBeNoSa) {
    start(true);
    send();
    ASSERT_TRUE(await([&] { return service_->held() == 1; }));
    service_->discard(kSelector, kPeer, DropReason::kNegotiationFailed);
    EXPECT_TRUE(await([&] { return gateway_.dropped(DropReason::kNegotiationFailed) == 1; }));
    expect_conserved();
}

TEST_F(PacketServiceTest, APacketReleasedWithoutSaDoesNotWaitAgain) {
    start(true);
    send();
    ASSERT_TRUE(await([&] { return service_->held() == 1; }));
    service_->release(kSelector, kPeer);
    EXPECT_TRUE(await([&] { return gateway_.dropped(DropReason::kNegotiateNoSa) == 1; }));
    EXPECT_EQ(asks_, 1);
    expect_conserved();
}

TEST_F(PacketServiceTest, WithoutIkeNothingWaits) {
    start(false);
    send();
    EXPECT_TRUE(await([&] { return gateway_.dropped(DropReason::kNegotiateNoSa) == 1; }));
    EXPECT_EQ(service_->held(), 0U);
    expect_conserved();
}

TEST_F(PacketServiceTest, WhatWaitsWhenTheServiceStopsIsDropped) {
    start(true);
    send();
    ASSERT_TRUE(await([&] { return service_->held() == 1; }));
    expect_conserved();
    EXPECT_EQ(gateway_.dropped(DropReason::kShutdown), 1U);
}

}  // namespace
