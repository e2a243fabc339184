#include "dataplane/pipeline.h"

#include "dataplane/reassemble.h"
#include "dataplane/routing.h"
#include "dataplane/verdict.h"

#include <algorithm>
#include <cassert>
#include <random>

namespace dataplane {
namespace {

FragmentLimits fragment_limits(const PipelineContext& context) {
    FragmentLimits limits;
    // What waits for fragments must not starve the ports of buffers.
    limits.fragments = std::clamp(
        context.pool->size / 8, FragmentTable::kMaxFragments, FragmentLimits{}.fragments);
    limits.timeout = FragmentTable::kTimeoutSeconds * context.tsc_hz;
    return limits;
}

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

// Adds up the hits of packets that follow one another and have the same winner.
class HitRun {
  public:
    explicit HitRun(HitCounters& hits) : hits_(hits) {}

    void add(std::uint32_t slot, std::uint64_t bytes) {
        if (slot != slot_) {
            flush();
            slot_ = slot;
        }
        ++packets_;
        bytes_ += bytes;
    }
    void flush() {
        if (packets_ != 0) {
            hits_.add(slot_, packets_, bytes_);
        }
        packets_ = 0;
        bytes_ = 0;
    }

  private:
    HitCounters& hits_;
    std::uint32_t slot_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

Pipeline::Pipeline(const PipelineContext& context)
    : context_(context),
      drops_(context.counters),
      events_(context.events, context.counters, context.tsc_hz),
      fragments_(fragment_limits(context), random_seed()),
      egress_(context.topology, context.counters, events_, context.pool, context.tsc_hz),
      ipsec_({.topology = context.topology,
              .sas = context.sas,
              .counters = context.counters,
              .crypto = context.crypto,
              .ivs = context.ivs,
              .events = events_,
              .egress = egress_,
              .pool = context.pool,
              .tsc_hz = context.tsc_hz}) {}

Pipeline::~Pipeline() {
    drain();
}

// --- The journey ---------------------------------------------------------------------------------

void Pipeline::receive(const Snapshot& snapshot,
                       std::uint16_t port,
                       std::span<rte_mbuf* const> burst,
                       std::uint64_t now) {
    const Turn turn{snapshot, now, false};
    const PortInfo& info = context_.topology.ports[port];
    Burst packets;
    std::uint64_t bytes = 0;
    for (rte_mbuf* mbuf : burst) {
        PacketMeta& meta = meta_of(mbuf);
        meta.origin = Origin::kWire;
        meta.in_port = port;
        meta.sa = kNoSa;
        bytes += rte_pktmbuf_pkt_len(mbuf);
        packets.add(mbuf);
    }
    context_.counters.ports[port].rx_packets.add(burst.size());
    context_.counters.ports[port].rx_bytes.add(bytes);
    const ParseMode mode = info.pair == kNoPort ? ParseMode::kRouted : ParseMode::kTransparent;
    journey(turn, packets, {.mode = mode, .mac = info.mac});
    report_errors(turn);
    assert(is_conserved());
}

// Control's packets enter where they belong: frames for the wire at the end, packets whose
// neighbour answered at the neighbour lookup, the kernel's at the beginning.
void Pipeline::inject(const Snapshot& snapshot,
                      std::span<const Injection> burst,
                      std::uint64_t now) {
    const Turn turn{snapshot, now, false};
    Burst from_host;
    Burst released;
    context_.counters.injected.add(burst.size());
    for (const Injection& injection : burst) {
        switch (injection.kind) {
            case InjectionKind::kTransmit:
                egress_.transmit(injection.port, injection.mbuf);
                break;
            case InjectionKind::kForward:
                egress_.send_to_next_hop(turn, injection.mbuf);
                break;
            case InjectionKind::kUnreachable:
                // RFC 1812 5.2.7.1, RFC 4443 3.1 code 3
                egress_.reject(turn,
                               injection.mbuf,
                               DropReason::kNeighborUnresolved,
                               IcmpError::kHostUnreachable,
                               0);
                break;
            case InjectionKind::kHostOutput:
                meta_of(injection.mbuf).origin = Origin::kHost;
                meta_of(injection.mbuf).in_port = injection.port;
                meta_of(injection.mbuf).sa = kNoSa;
                from_host.add(injection.mbuf);
                break;
            case InjectionKind::kReleased:
                released.add(injection.mbuf);
                break;
        }
    }
    release({snapshot, now, true}, released);
    journey(turn, from_host, {.mode = ParseMode::kHost, .mac = {}});
    report_errors(turn);
    assert(is_conserved());
}

// Each as it once came, which its meta data still says. Those that came alike go together.
void Pipeline::release(const Turn& turn, Burst& packets) {
    const std::span<rte_mbuf*> all = packets.all();
    for (std::size_t i = 0; i < all.size();) {
        const PacketMeta first = meta_of(all[i]);
        Burst alike;
        while (i < all.size() && meta_of(all[i]).origin == first.origin
               && meta_of(all[i]).in_port == first.in_port
               && meta_of(all[i]).reassembled == first.reassembled) {
            alike.add(all[i++]);
        }
        const bool wire = first.origin == Origin::kWire;
        journey(turn,
                alike,
                {.mode = wire ? ParseMode::kRouted : ParseMode::kHost,
                 .mac = context_.topology.ports[first.in_port].mac,
                 .reassembled = first.reassembled});
    }
}

// The order of processing, for every packet that meets the filters. What is found inside ESP and AH
// goes through it again, as often as there are layers.
void Pipeline::journey(const Turn& turn, Burst& burst, const Arrival& arrival) {
    Ready& ready = ready_[arrival.layer];
    parse_stage(burst, arrival);         // ARP and neighbour discovery leave here
    route_stage(turn, burst);            // direction and ports are known from here on
    fragment_stage(turn, burst, ready);  // fragments wait here until their datagram is complete
    std::span<rte_mbuf*> rest = ready.all();
    while (!rest.empty()) {
        const std::size_t count = std::min<std::size_t>(rest.size(), kBurst);
        decide(turn, rest.first(count), arrival);
        rest = rest.subspan(count);
    }
    ready.count = 0;
}

// Packets of one burst keep their order within each of: exempt, in clear, of one SA.
void Pipeline::decide(const Turn& turn,
                      std::span<rte_mbuf* const> packets,
                      const Arrival& arrival) {
    Burst exempt;
    Burst judged;
    Burst inner;
    split_stage(turn, packets, arrival.layer, exempt, judged);  // ESP and AH for us are queued
    turn.snapshot.filters->lookup(judged.all());
    verdict_stage(turn, judged);  // blocked packets leave here, those to be protected are queued
    deliver_stage(turn, exempt);
    deliver_stage(turn, judged);
    ipsec_.run(turn, inner);  // both directions at once; protected packets leave here
    if (inner.count != 0) {
        journey(turn,
                inner,
                {.mode = ParseMode::kRouted, .mac = arrival.mac, .layer = arrival.layer + 1});
    }
}

// --- Stages --------------------------------------------------------------------------------------

void Pipeline::parse_stage(Burst& burst, const Arrival& arrival) {
    std::array<ParseResult, kBurst> results;
    parse_burst(burst.all(), arrival.mode, arrival.mac, results);
    const std::size_t count = burst.count;
    burst.count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        rte_mbuf* mbuf = burst.items[i];
        switch (results[i].next) {
            case ParseNext::kIp:
                meta_of(mbuf).reassembled = arrival.reassembled;
                burst.add(mbuf);
                break;
            case ParseNext::kNeighbor:
            case ParseNext::kOther:
                if (arrival.layer == 0) {
                    egress_.pass_neighbor(mbuf, arrival.mode);
                } else {
                    // RFC 4861 6.1, 7.1: neighbour discovery is of one link only, no tunnel is.
                    drops_.add(mbuf, DropReason::kNeighborBad);
                }
                break;
            case ParseNext::kDrop:
                drops_.add(mbuf, results[i].reason);
                break;
        }
    }
}

void Pipeline::route_stage(const Turn& turn, Burst& burst) {
    const std::size_t count = burst.count;
    burst.count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        rte_mbuf* mbuf = burst.items[i];
        const auto problem = route_packet(mbuf, *turn.snapshot.routes, context_.topology);
        if (!problem) {
            burst.add(mbuf);
        } else if (*problem == DropReason::kNoRoute) {
            egress_.reject(turn, mbuf, *problem, IcmpError::kNoRoute, 0);
        } else {
            drops_.add(mbuf, *problem);
        }
    }
}

void Pipeline::fragment_stage(const Turn& turn, const Burst& burst, Ready& ready) {
    for (std::size_t i = 0; i < burst.count; ++i) {
        if (meta_of(burst.items[i]).fragment == FragmentKind::kWhole) {
            ready.add(burst.items[i]);
        } else {
            release_fragments(
                turn, fragments_.add(burst.items[i], turn.now, context_.counters), ready);
        }
    }
}

void Pipeline::release_fragments(const Turn& turn,
                                 std::span<rte_mbuf* const> fragments,
                                 Ready& ready) {
    if (fragments.empty() || !needs_whole_datagram(turn, fragments.front())) {
        for (rte_mbuf* mbuf : fragments) {
            ready.add(mbuf);
        }
        return;
    }
    const Reassembled whole = reassemble(fragments, context_.pool, context_.large_pool);
    if (whole.mbuf == nullptr) {
        for (rte_mbuf* mbuf : fragments) {
            drops_.add(mbuf, whole.reason);
        }
        return;
    }
    context_.counters.merged.add(fragments.size() - 1);
    for (rte_mbuf* mbuf : fragments) {
        rte_pktmbuf_free(mbuf);
    }
    ready.add(whole.mbuf);
}

// RFC 4303 3.4.1, RFC 4302 3.4.1: reassembly comes before inbound processing; RFC 4303 3.3.4:
// transport mode protects whole datagrams only. Tunnel mode takes the fragments as they are.
bool Pipeline::needs_whole_datagram(const Turn& turn, rte_mbuf* first) const {
    const PacketMeta& meta = meta_of(first);
    if (meta.direction == Direction::kInbound) {
        return may_hold_ipsec(meta);
    }
    if (meta.direction != Direction::kOutbound) {
        return false;
    }
    const FilterTable& filters = *turn.snapshot.filters;
    filters.lookup({&first, 1});
    if (meta.row == kNoRow) {
        return false;
    }
    const RowAction& row = filters.row(meta.row);
    return (row.flags & kRowTunnel) == 0
           && requirement_of(row, meta.direction) == Requirement::kProtect;
}

void Pipeline::split_stage(const Turn& turn,
                           std::span<rte_mbuf* const> packets,
                           std::size_t layer,
                           Burst& exempt,
                           Burst& judged) {
    const Exemptions exemptions = turn.snapshot.filters->exemptions();
    for (rte_mbuf* mbuf : packets) {
        const IpsecHeader header = ipsec_header(mbuf);
        if (header == IpsecHeader::kNone) {
            (is_exempt(meta_of(mbuf), exemptions) ? exempt : judged).add(mbuf);
        } else if (layer < kMaxLayers) {
            ipsec_.add_inbound(mbuf, header);
        } else {
            drops_.add(mbuf, DropReason::kIpsecNesting);
        }
    }
    context_.counters.exempted.add(exempt.count);
}

void Pipeline::verdict_stage(const Turn& turn, Burst& judged) {
    const std::size_t count = judged.count;
    judged.count = 0;
    HitRun hits(context_.hits);
    std::uint64_t unmatched = 0;
    for (std::size_t i = 0; i < count; ++i) {
        rte_mbuf* mbuf = judged.items[i];
        const PacketMeta& meta = meta_of(mbuf);
        if (meta.row != kNoRow) {
            const RowAction& row = turn.snapshot.filters->row(meta.row);
            if (!turn.released) {
                hits.add(row.hit_slot, rte_pktmbuf_pkt_len(mbuf));
            }
            if (ipsec_.apply(turn, mbuf, row)) {
                judged.add(mbuf);
            }
        } else if (meta.sa == kNoSa) {
            // What no filter speaks of is permitted, as on Windows.
            ++unmatched;
            judged.add(mbuf);
        } else {
            // RFC 4301 5.2 step 4: no rule allows it by this SA.
            ipsec_.refuse(turn, mbuf);
        }
    }
    hits.flush();
    context_.counters.permitted.add(judged.count);
    context_.counters.unmatched.add(unmatched);
}

void Pipeline::deliver_stage(const Turn& turn, Burst& packets) {
    for (rte_mbuf* mbuf : packets.all()) {
        ipsec_.learn_path_mtu(turn, mbuf);
        egress_.deliver(turn, mbuf);
    }
}

// --- Housekeeping --------------------------------------------------------------------------------

// An error message is a packet of this host like any other: it is routed and must pass the filters.
// It causes no further errors (may_report).
void Pipeline::report_errors(const Turn& turn) {
    Burst errors = egress_.take_errors();
    context_.counters.generated.add(errors.count);
    context_.counters.injected.add(errors.count);
    journey(turn, errors, {.mode = ParseMode::kHost, .mac = {}});
}

void Pipeline::expire(std::uint64_t now) {
    fragments_.expire(now, context_.counters);
    assert(is_conserved());
}

void Pipeline::drain() {
    fragments_.drain(DropReason::kShutdown, context_.counters);
}

bool Pipeline::is_conserved() const {
    const WorkerCounters& counters = context_.counters;
    std::uint64_t in = counters.injected.read();
    std::uint64_t out = counters.to_control.read() + counters.merged.read() + fragments_.fragments()
                        + egress_.waiting();
    for (const PortCounters& port : counters.ports) {
        in += port.rx_packets.read();
        out += port.tx_packets.read();
    }
    for (const Counter& drops : counters.drops) {
        out += drops.read();
    }
    return in == out && counters.held.read() - counters.released.read() == fragments_.fragments();
}

}  // namespace dataplane
