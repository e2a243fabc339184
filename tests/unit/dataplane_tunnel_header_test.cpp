#include "dataplane/tunnel_header.h"
#include "tests/support/packet_builder.h"
#include "tests/support/sa_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using config::DfPolicy;
using config::Family;
using config::SaSpec;
using tests::Bytes;
using tests::Packet;

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

constexpr std::uint8_t kDscp = 0x2E;  // expedited forwarding, in six bits

Bytes without_ethernet(const Packet& packet) {
    const Bytes frame = packet.bytes();
    return {frame.begin() + 14, frame.end()};
}

// A packet of the family with this TOS or traffic class.
Packet packet_of(Family family, std::uint8_t traffic_class) {
    if (family == Family::kIpv4) {
        return Packet()
            .eth()
            .ipv4("10.0.0.1", "10.0.1.1")
            .udp(1, 2)
            .payload(20)
            .poke_ipv4(1, traffic_class);
    }
    return Packet()
        .eth()
        .ipv6("2001:db8::1", "2001:db8::2")
        .udp(1, 2)
        .payload(20)
        .poke(14, static_cast<std::uint8_t>(0x60U | traffic_class >> 4U))
        .poke(15,
              static_cast<std::uint8_t>((traffic_class & 0x0FU) << 4U | 5U));  // flow label 0x5....
}

SaSpec tunnel_of(Family family) {
    const SaSpec spec = tests::sa_spec({config::Cipher::kNone, config::Hash::kSha1});
    return family == Family::kIpv4 ? tests::tunnel(spec, "192.0.2.1", "192.0.2.2")
                                   : tests::tunnel(spec, "2001:db8:9::1", "2001:db8:9::2");
}

Bytes header_for(const SaSpec& spec, const Bytes& inner, Family family, std::uint64_t sequence) {
    const auto sa = tests::make_sa(spec);
    Bytes outer(dataplane::ip_header_bytes(sa->family), 0xEE);
    dataplane::write_tunnel_header(outer.data(),
                                   *sa,
                                   {.length = 1000, .protocol = 50, .sequence = sequence},
                                   inner.data(),
                                   family);
    return outer;
}

TEST(TunnelHeaderTest, WritesEveryFieldOfIpv4) {
    const Bytes inner = without_ethernet(packet_of(Family::kIpv4, 0));
    // 0x5678 + 0x1234 + 9, of SPI and sequence number.
    const Bytes expected = without_ethernet(
        Packet().eth().ipv4("192.0.2.1", "192.0.2.2").id(0x68B5).ttl(64).protocol(50).payload(980));
    EXPECT_EQ(header_for(tunnel_of(Family::kIpv4), inner, Family::kIpv4, 9),
              Bytes(expected.begin(), expected.begin() + 20));
}

TEST(TunnelHeaderTest, WritesEveryFieldOfIpv6) {
    const Bytes inner = without_ethernet(packet_of(Family::kIpv4, 0xFF));
    const Bytes expected = without_ethernet(Packet()
                                                .eth()
                                                .ipv6("2001:db8:9::1", "2001:db8:9::2")
                                                .ttl(64)
                                                .protocol(50)
                                                .payload(960)
                                                .poke(14, 0x6F)
                                                .poke(15, 0xF5)  // 0x12345678 ^ 0x12345: 0x5753D
                                                .poke(16, 0x75)
                                                .poke(17, 0x3D));
    EXPECT_EQ(header_for(tunnel_of(Family::kIpv6), inner, Family::kIpv4, 9),
              Bytes(expected.begin(), expected.begin() + 40));
}

TEST(TunnelHeaderTest, TakesDscpFromTheSaOrTheInnerPacketButEcnAlwaysFromTheInner) {
    for (const Family outer : kFamilies) {
        for (const Family inner : kFamilies) {
            for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
                SCOPED_TRACE(static_cast<int>(outer) * 100 + static_cast<int>(inner) * 10 + ecn);
                const auto inner_class = static_cast<std::uint8_t>(0x12U << 2U | ecn);
                const Bytes packet = without_ethernet(packet_of(inner, inner_class));
                const auto traffic_class = [&](const SaSpec& spec) {
                    const Bytes header = header_for(spec, packet, inner, 1);
                    return outer == Family::kIpv4
                               ? unsigned{header[1]}
                               : (header[0] & 0x0FU) << 4U | unsigned{header[1]} >> 4U;
                };
                SaSpec spec = tunnel_of(outer);
                EXPECT_EQ(traffic_class(spec), inner_class);
                spec.dscp = kDscp;
                EXPECT_EQ(traffic_class(spec), unsigned{kDscp} << 2U | ecn);
                spec.dscp = 0;
                EXPECT_EQ(traffic_class(spec), ecn);
            }
        }
    }
}

