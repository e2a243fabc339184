// NeighborTable: link-layer addresses of resolved neighbours. Immutable: control builds a new one
// when ARP or ND taught it something, and publishes it with the next snapshot.
#pragma once

#include "config/types.h"
#include "dataplane/packet.h"

#include <cstdint>
#include <span>
#include <vector>

namespace dataplane {

struct Neighbor {
    std::uint16_t port = kNoPort;
    config::IpAddress address;
    config::MacAddress mac;
};

class NeighborTable {
  public:
    explicit NeighborTable(std::span<const Neighbor> neighbors);

    // nullptr: not resolved. `address`: 4 or 16 bytes, network order.
    [[nodiscard]] const config::MacAddress* find(std::uint16_t port,
                                                 config::Family family,
                                                 const std::uint8_t* address) const;

  private:
    std::vector<Neighbor> slots_;  // open addressing, power of two, at most half full
    std::uint64_t mask_ = 0;
};

}  // namespace dataplane
