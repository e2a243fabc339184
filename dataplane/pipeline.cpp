#include "dataplane/pipeline.h"

#include "dataplane/forward.h"
#include "dataplane/fragment_out.h"
#include "dataplane/routing.h"
#include "dataplane/verdict.h"

#include <rte_ring_elem.h>

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
      fragments_(fragment_limits(context), random_seed()),
      icmp_limiter_(context.tsc_hz) {}

Pipeline::~Pipeline() {
    drain();
    for (TxBuffer& buffer : tx_) {
        std::for_each_n(buffer.packets.begin(), buffer.count, rte_pktmbuf_free);
    }
}

// --- The journey ---------------------------------------------------------------------------------

void Pipeline::receive(const Snapshot& snapshot,
                       std::uint16_t port,
                       std::span<rte_mbuf* const> burst,
                       std::uint64_t now) {
    const Turn turn{snapshot, now};
    const PortInfo& info = context_.topology.ports[port];
    Burst packets;
    std::uint64_t bytes = 0;
    for (rte_mbuf* mbuf : burst) {
        PacketMeta& meta = meta_of(mbuf);
        meta.origin = Origin::kWire;
        meta.in_port = port;
        bytes += rte_pktmbuf_pkt_len(mbuf);
        packets.add(mbuf);
    }
    context_.counters.ports[port].rx_packets.add(burst.size());
    context_.counters.ports[port].rx_bytes.add(bytes);
    journey(turn,
            packets,
            info.pair == kNoPort ? ParseMode::kRouted : ParseMode::kTransparent,
            info.mac);
    report_errors(turn);
    assert(is_conserved());
}

// Control's packets enter where they belong: frames for the wire at the end, packets whose
// neighbour answered at the neighbour lookup, the kernel's at the beginning.
void Pipeline::inject(const Snapshot& snapshot,
                      std::span<const Injection> burst,
                      std::uint64_t now) {
    const Turn turn{snapshot, now};
    Burst from_host;
    context_.counters.injected.add(burst.size());
    for (const Injection& injection : burst) {
        switch (injection.kind) {
            case InjectionKind::kTransmit:
                transmit(injection.port, injection.mbuf);
                break;
            case InjectionKind::kForward:
                send_to_next_hop(turn, injection.mbuf);
                break;
            case InjectionKind::kUnreachable:
                // RFC 1812 5.2.7.1, RFC 4443 3.1 code 3
                reject(turn,
                       injection.mbuf,
                       DropReason::kNeighborUnresolved,
                       IcmpError::kHostUnreachable,
                       0);
                break;
            case InjectionKind::kHostOutput:
                meta_of(injection.mbuf).origin = Origin::kHost;
                meta_of(injection.mbuf).in_port = injection.port;
                from_host.add(injection.mbuf);
                break;
        }
    }
    journey(turn, from_host, ParseMode::kHost, {});
    report_errors(turn);
    assert(is_conserved());
}

// The order of processing, for every packet that meets the filters.
void Pipeline::journey(const Turn& turn,
                       Burst& burst,
                       ParseMode mode,
                       const config::MacAddress& mac) {
    parse_stage(burst, mode, mac);  // ARP and neighbour discovery leave here
    route_stage(turn, burst);       // direction and ports are known from here on
    fragment_stage(turn, burst);    // fragments wait here until their datagram is complete
    std::span<rte_mbuf*> ready = ready_.all();
    while (!ready.empty()) {
        const std::size_t count = std::min<std::size_t>(ready.size(), kBurst);
        decide(turn, ready.first(count));
        ready = ready.subspan(count);
    }
    ready_.count = 0;
}

// Packets of one burst keep their order, except that exempt ones go before the others.
void Pipeline::decide(const Turn& turn, std::span<rte_mbuf* const> packets) {
    Burst exempt;
    Burst judged;
    exempt_stage(turn, packets, exempt, judged);
    turn.snapshot.filters->lookup(judged.all());
    verdict_stage(turn, judged);  // blocked packets leave here
    for (rte_mbuf* mbuf : exempt.all()) {
        deliver(turn, mbuf);
    }
    for (rte_mbuf* mbuf : judged.all()) {
        deliver(turn, mbuf);
    }
}

void Pipeline::deliver(const Turn& turn, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    switch (meta.delivery) {
        case Delivery::kHost:
            give_to_host(mbuf);
            break;
        case Delivery::kTransparent:
            transmit(meta.out_port, mbuf);
            break;
        case Delivery::kForward:
        case Delivery::kGroup:
            forward(turn, mbuf);
            break;
    }
}

// --- Stages --------------------------------------------------------------------------------------

