// Two gateways and a wire between them: what one site sends arrives at the other as it was,
// whatever the method, and whatever the wire does, once.
#include "dataplane/parse.h"
#include "dataplane/wire.h"
#include "tests/support/gateway_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace {

using config::Cipher;
using config::Hash;
using config::IpsecProtocol;
using config::SaMode;
using dataplane::DropReason;
using dataplane::InjectionKind;
using tests::Bytes;
using tests::Family;
using tests::GatewayPair;
using tests::kLan;
using tests::kWan;
using tests::make_sa;
using tests::Packet;
using tests::SaEnds;
using tests::SaMethod;

std::string name_of(const SaMethod& method) {
    const std::string protocol = method.protocol == IpsecProtocol::kEsp ? "ESP" : "AH";
    return protocol + "[" + std::string(row_of(method.cipher).token) + ","
           + std::string(row_of(method.hash).token) + "]";
}

// Every method a filter action can name, bundles apart.
std::vector<SaMethod> all_methods() {
    std::vector<SaMethod> methods;
    for (const config::CipherRow& cipher : config::kCiphers) {
        if (cipher.aead) {
            methods.push_back({IpsecProtocol::kEsp, cipher.cipher, Hash::kNone});
            continue;
        }
        for (const config::HashRow& hash : config::kHashes) {
            const bool gmac = hash.bytes.iv != 0;
            // RFC 4303 3.2, RFC 3686 3.3
            const bool nothing = hash.hash == Hash::kNone
                                 && (cipher.cipher == Cipher::kNone || cipher.bytes.salt != 0);
            if (!nothing && (!gmac || cipher.cipher == Cipher::kNone)) {
                methods.push_back({IpsecProtocol::kEsp, cipher.cipher, hash.hash});
            }
        }
    }
    for (const config::HashRow& hash : config::kHashes) {
        if (hash.hash != Hash::kNone) {
            methods.push_back({IpsecProtocol::kAh, Cipher::kNone, hash.hash});
        }
    }
    return methods;
}

// The protocol number of a frame's outermost IP header.
std::uint8_t protocol_of(const Bytes& frame) {
    const bool v4 = frame[12] == 0x08 && frame[13] == 0x00;
    return frame[14 + (v4 ? dataplane::kIpv4Protocol : dataplane::kIpv6NextHeader)];
}

// A frame of from_west() as it must leave the other gateway.
Bytes as_it_arrives(Bytes frame) {
    const Bytes model = GatewayPair::at_east(Family::kV4, 0).bytes();
    std::copy_n(model.begin(), 12, frame.begin());
    frame[14 + dataplane::kIpv4Ttl] = 62;
    frame[14 + dataplane::kIpv4Checksum] = frame[14 + dataplane::kIpv4Checksum + 1] = 0;
    const std::uint16_t sum =
        tests::internet_checksum(Bytes(frame.begin() + 14, frame.begin() + 34));
    frame[14 + dataplane::kIpv4Checksum] = static_cast<std::uint8_t>(sum >> 8U);
    frame[14 + dataplane::kIpv4Checksum + 1] = static_cast<std::uint8_t>(sum);
    return frame;
}

class GatewayPairTest : public ::testing::Test {
  protected:
    ~GatewayPairTest() override {
        for (tests::PipelineHarness* gateway : {&net_.west, &net_.east}) {
            static_cast<void>(gateway->take_sent());
            gateway->discard_events();
            gateway->pipeline().drain();
            EXPECT_TRUE(gateway->pipeline().is_conserved());
            EXPECT_EQ(gateway->pool().in_use(), 0U);
            EXPECT_EQ(gateway->large_pool().in_use(), 0U);
        }
    }

    // What `frames` from the west site become on the wire.
    std::vector<Bytes> protect(std::span<const Bytes> frames) {
        net_.west.receive(kLan, frames);
        return GatewayPair::take_wire(net_.west);
    }
    // A tunnel from west to east only.
    void tunnel(SaEnds ends = make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2")) {
        net_.set_tunnel_rules();
        out_ = net_.connect_west_to_east(ends);
        in_ = net_.east.sas()
                  .find(dataplane::SpiKey{ends.inbound.spi,
                                          ends.inbound.protocol,
                                          ends.inbound.destination.family,
                                          ends.inbound.destination.bytes.data()})
                  ->handle;
    }

