// Publisher and HitSlots with a fake worker: what is promised to be in force is what the worker
// sees. Run under TSan.
#include "control/publisher.h"
#include "dataplane/hit_counters.h"
#include "dataplane/publication.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using config::Guid;
using config::Result;
using config::RuleSet;
using control::FilterHits;
using control::HitSlot;
using control::HitSlots;
using control::Publisher;

Guid guid(std::uint8_t number) {
    Guid value;
    value.bytes[0] = number;
    return value;
}

// One rule; each number is a filter for that protocol.
std::shared_ptr<const RuleSet> rule_set(const std::vector<std::uint8_t>& filters) {
    RuleSet set;
    set.rules.emplace_back().guid = guid(200);
    for (const std::uint8_t number : filters) {
        config::RuleRow row;
        row.protocol = number;
        row.filter = static_cast<std::uint32_t>(set.filters.size());
        row.source_last.bytes.fill(0xFF);
        row.destination_last.bytes.fill(0xFF);
        set.rows.push_back(row);
        set.filters.emplace_back().filter = guid(number);
    }
    return std::make_shared<const RuleSet>(std::move(set));
}

class FakeSink final : public control::TableSink {
  public:
    void publish(std::unique_ptr<const dataplane::Snapshot> snapshot) override {
        publication.publish(std::move(snapshot));
        ++published;
    }
    std::size_t reclaim() override { return publication.reclaim(); }
    [[nodiscard]] std::uint64_t settled_revision() const override {
        return publication.settled_revision();
    }
    void reserve_hit_slots(std::uint32_t count) override { counters.reserve(count); }
    [[nodiscard]] FilterHits hits(std::uint32_t slot) const override {
        const auto totals = counters.read(slot);
        return {totals.packets, totals.bytes};
    }

    dataplane::Publication publication{1};
    dataplane::HitCounters counters;
    std::atomic<unsigned> published{0};
};

std::shared_ptr<const dataplane::NeighborTable> neighbors(std::uint16_t port) {
    const dataplane::Neighbor neighbor{port, config::IpAddress::v4(1), {}};
    return std::make_shared<const dataplane::NeighborTable>(std::span(&neighbor, 1));
}

class PublisherTest : public ::testing::Test {
  protected:
    // Waits for when_published().
    Result<void> wait_for(std::uint64_t revision) {
        auto promise = std::make_shared<std::promise<Result<void>>>();
        publisher.when_published(revision,
                                 [promise](Result<void> result) { promise->set_value(result); });
        return promise->get_future().get();
    }
    const dataplane::Snapshot* seen() { return reader.load(); }

    // A filter for this protocol makes every build fail.
    static constexpr std::uint8_t kPoison = 99;
    static Result<std::unique_ptr<const dataplane::FilterTable>> build(
        const RuleSet& set, std::span<const std::uint32_t> slots) {
        for (const config::RuleRow& row : set.rows) {
            if (row.protocol == kPoison) {
                return config::Error{config::ErrorCode::kTooManyFilters, "poisoned"};
            }
        }
        return dataplane::FilterTable::build(set, slots, {}, dataplane::FilterEngine::kScan);
    }

    FakeSink sink;
    dataplane::Publication::Reader reader{sink.publication, 0};  // offline: holds nothing back
    Publisher publisher{
        sink,
        std::make_shared<const dataplane::ForwardTable>(std::span<const dataplane::RouteEntry>()),
        neighbors(0),
        [](const std::function<void()>& run) { run(); },
        build};
};

TEST_F(PublisherTest, PublishesWhatWasSubmitted) {
    const std::uint64_t revision = publisher.submit(rule_set({6, 17}));
    EXPECT_TRUE(wait_for(revision).ok());
    ASSERT_NE(seen(), nullptr);
    EXPECT_EQ(seen()->revision, revision);
    EXPECT_EQ(seen()->filters->rows(), 2U);
    EXPECT_EQ(publisher.status().revision, revision);
    EXPECT_EQ(publisher.status().rows, 2U);
    EXPECT_EQ(publisher.in_force().rule_set->filters.size(), 2U);
}

TEST_F(PublisherTest, NothingIsInForceBeforeTheFirst) {
    publisher.publish_neighbors(neighbors(1));
    EXPECT_EQ(seen(), nullptr);
    EXPECT_EQ(publisher.in_force().rule_set, nullptr);
    EXPECT_EQ(publisher.status().revision, 0U);
}

TEST_F(PublisherTest, LaterRevisionAnswersWaitersOfEarlierOnes) {
    const std::uint64_t first = publisher.submit(rule_set({1}));
    publisher.submit(rule_set({1, 2}));
    const std::uint64_t last = publisher.submit(rule_set({1, 2, 3}));
    EXPECT_TRUE(wait_for(first).ok());
    EXPECT_TRUE(wait_for(last).ok());
    EXPECT_EQ(publisher.in_force().rule_set->filters.size(), 3U);
    EXPECT_TRUE(wait_for(first).ok());
}

TEST_F(PublisherTest, NeighborsKeepTheFilterTable) {
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    const auto filters = seen()->filters;
    const auto table = neighbors(3);
    publisher.publish_neighbors(table);
    EXPECT_EQ(seen()->filters, filters);
    EXPECT_EQ(seen()->neighbors, table);
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({17}))).ok());
    EXPECT_EQ(seen()->neighbors, table);
}

