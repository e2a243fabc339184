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
        block_.mbuf.buf_addr = block_.bytes.data();
        block_.mbuf.data_off = 0;
        block_.mbuf.priv_size = sizeof(dataplane::PacketMeta);
        const bool v4 = input.source.family == config::Family::kIpv4;
        block_.meta = {};
        block_.meta.family = input.source.family;
        block_.meta.l3_offset = 14;
        block_.meta.protocol = input.protocol;
        block_.meta.source_port = input.source_port;
        block_.meta.destination_port = input.destination_port;
        block_.meta.connection_bits = static_cast<std::uint8_t>(
            (input.lan ? dataplane::kConnLan : 0) | (input.dialup ? dataplane::kConnDialup : 0));
        const std::size_t length = v4 ? 4 : 16;
        std::uint8_t* addresses = block_.bytes.data() + 14 + (v4 ? 12 : 8);
        std::memcpy(addresses, input.source.bytes.data(), length);
        std::memcpy(addresses + length, input.destination.bytes.data(), length);
    }

    [[nodiscard]] rte_mbuf* mbuf() { return &block_.mbuf; }
    [[nodiscard]] std::uint32_t row() const { return block_.meta.row; }

  private:
    struct Block {
        rte_mbuf mbuf{};
        dataplane::PacketMeta meta;  // rte_mbuf_to_priv: right after the mbuf
        std::array<std::uint8_t, 64> bytes{};
    };
    static_assert(offsetof(Block, meta) == sizeof(rte_mbuf));

    Block block_;
};

}  // namespace tests
