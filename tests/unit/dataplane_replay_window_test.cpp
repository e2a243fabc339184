#include "dataplane/replay_window.h"
#include "tests/support/meeting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace {

using dataplane::ReplayVerdict;
using dataplane::ReplayWindow;
using enum dataplane::ReplayVerdict;

constexpr std::uint64_t k2To32 = std::uint64_t{1} << 32U;

// What RFC 4303 3.4.3 says, with unlimited memory.
class Model {
  public:
    explicit Model(std::uint64_t size) : size_(size) {}

    ReplayVerdict commit(std::uint64_t sequence) {
        if (sequence == 0) {
            return kZero;
        }
        if (top_ > sequence && top_ - sequence >= size_) {
            return kTooOld;
        }
        top_ = std::max(top_, sequence);
        return seen_.insert(sequence).second ? kNew : kSeen;
    }
    [[nodiscard]] std::uint64_t top() const { return top_; }

  private:
    std::uint64_t size_;
    std::uint64_t top_ = 0;
    std::set<std::uint64_t> seen_;
};

// check() must foretell what commit() then says.
ReplayVerdict judged(ReplayWindow& window, std::uint64_t sequence) {
    const ReplayVerdict foretold = window.check(sequence);
    const ReplayVerdict verdict = window.commit(sequence);
    EXPECT_EQ(foretold, verdict) << sequence;
    return verdict;
}

class ReplayWindowTest : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    void expect_as_model(const std::vector<std::uint64_t>& sequences) const {
        ReplayWindow window(GetParam());
        Model model(GetParam());
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            ASSERT_EQ(judged(window, sequences[i]), model.commit(sequences[i]))
                << "packet " << i << ", number " << sequences[i] << ", top " << model.top();
            ASSERT_EQ(window.top(), model.top());
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Sizes,
                         ReplayWindowTest,
                         ::testing::Values(64, 100, 128, 1024, 4096),
                         ::testing::PrintToStringParamName());

TEST_P(ReplayWindowTest, JudgesPacketByPacket) {
    struct Row {
        int number;
        std::uint64_t sequence;
        ReplayVerdict expected;
    };
    const std::uint64_t w = GetParam();
    const std::uint64_t far = 10 * w;  // a multiple of neither block nor ring for every size
    const std::vector<Row> rows = {
        {1, 0, kZero},
        {2, 1, kNew},
        {3, 1, kSeen},
        {4, 0, kZero},
        {5, 3, kNew},
        {6, 2, kNew},
        {7, 2, kSeen},
        {8, w, kNew},  // the window is full: 1 to w
        {9, 1, kSeen},
        {10, 4, kNew},
        {11, w + 1, kNew},  // 2 to w + 1
        {12, 1, kTooOld},
        {13, 2, kSeen},
        {14, 5, kNew},
        {15, w - 1, kNew},
        {16, w, kSeen},
        {17, 2 * w, kNew},  // w + 1 to 2w
        {18, w, kTooOld},
        {19, w - 1, kTooOld},
        {20, w + 1, kSeen},
        {21, w + 2, kNew},
        {22, 2 * w - 1, kNew},
        {23, 2 * w - 1, kSeen},
        {24, far, kNew},  // further than the window is long
        {25, 2 * w, kTooOld},
        {26, far - w, kTooOld},
        {27, far - w + 1, kNew},
        {28, far - w + 1, kSeen},
        {29, far - 1, kNew},
        {30, far, kSeen},
        {31, far + 31, kNew},  // around the blocks of 32 and 64
        {32, far + 32, kNew},
        {33, far + 33, kNew},
        {34, far + 32, kSeen},
        {35, far + 63, kNew},
        {36, far + 64, kNew},
        {37, far + 62, kNew},
        {38, far + 63, kSeen},
        {39, far + 64 + w, kNew},  // by exactly the window's length
        {40, far + 64, kTooOld},
        {41, far + 65, kNew},
        {42, far + 65, kSeen},
        {43, far + 64 + w - 1, kNew},
        {44, k2To32 - 1, kNew},  // the last of 32 bits
        {45, far + 64 + w, kTooOld},
        {46, k2To32 - w, kNew},
        {47, k2To32 - 1, kSeen},
        {48, k2To32, kNew},  // extended numbers go on
        {49, k2To32 - w, kTooOld},
        {50, k2To32 - w + 1, kNew},
        {51, k2To32 - 1, kSeen},
        {52, k2To32 + 1, kNew},
        {53, k2To32, kSeen},
        {54, 3 * k2To32, kNew},
        {55, 2 * k2To32, kTooOld},
        {56, 3 * k2To32 - 1, kNew},
        {57, 3 * k2To32, kSeen},
        {58, 0, kZero},
        {59, 1, kTooOld},
    };
    ReplayWindow window(GetParam());
    for (const Row& row : rows) {
        EXPECT_EQ(judged(window, row.sequence), row.expected)
            << "row " << row.number << ", number " << row.sequence;
    }
}

