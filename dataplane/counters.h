// One block of counters per worker. The worker alone writes; control reads and sums. A reader may
// see a packet counted in one field and not yet in another.
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dataplane {

// writer: one worker; readers: control; order: relaxed
class Counter {
  public:
    void add(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

struct PortCounters {
    Counter rx_packets;
    Counter rx_bytes;
    Counter tx_packets;
    Counter tx_bytes;
    Counter dropped;  // packets that came in on this port and were dropped, any reason
};

// Conservation, checked by tests and by debug builds:
//   sum(rx_packets) + injected = sum(tx_packets) + sum(drops) + to_control + held + merged
struct alignas(RTE_CACHE_LINE_SIZE) WorkerCounters {
    std::array<PortCounters, kMaxPorts> ports;
    std::array<Counter, kDropReasonCount> drops;
    Counter injected;    // packets taken from the injection ring
    Counter generated;   // packets the worker itself made (ICMP errors); counted as injected too
    Counter to_control;  // packets handed to control through the event ring
    Counter held;        // packets that went into the fragment table ...
    Counter released;    // ... and came out of it again; held now = held - released
    Counter merged;      // fragments that became part of a reassembled packet, less that packet
    Counter messages;    // events without a packet that control was sent
    Counter audits_suppressed;  // audit events beyond the rate or the ring
    Counter permitted;          // verdicts
    Counter protected_packets;  // encrypted or authenticated on the way out
    Counter verified_packets;   // ... and on the way in, AH and ESP of a bundle each
    Counter accepted_clear;  // unprotected where protection is expected, let in by inpass or soft
    Counter sent_clear;      // unprotected where protection is wanted, by a soft SA
    Counter exempted;        // packets no filter saw (default exemptions)
    Counter unmatched;       // permitted because no filter matched
    Counter turns;           // poll loop turns
    Counter idle_turns;      // turns that found nothing to do
};

// Frees a packet and counts why: the only way a stage may drop.
class Drops {
  public:
    explicit Drops(WorkerCounters& counters) : counters_(counters) {}

    void add(rte_mbuf* mbuf, DropReason reason) {
        counters_.drops[static_cast<std::size_t>(reason)].add(1);
        const std::uint16_t port = meta_of(mbuf).in_port;
        if (port < kMaxPorts) {
            counters_.ports[port].dropped.add(1);
        }
        rte_pktmbuf_free(mbuf);
    }

  private:
    WorkerCounters& counters_;
};

}  // namespace dataplane
