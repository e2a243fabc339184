#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/path_mtu.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace {

using config::IpsecProtocol;
using dataplane::PathMtuReport;
using tests::Bytes;
using tests::FakePool;
using tests::Packet;

constexpr std::uint32_t kSpi = 0xC0FFEE01;

Bytes after_ethernet(const Bytes& frame, std::size_t most = 65535) {
    return {frame.begin() + 14,
            frame.begin() + static_cast<std::ptrdiff_t>(std::min(frame.size(), 14 + most))};
}

void append16(Bytes& bytes, std::size_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

Bytes esp(std::uint32_t spi, std::size_t length = 1000) {
    Bytes bytes;
    append16(bytes, spi >> 16U);
    append16(bytes, spi & 0xFFFFU);
    append16(bytes, 0);
    append16(bytes, 1);
    bytes.resize(length);
    return bytes;
}
Bytes ah(std::uint32_t spi, std::size_t length = 1000) {
    Bytes bytes{17, 4, 0, 0};
    const Bytes rest = esp(spi, length - 4);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return bytes;
}

Packet sent4() {
    return Packet().eth().ipv4("192.0.2.1", "198.51.100.1").dont_fragment();
}
Packet sent6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}

// Whole ICMP messages, as a router between the peers sends them; checksums are the test's own.
Bytes needed4(const Bytes& quote, std::size_t mtu, std::uint8_t type = 3, std::uint8_t code = 4) {
    Bytes message{type, code, 0, 0, 0, 0};
    append16(message, mtu);
    message.insert(message.end(), quote.begin(), quote.end());
    const std::uint16_t sum = tests::internet_checksum(message);
    message[2] = static_cast<std::uint8_t>(sum >> 8U);
    message[3] = static_cast<std::uint8_t>(sum);
    return Packet().eth().ipv4("203.0.113.9", "192.0.2.1").protocol(1).payload(message).bytes();
}
Bytes too_big6(const Bytes& quote, std::uint32_t mtu, std::uint8_t type = 2) {
    Bytes message{type, 0, 0, 0};
    append16(message, mtu >> 16U);
    append16(message, mtu & 0xFFFFU);
    message.insert(message.end(), quote.begin(), quote.end());
    Bytes frame =
        Packet().eth().ipv6("2001:db8::9", "2001:db8::1").protocol(58).payload(message).bytes();
    Bytes sum(frame.begin() + 22, frame.begin() + 54);
    append16(sum, 0);
    append16(sum, message.size());
    append16(sum, 0);
    append16(sum, 58);
    sum.insert(sum.end(), message.begin(), message.end());
    const std::uint16_t checksum = tests::internet_checksum(sum);
    frame.at(56) = static_cast<std::uint8_t>(checksum >> 8U);
    frame.at(57) = static_cast<std::uint8_t>(checksum);
    return frame;
}

class PathMtuTest : public ::testing::Test {
  protected:
    ~PathMtuTest() override { EXPECT_EQ(pool_.in_use(), 0U); }

    // `behind`: what the buffer holds after the frame.
    std::optional<PathMtuReport> read(const Bytes& frame,
                                      std::size_t segment = 65535,
                                      const Bytes& behind = {}) {
        rte_mbuf* mbuf = pool_.make_segmented(frame, segment);
        std::copy(behind.begin(), behind.end(), dataplane::bytes_at(mbuf, mbuf->data_len));
        EXPECT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        const auto report = dataplane::read_path_mtu(mbuf);
        rte_pktmbuf_free(mbuf);
        return report;
    }
    // 0: no report.
    std::uint16_t mtu_of(const Bytes& frame) {
        const auto report = read(frame);
        return report ? report->mtu : std::uint16_t{0};
    }

    FakePool pool_{64};
};

struct NamedRow {
    const char* description;
    Bytes frame;
    IpsecProtocol protocol;
};