void Pipeline::parse_stage(Burst& burst, ParseMode mode, const config::MacAddress& mac) {
    std::array<ParseResult, kBurst> results;
    parse_burst(burst.all(), mode, mac, results);
    const std::size_t count = burst.count;
    burst.count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        rte_mbuf* mbuf = burst.items[i];
        switch (results[i].next) {
            case ParseNext::kIp:
                burst.add(mbuf);
                break;
            case ParseNext::kNeighbor:
            case ParseNext::kOther:
                pass_neighbor(mbuf, mode);
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
            reject(turn, mbuf, *problem, IcmpError::kNoRoute, 0);
        } else {
            drops_.add(mbuf, *problem);
        }
    }
}

void Pipeline::fragment_stage(const Turn& turn, const Burst& burst) {
    for (std::size_t i = 0; i < burst.count; ++i) {
        if (meta_of(burst.items[i]).fragment == FragmentKind::kWhole) {
            ready_.add(burst.items[i]);
            continue;
        }
        for (rte_mbuf* mbuf : fragments_.add(burst.items[i], turn.now, context_.counters)) {
            ready_.add(mbuf);
        }
    }
}

void Pipeline::exempt_stage(const Turn& turn,
                            std::span<rte_mbuf* const> packets,
                            Burst& exempt,
                            Burst& judged) {
    const Exemptions exemptions = turn.snapshot.filters->exemptions();
    for (rte_mbuf* mbuf : packets) {
        (is_exempt(meta_of(mbuf), exemptions) ? exempt : judged).add(mbuf);
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
        if (meta.row == kNoRow) {
            // What no filter speaks of is permitted, as on Windows.
            ++unmatched;
            judged.add(mbuf);
            continue;
        }
        const RowAction& row = turn.snapshot.filters->row(meta.row);
        hits.add(row.hit_slot, rte_pktmbuf_pkt_len(mbuf));
        switch (action_for(row, meta.direction)) {
            case config::Action::kPermit:
                judged.add(mbuf);
                break;
            case config::Action::kBlock:
                drops_.add(mbuf, DropReason::kFilterBlock);
                break;
            case config::Action::kNegotiate:
                drops_.add(mbuf, DropReason::kNegotiateNoSa);
                break;
        }
    }
    hits.flush();
    context_.counters.permitted.add(judged.count);
    context_.counters.unmatched.add(unmatched);
}

// --- Ways out ------------------------------------------------------------------------------------

// Frames no filter sees: those of a pair go to its other port, the kernel's to the wire, what we
// receive to control, which also gives the kernel its copy.
void Pipeline::pass_neighbor(rte_mbuf* mbuf, ParseMode mode) {
    const std::uint16_t port = meta_of(mbuf).in_port;
    switch (mode) {
        case ParseMode::kRouted:
            raise({.kind = EventKind::kNeighbor, .port = port, .mbuf = mbuf});
            break;
        case ParseMode::kTransparent:
            transmit(context_.topology.ports[port].pair, mbuf);
            break;
        case ParseMode::kHost:
            transmit(port, mbuf);
            break;
    }
}

void Pipeline::give_to_host(rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const PortInfo& port = context_.topology.ports[meta.out_port];
    if (!port.host_path) {
        drops_.add(mbuf, meta.to_group ? DropReason::kBlackhole : DropReason::kNoHostPath);
        return;
    }
    if (meta.out_port != meta.in_port) {
        // The TAP takes frames for its own port's address only.
        write_ethernet(mbuf, context_.topology.ports[meta.in_port].mac, port.mac);
    }
    raise({.kind = EventKind::kHostPacket, .port = meta.out_port, .mbuf = mbuf});
}

void Pipeline::forward(const Turn& turn, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    // RFC 1812 5.3.1: the TTL of what this host sends itself is not ours to change.
    if (meta.origin == Origin::kWire && !decrement_ttl(mbuf, meta)) {
        reject(turn, mbuf, DropReason::kTtlExpired, IcmpError::kTimeExceeded, 0);
        return;
    }
    const std::uint16_t mtu = context_.topology.ports[meta.out_port].mtu;
    if (meta.l3_length <= mtu) {
        send_to_next_hop(turn, mbuf);
    } else if (has_dont_fragment(mbuf, meta)) {
        reject(turn, mbuf, DropReason::kMtuExceeded, IcmpError::kTooBig, mtu);
    } else {
        fragment_and_send(turn, mbuf, mtu);
    }
}

