// NeighborAgent: see neighbor_agent.h.
#include "control/neighbor_agent.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace control {

namespace {

using config::IpAddress;
using config::MacAddress;
using dataplane::DropReason;

}  // namespace

std::size_t NeighborAgent::KeyHash::operator()(const Key& key) const noexcept {
    return std::hash<IpAddress>()(key.address) ^ (key.port * std::size_t{0x9E37'79B9'7F4A'7C15});
}

NeighborAgent::NeighborAgent(std::vector<Port> ports, NeighborLimits limits) : limits_(limits) {
    for (Port& port : ports) {
        ports_.push_back({std::move(port), 0, {}});
    }
}

void NeighborAgent::add_static(const dataplane::Neighbor& neighbor) {
    Entry& entry = entries_[{neighbor.port, neighbor.address}];
    entry.state = State::kStatic;
    entry.mac = neighbor.mac;
}

std::optional<DropReason> NeighborAgent::receive(std::uint16_t port,
                                                 std::span<const std::uint8_t> frame,
                                                 Time now,
                                                 Actions& actions) {
    if (port >= ports_.size()) {
        return DropReason::kNeighborBad;
    }
    const std::variant<NeighborMessage, DropReason> parsed = parse_neighbor_frame(frame);
    if (const auto* reason = std::get_if<DropReason>(&parsed)) {
        return *reason;
    }
    const NeighborMessage& message = std::get<NeighborMessage>(parsed);
    switch (message.operation) {
        case NeighborOperation::kSolicit:
            return solicited_by(port, message, now, actions);
        case NeighborOperation::kAdvertise:
            return advertised_by(port, message, now, actions);
        case NeighborOperation::kIgnored:
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<DropReason> NeighborAgent::solicited_by(std::uint16_t port,
                                                      const NeighborMessage& message,
                                                      Time now,
                                                      Actions& actions) {
    if (is_own(port, message.sender)) {
        return DropReason::kSpoofedMe;
    }
    // RFC 826, RFC 4861 7.2.3: what the asker says of itself updates an entry. It is no proof that
    // it hears us, and it creates no entry.
    const auto known = entries_.find({port, message.sender});
    if (known != entries_.end() && message.mac) {
        learn(known->first, known->second, *message.mac, false, now, actions);
    }
    if (!is_own(port, message.target)) {
        return std::nullopt;
    }
    const LinkEnd asker{message.mac.value_or(message.frame_source), message.sender};
    actions.transmits.push_back(
        {port, make_advertisement({ports_[port].port.mac, message.target}, asker, true)});
    return std::nullopt;
}

std::optional<DropReason> NeighborAgent::advertised_by(std::uint16_t port,
                                                       const NeighborMessage& message,
                                                       Time now,
                                                       Actions& actions) {
    if (is_own(port, message.target)) {
        return DropReason::kSpoofedMe;
    }
    // RFC 4861 7.2.5: nobody asked, nothing to update.
    const auto known = entries_.find({port, message.target});
    if (known == entries_.end()) {
        return std::nullopt;
    }
    Entry& entry = known->second;
    // An advertisement without link-layer address only confirms one that is known.
    if (!message.mac && entry.state == State::kIncomplete) {
        return std::nullopt;
    }
    const MacAddress mac = message.mac.value_or(entry.mac);
    if (entry.state != State::kIncomplete && mac != entry.mac && !message.override) {
        // RFC 4861 7.2.5 I: not allowed to replace, but a reason to ask the known one again.
        if (entry.state == State::kReachable) {
            entry.state = State::kProbe;
            entry.sent = 0;
            set_timer(known->first, entry, now);
        }
        return std::nullopt;
    }
    learn(known->first, entry, mac, message.solicited, now, actions);
    return std::nullopt;
}

void NeighborAgent::learn(const Key& key,
                          Entry& entry,
                          const MacAddress& mac,
                          bool confirmed,
                          Time now,
                          Actions& actions) {
    if (entry.state == State::kStatic) {
        return;
    }
    const bool was_incomplete = entry.state == State::kIncomplete;
    const bool changed = was_incomplete || entry.mac != mac;
    if (!changed && !confirmed) {
        return;
    }
    if (was_incomplete) {
        ports_[key.port].incomplete.erase(entry.incomplete);
    }
    entry.mac = mac;
    entry.sent = 0;
    entry.state = confirmed ? State::kReachable : State::kProbe;
    set_timer(key, entry, confirmed ? now + reachable_time(key) : now);
    actions.table_changed = actions.table_changed || changed;
    for (dataplane::Packet& packet : entry.waiting) {
        actions.forwards.push_back({key.port, std::move(packet)});
        --held_;
    }
    entry.waiting.clear();
}

void NeighborAgent::unresolved(std::uint16_t port,
                               const IpAddress& next_hop,
                               dataplane::Packet packet,
                               Time now,
                               Actions& actions) {
    if (port >= ports_.size() || next_hop.is_unspecified() || next_hop.is_multicast()
        || source_for(port, next_hop) == nullptr) {
        actions.drops.push_back({DropReason::kNeighborUnresolved, port, std::move(packet)});
        return;
    }
    const Key key{port, next_hop};
    const auto known = entries_.find(key);
    Entry* entry = known != entries_.end() ? &known->second : create(key, now, actions);
    if (entry == nullptr) {
        actions.drops.push_back({DropReason::kNeighborQueueFull, port, std::move(packet)});
        return;
    }
    if (entry->state != State::kIncomplete) {
        // The worker still used a table from before the answer.
        actions.forwards.push_back({port, std::move(packet)});
        return;
    }
    hold(port, *entry, std::move(packet), actions);
}

NeighborAgent::Entry* NeighborAgent::create(const Key& key, Time now, Actions& actions) {
    PortState& port = ports_[key.port];
    // A scan of silent addresses must not keep a new neighbour from being found (RFC 6583).
    if (port.incomplete.size() >= limits_.incomplete) {
        remove(entries_.find(port.incomplete.front()), DropReason::kNeighborQueueFull, actions);
    }
    if (port.entries >= limits_.per_port) {
        return nullptr;
    }
    Entry& entry = entries_[key];
    ++port.entries;
    entry.incomplete = port.incomplete.insert(port.incomplete.end(), key);
    entry.timer = timers_.emplace(now, key);
    solicit(key, entry, now, actions);
    return &entry;
}

void NeighborAgent::hold(std::uint16_t port,
                         Entry& entry,
                         dataplane::Packet packet,
                         Actions& actions) {
    if (held_ >= limits_.held_total && entry.waiting.empty()) {
        actions.drops.push_back({DropReason::kNeighborQueueFull, port, std::move(packet)});
        return;
    }
    // RFC 4861 7.2.2: the newest packets are worth most.
    if (entry.waiting.size() >= limits_.held_per_entry || held_ >= limits_.held_total) {
        actions.drops.push_back(
            {DropReason::kNeighborQueueFull, port, std::move(entry.waiting.front())});
        entry.waiting.pop_front();
        --held_;
    }
    entry.waiting.push_back(std::move(packet));
    ++held_;
}

void NeighborAgent::tick(Time now, Actions& actions) {
    for (std::size_t budget = kTickBudget; budget > 0; --budget) {
        const auto first = timers_.begin();
        if (first == timers_.end() || first->first > now) {
            return;
        }
        const auto at = entries_.find(first->second);
        Entry& entry = at->second;
        if (entry.state == State::kReachable) {
            entry.state = State::kProbe;
            entry.sent = 0;
        }
        if (entry.sent >= limits_.attempts) {
            remove(at, DropReason::kNeighborUnresolved, actions);
        } else {
            solicit(at->first, entry, now, actions);
        }
    }
}

std::optional<NeighborAgent::Time> NeighborAgent::deadline() const {
    if (timers_.empty()) {
        return std::nullopt;
    }
    return timers_.begin()->first;
}

void NeighborAgent::solicit(const Key& key, Entry& entry, Time now, Actions& actions) {
    const std::optional<MacAddress> mac =
        entry.state == State::kIncomplete ? std::nullopt : std::optional(entry.mac);
    const LinkEnd source{ports_[key.port].port.mac, *source_for(key.port, key.address)};
    actions.transmits.push_back({key.port, make_solicitation(source, key.address, mac)});
    ++entry.sent;
    set_timer(key, entry, now + limits_.retransmit);
}

void NeighborAgent::remove(Entries::iterator at, DropReason reason, Actions& actions) {
    Entry& entry = at->second;
    PortState& port = ports_[at->first.port];
    for (dataplane::Packet& packet : entry.waiting) {
        actions.drops.push_back({reason, at->first.port, std::move(packet)});
        --held_;
    }
    if (entry.state == State::kIncomplete) {
        port.incomplete.erase(entry.incomplete);
    } else {
        actions.table_changed = true;
    }
    timers_.erase(entry.timer);
    entries_.erase(at);
    --port.entries;
}

void NeighborAgent::set_timer(const Key& key, Entry& entry, Time when) {
    timers_.erase(entry.timer);
    entry.timer = timers_.emplace(when, key);
}

std::chrono::milliseconds NeighborAgent::reachable_time(const Key& key) const {
    // RFC 4861 6.3.2 spreads the time so that probes do not come in bursts; the spread of 3/4 to
    // 5/4 follows from the address alone, which keeps the agent free of randomness.
    const auto part = static_cast<std::int64_t>(KeyHash()(key) % 512);
    return limits_.reachable * (768 + part) / 1024;
}

void NeighborAgent::announce(Actions& actions) const {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        for (const config::IpPrefix& prefix : ports_[i].port.addresses) {
            actions.transmits.push_back({static_cast<std::uint16_t>(i),
                                         make_announcement({ports_[i].port.mac, prefix.address})});
        }
    }
}

void NeighborAgent::drain(Actions& actions) {
    for (auto& [key, entry] : entries_) {
        for (dataplane::Packet& packet : entry.waiting) {
            actions.drops.push_back({DropReason::kShutdown, key.port, std::move(packet)});
        }
        entry.waiting.clear();
    }
    held_ = 0;
}

std::vector<dataplane::Neighbor> NeighborAgent::table() const {
    std::vector<dataplane::Neighbor> neighbors;
    neighbors.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) {
        if (entry.state != State::kIncomplete) {
            neighbors.push_back({key.port, key.address, entry.mac});
        }
    }
    return neighbors;
}

bool NeighborAgent::is_own(std::uint16_t port, const IpAddress& address) const {
    const std::vector<config::IpPrefix>& own = ports_[port].port.addresses;
    return std::any_of(own.begin(), own.end(), [&](const config::IpPrefix& prefix) {
        return prefix.address == address;
    });
}

const IpAddress* NeighborAgent::source_for(std::uint16_t port, const IpAddress& target) const {
    const IpAddress* fallback = nullptr;
    for (const config::IpPrefix& prefix : ports_[port].port.addresses) {
        if (prefix.address.family != target.family) {
            continue;
        }
        if (prefix.contains(target)) {
            return &prefix.address;
        }
        // A next hop outside every prefix is on link by a route; any own address may ask for it.
        fallback = fallback == nullptr ? &prefix.address : fallback;
    }
    return fallback;
}

}  // namespace control
