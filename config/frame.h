// Frames of the control socket: a length of four bytes, big-endian, then that many bytes.
// Incremental, because a stream cuts frames anywhere; knows nothing of what is inside.
#pragma once

#include "config/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace config {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxRequestFrame = std::size_t{1} << 20;
inline constexpr std::size_t kMaxResponseFrame = std::size_t{1} << 20;

// The body with its length in front.
[[nodiscard]] std::string make_frame(std::string_view body);

class FrameReader {
  public:
    explicit FrameReader(std::size_t limit) : limit_(limit) {}

    void append(std::string_view bytes) { buffer_.append(bytes); }

    // The next complete frame's body, nothing if it is not complete yet, or an error if it is
    // empty or longer than the limit; after an error the stream cannot be read on.
    [[nodiscard]] Result<std::optional<std::string>> next();

    // Bytes received and not handed out.
    [[nodiscard]] std::size_t buffered() const { return buffer_.size() - consumed_; }

  private:
    std::size_t limit_;
    std::string buffer_;
    std::size_t consumed_ = 0;
};

}  // namespace config
