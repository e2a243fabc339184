// Publisher: see publisher.h.
#include "control/publisher.h"

#include "control/log.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

// A worker's turn takes microseconds; a port that is being started or a stopped machine takes
// longer, and then nothing is lost by looking less often.
constexpr std::chrono::microseconds kFirstLook{20};
constexpr std::chrono::microseconds kLongestLook{5000};

}  // namespace

Result<std::unique_ptr<const dataplane::FilterTable>> build_filter_table(
    const config::RuleSet& rule_set, std::span<const std::uint32_t> hit_slots) {
    return dataplane::FilterTable::build(rule_set, hit_slots, {});
}

Publisher::Publisher(TableSink& sink,
                     std::shared_ptr<const dataplane::ForwardTable> routes,
                     std::shared_ptr<const dataplane::NeighborTable> neighbors,
                     Post post,
                     Build build)
    : sink_(sink),
      post_(std::move(post)),
      build_(std::move(build)),
      routes_(std::move(routes)),
      neighbors_(std::move(neighbors)),
      thread_([this] { run(); }) {}

Publisher::~Publisher() {
    stop();
}

void Publisher::stop() {
    {
        const Lock lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

std::uint64_t Publisher::submit(std::shared_ptr<const config::RuleSet> rule_set) {
    std::uint64_t revision = 0;
    {
        const Lock lock(mutex_);
        submitted_ = std::move(rule_set);
        revision = ++submitted_revision_;
    }
    wake_.notify_one();
    return revision;
}

void Publisher::when_published(std::uint64_t revision, Done done) {
    const Lock lock(mutex_);
    if (settled_revision_ >= revision) {
        post_([done = std::move(done)] { done({}); });
    } else if (failure_ && failure_->revision >= revision) {
        post_([done = std::move(done), error = failure_->error] { done(error); });
    } else {
        waiters_.push_back({revision, std::move(done)});
    }
}

DataplaneHandle::InForce Publisher::in_force() const {
    std::shared_ptr<const Tables> tables;
    {
        const Lock lock(mutex_);
        tables = tables_;
    }
    DataplaneHandle::InForce result;
    if (tables != nullptr) {
        result.rule_set = tables->rule_set;
        result.hits.reserve(tables->slots.size());
        for (const HitSlot& slot : tables->slots) {
            const FilterHits now = sink_.hits(slot.slot);
            result.hits.push_back(
                {now.packets - slot.baseline.packets, now.bytes - slot.baseline.bytes});
        }
    }
    return result;
}

Publisher::Status Publisher::status() const {
    const Lock lock(mutex_);
    return tables_ == nullptr ? Status{} : Status{tables_->revision, tables_->filters->rows()};
}

void Publisher::publish_neighbors(std::shared_ptr<const dataplane::NeighborTable> neighbors) {
    {
        const Lock lock(mutex_);
        neighbors_ = std::move(neighbors);
        if (tables_ == nullptr) {
            return;  // goes out with the first filter table
        }
        publish(lock);
    }
    wake_.notify_one();
}

void Publisher::publish(const Lock& /*held*/) {
    auto snapshot = std::make_unique<dataplane::Snapshot>();
    snapshot->filters = tables_->filters;
    snapshot->routes = routes_;
    snapshot->neighbors = neighbors_;
    snapshot->revision = tables_->revision;
    sink_.publish(std::move(snapshot));
    retired_ = true;
}

void Publisher::run() {
    Lock lock(mutex_);
    while (!stop_) {
        if (submitted_ != nullptr) {
            build_and_publish(std::exchange(submitted_, nullptr), submitted_revision_, lock);
        } else if (retired_) {
            retired_ = sink_.reclaim() > 0;
            if (retired_) {
                wake_.wait_for(lock, kLongestLook);
            }
        } else {
            wake_.wait(lock);
        }
    }
}

void Publisher::build_and_publish(std::shared_ptr<const config::RuleSet> rule_set,
                                  std::uint64_t revision,
                                  Lock& lock) {
    lock.unlock();
    auto built = make_tables(std::move(rule_set), revision);
    if (!built) {
        slots_.abandon();
        lock.lock();
        log::error(log::Category::kPublisher,
                   "tables not built, those before stay in force revision={} error=\"{}\"",
                   revision,
                   built.error().text);
        failure_ = Failure{revision, built.error()};
        answer(revision, built.error(), lock);
        return;
    }
    lock.lock();
    sink_.reserve_hit_slots(slots_.size());
    // The old filter table may be large; what frees it is this variable, outside the lock.
    std::shared_ptr<const Tables> old = std::exchange(tables_, std::move(built).value());
    publish(lock);
    if (!settle(revision, lock)) {
        return;
    }
    answer(revision, {}, lock);
    lock.unlock();
    slots_.settle();
    old.reset();
    lock.lock();
}

Result<std::shared_ptr<const Publisher::Tables>> Publisher::make_tables(
    std::shared_ptr<const config::RuleSet> rule_set, std::uint64_t revision) try {
    auto tables = std::make_shared<Tables>();
    tables->revision = revision;
    tables->slots =
        slots_.assign(*rule_set, [this](std::uint32_t slot) { return sink_.hits(slot); });
    std::vector<std::uint32_t> numbers;
    numbers.reserve(tables->slots.size());
    for (const HitSlot& slot : tables->slots) {
        numbers.push_back(slot.slot);
    }
    auto filters = build_(*rule_set, numbers);
    if (!filters) {
        return std::move(filters).error();
    }
    tables->filters = std::move(filters).value();
    tables->rule_set = std::move(rule_set);
    return std::shared_ptr<const Tables>(std::move(tables));
} catch (const std::bad_alloc&) {
    return Error{ErrorCode::kTooManyFilters, "not enough memory for the filter table"};
}

bool Publisher::settle(std::uint64_t revision, Lock& lock) {
    // The promise of when_published() is that no packet is judged by older tables any more, so it
    // waits until every worker has passed the change, not only until the pointer is exchanged.
    std::chrono::microseconds look = kFirstLook;
    while (true) {
        retired_ = sink_.reclaim() > 0;
        if (sink_.settled_revision() >= revision) {
            settled_revision_ = revision;
            return true;
        }
        if (stop_) {
            return false;
        }
        lock.unlock();
        std::this_thread::sleep_for(look);
        lock.lock();
        look = std::min(look * 2, kLongestLook);
    }
}

void Publisher::answer(std::uint64_t revision, const Result<void>& result, const Lock& /*held*/) {
    const auto due =
        std::stable_partition(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) {
            return waiter.revision > revision;
        });
    for (auto waiter = due; waiter != waiters_.end(); ++waiter) {
        post_([done = std::move(waiter->done), result] { done(result); });
    }
    waiters_.erase(due, waiters_.end());
}

}  // namespace control
