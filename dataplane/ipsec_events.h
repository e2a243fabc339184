// What IPsec processing tells control: expiries of SAs, and the auditable events of RFC 4303 4 and
// RFC 4302 4 with the fields those want.
#pragma once

#include "dataplane/event_sink.h"
#include "dataplane/sa.h"

#include <cstdint>

namespace dataplane {

struct IpsecDrop {
    const rte_mbuf* mbuf;  // still whole
    const Sa* sa;          // nullptr: none was found
    std::uint32_t spi;
    std::uint64_t sequence;  // 0: not known any more
};
// Reports the drop if the RFCs want it audited.
void audit_drop(EventSink& events, const IpsecDrop& drop, DropReason reason, std::uint64_t now);
// Raises what is due of the SA; it stays due if the ring is full.
void raise_expiry(EventSink& events, Sa& sa, std::uint64_t now);

}  // namespace dataplane