TEST_F(PublisherTest, AnswersOnlyWhenNoWorkerUsesTheOldTables) {
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    reader.online();
    const dataplane::Snapshot* old = seen();
    std::atomic<bool> answered{false};
    std::promise<void> done;
    const std::uint64_t revision = publisher.submit(rule_set({17}));
    publisher.when_published(revision, [&](const Result<void>&) {
        answered = true;
        done.set_value();
    });
    // In the worker's turn the old tables stay whole, however long it takes.
    while (sink.published < 2) {
        std::this_thread::yield();
    }
    EXPECT_EQ(old->filters->rows(), 1U);
    EXPECT_FALSE(answered);
    reader.quiescent();
    done.get_future().wait();
    EXPECT_EQ(seen()->revision, revision);
    reader.offline();
}

TEST_F(PublisherTest, HitsGoOnOverARebuildAndStartAnewForAnotherFilter) {
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6, 17}))).ok());
    sink.counters.add(0, 5, 500);
    sink.counters.add(1, 7, 700);
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({17, 6}))).ok());
    auto in_force = publisher.in_force();
    EXPECT_EQ(in_force.hits[0].packets, 7U);
    EXPECT_EQ(in_force.hits[1].packets, 5U);
    EXPECT_EQ(in_force.hits[1].bytes, 500U);

    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6, 1}))).ok());
    in_force = publisher.in_force();
    EXPECT_EQ(in_force.hits[0].packets, 5U);
    EXPECT_EQ(in_force.hits[1].packets, 0U);
}

TEST_F(PublisherTest, FailedBuildLeavesTheTablesBeforeItInForce) {
    const std::uint64_t good = publisher.submit(rule_set({6}));
    EXPECT_TRUE(wait_for(good).ok());
    sink.counters.add(0, 5, 500);
    const std::uint64_t bad = publisher.submit(rule_set({6, kPoison}));
    const Result<void> answer = wait_for(bad);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().text, "poisoned");
    EXPECT_EQ(seen()->revision, good);
    EXPECT_EQ(publisher.status().revision, good);
    EXPECT_EQ(publisher.in_force().hits.at(0).packets, 5U);
    EXPECT_FALSE(wait_for(bad).ok());

    const std::uint64_t next = publisher.submit(rule_set({6, 17}));
    EXPECT_TRUE(wait_for(next).ok());
    EXPECT_EQ(seen()->revision, next);
    EXPECT_EQ(publisher.in_force().hits.at(0).packets, 5U);
    EXPECT_EQ(publisher.in_force().hits.at(1).packets, 0U);
}

TEST_F(PublisherTest, StopsWhileAWorkerHangs) {
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    reader.online();
    publisher.submit(rule_set({17}));
    publisher.stop();
    reader.offline();
}

// A worker that runs, and changes of both kinds from two threads.
TEST_F(PublisherTest, WorkerSeesWholeTablesUnderConstantChange) {
    EXPECT_TRUE(wait_for(publisher.submit(rule_set({6}))).ok());
    std::atomic<bool> stop{false};
    std::thread worker([&] {
        reader.online();
        std::uint64_t last = 0;
        while (!stop) {
            const dataplane::Snapshot* snapshot = reader.load();
            // The submitted set of revision n has n filters.
            EXPECT_EQ(snapshot->filters->rows(), snapshot->revision);
            EXPECT_GE(snapshot->revision, last);
            last = snapshot->revision;
            sink.counters.add(0, 1, 1);
            reader.quiescent();
        }
        reader.offline();
    });
    std::thread neighbor_thread([&] {
        for (std::uint16_t i = 0; i < 200; ++i) {
            publisher.publish_neighbors(neighbors(i));
        }
    });
    std::vector<std::uint8_t> filters{1};
    for (std::uint8_t i = 2; i < 50; ++i) {
        filters.push_back(i);
        const std::uint64_t revision = publisher.submit(rule_set(filters));
        EXPECT_TRUE(wait_for(revision).ok());
        EXPECT_EQ(publisher.in_force().hits.size(), filters.size());
    }
    neighbor_thread.join();
    stop = true;
    worker.join();
}

class HitSlotsTest : public ::testing::Test {
  protected:
    std::vector<HitSlot> assign(const std::vector<std::uint8_t>& filters) {
        return slots.assign(*rule_set(filters), [this](std::uint32_t slot) {
            return FilterHits{count, slot};
        });
    }

    HitSlots slots;
    std::uint64_t count = 0;
};

TEST_F(HitSlotsTest, SlotOfARemovedFilterWaitsUntilTheChangeHasSettled) {
    EXPECT_EQ(assign({1, 2})[1].slot, 1U);
    slots.settle();
    EXPECT_EQ(assign({1, 3})[1].slot, 2U);
    slots.settle();
    count = 9;
    const std::vector<HitSlot> reused = assign({1, 3, 4});
    EXPECT_EQ(reused[2].slot, 1U);
    EXPECT_EQ(reused[2].baseline.packets, 9U);
    EXPECT_EQ(slots.size(), 3U);
}

TEST_F(HitSlotsTest, AbandonedBuildGivesItsNewSlotsBackAndKeepsTheOld) {
    static_cast<void>(assign({1, 2}));
    slots.settle();
    static_cast<void>(assign({3, 4}));
    slots.abandon();
    const std::vector<HitSlot> again = assign({1, 2, 5});
    EXPECT_EQ(again[0].slot, 0U);
    EXPECT_EQ(again[1].slot, 1U);
    EXPECT_LT(again[2].slot, 4U);
    EXPECT_EQ(slots.size(), 4U);
}

TEST_F(HitSlotsTest, SlotsOfOneAssignmentDiffer) {
    std::vector<std::uint8_t> filters;
    for (std::uint8_t i = 1; i < 100; ++i) {
        filters.push_back(i);
    }
    std::vector<bool> used(100);
    for (const HitSlot& slot : assign(filters)) {
        EXPECT_FALSE(used.at(slot.slot));
        used[slot.slot] = true;
    }
}

}  // namespace
