#include "dataplane/ipsec_events.h"

#include "config/bytes.h"

#include <algorithm>
#include <array>

namespace dataplane {
namespace {

constexpr std::array kAuditable{
    DropReason::kSaUnknown,              // RFC 4303 3.4.2
    DropReason::kSequenceZero,           // RFC 4303 3.4.3
    DropReason::kReplayed,               // RFC 4303 3.4.3
    DropReason::kReplayTooOld,           // RFC 4303 3.4.3
    DropReason::kIcvMismatch,            // RFC 4303 3.4.4.1
    DropReason::kEspBadPadding,          // RFC 4303 3.4.4.1: may be audited
    DropReason::kSequenceExhausted,      // RFC 4303 3.3.3
    DropReason::kBundleMismatch,         // RFC 4301 5.2
    DropReason::kEncapsulationMismatch,  // RFC 4301 5.2
    DropReason::kSaPolicyMismatch,       // RFC 4301 5.2
};

std::uint32_t flow_label(const rte_mbuf* mbuf, const PacketMeta& meta) {
    constexpr std::uint32_t kFlowLabel = 0x000FFFFF;
    return meta.family == config::Family::kIpv4
               ? 0
               : config::load<config::be32>(bytes_at(mbuf, meta.l3_offset)).host() & kFlowLabel;
}

}  // namespace

void audit_drop(EventSink& events, const IpsecDrop& drop, DropReason reason, std::uint64_t now) {
    if (std::find(kAuditable.begin(), kAuditable.end(), reason) == kAuditable.end()) {
        return;
    }
    const PacketMeta& meta = meta_of(drop.mbuf);
    Event event;
    event.kind = EventKind::kAudit;
    event.reason = reason;
    event.port = meta.in_port;
    event.sa = drop.sa == nullptr ? kNoSa : drop.sa->handle;
    event.detail.audit = {.spi = drop.spi,
                          .sequence = static_cast<std::uint32_t>(drop.sequence),
                          .flow = flow_label(drop.mbuf, meta)};
    event.address =
        config::IpAddress::from_bytes(meta.family, destination_address(drop.mbuf, meta));
    event.source = config::IpAddress::from_bytes(meta.family, source_address(drop.mbuf, meta));
    events.audit(event, now);
}

void raise_expiry(EventSink& events, Sa& sa, std::uint64_t now) {
    const SaExpiry expiry = take_expiry(sa, now);
    if (expiry == SaExpiry::kNone) {
        return;
    }
    Event event;
    event.kind = expiry == SaExpiry::kHard ? EventKind::kHardExpired : EventKind::kSoftExpired;
    event.sa = sa.handle;
    if (!events.notify(event)) {
        rearm_expiry(sa, expiry);
    }
}

}  // namespace dataplane
