#include "dataplane/egress.h"

#include "dataplane/forward.h"
#include "dataplane/fragment_out.h"
#include "dataplane/wire.h"

#include <algorithm>
#include <random>

namespace dataplane {

Egress::Egress(const Topology& topology,
               WorkerCounters& counters,
               EventSink& events,
               rte_mempool* pool,
               std::uint64_t tsc_hz)
    : topology_(topology),
      counters_(counters),
      drops_(counters),
      events_(events),
      pool_(pool),
      icmp_limiter_(tsc_hz),
      fragment_id_(std::random_device()()) {}

Egress::~Egress() {
    for (TxBuffer& buffer : tx_) {
        std::for_each_n(buffer.packets.begin(), buffer.count, rte_pktmbuf_free);
    }
}

void Egress::deliver(const Turn& turn, rte_mbuf* mbuf) {
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
            // RFC 1812 5.3.1: the TTL of what this host sends itself is not ours to change.
            if (meta.origin == Origin::kWire && !decrement_ttl(mbuf, meta)) {
                reject(turn, mbuf, DropReason::kTtlExpired, IcmpError::kTimeExceeded, 0);
            } else {
                forward(turn, mbuf);
            }
            break;
    }
}

// Those of a pair go to its other port, the kernel's to the wire, what we receive to control, which
// also gives the kernel its copy.
void Egress::pass_neighbor(rte_mbuf* mbuf, ParseMode mode) {
    const std::uint16_t port = meta_of(mbuf).in_port;
    switch (mode) {
        case ParseMode::kRouted:
            events_.raise({.kind = EventKind::kNeighbor, .port = port, .mbuf = mbuf});
            break;
        case ParseMode::kTransparent:
            transmit(topology_.ports[port].pair, mbuf);
            break;
        case ParseMode::kHost:
            transmit(port, mbuf);
            break;
    }
}

void Egress::give_to_host(rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const PortInfo& port = topology_.ports[meta.out_port];
    if (!port.host_path) {
        drops_.add(mbuf, meta.to_group ? DropReason::kBlackhole : DropReason::kNoHostPath);
        return;
    }
    if (meta.out_port != meta.in_port) {
        // The TAP takes frames for its own port's address only.
        write_ethernet(mbuf, topology_.ports[meta.in_port].mac, port.mac);
    }
    events_.raise({.kind = EventKind::kHostPacket, .port = meta.out_port, .mbuf = mbuf});
}

void Egress::forward(const Turn& turn, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const std::uint16_t mtu = topology_.ports[meta.out_port].mtu;
    if (meta.l3_length <= mtu) {
        send_to_next_hop(turn, mbuf);
    } else if (may_fragment(mbuf, meta)) {
        // RFC 8200 5: pieces of 1,280 bytes fit every path, whatever is known of this one.
        fragment_and_send(turn, mbuf, meta.family == config::Family::kIpv4 ? mtu : kIpv6MinMtu);
    } else {
        reject(turn, mbuf, DropReason::kMtuExceeded, IcmpError::kTooBig, mtu);
    }
}

// The packet becomes its fragments: one of them takes its place in the count of packets, the others
// are new.
void Egress::fragment_and_send(const Turn& turn, rte_mbuf* mbuf, std::uint16_t mtu) {
    const FragmentsOut fragments = meta_of(mbuf).family == config::Family::kIpv4
                                       ? fragment_ipv4(mbuf, mtu, pool_)
                                       : fragment_ipv6(mbuf, mtu, ++fragment_id_, pool_);
    if (fragments.count == 0) {
        drops_.add(mbuf, DropReason::kNoBuffer);
        return;
    }
    counters_.generated.add(fragments.count - 1);
    counters_.injected.add(fragments.count - 1);
    rte_pktmbuf_free(mbuf);
    for (std::size_t i = 0; i < fragments.count; ++i) {
        send_to_next_hop(turn, fragments.packets[i]);
    }
}