TEST_F(PathMtuTest, NamesTheSaOfTheQuotedPacket) {
    const std::vector<NamedRow> v4_rows = {
        {"ESP",
         needed4(after_ethernet(sent4().protocol(50).payload(esp(kSpi)).bytes()), 900),
         IpsecProtocol::kEsp},
        {"ESP, quoted as RFC 792 says at least",
         needed4(after_ethernet(sent4().protocol(50).payload(esp(kSpi)).bytes(), 28), 900),
         IpsecProtocol::kEsp},
        {"AH, quoted as RFC 792 says at least",
         needed4(after_ethernet(sent4().protocol(51).payload(ah(kSpi)).bytes(), 28), 900),
         IpsecProtocol::kAh},
        {"AH behind options",
         needed4(
             after_ethernet(sent4().options({148, 4, 0, 0}).protocol(51).payload(ah(kSpi)).bytes()),
             900),
         IpsecProtocol::kAh},
        {"ESP in UDP",
         needed4(after_ethernet(sent4().udp(4500, 4500).payload(esp(kSpi)).bytes(), 32), 900),
         IpsecProtocol::kEsp},
        {"ESP in UDP to a peer behind a NAT",
         needed4(after_ethernet(sent4().udp(4500, 31000).payload(esp(kSpi)).bytes(), 32), 900),
         IpsecProtocol::kEsp},
        {"the first fragment of ESP",
         needed4(after_ethernet(sent4().fragment(0, true).protocol(50).payload(esp(kSpi)).bytes()),
                 900),
         IpsecProtocol::kEsp},
    };
    for (const NamedRow& row : v4_rows) {
        SCOPED_TRACE(row.description);
        const auto report = read(row.frame);
        ASSERT_TRUE(report);
        EXPECT_EQ(report->protocol, row.protocol);
        EXPECT_EQ(report->spi, kSpi);
        EXPECT_EQ(report->source, tests::address("192.0.2.1"));
        EXPECT_EQ(report->destination, tests::address("198.51.100.1"));
        EXPECT_EQ(report->mtu, 900);
    }
    const Bytes long_esp = esp(kSpi, 1400);
    const std::vector<NamedRow> v6_rows = {
        {"ESP",
         too_big6(after_ethernet(sent6().protocol(50).payload(long_esp).bytes(), 1232), 1300),
         IpsecProtocol::kEsp},
        {"AH",
         too_big6(after_ethernet(sent6().protocol(51).payload(ah(kSpi, 1400)).bytes(), 48), 1300),
         IpsecProtocol::kAh},
        {"ESP in UDP",
         too_big6(after_ethernet(sent6().udp(4500, 4500).payload(long_esp).bytes(), 52), 1300),
         IpsecProtocol::kEsp},
        {"ESP behind extension headers",
         too_big6(after_ethernet(sent6()
                                     .hop_by_hop()
                                     .routing(4)
                                     .destination_options()
                                     .protocol(50)
                                     .payload(long_esp)
                                     .bytes(),
                                 68),
                  1300),
         IpsecProtocol::kEsp},
        {"the first fragment of ESP",
         too_big6(after_ethernet(
                      sent6().fragment6(0, true, 5).protocol(50).payload(long_esp).bytes(), 52),
                  1300),
         IpsecProtocol::kEsp},
    };
    for (const NamedRow& row : v6_rows) {
        SCOPED_TRACE(row.description);
        const auto report = read(row.frame);
        ASSERT_TRUE(report);
        EXPECT_EQ(report->protocol, row.protocol);
        EXPECT_EQ(report->spi, kSpi);
        EXPECT_EQ(report->source, tests::address("2001:db8::1"));
        EXPECT_EQ(report->destination, tests::address("2001:db8::2"));
        EXPECT_EQ(report->mtu, 1300);
    }
}

struct IgnoredRow {
    const char* description;
    Bytes frame;
};

TEST_F(PathMtuTest, IgnoresEverythingElse) {
    const Bytes quote4 = after_ethernet(sent4().protocol(50).payload(esp(kSpi)).bytes());
    const Bytes quote6 =
        after_ethernet(sent6().protocol(50).payload(esp(kSpi, 1400)).bytes(), 1232);
    Bytes flipped4 = needed4(quote4, 900);
    flipped4.back() ^= 1U;
    Bytes flipped6 = too_big6(quote6, 1300);
    flipped6.back() ^= 1U;
    // Its checksum is right, as if it were a whole message.
    const Bytes first_part =
        after_ethernet(needed4(Bytes(quote4.begin(), quote4.begin() + 560), 900));
    const Bytes fragment = Packet()
                               .eth()
                               .ipv4("203.0.113.9", "192.0.2.1")
                               .fragment(0, true)
                               .protocol(1)
                               .payload(Bytes(first_part.begin() + 20, first_part.end()))
                               .bytes();
    Bytes version4 = quote4;
    version4[0] = 0x55;
    Bytes short_header = quote4;
    short_header[0] = 0x44;
    Bytes version6 = quote6;
    version6[0] = 0x40;
    const std::vector<IgnoredRow> rows = {
        {"UDP", sent4().udp(1, 2).payload(100).bytes()},
        {"another code", needed4(quote4, 900, 3, 3)},
        {"another type", needed4(quote4, 900, 11, 4)},
        {"another type of ICMPv6", too_big6(quote6, 1300, 1)},
        {"damaged", flipped4},
        {"damaged IPv6", flipped6},
        {"a fragment of a message", fragment},
        {"a quote that is not IPv4", needed4(version4, 900)},
        {"a quote with an impossible header length", needed4(short_header, 900)},
        {"a quote that is not IPv6", too_big6(version6, 1300)},
        {"about TCP", needed4(after_ethernet(sent4().tcp(1, 2).payload(1000).bytes()), 900)},
        {"about other UDP",
         needed4(after_ethernet(sent4().udp(1, 2).payload(esp(kSpi)).bytes()), 900)},
        {"about IKE behind a NAT",
         needed4(after_ethernet(sent4().udp(4500, 4500).payload(esp(0)).bytes()), 900)},
        {"about a reserved SPI",
         needed4(after_ethernet(sent4().protocol(50).payload(esp(255)).bytes()), 900)},
        {"about a later fragment",
         needed4(after_ethernet(sent4().fragment(8, false).protocol(50).payload(esp(kSpi)).bytes()),
                 900)},
        {"about a later fragment of IPv6",
         too_big6(after_ethernet(
                      sent6().fragment6(8, false, 5).protocol(50).payload(esp(kSpi, 1400)).bytes(),
                      1232),
                  1300)},
    };
    for (const IgnoredRow& row : rows) {
        SCOPED_TRACE(row.description);
        EXPECT_FALSE(read(row.frame));
    }
}

