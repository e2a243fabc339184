#include "control/hold_queue.h"

#include <iterator>
#include <utility>

namespace control {

using dataplane::Packet;

Packet HoldQueue::hold(const HoldKey& key, Packet packet, Time now) {
    if (waiting_.size() >= limits_.total) {
        return packet;
    }
    std::vector<Place>& places = by_key_[key];
    if (places.size() >= limits_.per_key) {
        return packet;
    }
    waiting_.push_back({key, std::move(packet), now + limits_.time});
    places.push_back(std::prev(waiting_.end()));
    return {};
}

HoldQueue::Packets HoldQueue::take(config::RuleTag selector, const config::IpAddress& remote) {
    Packets packets;
    // No address is less than this one.
    auto at = by_key_.lower_bound({selector, remote, {}});
    while (at != by_key_.end() && at->first.selector == selector && at->first.remote == remote) {
        for (const Place place : at->second) {
            packets.push_back(std::move(place->packet));
            waiting_.erase(place);
        }
        at = by_key_.erase(at);
    }
    return packets;
}

HoldQueue::Packets HoldQueue::take_expired(Time now) {
    Packets packets;
    while (!waiting_.empty() && waiting_.front().until <= now) {
        const auto at = by_key_.find(waiting_.front().key);
        // All wait equally long: the oldest of all is the oldest of its key.
        at->second.erase(at->second.begin());
        if (at->second.empty()) {
            by_key_.erase(at);
        }
        packets.push_back(std::move(waiting_.front().packet));
        waiting_.pop_front();
    }
    return packets;
}

HoldQueue::Packets HoldQueue::take_all() {
    Packets packets;
    for (Waiting& waiting : waiting_) {
        packets.push_back(std::move(waiting.packet));
    }
    waiting_.clear();
    by_key_.clear();
    return packets;
}

std::optional<HoldQueue::Time> HoldQueue::deadline() const {
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().until);
}

}  // namespace control
