#include "control/ike/timers.h"

namespace control::ike {

void Timers::add(const TimerEvent& event) {
    entries_.push({event, added_++});
}

std::optional<TimerEvent> Timers::due(Time now) {
    if (entries_.empty() || entries_.top().event.at > now) {
        return std::nullopt;
    }
    const TimerEvent event = entries_.top().event;
    entries_.pop();
    return event;
}

std::optional<Time> Timers::next() const {
    if (entries_.empty()) {
        return std::nullopt;
    }
    return entries_.top().event.at;
}

}  // namespace control::ike
