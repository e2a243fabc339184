#include "dataplane/neighbor_table.h"

#include <bit>
#include <cstring>

namespace dataplane {
namespace {

// Spreads well enough for a table that is at most half full; its keys come from control, which
// bounds how many neighbours it learns.
std::uint64_t hash(std::uint16_t port, config::Family family, const std::uint8_t* address) {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
    std::uint64_t state = (std::uint64_t{port} << 8U) | static_cast<std::uint8_t>(family);
    for (std::size_t at = 0; at < config::address_bytes(family); at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, address + at, sizeof(word));
        state = (state ^ word) * kMultiplier;
        state ^= state >> 32U;
    }
    return state;
}

}  // namespace

NeighborTable::NeighborTable(std::span<const Neighbor> neighbors) {
    slots_.resize(std::bit_ceil(neighbors.size() * 2 + 1));
    mask_ = slots_.size() - 1;
    for (const Neighbor& neighbor : neighbors) {
        const config::IpAddress& address = neighbor.address;
        std::uint64_t at = hash(neighbor.port, address.family, address.bytes.data());
        while (slots_[at & mask_].port != kNoPort
               && (slots_[at & mask_].port != neighbor.port
                   || slots_[at & mask_].address != address)) {
            ++at;
        }
        slots_[at & mask_] = neighbor;
    }
}

const config::MacAddress* NeighborTable::find(std::uint16_t port,
                                              config::Family family,
                                              const std::uint8_t* address) const {
    for (std::uint64_t at = hash(port, family, address);; ++at) {
        const Neighbor& slot = slots_[at & mask_];
        if (slot.port == kNoPort) {
            return nullptr;
        }
        if (slot.port == port && slot.address.family == family
            && std::memcmp(slot.address.bytes.data(), address, config::address_bytes(family))
                   == 0) {
            return &slot.mac;
        }
    }
}

}  // namespace dataplane
