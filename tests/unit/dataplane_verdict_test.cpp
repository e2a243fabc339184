#include "dataplane/verdict.h"
#include "dataplane/wire.h"
#include "tests/support/parsed_packet.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace dataplane;

using config::Action;
using config::IpAddress;
using config::SaMode;

constexpr Action kPermit = Action::kPermit;
constexpr Action kBlock = Action::kBlock;
constexpr Action kNegotiate = Action::kNegotiate;

constexpr std::uint8_t kTunnelToPeer = kRowTunnel | kRowHasEndpoint;
constexpr std::uint8_t kTunnelToMe = kTunnelToPeer | kRowEndpointIsMe;

constexpr config::RuleTag kRule = 7;
constexpr config::RuleTag kSelector = 9;
constexpr config::RuleTag kOtherRule = 8;

struct RequirementCase {
    const char* name;
    Action inbound;
    Action outbound;
    bool mirror;
    std::uint8_t flags;
    Requirement in;
    Requirement out;
    Requirement transit;
};

constexpr RowAction row_of(const RequirementCase& row) {
    return {row.inbound, row.outbound, row.mirror, row.flags, 0, kRule, kSelector, 0};
}

TEST(Verdict, TheRowAndTheDirectionSayWhatIsRequired) {
    constexpr Requirement kPass = Requirement::kPermit;
    constexpr Requirement kDrop = Requirement::kBlock;
    constexpr Requirement kProtect = Requirement::kProtect;
    constexpr Requirement kExpect = Requirement::kExpect;
    constexpr Requirement kTransit = Requirement::kTransitTransport;
    constexpr Requirement kNoPeer = Requirement::kNoPeer;
    constexpr std::array cases = {
        RequirementCase{"permit", kPermit, kPermit, false, 0, kPass, kPass, kPass},
        RequirementCase{"block", kBlock, kBlock, false, 0, kDrop, kDrop, kDrop},
        RequirementCase{"both", kPermit, kBlock, false, 0, kPass, kDrop, kDrop},
        RequirementCase{"both, mirror", kPermit, kBlock, true, 0, kPass, kDrop, kPass},
        RequirementCase{
            "permit, tunnel", kPermit, kPermit, false, kTunnelToPeer, kPass, kPass, kPass},
        RequirementCase{"block, tunnel", kBlock, kBlock, false, kRowTunnel, kDrop, kDrop, kDrop},

        RequirementCase{"negotiate", kNegotiate, kNegotiate, false, 0, kExpect, kProtect, kTransit},
        RequirementCase{"mirror", kNegotiate, kNegotiate, true, 0, kExpect, kProtect, kTransit},
        RequirementCase{
            "inpass", kNegotiate, kNegotiate, false, kRowInpass, kExpect, kProtect, kTransit},
        RequirementCase{"permit in", kPermit, kNegotiate, false, 0, kPass, kProtect, kTransit},
        RequirementCase{"permit in, mirror", kPermit, kNegotiate, true, 0, kPass, kProtect, kPass},
        RequirementCase{"permit out", kNegotiate, kPermit, false, 0, kExpect, kPass, kPass},
        RequirementCase{"block out", kNegotiate, kBlock, true, 0, kExpect, kDrop, kTransit},

        RequirementCase{"to a peer",
                        kNegotiate,
                        kNegotiate,
                        false,
                        kTunnelToPeer,
                        kProtect,
                        kProtect,
                        kProtect},
        RequirementCase{
            "from a peer", kNegotiate, kNegotiate, true, kTunnelToPeer, kExpect, kExpect, kExpect},
        RequirementCase{
            "ends here", kNegotiate, kNegotiate, false, kTunnelToMe, kExpect, kExpect, kExpect},
        RequirementCase{
            "no end point", kNegotiate, kNegotiate, false, kRowTunnel, kNoPeer, kNoPeer, kNoPeer},
        RequirementCase{
            "no end, mirror", kNegotiate, kNegotiate, true, kRowTunnel, kNoPeer, kNoPeer, kNoPeer},
        RequirementCase{
            "permit in, to", kPermit, kNegotiate, false, kTunnelToPeer, kPass, kProtect, kProtect},
        RequirementCase{
            "permit in, from", kPermit, kNegotiate, true, kTunnelToPeer, kPass, kExpect, kPass},
        RequirementCase{
            "block in, from", kBlock, kNegotiate, true, kTunnelToPeer, kDrop, kExpect, kDrop},
    };
    for (const RequirementCase& row : cases) {
        const RowAction action = row_of(row);
        EXPECT_EQ(requirement_of(action, Direction::kInbound), row.in) << row.name;
        EXPECT_EQ(requirement_of(action, Direction::kOutbound), row.out) << row.name;
        EXPECT_EQ(requirement_of(action, Direction::kTransit), row.transit) << row.name;
    }
}

