// Egress: every way a packet leaves the pipeline: to a neighbour, to this host's kernel, to the
// other port of a pair, to control. Also the ICMP errors that tell a sender why its packet went
// nowhere.
#pragma once

#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/event_sink.h"
#include "dataplane/icmp_error.h"
#include "dataplane/parse.h"
#include "dataplane/topology.h"

#include <rte_mempool.h>

#include <array>
#include <cstdint>

namespace dataplane {

// Packets waiting for the end of the turn, one array per port. The worker transmits and empties it.
struct TxBuffer {
    static constexpr std::uint16_t kCapacity = 512;
    std::array<rte_mbuf*, kCapacity> packets{};
    std::uint16_t count = 0;
};

class Egress {
  public:
    Egress(const Topology& topology,
           WorkerCounters& counters,
           EventSink& events,
           rte_mempool* pool,
           std::uint64_t tsc_hz);
    ~Egress();
    Egress(const Egress&) = delete;
    Egress& operator=(const Egress&) = delete;

    // By what the route stage decided. TTL, MTU, neighbour.
    void deliver(const Turn& turn, rte_mbuf* mbuf);
    // The same for a packet of ours that is due on the wire: after it was protected.
    void forward(const Turn& turn, rte_mbuf* mbuf);
    // Frames no filter sees.
    void pass_neighbor(rte_mbuf* mbuf, ParseMode mode);
    // Also where a packet comes back that waited at control for its neighbour: TTL and MTU are
    // done.
    void send_to_next_hop(const Turn& turn, rte_mbuf* mbuf);
    void transmit(std::uint16_t port, rte_mbuf* mbuf);

    // Drops with an ICMP error to the sender, if the RFCs and the rate allow one.
    void reject(
        const Turn& turn, rte_mbuf* mbuf, DropReason reason, IcmpError error, std::uint16_t mtu);
    // The errors of this turn, to be treated as packets of this host. Their PacketMeta::sa is that
    // of the packet they quote. Empties the list.
    [[nodiscard]] Burst take_errors();

    [[nodiscard]] TxBuffer& tx(std::uint16_t port) { return tx_[port]; }
    // Packets in all TxBuffers.
    [[nodiscard]] std::uint64_t waiting() const;

  private:
    void give_to_host(rte_mbuf* mbuf);
    void fragment_and_send(const Turn& turn, rte_mbuf* mbuf, std::uint16_t mtu);
    void report_to_sender(const rte_mbuf* offender, IcmpError error, std::uint16_t mtu);
    void report_to_host(const rte_mbuf* offender, IcmpError error, std::uint16_t mtu);
    [[nodiscard]] const config::IpAddress* error_source(const rte_mbuf* offender,
                                                        IcmpError error) const;

    const Topology& topology_;
    WorkerCounters& counters_;
    Drops drops_;
    EventSink& events_;
    rte_mempool* pool_;
    IcmpErrorLimiter icmp_limiter_;
    std::uint32_t fragment_id_;  // of the next IPv6 packet that is cut
    Burst errors_;
    std::array<TxBuffer, kMaxPorts> tx_{};
};

}  // namespace dataplane
