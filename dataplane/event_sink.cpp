#include "dataplane/event_sink.h"

#include <rte_ring_elem.h>

namespace dataplane {

bool EventSink::enqueue(const Event& event) {
    Event copy = event;
    return rte_ring_enqueue_elem(ring_, &copy, sizeof(copy)) == 0;
}

void EventSink::raise(const Event& event) {
    if (enqueue(event)) {
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