TEST_P(ReplayWindowTest, CheckChangesNothing) {
    ReplayWindow window(GetParam());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(window.check(5 * k2To32), kNew);
        EXPECT_EQ(window.top(), 0U);
    }
    EXPECT_EQ(window.commit(7), kNew);
    EXPECT_EQ(window.check(5 * k2To32), kNew);
    EXPECT_EQ(window.check(7), kSeen);
    EXPECT_EQ(window.top(), 7U);
}

// Forwards, backwards, every second one and then the others: from the first number, and from where
// the ring begins anew.
TEST_P(ReplayWindowTest, TakesAFullWindowInEveryDirectionOnce) {
    const std::uint64_t w = GetParam();
    for (const std::uint64_t first : {std::uint64_t{1}, 7 * w + 5, k2To32 - w / 2}) {
        std::vector<std::uint64_t> forward;
        std::vector<std::uint64_t> split;
        for (std::uint64_t i = 0; i < w; ++i) {
            forward.push_back(first + i);
            split.push_back(first + (2 * i < w ? 2 * i : 2 * (i - (w + 1) / 2) + 1));
        }
        const std::vector<std::uint64_t> backward(forward.rbegin(), forward.rend());
        for (const auto& order : {forward, backward, split}) {
            ReplayWindow window(GetParam());
            for (const std::uint64_t sequence : order) {
                ASSERT_EQ(judged(window, sequence), kNew) << sequence;
            }
            for (const std::uint64_t sequence : order) {
                ASSERT_EQ(judged(window, sequence), kSeen) << sequence;
            }
        }
    }
}

TEST_P(ReplayWindowTest, JudgesEveryOrderOfASmallSetAsTheModel) {
    const std::uint64_t w = GetParam();
    std::vector<std::uint64_t> order = {1, 2, w, w + 1, w + 32, 2 * w + 1, 9 * w};
    std::sort(order.begin(), order.end());
    do {
        std::vector<std::uint64_t> twice = order;
        twice.insert(twice.end(), order.begin(), order.end());
        expect_as_model(twice);
    } while (!HasFatalFailure() && std::next_permutation(order.begin(), order.end()));
}

TEST_P(ReplayWindowTest, JudgesRandomReorderingAsTheModel) {
    const std::uint64_t w = GetParam();
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random(seed);
        std::vector<std::uint64_t> sequences;
        std::uint64_t at = seed % 2 == 0 ? 0 : k2To32 - 3000;
        for (int i = 0; i < 10'000; ++i) {
            const std::uint64_t what = random() % 1000;
            at += what == 0 ? random() % (5 * w) : what < 400 ? 1 : 0;
            const std::uint64_t back = random() % (what % 2 == 0 ? w + w / 2 : 40);
            sequences.push_back(at - std::min(at, back));
        }
        expect_as_model(sequences);
    }
}

TEST_P(ReplayWindowTest, ReachesTheLastNumberOf64Bits) {
    ReplayWindow window(GetParam());
    const std::uint64_t last = ~std::uint64_t{0};
    EXPECT_EQ(judged(window, last - 2), kNew);
    EXPECT_EQ(judged(window, last), kNew);
    EXPECT_EQ(judged(window, last - 1), kNew);
    EXPECT_EQ(judged(window, last), kSeen);
    EXPECT_EQ(judged(window, last - GetParam()), kTooOld);
}

// RFC 4303 Appendix A2 in another form: of the numbers with that low half the least one that is not
// left of the window; the first window has nothing to its left.
std::uint64_t nearest(std::uint64_t top, std::uint64_t size, std::uint32_t low) {
    const std::int64_t left = static_cast<std::int64_t>(top) - static_cast<std::int64_t>(size) + 1;
    const std::uint32_t ahead = low - static_cast<std::uint32_t>(left);
    const std::int64_t number = left + std::int64_t{ahead};
    return static_cast<std::uint64_t>(number) + (number < 0 ? k2To32 : 0);
}

TEST_P(ReplayWindowTest, ReconstructsTheNumberNearestToTheWindow) {
    const std::uint64_t w = GetParam();
    std::mt19937_64 random(w);
    std::vector<std::uint64_t> tops;
    for (const std::uint64_t base : {std::uint64_t{0}, k2To32, 2 * k2To32, 77 * k2To32}) {
        for (const std::uint64_t off : {std::uint64_t{0}, std::uint64_t{1}, w - 2, w - 1, w}) {
            tops.push_back(base + off);
            if (base != 0) {
                tops.push_back(base - off - 1);
            }
        }
        tops.push_back(base + random() % k2To32);
    }
    for (const std::uint64_t top : tops) {
        ReplayWindow window(GetParam());
        if (top != 0) {
            ASSERT_EQ(window.commit(top), kNew);
        }
        const auto expect = [&](std::uint64_t low) {
            const auto half = static_cast<std::uint32_t>(low);
            ASSERT_EQ(window.reconstruct(half), nearest(top, w, half))
                << "top " << top << ", low half " << half;
        };
        for (std::uint64_t i = 0; i <= 2 * w; ++i) {
            expect(top + i);         // ahead
            expect(top - i);         // within and behind the window
            expect(i);               // a run's first numbers
            expect(k2To32 - 1 - i);  // and its last
            expect(random());
        }
    }
}