    GatewayPair net_;
    dataplane::SaHandle out_ = dataplane::kNoSa;
    dataplane::SaHandle in_ = dataplane::kNoSa;
};

struct TunnelRow {
    Family inner;
    Family outer;
    bool esn;
    bool udp;
};
constexpr std::array kTunnels{TunnelRow{Family::kV4, Family::kV4, false, false},
                              TunnelRow{Family::kV4, Family::kV6, true, false},
                              TunnelRow{Family::kV6, Family::kV4, true, false},
                              TunnelRow{Family::kV6, Family::kV6, false, false},
                              TunnelRow{Family::kV4, Family::kV4, true, true}};

TEST(GatewayPair, EveryMethodCarriesAPacketThroughEveryTunnel) {
    for (const SaMethod& method : all_methods()) {
        for (const TunnelRow& row : kTunnels) {
            const bool has_icv = method.hash != Hash::kNone || row_of(method.cipher).aead;
            if ((row.esn && !has_icv) || (row.udp && method.protocol == IpsecProtocol::kAh)) {
                continue;
            }
            SCOPED_TRACE(name_of(method));
            GatewayPair net;
            net.set_tunnel_rules(row.outer);
            const bool v4 = row.outer == Family::kV4;
            net.connect_west_to_east(make_sa(0x1000,
                                             SaMode::kTunnel,
                                             v4 ? "192.0.2.1" : "2001:db8:f::1",
                                             v4 ? "192.0.2.2" : "2001:db8:f::2",
                                             method)
                                         .change([&](config::SaSpec& spec) {
                                             spec.esn = row.esn;
                                             if (row.udp) {
                                                 spec.encapsulation.emplace();
                                             }
                                         }));
            for (const std::size_t size : {0U, 1U, 17U, 1200U}) {
                net.west.receive(kLan, GatewayPair::from_west(row.inner, size).bytes());
                const std::vector<Bytes> wire = GatewayPair::take_wire(net.west);
                ASSERT_EQ(wire.size(), 1U);
                const auto number = static_cast<std::uint8_t>(method.protocol);
                EXPECT_EQ(protocol_of(wire[0]), row.udp ? dataplane::kProtoUdp : number);
                net.east.receive(kWan, wire);
                EXPECT_EQ(GatewayPair::take_lan(net.east),
                          std::vector<Bytes>{GatewayPair::at_east(row.inner, size).bytes()});
            }
            EXPECT_EQ(net.east.all_drops(), 0U);
        }
    }
}

TEST(GatewayPair, EveryMethodCarriesAPacketBetweenTheGatewaysInTransportMode) {
    for (const SaMethod& method : all_methods()) {
        for (const Family family : {Family::kV4, Family::kV6}) {
            SCOPED_TRACE(name_of(method));
            const bool v4 = family == Family::kV4;
            GatewayPair net;
            net.set_transport_rules();
            net.connect_west_to_east(make_sa(0x1000,
                                             SaMode::kTransport,
                                             v4 ? "192.0.2.1" : "2001:db8:f::1",
                                             v4 ? "192.0.2.2" : "2001:db8:f::2",
                                             method));
            for (const std::size_t size : {0U, 3U, 1200U}) {
                Packet packet;
                packet.eth(tests::kWestWanMac, tests::kEastWanMac);
                v4 ? packet.ipv4("192.0.2.1", "192.0.2.2")
                   : packet.ipv6("2001:db8:f::1", "2001:db8:f::2");
                const Bytes frame = packet.udp(7, 9).payload(size).bytes();
                net.west.inject(InjectionKind::kHostOutput, kWan, frame);
                const std::vector<Bytes> wire = GatewayPair::take_wire(net.west);
                ASSERT_EQ(wire.size(), 1U);
                EXPECT_EQ(protocol_of(wire[0]), static_cast<std::uint8_t>(method.protocol));
                net.east.receive(kWan, wire);
                EXPECT_EQ(GatewayPair::take_host(net.east), std::vector<Bytes>{frame});
            }
        }
    }
}

