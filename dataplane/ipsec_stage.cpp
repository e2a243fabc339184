#include "dataplane/ipsec_stage.h"

#include "dataplane/forward.h"
#include "dataplane/fragment_out.h"
#include "dataplane/ipsec_events.h"
#include "dataplane/path_mtu.h"
#include "dataplane/route_run.h"
#include "dataplane/verdict.h"
#include "dataplane/wire.h"

#include <algorithm>

namespace dataplane {
namespace {

// An ICMP error of this host quotes a packet that an SA protected on its way here: it leaves
// protected as well or not at all.
bool is_error_about_sa(const PacketMeta& meta) {
    return meta.origin == Origin::kHost && meta.sa != kNoSa;
}

// At most `limit`.
std::uint16_t known_path_mtu(const Sa& sa, std::uint64_t now, std::uint16_t limit) {
    const std::uint16_t path = sa.path_mtu.load(std::memory_order_relaxed);
    const bool known = path != 0 && now < sa.path_mtu_until.load(std::memory_order_relaxed);
    return known ? std::min(limit, path) : limit;
}

// An address of the port that packets to `peer` leave by; unspecified if there is none.
config::IpAddress address_towards(const ForwardTable& routes,
                                  const Topology& topology,
                                  const config::IpAddress& peer) {
    const Route& route = routes.lookup(peer.family, peer.bytes.data());
    if (route.kind == RouteKind::kForward) {
        for (const config::IpPrefix& own : topology.ports[route.port].addresses) {
            if (own.address.family == peer.family
                && own.address.is_link_local() == peer.is_link_local()) {
                return own.address;
            }
        }
    }
    return {.family = peer.family};
}

}  // namespace

IpsecStage::IpsecStage(const IpsecContext& context)
    : context_(context),
      drops_(context.counters),
      acquires_(context.tsc_hz),
      inbound_(context.sas, context.counters, context.events),
      outbound_(context.ivs, context.counters, context.events) {}

// --- The crypto run ------------------------------------------------------------------------------

// What the burst brought in either direction runs together, which fills the lanes of the engines.
void IpsecStage::run(const Turn& turn, Burst& inner) {
    protect_waiting(turn);
    const std::span jobs(jobs_);
    const std::size_t in = inbound_.prepare(turn.now, jobs);
    const std::size_t out = outbound_.prepare(turn.now, jobs.subspan(in));
    if (in + out == 0) {
        return;
    }
    Burst done;
    context_.crypto.run(jobs.first(in + out));
    outbound_.finish(turn.now, jobs.subspan(in, out), done);
    inbound_.finish(turn.now, jobs.first(in), inner);
    send_protected(turn, done);
    flush_outbound(turn);  // AH around the ESP of bundles
}

void IpsecStage::flush_outbound(const Turn& turn) {
    while (outbound_.queued() != 0) {
        Burst done;
        const std::span jobs = std::span(jobs_).first(outbound_.prepare(turn.now, jobs_));
        context_.crypto.run(jobs);
        outbound_.finish(turn.now, jobs, done);
        send_protected(turn, done);
    }
}

// A protected packet is one of this host: it goes where the SA's other end is, and no filter sees
// it again.
void IpsecStage::send_protected(const Turn& turn, Burst& packets) {
    RouteRun run(*turn.snapshot.routes, context_.topology);
    for (rte_mbuf* mbuf : packets.all()) {
        meta_of(mbuf).origin = Origin::kGateway;
        if (const auto problem = run.route(mbuf)) {
            drops_.add(mbuf, *problem);
        } else {
            context_.egress.forward(turn, mbuf);
        }
    }
}

// --- What a rule asks for ------------------------------------------------------------------------

bool IpsecStage::apply(const Turn& turn, rte_mbuf* mbuf, const RowAction& row) {
    const PacketMeta& meta = meta_of(mbuf);
    const Requirement requirement = requirement_of(row, meta.direction);
    if (is_error_about_sa(meta) && requirement != Requirement::kProtect) {
        refuse(turn, mbuf);
        return false;
    }
    switch (requirement) {
        case Requirement::kPermit:
            if (meta.sa != kNoSa) {
                refuse(turn, mbuf);
                return false;
            }
            return true;
        case Requirement::kBlock:
            drops_.add(mbuf, DropReason::kFilterBlock);
            return false;
        case Requirement::kNoPeer:
            drops_.add(mbuf, DropReason::kNegotiateNoPeer);
            return false;
        case Requirement::kTransitTransport:
            drops_.add(mbuf, DropReason::kNegotiateTransit);
            return false;
        case Requirement::kProtect:
            protect(turn, mbuf, row);
            return false;
        case Requirement::kExpect:
            return expect(turn, mbuf, row);
    }
    drops_.add(mbuf, DropReason::kFilterBlock);
    return false;
}

// RFC 4301 5.2 step 4.
bool IpsecStage::expect(const Turn& turn, rte_mbuf* mbuf, const RowAction& row) {
    const PacketMeta& meta = meta_of(mbuf);
    if (meta.sa == kNoSa) {
        if (accepts_clear(row)) {
            context_.counters.accepted_clear.add(1);
            return true;
        }
        drops_.add(mbuf, DropReason::kClearText);
        return false;
    }
    const Sa* const sa = context_.sas.find(meta.sa);
    if (sa == nullptr) {
        // Removed while the packet waited for its fragments.
        drops_.add(mbuf, DropReason::kSaExpired);
        return false;
    }
    if (!allows(*turn.snapshot.filters, row, *sa, mbuf)) {
        refuse(turn, mbuf);
        return false;
    }
    return true;
}

void IpsecStage::refuse(const Turn& turn, rte_mbuf* mbuf) {
    Sa* const sa = context_.sas.find(meta_of(mbuf).sa);
    if (sa != nullptr) {
        sa->policy_mismatch.fetch_add(1, std::memory_order_relaxed);
        audit_drop(context_.events,
                   {.mbuf = mbuf, .sa = sa, .spi = sa->spi, .sequence = 0},
                   DropReason::kSaPolicyMismatch,
                   turn.now);
    }
    drops_.add(mbuf, DropReason::kSaPolicyMismatch);
}

void IpsecStage::protect(const Turn& turn, rte_mbuf* mbuf, const RowAction& row) {
    const PacketMeta& meta = meta_of(mbuf);
    if (meta.sa != kNoSa && !is_error_about_sa(meta)) {
        // From one tunnel into another: the rule that let it in would have to be another one than
        // the rule that sends it on, and a packet has one.
        refuse(turn, mbuf);
        return;
    }
    if (meta.delivery == Delivery::kTransparent) {
        drops_.add(mbuf, DropReason::kNegotiateTransit);
        return;
    }
    Waiting& waiting = waiting_[waiting_count_];
    waiting.mbuf = mbuf;
    waiting.row = &row;
    // All packets of a tunnel rule have one SA. In transport mode the destination counts too.
    waiting.follows = waiting_count_ != 0 && waiting_[waiting_count_ - 1].row == &row
                      && (row.flags & kRowTunnel) != 0;
    if (!waiting.follows) {
        waiting.trail = context_.sas.begin(peer_of(*turn.snapshot.filters, row, mbuf));
    }
    ++waiting_count_;
}

// In loops of their own, so that the cache misses of the SAs overlap.
void IpsecStage::protect_waiting(const Turn& turn) {
    const std::span waiting(waiting_.data(), waiting_count_);
    waiting_count_ = 0;
    for (int step = 0; step < 2; ++step) {
        for (Waiting& each : waiting) {
            if (!each.follows) {
                SaTable::advance(each.trail);
            }
        }
    }
    soft_.clear();
    Sa* sa = nullptr;
    std::uint16_t mtu = 0;
    for (const Waiting& each : waiting) {
        const PacketMeta& meta = meta_of(each.mbuf);
        if (!each.follows) {
            sa = SaTable::find(peer_of(*turn.snapshot.filters, *each.row, each.mbuf), each.trail);
            mtu = sa != nullptr ? path_mtu(turn, each.mbuf, *sa) : std::uint16_t{0};
        }
        if (sa == nullptr) {
            acquire(turn, each.mbuf, *each.row);
        } else if (sa->soft) {
            send_clear(turn, each.mbuf, *sa);
        } else if (meta.origin == Origin::kWire && !decrement_ttl(each.mbuf, meta)) {
            context_.egress.reject(
                turn, each.mbuf, DropReason::kTtlExpired, IcmpError::kTimeExceeded, 0);
        } else {
            fit_and_queue(turn, each.mbuf, *sa, mtu);
        }
    }
    count_clear(turn);
}

// As if the rule permitted it; what an SA protected on its way here is never meant by that.
void IpsecStage::send_clear(const Turn& turn, rte_mbuf* mbuf, Sa& sa) {
    const PacketMeta& meta = meta_of(mbuf);
    if (is_error_about_sa(meta)) {
        refuse(turn, mbuf);
        return;
    }
    if (is_expired(sa, turn.now)) {
        sa.expired.fetch_add(1, std::memory_order_relaxed);
        raise_expiry(context_.events, sa, turn.now);
        drops_.add(mbuf, DropReason::kSaExpired);
        return;
    }
    static_cast<void>(soft_.add(sa, meta.l3_length));
    context_.egress.deliver(turn, mbuf);
}

void IpsecStage::count_clear(const Turn& turn) {
    for (SaShare& share : soft_.shares()) {
        share.count(turn.now);
        raise_expiry(context_.events, *share.sa, turn.now);
        context_.counters.sent_clear.add(share.packets);
    }
}

// Control is asked for an SA, and holds the packet until there is one. It is as it came: TTL and
// size are looked at when it comes again.
void IpsecStage::acquire(const Turn& turn, rte_mbuf* mbuf, const RowAction& row) {
    const PacketMeta& meta = meta_of(mbuf);
    const FilterTable& filters = *turn.snapshot.filters;
    const PeerKey key = peer_of(filters, row, mbuf);
    const bool tunnel = key.mode == config::SaMode::kTunnel;
    // Nobody negotiates with a group, and an error about an SA's packet would lose what says so.
    const bool negotiable = meta.sa == kNoSa && (tunnel || !meta.to_group);
    if (turn.released || !negotiable || !acquires_.allow(key, turn.now)) {
        drops_.add(mbuf, DropReason::kNegotiateNoSa);
        return;
    }
    Event event{.kind = EventKind::kAcquire,
                .port = meta.in_port,
                .mbuf = mbuf,
                .detail = {.acquire = {.selector = row.selector, .rule = row.rule}},
                .address = config::IpAddress::from_bytes(key.family, key.peer),
                .mode = key.mode};
    if (!tunnel) {
        event.source = config::IpAddress::from_bytes(key.family, key.source);
    } else if (filters.local_endpoint(row)) {
        event.source = *filters.local_endpoint(row);
    } else {
        event.source = address_towards(*turn.snapshot.routes, context_.topology, event.address);
    }
    context_.events.raise(event);
}

// RFC 4301 8: what no longer fits once protected is cut before or afterwards, or its sender is
// told.
void IpsecStage::fit_and_queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa, std::uint16_t mtu) {
    const PacketMeta& meta = meta_of(mbuf);
    const std::uint32_t length = protected_length(sa, meta);
    if (length <= mtu) {
        queue(turn, mbuf, sa);
        return;
    }
    const std::uint16_t fits = payload_mtu(sa, meta, mtu);
    if (may_fragment(mbuf, meta)) {
        if (sa.fragments == config::FragmentPolicy::kBefore && sa.mode == config::SaMode::kTunnel) {
            fragment_and_queue(turn, mbuf, sa, fits);
        } else {
            queue(turn, mbuf, sa);
        }
        return;
    }
    // RFC 8200 5: every IPv6 link takes 1,280 bytes, and a tunnel is one: the protected packet is
    // cut.
    const bool v6 = meta.family == config::Family::kIpv6;
    const bool must_fit = v6 && meta.l3_length <= kIpv6MinMtu;
    if (must_fit || sa.df == config::DfPolicy::kClear) {
        queue(turn, mbuf, sa);
        return;
    }
    const std::uint16_t reported = v6 ? std::max<std::uint16_t>(fits, kIpv6MinMtu) : fits;
    context_.egress.reject(turn, mbuf, DropReason::kMtuExceeded, IcmpError::kTooBig, reported);
}

