#include "dataplane/replay_window.h"

#include <algorithm>
#include <bit>

namespace dataplane {
namespace {

// Low 32 bits of a block's number: enough to order blocks that are less than 2^36 packets apart.
std::uint32_t tag_of_block(std::uint64_t block) {
    return static_cast<std::uint32_t>(block);
}

std::uint64_t make_word(std::uint64_t block, std::uint32_t bits) {
    return (std::uint64_t{tag_of_block(block)} << 32U) | bits;
}

// Positive: the word is about an older block.
std::int32_t age(std::uint64_t word, std::uint64_t block) {
    return static_cast<std::int32_t>(tag_of_block(block) - static_cast<std::uint32_t>(word >> 32U));
}

std::uint32_t bit_of(std::uint64_t sequence) {
    return std::uint32_t{1} << (sequence % 32U);
}

}  // namespace

ReplayWindow::ReplayWindow(std::uint32_t size) : size_(size) {
    if (size == 0) {
        return;
    }
    // A window of n blocks may reach into n + 1.
    const std::uint64_t words = std::bit_ceil(std::uint64_t{(size + 31U) / 32U} + 1U);
    mask_ = words - 1;
    words_ = std::make_unique<std::atomic<std::uint64_t>[]>(words);
    for (std::uint64_t i = 0; i < words; ++i) {
        // As if each word had last been about the block before its first one.
        words_[i].store(make_word(i - words, 0), std::memory_order_relaxed);
    }
}

// RFC 4303 Appendix A2.2: the number nearest to the window, by where the window lies within its
// 2^32 numbers.
std::uint64_t ReplayWindow::reconstruct(std::uint32_t low) const {
    const std::uint64_t top = this->top();
    const auto top_low = static_cast<std::uint32_t>(top);
    const std::uint64_t high = top >> 32U;
    const std::uint32_t size = std::max(size_, 1U);
    const std::uint32_t left = top_low - (size - 1);
    if (top_low >= size - 1) {
        // Case A: the window lies within one run of 2^32 numbers.
        return ((low >= left ? high : high + 1) << 32U) | low;
    }
    // Case B: it spans two of them. Before the first wrap there is nothing to its left.
    const bool earlier = low >= left && high != 0;
    return ((earlier ? high - 1 : high) << 32U) | low;
}

ReplayVerdict ReplayWindow::judge(std::uint64_t word, std::uint64_t sequence) const {
    const std::int32_t blocks = age(word, sequence / kBlockBits);
    if (blocks < 0) {
        return ReplayVerdict::kTooOld;  // the word is about a newer block
    }
    const bool seen = blocks == 0 && (static_cast<std::uint32_t>(word) & bit_of(sequence)) != 0;
    return seen ? ReplayVerdict::kSeen : ReplayVerdict::kNew;
}

ReplayVerdict ReplayWindow::check(std::uint64_t sequence) const {
    if (size_ == 0) {
        return ReplayVerdict::kNew;
    }
    if (sequence == 0) {
        return ReplayVerdict::kZero;
    }
    const std::uint64_t top = this->top();
    if (sequence < top && top - sequence >= size_) {
        return ReplayVerdict::kTooOld;
    }
    const std::uint64_t block = sequence / kBlockBits;
    return judge(words_[block & mask_].load(std::memory_order_relaxed), sequence);
}

ReplayVerdict ReplayWindow::commit(std::uint64_t sequence) {
    const ReplayVerdict before = check(sequence);
    if (before != ReplayVerdict::kNew) {
        return before;
    }
    if (size_ != 0) {
        const std::uint64_t block = sequence / kBlockBits;
        std::atomic<std::uint64_t>& slot = words_[block & mask_];
        std::uint64_t word = slot.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            const ReplayVerdict verdict = judge(word, sequence);
            if (verdict != ReplayVerdict::kNew) {
                return verdict;  // another worker was faster
            }
            next = age(word, block) == 0 ? word | bit_of(sequence)
                                         : make_word(block, bit_of(sequence));
        } while (!slot.compare_exchange_weak(word, next, std::memory_order_relaxed));
    }
    std::uint64_t top = top_.load(std::memory_order_relaxed);
    while (top < sequence
           && !top_.compare_exchange_weak(top, sequence, std::memory_order_relaxed)) {
    }
    return ReplayVerdict::kNew;
}

}  // namespace dataplane
