// Logging of the control side: one line per event, "category: text key=value ...", on stderr. Under
// systemd each line carries the journal's priority prefix. A message that repeats is limited, so
// that hostile traffic cannot fill the log. The packet path never logs, and secrets have no
// formatter.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace control::log {

enum class Level : std::uint8_t { kError, kWarning, kInfo, kDebug };
enum class Category : std::uint8_t {
    kDaemon,
    kDataplane,
    kPublisher,
    kHost,
    kNeighbor,
    kControl,
    kIpsec,
    kIke,
};

// "error", "warning", "info", "debug"; nothing for another word.
[[nodiscard]] std::optional<Level> parse_level(std::string_view word);

// Called once, before threads start.
void set_level(Level level);

// Passes kBurst messages of one key in kWindow, then swallows and counts. Not thread-safe.
class RepeatLimiter {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr unsigned kBurst = 10;
    static constexpr std::chrono::seconds kWindow{10};

    struct Answer {
        bool pass = false;
        std::uint64_t swallowed = 0;  // since the last message of this key that passed
    };
    Answer admit(const void* key, Time now);

  private:
    struct State {
        Time since;
        unsigned passed = 0;
        std::uint64_t swallowed = 0;
    };
    std::unordered_map<const void*, State> states_;
};

// `key` identifies the message for limiting: the address of its format string. A message without
// key, as of the audit trail, is never limited.
void write(Level level, Category category, const void* key, std::string_view text);
[[nodiscard]] bool enabled(Level level);

template <typename... Args>
void emit(Level level, Category category, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) {
        const fmt::string_view text = format;
        write(level, category, text.data(), fmt::vformat(text, fmt::make_format_args(args...)));
    }
}

template <typename... Args>
void error(Category category, fmt::format_string<Args...> format, Args&&... args) {
    emit(Level::kError, category, format, std::forward<Args>(args)...);
}
template <typename... Args>
void warning(Category category, fmt::format_string<Args...> format, Args&&... args) {
    emit(Level::kWarning, category, format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(Category category, fmt::format_string<Args...> format, Args&&... args) {
    emit(Level::kInfo, category, format, std::forward<Args>(args)...);
}
template <typename... Args>
void debug(Category category, fmt::format_string<Args...> format, Args&&... args) {
    emit(Level::kDebug, category, format, std::forward<Args>(args)...);
}

}  // namespace control::log
