// TokenBucket: at most so many events a second, and so many at once after a silence. One owner.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dataplane {

class TokenBucket {
  public:
    TokenBucket(std::uint64_t per_second, std::uint64_t burst, std::uint64_t tsc_hz)
        : ticks_per_token_(std::max<std::uint64_t>(tsc_hz / per_second, 1)),
          burst_(burst),
          tokens_(burst) {}

    [[nodiscard]] bool allow(std::uint64_t now) {
        const std::uint64_t earned = (now - filled_at_) / ticks_per_token_;
        if (earned != 0) {
            tokens_ = std::min(tokens_ + std::min(earned, burst_), burst_);
            filled_at_ += earned * ticks_per_token_;
        }
        if (tokens_ == 0) {
            return false;
        }
        --tokens_;
        return true;
    }

  private:
    std::uint64_t ticks_per_token_;
    std::uint64_t burst_;
    std::uint64_t tokens_;
    std::uint64_t filled_at_ = 0;
};

}  // namespace dataplane