TEST(Verdict, ClearTextIsAcceptedByInpassAndSoftOnly) {
    for (const auto& [flags, accepted] : std::vector<std::pair<std::uint8_t, bool>>{
             {std::uint8_t{0}, false},
             {kTunnelToMe, false},
             {kRowInpass, true},
             {kRowSoft, true},
             {static_cast<std::uint8_t>(kTunnelToPeer | kRowInpass), true},
             {static_cast<std::uint8_t>(kTunnelToPeer | kRowSoft), true}}) {
        RowAction row{};
        row.flags = flags;
        EXPECT_EQ(accepts_clear(row), accepted) << int{flags};
    }
}

// A table whose rows are one tunnel rule's: as written, and its mirror.
std::unique_ptr<const FilterTable> table_with(const char* endpoint, bool is_me, bool tunnel) {
    config::RuleSet set;
    config::RuleSetRule& rule = set.rules.emplace_back();
    rule.tunnel = tunnel;
    rule.tag = kRule;
    config::RuleSetFilter& filter = set.filters.emplace_back();
    if (endpoint != nullptr) {
        filter.tunnel_endpoint = IpAddress::parse(endpoint).value();
    }
    filter.endpoint_is_me = is_me;
    for (const bool mirror : {false, true}) {
        config::RuleRow& row = set.rows.emplace_back();
        row.mirror = mirror;
        row.selector = kSelector;
        row.inbound = kNegotiate;
        row.outbound = kNegotiate;
    }
    const std::array<std::uint32_t, 1> slots = {0};
    return FilterTable::build(set, slots, {}).value();
}

config::MatchInput packet(const char* source, const char* destination) {
    config::MatchInput input;
    input.source = IpAddress::parse(source).value();
    input.destination = IpAddress::parse(destination).value();
    input.protocol = kProtoUdp;
    return input;
}

std::unique_ptr<Sa> inbound_sa(const char* source,
                               const char* destination,
                               SaMode mode,
                               config::RuleTag rule) {
    config::SaSpec spec;
    spec.direction = config::SaDirection::kInbound;
    spec.mode = mode;
    spec.spi = 0x1000;
    spec.source = IpAddress::parse(source).value();
    spec.destination = IpAddress::parse(destination).value();
    spec.cipher = config::Cipher::kNone;
    spec.hash = config::Hash::kSha1;
    spec.auth_key = config::SecretBytes(std::string(20, 'k'));
    spec.rule = rule;
    static const crypto::EngineChoice engines = crypto::EngineChoice::best();
    return Sa::create(spec, engines, {}).value();
}

struct AllowCase {
    const char* name;
    const char* endpoint;  // nullptr: none, or a transport rule
    bool tunnel;
    bool mirror;
    SaMode mode;
    config::RuleTag sa_rule;
    const char* sa_source;
    const char* sa_destination;
    bool allowed;
};

