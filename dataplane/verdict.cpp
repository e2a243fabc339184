#include "dataplane/verdict.h"

#include "dataplane/wire.h"

#include <algorithm>
#include <array>

namespace dataplane {
namespace {

constexpr std::uint16_t kKerberosPort = 88;

// IKE, ESP and AH are exempt at every level.
struct LevelRow {
    bool groups;             // multicast and broadcast
    bool rsvp_and_kerberos;  // Kerberos: port 88 on either side
};

constexpr std::array kLevels = {
    LevelRow{true, true},
    LevelRow{true, false},
    LevelRow{false, true},
    LevelRow{false, false},
};

bool is_kerberos(const PacketMeta& meta) {
    return (meta.protocol == kProtoTcp || meta.protocol == kProtoUdp)
           && (meta.source_port == kKerberosPort || meta.destination_port == kKerberosPort);
}

}  // namespace

// By the port at our end: a peer's port would let any sender choose to be exempt.
bool is_ike(const PacketMeta& meta) {
    const std::uint16_t ours =
        meta.direction == Direction::kInbound ? meta.destination_port : meta.source_port;
    return meta.protocol == kProtoUdp && (ours == kIkePort || ours == kNatTraversalPort);
}

bool is_exempt(const PacketMeta& meta, Exemptions exemptions) {
    // RFC 4301 5.2 step 4: what came by an SA must match the rule that allows the SA.
    if (meta.direction == Direction::kTransit || meta.sa != kNoSa) {
        return false;
    }
    if (meta.protocol == kProtoEsp || meta.protocol == kProtoAh || is_ike(meta)) {
        return true;
    }
    const std::size_t level = std::min<std::size_t>(exemptions.level, kLevels.size() - 1);
    return (kLevels[level].groups && meta.to_group)
           || (kLevels[level].rsvp_and_kerberos
               && (meta.protocol == kProtoRsvp || is_kerberos(meta)));
}

}  // namespace dataplane
