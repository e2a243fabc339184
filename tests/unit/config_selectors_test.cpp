// Selectors: which rows SAs may be bound to together, and for how long a number lasts.
#include "config/rule_set.h"
#include "config/rule_tags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace config {
namespace {

constexpr std::string_view kPeer = "203.0.113.9";
constexpr std::string_view kMe = "192.0.2.1";
constexpr std::uint8_t kTcp = 6;

FilterAddress side(std::string_view text) {
    FilterAddress address;
    if (text == "me" || text == "any") {
        address.kind = text == "me" ? AddressKind::kMe : AddressKind::kAny;
        return address;
    }
    const IpPrefix prefix = *IpPrefix::parse(text);
    address.kind = prefix.length == address_bits(prefix.address.family) ? AddressKind::kHost
                                                                        : AddressKind::kSubnet;
    address.first = prefix.first();
    address.last = prefix.last();
    address.prefix_length = prefix.length;
    return address;
}

HostView host_with(const std::vector<std::string_view>& addresses) {
    HostView host;
    for (const std::string_view text : addresses) {
        host.me.push_back(*IpAddress::parse(text));
    }
    return host;
}

RuleSource rule(std::string_view source,
                std::string_view destination,
                bool mirrored,
                std::string_view endpoint = {}) {
    RuleSource made;
    made.guid = Guid::random();
    if (!endpoint.empty()) {
        made.tunnel = {TunnelKind::kAddress, *IpAddress::parse(endpoint), {}};
    }
    Filter filter;
    filter.guid = Guid::random();
    filter.spec.source = side(source);
    filter.spec.destination = side(destination);
    filter.spec.mirrored = mirrored;
    made.filters.push_back(filter);
    return made;
}

class SelectorsTest : public ::testing::Test {
  protected:
    RuleSet compile(const std::vector<RuleSource>& sources) {
        Result<RuleSet> rules = compile_rule_set(sources, host_, tags_);
        EXPECT_TRUE(rules.ok());
        return rules.ok() ? std::move(rules).value() : RuleSet{};
    }
    // Of the rows in the order of the rules they belong to, written direction first.
    std::vector<RuleTag> selectors(const std::vector<RuleSource>& sources) {
        RuleSet rules = compile(sources);
        std::stable_sort(rules.rows.begin(), rules.rows.end(), [&](const auto& a, const auto& b) {
            return rules.filters[a.filter].rule < rules.filters[b.filter].rule;
        });
        std::vector<RuleTag> found;
        for (const RuleRow& row : rules.rows) {
            found.push_back(row.selector);
        }
        return found;
    }

