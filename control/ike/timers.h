// Timers of the engine: events by time. Nothing is cancelled: whoever handles an event looks
// whether its object is still there and still wants it.
#pragma once

#include "control/ike/host.h"

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace control::ike {

enum class TimerKind : std::uint8_t {
    kMainModeRepeat,   // object: ISAKMP SA
    kNegotiationEnd,   // a main mode that is not done by now never will be
    kHandshakeForget,  // the last message of main mode is not repeated any more
    kQuickModeRepeat,
    kQuickModeForget,
    kMainModeRekey,
    kMainModeEnd,
    kDeadPeer,
    kKeepalive,
    kChildDelete,  // object: child that has a successor
    kChildRekey,   // object: child whose rekeying failed
};

struct TimerEvent {
    Time at;
    TimerKind kind = TimerKind::kMainModeRepeat;
    std::uint64_t object = 0;
    std::uint32_t message_id = 0;  // of quick mode
};

class Timers {
  public:
    void add(const TimerEvent& event);
    // The earliest event whose time has come, taken out.
    [[nodiscard]] std::optional<TimerEvent> due(Time now);
    [[nodiscard]] std::optional<Time> next() const;

  private:
    struct Entry {
        TimerEvent event;
        std::uint64_t number = 0;  // events of one instant happen in the order they were added
    };
    struct Later {
        bool operator()(const Entry& a, const Entry& b) const {
            return a.event.at != b.event.at ? a.event.at > b.event.at : a.number > b.number;
        }
    };

    std::priority_queue<Entry, std::vector<Entry>, Later> entries_;
    std::uint64_t added_ = 0;
};

}  // namespace control::ike
