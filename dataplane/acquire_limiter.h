// AcquireLimiter: how often a worker asks control to negotiate, so that a flood of packets without
// SA neither fills the event ring nor wears control out. Traffic for one SA has one bucket of
// tokens. There are few buckets, so all traffic together is limited too, and SAs may have to share
// one: where the traffic of a dead peer empties it, that lasts until buckets are given out anew.
#pragma once

#include "dataplane/keyed_hash.h"
#include "dataplane/sa_table.h"
#include "dataplane/token_bucket.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dataplane {

class AcquireLimiter {
  public:
    static constexpr std::size_t kBuckets = 1024;
    static constexpr std::uint64_t kAtOnce = 8;  // about what a peer's first packets are
    static constexpr std::uint64_t kPerSecond = 4;
    // Buckets are given out anew so often. A flood may find a full one each time, which is seldom
    // enough.
    static constexpr std::uint64_t kSharedSeconds = 8;

    explicit AcquireLimiter(std::uint64_t tsc_hz)
        : shared_ticks_(kSharedSeconds * tsc_hz),
          buckets_(kBuckets, TokenBucket(kPerSecond, kAtOnce, tsc_hz)) {}

    // `key`: of the SA that is missing.
    [[nodiscard]] bool allow(const PeerKey& key, std::uint64_t now) {
        std::uint64_t hash =
            hash_((now / shared_ticks_) << 32U | key.selector, key.family, key.peer);
        if (key.source != nullptr) {
            hash = hash_(hash, key.family, key.source);
        }
        return buckets_[hash % kBuckets].allow(now);
    }

  private:
    std::uint64_t shared_ticks_;
    std::vector<TokenBucket> buckets_;
    KeyedHash hash_;
};

}  // namespace dataplane