TEST_F(GatewayPairTest, ABundleNeedsBothOfItsHalves) {
    net_.set_tunnel_rules();
    const SaMethod ah_method{IpsecProtocol::kAh, Cipher::kNone, Hash::kSha1};
    const SaEnds ah = make_sa(0x2000, SaMode::kTransport, "192.0.2.1", "192.0.2.2", ah_method);
    const SaEnds esp = make_sa(0x1000,
                               SaMode::kTunnel,
                               "192.0.2.1",
                               "192.0.2.2",
                               {IpsecProtocol::kEsp, Cipher::k3des, Hash::kSha1});
    net_.east.add_bundle(ah.inbound, esp.inbound);
    net_.west.add_bundle(ah.outbound, esp.outbound);
    const std::vector<Bytes> wire = protect({{GatewayPair::from_west(Family::kV4, 100).bytes()}});
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(protocol_of(wire[0]), dataplane::kProtoAh);
    net_.east.receive(kWan, wire);
    EXPECT_EQ(GatewayPair::take_lan(net_.east),
              std::vector<Bytes>{GatewayPair::at_east(Family::kV4, 100).bytes()});

    // The same ESP without the AH around it.
    GatewayPair plain;
    plain.set_tunnel_rules();
    plain.west.add_sa(esp.outbound);
    plain.west.receive(kLan, GatewayPair::from_west(Family::kV4, 100).bytes());
    net_.east.receive(kWan, GatewayPair::take_wire(plain.west));
    EXPECT_EQ(net_.east.drops(DropReason::kBundleMismatch), 1U);
}

TEST_F(GatewayPairTest, ALossyWireLosesPacketsAndNothingElse) {
    tunnel(
        make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").change([](config::SaSpec& spec) {
            spec.replay_window = 256;
            spec.esn = true;
        }));
    std::mt19937_64 random(7);
    std::map<Bytes, int> expected;
    std::map<Bytes, int> arrived;
    std::vector<Bytes> in_flight;
    for (int round = 0; round < 400; ++round) {
        std::vector<Bytes> frames;
        for (unsigned i = 0; i < 8; ++i) {
            const auto size = 8 + random() % 400;
            const auto mark = static_cast<std::uint8_t>(random());
            frames.push_back(GatewayPair::from_west(Family::kV4, size, mark)
                                 .id(static_cast<std::uint16_t>(round * 8 + static_cast<int>(i)))
                                 .bytes());
        }
        for (Bytes& frame : protect(frames)) {
            switch (random() % 8) {
                case 0:  // lost
                    break;
                case 1:  // corrupted, somewhere behind the ESP header
                    frame[42 + random() % (frame.size() - 42)] ^=
                        static_cast<std::uint8_t>(1U << (random() % 8));
                    in_flight.push_back(frame);
                    break;
                case 2:  // twice
                    in_flight.push_back(frame);
                    [[fallthrough]];
                default:
                    in_flight.push_back(frame);
                    break;
            }
        }
        std::shuffle(in_flight.begin(), in_flight.end(), random);
        const std::size_t stay = round == 399 ? 0 : in_flight.size() / 2;
        const std::vector<Bytes> out(in_flight.begin() + static_cast<std::ptrdiff_t>(stay),
                                     in_flight.end());
        in_flight.resize(stay);
        net_.east.receive(kWan, out);
        for (const Bytes& frame : GatewayPair::take_lan(net_.east)) {
            ++arrived[frame];
        }
        for (const Bytes& frame : frames) {
            ++expected[as_it_arrives(frame)];
        }
    }
    for (const auto& [frame, count] : arrived) {
        EXPECT_EQ(count, 1);
        EXPECT_EQ(expected.count(frame), 1U);
    }
    EXPECT_GT(arrived.size(), 1500U);
    EXPECT_GT(net_.east.drops(DropReason::kReplayed), 0U);
    EXPECT_GT(net_.east.drops(DropReason::kIcvMismatch), 0U);
}

