// A packet as the classify stage finds it: metadata filled in, addresses in place, nothing else.
// One object on plain memory, for tests and measurements of lookups without a pool.
#pragma once

#include "config/rule_match.h"
#include "dataplane/packet.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace tests {

class ParsedPacket {
  public:
    ParsedPacket() = default;
    explicit ParsedPacket(const config::MatchInput& input) { set(input); }
    ParsedPacket(const ParsedPacket&) = delete;
    ParsedPacket& operator=(const ParsedPacket&) = delete;

    void set(const config::MatchInput& input) {
        mbuf()->buf_addr = block_.data() + kBytesAt;
        mbuf()->data_off = 0;
        mbuf()->priv_size = sizeof(dataplane::PacketMeta);
        const bool v4 = input.source.family == config::Family::kIpv4;
        dataplane::PacketMeta& meta = dataplane::meta_of(mbuf());
        meta = {};
        meta.family = input.source.family;
        meta.l3_offset = kL3Offset;
        meta.protocol = input.protocol;
        meta.source_port = input.source_port;
        meta.destination_port = input.destination_port;
        meta.connection_bits = static_cast<std::uint8_t>(
            (input.lan ? dataplane::kConnLan : 0) | (input.dialup ? dataplane::kConnDialup : 0));
        const std::size_t length = v4 ? 4 : 16;
        std::uint8_t* addresses = block_.data() + kBytesAt + kL3Offset + (v4 ? 12 : 8);
        std::memcpy(addresses, input.source.bytes.data(), length);
        std::memcpy(addresses + length, input.destination.bytes.data(), length);
    }

    [[nodiscard]] rte_mbuf* mbuf() { return reinterpret_cast<rte_mbuf*>(block_.data()); }
    [[nodiscard]] std::uint32_t row() { return dataplane::meta_of(mbuf()).row; }

  private:
    // The metadata follows the mbuf, as in a pool; 64 bytes of frame follow them.
    static constexpr std::size_t kBytesAt = sizeof(rte_mbuf) + sizeof(dataplane::PacketMeta);
    static constexpr std::uint16_t kL3Offset = 14;

    alignas(RTE_CACHE_LINE_SIZE) std::array<std::uint8_t, kBytesAt + 64> block_{};
};

}  // namespace tests