TEST(Verdict, AnSaAllowsRowsThatItsRuleModeAndEndsFit) {
    constexpr SaMode kTransport = SaMode::kTransport;
    constexpr SaMode kTunnel = SaMode::kTunnel;
    constexpr config::RuleTag kAny = config::kAnyRule;
    const char* const kMe4 = "192.0.2.1";
    const char* const kPeer4 = "203.0.113.9";
    const char* const kThird4 = "203.0.113.10";
    const char* const kMe6 = "2001:db8::1";
    const char* const kPeer6 = "2001:db8:9::9";
    const char* const kThird6 = "2001:db8:9::a";
    // The packet goes from the peer to this host.
    std::vector<AllowCase> cases;
    for (const auto& [me, peer, third] :
         {std::array{kMe4, kPeer4, kThird4}, std::array{kMe6, kPeer6, kThird6}}) {
        for (const AllowCase& row : std::vector<AllowCase>{
                 {"any rule", nullptr, false, false, kTransport, kAny, peer, me, true},
                 {"its rule", nullptr, false, true, kTransport, kRule, peer, me, true},
                 {"its selector", nullptr, false, true, kTransport, kSelector, peer, me, true},
                 {"another rule", nullptr, false, false, kTransport, kOtherRule, peer, me, false},
                 {"tunnel mode", nullptr, false, false, kTunnel, kAny, peer, me, false},
                 {"another sender", nullptr, false, false, kTransport, kAny, third, me, false},

                 {"ends here", me, true, false, kTunnel, kAny, third, me, true},
                 {"ends here, its rule", me, true, false, kTunnel, kRule, peer, me, true},
                 {"ends here, its selector", me, true, false, kTunnel, kSelector, peer, me, true},
                 {"ends here, another", me, true, false, kTunnel, kOtherRule, peer, me, false},
                 {"ends here, transport", me, true, false, kTransport, kAny, peer, me, false},
                 {"ends elsewhere", me, true, false, kTunnel, kAny, peer, third, false},

                 {"from the peer", peer, true, true, kTunnel, kAny, peer, me, true},
                 {"from the peer, its rule", peer, true, true, kTunnel, kRule, peer, third, true},
                 {"from a third", peer, true, true, kTunnel, kAny, third, me, false},
                 {"to the peer", peer, true, true, kTunnel, kAny, third, peer, false},
                 {"from the peer, transport", peer, true, true, kTransport, kAny, peer, me, false},
                 {"no end point", nullptr, true, true, kTunnel, kAny, peer, me, false},
             }) {
            cases.push_back(row);
        }
    }
    // Zeros behind an IPv4 address do not make it an IPv6 one.
    cases.push_back(
        {"other family", "203.0.113.9", true, true, kTunnel, kAny, "cb00:7109::", kMe6, false});
    cases.push_back({"IPv6 inside IPv4", kPeer4, true, true, kTunnel, kAny, kPeer4, kMe4, true});
    for (const AllowCase& row : cases) {
        const bool v4 = std::string(row.sa_source).find(':') == std::string::npos;
        tests::ParsedPacket parsed(v4 ? packet(kPeer4, kMe4) : packet(kPeer6, kMe6));
        const bool is_me = row.endpoint == kMe4 || row.endpoint == kMe6;
        const auto table = table_with(row.endpoint, is_me, row.tunnel);
        const auto sa = inbound_sa(row.sa_source, row.sa_destination, row.mode, row.sa_rule);
        const RowAction& action = table->row(row.mirror ? 1 : 0);
        EXPECT_EQ(allows(*table, action, *sa, parsed.mbuf()), row.allowed)
            << row.name << " from " << row.sa_source;
        sa->within_bundle = true;
        EXPECT_FALSE(allows(*table, action, *sa, parsed.mbuf())) << "half a bundle: " << row.name;
    }
}

TEST(Verdict, ATransportSaOfTheOtherFamilyAllowsNothing) {
    const auto table = table_with(nullptr, false, false);
    const auto sa = inbound_sa("cb00:7109::", "2001:db8::1", SaMode::kTransport, config::kAnyRule);
    tests::ParsedPacket parsed(packet("203.0.113.9", "192.0.2.1"));
    EXPECT_FALSE(allows(*table, table->row(0), *sa, parsed.mbuf()));
}

