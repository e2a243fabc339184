// Pipeline: one packet's journey, top to bottom, one call per stage (pipeline.cpp). Each worker
// owns one. Needs no EAL: mbufs in, mbufs out through TxBuffers and the event ring.
#pragma once

#include "crypto/crypto_batch.h"
#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/egress.h"
#include "dataplane/event_sink.h"
#include "dataplane/events.h"
#include "dataplane/fragment_table.h"
#include "dataplane/hit_counters.h"
#include "dataplane/ipsec_stage.h"
#include "dataplane/parse.h"
#include "dataplane/sa_table.h"
#include "dataplane/snapshot.h"
#include "dataplane/topology.h"

#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace dataplane {

struct PipelineContext {
    const Topology& topology;
    WorkerCounters& counters;
    HitCounters& hits;
    const SaTable& sas;
    crypto::CryptoBatch& crypto;  // this pipeline's own
    IvSource& ivs;                // this pipeline's own
    rte_ring* events;             // elements of type Event, single producer
    rte_mempool* pool;            // for packets the worker makes itself
    rte_mempool* large_pool;      // for datagrams it puts together (dataplane/packet_pool.h)
    std::uint64_t tsc_hz;         // unit of every `now`
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

    [[nodiscard]] TxBuffer& tx(std::uint16_t port) { return egress_.tx(port); }

    // Every packet that came in is transmitted, waiting for transmission, dropped, with control, or
    // held for its fragments.
    [[nodiscard]] bool is_conserved() const;

  private:
    // Layers of ESP and AH in each other that are undone; a bundle has two.
    static constexpr std::size_t kMaxLayers = 4;
    // Every fragment of a burst may complete a datagram.
    using Ready = PacketList<std::size_t{kBurst} * FragmentTable::kMaxFragments>;

    // How a burst came to be where it is.
    struct Arrival {
        ParseMode mode = ParseMode::kRouted;
        config::MacAddress mac;    // of the port; kRouted only
        std::size_t layer = 0;     // 0: as received; each ESP or AH that was undone adds one
        bool reassembled = false;  // before it was parsed again
    };

    void release(const Turn& turn, Burst& packets);
    // The journey and its stages, in order.
    void journey(const Turn& turn, Burst& burst, const Arrival& arrival);
    void parse_stage(Burst& burst, const Arrival& arrival);
    void route_stage(const Turn& turn, Burst& burst);
    void fragment_stage(const Turn& turn, const Burst& burst, Ready& ready);
    void decide(const Turn& turn, std::span<rte_mbuf* const> packets, const Arrival& arrival);
    void split_stage(const Turn& turn,
                     std::span<rte_mbuf* const> packets,
                     std::size_t layer,
                     Burst& exempt,
                     Burst& judged);
    void verdict_stage(const Turn& turn, Burst& judged);
    void deliver_stage(const Turn& turn, Burst& packets);
    void report_errors(const Turn& turn);

    // What becomes of a datagram whose fragments are all there.
    void release_fragments(const Turn& turn, std::span<rte_mbuf* const> fragments, Ready& ready);
    [[nodiscard]] bool needs_whole_datagram(const Turn& turn, rte_mbuf* first) const;

    PipelineContext context_;
    Drops drops_;
    EventSink events_;
    FragmentTable fragments_;
    Egress egress_;
    IpsecStage ipsec_;
    std::array<Ready, kMaxLayers + 1> ready_;
};

}  // namespace dataplane
