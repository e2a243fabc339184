// The route stage: where a parsed packet goes, and thereby whether it is inbound, outbound or
// transit. Runs before the filters, because a filter may ask for the outgoing port's type.
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/forward_table.h"
#include "dataplane/packet.h"
#include "dataplane/topology.h"

#include <optional>

namespace dataplane {

// Sets direction, delivery, out_port, next_hop, to_group and connection_bits of the PacketMeta, or
// says why the packet goes nowhere.
[[nodiscard]] std::optional<DropReason> route_packet(rte_mbuf* mbuf,
                                                     const ForwardTable& routes,
                                                     const Topology& topology);

}  // namespace dataplane
