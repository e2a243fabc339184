// Anti-replay (RFC 4303 3.4.3, RFC 4302 3.4.3) in the ring form of RFC 6479, for any number of
// workers at once without a lock.
//
// The ring is made of 64-bit words. A word holds 32 bits of the window below and the number of the
// block of 32 sequence numbers they stand for above. A word thus says itself which block it is
// about: to enter a new block is to exchange the word as a whole, and no worker can mistake the
// bits of an old block for those of a new one. Every sequence number is accepted at most once,
// whatever the order in which workers commit; the right edge only decides what is too old.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace dataplane {

enum class ReplayVerdict : std::uint8_t {
    kNew,
    kSeen,    // accepted before
    kTooOld,  // left of the window: nobody remembers
    kZero,    // RFC 4303 3.3.3: the first packet has sequence number 1
};

class ReplayWindow {
  public:
    // `size` in packets, up to 2^31. 0 switches the check off: every number is new, and zero too,
    // because a sender whose peer does not check may let its counter roll over (RFC 4303 3.3.3).
    explicit ReplayWindow(std::uint32_t size);

    // The full number of a packet that carries its low half (RFC 4303 Appendix A2). Wrong guesses
    // fail the ICV.
    [[nodiscard]] std::uint64_t reconstruct(std::uint32_t low) const;
    // Before the ICV is checked. Changes nothing.
    [[nodiscard]] ReplayVerdict check(std::uint64_t sequence) const;
    // After the ICV was found good: marks the number and moves the window. Numbers of authentic
    // packets are less than 2^32 apart; blocks are told apart over 2^36.
    [[nodiscard]] ReplayVerdict commit(std::uint64_t sequence);

    // Brings in what check() and commit() read beside the object itself.
    void prefetch(std::uint64_t sequence) const {
        __builtin_prefetch(words_.get() + (sequence / kBlockBits & mask_));
    }

    // The largest number committed.
    [[nodiscard]] std::uint64_t top() const { return top_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t size() const { return size_; }

  private:
    static constexpr std::uint64_t kBlockBits = 32;

    [[nodiscard]] ReplayVerdict judge(std::uint64_t word, std::uint64_t sequence) const;

    std::uint32_t size_;
    std::uint64_t mask_ = 0;  // words - 1
    // writer: workers; readers: workers; order: relaxed, each word is complete in itself
    std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
    // writer: workers, only ever larger; readers: workers, control; order: relaxed
    std::atomic<std::uint64_t> top_{0};
};

}  // namespace dataplane