TEST(TunnelHeaderTest, GivesTheLastPacketsOfAnSaDifferentIdentifications) {
    const Bytes inner = without_ethernet(packet_of(Family::kIpv4, 0));
    const auto id = [&](std::uint64_t sequence) {
        const Bytes header = header_for(tunnel_of(Family::kIpv4), inner, Family::kIpv4, sequence);
        return header[4] << 8U | header[5];
    };
    EXPECT_EQ((id(1) + 1) & 0xFFFF, id(2));
    EXPECT_EQ((id(1) + 0xFFFF) & 0xFFFF, id(0x10000));
    EXPECT_EQ(id(1), id(0x10001));
    EXPECT_EQ(id(0xFFFFFFFF), (id(0x100000000) - 1) & 0xFFFF);
}

struct DfRow {
    const char* name;
    DfPolicy policy;
    Bytes inner;
    Family family;
    bool expected;
};

Bytes v4(bool dont_fragment) {
    Packet packet = Packet().eth().ipv4("10.0.0.1", "10.0.1.1").udp(1, 2);
    return without_ethernet(dont_fragment ? packet.dont_fragment() : packet);
}

Bytes v6(std::size_t length) {
    return without_ethernet(
        Packet().eth().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(length - 48));
}

class TunnelDfTest : public ::testing::TestWithParam<DfRow> {};

TEST_P(TunnelDfTest, SetsDf) {
    const DfRow& row = GetParam();
    SaSpec spec = tunnel_of(Family::kIpv4);
    spec.df = row.policy;
    const Bytes header = header_for(spec, row.inner, row.family, 1);
    EXPECT_EQ(header[6], row.expected ? 0x40 : 0);
    EXPECT_EQ(header[7], 0);
    EXPECT_EQ(tests::internet_checksum(header), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Rows,
    TunnelDfTest,
    ::testing::Values(
        DfRow{"CopiesOne", DfPolicy::kCopy, v4(true), Family::kIpv4, true},
        DfRow{"CopiesZero", DfPolicy::kCopy, v4(false), Family::kIpv4, false},
        DfRow{"CopiesOneFromALargeIpv6Packet", DfPolicy::kCopy, v6(1281), Family::kIpv6, true},
        DfRow{"CopiesZeroFromASmallIpv6Packet", DfPolicy::kCopy, v6(1280), Family::kIpv6, false},
        DfRow{"SetsIt", DfPolicy::kSet, v4(false), Family::kIpv4, true},
        DfRow{"SetsItOverIpv6", DfPolicy::kSet, v6(100), Family::kIpv6, true},
        DfRow{"ClearsIt", DfPolicy::kClear, v4(true), Family::kIpv4, false},
        DfRow{"ClearsItOverIpv6", DfPolicy::kClear, v6(1400), Family::kIpv6, false}),
    [](const auto& row) { return std::string(row.param.name); });

// RFC 6040 Figure 4, as printed there: inner by row, outer by column, both in the order Not-ECT,
// ECT(0), ECT(1), CE.
constexpr std::array<std::uint8_t, 4> kOrder = {0, 2, 1, 3};
constexpr int kDrop = -1;
constexpr int kFigure4[4][4] = {
    {0, 0, 0, kDrop},
    {2, 2, 1, 3},
    {1, 1, 1, 3},
    {3, 3, 3, 3},
};

TEST(CombineEcnTest, FollowsFigure4ForEveryPairOfFamilies) {
    for (const Family outer_family : kFamilies) {
        for (const Family inner_family : kFamilies) {
            for (std::size_t row = 0; row < 4; ++row) {
                for (std::size_t column = 0; column < 4; ++column) {
                    SCOPED_TRACE("inner " + std::to_string(row) + " outer "
                                 + std::to_string(column));
                    const auto outer_class = static_cast<std::uint8_t>(0xB8U | kOrder[column]);
                    const auto dscp = std::uint8_t{0x48};
                    const Bytes outer = without_ethernet(packet_of(outer_family, outer_class));
                    Bytes inner = without_ethernet(
                        packet_of(inner_family, static_cast<std::uint8_t>(dscp | kOrder[row])));
                    const int ecn = kFigure4[row][column];
                    const Bytes expected = without_ethernet(packet_of(
                        inner_family,
                        static_cast<std::uint8_t>(dscp | (ecn == kDrop ? kOrder[row] : ecn))));
                    EXPECT_EQ(dataplane::combine_ecn(
                                  outer.data(), outer_family, inner.data(), inner_family),
                              ecn != kDrop);
                    EXPECT_EQ(inner, expected) << "DSCP, flow label and checksum are right";
                }
            }
        }
    }
}

}  // namespace
