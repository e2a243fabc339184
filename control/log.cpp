// Logging of the control side: see log.h.
#include "control/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <unistd.h>

namespace control::log {

namespace {

struct LevelRow {
    Level level;
    std::string_view word;
    std::string_view journal_prefix;  // sd-daemon(3)
};
constexpr auto kLevels = std::to_array<LevelRow>({
    {Level::kError, "error", "<3>"},
    {Level::kWarning, "warning", "<4>"},
    {Level::kInfo, "info", "<6>"},
    {Level::kDebug, "debug", "<7>"},
});

struct CategoryRow {
    Category category;
    std::string_view word;
};
constexpr auto kCategories = std::to_array<CategoryRow>({
    {Category::kDaemon, "daemon"},
    {Category::kDataplane, "dataplane"},
    {Category::kPublisher, "publisher"},
    {Category::kHost, "host"},
    {Category::kNeighbor, "neighbor"},
    {Category::kControl, "control"},
    {Category::kIpsec, "ipsec"},
    {Category::kIke, "ike"},
});

std::atomic<Level> threshold{Level::kInfo};

// systemd sets JOURNAL_STREAM for a service whose stderr is the journal.
bool under_journal() {
    static const bool kValue =
        std::getenv("JOURNAL_STREAM") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    return kValue;
}

}  // namespace

std::optional<Level> parse_level(std::string_view word) {
    for (const LevelRow& row : kLevels) {
        if (row.word == word) {
            return row.level;
        }
    }
    return std::nullopt;
}

void set_level(Level level) {
    threshold.store(level, std::memory_order_relaxed);
}

bool enabled(Level level) {
    return level <= threshold.load(std::memory_order_relaxed);
}

RepeatLimiter::Answer RepeatLimiter::admit(const void* key, Time now) {
    State& state = states_[key];
    if (state.passed == 0 || now - state.since >= kWindow) {
        state.since = now;
        state.passed = 0;
    }
    if (state.passed >= kBurst) {
        ++state.swallowed;
        return {};
    }
    ++state.passed;
    return {true, std::exchange(state.swallowed, 0)};
}

void write(Level level, Category category, const void* key, std::string_view text) {
    static std::mutex mutex;
    static RepeatLimiter limiter;

    const std::scoped_lock lock(mutex);
    const RepeatLimiter::Answer answer = key == nullptr
                                             ? RepeatLimiter::Answer{true, 0}
                                             : limiter.admit(key, std::chrono::steady_clock::now());
    if (!answer.pass) {
        return;
    }
    const LevelRow& row = kLevels[static_cast<std::size_t>(level)];
    std::string line = fmt::format("{}{}{}: {}",
                                   under_journal() ? row.journal_prefix : std::string_view(),
                                   under_journal() ? std::string() : fmt::format("{} ", row.word),
                                   kCategories[static_cast<std::size_t>(category)].word,
                                   text);
    // One event is one line, whatever a name from outside contains.
    std::replace_if(
        line.begin(),
        line.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
        ' ');
    if (answer.swallowed > 0) {
        line += fmt::format(" swallowed={}", answer.swallowed);
    }
    line += '\n';
    // A log that cannot be written must not stop the gateway.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace control::log
