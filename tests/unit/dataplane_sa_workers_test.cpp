// One SA on several workers at once: every worker a pipeline and a thread of its own, as in the
// gateway. No number is used twice, no packet passes twice, no byte more than the lifetime allows.
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace {

using config::SaMode;
using dataplane::DropReason;
using dataplane::EventKind;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kWan;

// West gateways that share one outbound SA, and one east gateway's worth of inbound workers.
class SaWorkers : public ::testing::TestWithParam<unsigned> {
  protected:
    SaWorkers() {
        for (unsigned i = 0; i < GetParam(); ++i) {
            workers_.push_back(std::make_unique<GatewayPair>(256));
            workers_.back()->set_tunnel_rules();
        }
    }

    // All workers' pipelines look their SAs up in the first one's table.
    void share(const config::SaSpec& outbound, const config::SaSpec& inbound) {
        out_ = workers_[0]->west.add_sa(outbound);
        in_ = workers_[0]->east.add_sa(inbound);
        for (std::size_t i = 1; i < workers_.size(); ++i) {
            workers_[i]->west.use_sas_of(workers_[0]->west);
            workers_[i]->east.use_sas_of(workers_[0]->east);
        }
    }

    template <typename Work>
    void run(Work work) {
        std::vector<std::thread> threads;
        std::atomic<unsigned> ready{0};
        for (auto& worker : workers_) {
            threads.emplace_back([&, pair = worker.get()] {
                ++ready;
                while (ready < workers_.size()) {
                    std::this_thread::yield();
                }
                work(*pair);
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }

    std::vector<std::unique_ptr<GatewayPair>> workers_;
    dataplane::SaHandle out_ = dataplane::kNoSa;
    dataplane::SaHandle in_ = dataplane::kNoSa;
};

struct Tally {
    std::uint64_t packets = 0;
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

void count_expiries(tests::PipelineHarness& gateway, Tally& tally) {
    for (const dataplane::Event& event : gateway.take_events()) {
        tally.soft += event.kind == EventKind::kSoftExpired ? 1U : 0U;
        tally.hard += event.kind == EventKind::kHardExpired ? 1U : 0U;
    }
}

TEST_P(SaWorkers, TogetherPassNoMoreThanTheKilobytesOfTheSa) {
    constexpr std::uint64_t kKilobytes = 100;
    auto ends = tests::make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    ends.outbound.lifetime = {kKilobytes * 1024 * 9 / 10, kKilobytes * 1024, 0, 0};
    share(ends.outbound, ends.inbound);
    // Protected bytes of one packet: 20 + 8 + 172 of IP, 2 of trailer, 2 of padding.
    constexpr std::uint64_t kBytes = 204;
    std::vector<Tally> tallies(workers_.size());
    std::atomic<std::size_t> next{0};
    run([&](GatewayPair& pair) {
        Tally& tally = tallies[next++];
        const Bytes frame = GatewayPair::from_west(Family::kV4, 172).bytes();
        for (unsigned i = 0; i < 60; ++i) {
            pair.west.receive(kLan, std::vector(16, frame));
            tally.packets += GatewayPair::take_wire(pair.west).size();
            count_expiries(pair.west, tally);
        }
    });
    Tally sum;
    for (const Tally& tally : tallies) {
        sum.packets += tally.packets;
        sum.soft += tally.soft;
        sum.hard += tally.hard;
    }
    EXPECT_LE(sum.packets * kBytes, kKilobytes * 1024);
    // A burst that did not fit as a whole may leave room that nobody takes any more.
    EXPECT_GE(sum.packets * kBytes, kKilobytes * 1024 - workers_.size() * 16 * kBytes);
    EXPECT_EQ(sum.soft, 1U);
    EXPECT_EQ(sum.hard, 1U);
}

TEST_P(SaWorkers, InboundTooPassNoMoreThanTheKilobytesOfTheSa) {
    constexpr std::uint64_t kKilobytes = 50;
    auto ends = tests::make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    ends.inbound.lifetime = {kKilobytes * 1024 * 9 / 10, kKilobytes * 1024, 0, 0};
    ends.inbound.replay_window = 4096;
    share(ends.outbound, ends.inbound);
    std::vector<Tally> tallies(workers_.size());
    std::atomic<std::size_t> next{0};
    run([&](GatewayPair& pair) {
        Tally& tally = tallies[next++];
        const Bytes frame = GatewayPair::from_west(Family::kV4, 172).bytes();
        for (unsigned i = 0; i < 40; ++i) {
            pair.west.receive(kLan, std::vector(16, frame));
            pair.east.receive(kWan, GatewayPair::take_wire(pair.west));
            tally.packets += GatewayPair::take_lan(pair.east).size();
            count_expiries(pair.east, tally);
        }
    });
    Tally sum;
    for (const Tally& tally : tallies) {
        sum.packets += tally.packets;
        sum.soft += tally.soft;
        sum.hard += tally.hard;
    }
    EXPECT_LE(sum.packets * 204, kKilobytes * 1024);
    EXPECT_GT(sum.packets, 0U);
    EXPECT_EQ(sum.soft, 1U);
    EXPECT_EQ(sum.hard, 1U);
}

TEST_P(SaWorkers, UseEverySequenceNumberOnceAndAcceptEveryPacketOnce) {
    auto ends = tests::make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
    ends.inbound.replay_window = 4096;
    share(ends.outbound, ends.inbound);
    std::vector<std::vector<Bytes>> sent(workers_.size());
    std::atomic<std::size_t> next{0};
    run([&](GatewayPair& pair) {
        std::vector<Bytes>& mine = sent[next++];
        const Bytes frame = GatewayPair::from_west(Family::kV4, 20).bytes();
        for (unsigned i = 0; i < 30; ++i) {
            pair.west.receive(kLan, std::vector(16, frame));
            for (Bytes& wire : GatewayPair::take_wire(pair.west)) {
                mine.push_back(std::move(wire));
            }
        }
    });
    std::vector<Bytes> all;
    std::set<Bytes> numbers;
    for (const std::vector<Bytes>& mine : sent) {
        for (const Bytes& frame : mine) {
            all.push_back(frame);
            numbers.insert(Bytes(frame.begin() + 38, frame.begin() + 42));
        }
    }
    EXPECT_EQ(all.size(), workers_.size() * 480);
    EXPECT_EQ(numbers.size(), all.size());

    // Every worker receives every packet: each passes at one of them.
    std::atomic<std::uint64_t> arrived{0};
    std::atomic<std::uint64_t> refused{0};
    run([&](GatewayPair& pair) {
        for (std::size_t at = 0; at < all.size(); at += 16) {
            pair.east.receive(kWan, std::span(all).subspan(at, 16));
            arrived += GatewayPair::take_lan(pair.east).size();
        }
        refused += pair.east.drops(DropReason::kReplayed);
    });
    EXPECT_EQ(arrived, all.size());
    EXPECT_EQ(refused, all.size() * (workers_.size() - 1));
}

INSTANTIATE_TEST_SUITE_P(Workers, SaWorkers, ::testing::Values(1U, 2U, 4U));

}  // namespace
