// HoldQueue: packets that wait for IKE, from the one that started a negotiation to its end.
// Sans-IO: packets and time go in, packets to send again and packets to drop come out. One thread
// calls it.
//
// What does not fit is refused, never what waits already: the first packets of a conversation are
// those that the later ones build on, and a flood for many peers cannot push out who came before.
#pragma once

#include "config/sa_spec.h"
#include "config/types.h"
#include "dataplane/packet_io.h"

#include <chrono>
#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <vector>

namespace control {

struct HoldLimits {
    std::size_t per_key = 16;
    std::size_t total = 4096;
    std::chrono::milliseconds time{30'000};
};

// The SA that packets wait for.
struct HoldKey {
    config::RuleTag selector = config::kAnyRule;
    config::IpAddress remote;
    config::IpAddress local;

    friend auto operator<=>(const HoldKey&, const HoldKey&) = default;
};

class HoldQueue {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Packets = std::vector<dataplane::Packet>;

    explicit HoldQueue(HoldLimits limits = {}) : limits_(limits) {}

    // The packet back if it is refused, else an empty one.
    [[nodiscard]] dataplane::Packet hold(const HoldKey& key, dataplane::Packet packet, Time now);
    // What waits for SAs of `selector` to `remote`, from whatever local address; of each in the
    // order in which it came.
    [[nodiscard]] Packets take(config::RuleTag selector, const config::IpAddress& remote);
    // What has waited too long.
    [[nodiscard]] Packets take_expired(Time now);
    [[nodiscard]] Packets take_all();
    // When take_expired() has something next.
    [[nodiscard]] std::optional<Time> deadline() const;
    [[nodiscard]] std::size_t size() const { return waiting_.size(); }

  private:
    struct Waiting {
        HoldKey key;
        dataplane::Packet packet;
        Time until;
    };
    using Place = std::list<Waiting>::iterator;

    std::list<Waiting> waiting_;                    // oldest first
    std::map<HoldKey, std::vector<Place>> by_key_;  // oldest first; none is empty
    HoldLimits limits_;
};

}  // namespace control
