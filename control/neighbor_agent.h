// NeighborAgent: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) for the gateway's own
// addresses and next hops. Sans-IO: frames, unresolved packets and time go in, frames to send,
// packets to forward and packets to drop come out. One thread calls it.
//
// Learns only from answers it asked for and from updates of entries it already has, so that nobody
// on a link can fill the table or plant an address nobody looked for. Left out: router discovery,
// redirects, proxy ARP, duplicate address detection, anycast.
#pragma once

#include "config/types.h"
#include "control/neighbor_wire.h"
#include "dataplane/drop_reason.h"
#include "dataplane/neighbor_table.h"
#include "dataplane/packet_io.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace control {

struct NeighborLimits {
    std::size_t per_port = 4096;      // entries of one port, static ones not counted
    std::size_t incomplete = 512;     // of them without an answer yet; the oldest makes room
    std::size_t held_per_entry = 16;  // packets that wait for one neighbour
    std::size_t held_total = 2048;    // packets that wait, all neighbours together
    unsigned attempts = 3;            // RFC 4861 10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT
    std::chrono::milliseconds retransmit{1000};   // RFC 4861 10: RETRANS_TIMER
    std::chrono::milliseconds reachable{30'000};  // RFC 4861 10: REACHABLE_TIME
};

class NeighborAgent {
  public:
    using Time = std::chrono::steady_clock::time_point;

    struct Port {
        config::MacAddress mac;
        std::vector<config::IpPrefix> addresses;  // link-local included
    };

    struct Transmit {
        std::uint16_t port = 0;
        std::vector<std::uint8_t> frame;
    };
    struct Forward {
        std::uint16_t port = 0;
        dataplane::Packet packet;
    };
    struct Drop {
        dataplane::DropReason reason = dataplane::DropReason::kNeighborBad;
        std::uint16_t port = 0;
        dataplane::Packet packet;
    };
    // What the caller has to do, in this order: publish table() if it changed, send the frames,
    // forward and drop the packets. Emptied by the caller.
    struct Actions {
        bool table_changed = false;
        std::vector<Transmit> transmits;
        std::vector<Forward> forwards;
        std::vector<Drop> drops;
    };

    explicit NeighborAgent(std::vector<Port> ports, NeighborLimits limits = {});

    // A neighbour of gateway.toml: never probed, never changed by what a link says.
    void add_static(const dataplane::Neighbor& neighbor);

    // An ARP or neighbour discovery frame received on `port`. A reason: the frame is not valid and
    // had no effect.
    [[nodiscard]] std::optional<dataplane::DropReason> receive(std::uint16_t port,
                                                               std::span<const std::uint8_t> frame,
                                                               Time now,
                                                               Actions& actions);

    // A packet whose next hop on `port` has no link-layer address in the published table.
    void unresolved(std::uint16_t port,
                    const config::IpAddress& next_hop,
                    dataplane::Packet packet,
                    Time now,
                    Actions& actions);

    // Retransmissions, probes and removals that are due. At most `kTickBudget` per call.
    static constexpr std::size_t kTickBudget = 256;
    void tick(Time now, Actions& actions);
    // When tick() has something to do next.
    [[nodiscard]] std::optional<Time> deadline() const;

    // Gratuitous ARP and unsolicited advertisements for every address of every port, so that
    // neighbours forget what they knew before this gateway started.
    void announce(Actions& actions) const;

    // At shutdown: every held packet comes out as a drop with reason kShutdown.
    void drain(Actions& actions);

    // Every resolved neighbour, for dataplane::NeighborTable.
    [[nodiscard]] std::vector<dataplane::Neighbor> table() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::size_t held() const { return held_; }

  private:
    struct Key {
        std::uint16_t port = 0;
        config::IpAddress address;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    using Timers = std::multimap<Time, Key>;

    // RFC 4861 7.3.2. There is no STALE: an entry is asked again when its reachable time is over,
    // whether traffic needs it or not, because the workers do not report which entries they use.
    enum class State : std::uint8_t { kIncomplete, kReachable, kProbe, kStatic };

    struct Entry {
        State state = State::kIncomplete;
        config::MacAddress mac;  // unless kIncomplete
        unsigned sent = 0;       // solicitations without an answer
        std::deque<dataplane::Packet> waiting;
        std::list<Key>::iterator incomplete;  // valid if kIncomplete
        Timers::iterator timer;               // valid unless kStatic
    };
    using Entries = std::unordered_map<Key, Entry, KeyHash>;

    struct PortState {
        Port port;
        std::size_t entries = 0;
        std::list<Key> incomplete;  // oldest first
    };

    using Reason = std::optional<dataplane::DropReason>;
    Reason solicited_by(std::uint16_t port,
                        const NeighborMessage& message,
                        Time now,
                        Actions& actions);
    Reason advertised_by(std::uint16_t port,
                         const NeighborMessage& message,
                         Time now,
                         Actions& actions);

    [[nodiscard]] bool is_own(std::uint16_t port, const config::IpAddress& address) const;
    // The address of `port` to ask for `target` with; nullptr if it has none of that family.
    [[nodiscard]] const config::IpAddress* source_for(std::uint16_t port,
                                                      const config::IpAddress& target) const;

    Entry* create(const Key& key, Time now, Actions& actions);
    void hold(std::uint16_t port, Entry& entry, dataplane::Packet packet, Actions& actions);
    // The entry has `mac`; `confirmed` when the neighbour showed that it hears us.
    void learn(const Key& key,
               Entry& entry,
               const config::MacAddress& mac,
               bool confirmed,
               Time now,
               Actions& actions);
    void solicit(const Key& key, Entry& entry, Time now, Actions& actions);
    void remove(Entries::iterator at, dataplane::DropReason reason, Actions& actions);
    void set_timer(const Key& key, Entry& entry, Time when);
    [[nodiscard]] std::chrono::milliseconds reachable_time(const Key& key) const;

    std::vector<PortState> ports_;
    NeighborLimits limits_;
    Entries entries_;
    Timers timers_;
    std::size_t held_ = 0;
};

}  // namespace control
