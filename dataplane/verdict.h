// What the filters say about one packet: whether any of them sees it at all (netsh `ipsecexempt`),
// and which of the winning row's two actions applies.
#pragma once

#include "dataplane/filter_table.h"
#include "dataplane/packet.h"

namespace dataplane {

// The packet is routed. Only traffic to or from this host is ever exempt, never transit.
[[nodiscard]] bool is_exempt(const PacketMeta& meta, Exemptions exemptions);

[[nodiscard]] constexpr config::Action action_for(const RowAction& row, Direction direction) {
    switch (direction) {
        case Direction::kInbound:
            return row.inbound;
        case Direction::kOutbound:
            return row.outbound;
        case Direction::kTransit:
            // A filter as written describes traffic that leaves, its mirror what comes back.
            return row.mirror ? row.inbound : row.outbound;
    }
    return config::Action::kBlock;
}

}  // namespace dataplane
