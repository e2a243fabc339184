// ARP and neighbour discovery frames: what is written reads back, and each rule of the RFCs that a
// frame can break has a row.
#include "control/neighbor_wire.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using config::IpAddress;
using config::MacAddress;
using control::NeighborMessage;
using control::NeighborOperation;
using dataplane::DropReason;
using Frame = std::vector<std::uint8_t>;

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}
const MacAddress kMac = MacAddress::parse("02:00:00:00:00:99").value();
const MacAddress kOurMac = MacAddress::parse("02:00:00:00:00:01").value();
constexpr std::size_t kIcmp = 54;

// Written independently of the product: RFC 1071 over the IPv6 pseudo header.
void fix_checksum(Frame& frame) {
    frame[kIcmp + 2] = frame[kIcmp + 3] = 0;
    const std::size_t length = static_cast<std::size_t>(frame[18]) * 256 + frame[19];
    Frame bytes(frame.begin() + 22, frame.begin() + 54);
    bytes.insert(bytes.end(), {0, 0, frame[18], frame[19], 0, 0, 0, 58});
    bytes.insert(bytes.end(),
                 frame.begin() + kIcmp,
                 frame.begin() + static_cast<long>(std::min(kIcmp + length, frame.size())));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += static_cast<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    frame[kIcmp + 2] = static_cast<std::uint8_t>(~sum >> 8);
    frame[kIcmp + 3] = static_cast<std::uint8_t>(~sum);
}

Frame arp() {
    return control::make_solicitation({kMac, ip("10.0.0.2")}, ip("10.0.0.1"), std::nullopt);
}
Frame solicitation() {
    return control::make_solicitation({kMac, ip("2001:db8::2")}, ip("2001:db8::1"), std::nullopt);
}
Frame advertisement() {
    return control::make_advertisement(
        {kMac, ip("2001:db8::2")}, {kOurMac, ip("2001:db8::1")}, false);
}

TEST(NeighborWire, SolicitationsReadBack) {
    for (const Frame& frame : {arp(), solicitation()}) {
        const auto parsed = control::parse_neighbor_frame(frame);
        ASSERT_TRUE(std::holds_alternative<NeighborMessage>(parsed));
        const auto& message = std::get<NeighborMessage>(parsed);
        EXPECT_EQ(message.operation, NeighborOperation::kSolicit);
        EXPECT_EQ(message.mac, kMac);
        EXPECT_EQ(message.frame_source, kMac);
    }
}

TEST(NeighborWire, AdvertisementReadsBack) {
    const auto parsed = control::parse_neighbor_frame(advertisement());
    ASSERT_TRUE(std::holds_alternative<NeighborMessage>(parsed));
    const auto& message = std::get<NeighborMessage>(parsed);
    EXPECT_EQ(message.operation, NeighborOperation::kAdvertise);
    EXPECT_EQ(message.target, ip("2001:db8::2"));
    EXPECT_TRUE(message.solicited);
    EXPECT_TRUE(message.override);
}

TEST(NeighborWire, ChecksumsAreThoseOfAnIndependentSum) {
    for (const Frame& frame : {solicitation(), advertisement()}) {
        Frame fixed = frame;
        fix_checksum(fixed);
        EXPECT_EQ(fixed, frame);
    }
}

TEST(NeighborWire, SolicitedNodeMulticast) {
    const Frame frame = solicitation();
    EXPECT_EQ(Frame(frame.begin(), frame.begin() + 6), (Frame{0x33, 0x33, 0xFF, 0x00, 0x00, 0x01}));
    EXPECT_EQ(IpAddress::from_bytes(config::Family::kIpv6, frame.data() + 38),
              ip("ff02::1:ff00:1"));
}

TEST(NeighborWire, RouterDiscoveryAndRedirectAreReadAndIgnored) {
    for (const int type : {133, 134, 137}) {
        Frame frame = solicitation();
        frame[kIcmp] = static_cast<std::uint8_t>(type);
        fix_checksum(frame);
        const auto parsed = control::parse_neighbor_frame(frame);
        ASSERT_TRUE(std::holds_alternative<NeighborMessage>(parsed)) << type;
        EXPECT_EQ(std::get<NeighborMessage>(parsed).operation, NeighborOperation::kIgnored);
    }
}

struct BadRow {
    const char* what;
    Frame (*make)();
    void (*damage)(Frame&);
    bool fix = true;  // checksum right again after the damage
};

