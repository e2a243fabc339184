// AH (RFC 4302): the ICV covers the whole packet, with the fields that change on the way taken as
// zero (Appendix A). They are zeroed in the packet for the crypto run and put back afterwards.
#pragma once

#include "dataplane/ipsec_work.h"

#include <cstdint>

namespace dataplane {

// Fixed part, IV of a GMAC, ICV, and padding to 4 (IPv4) or 8 (IPv6) bytes (RFC 4302 2.6).
[[nodiscard]] std::uint32_t ah_header_bytes(const Sa& sa, config::Family family);
// What counts against the lifetime: all the ICV covers, the IP headers included.
[[nodiscard]] std::uint32_t ah_counted_bytes(const Sa& sa,
                                             config::Family family,
                                             std::uint32_t ip_bytes_without_ah);

// --- outbound

// The frame is a complete IP packet with room for the AH at work.offset (encap.h made it and set
// lengths, protocol and checksum); its meta says where the IP header is. Four bytes behind the
// packet's end must be writable tailroom. Writes the AH, sets mutable fields to zero and keeps them
// in `work`, fills the job. kIpBadExtension: headers before the AH too long to keep.
[[nodiscard]] IpsecCheck ah_prepare_protect(IpsecWork& work,
                                            std::uint8_t next_header,
                                            crypto::CryptoJob& job);
// After the run: puts the mutable fields back.
void ah_finish_protect(IpsecWork& work);

// --- inbound

// Checks the AH's length field against the SA, keeps ICV and mutable fields, zeroes them in the
// packet and fills the job. On a drop the packet is as it was.
[[nodiscard]] IpsecCheck ah_prepare_verify(IpsecWork& work, crypto::CryptoJob& job);
// After the run, whether the ICV was good or not: puts the mutable fields back.
void ah_restore(IpsecWork& work);

// The header behind the AH at work.offset.
struct AhPayload {
    std::uint16_t offset = 0;  // from the frame's start
    std::uint8_t next_header = 0;
};
[[nodiscard]] AhPayload ah_payload(const IpsecWork& work);

}  // namespace dataplane
