// ESP (RFC 4303), the packet's side of it: headers, padding, IV and ICV around a payload. Tunnel
// headers and UDP encapsulation are dataplane/encap.h's, the window and lifetimes dataplane/sa.h's.
// Left out: TFC padding and dummy packets of our own (received ones are dropped as such).
#pragma once

#include "dataplane/ipsec_work.h"
#include "dataplane/iv_source.h"

#include <cstdint>

namespace dataplane {

// --- outbound

// Bytes of padding, pad length and next header for a payload of `payload` bytes.
[[nodiscard]] std::uint32_t esp_trailer_bytes(const Sa& sa, std::uint32_t payload);
// What ESP adds to `payload` bytes: header, IV, padding, trailer, ICV.
[[nodiscard]] std::uint32_t esp_overhead(const Sa& sa, std::uint32_t payload);
// What counts against the lifetime: payload with padding and trailer.
[[nodiscard]] std::uint32_t esp_counted_bytes(const Sa& sa, std::uint32_t payload);

// The frame has `payload` bytes of payload at the end, and right in front of them room for ESP
// header and IV, which starts at work.offset; behind, in the tailroom, room for trailer, ICV and
// four bytes more (encap.h made both sure). Writes header, IV and trailer, makes the mbuf end
// behind the ICV, and fills the job. `next_header` is that of the payload.
void esp_prepare_protect(IpsecWork& work,
                         std::uint32_t payload,
                         std::uint8_t next_header,
                         IvSource& ivs,
                         crypto::CryptoJob& job);

// --- inbound

// Lengths of the packet at work.offset (up to the packet's end); fills the job. work.sequence is
// set.
[[nodiscard]] IpsecCheck esp_prepare_verify(IpsecWork& work, crypto::CryptoJob& job);

struct EspPayload {
    std::uint16_t offset = 0;  // of the payload, from the frame's start
    std::uint32_t length = 0;  // without padding
    std::uint8_t next_header = 0;
};
// After the ICV was found good and the packet decrypted: checks the trailer (RFC 4303 2.4: padding
// bytes 1, 2, 3...), says where the payload is and changes nothing. kEspDummy: RFC 4303 2.6.
[[nodiscard]] IpsecCheck esp_finish_verify(const IpsecWork& work, EspPayload& payload);

}  // namespace dataplane
