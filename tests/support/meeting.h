// Meeting: threads that wait for one another again and again, so that what they do next happens at
// the same moment. They spin, and give way now and then: tests also run on fewer CPUs than threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

namespace tests {

class Meeting {
  public:
    explicit Meeting(std::size_t threads) : threads_(threads) {}

    // Returns when every thread has called it as often as this one.
    void wait() {
        const std::size_t ticket = arrived_.fetch_add(1);
        const std::size_t all = (ticket / threads_ + 1) * threads_;
        for (unsigned turns = 1; arrived_.load() < all; ++turns) {
            if (turns % 1000 == 0) {
                std::this_thread::yield();
            }
        }
    }

  private:
    std::size_t threads_;
    std::atomic<std::size_t> arrived_{0};
};

}  // namespace tests
