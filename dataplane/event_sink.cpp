#include "dataplane/event_sink.h"

#include "dataplane/verdict.h"

#include <rte_ring_elem.h>

namespace dataplane {

namespace {

// IKE: of this host, and itself no part of what a tunnel carries.
bool is_own_ike(const rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    return meta.direction != Direction::kTransit && meta.origin != Origin::kGateway && is_ike(meta);
}

// Places of the ring that must be free behind the event.
unsigned places_behind(const Event& event, unsigned capacity) {
    switch (event.kind) {
        case EventKind::kHostPacket:
        case EventKind::kUnresolved:
            // IKE leaves half of the last quarter to the others: a flood of it is possible too.
            return is_own_ike(event.mbuf) ? capacity / 8 : capacity / 4;
        case EventKind::kAcquire:
            return capacity / 4;
        case EventKind::kNeighbor:
        case EventKind::kSoftExpired:
        case EventKind::kHardExpired:
        case EventKind::kAudit:
            return 0;
    }
    return 0;
}

}  // namespace

bool EventSink::enqueue(const Event& event) {
    Event copy = event;
    return rte_ring_enqueue_elem(ring_, &copy, sizeof(copy)) == 0;
}

void EventSink::raise(const Event& event) {
    const unsigned behind = places_behind(event, rte_ring_get_capacity(ring_));
    if (rte_ring_free_count(ring_) > behind && enqueue(event)) {
        counters_.to_control.add(1);
    } else {
        Drops(counters_).add(event.mbuf, DropReason::kEventRingFull);
    }
}

bool EventSink::notify(const Event& event) {
    const bool fits = enqueue(event);
    if (fits) {
        counters_.messages.add(1);
    }
    return fits;
}

void EventSink::audit(const Event& event, std::uint64_t now) {
    if (!audits_.allow(now) || !notify(event)) {
        counters_.audits_suppressed.add(1);
    }
}

}  // namespace dataplane
