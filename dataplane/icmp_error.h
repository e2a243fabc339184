// ICMP and ICMPv6 errors about a packet: which packets may be reported (RFC 1812 4.3.2.7, RFC 4443
// 2.4), the message itself, and the limit on how many are sent. Left out: redirects, parameter
// problems, source quench; a packet a filter blocked is never reported.
#pragma once

#include "config/types.h"
#include "dataplane/packet.h"

#include <algorithm>
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
// kernel (InjectionKind::kHostOutput). `mtu` is used by kTooBig. nullptr: no buffer.
// Precondition: may_report(offender), source of the offender's family.
[[nodiscard]] rte_mbuf* make_icmp_error(const rte_mbuf* offender,
                                        IcmpError error,
                                        const config::IpAddress& source,
                                        std::uint16_t mtu,
                                        rte_mempool* pool);

// RFC 1812 4.3.2.8, RFC 4443 2.4 (f): a token bucket. One per worker.
class IcmpErrorLimiter {
  public:
    static constexpr std::uint64_t kPerSecond = 100;
    static constexpr std::uint64_t kBurstSize = 50;

    explicit IcmpErrorLimiter(std::uint64_t tsc_hz)
        : ticks_per_token_(std::max<std::uint64_t>(tsc_hz / kPerSecond, 1)) {}

    [[nodiscard]] bool allow(std::uint64_t now);

  private:
    std::uint64_t ticks_per_token_;
    std::uint64_t tokens_ = kBurstSize;
    std::uint64_t filled_at_ = 0;
};

}  // namespace dataplane
