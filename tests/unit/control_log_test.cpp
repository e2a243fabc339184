// Limiting of repeated log lines, and the words of --log-level.
#include "control/log.h"

#include <gtest/gtest.h>

#include <chrono>

namespace {

using control::log::RepeatLimiter;
using namespace std::chrono_literals;

TEST(RepeatLimiter, SwallowsAfterABurstAndSaysHowMuch) {
    RepeatLimiter limiter;
    const int key = 0;
    const RepeatLimiter::Time start{1h};
    for (unsigned i = 0; i < RepeatLimiter::kBurst; ++i) {
        EXPECT_TRUE(limiter.admit(&key, start).pass);
    }
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(limiter.admit(&key, start + 1s).pass);
    }
    const auto later = limiter.admit(&key, start + RepeatLimiter::kWindow);
    EXPECT_TRUE(later.pass);
    EXPECT_EQ(later.swallowed, 5U);
    EXPECT_EQ(limiter.admit(&key, start + RepeatLimiter::kWindow).swallowed, 0U);
}

TEST(RepeatLimiter, KeysDoNotShareABurst) {
    RepeatLimiter limiter;
    const int noisy = 0;
    const int quiet = 0;
    for (int i = 0; i < 100; ++i) {
        limiter.admit(&noisy, {});
    }
    EXPECT_TRUE(limiter.admit(&quiet, {}).pass);
}

TEST(LogLevel, Words) {
    using control::log::Level;
    EXPECT_EQ(control::log::parse_level("error"), Level::kError);
    EXPECT_EQ(control::log::parse_level("debug"), Level::kDebug);
    EXPECT_EQ(control::log::parse_level("loud"), std::nullopt);
}

}  // namespace
