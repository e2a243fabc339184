// Wakeup: lets control sleep in epoll while workers poll. A worker writes the eventfd only if
// control has announced that it sleeps, so a busy gateway makes no system call for its events.
//
// No wake-up is lost. Control stores `sleeping` and then looks at the rings; a worker enqueues and
// then looks at `sleeping`; a sequentially consistent fence stands between the two steps on both
// sides (Dekker). So at least one of them sees the other's store: either control finds the event
// and does not sleep, or the worker finds `sleeping` and writes.
#pragma once

#include <atomic>

namespace dataplane {

class Wakeup {
  public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

    // Control: announces sleep. Look at the rings once more after this, and sleep on fd() only if
    // they are empty.
    void announce_sleep() {
        sleeping_.store(true, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    // Control: awake again. Resets the eventfd.
    void awake();

    // Worker: after enqueuing events. Writes at most once for each announced sleep.
    void notify() {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (sleeping_.load(std::memory_order_relaxed)
            && sleeping_.exchange(false, std::memory_order_relaxed)) {
            write_eventfd();
        }
    }

  private:
    void write_eventfd();

    int fd_ = -1;
    // writer: control sets, whoever is first clears; readers: workers; order: relaxed, see above
    std::atomic<bool> sleeping_{false};
};

}  // namespace dataplane
