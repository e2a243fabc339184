// One packet out of the fragments of a complete datagram, because ESP and AH protect whole
// datagrams (RFC 4303 3.3.4, 3.4.1; RFC 4302 3.4.1).
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/packet_pool.h"

#include <rte_mempool.h>

#include <span>

namespace dataplane {

struct Reassembled {
    rte_mbuf* mbuf = nullptr;
    DropReason reason = DropReason::kNoBuffer;  // if mbuf is nullptr
};

// `fragments`: all of one datagram in offset order, as FragmentTable::add() returns them; they stay
// the caller's. The result is one contiguous packet with the first one's headers, and meta as
// parse() of it would give, with origin, ports, routing and sa of the first.
//
//   IPv4  the fragment word is zero, DF too: the datagram may be fragmented again, since it was
//         before and has an identification for that (RFC 6864 4); whole, it may exceed the next MTU
//   IPv6  without the fragment header (RFC 8200 4.5)
//   ECN   of all fragments together (RFC 3168 5.3): CE if one has it, else Not-ECT if one has it,
//         else the first one's; kEcnInvalid if CE meets Not-ECT
//
// From `pool` if it fits there with kPacketTailroom to spare, else from `large`. kNoBuffer: the
// pool it belongs to is empty. kReassembledTooLong: it fits neither, or has more than
// kMaxReassembled bytes.
[[nodiscard]] Reassembled reassemble(std::span<rte_mbuf* const> fragments,
                                     rte_mempool* pool,
                                     rte_mempool* large);

}  // namespace dataplane