// The packet becomes its fragments: one of them takes its place in the count of packets, the others
// are new.
void Pipeline::fragment_and_send(const Turn& turn, rte_mbuf* mbuf, std::uint16_t mtu) {
    const FragmentsOut fragments = fragment_ipv4(mbuf, mtu, context_.pool);
    if (fragments.count == 0) {
        drops_.add(mbuf, DropReason::kNoBuffer);
        return;
    }
    context_.counters.generated.add(fragments.count - 1);
    context_.counters.injected.add(fragments.count - 1);
    rte_pktmbuf_free(mbuf);
    for (std::size_t i = 0; i < fragments.count; ++i) {
        send_to_next_hop(turn, fragments.packets[i]);
    }
}

// Also where a packet comes back that waited at control for its neighbour: TTL and MTU are done.
void Pipeline::send_to_next_hop(const Turn& turn, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const config::MacAddress& own = context_.topology.ports[meta.out_port].mac;
    if (meta.delivery == Delivery::kGroup) {
        write_ethernet(mbuf, own, group_mac(meta.family, destination_address(mbuf, meta)));
        transmit(meta.out_port, mbuf);
        return;
    }
    const config::MacAddress* neighbor =
        turn.snapshot.neighbors->find(meta.out_port, meta.family, meta.next_hop.data());
    if (neighbor == nullptr) {
        raise({.kind = EventKind::kUnresolved,
               .port = meta.out_port,
               .mbuf = mbuf,
               .address = config::IpAddress::from_bytes(meta.family, meta.next_hop.data())});
        return;
    }
    write_ethernet(mbuf, own, *neighbor);
    transmit(meta.out_port, mbuf);
}

void Pipeline::transmit(std::uint16_t port, rte_mbuf* mbuf) {
    TxBuffer& buffer = tx_[port];
    if (buffer.count == TxBuffer::kCapacity) {
        drops_.add(mbuf, DropReason::kTxFull);
        return;
    }
    buffer.packets[buffer.count++] = mbuf;
}

void Pipeline::raise(Event event) {
    if (rte_ring_enqueue_elem(context_.events, &event, sizeof(event)) != 0) {
        drops_.add(event.mbuf, DropReason::kEventRingFull);
        return;
    }
    context_.counters.to_control.add(1);
}

// --- Errors to the sender ------------------------------------------------------------------------

void Pipeline::reject(
    const Turn& turn, rte_mbuf* mbuf, DropReason reason, IcmpError error, std::uint16_t mtu) {
    const PacketMeta& meta = meta_of(mbuf);
    const config::IpAddress* source = error_source(mbuf);
    if (meta.origin == Origin::kWire && source != nullptr && errors_.count < kBurst
        && may_report(mbuf) && icmp_limiter_.allow(turn.now)) {
        rte_mbuf* message = make_icmp_error(mbuf, error, *source, mtu, context_.pool);
        if (message != nullptr) {
            meta_of(message).origin = Origin::kHost;
            meta_of(message).in_port = meta.in_port;
            errors_.add(message);
        }
    }
    drops_.add(mbuf, reason);
}

// RFC 1812 4.3.2.4: an address of the port the offender came in on; to a link-local sender a
// link-local one, if there is one.
const config::IpAddress* Pipeline::error_source(const rte_mbuf* offender) const {
    const PacketMeta& meta = meta_of(offender);
    const std::uint8_t* sender = source_address(offender, meta);
    const bool link_local = config::IpAddress::from_bytes(meta.family, sender).is_link_local();
    const config::IpAddress* found = nullptr;
    for (const config::IpPrefix& prefix : context_.topology.ports[meta.in_port].addresses) {
        if (prefix.address.family != meta.family) {
            continue;
        }
        if (prefix.address.is_link_local() == link_local) {
            return &prefix.address;
        }
        found = &prefix.address;
    }
    return found;
}

// An error message is a packet of this host like any other: it is routed and must pass the filters.
// It causes no further errors (may_report).
void Pipeline::report_errors(const Turn& turn) {
    Burst errors = errors_;
    errors_.count = 0;
    context_.counters.generated.add(errors.count);
    context_.counters.injected.add(errors.count);
    journey(turn, errors, ParseMode::kHost, {});
}

// --- Housekeeping --------------------------------------------------------------------------------

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
    std::uint64_t out = counters.to_control.read() + fragments_.fragments();
    for (const PortCounters& port : counters.ports) {
        in += port.rx_packets.read();
        out += port.tx_packets.read();
    }
    for (const TxBuffer& buffer : tx_) {
        out += buffer.count;
    }
    for (const Counter& drops : counters.drops) {
        out += drops.read();
    }
    return in == out && counters.held.read() - counters.released.read() == fragments_.fragments();
}

}  // namespace dataplane