// What a receiver sees of a sender who passes 2^32, with the halves that are on the wire.
TEST_P(ReplayWindowTest, FollowsASenderAcross32Bits) {
    ReplayWindow window(GetParam());
    const std::uint64_t w = GetParam();
    ASSERT_EQ(window.commit(k2To32 - 2 * w), kNew);
    for (std::uint64_t number = k2To32 - 2 * w + 2; number < k2To32 + 2 * w; number += 2) {
        for (const std::uint64_t sent : {number, number - 1}) {
            const std::uint64_t full = window.reconstruct(static_cast<std::uint32_t>(sent));
            ASSERT_EQ(full, sent);
            ASSERT_EQ(judged(window, full), kNew);
        }
    }
}

TEST(ReplayWindowOff, TakesEveryNumberAnyTimes) {
    ReplayWindow window(0);
    for (const std::uint64_t sequence : {5ULL, 5ULL, 1ULL, 0xFFFFFFFFULL, 0ULL, 0ULL, 2ULL}) {
        EXPECT_EQ(judged(window, sequence), kNew) << sequence;
    }
}

// --- several workers

constexpr std::size_t kThreads = 4;

// Each number twice, `reorder` places away from its turn at most, dealt to the threads in turn;
// how often each was accepted.
std::vector<unsigned> accepted_by_threads(std::uint32_t size,
                                          std::uint64_t count,
                                          std::size_t reorder) {
    std::vector<std::uint64_t> sequences;
    for (std::uint64_t sequence = 1; sequence <= count; ++sequence) {
        sequences.insert(sequences.end(), 2, sequence);
    }
    std::mt19937_64 random(size + count);
    for (auto begin = sequences.begin(); begin != sequences.end();) {
        const auto end = begin
                         + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(reorder),
                                                    sequences.end() - begin);
        std::shuffle(begin, end, random);
        begin = end;
    }
    ReplayWindow window(size);
    std::vector<std::atomic<unsigned>> accepted(count + 1);
    tests::Meeting meeting(kThreads);
    std::vector<std::thread> threads;
    for (std::size_t id = 0; id < kThreads; ++id) {
        threads.emplace_back([&, id] {
            meeting.wait();
            for (std::size_t i = id; i < sequences.size(); i += kThreads) {
                const std::uint64_t sequence = sequences[i];
                if (window.check(sequence) == kNew && window.commit(sequence) == kNew) {
                    accepted[sequence].fetch_add(1, std::memory_order_relaxed);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(window.top(), count);
    return {accepted.begin(), accepted.end()};
}

// Two workers at the same moment: on neighbours in one word, of which no bit may get lost, then on
// the same number, which only one of them may accept.
TEST(ReplayWindowThreads, MeetInOneWord) {
    constexpr std::uint64_t kRounds = 5000;
    constexpr std::uint64_t kNumbers = 3 * kRounds;
    ReplayWindow window(kNumbers);
    tests::Meeting meeting(2);
    std::atomic<std::uint64_t> shared{0};
    std::atomic<std::uint64_t> own{0};
    const auto work = [&](std::uint64_t id) {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
            meeting.wait();
            own += window.commit(3 * round + 1 + id) == kNew ? 1 : 0;
            meeting.wait();
            shared += window.commit(3 * round + 3) == kNew ? 1 : 0;
        }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    EXPECT_EQ(own, 2 * kRounds);
    EXPECT_EQ(shared, kRounds);
    for (std::uint64_t sequence = 1; sequence <= kNumbers; ++sequence) {
        ASSERT_EQ(window.check(sequence), kSeen) << sequence;
    }
}

TEST(ReplayWindowThreads, AcceptEveryNumberOfAFullWindowExactlyOnce) {
    constexpr std::uint64_t kCount = 60'000;
    for (const std::size_t reorder : {std::size_t{2}, std::size_t{100}, std::size_t{2 * kCount}}) {
        const auto accepted = accepted_by_threads(kCount, kCount, reorder);
        for (std::size_t sequence = 1; sequence <= kCount; ++sequence) {
            ASSERT_EQ(accepted[sequence], 1U) << sequence;
        }
    }
}

TEST_P(ReplayWindowTest, ThreadsNeverAcceptANumberTwice) {
    constexpr std::uint64_t kCount = 60'000;
    for (const std::size_t reorder :
         {std::size_t{32}, std::size_t{GetParam()}, std::size_t{20'000}}) {
        const auto accepted = accepted_by_threads(GetParam(), kCount, reorder);
        EXPECT_LE(*std::max_element(accepted.begin(), accepted.end()), 1U) << reorder;
        EXPECT_EQ(accepted[0], 0U);
    }
}

}  // namespace
