// IvSource: unpredictable IVs for CBC (RFC 3602 3, RFC 2451 3) without a system call per packet:
// the key stream of AES-128-CTR under a key from the kernel, made a few kilobytes at a time. One
// per worker.
#pragma once

#include "config/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace dataplane {

class IvSource {
  public:
    [[nodiscard]] static config::Result<std::unique_ptr<IvSource>> create();
    ~IvSource();
    IvSource(const IvSource&) = delete;
    IvSource& operator=(const IvSource&) = delete;

    // The next `count` bytes, at most 16. Valid until the next call.
    [[nodiscard]] const std::uint8_t* next(std::size_t count) {
        if (at_ + count > kBytes) {
            refill();
        }
        const std::uint8_t* bytes = &stream_[at_];
        at_ += count;
        return bytes;
    }

  private:
    static constexpr std::size_t kBytes = 4096;

    IvSource();
    void refill();

    struct Cipher;
    std::unique_ptr<Cipher> cipher_;
    std::size_t at_ = kBytes;
    alignas(64) std::array<std::uint8_t, kBytes> stream_{};
};

}  // namespace dataplane
