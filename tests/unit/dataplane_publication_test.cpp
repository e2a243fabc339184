#include "dataplane/publication.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

using dataplane::Publication;
using dataplane::Snapshot;

std::unique_ptr<const Snapshot> snapshot(std::uint64_t revision) {
    auto made = std::make_unique<Snapshot>();
    made->revision = revision;
    return made;
}

TEST(Publication, FirstSnapshotIsSettledAtOnce) {
    Publication publication(1);
    publication.publish(snapshot(7));
    EXPECT_EQ(publication.published_revision(), 7U);
    EXPECT_EQ(publication.settled_revision(), 7U);
    EXPECT_EQ(publication.reclaim(), 0U);
}

TEST(Publication, KeepsTheOldSnapshotUntilEveryOnlineReaderIsQuiescent) {
    Publication publication(2);
    publication.publish(snapshot(1));
    Publication::Reader first(publication, 0);
    Publication::Reader second(publication, 1);
    first.online();
    second.online();
    const Snapshot* seen = first.load();

    publication.publish(snapshot(2));
    EXPECT_EQ(publication.reclaim(), 1U);
    EXPECT_EQ(seen->revision, 1U);  // still readable
    EXPECT_EQ(publication.published_revision(), 2U);
    EXPECT_EQ(publication.settled_revision(), 1U);

    second.quiescent();
    EXPECT_EQ(publication.reclaim(), 1U);
    first.quiescent();
    EXPECT_EQ(publication.reclaim(), 0U);
    EXPECT_EQ(publication.settled_revision(), 2U);
    EXPECT_EQ(first.load()->revision, 2U);
}

TEST(Publication, AnOfflineReaderHoldsNothingBack) {
    Publication publication(1);
    publication.publish(snapshot(1));
    Publication::Reader reader(publication, 0);
    reader.online();
    reader.offline();
    publication.publish(snapshot(2));
    EXPECT_EQ(publication.reclaim(), 0U);
    reader.online();
    EXPECT_EQ(reader.load()->revision, 2U);
}

TEST(Publication, SettlesRevisionsInOrder) {
    Publication publication(1);
    publication.publish(snapshot(1));
    Publication::Reader reader(publication, 0);
    reader.online();
    publication.publish(snapshot(2));
    publication.publish(snapshot(3));
    publication.publish(snapshot(5));
    EXPECT_EQ(publication.reclaim(), 3U);
    reader.quiescent();
    EXPECT_EQ(publication.reclaim(), 0U);
    EXPECT_EQ(publication.settled_revision(), 5U);
}

TEST(Publication, AGraceIsOverWhenEveryOnlineReaderWasQuiescentSince) {
    Publication publication(2);
    Publication::Reader first(publication, 0);
    Publication::Reader second(publication, 1);
    first.online();
    second.online();
    first.quiescent();
    second.quiescent();
    const std::uint64_t grace = publication.begin_grace();
    EXPECT_FALSE(publication.is_over(grace));
    first.quiescent();
    EXPECT_FALSE(publication.is_over(grace));
    const std::uint64_t later = publication.begin_grace();
    second.quiescent();
    EXPECT_TRUE(publication.is_over(grace));
    EXPECT_FALSE(publication.is_over(later));
    first.offline();
    EXPECT_TRUE(publication.is_over(later));
}

// Run under TSan: one thread publishes while another waits for graces of its own.
TEST(Publication, GracesMayBeAnotherThreadsThanThePublishers) {
    constexpr std::uint64_t kRevisions = 1000;
    Publication publication(1);
    publication.publish(snapshot(1));
    Publication::Reader reader(publication, 0);
    reader.online();
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            const std::uint64_t grace = publication.begin_grace();
            while (!publication.is_over(grace)) {
                std::this_thread::yield();
            }
        }
    });
    std::atomic<bool> published{false};
    std::thread publisher([&] {
        for (std::uint64_t revision = 2; revision <= kRevisions; ++revision) {
            publication.publish(snapshot(revision));
            publication.reclaim();
        }
        while (publication.reclaim() != 0) {
            std::this_thread::yield();
        }
        published = true;
    });
    while (!published.load(std::memory_order_relaxed)) {
        EXPECT_LE(reader.load()->revision, kRevisions);
        reader.quiescent();
    }
    publisher.join();
    stop = true;
    reader.offline();
    other.join();
    EXPECT_EQ(publication.settled_revision(), kRevisions);
}

// Run under TSan and ASan: readers dereference what they load while it is being replaced and freed.
TEST(Publication, ReadersNeverSeeAFreedSnapshot) {
    constexpr unsigned kReaders = 3;
    constexpr std::uint64_t kRevisions = 2000;
    Publication publication(kReaders);
    publication.publish(snapshot(1));
    std::atomic<bool> stop{false};
    std::atomic<unsigned> started{0};
    std::vector<std::thread> threads;
    std::vector<std::uint64_t> last_seen(kReaders);
    for (unsigned id = 0; id < kReaders; ++id) {
        threads.emplace_back([&, id] {
            Publication::Reader reader(publication, id);
            reader.online();
            started.fetch_add(1);
            std::uint64_t turns = 0;
            while (!stop.load(std::memory_order_relaxed)) {
                const std::uint64_t revision = reader.load()->revision;
                EXPECT_GE(revision, last_seen[id]);  // never back to an older one
                last_seen[id] = revision;
                reader.quiescent();
                if (++turns % 64 == 0) {
                    reader.offline();
                    std::this_thread::yield();
                    reader.online();
                }
            }
            last_seen[id] = reader.load()->revision;
        });
    }
    while (started.load() != kReaders) {
        std::this_thread::yield();
    }
    for (std::uint64_t revision = 2; revision <= kRevisions; ++revision) {
        publication.publish(snapshot(revision));
        publication.reclaim();
    }
    while (publication.reclaim() != 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(publication.settled_revision(), kRevisions);
    stop = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const std::uint64_t revision : last_seen) {
        EXPECT_EQ(revision, kRevisions);
    }
}

}  // namespace