// The packet's own port counts if the SA's other end cannot be reached, which is found out later.
std::uint16_t IpsecStage::path_mtu(const Turn& turn, const rte_mbuf* mbuf, const Sa& sa) const {
    std::uint16_t port = meta_of(mbuf).out_port;
    if (sa.mode == config::SaMode::kTunnel) {
        const Route& route = turn.snapshot.routes->lookup(sa.family, peer_address(sa));
        port = route.kind == RouteKind::kForward ? route.port : port;
    }
    const std::uint16_t link = context_.topology.ports[port].mtu;
    const std::uint16_t path = known_path_mtu(sa, turn.now, link);
    // What routers see of a bundle, and what they quote, is its AH.
    return sa.outer == nullptr ? path : known_path_mtu(*sa.outer, turn.now, path);
}

void IpsecStage::fragment_and_queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa, std::uint16_t mtu) {
    const FragmentsOut fragments = fragment_ipv4(mbuf, mtu, context_.pool);
    if (fragments.count == 0) {
        drops_.add(mbuf, DropReason::kNoBuffer);
        return;
    }
    context_.counters.generated.add(fragments.count - 1);
    context_.counters.injected.add(fragments.count - 1);
    rte_pktmbuf_free(mbuf);
    for (std::size_t i = 0; i < fragments.count; ++i) {
        queue(turn, fragments.packets[i], sa);
    }
}

