// Publication: the one pointer by which control changes what the workers do, and the
// quiescent-state RCU that says when the old snapshot may go. Works on plain memory, without EAL.
//
// One thread publishes and reclaims. Each worker owns one Reader. A worker never waits; control
// never waits either, it calls reclaim() from time to time. Whoever has tables of his own that the
// same workers read (dataplane/sa_table.h) learns by a grace period when they let go of something.
#pragma once

#include "dataplane/snapshot.h"

#include <rte_rcu_qsbr.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

namespace dataplane {

class Publication {
  public:
    explicit Publication(unsigned max_readers);
    // Precondition: no Reader is left.
    ~Publication();
    Publication(const Publication&) = delete;
    Publication& operator=(const Publication&) = delete;

    // Exchanges the pointer: a worker sees the new snapshot from its next turn on. The old one is
    // kept until every worker has finished the turn in which it may have loaded it.
    void publish(std::unique_ptr<const Snapshot> snapshot);

    // Frees the retired snapshots no worker can see any more; returns how many still wait.
    std::size_t reclaim();

    [[nodiscard]] bool published() const {
        return current_.load(std::memory_order_relaxed) != nullptr;
    }
    // Revision of the snapshot the pointer names; 0 before the first.
    [[nodiscard]] std::uint64_t published_revision() const { return published_revision_; }
    // The newest revision for which no worker uses anything older, as of the last reclaim().
    [[nodiscard]] std::uint64_t settled_revision() const { return settled_revision_; }

    // A grace period begins when something was made unreachable and is over when every worker has
    // finished the turn in which it may have found it. Any thread.
    [[nodiscard]] std::uint64_t begin_grace() const { return rte_rcu_qsbr_start(qsbr_.get()); }
    [[nodiscard]] bool is_over(std::uint64_t grace) const;

    // A worker's side. Constructed offline; load() is allowed only between online() and offline(),
    // and what it returns only until the next quiescent() or offline().
    class Reader {
      public:
        Reader(Publication& publication, unsigned id);
        ~Reader();
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;

        void online() { rte_rcu_qsbr_thread_online(publication_.qsbr_.get(), id_); }
        void offline() { rte_rcu_qsbr_thread_offline(publication_.qsbr_.get(), id_); }
        void quiescent() { rte_rcu_qsbr_quiescent(publication_.qsbr_.get(), id_); }
        [[nodiscard]] const Snapshot* load() const {
            return publication_.current_.load(std::memory_order_acquire);
        }

      private:
        Publication& publication_;
        unsigned id_;
    };

  private:
    struct Retired {
        std::unique_ptr<const Snapshot> snapshot;
        std::uint64_t grace;        // from begin_grace()
        std::uint64_t replaced_by;  // revision of its successor
    };
    struct QsbrDeleter {
        void operator()(rte_rcu_qsbr* qsbr) const;
    };

    SnapshotPointer current_{nullptr};
    std::unique_ptr<rte_rcu_qsbr, QsbrDeleter> qsbr_;
    // rte_rcu_qsbr_check() notes the least number that all workers reported and answers the next
    // question from it: by a plain load, so that two threads must not ask at once.
    mutable std::mutex checking_;
    std::deque<Retired> retired_;  // oldest first
    std::uint64_t published_revision_ = 0;
    std::uint64_t settled_revision_ = 0;
};

}  // namespace dataplane
