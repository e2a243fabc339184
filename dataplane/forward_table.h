// ForwardTable: longest-prefix match from destination address to what happens next. Immutable; one
// trie for each family (16-bit root, 8-bit steps), so that a lookup needs no EAL and no hash.
#pragma once

#include "config/types.h"
#include "dataplane/packet.h"

#include <cstdint>
#include <span>
#include <vector>

namespace dataplane {

enum class RouteKind : std::uint8_t {
    kNone,       // no route
    kForward,    // to `gateway`, or to the destination itself when on_link
    kLocal,      // one of this host's addresses, on `port`
    kBroadcast,  // a directed broadcast address of `port`: not forwarded, delivered to this host
};

struct Route {
    RouteKind kind = RouteKind::kNone;
    bool on_link = false;
    std::uint16_t port = kNoPort;
    config::IpAddress gateway;
};

struct RouteEntry {
    config::IpPrefix prefix;
    Route route;
};

class ForwardTable {
  public:
    // Later entries win over earlier ones of the same prefix.
    explicit ForwardTable(std::span<const RouteEntry> entries);

    // `address`: 4 or 16 bytes, network order. Never fails: no match gives kNone.
    [[nodiscard]] const Route& lookup_v4(const std::uint8_t* address) const;
    [[nodiscard]] const Route& lookup_v6(const std::uint8_t* address) const;
    [[nodiscard]] const Route& lookup(config::Family family, const std::uint8_t* address) const {
        return family == config::Family::kIpv4 ? lookup_v4(address) : lookup_v6(address);
    }

  private:
    // A cell is an index into routes_, or kChild | index of a 256-cell node.
    struct Trie {
        std::vector<std::uint32_t> root;
        std::vector<std::uint32_t> nodes;
    };
    static void insert(Trie& trie, const config::IpPrefix& prefix, std::uint32_t route);

    std::vector<Route> routes_;
    Trie v4_;
    Trie v6_;
};

}  // namespace dataplane
