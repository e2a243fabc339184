#include "config/rule_match.h"
#include "config/rule_set.h"
#include "config/rule_tags.h"
#include "config/weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace config {
namespace {

// The words of netsh: "me", "any", "dns", "wins", "dhcp", "gateway", an address, a prefix, a range.
FilterAddress side(std::string_view text) {
    FilterAddress address;
    for (const auto& [word, kind] : std::vector<std::pair<std::string_view, AddressKind>>{
             {"any", AddressKind::kAny},
             {"me", AddressKind::kMe},
             {"dns", AddressKind::kDnsServers},
             {"wins", AddressKind::kWinsServers},
             {"dhcp", AddressKind::kDhcpServer},
             {"gateway", AddressKind::kDefaultGateway}}) {
        if (text == word) {
            address.kind = kind;
            return address;
        }
    }
    if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
        address.kind = AddressKind::kRange;
        address.first = *IpAddress::parse(text.substr(0, dash));
        address.last = *IpAddress::parse(text.substr(dash + 1));
        return address;
    }
    const IpPrefix prefix = *IpPrefix::parse(text);
    const bool is_host = prefix.length == address_bits(prefix.address.family);
    address.kind = is_host ? AddressKind::kHost : AddressKind::kSubnet;
    address.first = prefix.first();
    address.last = prefix.last();
    address.prefix_length = prefix.length;
    return address;
}

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpV6 = 58;

const char* const kPeer = "203.0.113.9";
const char* const kPeer6 = "2001:db8:9::9";

// 0 as a port is any, as on the command line.
PortRange port(std::uint16_t number) {
    return number == 0 ? PortRange{} : PortRange{number, number};
}

struct FilterRow {
    const char* source;
    const char* destination;
    std::uint8_t protocol = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool mirrored = false;
    Action action = Action::kPermit;
    const char* tunnel = nullptr;  // its end point
    ConnectionType connection_type = ConnectionType::kAll;
};

RuleSource rule_of(const FilterRow& row) {
    RuleSource source;
    source.guid = Guid::random();
    source.policy_name = "P";
    if (row.tunnel != nullptr) {
        source.tunnel = {TunnelKind::kAddress, *IpAddress::parse(row.tunnel), {}};
    }
    source.connection_type = row.connection_type;
    source.inbound = row.action;
    source.outbound = row.action;
    Filter filter;
    filter.guid = Guid::random();
    filter.spec = {side(row.source),
                   side(row.destination),
                   row.protocol,
                   port(row.source_port),
                   port(row.destination_port),
                   row.mirrored};
    source.filters.push_back(filter);
    return source;
}

HostView test_host() {
    HostView host;
    for (const char* text : {"10.0.0.1", "192.0.2.1", "10.0.0.1", "2001:db8::1"}) {
        host.me.push_back(*IpAddress::parse(text));
    }
    host.dns_servers = {*IpAddress::parse("10.0.0.53"), *IpAddress::parse("2001:db8::53")};
    host.dhcp_servers = {*IpAddress::parse("10.0.0.67")};
    host.default_gateways = {*IpAddress::parse("10.0.0.254")};
    return host;
}

// One rule for each row, in that order.
RuleSet compile(const std::vector<FilterRow>& rows, const HostView& host = test_host()) {
    std::vector<RuleSource> sources;
    sources.reserve(rows.size());
    for (const FilterRow& row : rows) {
        sources.push_back(rule_of(row));
    }
    RuleTags tags;
    Result<RuleSet> rule_set = compile_rule_set(sources, host, tags);
    EXPECT_TRUE(rule_set.ok()) << (rule_set.ok() ? "" : rule_set.error().text);
    return rule_set.ok() ? std::move(rule_set).value() : RuleSet{};
}

struct PacketRow {
    const char* source;
    const char* destination;
    std::uint8_t protocol = kTcp;
    std::uint16_t source_port = 40000;
    std::uint16_t destination_port = 80;
};