TEST(Verdict, ThePeerIsTheTunnelsEndOrThePacketsDestination) {
    struct Case {
        const char* endpoint;
        const char* source;
        const char* destination;
        const char* peer;
    };
    for (const Case& row : {Case{nullptr, "10.0.0.1", "10.0.0.2", "10.0.0.2"},
                            Case{nullptr, "2001:db8::1", "2001:db8::2", "2001:db8::2"},
                            Case{"203.0.113.9", "10.0.0.1", "10.0.0.2", "203.0.113.9"},
                            Case{"2001:db8:9::9", "10.0.0.1", "10.0.0.2", "2001:db8:9::9"},
                            Case{"203.0.113.9", "2001:db8::1", "2001:db8::2", "203.0.113.9"}}) {
        const bool tunnel = row.endpoint != nullptr;
        const auto table = table_with(row.endpoint, false, tunnel);
        tests::ParsedPacket parsed(packet(row.source, row.destination));
        const PeerKey key = peer_of(*table, table->row(0), parsed.mbuf());
        EXPECT_EQ(key.rule, kRule);
        EXPECT_EQ(key.selector, kSelector);
        EXPECT_EQ(key.mode, tunnel ? SaMode::kTunnel : SaMode::kTransport);
        EXPECT_EQ(IpAddress::from_bytes(key.family, key.peer).to_string(), row.peer);
    }
}

struct ExemptCase {
    const char* name;
    Direction direction;
    std::uint8_t protocol;
    std::uint16_t source_port;
    std::uint16_t destination_port;
    bool to_group;
    const char* levels;  // at which it is exempt
};

TEST(Verdict, WhatKeepsIpsecRunningIsExemptAtBothEndsOnly) {
    constexpr Direction kIn = Direction::kInbound;
    constexpr Direction kOut = Direction::kOutbound;
    constexpr Direction kForwarded = Direction::kTransit;
    for (const ExemptCase& row : {
             ExemptCase{"ESP in", kIn, kProtoEsp, 0, 0, false, "0123"},
             ExemptCase{"ESP out", kOut, kProtoEsp, 0, 0, false, "0123"},
             ExemptCase{"ESP through", kForwarded, kProtoEsp, 0, 0, false, ""},
             ExemptCase{"AH in", kIn, kProtoAh, 0, 0, false, "0123"},
             ExemptCase{"AH out", kOut, kProtoAh, 0, 0, false, "0123"},
             ExemptCase{"AH through", kForwarded, kProtoAh, 0, 0, false, ""},
             ExemptCase{"IKE in", kIn, kProtoUdp, 9, 500, false, "0123"},
             ExemptCase{"IKE out", kOut, kProtoUdp, 4500, 9, false, "0123"},
             ExemptCase{"IKE through", kForwarded, kProtoUdp, 500, 500, false, ""},
             ExemptCase{"IKE port of the sender", kIn, kProtoUdp, 500, 9, false, ""},
             ExemptCase{"IKE port of the receiver", kOut, kProtoUdp, 9, 500, false, ""},
             ExemptCase{"TCP 500", kIn, kProtoTcp, 9, 500, false, ""},
             ExemptCase{"group", kIn, kProtoUdp, 9, 9, true, "01"},
             ExemptCase{"RSVP", kIn, kProtoRsvp, 0, 0, false, "02"},
             ExemptCase{"Kerberos", kOut, kProtoTcp, 9, 88, false, "02"},
             ExemptCase{"others", kIn, kProtoUdp, 9, 9, false, ""},
         }) {
        PacketMeta meta;
        meta.direction = row.direction;
        meta.protocol = row.protocol;
        meta.source_port = row.source_port;
        meta.destination_port = row.destination_port;
        meta.to_group = row.to_group;
        std::string levels;
        for (std::uint8_t level = 0; level < 4; ++level) {
            levels += is_exempt(meta, {level}) ? std::to_string(level) : "";
        }
        EXPECT_EQ(levels, row.levels) << row.name;
    }
}

}  // namespace