void IpsecStage::queue(const Turn& turn, rte_mbuf* mbuf, Sa& sa) {
    if (mbuf->nb_segs != 1) {
        drops_.add(mbuf, DropReason::kSegmentedFrame);
        return;
    }
    if (outbound_.full()) {
        flush_outbound(turn);
    }
    outbound_.add(mbuf, sa);
}

// RFC 4301 8.2: an ICMP error about one of our protected packets says what its path takes. A packet
// that is too long for it is refused next time, with an error that its sender understands.
void IpsecStage::learn_path_mtu(const Turn& turn, const rte_mbuf* mbuf) const {
    constexpr std::uint64_t kSeconds = 600;  // RFC 1191 6.3, RFC 8201 4: then larger ones are tried
    if (meta_of(mbuf).delivery != Delivery::kHost) {
        return;
    }
    const auto report = read_path_mtu(mbuf);
    if (!report) {
        return;
    }
    Sa* const sa = context_.sas.find(SpiKey{.spi = report->spi,
                                            .protocol = report->protocol,
                                            .family = report->destination.family,
                                            .destination = report->destination.bytes.data()});
    if (sa == nullptr || sa->direction != config::SaDirection::kOutbound) {
        return;
    }
    const bool known = turn.now < sa->path_mtu_until.load(std::memory_order_relaxed);
    const std::uint16_t before = sa->path_mtu.load(std::memory_order_relaxed);
    if (!known || before == 0 || report->mtu < before) {
        sa->path_mtu.store(report->mtu, std::memory_order_relaxed);
        sa->path_mtu_until.store(turn.now + kSeconds * context_.tsc_hz, std::memory_order_relaxed);
    }
}

}  // namespace dataplane
