// SpiPool: numbers for inbound SAs that are still being negotiated. Random, so that nobody off the
// path can name an SA, and not given out again while a peer may still agree to one.
#pragma once

#include "dataplane/sa.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_set>
#include <utility>

namespace control {

class SpiPool {
  public:
    // How long a peer may take to agree to an SPI that was offered to it.
    static constexpr std::uint64_t kReservedSeconds = 60;

    using Random = std::function<std::uint32_t()>;
    static std::uint32_t random_number();

    explicit SpiPool(Random random = random_number) : random_(std::move(random)) {}

    // At least config::kMinSpi, not `used` and not taken in the last kReservedSeconds. Takes longer
    // the more of all 2^32 numbers are.
    [[nodiscard]] std::uint32_t take(const std::function<bool(std::uint32_t spi)>& used,
                                     const dataplane::TscClock& clock);

  private:
    Random random_;
    std::unordered_set<std::uint32_t> reserved_;
    std::deque<std::pair<std::uint64_t, std::uint32_t>> ends_;  // TSC and SPI, in order
};

}  // namespace control
