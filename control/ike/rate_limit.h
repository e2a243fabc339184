// A token bucket: `burst` at once, `per_second` in the long run.
#pragma once

#include "control/ike/host.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace control::ike {

class RateLimit {
  public:
    RateLimit(double per_second, double burst)
        : per_second_(per_second), burst_(burst), tokens_(burst) {}

    [[nodiscard]] bool admit(Time now) {
        if (last_ && now > *last_) {
            const std::chrono::duration<double> passed = now - *last_;
            tokens_ = std::min(burst_, tokens_ + passed.count() * per_second_);
        }
        last_ = now;
        if (tokens_ < 1) {
            ++refused_;
            return false;
        }
        tokens_ -= 1;
        return true;
    }
    // How many were refused since the last call.
    [[nodiscard]] std::uint64_t take_refused() {
        const std::uint64_t refused = refused_;
        refused_ = 0;
        return refused;
    }

  private:
    double per_second_;
    double burst_;
    double tokens_;
    std::uint64_t refused_ = 0;
    std::optional<Time> last_;
};

}  // namespace control::ike