// Old and new SAs side by side: the receiver has the new one first, the sender changes over between
// two bursts, and what is under way by the old one still arrives.
TEST_F(GatewayPairTest, RekeyingLosesAndRefusesNothing) {
    tunnel();
    std::vector<Bytes> in_flight;
    std::size_t sent = 0;
    std::size_t arrived = 0;
    const auto deliver = [&](std::size_t left) {
        const auto end = in_flight.end() - static_cast<std::ptrdiff_t>(left);
        net_.east.receive(kWan, std::vector(in_flight.begin(), end));
        in_flight.erase(in_flight.begin(), end);
        arrived += GatewayPair::take_lan(net_.east).size();
    };
    // Of eight packets; two bursts are under way.
    const auto burst = [&] {
        const std::vector<Bytes> frames(8, GatewayPair::from_west(Family::kV4, 40).bytes());
        for (Bytes& frame : protect(frames)) {
            in_flight.push_back(std::move(frame));
        }
        sent += frames.size();
        deliver(std::min<std::size_t>(in_flight.size(), 16));
    };
    burst();
    for (std::uint32_t spi = 0x2000; spi < 0x2014; ++spi) {
        const SaEnds ends = make_sa(spi, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
        const dataplane::SaHandle in = net_.east.add_sa(ends.inbound);
        burst();
        const dataplane::SaHandle out = net_.west.add_sa(ends.outbound);
        burst();
        // Both ends rekeyed at once: the later pair is one too many.
        const SaEnds extra = make_sa(spi + 0x100, SaMode::kTunnel, "192.0.2.1", "192.0.2.2");
        const dataplane::SaHandle extra_in = net_.east.add_sa(extra.inbound);
        const dataplane::SaHandle extra_out = net_.west.add_sa(extra.outbound);
        burst();
        EXPECT_TRUE(net_.west.sas().retire(out_));
        EXPECT_TRUE(net_.west.sas().retire(extra_out));
        const std::uint64_t by_old = net_.west.sa(out_).packets + net_.west.sa(extra_out).packets;
        const std::uint64_t by_new = net_.west.sa(out).packets;
        burst();
        burst();
        burst();
        EXPECT_EQ(net_.west.sa(out_).packets + net_.west.sa(extra_out).packets, by_old);
        EXPECT_EQ(net_.west.sa(out).packets, by_new + 24);
        for (const dataplane::SaHandle handle : {out_, extra_out}) {
            EXPECT_TRUE(net_.west.sas().remove(handle));
        }
        for (const dataplane::SaHandle handle : {in_, extra_in}) {
            EXPECT_TRUE(net_.east.sas().remove(handle));
        }
        out_ = out;
        in_ = in;
    }
    deliver(0);
    EXPECT_EQ(arrived, sent);
    EXPECT_EQ(net_.west.all_drops(), 0U) << net_.west.drop_report();
    EXPECT_EQ(net_.east.all_drops(), 0U) << net_.east.drop_report();
}

TEST_F(GatewayPairTest, ATunnelInUdpFollowsItsPeerWithoutLosingANumber) {
    tunnel(
        make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").change([](config::SaSpec& spec) {
            spec.encapsulation.emplace();
        }));
    const auto port_of = [](const Bytes& frame) { return frame[36] * 256U + frame[37]; };
    const std::vector<Bytes> frames{GatewayPair::from_west(Family::kV4, 20).bytes()};
    std::vector<Bytes> wire = protect(frames);
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(port_of(wire[0]), 4500U);
    const auto east = tests::address("192.0.2.2");
    EXPECT_TRUE(net_.west.sas().move_peer(out_, east, 40001));
    wire = protect(frames);
    ASSERT_EQ(wire.size(), 1U);
    EXPECT_EQ(port_of(wire[0]), 40001U);
    EXPECT_EQ(wire[0][14 + 20 + 8 + 7], 2U) << "the sequence number";
    // A NAT in front of east makes it 4500 again.
    wire[0][36] = 4500 / 256;
    wire[0][37] = 4500 % 256;
    net_.east.receive(kWan, wire);
    EXPECT_EQ(GatewayPair::take_lan(net_.east).size(), 1U) << net_.east.drop_report();
    // Another address: the packet waits for that neighbour.
    EXPECT_TRUE(net_.west.sas().move_peer(out_, tests::address("192.0.2.9"), 40002));
    EXPECT_TRUE(protect(frames).empty());
    std::vector<dataplane::Event> events = net_.west.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, dataplane::EventKind::kUnresolved);
    EXPECT_EQ(events[0].address, tests::address("192.0.2.9"));
    const Bytes waiting = tests::FakePool::bytes_of(events[0].mbuf);
    rte_pktmbuf_free(events[0].mbuf);
    EXPECT_EQ(port_of(waiting), 40002U);
    const Bytes header(waiting.begin() + 14, waiting.begin() + 34);
    EXPECT_EQ(tests::internet_checksum(header), 0U);
    EXPECT_EQ(waiting[14 + 19], 9U);
    EXPECT_EQ(waiting[14 + 20 + 8 + 7], 3U);
}

