#include "dataplane/wakeup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <poll.h>
#include <thread>

namespace {

using dataplane::Wakeup;

bool readable(const Wakeup& wakeup, int timeout_ms = 0) {
    pollfd waited{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
    return poll(&waited, 1, timeout_ms) == 1;
}

TEST(Wakeup, DoesNotWriteWhileControlIsAwake) {
    Wakeup wakeup;
    wakeup.notify();
    EXPECT_FALSE(readable(wakeup));
}

TEST(Wakeup, WritesOncePerAnnouncedSleep) {
    Wakeup wakeup;
    wakeup.announce_sleep();
    wakeup.notify();
    EXPECT_TRUE(readable(wakeup));
    wakeup.awake();
    EXPECT_FALSE(readable(wakeup));
    wakeup.notify();
    EXPECT_FALSE(readable(wakeup));
}

TEST(Wakeup, AwakeWithdrawsTheAnnouncement) {
    Wakeup wakeup;
    wakeup.announce_sleep();
    wakeup.awake();
    wakeup.notify();
    EXPECT_FALSE(readable(wakeup));
}

// The sleeper checks the counter after announcing, as control checks its rings: it must never wait
// for something that was produced already. A lost wake-up ends the test by the 10 s timeout.
TEST(Wakeup, LosesNoEventBetweenLookingAndSleeping) {
    constexpr unsigned kEvents = 20'000;
    Wakeup wakeup;
    std::atomic<unsigned> produced{0};
    std::atomic<unsigned> consumed{0};
    std::thread worker([&] {
        for (unsigned i = 1; i <= kEvents; ++i) {
            produced.store(i, std::memory_order_release);
            wakeup.notify();
            while (consumed.load(std::memory_order_acquire) < i) {
                std::this_thread::yield();
            }
        }
    });
    bool lost = false;
    while (consumed.load() < kEvents) {
        const unsigned before = consumed.load();
        if (produced.load(std::memory_order_acquire) == before) {
            wakeup.announce_sleep();
            if (produced.load(std::memory_order_acquire) == before) {
                lost = lost || !readable(wakeup, 10'000);
            }
            wakeup.awake();
        }
        consumed.store(produced.load(std::memory_order_acquire), std::memory_order_release);
    }
    worker.join();
    EXPECT_FALSE(lost);
}

}  // namespace
