#include "dataplane/transport_checksum.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <string>

namespace {

using config::Family;
using tests::Bytes;
using tests::Packet;

Packet v4() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1");
}
Packet v6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}

struct Row {
    const char* name;
    Bytes before;
    Bytes after;
    Family family;
    std::uint8_t protocol;
};

class RenewChecksumTest : public ::testing::TestWithParam<Row> {};

TEST_P(RenewChecksumTest, MakesTheChecksumRight) {
    const Row& row = GetParam();
    Bytes frame = row.before;
    const std::size_t l4 = row.family == Family::kIpv4 ? 34 : 54;
    dataplane::renew_transport_checksum(
        &frame[14], row.family, row.protocol, std::span(frame).subspan(l4));
    EXPECT_EQ(frame, row.after);
}

Row row(const char* name, const Packet& before, const Packet& after, Family family, int protocol) {
    return {name, before.bytes(), after.bytes(), family, static_cast<std::uint8_t>(protocol)};
}

Packet tcp(Packet ip) {
    return ip.tcp(1, 2).payload(33);
}
Packet udp(Packet ip) {
    return ip.udp(1, 2).payload(33);
}

// All but the first byte is as the builder, which shares no code with the product, makes it.
INSTANTIATE_TEST_SUITE_P(
    Rows,
    RenewChecksumTest,
    ::testing::Values(
        row("TcpOverIpv4", tcp(v4()).poke(50, 0x55).poke(51, 1), tcp(v4()), Family::kIpv4, 6),
        row("TcpOverIpv6", tcp(v6()).poke(70, 0x55).poke(71, 1), tcp(v6()), Family::kIpv6, 6),
        row("UdpOverIpv4", udp(v4()).poke(40, 0x55).poke(41, 1), udp(v4()), Family::kIpv4, 17),
        row("UdpOverIpv4WithoutAChecksumStays",
            udp(v4()).poke(40, 0).poke(41, 0),
            udp(v4()).poke(40, 0).poke(41, 0),
            Family::kIpv4,
            17),
        row("UdpOverIpv6", udp(v6()).poke(60, 0).poke(61, 0), udp(v6()), Family::kIpv6, 17),
        row("UdpWithTooLongALengthStays",
            udp(v6()).poke(58, 1).poke(60, 0),
            udp(v6()).poke(58, 1).poke(60, 0),
            Family::kIpv6,
            17),
        row("UdpWithTooShortALengthStays",
            udp(v6()).poke(59, 7).poke(60, 0),
            udp(v6()).poke(59, 7).poke(60, 0),
            Family::kIpv6,
            17),
        row("ShortTcpStays",
            v4().protocol(6).payload(19, 5),
            v4().protocol(6).payload(19, 5),
            Family::kIpv4,
            6),
        row("ShortUdpStays",
            v4().protocol(17).payload(7, 5),
            v4().protocol(17).payload(7, 5),
            Family::kIpv4,
            17),
        row("OthersStay", v4().icmp(8).payload(60), v4().icmp(8).payload(60), Family::kIpv4, 1)),
    [](const auto& row) { return std::string(row.param.name); });

TEST(UdpChecksumTest, CoversThePseudoHeaderOfBothFamilies) {
    for (const Packet& packet : {udp(v4()), udp(v6())}) {
        const Bytes expected = packet.bytes();
        const bool four = expected[12] == 0x08;
        const std::size_t l4 = four ? 34 : 54;
        Bytes frame = expected;
        frame[l4 + 6] = 0x12;
        dataplane::write_udp_checksum(
            &frame[14], four ? Family::kIpv4 : Family::kIpv6, std::span(frame).subspan(l4));
        EXPECT_EQ(frame, expected);
    }
}

TEST(UdpChecksumTest, SendsAChecksumOfZeroAsAllOnes) {
    // Two bytes of payload that are the checksum of the rest make the whole sum all ones.
    const Bytes with_zeros = v6().udp(1, 2).payload(Bytes{0, 0}).bytes();
    Bytes frame = v6().udp(1, 2).payload(Bytes{with_zeros[60], with_zeros[61]}).bytes();
    ASSERT_EQ(frame[60] << 8U | frame[61], 0);
    dataplane::write_udp_checksum(&frame[14], Family::kIpv6, std::span(frame).subspan(54));
    EXPECT_EQ(frame[60] << 8U | frame[61], 0xFFFF);
}

}  // namespace
