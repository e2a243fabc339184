// Wishes: traffic that waits for SAs, or SAs that need successors, until quick mode has made them
// or it has failed.
#pragma once

#include "control/ike/host.h"
#include "control/ike/report.h"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace control::ike {

struct Core;
struct IsakmpSa;

// After a failure to make a successor: it is tried until the SAs have ended.
inline constexpr std::chrono::seconds kRekeyRetry{5};

struct Wish {
    std::uint64_t id = 0;
    Acquire acquire;
    ChildId replaces = 0;     // 0: traffic waits
    std::uint64_t sa = 0;     // of the negotiation it waits for
    bool began_anew = false;  // once, when the SA it was negotiated under went away
};

class WishTable {
  public:
    // nullptr: there is one for the same traffic.
    Wish* add(const Acquire& acquire, ChildId replaces);
    [[nodiscard]] Wish* find(std::uint64_t id) const;
    void remove(const Wish& wish);
    [[nodiscard]] std::size_t size() const { return wishes_.size(); }
    [[nodiscard]] const std::unordered_map<std::uint64_t, std::unique_ptr<Wish>>& all() const {
        return wishes_;
    }

  private:
    struct Key {
        config::RuleTag selector = config::kAnyRule;
        config::SaMode mode = config::SaMode::kTransport;
        config::IpAddress local;
        config::IpAddress remote;
        TrafficSelectors traffic;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const;
    };
    [[nodiscard]] static Key key_of(const Acquire& acquire);

    std::unordered_map<std::uint64_t, std::unique_ptr<Wish>> wishes_;
    std::unordered_map<Key, std::uint64_t, KeyHash> by_key_;
    std::uint64_t last_id_ = 0;
};

// Quick mode under an SA that is there, or main mode first.
void serve_wish(Core& core, Wish& wish);
// What it was negotiated under has gone: once more, or it has failed.
void serve_wish_again(Core& core, Wish& wish, const std::string& reason);
void wish_granted(Core& core, Wish& wish);
struct WishFailure {
    std::string_view phase;
    std::string reason;
    bool no_answer = false;  // at all
};
void wish_failed(Core& core, Wish& wish, const WishFailure& failure);

// Whether an SA was negotiated as these terms demand: one of their methods, one of their offers.
[[nodiscard]] bool satisfies(const IsakmpSa& sa, const config::NegotiationTerms& terms);
[[nodiscard]] bool same_method(const config::AuthMethod& a, const config::AuthMethod& b);
// Same main mode offers and authentication; names and lifetimes aside.
[[nodiscard]] bool same_main_mode(const config::MainModeTerms& a, const config::MainModeTerms& b);
[[nodiscard]] bool same_terms(const config::NegotiationTerms& a, const config::NegotiationTerms& b);

}  // namespace control::ike
