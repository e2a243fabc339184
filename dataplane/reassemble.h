// One packet out of the fragments of a complete datagram, because ESP and AH protect whole
// datagrams (RFC 4303 3.3.4, 3.4.1; RFC 4302 3.4.1).
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <rte_mempool.h>

#include <cstddef>
#include <span>

namespace dataplane {

// Room of the large pool's buffers: the largest datagram that is put together. With head and
// tailroom this is what a buffer's 16-bit length can say.
inline constexpr std::size_t kMaxReassembled = 65'000;

struct Reassembled {
    rte_mbuf* mbuf = nullptr;
    DropReason reason = DropReason::kNoBuffer;  // if mbuf is nullptr
};

// `fragments`: all of one datagram in offset order, as FragmentTable::add() returns them. The
// result is one contiguous packet with the first one's headers (without the IPv6 fragment header),
// lengths and checksum right, with the ECN of RFC 3168 5.3, and meta as parse() of it would give,
// origin, ports and sa kept. The fragments stay the caller's. From `pool` if it fits there with the
// headroom and tailroom that IPsec needs, else from `large`.
[[nodiscard]] Reassembled reassemble(std::span<rte_mbuf* const> fragments,
                                     rte_mempool* pool,
                                     rte_mempool* large);

}  // namespace dataplane
