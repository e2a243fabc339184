#include "dataplane/icmp_error.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using dataplane::IcmpError;
using tests::address;
using tests::Bytes;
using tests::Packet;

class IcmpErrorTest : public ::testing::Test {
  protected:
    ~IcmpErrorTest() override {
        rte_pktmbuf_free(offender_);
        EXPECT_EQ(pool_.in_use(), 0U);
    }
    rte_mbuf* parsed(const Bytes& frame) {
        rte_pktmbuf_free(offender_);
        offender_ = pool_.make(frame);
        EXPECT_EQ(dataplane::parse(offender_, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        return offender_;
    }
    Bytes error_about(const Bytes& frame,
                      IcmpError error,
                      std::string_view source,
                      std::uint16_t mtu = 0) {
        rte_mbuf* mbuf =
            dataplane::make_icmp_error(parsed(frame), error, address(source), mtu, pool_.get());
        Bytes bytes = tests::FakePool::bytes_of(mbuf);
        rte_pktmbuf_free(mbuf);
        return bytes;
    }

    tests::FakePool pool_{64};
    rte_mbuf* offender_ = nullptr;
};

Packet v4(std::string_view source = "10.0.0.1", std::string_view destination = "10.0.1.1") {
    return Packet().eth().ipv4(source, destination);
}
Packet v6(std::string_view source = "2001:db8::1", std::string_view destination = "2001:db8::2") {
    return Packet().eth().ipv6(source, destination);
}
Bytes after_ethernet(const Bytes& frame, std::size_t most = 65535) {
    return {frame.begin() + 14,
            frame.begin() + static_cast<std::ptrdiff_t>(std::min(frame.size(), 14 + most))};
}

Bytes joined(const std::vector<Bytes>& parts) {
    Bytes all;
    for (const Bytes& part : parts) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

struct MessageRow {
    const char* description;
    IcmpError error;
    std::uint8_t v4_type, v4_code, v6_type, v6_code;
    std::uint16_t mtu;
};

TEST_F(IcmpErrorTest, WritesTheMessageOfEachError) {
    const std::vector<MessageRow> rows = {
        {"time exceeded", IcmpError::kTimeExceeded, 11, 0, 3, 0, 0},
        {"no route", IcmpError::kNoRoute, 3, 0, 1, 0, 0},
        {"host unreachable", IcmpError::kHostUnreachable, 3, 1, 1, 3, 0},
        {"too big", IcmpError::kTooBig, 3, 4, 2, 0, 1400},
    };
    const auto high = [](std::uint16_t mtu) { return static_cast<std::uint8_t>(mtu >> 8U); };
    const auto low = [](std::uint16_t mtu) { return static_cast<std::uint8_t>(mtu); };
    const Bytes offender4 = v4().udp(1, 2).payload(100).bytes();
    const Bytes offender6 = v6().udp(1, 2).payload(100).bytes();
    for (const MessageRow& row : rows) {
        SCOPED_TRACE(row.description);
        // The builder's checksums are independent ones; it writes rest-of-header 0, 1, 0, 1.
        Bytes rest4{row.v4_type, row.v4_code, 0, 0, 0, 0, high(row.mtu), low(row.mtu)};
        const Bytes body4 = after_ethernet(offender4);
        rest4.insert(rest4.end(), body4.begin(), body4.end());
        const std::uint16_t sum = tests::internet_checksum(rest4);
        rest4[2] = high(sum);
        rest4[3] = low(sum);
        const Bytes expected4 = v4("10.0.0.254", "10.0.0.1")
                                    .dont_fragment()
                                    .protocol(1)
                                    .payload(rest4)
                                    .poke_ipv4(1, 0xC0)
                                    .bytes();
        EXPECT_EQ(after_ethernet(error_about(offender4, row.error, "10.0.0.254", row.mtu)),
                  after_ethernet(expected4));

        const Bytes made = error_about(offender6, row.error, "2001:db8::fe", row.mtu);
        EXPECT_EQ(made.at(54), row.v6_type);
        EXPECT_EQ(made.at(55), row.v6_code);
        EXPECT_EQ(made.at(60) * 256 + made.at(61), row.mtu);
        EXPECT_EQ(Bytes(made.begin() + 62, made.end()), after_ethernet(offender6));
        // With its own checksum in place the sum over pseudo-header and message is zero.
        const Bytes pseudo = joined({{made.begin() + 22, made.begin() + 54},
                                     {0, 0, made.at(18), made.at(19), 0, 0, 0, 58},
                                     {made.begin() + 54, made.end()}});
        EXPECT_EQ(tests::internet_checksum(pseudo), 0);
    }
}

TEST_F(IcmpErrorTest, QuotesAsMuchAsTheStandardsAllow) {
    const Bytes four =
        error_about(v4().udp(1, 2).payload(1400).bytes(), IcmpError::kTooBig, "10.0.0.254", 1280);
    EXPECT_EQ(four.size(), 14U + 576);
    const Bytes six =
        error_about(v6().udp(1, 2).payload(1400).bytes(), IcmpError::kTooBig, "2001:db8::fe", 1280);
    EXPECT_EQ(six.size(), 14U + 1280);
}

TEST_F(IcmpErrorTest, ReportsNoLessThanTheLeastMtuOfIpv6) {
    const Bytes made =
        error_about(v6().udp(1, 2).payload(1240).bytes(), IcmpError::kTooBig, "2001:db8::fe", 1200);
    EXPECT_EQ(made.at(60) * 256 + made.at(61), 1280);
}

struct HostRow {
    Bytes offender;
    const char* source;
    const char* destination;
};

TEST_F(IcmpErrorTest, TellsThisHostAsARouterBehindTheTapWould) {
    const HostRow rows[] = {
        {v4().dont_fragment().udp(1, 2).payload(1400).bytes(), "10.0.0.1", "10.0.1.1"},
        {v6().udp(1, 2).payload(1400).bytes(), "2001:db8::1", "2001:db8::2"},
    };
    for (const HostRow& row : rows) {
        rte_mbuf* offender = parsed(row.offender);
        ASSERT_TRUE(dataplane::may_report(offender));
        rte_mbuf* mbuf = dataplane::make_icmp_error_for_host(
            offender, IcmpError::kTooBig, tests::kHostMac, 1380, pool_.get());
        ASSERT_NE(mbuf, nullptr);
        const Bytes made = tests::FakePool::bytes_of(mbuf);
        rte_pktmbuf_free(mbuf);
        // The kernel's own rules: to the TAP's address, and not from an address of this host.
        Bytes ethernet(row.offender.begin() + 6, row.offender.begin() + 12);
        ethernet.insert(ethernet.end(), row.offender.begin(), row.offender.begin() + 6);
        EXPECT_EQ(Bytes(made.begin(), made.begin() + 12), ethernet);
        EXPECT_EQ(
            after_ethernet(made),
            after_ethernet(error_about(row.offender, IcmpError::kTooBig, row.destination, 1380)));
        rte_mbuf* message = parsed(made);
        const dataplane::PacketMeta& meta = dataplane::meta_of(message);
        EXPECT_EQ(config::IpAddress::from_bytes(meta.family,
                                                dataplane::destination_address(message, meta)),
                  address(row.source));
        EXPECT_FALSE(dataplane::may_report(message)) << "no error about an error";
    }
}

struct MayReportRow {
    const char* description;
    bool allowed;
    Bytes frame;
};

TEST_F(IcmpErrorTest, NeverReportsWhatTheStandardsForbid) {
    const std::vector<MayReportRow> rows = {
        {"UDP", true, v4().udp(1, 2).bytes()},
        {"echo request", true, v4().icmp(8).bytes()},
        {"ICMP error", false, v4().icmp(11).bytes()},
        {"ICMP redirect", false, v4().icmp(5).bytes()},
        {"first fragment", true, v4().fragment(0, true).udp(1, 2).bytes()},
        {"later fragment", false, v4().fragment(8, false).protocol(17).payload(8).bytes()},
        {"to multicast", false, v4("10.0.0.1", "224.0.0.5").udp(1, 2).bytes()},
        {"to broadcast", false, v4("10.0.0.1", "255.255.255.255").udp(1, 2).bytes()},
        {"in a broadcast frame",
         false,
         Packet()
             .eth(tests::kHostMac, tests::kBroadcastMac)
             .ipv4("10.0.0.1", "10.0.1.1")
             .udp(1, 2)
             .bytes()},
        {"from nobody", false, v4("0.0.0.0", "255.255.255.255").udp(68, 67).bytes()},
        {"IPv6 UDP", true, v6().udp(1, 2).bytes()},
        {"ICMPv6 echo request", true, v6().icmp6(128).bytes()},
        {"ICMPv6 error", false, v6().icmp6(1).bytes()},
        {"ICMPv6 error of an unknown type", false, v6().icmp6(127).bytes()},
        {"IPv6 to multicast", false, v6("2001:db8::1", "ff0e::1").udp(1, 2).bytes()},
        {"IPv6 from nobody", false, v6("::", "ff02::16").icmp6(143).bytes()},
    };
    for (const MayReportRow& row : rows) {
        SCOPED_TRACE(row.description);
        EXPECT_EQ(dataplane::may_report(parsed(row.frame)), row.allowed);
    }
}

TEST_F(IcmpErrorTest, GivesNothingWithoutABuffer) {
    tests::FakePool empty(0);
    EXPECT_EQ(dataplane::make_icmp_error(parsed(v4().udp(1, 2).bytes()),
                                         IcmpError::kNoRoute,
                                         address("10.0.0.254"),
                                         0,
                                         empty.get()),
              nullptr);
    EXPECT_EQ(dataplane::make_icmp_error_for_host(
                  offender_, IcmpError::kTooBig, tests::kHostMac, 1400, empty.get()),
              nullptr);
}

TEST(IcmpErrorLimiterTest, AllowsABurstAndThenItsRate) {
    dataplane::IcmpErrorLimiter limiter(1'000'000);
    const auto allowed = [&](std::uint64_t now) {
        unsigned count = 0;
        while (limiter.allow(now)) {
            ++count;
        }
        return count;
    };
    EXPECT_EQ(allowed(1'000'000), dataplane::IcmpErrorLimiter::kBurstSize);
    EXPECT_EQ(allowed(1'000'000), 0U);
    EXPECT_EQ(allowed(1'009'999), 0U);
    EXPECT_EQ(allowed(1'010'000), 1U);
    EXPECT_EQ(allowed(1'500'000), 49U);
    EXPECT_EQ(allowed(900'000'000), dataplane::IcmpErrorLimiter::kBurstSize);
}

}  // namespace
