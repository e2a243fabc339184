// ICMP messages of a fuzzer's choice, with a checksum made right, through parse() and
// read_path_mtu(): what it reports stands in the quoted packet, and no byte behind the message
// matters. Input: {flags, type, code, rest of the ICMP header (4), quoted packet}.
#include "dataplane/parse.h"
#include "dataplane/path_mtu.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace {

using dataplane::PathMtuReport;
using tests::Bytes;
using tests::Packet;

constexpr std::uint8_t kSix = 0x01;
constexpr std::uint8_t kBadChecksum = 0x02;
constexpr std::size_t kMost = 2000;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// The frame, with the sum over the pseudo-header where there is one.
Bytes frame_of(bool six, Bytes message, bool bad) {
    Bytes sum;
    if (six) {
        const Bytes frame = Packet().eth().ipv6("2001:db8::9", "2001:db8::1").bytes();
        sum.assign(frame.begin() + 22, frame.end());
        const auto length = static_cast<std::uint16_t>(message.size());
        const Bytes rest{
            static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length), 0, 58};
        sum.insert(sum.end(), rest.begin(), rest.end());
    }
    sum.insert(sum.end(), message.begin(), message.end());
    const std::uint16_t checksum = tests::internet_checksum(sum);
    message[2] = static_cast<std::uint8_t>((checksum >> 8U) ^ (bad ? 1U : 0U));
    message[3] = static_cast<std::uint8_t>(checksum);
    Packet packet = six ? Packet().eth().ipv6("2001:db8::9", "2001:db8::1").protocol(58)
                        : Packet().eth().ipv4("203.0.113.9", "192.0.2.1").protocol(1);
    return packet.payload(message).bytes();
}

// `behind`: what the buffer holds after the message.
std::optional<PathMtuReport> read(tests::FakePool& pool, const Bytes& frame, int behind) {
    rte_mbuf* mbuf = pool.make(frame);
    std::memset(dataplane::bytes_at(mbuf, frame.size()), behind, rte_pktmbuf_tailroom(mbuf));
    std::optional<PathMtuReport> report;
    if (dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next == dataplane::ParseNext::kIp) {
        report = dataplane::read_path_mtu(mbuf);
    }
    rte_pktmbuf_free(mbuf);
    require(pool.in_use() == 0);
    return report;
}

bool is_at(const Bytes& quote, std::size_t at, const config::IpAddress& address) {
    const auto view = address.view();
    return at + view.size() <= quote.size() && std::equal(view.begin(), view.end(), &quote[at]);
}

void check(const PathMtuReport& report, bool six, const Bytes& quote) {
    require(report.source.family == (six ? config::Family::kIpv6 : config::Family::kIpv4));
    require(is_at(quote, six ? 8 : 12, report.source));
    require(is_at(quote, six ? 24 : 16, report.destination));
    const std::size_t at = six ? 4 : 2;
    const std::size_t length = (six ? 40 : 0) + std::size_t{quote[at]} * 256 + quote[at + 1];
    require(report.mtu >= (six ? 1280 : 576));
    require(report.mtu < length || report.mtu == 576);
    require(report.spi > 255);
    const std::array<std::uint8_t, 4> spi = {static_cast<std::uint8_t>(report.spi >> 24U),
                                             static_cast<std::uint8_t>(report.spi >> 16U),
                                             static_cast<std::uint8_t>(report.spi >> 8U),
                                             static_cast<std::uint8_t>(report.spi)};
    require(std::search(quote.begin() + (six ? 40 : 20), quote.end(), spi.begin(), spi.end())
            != quote.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static tests::FakePool pool(1);
    if (size < 7) {
        return 0;
    }
    const bool six = (data[0] & kSix) != 0;
    const bool bad = (data[0] & kBadChecksum) != 0;
    const Bytes quote(data + 7, data + std::min(size, kMost));
    Bytes message{data[1], data[2], 0, 0, data[3], data[4], data[5], data[6]};
    message.insert(message.end(), quote.begin(), quote.end());
    const Bytes frame = frame_of(six, message, bad);
    const auto report = read(pool, frame, 0x00);
    const auto again = read(pool, frame, 0xFF);
    require(report.has_value() == again.has_value());
    if (report) {
        require(!bad && report->spi == again->spi && report->mtu == again->mtu);
        check(*report, six, quote);
    }
    return 0;
}