MatchInput packet(const PacketRow& row) {
    MatchInput input;
    input.source = *IpAddress::parse(row.source);
    input.destination = *IpAddress::parse(row.destination);
    input.protocol = row.protocol;
    input.source_port = row.source_port;
    input.destination_port = row.destination_port;
    return input;
}

const char* const kMe = "10.0.0.1";
const char* const kElsewhere = "198.51.100.7";

constexpr Action kBlock = Action::kBlock;
constexpr Action kPermit = Action::kPermit;

struct OrderCase {
    const char* name;
    std::vector<FilterRow> filters;
    PacketRow packet;
    char winner;  // 'A' is the first filter
    bool mirror = false;
};

const std::vector<OrderCase>& order_cases() {
    static const std::vector<OrderCase> cases = {
        {"protocol and port before any protocol",
         {{"any", "any", 0, 0, 0, false, kBlock}, {"any", "any", kTcp, 0, 80, false, kPermit}},
         {kElsewhere, "203.0.113.1", kTcp, 40000, 80},
         'B'},
        {"any,host of both: the protocol decides",
         {{"me", "any", 0, 0, 0, true, kBlock}, {"any", "me", kTcp, 0, 3389, true, kPermit}},
         {kElsewhere, kMe, kTcp, 40000, 3389},
         'B'},
        {"the reply finds the mirror",
         {{"me", "any", 0, 0, 0, true, kBlock}, {"any", "me", kTcp, 0, 3389, true, kPermit}},
         {kMe, kElsewhere, kTcp, 3389, 40000},
         'B',
         true},
        {"an address decides before a port",
         {{"me", "10.0.0.0/8", 0, 0, 0, false, kBlock}, {"me", "any", kTcp, 0, 80, false, kPermit}},
         {kMe, "10.1.1.1", kTcp, 40000, 80},
         'A'},
        {"the longer mask",
         {{"me", "10.0.0.0/8", 0, 0, 0, false, kBlock},
          {"me", "10.1.0.0/16", 0, 0, 0, false, kPermit}},
         {kMe, "10.1.1.1"},
         'B'},
        {"a tie goes to the more restrictive action",
         {{"any", "me", kTcp, 0, 445, false, kBlock}, {"any", "me", kTcp, 0, 445, false, kPermit}},
         {kElsewhere, kMe, kTcp, 40000, 445},
         'A'},
        {"host before any",
         {{"any", "me", 0, 0, 0, false, kPermit}, {"1.2.3.4", "me", 0, 0, 0, false, kBlock}},
         {"1.2.3.4", kMe},
         'B'},
        {"tunnel before transport",
         {{"10.1.0.0/16", "10.2.0.0/16", 0, 0, 0, false, Action::kNegotiate, kPeer},
          {"10.1.0.5", "10.2.0.5", 0, 0, 0, false, kPermit}},
         {"10.1.0.5", "10.2.0.5"},
         'A'},
        {"destination port before source port",
         {{"any", "me", kUdp, 53, 0, false, kPermit}, {"any", "me", kUdp, 0, 53, false, kBlock}},
         {kElsewhere, kMe, kUdp, 53, 53},
         'B'},
    };
    return cases;
}

TEST(RuleSetOrder, TheMostSpecificFilterWins) {
    for (const OrderCase& row : order_cases()) {
        // The order in which an administrator adds the rules must not matter.
        for (const bool reversed : {false, true}) {
            std::vector<FilterRow> filters = row.filters;
            if (reversed) {
                std::reverse(filters.begin(), filters.end());
            }
            const RuleSet rule_set = compile(filters);
            const RuleRow* match = first_match(rule_set, packet(row.packet));
            ASSERT_NE(match, nullptr) << row.name;
            const std::uint32_t rule = rule_set.filters[match->filter].rule;
            const auto written = reversed ? filters.size() - 1 - rule : rule;
            EXPECT_EQ(static_cast<char>('A' + written), row.winner) << row.name << reversed;
            EXPECT_EQ(match->mirror, row.mirror) << row.name;
        }
    }
}