struct MtuRow {
    std::size_t length;  // of the packet that did not get through
    std::uint32_t reported;
    std::uint16_t result;  // 0: ignored
};

TEST_F(PathMtuTest, TakesTheMtuWithinItsBounds) {
    const MtuRow v4_rows[] = {
        {1400, 1399, 1399},
        {1400, 1400, 0},
        {1400, 1500, 0},
        {1400, 577, 577},
        {1400, 576, 576},
        {1400, 575, 576},
        {1400, 68, 576},
        {1400, 1, 576},
        {500, 400, 576},
        // RFC 1191 7: routers that know no next-hop MTU.
        {1500, 0, 1492},
        {1492, 0, 1006},
        {1493, 0, 1492},
        {1006, 0, 576},
        {2002, 0, 1492},
        {4352, 0, 2002},
        {9000, 0, 8166},
        {65535, 0, 32000},
        {100, 0, 576},
        {60, 0, 0},
    };
    for (const MtuRow& row : v4_rows) {
        SCOPED_TRACE(testing::Message() << row.length << " " << row.reported);
        const Bytes sent = sent4().protocol(50).payload(esp(kSpi, row.length - 20)).bytes();
        EXPECT_EQ(mtu_of(needed4(after_ethernet(sent, 548), row.reported)), row.result);
    }
    const MtuRow v6_rows[] = {
        {1500, 1499, 1499},
        {1500, 1500, 0},
        {1500, 1280, 1280},
        {1500, 1279, 0},
        {1500, 0, 0},
        {1500, 0x00010400, 0},
        {1500, 0xFFFFFFFF, 0},
        {65575, 65535, 65535},
        {65575, 65536, 0},
    };
    for (const MtuRow& row : v6_rows) {
        SCOPED_TRACE(testing::Message() << row.length << " " << row.reported);
        const Bytes sent = sent6().protocol(50).payload(esp(kSpi, row.length - 40)).bytes();
        EXPECT_EQ(mtu_of(too_big6(after_ethernet(sent, 1232), row.reported)), row.result);
    }
}

// The message ends anywhere, with a checksum that is right for what is left.
TEST_F(PathMtuTest, SurvivesEveryTruncation) {
    const Bytes quote4 = after_ethernet(
        sent4().options({148, 4, 0, 0}).udp(4500, 4500).payload(esp(kSpi)).bytes(), 64);
    const Bytes quote6 = after_ethernet(
        sent6().hop_by_hop().destination_options().protocol(51).payload(ah(kSpi, 1400)).bytes(),
        80);
    constexpr std::size_t kNeeded4 = 24 + 8 + 4;
    constexpr std::size_t kNeeded6 = 40 + 16 + 8;
    // The rest stands behind the message, so that reading on would find it.
    for (std::size_t length = 0; length <= quote4.size(); ++length) {
        const auto end = quote4.begin() + static_cast<std::ptrdiff_t>(length);
        const Bytes frame = needed4(Bytes(quote4.begin(), end), 900);
        EXPECT_EQ(read(frame, frame.size(), Bytes(end, quote4.end())).has_value(),
                  length >= kNeeded4)
            << length;
    }
    for (std::size_t length = 0; length <= quote6.size(); ++length) {
        const auto end = quote6.begin() + static_cast<std::ptrdiff_t>(length);
        const Bytes frame = too_big6(Bytes(quote6.begin(), end), 1300);
        EXPECT_EQ(read(frame, frame.size(), Bytes(end, quote6.end())).has_value(),
                  length >= kNeeded6)
            << length;
    }
}

TEST_F(PathMtuTest, ReadsNothingBeyondTheFirstSegment) {
    const Bytes frame =
        needed4(after_ethernet(sent4().protocol(50).payload(esp(kSpi)).bytes(), 548), 900);
    EXPECT_TRUE(read(frame, frame.size()));
    EXPECT_FALSE(read(frame, frame.size() - 1));
}

}  // namespace