TEST_F(GatewayPairTest, ExtendedSequenceNumbersPassThe32BitBoundary) {
    tunnel(
        make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2").change([](config::SaSpec& spec) {
            spec.esn = true;
        }));
    const std::uint64_t start = 0xFFFFFFF0;
    net_.west.sa(out_).sequence = start;
    // The peer saw everything up to here.
    ASSERT_EQ(net_.east.sa(in_).replay.commit(start), dataplane::ReplayVerdict::kNew);
    for (std::uint8_t i = 0; i < 32; ++i) {
        const std::vector<Bytes> wire =
            protect({{GatewayPair::from_west(Family::kV4, 20, i).bytes()}});
        net_.east.receive(kWan, wire);
        net_.east.receive(kWan, wire);  // a replay, on either side of the boundary
        EXPECT_EQ(GatewayPair::take_lan(net_.east),
                  std::vector<Bytes>{GatewayPair::at_east(Family::kV4, 20, i).bytes()})
            << net_.east.drop_report();
    }
    EXPECT_EQ(net_.east.sa(in_).replay.top(), start + 32);
    EXPECT_EQ(net_.east.drops(DropReason::kReplayed), 32U);
}

TEST_F(GatewayPairTest, WithoutExtendedSequenceNumbersAnSaEndsAtTheBoundary) {
    tunnel();
    net_.west.sa(out_).sequence = 0xFFFFFFFE;
    const Bytes frame = GatewayPair::from_west(Family::kV4, 20).bytes();
    EXPECT_EQ(protect({{frame}}).size(), 1U);
    EXPECT_EQ(protect({{frame}}).size(), 0U);
    EXPECT_EQ(net_.west.drops(DropReason::kSequenceExhausted), 1U);
}

TEST_F(GatewayPairTest, FragmentsOfProtectedPacketsArePutTogetherBeforeTheyAreVerified) {
    for (const config::FragmentPolicy policy :
         {config::FragmentPolicy::kBefore, config::FragmentPolicy::kAfter}) {
        GatewayPair net;
        net.set_tunnel_rules();
        net.connect_west_to_east(
            make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2")
                .change([&](config::SaSpec& spec) { spec.fragments = policy; }));
        net.west.receive(kLan, GatewayPair::from_west(Family::kV4, 1460).bytes());
        std::vector<Bytes> wire = GatewayPair::take_wire(net.west);
        ASSERT_EQ(wire.size(), 2U);
        std::reverse(wire.begin(), wire.end());
        net.east.receive(kWan, wire);
        const std::vector<Bytes> arrived = GatewayPair::take_lan(net.east);
        if (policy == config::FragmentPolicy::kAfter) {
            EXPECT_EQ(arrived, std::vector<Bytes>{GatewayPair::at_east(Family::kV4, 1460).bytes()});
            EXPECT_EQ(net.east.counters().merged.read(), 1U);
        } else {
            // Each fragment was a packet of its own to the tunnel; the host puts them together.
            EXPECT_EQ(arrived.size(), 2U);
        }
        EXPECT_EQ(net.east.all_drops(), 0U);
    }
}

TEST_F(GatewayPairTest, ADatagramOfTheKernelIsProtectedAsAWholeInTransportMode) {
    net_.set_transport_rules();
    net_.connect_west_to_east(make_sa(0x1000, SaMode::kTransport, "192.0.2.1", "192.0.2.2"));
    const auto fragment = [](std::uint16_t offset, bool more, std::size_t bytes) {
        return Packet()
            .eth(tests::kWestWanMac, tests::kEastWanMac)
            .ipv4("192.0.2.1", "192.0.2.2")
            .id(77)
            .fragment(offset, more)
            .protocol(dataplane::kProtoUdp)
            .payload(bytes, offset == 0 ? 0 : 1)
            .bytes();
    };
    net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(0, true, 1480));
    EXPECT_TRUE(GatewayPair::take_wire(net_.west).empty());
    net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(1480, false, 900));
    const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
    ASSERT_EQ(wire.size(), 2U);  // the ESP packet does not fit the link
    EXPECT_EQ(protocol_of(wire[0]), dataplane::kProtoEsp);
    net_.east.receive(kWan, wire);
    const std::vector<Bytes> arrived = GatewayPair::take_host(net_.east);
    ASSERT_EQ(arrived.size(), 1U);
    EXPECT_EQ(arrived[0].size(), 14U + 20 + 2380);
}

