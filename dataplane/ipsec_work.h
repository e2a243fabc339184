// One packet between the two loops around a burst's crypto run: the first loop prepares every
// packet and fills its job, then all jobs run at once, then the second loop finishes every packet.
#pragma once

#include "crypto/crypto_job.h"
#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/sa.h"

#include <array>
#include <cstdint>
#include <optional>

namespace dataplane {

// IPv4 with options, or IPv6 with extension headers, in front of an AH. Longer chains are refused.
inline constexpr std::size_t kMaxAhHeader = 256;

// writer: the worker; readers: the same
struct alignas(RTE_CACHE_LINE_SIZE) IpsecWork {
    rte_mbuf* mbuf = nullptr;
    Sa* sa = nullptr;
    std::uint32_t spi = 0;
    std::uint64_t sequence = 0;          // whole, also where only its low half is in the packet
    std::uint16_t offset = 0;            // of the ESP or AH header, from the frame's start
    std::uint16_t header_bytes = 0;      // AH: how much of `header` is used
    std::array<std::uint8_t, 16> aad{};  // AEAD and GMAC with extended sequence numbers
    std::array<std::uint8_t, 64> icv{};  // AH: the ICV field as received, and the IV of a GMAC
    std::array<std::uint8_t, kMaxAhHeader> header{};  // AH: the headers as they stood in the packet
};

// Nothing: go on.
using IpsecCheck = std::optional<DropReason>;

}  // namespace dataplane
