// The worker on a real lcore between ring devices: packets in, packets out, nothing lost.
#include "dataplane/worker.h"
#include "tests/eal/ring_gateway.h"
#include "tests/support/packet_builder.h"

#include <rte_mbuf.h>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <poll.h>
#include <thread>
#include <vector>

namespace {

using config::Action;
using dataplane::DropReason;
using dataplane::Event;
using dataplane::EventKind;
using dataplane::Injection;
using dataplane::InjectionKind;
using tests::RingGateway;

// One row: UDP to this port, in transit.
config::RuleSet udp_rows(const std::vector<std::pair<std::uint16_t, Action>>& ports) {
    config::RuleSet set;
    set.rules.emplace_back();
    for (const auto& [port, action] : ports) {
        config::RuleRow row;
        row.protocol = 17;
        row.inbound = action;
        row.outbound = action;
        row.filter = static_cast<std::uint32_t>(set.filters.size());
        row.source_last = row.destination_last = config::IpAddress::v4(0xFFFFFFFF);
        row.destination_port = {port, port};
        set.rows.push_back(row);
        set.filters.emplace_back();
    }
    return set;
}

tests::Bytes udp(const RingGateway& gateway, std::uint16_t port, std::uint32_t sequence = 0) {
    tests::Bytes payload(sizeof(sequence));
    std::memcpy(payload.data(), &sequence, sizeof(sequence));
    return tests::Packet()
        .eth(tests::kHostMac, gateway.mac(RingGateway::kLan))
        .ipv4("10.0.0.2", "10.0.1.2")
        .udp(1000, port)
        .payload(payload)
        .bytes();
}

std::uint32_t sequence_of(const rte_mbuf* mbuf) {
    std::uint32_t sequence = 0;
    std::memcpy(&sequence, dataplane::bytes_at(mbuf, 14 + 20 + 8), sizeof(sequence));
    return sequence;
}

// What was sent to the worker has left it one way or another.
void wait_until_handled(const RingGateway& gateway, std::uint64_t packets) {
    while (gateway.transmitted() + gateway.dropped() + gateway.to_control() < packets) {
        std::this_thread::yield();
    }
}

TEST(Worker, ForwardsAPermittedPacket) {
    RingGateway gateway;
    const auto set = udp_rows({{80, Action::kPermit}, {81, Action::kBlock}});
    ASSERT_TRUE(gateway.dataplane().start(gateway.snapshot(set, 1)).ok());
    ASSERT_TRUE(gateway.send(RingGateway::kLan, udp(gateway, 80)));
    rte_mbuf* out = gateway.await(RingGateway::kWan);
    ASSERT_NE(out, nullptr);
    const tests::Bytes frame = [&] {
        const std::uint8_t* bytes = dataplane::bytes_at(out, 0);
        return tests::Bytes(bytes, bytes + rte_pktmbuf_data_len(out));
    }();
    rte_pktmbuf_free(out);
    const tests::Bytes expected = tests::Packet()
                                      .eth(gateway.mac(RingGateway::kWan), {{0x02, 0, 0, 0, 1, 2}})
                                      .ipv4("10.0.0.2", "10.0.1.2")
                                      .ttl(63)
                                      .udp(1000, 80)
                                      .payload(tests::Bytes(4))
                                      .bytes();
    EXPECT_EQ(frame, expected);

    gateway.dataplane().stop();
    EXPECT_EQ(gateway.dataplane().hits(0).packets, 1U);
    EXPECT_EQ(gateway.buffers_in_use(), 0U);
}

TEST(Worker, DropsABlockedPacketAndFreesIt) {
    RingGateway gateway;
    const auto set = udp_rows({{80, Action::kPermit}, {81, Action::kBlock}});
    ASSERT_TRUE(gateway.dataplane().start(gateway.snapshot(set, 1)).ok());
    ASSERT_TRUE(gateway.send(RingGateway::kLan, udp(gateway, 81)));
    wait_until_handled(gateway, 1);
    gateway.dataplane().stop();
    EXPECT_EQ(gateway.dropped(DropReason::kFilterBlock), 1U);
    EXPECT_EQ(gateway.transmitted(), 0U);
    EXPECT_EQ(gateway.dataplane().hits(1).packets, 1U);
    EXPECT_EQ(gateway.buffers_in_use(), 0U);
}

TEST(Worker, CountsWhatTheTransmitQueueDoesNotTake) {
    RingGateway gateway;
    ASSERT_TRUE(gateway.dataplane().start(gateway.snapshot(udp_rows({}), 1)).ok());
    // Nobody empties the out ring, which holds one less than its size.
    constexpr unsigned kPackets = RingGateway::kRingSize + 100;
    for (unsigned i = 0; i < kPackets;) {
        if (gateway.send(RingGateway::kLan, udp(gateway, 80, i))) {
            ++i;
        } else {
            std::this_thread::yield();
        }
    }
    wait_until_handled(gateway, kPackets);
    gateway.dataplane().stop();
    EXPECT_EQ(gateway.transmitted(), RingGateway::kRingSize - 1);
    EXPECT_EQ(gateway.dropped(DropReason::kTxFull), kPackets - (RingGateway::kRingSize - 1));
}

TEST(Worker, WakesControlForAnEventAndTransmitsWhatItInjects) {
    RingGateway gateway;
    dataplane::Dataplane& dataplane = gateway.dataplane();
    ASSERT_TRUE(dataplane.start(gateway.snapshot(udp_rows({}), 1)).ok());
    dataplane.wakeup().announce_sleep();
    // The neighbour 10.0.1.77 is not resolved.
    const tests::Bytes frame = tests::Packet()
                                   .eth(tests::kHostMac, gateway.mac(RingGateway::kLan))
                                   .ipv4("10.0.0.2", "10.0.1.77")
                                   .udp(1, 2)
                                   .bytes();
    ASSERT_TRUE(gateway.send(RingGateway::kLan, frame));
    pollfd waited{.fd = dataplane.wakeup().fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&waited, 1, 10'000), 1);
    dataplane.wakeup().awake();
    std::array<Event, 8> events;
    ASSERT_EQ(dataplane.take_events(events), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kUnresolved);
    EXPECT_EQ(events[0].port, RingGateway::kWan);
    EXPECT_EQ(events[0].address.to_string(), "10.0.1.77");
    EXPECT_EQ(dataplane.take_events(events), 0U);

    ASSERT_TRUE(dataplane.inject({.kind = InjectionKind::kTransmit,
                                  .reserved = 0,
                                  .port = RingGateway::kLan,
                                  .reserved2 = 0,
                                  .mbuf = events[0].mbuf}));
    rte_mbuf* out = gateway.await(RingGateway::kLan);
    ASSERT_EQ(out, events[0].mbuf);
    rte_pktmbuf_free(out);
    dataplane.stop();
    EXPECT_EQ(gateway.to_control(), 1U);
    EXPECT_EQ(gateway.injected(), 1U);
    EXPECT_EQ(gateway.buffers_in_use(), 0U);
}

TEST(Worker, StopAccountsForEveryInjectedPacket) {
    RingGateway gateway;
    dataplane::Dataplane& dataplane = gateway.dataplane();
    constexpr unsigned kPackets = 500;
    for (unsigned i = 0; i < kPackets; ++i) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(dataplane.pool());
        dataplane::meta_of(mbuf) = {};
        rte_pktmbuf_append(mbuf, 60);
        ASSERT_TRUE(dataplane.inject({.kind = InjectionKind::kTransmit,
                                      .reserved = 0,
                                      .port = RingGateway::kWan,
                                      .reserved2 = 0,
                                      .mbuf = mbuf}));
    }
    ASSERT_TRUE(dataplane.start(gateway.snapshot(udp_rows({}), 1)).ok());
    dataplane.stop();
    EXPECT_EQ(gateway.injected(), kPackets);
    EXPECT_EQ(gateway.transmitted() + gateway.dropped(DropReason::kShutdown), kPackets);
    EXPECT_EQ(gateway.buffers_in_use(), gateway.transmitted());  // those in the out ring
}

// The promise of a hot swap: traffic never stops, and a packet both tables permit is never lost.
// Table A blocks port 81, table B port 82, both permit port 80.
TEST(Worker, LosesNothingInAThousandTableSwapsUnderTraffic) {
    constexpr std::uint64_t kSwaps = 1000;
    constexpr std::uint64_t kPacketsPerSwap = 256;
    constexpr std::uint64_t kInFlight = 512;  // below ring sizes: nothing is lost for want of room
    RingGateway gateway;
    dataplane::Dataplane& dataplane = gateway.dataplane();
    const config::RuleSet a =
        udp_rows({{80, Action::kPermit}, {81, Action::kBlock}, {82, Action::kPermit}});
    const config::RuleSet b =
        udp_rows({{80, Action::kPermit}, {81, Action::kPermit}, {82, Action::kBlock}});
    ASSERT_TRUE(dataplane.start(gateway.snapshot(a, 1)).ok());

    std::uint64_t sent = 0;
    std::uint64_t returned = 0;
    std::uint64_t permitted_sent = 0;  // to port 80, numbered
    std::uint64_t permitted_returned = 0;
    const auto collect = [&] {
        while (rte_mbuf* mbuf = gateway.take(RingGateway::kWan)) {
            ++returned;
            std::uint16_t port = 0;
            std::memcpy(&port, dataplane::bytes_at(mbuf, 14 + 20 + 2), sizeof(port));
            if (port == rte_cpu_to_be_16(80)) {
                EXPECT_EQ(sequence_of(mbuf), permitted_returned);  // in order, none missing
                ++permitted_returned;
            }
            rte_pktmbuf_free(mbuf);
        }
    };
    const auto send_until = [&](std::uint64_t goal) {
        while (sent < goal) {
            if (sent - returned - gateway.dropped() >= kInFlight) {
                collect();
                std::this_thread::yield();
                continue;
            }
            const auto port = static_cast<std::uint16_t>(80 + sent % 3);
            const auto number = static_cast<std::uint32_t>(port == 80 ? permitted_sent : 0);
            ASSERT_TRUE(gateway.send(RingGateway::kLan, udp(gateway, port, number)));
            ++sent;
            permitted_sent += port == 80 ? 1U : 0U;
        }
    };
    for (std::uint64_t swap = 1; swap <= kSwaps; ++swap) {
        send_until(swap * kPacketsPerSwap);
        dataplane.publish(gateway.snapshot(swap % 2 == 0 ? a : b, swap + 1));
        collect();
        dataplane.reclaim();
    }
    send_until((kSwaps + 1) * kPacketsPerSwap);
    while (returned + gateway.dropped() < sent) {
        collect();
        std::this_thread::yield();
    }
    while (dataplane.reclaim() != 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(dataplane.publication().settled_revision(), kSwaps + 1);
    dataplane.stop();

    EXPECT_EQ(gateway.received(), sent);
    EXPECT_EQ(gateway.transmitted(), returned);
    EXPECT_EQ(sent, gateway.transmitted() + gateway.dropped());
    EXPECT_EQ(gateway.dropped(), gateway.dropped(DropReason::kFilterBlock));
    EXPECT_EQ(permitted_returned, permitted_sent);
    EXPECT_GT(gateway.dropped(), 0U);
    EXPECT_GT(returned, permitted_returned);
    EXPECT_EQ(gateway.buffers_in_use(), 0U);
    std::printf("%lu swaps, %lu packets in, %lu out, %lu blocked, 0 lost\n",
                kSwaps,
                sent,
                returned,
                gateway.dropped());
}

}  // namespace
