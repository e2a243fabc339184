// IvSource: unpredictable IVs for CBC (RFC 3602 3, RFC 2451 3) without a system call per packet:
// the key stream of AES-128-CTR, a few kilobytes at a time. The first key is the kernel's; every
// further one is the beginning of the stream before it, so that who reads the key in memory learns
// no IV of the past. One per worker.
#pragma once

#include "config/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace dataplane {

class IvSource {
  public:
    using Key = std::array<std::uint8_t, 16>;

    // Errors: kSystem: the kernel gives no randomness, or OpenSSL no AES.
    [[nodiscard]] static config::Result<std::unique_ptr<IvSource>> create();
    // From a key the caller knows, and thus all the IVs: for tests.
    [[nodiscard]] static config::Result<std::unique_ptr<IvSource>> create(const Key& key);
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

    struct Cipher;

    explicit IvSource(std::unique_ptr<Cipher> cipher);
    void refill();

    std::unique_ptr<Cipher> cipher_;
    std::size_t at_ = kBytes;
    // The key to come, wiped as soon as it is in use; IVs.
    alignas(64) std::array<std::uint8_t, kBytes> stream_{};
};

}  // namespace dataplane
