// Pipeline: one packet's journey, top to bottom, one call per stage (pipeline.cpp). Each worker
// owns one. Needs no EAL: mbufs in, mbufs out through TxBuffers and the event ring.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/fragment_table.h"
#include "dataplane/hit_counters.h"
#include "dataplane/icmp_error.h"
#include "dataplane/snapshot.h"
#include "dataplane/topology.h"

#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace dataplane {

// Packets waiting for the end of the turn, one array per port. The worker transmits and empties it.
struct TxBuffer {
    static constexpr std::uint16_t kCapacity = 512;
    std::array<rte_mbuf*, kCapacity> packets{};
    std::uint16_t count = 0;
};

struct PipelineContext {
    const Topology& topology;
    WorkerCounters& counters;
    HitCounters& hits;
    rte_ring* events;      // elements of type Event, single producer
    rte_mempool* pool;     // for packets the worker makes itself
    std::uint64_t tsc_hz;  // unit of every `now`
};

class Pipeline {
  public:
    explicit Pipeline(const PipelineContext& context);
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    // Takes ownership of every mbuf. `burst` has at most kBurst packets; `now` in TSC ticks.
    void receive(const Snapshot& snapshot,
                 std::uint16_t port,
                 std::span<rte_mbuf* const> burst,
                 std::uint64_t now);
    void inject(const Snapshot& snapshot, std::span<const Injection> burst, std::uint64_t now);
    // Once per turn: datagrams whose fragments did not all arrive.
    void expire(std::uint64_t now);
    // At shutdown: frees what is held, counted as kShutdown.
    void drain();

    [[nodiscard]] TxBuffer& tx(std::uint16_t port) { return tx_[port]; }

  private:
    struct Stages;  // the stage functions, in pipeline.cpp

    PipelineContext context_;
    Drops drops_;
    FragmentTable fragments_;
    IcmpErrorLimiter icmp_limiter_;
    std::array<TxBuffer, kMaxPorts> tx_{};
};

}  // namespace dataplane
