// IpsecStage: what the rules' action negotiate does to packets. Decides between clear and protected
// by rule and SA (RFC 4301 5.1, 5.2), fits packets to the path, and runs the crypto of both
// directions of a burst together. Left out: traffic from one tunnel into another.
#pragma once

#include "crypto/crypto_batch.h"
#include "dataplane/acquire_limiter.h"
#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/egress.h"
#include "dataplane/event_sink.h"
#include "dataplane/filter_table.h"
#include "dataplane/ipsec_inbound.h"
#include "dataplane/ipsec_outbound.h"
#include "dataplane/sa_table.h"
#include "dataplane/sa_tally.h"
#include "dataplane/topology.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace dataplane {

struct IpsecContext {
    const Topology& topology;
    const SaTable& sas;
    WorkerCounters& counters;
    crypto::CryptoBatch& crypto;
    IvSource& ivs;
    EventSink& events;
    Egress& egress;
    rte_mempool* pool;
    std::uint64_t tsc_hz;
};

class IpsecStage {
  public:
    explicit IpsecStage(const IpsecContext& context);

    // A packet for this host of which ipsec_header() says `header`, not kNone: waits for run().
    void add_inbound(rte_mbuf* mbuf, IpsecHeader header) { inbound_.add(mbuf, header); }
    // What the row that matched asks for. True: the packet goes on in clear. Else it was dropped,
    // or waits for run() to be protected; at most kBurst may wait.
    [[nodiscard]] bool apply(const Turn& turn, rte_mbuf* mbuf, const RowAction& row);
    // Drops a packet that no rule allows by the SA it came by.
    void refuse(const Turn& turn, rte_mbuf* mbuf);
    // Takes everything that waits. Protected packets leave, and those of soft SAs; what was inside
    // the packets for this host goes to `inner`.
    void run(const Turn& turn, Burst& inner);
    // Looks at a packet that is about to be delivered, and drops nothing.
    void learn_path_mtu(const Turn& turn, const rte_mbuf* mbuf) const;

  private:
    // To be protected as its row asks for.
    struct Waiting {
        rte_mbuf* mbuf = nullptr;
        const RowAction* row = nullptr;
        bool follows = false;  // for the SA of the one before it
        SaTable::Trail trail;
    };

    [[nodiscard]] bool expect(const Turn& turn, rte_mbuf* mbuf, const RowAction& row);
    void protect(const Turn& turn, rte_mbuf* mbuf, const RowAction& row);
    void protect_waiting(const Turn& turn);
    void acquire(const Turn& turn, rte_mbuf* mbuf, const RowAction& row);
    void send_clear(const Turn& turn, rte_mbuf* mbuf, Sa& sa);
    void count_clear(const Turn& turn);
    void fit_and_queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa, std::uint16_t mtu);
    [[nodiscard]] std::uint16_t path_mtu(const Turn& turn,
                                         const rte_mbuf* mbuf,
                                         const Sa& sa) const;
    void fragment_and_queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa, std::uint16_t mtu);
    void queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa);
    void flush_outbound(const Turn& turn);
    void send_protected(const Turn& turn, Burst& packets);

    IpsecContext context_;
    Drops drops_;
    AcquireLimiter acquires_;
    std::size_t waiting_count_ = 0;
    std::array<Waiting, kBurst> waiting_{};
    SaTally soft_;
    std::array<crypto::CryptoJob, 2 * std::size_t{kBurst}> jobs_{};
    IpsecInbound inbound_;
    IpsecOutbound outbound_;
};

}  // namespace dataplane