void Egress::send_to_next_hop(const Turn& turn, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const config::MacAddress& own = topology_.ports[meta.out_port].mac;
    if (meta.delivery == Delivery::kGroup) {
        write_ethernet(mbuf, own, group_mac(meta.family, destination_address(mbuf, meta)));
        transmit(meta.out_port, mbuf);
        return;
    }
    const config::MacAddress* neighbor =
        turn.snapshot.neighbors->find(meta.out_port, meta.family, meta.next_hop.data());
    if (neighbor == nullptr) {
        events_.raise(
            {.kind = EventKind::kUnresolved,
             .port = meta.out_port,
             .mbuf = mbuf,
             .address = config::IpAddress::from_bytes(meta.family, meta.next_hop.data())});
        return;
    }
    write_ethernet(mbuf, own, *neighbor);
    transmit(meta.out_port, mbuf);
}

void Egress::transmit(std::uint16_t port, rte_mbuf* mbuf) {
    TxBuffer& buffer = tx_[port];
    if (buffer.count == TxBuffer::kCapacity) {
        drops_.add(mbuf, DropReason::kTxFull);
        return;
    }
    buffer.packets[buffer.count++] = mbuf;
}

std::uint64_t Egress::waiting() const {
    std::uint64_t sum = 0;
    for (const TxBuffer& buffer : tx_) {
        sum += buffer.count;
    }
    return sum;
}

// --- Errors to the sender ------------------------------------------------------------------------

void Egress::reject(
    const Turn& turn, rte_mbuf* mbuf, DropReason reason, IcmpError error, std::uint16_t mtu) {
    const Origin origin = meta_of(mbuf).origin;
    if (origin != Origin::kGateway && errors_.count < kBurst && may_report(mbuf)
        && icmp_limiter_.allow(turn.now)) {
        if (origin == Origin::kWire) {
            report_to_sender(mbuf, error, mtu);
        } else if (error == IcmpError::kTooBig) {
            // Nothing else our own kernel sends is refused with an error: it asked the neighbours
            // itself, and its TTL is not decremented.
            report_to_host(mbuf, error, mtu);
        }
    }
    drops_.add(mbuf, reason);
}

void Egress::report_to_sender(const rte_mbuf* offender, IcmpError error, std::uint16_t mtu) {
    const config::IpAddress* source = error_source(offender, error);
    rte_mbuf* message =
        source == nullptr ? nullptr : make_icmp_error(offender, error, *source, mtu, pool_);
    if (message != nullptr) {
        PacketMeta& meta = meta_of(message);
        meta.origin = Origin::kHost;
        meta.in_port = meta_of(offender).in_port;
        meta.sa = meta_of(offender).sa;  // what it quotes is to be protected (IpsecStage::apply)
        errors_.add(message);
    }
}

void Egress::report_to_host(const rte_mbuf* offender, IcmpError error, std::uint16_t mtu) {
    const std::uint16_t port = meta_of(offender).in_port;
    rte_mbuf* message =
        make_icmp_error_for_host(offender, error, topology_.ports[port].mac, mtu, pool_);
    if (message != nullptr) {
        counters_.generated.add(1);
        counters_.injected.add(1);
        events_.raise({.kind = EventKind::kHostPacket, .port = port, .mbuf = message});
    }
}

// RFC 1812 4.3.2.4: an address of the port the offender came in on; to a link-local sender a
// link-local one, if there is one. Where the offender came through a tunnel, that port is outside
// and what it was going to is inside, where the tunnel's rules speak of our address too.
const config::IpAddress* Egress::error_source(const rte_mbuf* offender, IcmpError error) const {
    const PacketMeta& meta = meta_of(offender);
    const bool tunnelled = meta.sa != kNoSa && error != IcmpError::kNoRoute;
    const PortInfo& port = topology_.ports[tunnelled ? meta.out_port : meta.in_port];
    const std::uint8_t* sender = source_address(offender, meta);
    const bool link_local = config::IpAddress::from_bytes(meta.family, sender).is_link_local();
    const config::IpAddress* found = nullptr;
    for (const config::IpPrefix& prefix : port.addresses) {
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

Burst Egress::take_errors() {
    const Burst errors = errors_;
    errors_.count = 0;
    return errors;
}

}  // namespace dataplane
