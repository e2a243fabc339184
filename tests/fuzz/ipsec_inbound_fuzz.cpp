// Packets of a fuzzer's choice for a gateway with SAs, through the whole pipeline: as they are,
// with an SA's SPI, and behind a valid ICV, so that what an attacker with keys puts inside meets
// the parser, the policy check and the fragment table too. Nothing crashes or leaks, and every
// packet is accounted for. Input: records of {kind, length (2 bytes), bytes}.
#include "tests/support/gateway_pair.h"
#include "tests/support/ipsec_oracle.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using config::Cipher;
using config::Hash;
using config::IpsecProtocol;
using config::SaMode;
using tests::Bytes;
using tests::GatewayPair;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct Peer {
    config::SaSpec outbound;  // the peer's side
    std::uint64_t sequence = 0;
};

// East is the gateway under attack; the attacker is west and has the keys.
struct World {
    GatewayPair net{256};
    std::vector<Peer> peers;

    World() {
        net.set_rules(net.east,
                      {tests::negotiate_rule("10.1.0.0/16", "10.2.0.0/16", "192.0.2.2"),
                       tests::negotiate_rule("10.2.0.0/16", "10.1.0.0/16", "192.0.2.1"),
                       tests::negotiate_rule("2001:db8:1::/64", "2001:db8:2::/64", "192.0.2.2"),
                       tests::negotiate_rule("192.0.2.1/32", "192.0.2.2/32", {}, true)});
        const tests::SaMethod gcm{};
        const tests::SaMethod null_sha1{IpsecProtocol::kEsp, Cipher::kNone, Hash::kSha1};
        const tests::SaMethod ah{IpsecProtocol::kAh, Cipher::kNone, Hash::kSha1};
        std::uint32_t spi = 0x1000;
        for (const SaMode mode : {SaMode::kTunnel, SaMode::kTransport}) {
            for (const tests::SaMethod& method : {gcm, null_sha1, ah}) {
                const tests::SaEnds ends =
                    tests::make_sa(spi++, mode, "192.0.2.1", "192.0.2.2", method);
                net.east.add_sa(ends.inbound);
                peers.push_back({ends.outbound});
            }
        }
    }
};

// An IP packet from west to east with these bytes behind its header.
Bytes frame_of(std::uint8_t protocol, const Bytes& payload) {
    return tests::Packet()
        .eth(tests::kWestWanMac, tests::kEastWanMac)
        .ipv4("192.0.2.1", "192.0.2.2")
        .protocol(protocol)
        .payload(payload)
        .bytes();
}

// What the peer sends if `bytes` is what it protects. A last byte chooses the next header.
Bytes protected_frame(Peer& peer, Bytes bytes) {
    const config::SaSpec& sa = peer.outbound;
    const std::uint64_t sequence = ++peer.sequence;
    Bytes iv(tests::iv_bytes(sa), 0);
    for (std::size_t i = 0; i < iv.size(); ++i) {
        iv[i] = static_cast<std::uint8_t>(sequence >> (8 * (i % 8)));
    }
    if (sa.protocol == IpsecProtocol::kEsp) {
        // At the front, so that pad length and next header are the fuzzer's as well.
        bytes.insert(bytes.begin(), bytes.empty() ? 4 : (4 - bytes.size() % 4) % 4, 0);
        return frame_of(50, tests::esp_protect(sa, sequence, iv, bytes));
    }
    const std::uint8_t next = bytes.empty() ? std::uint8_t{4} : bytes.back();
    const Bytes frame = frame_of(next, bytes);
    const Bytes ip(frame.begin() + 14, frame.end());
    const Bytes with_ah = tests::ah_protect(sa, sequence, iv, ip);
    Bytes out(frame.begin(), frame.begin() + 14);
    out.insert(out.end(), with_ah.begin(), with_ah.end());
    return out;
}

Bytes frame_for(World& world, std::uint8_t kind, const Bytes& bytes) {
    Peer& peer = world.peers[kind % world.peers.size()];
    if ((kind & 0x80U) != 0) {
        return protected_frame(peer, bytes);
    }
    if ((kind & 0x40U) != 0) {
        return bytes;  // a whole frame
    }
    // ESP or AH with an SPI that exists.
    Bytes body = bytes;
    const std::size_t spi_at = peer.outbound.protocol == IpsecProtocol::kAh ? 4 : 0;
    body.resize(std::max(body.size(), spi_at + 4));
    for (std::size_t i = 0; i < 4; ++i) {
        body[spi_at + i] = static_cast<std::uint8_t>(peer.outbound.spi >> (24 - 8 * i));
    }
    return frame_of(static_cast<std::uint8_t>(peer.outbound.protocol), body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    tests::PipelineHarness& east = world.net.east;
    east.now += tests::kTscHz * 60;
    while (size >= 3) {
        const std::size_t length =
            std::min<std::size_t>((data[1] * 256U + data[2]) % 2048, size - 3);
        const Bytes bytes(data + 3, data + 3 + length);
        east.receive(tests::kWan, frame_for(world, data[0], bytes));
        static_cast<void>(east.take_sent());
        east.discard_events();
        data += 3 + length;
        size -= 3 + length;
    }
    east.pipeline().expire(east.now);
    east.pipeline().drain();
    require(east.pipeline().is_conserved());
    require(east.pool().in_use() == 0);
    require(east.large_pool().in_use() == 0);
    return 0;
}
