// The two rings between a worker and control. Both carry small plain elements and own the mbuf they
// name: whoever dequeues must free it or pass it on.
#pragma once

#include "dataplane/packet.h"

#include <cstdint>

namespace dataplane {

enum class EventKind : std::uint8_t {
    kHostPacket,  // for this host: to the kernel through the TAP of `port`
    kNeighbor,    // ARP or neighbour discovery received on `port`
    kUnresolved,  // to be sent on `port`, next hop `next_hop` has no link-layer address
};

// worker -> control, one ring per worker
struct alignas(8) Event {
    EventKind kind = EventKind::kHostPacket;
    std::uint8_t reserved = 0;
    std::uint16_t port = kNoPort;
    std::uint32_t reserved2 = 0;
    rte_mbuf* mbuf = nullptr;
    config::IpAddress next_hop;
    std::uint8_t pad[7] = {};
};
static_assert(sizeof(Event) == 40);

enum class InjectionKind : std::uint8_t {
    kTransmit,     // a complete frame for `port` (ARP, ND): no stage sees it
    kForward,      // a parsed packet whose next hop is resolved now: re-enters at the forward stage
    kUnreachable,  // a parsed packet whose next hop did not answer: its sender is told, it is
                   // dropped
    kHostOutput,   // an IP packet from the kernel, frame as read from the TAP of `port`
};

// control -> worker, one ring per worker
struct alignas(8) Injection {
    InjectionKind kind = InjectionKind::kTransmit;
    std::uint8_t reserved = 0;
    std::uint16_t port = kNoPort;
    std::uint32_t reserved2 = 0;
    rte_mbuf* mbuf = nullptr;
};
static_assert(sizeof(Injection) == 16);

inline constexpr unsigned kEventRingSize = 4096;
inline constexpr unsigned kInjectionRingSize = 4096;

}  // namespace dataplane
