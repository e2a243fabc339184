// Dataplane: the pool, the ports, the workers and their rings as one object for control. The
// workers run on lcores of their own. In control, one thread takes events and injects packets, one
// at a time publishes and reclaims, and any may read counters; start() and stop() are called while
// none does.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "crypto/engine_choice.h"
#include "dataplane/counters.h"
#include "dataplane/eal.h"
#include "dataplane/events.h"
#include "dataplane/hit_counters.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/publication.h"
#include "dataplane/sa_table.h"
#include "dataplane/topology.h"
#include "dataplane/wakeup.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dataplane {

class Worker;

class Dataplane {
  public:
    // Opens every port and prepares the workers; nothing runs yet. `eal` must outlive the
    // Dataplane. Errors: kDevice, kSystem, kGatewayFile; everything already opened is closed again.
    [[nodiscard]] static config::Result<std::unique_ptr<Dataplane>> open(
        const config::GatewayConfig& config, const Eal& eal);
    // Stops, closes the ports and frees everything.
    ~Dataplane();
    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;

    // Starts ports and workers. Refused before the first snapshot is published: no packet is ever
    // handled without filters.
    [[nodiscard]] config::Result<void> start();
    // Publishes the first snapshot, then starts.
    [[nodiscard]] config::Result<void> start(std::unique_ptr<const Snapshot> first);
    // Workers finish their turn, drain and return; ports stop. Idempotent. Events already in the
    // rings can still be taken afterwards; the destructor drops the rest.
    void stop();

    // --- tables (dataplane/publication.h)
    void publish(std::unique_ptr<const Snapshot> snapshot);
    std::size_t reclaim();
    [[nodiscard]] const Publication& publication() const { return publication_; }
    // SAs take effect at once, without a snapshot (dataplane/sa_table.h).
    [[nodiscard]] SaTable& sas() { return sas_; }
    // What keys must be expanded for.
    [[nodiscard]] const crypto::EngineChoice& engines() const { return engines_; }
    // The unit of the lifetimes of SAs. Any thread.
    [[nodiscard]] static TscClock clock();

    // --- packets to and from control; every mbuf carries a PacketMeta
    [[nodiscard]] rte_mempool* pool() const { return pool_.get(); }
    // Takes up to `events.size()` events, fairly from all workers; returns how many. The caller
    // owns their mbufs.
    [[nodiscard]] std::size_t take_events(std::span<Event> events);
    // Hands a packet to the worker that serves injection.port; packets of one port stay in order.
    // False: the ring is full and the caller keeps the mbuf.
    [[nodiscard]] bool inject(const Injection& injection);
    // To sleep until an event arrives: announce_sleep(); if take_events() still gives nothing, wait
    // for wakeup().fd() to become readable; then wakeup().awake().
    [[nodiscard]] Wakeup& wakeup() { return wakeup_; }

    // --- counters
    // What control itself does with packets it took: drops of events, for example. Written by the
    // control thread only; `Drops(control_counters())` counts a drop there.
    [[nodiscard]] WorkerCounters& control_counters() { return control_counters_; }
    [[nodiscard]] const WorkerCounters& control_counters() const { return control_counters_; }
    [[nodiscard]] std::size_t workers() const { return workers_.size(); }
    [[nodiscard]] const WorkerCounters& worker_counters(std::size_t worker) const;
    [[nodiscard]] std::uint16_t worker_cpu(std::size_t worker) const;
    // Makes hit slots 0 .. count-1 usable; before publishing a table that names them.
    void reserve_hit_slots(std::uint32_t count);
    // Sum over all workers.
    [[nodiscard]] HitCounters::Totals hits(std::uint32_t slot) const;

    // --- ports, index = port number everywhere
    [[nodiscard]] const Topology& topology() const { return topology_; }
    [[nodiscard]] const Port& port(std::size_t index) const { return *ports_[index]; }

  private:
    explicit Dataplane(const Eal& eal);

    [[nodiscard]] config::Result<void> open_ports(const config::GatewayConfig& config);
    [[nodiscard]] config::Result<void> make_workers(const config::GatewayConfig& config);

    const Eal& eal_;
    const crypto::EngineChoice engines_ = crypto::EngineChoice::best();
    PacketPool pool_;
    PacketPool large_pool_;
    std::vector<std::unique_ptr<Port>> ports_;
    Topology topology_;
    Publication publication_;
    SaTable sas_;
    Wakeup wakeup_;
    WorkerCounters control_counters_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::size_t> worker_of_port_;
    std::size_t next_events_from_ = 0;  // where take_events() starts, for fairness
    bool running_ = false;
};

}  // namespace dataplane
