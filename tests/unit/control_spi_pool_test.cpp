#include "control/spi_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace {

using control::SpiPool;

class SpiPoolTest : public ::testing::Test {
  protected:
    std::uint32_t take() {
        return pool.take([](std::uint32_t spi) { return spi == 500; }, clock);
    }

    dataplane::TscClock clock{.now = 1'000, .hz = 10};
    std::vector<std::uint32_t> numbers;  // what comes next
    SpiPool pool{[this] {
        const std::uint32_t next = numbers.front();
        numbers.erase(numbers.begin());
        return next;
    }};
};

TEST_F(SpiPoolTest, PassesOverWhatIsReservedByTheRfcsUsedOrTaken) {
    numbers = {0, 1, 255, 500, 256, 256, 500, 0xFFFFFFFF};
    EXPECT_EQ(take(), 256U);
    EXPECT_EQ(take(), 0xFFFFFFFFU);
    EXPECT_TRUE(numbers.empty());
}

TEST_F(SpiPoolTest, ANumberMayComeAgainAMinuteLater) {
    numbers = {300, 300, 301, 300, 301, 302};
    EXPECT_EQ(take(), 300U);
    clock.now += 59 * clock.hz;
    EXPECT_EQ(take(), 301U) << "300 is still taken";
    clock.now += clock.hz;
    EXPECT_EQ(take(), 300U);
    EXPECT_EQ(take(), 302U) << "301 was taken later";
}

TEST(SpiPool, RealOnesDiffer) {
    SpiPool pool;
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 1000; ++i) {
        seen.insert(pool.take([](std::uint32_t) { return false; }, {.now = 0, .hz = 1}));
    }
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_GE(*seen.begin(), 256U);
}

}  // namespace
