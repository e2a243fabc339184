// Worker: one lcore's poll loop. Receives from its port queues, runs the pipeline, transmits, and
// reports a quiescent state once a turn. Everything it writes is its own.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/hit_counters.h"
#include "dataplane/pipeline.h"
#include "dataplane/publication.h"
#include "dataplane/topology.h"
#include "dataplane/wakeup.h"

#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace dataplane {

struct RxQueue {
    std::uint16_t port = kNoPort;  // index into Topology::ports
    std::uint16_t device = 0;      // ethdev port id
    std::uint16_t queue = 0;
};

struct WorkerSetup {
    unsigned id = 0;  // 0 .. workers-1: also its QSBR reader and its transmit queue on every port
    std::vector<RxQueue> rx_queues;
    std::vector<std::uint16_t> tx_devices;  // ethdev port id of each port of the topology
    bool busy_poll = false;                 // never sleep when idle
};

// What a worker needs for IPsec and shares with no other.
struct WorkerCrypto {
    std::unique_ptr<crypto::CryptoBatch> batch;
    std::unique_ptr<IvSource> ivs;

    [[nodiscard]] static config::Result<WorkerCrypto> create(const crypto::EngineChoice& engines);
};

// What all workers share.
struct WorkerEnvironment {
    const Topology& topology;
    Publication& publication;
    const SaTable& sas;
    Wakeup& wakeup;
    rte_mempool* pool;
    rte_mempool* large_pool;
};

// A ring of plain elements on ordinary memory, one producer and one consumer.
struct RingDeleter {
    void operator()(rte_ring* ring) const;
};
using PlainRing = std::unique_ptr<rte_ring, RingDeleter>;
[[nodiscard]] PlainRing make_plain_ring(unsigned element_size, unsigned count);

class Worker {
  public:
    Worker(WorkerSetup setup, WorkerCrypto crypto, const WorkerEnvironment& environment);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Polls until request_stop(), then drains: what is still in the injection ring or held is
    // dropped as kShutdown, what is ready to go is transmitted. Runs on the worker's lcore; a
    // snapshot must have been published.
    void run();
    // Any thread.
    void request_stop() { stop_.store(true, std::memory_order_relaxed); }

    [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
    [[nodiscard]] HitCounters& hits() { return hits_; }
    [[nodiscard]] const HitCounters& hits() const { return hits_; }
    [[nodiscard]] rte_ring* events() const { return events_.get(); }
    [[nodiscard]] rte_ring* injections() const { return injections_.get(); }
    [[nodiscard]] const WorkerSetup& setup() const { return setup_; }

  private:
    // One turn; returns how many packets it moved.
    unsigned turn(const Snapshot& snapshot, std::uint64_t now);
    unsigned receive(const Snapshot& snapshot, const RxQueue& queue, std::uint64_t now);
    unsigned inject(const Snapshot& snapshot, std::uint64_t now);
    void transmit();
    void transmit(std::uint16_t port, TxBuffer& out);
    void rest(Publication::Reader& reader, unsigned idle_turns) const;
    void drain();

    WorkerSetup setup_;
    WorkerCrypto crypto_;
    WorkerCounters counters_;
    HitCounters hits_;
    PlainRing events_;
    PlainRing injections_;
    Publication& publication_;
    Wakeup& wakeup_;
    Drops drops_;
    std::unique_ptr<Pipeline> pipeline_;
    std::uint64_t notified_events_ = 0;  // raised when notify() was last called
    std::atomic<bool> stop_{false};      // writer: control; readers: the worker; order: relaxed
};

}  // namespace dataplane
