// FilterTable without EAL: the ordered scan against the meaning of a rule set. The same checks with
// rte_acl are in tests/eal.
#include "dataplane/filter_table.h"
#include "tests/support/parsed_packet.h"
#include "tests/support/random_rules.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

namespace {

using config::Family;
using config::IpAddress;
using config::IpPrefix;
using dataplane::FilterEngine;
using dataplane::FilterTable;
using dataplane::kNoRow;

struct RowText {
    const char* source;       // prefix
    const char* destination;  // prefix
    std::uint8_t protocol = 0;
    config::PortRange source_port = {};
    config::PortRange destination_port = {};
    config::ConnectionType type = config::ConnectionType::kAll;
};

config::RuleSet rule_set(const std::vector<RowText>& texts) {
    config::RuleSet set;
    set.rules.emplace_back().rule_name = "r";
    for (const RowText& text : texts) {
        const IpPrefix source = IpPrefix::parse(text.source).value();
        const IpPrefix destination = IpPrefix::parse(text.destination).value();
        config::RuleRow row;
        row.family = source.address.family;
        row.protocol = text.protocol;
        row.connection_type = text.type;
        row.filter = static_cast<std::uint32_t>(set.filters.size());
        row.source_first = source.first();
        row.source_last = source.last();
        row.destination_first = destination.first();
        row.destination_last = destination.last();
        row.source_port = text.source_port;
        row.destination_port = text.destination_port;
        set.rows.push_back(row);
        set.filters.emplace_back();
    }
    return set;
}

std::vector<std::uint32_t> slots(const config::RuleSet& set) {
    std::vector<std::uint32_t> out(set.filters.size());
    std::iota(out.begin(), out.end(), 100U);
    return out;
}

std::unique_ptr<const FilterTable> build(const config::RuleSet& set) {
    return FilterTable::build(set, slots(set), {}).value();
}

config::MatchInput packet(const char* source,
                          const char* destination,
                          std::uint8_t protocol = 6,
                          std::uint16_t source_port = 0,
                          std::uint16_t destination_port = 0) {
    return {.source = IpAddress::parse(source).value(),
            .destination = IpAddress::parse(destination).value(),
            .protocol = protocol,
            .source_port = source_port,
            .destination_port = destination_port};
}

std::uint32_t lookup(const FilterTable& table, const config::MatchInput& input) {
    tests::ParsedPacket parsed(input);
    const std::array<rte_mbuf*, 1> burst = {parsed.mbuf()};
    table.lookup(burst);
    return parsed.row();
}

TEST(FilterTable, EmptyTableMatchesNothing) {
    const auto table = build({});
    EXPECT_EQ(lookup(*table, packet("10.0.0.1", "10.0.0.2")), kNoRow);
    EXPECT_EQ(lookup(*table, packet("2001:db8::1", "2001:db8::2")), kNoRow);
}

TEST(FilterTable, FirstMatchingRowDecides) {
    const auto table = build(rule_set({
        {"10.0.0.1/32", "0.0.0.0/0", 6, {}, {80, 80}},
        {"10.0.0.0/24", "0.0.0.0/0", 6},
        {"10.0.0.0/8", "10.0.0.0/8"},
    }));
    EXPECT_EQ(lookup(*table, packet("10.0.0.1", "1.2.3.4", 6, 9, 80)), 0U);
    EXPECT_EQ(lookup(*table, packet("10.0.0.1", "1.2.3.4", 6, 9, 81)), 1U);
    EXPECT_EQ(lookup(*table, packet("10.0.0.1", "10.9.9.9", 17, 9, 80)), 2U);
    EXPECT_EQ(lookup(*table, packet("10.0.1.1", "10.9.9.9", 6, 9, 80)), 2U);
    EXPECT_EQ(lookup(*table, packet("11.0.0.1", "10.9.9.9", 6, 9, 80)), kNoRow);
}

TEST(FilterTable, BoundsAreInclusiveAndExtremesCompare) {
    const auto table = build(rule_set({
        {"0.0.0.0/32", "255.255.255.255/32", 17, {0, 0}, {65535, 65535}},
        {"::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 17, {0, 0}, {65535, 65535}},
        {"10.0.0.4/30", "0.0.0.0/0", 6, {1000, 2000}, {3000, 4000}},
        {"2001:db8::4/126", "::/0", 6, {1000, 2000}, {3000, 4000}},
    }));
    EXPECT_EQ(lookup(*table, packet("0.0.0.0", "255.255.255.255", 17, 0, 65535)), 0U);
    const char* all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    EXPECT_EQ(lookup(*table, packet("::", all, 17, 0, 65535)), 1U);
    EXPECT_EQ(lookup(*table, packet("::1", all, 17, 0, 65535)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("10.0.0.4", "1.1.1.1", 6, 1000, 4000)), 2U);
    EXPECT_EQ(lookup(*table, packet("10.0.0.7", "1.1.1.1", 6, 2000, 3000)), 2U);
    EXPECT_EQ(lookup(*table, packet("10.0.0.3", "1.1.1.1", 6, 1000, 3000)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("10.0.0.8", "1.1.1.1", 6, 1000, 3000)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("10.0.0.4", "1.1.1.1", 6, 999, 3000)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("10.0.0.4", "1.1.1.1", 6, 1000, 4001)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("2001:db8::7", "::9", 6, 2000, 3000)), 3U);
    EXPECT_EQ(lookup(*table, packet("2001:db8::8", "::9", 6, 2000, 3000)), kNoRow);
    EXPECT_EQ(lookup(*table, packet("2001:db8::4", "::9", 6, 2001, 3000)), kNoRow);
}

TEST(FilterTable, AnAddressOfTheOtherFamilyNeverMatches) {
    const auto table = build(rule_set({{"0.0.0.0/0", "0.0.0.0/0"}}));
    EXPECT_EQ(lookup(*table, packet("1.2.3.4", "5.6.7.8")), 0U);
    EXPECT_EQ(lookup(*table, packet("::1", "::2")), kNoRow);
}

TEST(FilterTable, ConnectionTypeIsComparedWithThePacketsBits) {
    using config::ConnectionType;
    const auto table = build(rule_set({
        {"10.0.0.0/8", "0.0.0.0/0", 6, {}, {}, ConnectionType::kLan},
        {"10.0.0.0/8", "0.0.0.0/0", 0, {}, {}, ConnectionType::kDialup},
        {"0.0.0.0/0", "0.0.0.0/0"},
    }));
    struct Case {
        std::uint8_t protocol;
        bool lan;
        bool dialup;
        std::uint32_t row;
    };
    for (const Case& c : {Case{6, true, false, 0},
                          Case{6, false, true, 1},
                          Case{6, true, true, 0},
                          Case{17, true, true, 1},
                          Case{17, true, false, 2},
                          Case{17, false, false, 2}}) {
        config::MatchInput input = packet("10.0.0.1", "1.1.1.1", c.protocol);
        input.lan = c.lan;
        input.dialup = c.dialup;
        EXPECT_EQ(lookup(*table, input), c.row)
            << int{c.protocol} << " lan " << c.lan << " dialup " << c.dialup;
    }
}

TEST(FilterTable, RowActionCarriesWhatTheVerdictNeeds) {
    config::RuleSet set = rule_set({{"10.0.0.0/8", "0.0.0.0/0"}, {"0.0.0.0/0", "10.0.0.0/8"}});
    set.rules.emplace_back().tunnel = true;
    set.filters[1].rule = 1;
    set.rows[1].mirror = true;
    set.rows[1].inbound = config::Action::kBlock;
    set.rows[1].outbound = config::Action::kNegotiate;
    set.rows[1].selector = 12;
    const auto table =
        FilterTable::build(set, slots(set), {.level = 2}, FilterEngine::kScan).value();
    EXPECT_EQ(table->rows(), 2U);
    EXPECT_EQ(table->exemptions().level, 2);
    EXPECT_EQ(table->row(0).hit_slot, 100U);
    EXPECT_EQ(table->row(0).flags, 0);
    EXPECT_FALSE(table->row(0).mirror);
    EXPECT_EQ(table->row(1).hit_slot, 101U);
    EXPECT_EQ(table->row(1).flags, dataplane::kRowTunnel);
    EXPECT_TRUE(table->row(1).mirror);
    EXPECT_EQ(table->row(1).inbound, config::Action::kBlock);
    EXPECT_EQ(table->row(1).outbound, config::Action::kNegotiate);
    EXPECT_EQ(table->row(0).selector, config::kAnyRule);
    EXPECT_EQ(table->row(1).selector, 12U);
    EXPECT_GT(table->memory_bytes(), 0U);
}

struct FlagCase {
    const char* name;
    bool tunnel;
    const char* endpoint;
    bool endpoint_is_me;
    bool inpass;
    bool soft;
    unsigned flags;
};

TEST(FilterTable, RowsCarryTheirRuleAndWhatItAllows) {
    using namespace dataplane;
    const std::vector<FlagCase> cases = {
        {"transport", false, nullptr, false, false, false, 0},
        {"inpass", false, nullptr, false, true, false, kRowInpass},
        {"soft", false, nullptr, false, false, true, kRowSoft},
        {"no end point", true, nullptr, false, false, false, kRowTunnel},
        {"peer", true, "192.0.2.9", false, false, false, kRowTunnel | kRowHasEndpoint},
        {"ours",
         true,
         "2001:db8::1",
         true,
         true,
         true,
         kRowTunnel | kRowHasEndpoint | kRowEndpointIsMe | kRowInpass | kRowSoft},
        {"the same peer", true, "192.0.2.9", false, false, false, kRowTunnel | kRowHasEndpoint},
    };
    config::RuleSet set = rule_set(std::vector<RowText>(cases.size(), {"0.0.0.0/0", "0.0.0.0/0"}));
    set.rules.resize(cases.size());
    for (std::uint32_t i = 0; i < cases.size(); ++i) {
        set.rules[i].tag = 1000 + i;
        set.rules[i].tunnel = cases[i].tunnel;
        set.rules[i].inbound_passthrough = cases[i].inpass;
        set.rules[i].soft = cases[i].soft;
        set.filters[i].rule = i;
        set.filters[i].endpoint_is_me = cases[i].endpoint_is_me;
        if (cases[i].endpoint != nullptr) {
            set.filters[i].tunnel_endpoint = IpAddress::parse(cases[i].endpoint).value();
        }
    }
    const auto table = build(set);
    for (std::uint32_t i = 0; i < cases.size(); ++i) {
        const RowAction& row = table->row(i);
        EXPECT_EQ(row.flags, cases[i].flags) << cases[i].name;
        EXPECT_EQ(row.rule, 1000 + i) << cases[i].name;
        if (cases[i].endpoint != nullptr) {
            EXPECT_EQ(table->endpoint(row).to_string(), cases[i].endpoint) << cases[i].name;
        }
    }
    EXPECT_EQ(table->row(4).endpoint, table->row(6).endpoint) << "each address is there once";
}

// Both families and all connection bits mixed in full bursts, against config::first_match.
TEST(FilterTable, ScanAgreesWithFirstMatchOnMixedBursts) {
    tests::Random random(2);
    for (const std::size_t rows : {3U, 40U, 300U}) {
        const config::RuleSet set = tests::merged(
            tests::random_rule_set(
                {.family = Family::kIpv4, .rows = rows, .connection_types = true}, random),
            tests::random_rule_set(
                {.family = Family::kIpv6, .rows = rows, .connection_types = true}, random));
        const auto table = FilterTable::build(set, slots(set), {}, FilterEngine::kScan).value();
        std::vector<tests::ParsedPacket> packets(dataplane::kBurst);
        std::size_t hits = 0;
        for (int round = 0; round < 100; ++round) {
            std::vector<rte_mbuf*> burst;
            std::vector<config::MatchInput> inputs;
            for (tests::ParsedPacket& parsed : packets) {
                const Family family = random() % 2 == 0 ? Family::kIpv4 : Family::kIpv6;
                inputs.push_back(tests::random_packet(set, family, random));
                parsed.set(inputs.back());
                burst.push_back(parsed.mbuf());
            }
            table->lookup(burst);
            for (std::size_t i = 0; i < packets.size(); ++i) {
                const config::RuleRow* expected = config::first_match(set, inputs[i]);
                const std::uint32_t row =
                    expected == nullptr ? kNoRow
                                        : static_cast<std::uint32_t>(expected - set.rows.data());
                ASSERT_EQ(packets[i].row(), row);
                hits += expected != nullptr ? 1U : 0U;
            }
        }
        EXPECT_GT(hits, 100U * dataplane::kBurst / 4);
    }
}

TEST(FilterTable, WithoutEalALargeTableIsScanned) {
    tests::Random random(3);
    const config::RuleSet set = tests::random_rule_set({.rows = 500}, random);
    const auto table = build(set);
    EXPECT_EQ(table->engine(Family::kIpv4), FilterEngine::kScan);
}

}  // namespace
