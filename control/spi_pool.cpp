#include "control/spi_pool.h"

#include "config/sa_spec.h"

#include <random>

namespace control {

std::uint32_t SpiPool::random_number() {
    return std::random_device()();
}

std::uint32_t SpiPool::take(const std::function<bool(std::uint32_t spi)>& used,
                            const dataplane::TscClock& clock) {
    while (!ends_.empty() && ends_.front().first <= clock.now) {
        reserved_.erase(ends_.front().second);
        ends_.pop_front();
    }
    std::uint32_t spi = random_();
    while (spi < config::kMinSpi || used(spi) || !reserved_.insert(spi).second) {
        spi = random_();
    }
    ends_.emplace_back(clock.now + kReservedSeconds * clock.hz, spi);
    return spi;
}

}  // namespace control
