// EventSink: a worker's side of its event ring. What does not fit is a counted drop if it was a
// packet, and is said to the caller if it was a message. The ring's last quarter is not for
// ordinary traffic, so that IKE, neighbours and the ends of SAs are heard of under any load.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/token_bucket.h"

#include <rte_ring.h>

#include <cstdint>

namespace dataplane {

class EventSink {
  public:
    EventSink(rte_ring* ring, WorkerCounters& counters, std::uint64_t tsc_hz)
        : ring_(ring), counters_(counters), audits_(kAuditsPerSecond, kAuditBurst, tsc_hz) {}

    // Hands a packet to control.
    void raise(const Event& event);
    // Tells control something, without a packet. False: the ring is full.
    [[nodiscard]] bool notify(const Event& event);
    // The same for an audit event, as often as the rate allows; others are only counted.
    void audit(const Event& event, std::uint64_t now);

  private:
    // Enough to see an attack, too little to fill a disk with.
    static constexpr std::uint64_t kAuditsPerSecond = 10;
    static constexpr std::uint64_t kAuditBurst = 20;

    [[nodiscard]] bool enqueue(const Event& event);

    rte_ring* ring_;
    WorkerCounters& counters_;
    TokenBucket audits_;
};

}  // namespace dataplane
