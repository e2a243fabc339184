// Publisher: turns submitted rule sets into filter tables on a thread of its own and puts them,
// with the routes and the neighbours, in front of the workers. The newest submitted set is built
// next; sets that were overtaken meanwhile are never built. A set that cannot be built leaves the
// tables before it in force.
#pragma once

#include "config/result.h"
#include "config/rule_set.h"
#include "control/dataplane_handle.h"
#include "control/hit_slots.h"
#include "dataplane/filter_table.h"
#include "dataplane/forward_table.h"
#include "dataplane/neighbor_table.h"
#include "dataplane/snapshot.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace control {

// The dataplane as the publisher needs it. Every call comes under the publisher's lock, except
// hits(), which any thread may call.
class TableSink {
  public:
    TableSink() = default;
    TableSink(const TableSink&) = delete;
    TableSink& operator=(const TableSink&) = delete;
    virtual ~TableSink() = default;

    virtual void publish(std::unique_ptr<const dataplane::Snapshot> snapshot) = 0;
    // Frees what no worker uses any more; how many retired snapshots still wait.
    virtual std::size_t reclaim() = 0;
    // No worker uses a snapshot older than this revision.
    [[nodiscard]] virtual std::uint64_t settled_revision() const = 0;
    virtual void reserve_hit_slots(std::uint32_t count) = 0;
    [[nodiscard]] virtual FilterHits hits(std::uint32_t slot) const = 0;
};

// FilterTable::build() with the default exemptions and engine. Needs EAL.
[[nodiscard]] config::Result<std::unique_ptr<const dataplane::FilterTable>> build_filter_table(
    const config::RuleSet& rule_set, std::span<const std::uint32_t> hit_slots);

class Publisher {
  public:
    // Runs a function on the control loop. Called from the builder thread.
    using Post = std::function<void(std::function<void()>)>;
    using Done = std::function<void(config::Result<void>)>;
    using Build = std::function<config::Result<std::unique_ptr<const dataplane::FilterTable>>(
        const config::RuleSet& rule_set, std::span<const std::uint32_t> hit_slots)>;

    // `build` runs on the builder thread; the daemon gives build_filter_table().
    Publisher(TableSink& sink,
              std::shared_ptr<const dataplane::ForwardTable> routes,
              std::shared_ptr<const dataplane::NeighborTable> neighbors,
              Post post,
              Build build);
    // Waits for the build that runs; callbacks that are still waiting are dropped.
    ~Publisher();
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    // DataplaneHandle's three, from the control loop.
    std::uint64_t submit(std::shared_ptr<const config::RuleSet> rule_set);
    void when_published(std::uint64_t revision, Done done);
    [[nodiscard]] DataplaneHandle::InForce in_force() const;

    struct Status {
        std::uint64_t revision = 0;  // in force, 0 before the first
        std::uint64_t rows = 0;
    };
    [[nodiscard]] Status status() const;

    // Puts a new neighbour table in force. Any thread.
    void publish_neighbors(std::shared_ptr<const dataplane::NeighborTable> neighbors);

    // Ends the builder thread. Idempotent.
    void stop();

  private:
    struct Tables {
        std::shared_ptr<const config::RuleSet> rule_set;
        std::shared_ptr<const dataplane::FilterTable> filters;
        std::vector<HitSlot> slots;
        std::uint64_t revision = 0;
    };
    struct Waiter {
        std::uint64_t revision;
        Done done;
    };
    struct Failure {
        std::uint64_t revision;
        config::Error error;
    };
    using Lock = std::unique_lock<std::mutex>;

    void run();
    void build_and_publish(std::shared_ptr<const config::RuleSet> rule_set,
                           std::uint64_t revision,
                           Lock& lock);
    [[nodiscard]] config::Result<std::shared_ptr<const Tables>> make_tables(
        std::shared_ptr<const config::RuleSet> rule_set, std::uint64_t revision);
    // Waits until no worker uses older tables; false: stopped before.
    [[nodiscard]] bool settle(std::uint64_t revision, Lock& lock);
    void publish(const Lock& lock);
    void answer(std::uint64_t revision, const config::Result<void>& result, const Lock& lock);

    TableSink& sink_;
    const Post post_;
    const Build build_;
    HitSlots slots_;  // builder thread only

    mutable std::mutex mutex_;  // protects everything below
    std::condition_variable wake_;
    std::shared_ptr<const config::RuleSet> submitted_;  // not yet taken by the builder
    std::uint64_t submitted_revision_ = 0;
    bool stop_ = false;
    std::uint64_t settled_revision_ = 0;  // what when_published() answers
    bool retired_ = false;                // the sink has snapshots to reclaim
    std::shared_ptr<const Tables> tables_;
    std::shared_ptr<const dataplane::ForwardTable> routes_;
    std::shared_ptr<const dataplane::NeighborTable> neighbors_;
    std::optional<Failure> failure_;  // of the newest set that could not be built
    std::vector<Waiter> waiters_;

    std::thread thread_;
};

}  // namespace control