TEST_F(GatewayPairTest, OneBurstMixesDirectionsSasAndClearPackets) {
    net_.set_tunnel_rules();
    net_.connect(make_sa(0x1000, SaMode::kTunnel, "192.0.2.1", "192.0.2.2"),
                 make_sa(0x1001,
                         SaMode::kTunnel,
                         "192.0.2.2",
                         "192.0.2.1",
                         {IpsecProtocol::kEsp, Cipher::kAes128, Hash::kSha1}));
    // Something for west to decrypt and something for it to encrypt, in one burst on one port.
    net_.east.receive(kLan,
                      Packet()
                          .eth(tests::kPeerMac, tests::kEastLanMac)
                          .ipv4("10.2.0.1", "10.1.0.1")
                          .udp(9, 7)
                          .payload(50)
                          .bytes());
    std::vector<Bytes> burst = GatewayPair::take_wire(net_.east);
    ASSERT_EQ(burst.size(), 1U);
    burst.push_back(Packet()
                        .eth(tests::kEastWanMac, tests::kWestWanMac)
                        .ipv4("10.1.0.9", "10.2.0.1")
                        .udp(7, 9)
                        .payload(60)
                        .bytes());
    burst.push_back(Packet()
                        .eth(tests::kEastWanMac, tests::kWestWanMac)
                        .ipv4("192.0.2.2", "192.0.2.1")
                        .icmp(8)
                        .payload(8)
                        .bytes());
    net_.west.receive(kWan, burst);
    EXPECT_EQ(GatewayPair::take_lan(net_.west).size(), 1U);
    EXPECT_EQ(GatewayPair::take_wire(net_.west).size(), 1U);
    EXPECT_EQ(GatewayPair::take_host(net_.west).size(), 1U);
    EXPECT_EQ(net_.west.all_drops(), 0U);
}

// RFC 8200 4.5: its source may cut it, which is this host and has cut it already.
TEST_F(GatewayPairTest, AnIpv6DatagramThatTheKernelCutIsCutAgainOnceItIsProtected) {
    net_.set_transport_rules();
    net_.connect_west_to_east(
        make_sa(0x1000, SaMode::kTransport, "2001:db8:f::1", "2001:db8:f::2"));
    const auto fragment = [](std::uint16_t offset, bool more, std::size_t bytes) {
        Packet packet;
        packet.eth(tests::kWestWanMac, tests::kEastWanMac)
            .ipv6("2001:db8:f::1", "2001:db8:f::2")
            .fragment6(offset, more, 77);
        if (offset == 0) {
            return packet.udp(7, 9).payload(bytes - 8).bytes();
        }
        return packet.protocol(dataplane::kProtoUdp).payload(bytes).bytes();
    };
    // 1,490 and 2,840 bytes of datagram; the kernel has been told of 1,466.
    for (const std::size_t rest : {std::size_t{42}, std::size_t{1392}}) {
        net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(0, true, 1408));
        net_.west.inject(InjectionKind::kHostOutput, kWan, fragment(1408, false, rest));
        const std::vector<Bytes> wire = GatewayPair::take_wire(net_.west);
        ASSERT_GE(wire.size(), 2U) << net_.west.drop_report();
        for (const Bytes& frame : wire) {
            EXPECT_EQ(frame[14 + 6], dataplane::kProtoFragment);
            EXPECT_EQ(frame[14 + 40], dataplane::kProtoEsp);
        }
        net_.east.receive(kWan, wire);
        const std::vector<Bytes> arrived = GatewayPair::take_host(net_.east);
        ASSERT_EQ(arrived.size(), 1U) << net_.east.drop_report();
        EXPECT_EQ(arrived[0].size(), 14 + 40 + 1408 + rest);
    }
}

}  // namespace
