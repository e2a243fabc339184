// Children: the pairs of SAs that quick mode makes, their keys, and the table of them.
#pragma once

#include "config/sa_method.h"
#include "control/ike/host.h"
#include "control/ike/identity.h"
#include "control/ike/quick_mode.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace control::ike {

struct ChildSa {
    ChildId id = 0;
    bool initiator = false;
    Cookie cookie_i{};  // of the main mode it was negotiated under
    Cookie cookie_r{};
    std::uint64_t sa = 0;  // the same; it may be gone
    config::IpAddress local;
    Endpoint remote;
    Identity remote_id;
    config::RuleTag selector = config::kAnyRule;
    config::Guid rule;
    std::shared_ptr<const config::NegotiationTerms> terms;
    config::SaMode mode = config::SaMode::kTransport;
    TrafficSelectors traffic;
    config::QmOffer offer;  // with the lifetimes agreed to
    std::uint16_t pfs_group = 0;
    Phase2Spis ours;
    Phase2Spis theirs;
    bool encapsulated = false;
    bool outbound = false;  // both directions are there
    bool replaced = false;
    config::SaLifetime lifetime;
    Time created;
    std::optional<Time> rekey_at;
    std::optional<Time> ends_at;
};

// What is under way by SAs that have a successor arrives within this time.
inline constexpr std::chrono::seconds kReplacedChildGrace{10};

class ChildTable {
  public:
    ChildSa& add(std::unique_ptr<ChildSa> child);
    [[nodiscard]] ChildId new_id() { return ++last_id_; }
    [[nodiscard]] ChildSa* find(ChildId id) const;
    // Those between two addresses, oldest first.
    [[nodiscard]] std::vector<ChildSa*> between(const config::IpAddress& local,
                                                const config::IpAddress& remote) const;
    void move(ChildSa& child, const Endpoint& remote);
    void remove(ChildSa& child);

    [[nodiscard]] std::size_t size() const { return children_.size(); }
    [[nodiscard]] const std::unordered_map<ChildId, std::unique_ptr<ChildSa>>& all() const {
        return children_;
    }

  private:
    struct Pair {
        config::IpAddress local;
        config::IpAddress remote;
        friend bool operator==(const Pair&, const Pair&) = default;
    };
    struct PairHash {
        std::size_t operator()(const Pair& pair) const;
    };

    void unlink_pair(const ChildSa& child);

    std::unordered_map<ChildId, std::unique_ptr<ChildSa>> children_;
    std::unordered_map<Pair, std::set<ChildId>, PairHash> by_pair_;
    ChildId last_id_ = 0;
};

// Makes the SAs of one direction and installs them. The first call of a quick mode makes the child.
[[nodiscard]] config::Result<void> install_child(Core& core,
                                                 const IsakmpSa& sa,
                                                 QuickMode& quick,
                                                 config::SaDirection direction);
// Both directions are there: older ones for the same traffic are left alone by new packets.
void child_established(Core& core, const IsakmpSa& sa, QuickMode& quick);
// The SAs are gone from the Host; the peer is told if `tell` and there is an ISAKMP SA to do so.
void remove_child(Core& core, ChildSa& child, bool tell);

// The ISAKMP SA that speaks for the child now; nullptr: none does.
[[nodiscard]] IsakmpSa* sa_of(const Core& core, const ChildSa& child);
// Those whose peer this SA's peer is.
[[nodiscard]] std::vector<ChildSa*> children_of(const Core& core, const IsakmpSa& sa);
// The peer's SPI of an outbound SA, from a Delete; nullptr: there is none.
[[nodiscard]] ChildSa* child_with_spi(const Core& core,
                                      const IsakmpSa& sa,
                                      std::uint8_t protocol,
                                      std::uint32_t spi);

// The SAs that carry the traffic, or will when quick mode is done; nullptr: none.
[[nodiscard]] const ChildSa* child_for(const Core& core, const Acquire& acquire);

// --- Lifetimes

void child_needs_successor(Core& core, ChildSa& child);
void child_has_ended(Core& core, ChildSa& child);
// Timer.
void delete_replaced_child(Core& core, ChildSa& child);

}  // namespace control::ike