TEST(RuleSetOrder, AddressClassesStandInTheDocumentedOrder) {
    const char* const kHost = "10.0.0.9";
    const char* const kNet = "10.0.0.0/31";
    const std::vector<FilterRow> rows = {{"any", "any"},
                                         {"net", "any"},
                                         {"any", "net"},
                                         {"host", "any"},
                                         {"any", "host"},
                                         {"net", "net"},
                                         {"host", "net"},
                                         {"net", "host"},
                                         {"host", "host"}};
    std::vector<FilterRow> filters;
    for (FilterRow row : rows) {
        const auto address = [&](std::string_view word) {
            return word == "host" ? kHost : word == "net" ? kNet : "any";
        };
        row.source = address(row.source);
        row.destination = address(row.destination);
        filters.push_back(row);
    }
    const RuleSet rule_set = compile(filters);
    std::vector<std::uint32_t> order;
    for (const RuleRow& row : rule_set.rows) {
        if (row.family == Family::kIpv4) {
            order.push_back(row.filter);
        }
    }
    EXPECT_EQ(order, (std::vector<std::uint32_t>{8, 7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(RuleSetOrder, ProtocolClassesStandInTheDocumentedOrder) {
    const RuleSet rule_set = compile({{"me", "any", 0, 0, 0},
                                      {"me", "any", kTcp, 0, 0},
                                      {"me", "any", kTcp, 7, 0},
                                      {"me", "any", kTcp, 0, 7},
                                      {"me", "any", kTcp, 7, 7}});
    for (std::size_t i = 1; i < rule_set.filters.size(); ++i) {
        EXPECT_GT(rule_set.filters[i].weight, rule_set.filters[i - 1].weight) << i;
    }
    EXPECT_EQ(first_match(rule_set, packet({kMe, kElsewhere, kTcp, 7, 7}))->filter, 4U);
    EXPECT_EQ(first_match(rule_set, packet({kMe, kElsewhere, kTcp, 8, 7}))->filter, 3U);
    EXPECT_EQ(first_match(rule_set, packet({kMe, kElsewhere, kTcp, 7, 8}))->filter, 2U);
    EXPECT_EQ(first_match(rule_set, packet({kMe, kElsewhere, kTcp, 8, 8}))->filter, 1U);
    EXPECT_EQ(first_match(rule_set, packet({kMe, kElsewhere, kUdp, 7, 7}))->filter, 0U);
}

TEST(RuleSetOrder, ATieIsBrokenByActionThenByPosition) {
    std::vector<RuleSource> sources;
    for (int i = 0; i < 5; ++i) {
        sources.push_back(rule_of({"me", "any"}));
        sources.back().filters.front().spec.mirrored = false;
    }
    sources[0].inbound = sources[0].outbound = Action::kPermit;
    sources[1].inbound = sources[1].outbound = Action::kNegotiate;
    sources[1].soft = true;
    sources[2].inbound = sources[2].outbound = Action::kNegotiate;
    sources[3].inbound = Action::kPermit;  // the more restrictive of two counts
    sources[3].outbound = Action::kBlock;
    sources[4].inbound = sources[4].outbound = Action::kBlock;
    RuleTags tags;
    const Result<RuleSet> rule_set = compile_rule_set(sources, test_host(), tags);
    ASSERT_TRUE(rule_set.ok());
    std::vector<std::uint32_t> order;
    for (const RuleRow& row : rule_set->rows) {
        if (row.family == Family::kIpv6) {
            order.push_back(row.filter);
        }
    }
    EXPECT_EQ(order, (std::vector<std::uint32_t>{3, 4, 2, 1, 0}));
}

TEST(RuleSetOrder, ARangeCountsAsTheShortestPrefixThatCoversIt) {
    EXPECT_EQ(SideBreadth::of(side("10.0.0.4-10.0.0.7")).free_bits, 2);
    EXPECT_EQ(SideBreadth::of(side("10.0.0.7-10.0.0.8")).free_bits, 4);
    EXPECT_EQ(SideBreadth::of(side("10.0.0.7-10.0.0.7")).free_bits, 0);
    EXPECT_TRUE(SideBreadth::of(side("127.0.0.1-128.0.0.1")).any);
    EXPECT_EQ(SideBreadth::of(side("2001:db8::-2001:db8:ffff::")).free_bits, 96);
    EXPECT_EQ(SideBreadth::of(side("2001:db8::/32")).free_bits, 96);
    const RuleSet rule_set = compile({{"me", "10.0.0.0/28"}, {"me", "10.0.0.4-10.0.0.7"}});
    EXPECT_EQ(first_match(rule_set, packet({kMe, "10.0.0.5"}))->filter, 1U);
    EXPECT_EQ(first_match(rule_set, packet({kMe, "10.0.0.8"}))->filter, 0U);
}

TEST(RuleSetOrder, WeightFallsAlongTheRows) {
    std::mt19937 random(20240229);
    const std::vector<const char*> sides = {"any",
                                            "me",
                                            "dns",
                                            "10.0.0.0/8",
                                            "10.64.0.0/10",
                                            "10.1.2.3",
                                            "10.0.0.9-10.0.7.1",
                                            "192.0.2.0/31"};
    const auto pick = [&](std::size_t size) { return static_cast<std::size_t>(random() % size); };
    std::vector<FilterRow> filters;
    for (int i = 0; i < 2000; ++i) {
        filters.push_back({sides[pick(sides.size())],
                           sides[pick(sides.size())],
                           pick(2) == 0 ? std::uint8_t{0} : kTcp,
                           static_cast<std::uint16_t>(pick(3)),
                           static_cast<std::uint16_t>(pick(3)),
                           false,
                           static_cast<Action>(pick(3)),
                           pick(4) == 0 ? kPeer : nullptr});
    }
    const RuleSet rule_set = compile(filters);
    std::uint64_t before = ~std::uint64_t{0};
    for (const RuleRow& row : rule_set.rows) {
        const std::uint64_t weight = rule_set.filters[row.filter].weight;
        ASSERT_LE(weight, before);
        before = weight;
    }
}

TEST(RuleSetOrder, WeightsOfRulesBeyondItsDigitsNeverRise) {
    OrderKey near;
    OrderKey far;
    near.rule = 0xFFFF;
    near.filter = 5;
    far.rule = 0x10000;
    far.filter = 0;
    EXPECT_GE(weight(near), weight(far));
    near.rule = 0xFFFE;
    near.filter = 0xFFFFFFFF;
    EXPECT_GT(weight(near), weight(far));
}

// The rows a filter expands to, "source>destination/protocol" each.
struct ExpandCase {
    FilterRow filter;
    std::vector<std::string> rows;
};

std::string text_of(const RuleRow& row) {
    const auto range = [](const IpAddress& first, const IpAddress& last) {
        return first == last ? first.to_string() : first.to_string() + "-" + last.to_string();
    };
    return range(row.source_first, row.source_last) + ">"
           + range(row.destination_first, row.destination_last) + "/" + std::to_string(row.protocol)
           + (row.mirror ? " mirror" : "");
}

TEST(RuleSet, ExpandsEveryAddressFormInBothFamilies) {
    const std::string all4 = "0.0.0.0-255.255.255.255";
    const std::string all6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    const std::vector<ExpandCase> cases = {
        {{"any", "any"}, {all4 + ">" + all4 + "/0", all6 + ">" + all6 + "/0"}},
        {{"10.1.2.3", "10.2.0.0/16"}, {"10.1.2.3>10.2.0.0-10.2.255.255/0"}},
        {{"10.1.2.3-10.1.2.9", "any"}, {"10.1.2.3-10.1.2.9>" + all4 + "/0"}},
        {{"any", "2001:db8::/64"}, {all6 + ">2001:db8::-2001:db8::ffff:ffff:ffff:ffff/0"}},
        {{"me", "any"},
         {"10.0.0.1>" + all4 + "/0", "192.0.2.1>" + all4 + "/0", "2001:db8::1>" + all6 + "/0"}},
        {{"me", "dns"},
         {"10.0.0.1>10.0.0.53/0", "192.0.2.1>10.0.0.53/0", "2001:db8::1>2001:db8::53/0"}},
        {{"dhcp", "10.9.9.9"}, {"10.0.0.67>10.9.9.9/0"}},
        {{"gateway", "10.9.9.9"}, {"10.0.0.254>10.9.9.9/0"}},
        {{"me", "wins"}, {}},
        {{"me", "2001:db8::9"}, {"2001:db8::1>2001:db8::9/0"}},
        {{"any", "any", kIcmp}, {all4 + ">" + all4 + "/1", all6 + ">" + all6 + "/58"}},
        {{"2001:db8::9", "2001:db8::8", kIcmp}, {"2001:db8::9>2001:db8::8/58"}},
        {{"10.9.9.9", "10.9.9.8", kIcmp}, {"10.9.9.9>10.9.9.8/1"}},
        {{"10.9.9.9", "10.9.9.8", kIcmpV6}, {"10.9.9.9>10.9.9.8/58"}},
        {{"10.9.9.9", "10.9.9.8", kTcp, 1, 2, true},
         {"10.9.9.9>10.9.9.8/6", "10.9.9.8>10.9.9.9/6 mirror"}},
        {{"any", "any", kTcp, 0, 0, true}, {all4 + ">" + all4 + "/6", all6 + ">" + all6 + "/6"}},
    };
    for (const ExpandCase& row : cases) {
        const RuleSet rule_set = compile({row.filter});
        std::vector<std::string> rows;
        for (const RuleRow& expanded : rule_set.rows) {
            rows.push_back(text_of(expanded));
        }
        EXPECT_EQ(rows, row.rows) << row.filter.source << " " << row.filter.destination;
        EXPECT_EQ(rule_set.filters.size(), row.rows.empty() ? 0U : 1U);
        EXPECT_EQ(rule_set.rules.size(), 1U);
    }
}

// Mirrors of a filter between two hosts in a rule that has a tunnel end point.
struct MirrorCase {
    const char* name;
    const char* endpoint;  // nullptr: taken from the filter, which is between networks
    Action inbound;
    Action outbound;
    bool mirrored;
    bool has_mirror;
};

constexpr Action kNegotiate = Action::kNegotiate;

TEST(RuleSet, ATunnelHasMirrorsWhereBothDirectionsBelongToIt) {
    const std::vector<MirrorCase> cases = {
        {"a peer's", kPeer, kNegotiate, kNegotiate, true, true},
        {"a peer's of the other family", kPeer6, kNegotiate, kNegotiate, true, true},
        {"a peer's, not mirrored", kPeer, kNegotiate, kNegotiate, false, false},
        {"accepts clear inbound", kPeer, kPermit, kNegotiate, true, true},
        {"expects only", kPeer, kNegotiate, kPermit, true, true},
        {"protects only", kPeer, kBlock, kNegotiate, true, true},
        {"ours", kMe, kNegotiate, kNegotiate, true, false},
        {"ours, IPv6", "2001:db8::1", kNegotiate, kNegotiate, true, false},
        {"ours, not mirrored", kMe, kNegotiate, kNegotiate, false, false},
        {"none", nullptr, kNegotiate, kNegotiate, true, true},
        {"permits", kPeer, kPermit, kPermit, true, false},
        {"blocks", kPeer, kBlock, kBlock, true, false},
        {"permits and blocks", kPeer, kPermit, kBlock, true, false},
    };
    for (const auto& [near, far] : std::vector<std::pair<const char*, const char*>>{
             {"10.1.0.0/16", "10.2.0.0/16"}, {"2001:db8:1::/48", "2001:db8:2::/48"}}) {
        for (const MirrorCase& row : cases) {
            RuleSource source = rule_of({near, far, 0, 0, 0, row.mirrored});
            source.inbound = row.inbound;
            source.outbound = row.outbound;
            source.tunnel.kind = TunnelKind::kFromFilters;
            if (row.endpoint != nullptr) {
                source.tunnel = {TunnelKind::kAddress, *IpAddress::parse(row.endpoint), {}};
            }
            RuleTags tags;
            const Result<RuleSet> rule_set = compile_rule_set({source}, test_host(), tags);
            ASSERT_TRUE(rule_set.ok());
            EXPECT_TRUE(rule_set->rules[0].tunnel);
            ASSERT_EQ(rule_set->rows.size(), row.has_mirror ? 2U : 1U) << row.name;
            EXPECT_FALSE(rule_set->rows[0].mirror);
            if (row.has_mirror) {
                EXPECT_TRUE(rule_set->rows[1].mirror);
                EXPECT_EQ(rule_set->rows[1].source_first, side(far).first);
            }
        }
    }
}

struct EndpointCase {
    const char* name;
    TunnelKind kind;
    const char* address;   // as the rule has it
    const char* far;       // destination of the filter
    const char* dns_name;  // of the destination
    const char* endpoint;  // nullptr: none
    bool is_me = false;
};

TEST(RuleSet, FiltersKnowWhereTheirTunnelEnds) {
    const std::vector<EndpointCase> cases = {
        {"transport", TunnelKind::kNone, kPeer, "10.2.0.1", "", nullptr},
        {"address", TunnelKind::kAddress, kPeer, "10.2.0.1", "far.example", kPeer},
        {"address, IPv6", TunnelKind::kAddress, kPeer6, "10.2.0.0/16", "", kPeer6},
        {"ours", TunnelKind::kAddress, kMe, "10.2.0.0/16", "", kMe, true},
        {"ours, IPv6", TunnelKind::kAddress, "2001:db8::1", "any", "", "2001:db8::1", true},
        {"far host", TunnelKind::kFromFilters, kPeer, "10.2.0.1", "", "10.2.0.1"},
        {"far host, IPv6", TunnelKind::kFromFilters, kPeer, kPeer6, "", kPeer6},
        {"far host is ours", TunnelKind::kFromFilters, kPeer, kMe, "", kMe, true},
        {"far name", TunnelKind::kFromFilterNames, kPeer, "10.2.0.1", "far.example", "10.2.0.1"},
        {"far host, no name", TunnelKind::kFromFilterNames, kPeer, "10.2.0.1", "", nullptr},
        {"far network", TunnelKind::kFromFilters, kPeer, "10.2.0.0/16", "", nullptr},
        {"far range", TunnelKind::kFromFilters, kPeer, "10.2.0.1-10.2.0.2", "", nullptr},
        {"far symbol", TunnelKind::kFromFilters, kPeer, "dns", "", nullptr},
        {"far any", TunnelKind::kFromFilterNames, kPeer, "any", "", nullptr},
    };
    for (const EndpointCase& row : cases) {
        RuleSource source = rule_of({"any", row.far});
        source.tunnel = {row.kind, *IpAddress::parse(row.address), {}};
        source.filters.front().spec.destination.dns_name = row.dns_name;
        RuleTags tags;
        const Result<RuleSet> rule_set = compile_rule_set({source}, test_host(), tags);
        ASSERT_TRUE(rule_set.ok());
        const RuleSetFilter& filter = rule_set->filters.at(0);
        EXPECT_EQ(filter.tunnel_endpoint.has_value(), row.endpoint != nullptr) << row.name;
        if (filter.tunnel_endpoint) {
            EXPECT_EQ(filter.tunnel_endpoint->to_string(), row.endpoint) << row.name;
        }
        EXPECT_EQ(filter.endpoint_is_me, row.is_me) << row.name;
        EXPECT_EQ(rule_set->rules[0].tunnel, row.kind != TunnelKind::kNone) << row.name;
    }
}

TEST(RuleSet, TheMirrorExchangesPortsToo) {
    const RuleSet rule_set = compile({{"10.9.9.9", "any", kTcp, 0, 80, true}});
    EXPECT_NE(first_match(rule_set, packet({"10.9.9.9", kElsewhere, kTcp, 1, 80})), nullptr);
    const RuleRow* reply = first_match(rule_set, packet({kElsewhere, "10.9.9.9", kTcp, 80, 1}));
    ASSERT_NE(reply, nullptr);
    EXPECT_TRUE(reply->mirror);
    EXPECT_EQ(first_match(rule_set, packet({kElsewhere, "10.9.9.9", kTcp, 1, 80})), nullptr);
}

TEST(RuleSet, PortsCountForTcpAndUdpOnly) {
    const RuleSet rule_set = compile({{"any", "any", 47, 5, 5}});
    EXPECT_NE(first_match(rule_set, packet({kElsewhere, kMe, 47, 0, 0})), nullptr);
}

TEST(RuleSet, PortRangesStayRanges) {
    RuleSource source = rule_of({"any", "any", kUdp});
    source.filters.front().spec.destination_port = {100, 200};
    RuleTags tags;
    const Result<RuleSet> rule_set = compile_rule_set({source}, test_host(), tags);
    ASSERT_TRUE(rule_set.ok());
    for (const auto& [number, matches] : std::vector<std::pair<std::uint16_t, bool>>{
             {99, false}, {100, true}, {200, true}, {201, false}}) {
        const PacketRow row{kElsewhere, kMe, kUdp, 1, number};
        EXPECT_EQ(first_match(*rule_set, packet(row)) != nullptr, matches) << number;
    }
}

TEST(RuleSet, TheConnectionTypeMustFit) {
    const RuleSet rule_set =
        compile({{"any", "any", 0, 0, 0, false, kBlock, nullptr, ConnectionType::kLan},
                 {"any", "any", 0, 0, 0, false, kPermit, nullptr, ConnectionType::kDialup}});
    MatchInput input = packet({kElsewhere, kMe});
    EXPECT_EQ(first_match(rule_set, input)->filter, 0U);
    input.lan = false;
    EXPECT_EQ(first_match(rule_set, input), nullptr);
    input.dialup = true;
    EXPECT_EQ(first_match(rule_set, input)->filter, 1U);
}

TEST(RuleSet, FiltersKnowTheirRule) {
    std::vector<RuleSource> sources = {rule_of({"me", "wins"}), rule_of({"me", "any"})};
    sources[1].rule_name = "second";
    sources[1].filters.front().description = "text";
    sources[1].inbound_passthrough = true;
    RuleTags tags;
    const Result<RuleSet> rule_set = compile_rule_set(sources, test_host(), tags);
    ASSERT_TRUE(rule_set.ok());
    ASSERT_EQ(rule_set->filters.size(), 1U);
    EXPECT_EQ(rule_set->filters[0].rule, 1U);
    EXPECT_EQ(rule_set->filters[0].filter, sources[1].filters[0].guid);
    EXPECT_EQ(rule_set->filters[0].description, "text");
    EXPECT_EQ(rule_set->filters[0].spec, sources[1].filters[0].spec);
    EXPECT_EQ(rule_set->rules[1].rule_name, "second");
    EXPECT_TRUE(rule_set->rules[1].inbound_passthrough);
}

TEST(RuleSet, ARuleHasTheSameTagInEveryRuleSet) {
    const std::vector<RuleSource> sources = {rule_of({"me", "any"}), rule_of({"any", "me"})};
    RuleTags tags;
    const Result<RuleSet> first = compile_rule_set(sources, test_host(), tags);
    const Result<RuleSet> second = compile_rule_set({sources[1]}, test_host(), tags);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first->rules[0].tag, 1U);
    EXPECT_EQ(first->rules[1].tag, 2U);
    EXPECT_EQ(second->rules[0].tag, 2U);
}

TEST(RuleSet, RefusesMoreRowsThanATableHolds) {
    HostView host;
    for (std::uint32_t i = 0; i < 1001; ++i) {
        host.me.push_back(IpAddress::v4(0x0A000000 + i));
        host.dns_servers.push_back(IpAddress::v4(0x0B000000 + i));
    }
    RuleTags tags;
    const Result<RuleSet> rule_set = compile_rule_set({rule_of({"me", "dns"})}, host, tags);
    ASSERT_FALSE(rule_set.ok());
    EXPECT_EQ(rule_set.error().code, ErrorCode::kTooManyFilters);
}

}  // namespace
}  // namespace config
