// IPsec outbound processing (RFC 4301 5.1, RFC 4303 3.3, RFC 4302 3.3): from packets and the SAs
// that are to protect them to ESP and AH packets, in two loops around the burst's crypto run.
// Sequence numbers and lifetime are taken once per SA and burst.
#pragma once

#include "crypto/crypto_job.h"
#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/event_sink.h"
#include "dataplane/ipsec_work.h"
#include "dataplane/iv_source.h"
#include "dataplane/sa_tally.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dataplane {

class IpsecOutbound {
  public:
    IpsecOutbound(IvSource& ivs, WorkerCounters& counters, EventSink& events)
        : ivs_(ivs), counters_(counters), drops_(counters), events_(events) {}

    // Queues a parsed packet in one segment. At most kBurst at a time.
    void add(rte_mbuf* mbuf, Sa& sa) {
        queue_[queued_++] = {.mbuf = mbuf, .sa = &sa, .bytes = 0, .share = 0};
    }
    [[nodiscard]] std::size_t queued() const { return queued_; }
    [[nodiscard]] bool full() const { return queued_ == queue_.size(); }

    // Empties the queue and fills jobs[0 .. result - 1]. What cannot pass is dropped.
    //   1. lifetime and sequence numbers of each SA     RFC 4303 3.3.3, RFC 4301 4.4.2.1
    //   2. headers, padding, IV; the job                RFC 4303 3.3.2, RFC 4301 5.1.2
    [[nodiscard]] std::size_t prepare(std::uint64_t now, std::span<crypto::CryptoJob> jobs);

    // After those jobs ran. Complete packets are added to `done`; those whose SA is the inner half
    // of a bundle are queued again, for the outer half.
    void finish(std::uint64_t now, std::span<const crypto::CryptoJob> jobs, Burst& done);

  private:
    struct Queued {
        rte_mbuf* mbuf;
        Sa* sa;
        std::uint32_t bytes;  // against the lifetime
        std::uint8_t share;   // index into tally_
    };

    void account(std::uint64_t now);
    [[nodiscard]] IpsecCheck admit(const Queued& queued, IpsecWork& work, std::uint64_t now);
    void refuse(const IpsecWork& work, DropReason reason, std::uint64_t now);

    IvSource& ivs_;
    WorkerCounters& counters_;
    Drops drops_;
    EventSink& events_;
    std::size_t queued_ = 0;
    SaTally tally_;
    std::array<Queued, kBurst> queue_{};
    std::array<IpsecWork, kBurst> works_{};
};

}  // namespace dataplane
