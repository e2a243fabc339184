#include "dataplane/forward.h"

#include "config/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/martian.h"
#include "dataplane/wire.h"

#include <cstring>

namespace dataplane {

using config::be16;
using config::Family;
using config::load;
using config::store;

bool decrement_ttl(rte_mbuf* mbuf, const PacketMeta& meta) {
    std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    std::uint8_t& ttl = ip[meta.family == Family::kIpv4 ? kIpv4Ttl : kIpv6HopLimit];
    if (ttl <= 1) {
        return false;
    }
    if (meta.family == Family::kIpv6) {
        --ttl;
        return true;
    }
    const auto before = load<std::uint16_t>(ip + kIpv4Ttl);
    --ttl;
    store(ip + kIpv4Checksum,
          checksum_update(
              load<std::uint16_t>(ip + kIpv4Checksum), before, load<std::uint16_t>(ip + kIpv4Ttl)));
    return true;
}

void write_ethernet(rte_mbuf* mbuf,
                    const config::MacAddress& source,
                    const config::MacAddress& destination) {
    std::uint8_t* frame = bytes_at(mbuf, 0);
    std::memcpy(frame, destination.bytes.data(), destination.bytes.size());
    std::memcpy(frame + kEtherSource, source.bytes.data(), source.bytes.size());
}

config::MacAddress group_mac(Family family, const std::uint8_t* address) {
    if (!is_group(family, address)) {
        return {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    }
    if (family == Family::kIpv4) {
        const auto third = static_cast<std::uint8_t>(address[1] & 0x7FU);
        return {{0x01, 0x00, 0x5E, third, address[2], address[3]}};
    }
    return {{0x33, 0x33, address[12], address[13], address[14], address[15]}};
}

bool may_fragment(const rte_mbuf* mbuf, const PacketMeta& meta) {
    if (meta.family == Family::kIpv6) {
        return meta.origin == Origin::kGateway
               || (meta.origin == Origin::kHost && meta.reassembled);
    }
    const std::uint8_t* ip = bytes_at(mbuf, meta.l3_offset);
    return (load<be16>(ip + kIpv4Fragment).host() & kIpv4DontFragment) == 0;
}

}  // namespace dataplane
