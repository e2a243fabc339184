// Bytes of a packet that may lie in several mbuf segments: what is behind the headers.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace dataplane {

// Precondition: the packet has `offset + length` bytes.
inline void copy_out(const rte_mbuf* from,
                     std::size_t offset,
                     std::size_t length,
                     std::uint8_t* to) {
    const void* data = rte_pktmbuf_read(
        from, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length), to);
    if (data != to && data != nullptr) {
        std::memcpy(to, data, length);
    }
}

}  // namespace dataplane
