// ICMP and ICMPv6 errors about a packet: which packets may be reported (RFC 1812 4.3.2.7, RFC 4443
// 2.4), the message itself, and the limit on how many are sent. Left out: redirects, parameter
// problems, source quench; a packet a filter blocked is never reported.
#pragma once

#include "config/types.h"
#include "dataplane/packet.h"
#include "dataplane/token_bucket.h"

#include <cstdint>

namespace dataplane {

enum class IcmpError : std::uint8_t {
    kTimeExceeded,
    kNoRoute,          // net unreachable, no route to destination
    kHostUnreachable,  // host unreachable, address unreachable
    kTooBig,           // fragmentation needed and DF set, packet too big
};

// Whether the RFCs allow an error about this parsed packet at all.
[[nodiscard]] bool may_report(const rte_mbuf* offender);

// A frame with a blank Ethernet header, from `source` to the offender's sender, as if read from the
// kernel (InjectionKind::kHostOutput). nullptr: no buffer. Precondition: may_report(offender),
// source of the offender's family.
//
// `mtu`, for kTooBig: the longest packet like the offender that would have passed. Where it was to
// be protected that is less than the link's: payload_mtu(). In IPv6 never less than 1280 is
// reported, because a lower value must be ignored (RFC 8201 4): the gateway then fragments what it
// protected (RFC 2473 7.1).
[[nodiscard]] rte_mbuf* make_icmp_error(const rte_mbuf* offender,
                                        IcmpError error,
                                        const config::IpAddress& source,
                                        std::uint16_t mtu,
                                        rte_mempool* pool);

// The same about a packet of this host's own kernel (Origin::kHost): a complete frame for the TAP
// of the offender's in_port, whose address is `port_mac`. The pipeline raises it there as
// kHostPacket; no filter sees it, as none would see the error a sending socket gets from its own IP
// stack. It seems to come from the offender's destination, because the kernel discards what arrives
// with a source address of its own. Precondition: may_report(offender), which holds for no message
// made here.
[[nodiscard]] rte_mbuf* make_icmp_error_for_host(const rte_mbuf* offender,
                                                 IcmpError error,
                                                 const config::MacAddress& port_mac,
                                                 std::uint16_t mtu,
                                                 rte_mempool* pool);

// RFC 1812 4.3.2.8, RFC 4443 2.4 (f): a token bucket. One per worker.
class IcmpErrorLimiter {
  public:
    static constexpr std::uint64_t kPerSecond = 100;
    static constexpr std::uint64_t kBurstSize = 50;

    explicit IcmpErrorLimiter(std::uint64_t tsc_hz) : bucket_(kPerSecond, kBurstSize, tsc_hz) {}

    [[nodiscard]] bool allow(std::uint64_t now) { return bucket_.allow(now); }

  private:
    TokenBucket bucket_;
};

}  // namespace dataplane
