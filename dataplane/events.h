// The two rings between a worker and control. Both carry small plain elements and own the mbuf they
// name, if any: whoever dequeues must free it or pass it on.
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <cstdint>

namespace dataplane {

enum class EventKind : std::uint8_t {
    kHostPacket,   // for this host: to the kernel through the TAP of `port`
    kNeighbor,     // ARP or neighbour discovery received on `port`
    kUnresolved,   // to be sent on `port`, next hop `address` has no link-layer address
    kSoftExpired,  // `sa` wants a successor; without packet
    kHardExpired,  // `sa` may not be used any more; without packet
    kAudit,        // an auditable event of RFC 4303 4 and RFC 4302 4; without packet
};

// worker -> control, one ring per worker. Says only what its kind needs.
struct alignas(RTE_CACHE_LINE_SIZE) Event {
    EventKind kind = EventKind::kHostPacket;
    DropReason reason = DropReason::kShutdown;  // kAudit
    std::uint16_t port = kNoPort;
    SaHandle sa = kNoSa;
    rte_mbuf* mbuf = nullptr;
    // kAudit: what RFC 4303 3.4 wants logged, beside the time. Host order.
    std::uint32_t spi = 0;
    std::uint32_t sequence = 0;
    std::uint32_t flow = 0;       // IPv6 flow label
    config::IpAddress address{};  // kUnresolved: next hop; kAudit: destination
    config::IpAddress source{};   // kAudit
};
static_assert(sizeof(Event) == RTE_CACHE_LINE_SIZE);

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
