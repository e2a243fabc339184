// What commit() acknowledged is there after kill -9, and nothing is there by half. Power loss is
// SQLite's promise (synchronous=FULL) and not tested here.
#include "tests/support/store_objects.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <random>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace config {
namespace {

constexpr std::uint32_t kFiltersInBatch = 7;

// The child: commits batches of filters until it is killed, and writes a byte after each commit.
// Anything unexpected ends it early, which the parent sees as too few reports.
[[noreturn]] void commit_until_killed(const std::string& path, const Guid& list, int report) {
    Result<std::unique_ptr<PolicyStore>> opened = PolicyStore::open(path);
    if (!opened) {
        _exit(1);
    }
    PolicyStore& store = **opened;
    const Result<std::size_t> first = store.filter_count(list);
    for (auto next = static_cast<std::uint32_t>(first ? *first : 0);; next += kFiltersInBatch) {
        bool good = store.begin().ok();
        for (std::uint32_t i = 0; good && i < kFiltersInBatch; ++i) {
            good = store.add_filter(list, numbered_filter(next + i), next).ok();
        }
        const std::uint8_t done = 1;
        if (!good || !store.commit().ok() || write(report, &done, 1) != 1) {
            _exit(1);
        }
    }
}

// Reads reports until `wanted` have come, kills the child, and returns how many it made in all.
std::uint32_t kill_after(pid_t child, int reports, std::uint32_t wanted) {
    std::uint32_t seen = 0;
    std::array<std::uint8_t, 256> bytes{};
    ssize_t got = 1;
    while (got > 0) {
        const std::size_t room = seen < wanted ? 1 : bytes.size();
        got = read(reports, bytes.data(), room);
        seen += got > 0 ? static_cast<std::uint32_t>(got) : 0;
        if (seen == wanted) {
            kill(child, SIGKILL);
        }
    }
    return seen;
}

TEST(StoreCrash, EveryReportedCommitSurvivesKillAndNoneIsHalf) {
    const Directory directory;
    const FilterList list = list_named("L");
    ASSERT_TRUE(open_store(directory.file())->add_filter_list(list).ok());
    std::mt19937 random(4711);
    std::uint32_t acknowledged = 0;
    for (int round = 0; round < 20; ++round) {
        std::array<int, 2> pipe_ends{};
        ASSERT_EQ(pipe(pipe_ends.data()), 0);
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            close(pipe_ends[0]);
            commit_until_killed(directory.file(), list.guid, pipe_ends[1]);
        }
        close(pipe_ends[1]);
        // The child goes on committing between the last report and the signal, so that the moment
        // of death is anywhere in a transaction.
        const auto wanted = static_cast<std::uint32_t>(1 + random() % 12);
        const std::uint32_t reported = kill_after(child, pipe_ends[0], wanted);
        close(pipe_ends[0]);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself";
        ASSERT_GE(reported, wanted);

        const auto store = open_store(directory.file());
        ASSERT_NE(store, nullptr) << round;
        const Result<std::vector<Filter>> filters = store->filters(list.guid);
        ASSERT_TRUE(filters.ok()) << filters.error().text;
        const auto batches = static_cast<std::uint32_t>(filters->size()) / kFiltersInBatch;
        EXPECT_EQ(filters->size() % kFiltersInBatch, 0U) << round;
        // The one more that may be there was committed and not yet reported.
        EXPECT_GE(batches, acknowledged + reported) << round;
        EXPECT_LE(batches, acknowledged + reported + 1) << round;
        for (std::uint32_t i = 0; i < filters->size(); ++i) {
            ASSERT_EQ((*filters)[i].spec, numbered_filter(i).spec) << i;
        }
        acknowledged = batches;
    }
}

}  // namespace
}  // namespace config
