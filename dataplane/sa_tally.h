// SaTally: the packets of one burst counted per SA, so that what workers share of an SA is touched
// once per SA and burst instead of once per packet.
#pragma once

#include "dataplane/packet.h"
#include "dataplane/sa.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dataplane {

// One SA's part of a burst.
struct SaShare {
    Sa* sa;
    std::uint32_t packets;
    std::uint64_t bytes;
    SequenceRun numbers;  // outbound
    ByteBudget budget;

    void count(std::uint64_t now) {
        budget = ByteBudget(*sa, bytes);
        sa->packets.fetch_add(packets, std::memory_order_relaxed);
        sa->last_used.store(now, std::memory_order_relaxed);
    }
};

class SaTally {
  public:
    void clear() { count_ = 0; }

    // Counts one packet; returns the index of its share.
    [[nodiscard]] std::uint8_t add(Sa& sa, std::uint64_t bytes) {
        const std::size_t i = find(sa);
        if (i == count_) {
            shares_[count_++] = {.sa = &sa, .packets = 0, .bytes = 0, .numbers = {}, .budget = {}};
        }
        ++shares_[i].packets;
        shares_[i].bytes += bytes;
        last_ = i;
        return static_cast<std::uint8_t>(i);
    }
    [[nodiscard]] std::span<SaShare> shares() { return {shares_.data(), count_}; }
    [[nodiscard]] SaShare& operator[](std::size_t i) { return shares_[i]; }

  private:
    [[nodiscard]] std::size_t find(const Sa& sa) const {
        // Neighbours in a burst tend to belong to one flow.
        if (last_ < count_ && shares_[last_].sa == &sa) {
            return last_;
        }
        std::size_t i = 0;
        while (i < count_ && shares_[i].sa != &sa) {
            ++i;
        }
        return i;
    }

    std::array<SaShare, kBurst> shares_{};
    std::size_t count_ = 0;
    std::size_t last_ = 0;
};

}  // namespace dataplane
