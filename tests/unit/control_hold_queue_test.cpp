// HoldQueue: which packets wait, for how long, and in which order they go on.
#include "control/hold_queue.h"
#include "tests/support/fake_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

using config::IpAddress;
using control::HoldKey;
using control::HoldQueue;
using dataplane::Packet;
using namespace std::chrono_literals;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

class HoldQueueTest : public ::testing::Test {
  protected:
    ~HoldQueueTest() override {
        queue_.take_all().clear();
        EXPECT_EQ(pool_.in_use(), 0U);
    }

    // Whether a packet with this mark waits.
    bool hold(std::uint8_t mark, const HoldKey& key) {
        const std::vector<std::uint8_t> bytes = {mark};
        return !queue_.hold(key, Packet(pool_.make(bytes)), now_);
    }
    static std::vector<unsigned> marks(const HoldQueue::Packets& packets) {
        std::vector<unsigned> found;
        for (const Packet& packet : packets) {
            found.push_back(packet.bytes()[0]);
        }
        return found;
    }
    using Marks = std::vector<unsigned>;

    const HoldKey key_{5, ip("192.0.2.2"), ip("192.0.2.1")};
    tests::FakePool pool_{64};
    HoldQueue queue_{{.per_key = 3, .total = 8, .time = 30s}};
    HoldQueue::Time now_{1h};
};

TEST_F(HoldQueueTest, PacketsGoOnInTheirOrderFromEveryLocalAddress) {
    HoldKey other_local = key_;
    other_local.local = ip("2001:db8::1");
    EXPECT_TRUE(hold(1, key_));
    EXPECT_TRUE(hold(9, other_local));
    EXPECT_TRUE(hold(2, key_));
    EXPECT_EQ(queue_.size(), 3U);
    EXPECT_EQ(marks(queue_.take(key_.selector, key_.remote)), (Marks{1, 2, 9}));
    EXPECT_EQ(queue_.size(), 0U);
    EXPECT_TRUE(queue_.take(key_.selector, key_.remote).empty());
}

TEST_F(HoldQueueTest, OthersGoOnWaiting) {
    const std::vector<HoldKey> others = {{4, key_.remote, key_.local},
                                         {6, key_.remote, key_.local},
                                         {5, ip("192.0.2.3"), key_.local},
                                         {5, ip("192.0.2.0"), key_.local},
                                         {5, ip("2001:db8::2"), key_.local}};
    for (const HoldKey& other : others) {
        EXPECT_TRUE(hold(7, other));
    }
    EXPECT_TRUE(hold(1, key_));
    EXPECT_EQ(marks(queue_.take(key_.selector, key_.remote)), Marks{1});
    EXPECT_EQ(queue_.size(), others.size());
}

TEST_F(HoldQueueTest, ANewcomerIsRefusedWhereItsSaHasEnough) {
    HoldKey other = key_;
    other.local = ip("192.0.2.9");
    for (std::uint8_t mark = 1; mark <= 3; ++mark) {
        EXPECT_TRUE(hold(mark, key_));
    }
    EXPECT_FALSE(hold(4, key_));
    EXPECT_TRUE(hold(5, other)) << "another SA";
    EXPECT_EQ(marks(queue_.take(key_.selector, key_.remote)), (Marks{1, 2, 3, 5}));
    EXPECT_TRUE(hold(6, key_)) << "there is room again";
}

TEST_F(HoldQueueTest, ANewcomerIsRefusedWhereAllTogetherAreEnough) {
    for (std::uint8_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(hold(i, {i, key_.remote, key_.local}));
    }
    EXPECT_FALSE(hold(9, {9, key_.remote, key_.local}));
    EXPECT_EQ(marks(queue_.take(3, key_.remote)), Marks{3});
    EXPECT_TRUE(hold(9, {9, key_.remote, key_.local}));
}

TEST_F(HoldQueueTest, EachPacketWaitsThirtySecondsAtMost) {
    EXPECT_EQ(queue_.deadline(), std::nullopt);
    const HoldQueue::Time begin = now_;
    EXPECT_TRUE(hold(1, key_));
    now_ += 10s;
    EXPECT_TRUE(hold(2, {6, key_.remote, key_.local}));
    EXPECT_TRUE(hold(3, key_));
    EXPECT_EQ(queue_.deadline(), begin + 30s);
    EXPECT_TRUE(queue_.take_expired(begin + 30s - 1ms).empty());
    EXPECT_EQ(marks(queue_.take_expired(begin + 30s)), Marks{1});
    EXPECT_EQ(queue_.deadline(), begin + 40s);
    EXPECT_EQ(marks(queue_.take(key_.selector, key_.remote)), Marks{3});
    EXPECT_EQ(marks(queue_.take_expired(begin + 40s)), Marks{2});
    EXPECT_EQ(queue_.deadline(), std::nullopt);
}

}  // namespace
