// The one pool every packet of the gateway comes from.
#pragma once

#include "config/result.h"

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

namespace dataplane {

struct PacketPoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using PacketPool = std::unique_ptr<rte_mempool, PacketPoolDeleter>;

// `mbufs` packets with a PacketMeta each and room for a frame of `max_mtu` in one segment. Needs
// EAL. Errors: kSystem, saying how much memory to give.
[[nodiscard]] config::Result<PacketPool> make_packet_pool(const std::string& name,
                                                          std::uint32_t mbufs,
                                                          std::uint16_t max_mtu);

}  // namespace dataplane