const BadRow kBadRows[] = {
    {"arp hardware type", arp, [](Frame& f) { f[15] = 6; }, false},
    {"arp protocol type", arp, [](Frame& f) { f[17] = 1; }, false},
    {"arp hardware length", arp, [](Frame& f) { f[18] = 8; }, false},
    {"arp protocol length", arp, [](Frame& f) { f[19] = 16; }, false},
    {"arp operation 0", arp, [](Frame& f) { f[21] = 0; }, false},
    {"arp operation 3 (RARP)", arp, [](Frame& f) { f[21] = 3; }, false},
    {"arp sender MAC is multicast", arp, [](Frame& f) { f[22] = 1; }, false},
    {"arp sender MAC is zero", arp, [](Frame& f) { std::fill_n(f.begin() + 22, 6, 0); }, false},
    {"arp sender is multicast", arp, [](Frame& f) { f[28] = 224; }, false},
    {"arp sender is loopback", arp, [](Frame& f) { f[28] = 127; }, false},
    {"arp sender is broadcast", arp, [](Frame& f) { std::fill_n(f.begin() + 28, 4, 255); }, false},
    {"arp reply of nobody",
     arp,
     [](Frame& f) {
         f[21] = 2;
         std::fill_n(f.begin() + 28, 4, 0);
     },
     false},
    {"ethernet source is multicast", arp, [](Frame& f) { f[6] = 1; }, false},
    {"hop limit 254", solicitation, [](Frame& f) { f[21] = 254; }},
    {"version 4", solicitation, [](Frame& f) { f[14] = 0x45; }},
    {"next header is not ICMPv6", solicitation, [](Frame& f) { f[20] = 0; }},
    {"code 1", solicitation, [](Frame& f) { f[kIcmp + 1] = 1; }},
    {"checksum", solicitation, [](Frame& f) { f[kIcmp + 2] ^= 1; }, false},
    {"echo request", solicitation, [](Frame& f) { f[kIcmp] = 128; }},
    {"payload longer than frame", solicitation, [](Frame& f) { f[19] = 40; }},
    {"payload shorter than message", solicitation, [](Frame& f) { f[19] = 16; }},
    {"target is multicast", solicitation, [](Frame& f) { f[kIcmp + 8] = 0xFF; }},
    {"target is nothing", solicitation, [](Frame& f) { std::fill_n(f.begin() + 62, 16, 0); }},
    {"source is multicast", solicitation, [](Frame& f) { f[22] = 0xFF; }},
    {"option of length zero", solicitation, [](Frame& f) { f[79] = 0; }},
    {"option past the end", solicitation, [](Frame& f) { f[79] = 2; }},
    {"option MAC is multicast", solicitation, [](Frame& f) { f[80] = 1; }},
    {"probe with link-layer option",
     solicitation,
     [](Frame& f) { std::fill_n(f.begin() + 22, 16, 0); }},
    {"probe to unicast",
     solicitation,
     [](Frame& f) {
         std::fill_n(f.begin() + 22, 16, 0);
         std::copy_n(f.begin() + 62, 16, f.begin() + 38);
         f[78] = 14;  // nonce instead of the link-layer option
     }},
    {"solicited advertisement to all nodes", advertisement, [](Frame& f) { f[38] = 0xFF; }},
    {"advertisement of nobody",
     advertisement,
     [](Frame& f) { std::fill_n(f.begin() + 22, 16, 0); }},
    {"advertisement with target option of length zero", advertisement, [](Frame& f) { f[79] = 0; }},
};

TEST(NeighborWire, EachBrokenRuleIsRefused) {
    for (const BadRow& row : kBadRows) {
        Frame frame = row.make();
        row.damage(frame);
        if (row.fix) {
            fix_checksum(frame);
        }
        const auto parsed = control::parse_neighbor_frame(frame);
        ASSERT_TRUE(std::holds_alternative<DropReason>(parsed)) << row.what;
        EXPECT_EQ(std::get<DropReason>(parsed), DropReason::kNeighborBad) << row.what;
    }
}

TEST(NeighborWire, UnknownOptionsAreSkipped) {
    Frame frame = solicitation();
    frame[78] = 14;
    fix_checksum(frame);
    const auto parsed = control::parse_neighbor_frame(frame);
    ASSERT_TRUE(std::holds_alternative<NeighborMessage>(parsed));
    EXPECT_EQ(std::get<NeighborMessage>(parsed).mac, std::nullopt);
}

TEST(NeighborWire, KindOfFrame) {
    using control::FrameKind;
    Frame echo = solicitation();
    echo[kIcmp] = 128;
    Frame ipv4(60);
    ipv4[12] = 8;
    Frame lldp(60);
    lldp[12] = 0x88;
    lldp[13] = 0xCC;
    EXPECT_EQ(control::kind_of_frame(arp()), FrameKind::kNeighbor);
    EXPECT_EQ(control::kind_of_frame(solicitation()), FrameKind::kNeighbor);
    EXPECT_EQ(control::kind_of_frame(echo), FrameKind::kIp);
    EXPECT_EQ(control::kind_of_frame(ipv4), FrameKind::kIp);
    EXPECT_EQ(control::kind_of_frame(lldp), FrameKind::kOther);
    EXPECT_EQ(control::kind_of_frame(Frame(13)), FrameKind::kOther);
}

}  // namespace