    HostView host_ = host_with({kMe});
    RuleTags tags_;
};

TEST_F(SelectorsTest, ARowAndItsMirrorShareOneThatNoRuleHas) {
    const RuleSource source = rule("me", "203.0.113.9", true);
    const RuleSet rules = compile({source});
    ASSERT_EQ(rules.rows.size(), 2U);
    EXPECT_NE(rules.rows[0].selector, kAnyRule);
    EXPECT_EQ(rules.rows[0].selector, rules.rows[1].selector);
    EXPECT_NE(rules.rows[0].selector, rules.rules[0].tag);
}

TEST_F(SelectorsTest, EveryAddressThatASymbolStandsForHasItsOwn) {
    host_ = host_with({kMe, "192.0.2.2", "2001:db8::1"});
    const std::vector<RuleTag> found = selectors({rule("me", "any", true)});
    ASSERT_EQ(found.size(), 6U);
    EXPECT_EQ(std::set(found.begin(), found.end()).size(), 3U);
}

TEST_F(SelectorsTest, RowsThatDoNotNegotiateHaveNone) {
    struct Row {
        Action inbound;
        Action outbound;
        bool has_one;
    };
    for (const Row& row : {Row{Action::kPermit, Action::kPermit, false},
                           Row{Action::kBlock, Action::kBlock, false},
                           Row{Action::kPermit, Action::kNegotiate, true},
                           Row{Action::kNegotiate, Action::kBlock, true}}) {
        RuleSource source = rule("me", "203.0.113.9", false);
        source.inbound = row.inbound;
        source.outbound = row.outbound;
        EXPECT_EQ(selectors({source})[0] != kAnyRule, row.has_one);
    }
}

// What makes another specific filter of a rule's filter.
struct ChangeCase {
    const char* name;
    void (*change)(RuleSource&);
    bool same;
};

TEST_F(SelectorsTest, ANumberLastsWhileRuleFilterAndBoundsDo) {
    const std::vector<ChangeCase> cases = {
        {"nothing", [](RuleSource&) {}, true},
        {"names and soft",
         [](RuleSource& rule) {
             rule.rule_name = "new";
             rule.filters[0].description = "new";
             rule.soft = true;
         },
         true},
        {"no longer mirrored", [](RuleSource& r) { r.filters[0].spec.mirrored = false; }, true},
        {"another rule", [](RuleSource& r) { r.guid = Guid::random(); }, false},
        {"another filter", [](RuleSource& r) { r.filters[0].guid = Guid::random(); }, false},
        {"source", [](RuleSource& r) { r.filters[0].spec.source = side("10.1.0.0/17"); }, false},
        {"destination",
         [](RuleSource& r) { r.filters[0].spec.destination = side("10.2.0.0/17"); },
         false},
        {"protocol", [](RuleSource& r) { r.filters[0].spec.protocol = 17; }, false},
        {"source port",
         [](RuleSource& r) {
             r.filters[0].spec.source_port = {1, 2};
         },
         false},
        {"destination port",
         [](RuleSource& r) {
             r.filters[0].spec.destination_port = {1, 2};
         },
         false},
        {"direction",
         [](RuleSource& r) { std::swap(r.filters[0].spec.source, r.filters[0].spec.destination); },
         false},
    };
    for (const ChangeCase& row : cases) {
        RuleSource source = rule("10.1.0.0/16", "10.2.0.0/16", true);
        source.filters[0].spec.protocol = kTcp;
        const RuleTag before = selectors({source})[0];
        EXPECT_TRUE(selectors({}).empty()) << "out of force in between";
        row.change(source);
        EXPECT_EQ(selectors({source})[0] == before, row.same) << row.name;
    }
}

// Two rules, the second of which is or is not the way back of the first.
struct PairCase {
    const char* name;
    RuleSource second;
    bool paired;
};

TEST_F(SelectorsTest, TheTwoRulesOfATunnelShareOne) {
    const RuleSource out = rule("10.1.0.0/16", "10.2.0.0/16", false, kPeer);
    const RuleSource back = rule("10.2.0.0/16", "10.1.0.0/16", false, kMe);
    std::vector<PairCase> cases = {
        {"its way back", back, true},
        {"mirrored filters change nothing", rule("10.2.0.0/16", "10.1.0.0/16", true, kMe), true},
        {"the same direction", rule("10.1.0.0/16", "10.2.0.0/16", false, kMe), false},
        {"a part of the way back", rule("10.2.0.0/24", "10.1.0.0/16", false, kMe), false},
        {"not to us", rule("10.2.0.0/16", "10.1.0.0/16", false, "203.0.113.8"), false},
        {"transport", rule("10.2.0.0/16", "10.1.0.0/16", false), false},
        {"one protocol", back, false},
        {"other ports of the gateway", back, false},
        {"permits", back, false},
    };
    cases[6].second.filters[0].spec.protocol = kTcp;
    cases[7].second.connection_type = ConnectionType::kDialup;
    cases[8].second.inbound = cases[8].second.outbound = Action::kPermit;
    for (const PairCase& row : cases) {
        for (const bool exchanged : {false, true}) {
            std::vector<RuleSource> sources = {out, row.second};
            if (exchanged) {
                std::swap(sources[0], sources[1]);
            }
            const std::vector<RuleTag> found = selectors(sources);
            ASSERT_EQ(found.size(), 2U) << row.name;
            EXPECT_EQ(found[0] == found[1], row.paired) << row.name << exchanged;
        }
        EXPECT_EQ(selectors({out, row.second})[0], selectors({out})[0])
            << row.name << ": it is that of the rule that protects";
    }
}

TEST_F(SelectorsTest, PortsArePairedExchanged) {
    RuleSource out = rule("10.1.0.0/16", "10.2.0.0/16", false, kPeer);
    RuleSource back = rule("10.2.0.0/16", "10.1.0.0/16", false, kMe);
    out.filters[0].spec.protocol = back.filters[0].spec.protocol = kTcp;
    out.filters[0].spec.destination_port = {445, 445};
    back.filters[0].spec.destination_port = {445, 445};
    EXPECT_NE(selectors({out, back})[0], selectors({out, back})[1]);
    std::swap(back.filters[0].spec.source_port, back.filters[0].spec.destination_port);
    EXPECT_EQ(selectors({out, back})[0], selectors({out, back})[1]);
}

TEST_F(SelectorsTest, TheFirstOfTwoRulesToDifferentPeersIsPaired) {
    const std::vector<RuleTag> found =
        selectors({rule("10.1.0.0/16", "10.2.0.0/16", false, kPeer),
                   rule("10.1.0.0/16", "10.2.0.0/16", false, "203.0.113.8"),
                   rule("10.2.0.0/16", "10.1.0.0/16", false, kMe)});
    EXPECT_EQ(found[2], found[0]);
    EXPECT_NE(found[1], found[0]);
}

TEST_F(SelectorsTest, BeyondTheLimitOnlyThoseInForceAreRemembered) {
    const RuleSource kept = rule("10.1.0.0/16", "10.2.0.0/16", true, kPeer);
    const RuleSource gone = rule("10.1.0.0/16", "10.3.0.0/16", true, kPeer);
    const RuleTag kept_tag = selectors({kept})[0];
    const RuleTag gone_tag = selectors({gone})[0];
    const RuleSet in_force = compile({kept});
    tags_.limit_to(in_force);
    EXPECT_EQ(selectors({gone})[0], gone_tag) << "few enough to be remembered";
    SelectorKey key;
    for (key.rule = 1; key.rule <= RuleTags::kRemembered + 1; ++key.rule) {
        static_cast<void>(tags_.selector_of(key));
    }
    tags_.limit_to(in_force);
    EXPECT_EQ(selectors({kept})[0], kept_tag);
    EXPECT_GT(selectors({gone})[0], gone_tag) << "a number is never used again";
}

// A hash that collides on what real policies differ in would make this take hours.
TEST_F(SelectorsTest, AHundredThousandFiltersAreNumbered) {
    RuleSource source = rule("me", "203.0.113.9", true);
    for (std::uint32_t i = 1; i < 100'000; ++i) {
        Filter filter = source.filters[0];
        filter.guid.bytes[0] = static_cast<std::uint8_t>(i);
        filter.spec.destination.first = filter.spec.destination.last =
            IpAddress::v4(0x0A000000U + i);
        source.filters.push_back(filter);
    }
    const RuleSet rules = compile({source});
    ASSERT_EQ(rules.rows.size(), 200'000U);
    std::vector<RuleTag> found;
    for (const RuleRow& row : rules.rows) {
        found.push_back(row.selector);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    EXPECT_EQ(found.size(), 100'000U);
}

}  // namespace
}  // namespace config
