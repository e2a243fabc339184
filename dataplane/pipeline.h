// Pipeline: one packet's journey, top to bottom, one call per stage (pipeline.cpp). Each worker
// owns one. Needs no EAL: mbufs in, mbufs out through TxBuffers and the event ring.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/fragment_table.h"
#include "dataplane/hit_counters.h"
#include "dataplane/icmp_error.h"
#include "dataplane/parse.h"
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

    // Takes ownership of every mbuf and counts it as received or injected; the worker counts what
    // it transmits. `burst` has at most kBurst packets; `now` in TSC ticks.
    void receive(const Snapshot& snapshot,
                 std::uint16_t port,
                 std::span<rte_mbuf* const> burst,
                 std::uint64_t now);
    void inject(const Snapshot& snapshot, std::span<const Injection> burst, std::uint64_t now);
    // Now and then: datagrams whose fragments did not all arrive.
    void expire(std::uint64_t now);
    // At shutdown: frees what is held, counted as kShutdown.
    void drain();

    [[nodiscard]] TxBuffer& tx(std::uint16_t port) { return tx_[port]; }

    // Every packet that came in is transmitted, waiting for transmission, dropped, with control, or
    // held for its fragments.
    [[nodiscard]] bool is_conserved() const;

  private:
    // What one burst shares on its way.
    struct Turn {
        const Snapshot& snapshot;
        std::uint64_t now;
    };

    // A bounded list that stages take packets out of while they keep the others in order.
    template <std::size_t Capacity>
    struct Packets {
        std::array<rte_mbuf*, Capacity> items{};
        std::size_t count = 0;

        void add(rte_mbuf* mbuf) { items[count++] = mbuf; }
        [[nodiscard]] std::span<rte_mbuf*> all() { return {items.data(), count}; }
    };
    using Burst = Packets<kBurst>;

    // The journey and its stages, in order.
    void journey(const Turn& turn, Burst& burst, ParseMode mode, const config::MacAddress& mac);
    void parse_stage(Burst& burst, ParseMode mode, const config::MacAddress& mac);
    void route_stage(const Turn& turn, Burst& burst);
    void fragment_stage(const Turn& turn, const Burst& burst);
    void decide(const Turn& turn, std::span<rte_mbuf* const> packets);
    void exempt_stage(const Turn& turn,
                      std::span<rte_mbuf* const> packets,
                      Burst& exempt,
                      Burst& judged);
    void verdict_stage(const Turn& turn, Burst& judged);
    void deliver(const Turn& turn, rte_mbuf* mbuf);
    void report_errors(const Turn& turn);

    // Where a packet leaves.
    void pass_neighbor(rte_mbuf* mbuf, ParseMode mode);
    void give_to_host(rte_mbuf* mbuf);
    void forward(const Turn& turn, rte_mbuf* mbuf);
    void fragment_and_send(const Turn& turn, rte_mbuf* mbuf, std::uint16_t mtu);
    void send_to_next_hop(const Turn& turn, rte_mbuf* mbuf);
    void transmit(std::uint16_t port, rte_mbuf* mbuf);
    void raise(Event event);

    // Drops with an ICMP error to the sender, if the RFCs and the rate allow one.
    void reject(
        const Turn& turn, rte_mbuf* mbuf, DropReason reason, IcmpError error, std::uint16_t mtu);
    [[nodiscard]] const config::IpAddress* error_source(const rte_mbuf* offender) const;

    PipelineContext context_;
    Drops drops_;
    FragmentTable fragments_;
    IcmpErrorLimiter icmp_limiter_;
    // Every fragment of a burst may complete a datagram.
    Packets<std::size_t{kBurst} * FragmentTable::kMaxFragments> ready_;
    Burst errors_;  // made in this turn, to be sent at its end
    std::array<TxBuffer, kMaxPorts> tx_{};
};

}  // namespace dataplane
