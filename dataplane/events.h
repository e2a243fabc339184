// The two rings between a worker and control. Both carry small plain elements and own the mbuf they
// name, if any: whoever dequeues must free it or pass it on.
#pragma once

#include "config/sa_spec.h"
#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <cstdint>

namespace dataplane {

enum class EventKind : std::uint8_t {
    kHostPacket,   // for this host: to the kernel through the TAP of `port`
    kNeighbor,     // ARP or neighbour discovery received on `port`
    kUnresolved,   // to be sent on `port`, next hop `address` has no link-layer address
    kAcquire,      // to be protected, but there is no SA to `address`
    kSoftExpired,  // `sa` wants a successor; without packet
    kHardExpired,  // `sa` may not be used any more; without packet
    kAudit,        // an auditable event of RFC 4303 4 and RFC 4302 4; without packet
};

// What RFC 4303 3.4 wants logged of an auditable event, beside time and addresses. Host order.
struct AuditDetail {
    std::uint32_t spi = 0;
    std::uint32_t sequence = 0;
    std::uint32_t flow = 0;  // IPv6 flow label
};
// What wants the SA.
struct AcquireDetail {
    config::RuleTag selector;
    config::RuleTag rule;
};
union EventDetail {
    AuditDetail audit{};    // kAudit
    AcquireDetail acquire;  // kAcquire
};

// worker -> control, one ring per worker. Says only what its kind needs.
struct alignas(RTE_CACHE_LINE_SIZE) Event {
    EventKind kind = EventKind::kHostPacket;
    DropReason reason = DropReason::kShutdown;  // kAudit
    std::uint16_t port = kNoPort;
    SaHandle sa = kNoSa;
    rte_mbuf* mbuf = nullptr;
    EventDetail detail{};
    // kUnresolved: next hop; kAudit: destination; kAcquire: the other end of the SA
    config::IpAddress address{};
    // kAudit; kAcquire: our end, unspecified if no address of ours reaches the other one
    config::IpAddress source{};
    config::SaMode mode = config::SaMode::kTransport;  // kAcquire
};
static_assert(sizeof(Event) == RTE_CACHE_LINE_SIZE);

enum class InjectionKind : std::uint8_t {
    kTransmit,     // a complete frame for `port` (ARP, ND): no stage sees it
    kForward,      // a parsed packet whose next hop is resolved now: re-enters at the forward stage
    kUnreachable,  // a parsed packet whose next hop did not answer: its sender is told, it is
                   // dropped
    kHostOutput,   // an IP packet from the kernel, frame as read from the TAP of `port`
    kReleased,     // came by kAcquire, `port` is its PacketMeta::in_port: begins again where it
                   // began then, and is dropped if it is without SA once more
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
