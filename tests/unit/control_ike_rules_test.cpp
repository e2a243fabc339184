#include "config/rule_set.h"
#include "config/rule_tags.h"
#include "control/ike_rules.h"
#include "tests/support/store_objects.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control {
namespace {

using config::FilterAddress;
using config::IpAddress;
using config::SaMode;

constexpr std::uint8_t kTcp = 6;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

FilterAddress subnet(std::string_view text) {
    const config::IpPrefix prefix = *config::IpPrefix::parse(text);
    FilterAddress address;
    address.kind = config::AddressKind::kSubnet;
    address.first = prefix.first();
    address.last = prefix.last();
    address.prefix_length = prefix.length;
    return address;
}

FilterAddress me() {
    return config::symbol(config::AddressKind::kMe);
}

FilterAddress any() {
    return config::symbol(config::AddressKind::kAny);
}

ike::Selector selector(std::string_view first,
                       std::string_view last,
                       std::uint8_t protocol = 0,
                       std::uint16_t port = 0) {
    return {ip(first), ip(last), protocol, port};
}

class IkeRulesTest : public ::testing::Test {
  protected:
    struct Rule {
        std::string name;
        FilterAddress source;
        FilterAddress destination;
        std::string_view endpoint = {};  // of a tunnel
        std::uint8_t protocol = 0;
        config::PortRange destination_port = {};
        bool mirrored = true;
    };

    static config::RuleSource source_of(const Rule& rule) {
        config::RuleSource source;
        source.guid = config::Guid::random();
        source.policy_name = "P";
        source.rule_name = rule.name;
        source.inbound = config::Action::kNegotiate;
        source.outbound = config::Action::kNegotiate;
        if (!rule.endpoint.empty()) {
            source.tunnel = {config::TunnelKind::kAddress, ip(rule.endpoint), {}};
        }
        config::Filter filter = config::filter_for(rule.source, rule.destination);
        filter.spec.protocol = rule.protocol;
        filter.spec.destination_port = rule.destination_port;
        filter.spec.mirrored = rule.mirrored;
        source.filters.push_back(std::move(filter));
        auto terms = std::make_shared<config::NegotiationTerms>();
        terms->main_mode.policy_name = rule.name;
        source.terms = std::move(terms);
        return source;
    }

    IkeRules rules(const std::vector<Rule>& written) {
        std::vector<config::RuleSource> sources;
        sources.reserve(written.size());
        for (const Rule& rule : written) {
            sources.push_back(source_of(rule));
        }
        config::HostView host;
        host.me = {ip("192.0.2.1"), ip("10.1.0.1"), ip("2001:db8::1")};
        auto compiled = config::compile_rule_set(sources, host, tags_);
        EXPECT_TRUE(compiled.ok());
        rule_set_ = std::make_shared<const config::RuleSet>(std::move(compiled).value());
        return IkeRules(rule_set_);
    }

    // Of the row whose traffic goes from one to the other.
    config::RuleTag selector_of(std::string_view from, std::string_view to) const {
        for (const config::RuleRow& row : rule_set_->rows) {
            if (row.family == ip(from).family && row.source_first <= ip(from)
                && ip(from) <= row.source_last && row.destination_first <= ip(to)
                && ip(to) <= row.destination_last) {
                return row.selector;
            }
        }
        return config::kAnyRule;
    }

    static std::string name_of(const std::shared_ptr<const config::NegotiationTerms>& terms) {
        return terms == nullptr ? "none" : terms->main_mode.policy_name;
    }

    config::RuleTags tags_;
    std::shared_ptr<const config::RuleSet> rule_set_;
};

TEST_F(IkeRulesTest, ATunnelIsAskedForWithItsFilter) {
    const IkeRules all =
        rules({{"T", subnet("10.1.0.0/16"), subnet("10.2.0.0/16"), "198.51.100.1"}});
    const config::RuleTag tag = selector_of("10.1.0.5", "10.2.0.5");
    const auto wish = all.acquire(tag, ip("192.0.2.1"), ip("198.51.100.1"));
    ASSERT_TRUE(wish);
    EXPECT_EQ(wish->mode, SaMode::kTunnel);
    EXPECT_EQ(wish->selector, tag);
    EXPECT_EQ(wish->local, ip("192.0.2.1"));
    EXPECT_EQ(wish->remote, ip("198.51.100.1"));
    EXPECT_EQ(wish->traffic.local, selector("10.1.0.0", "10.1.255.255"));
    EXPECT_EQ(wish->traffic.remote, selector("10.2.0.0", "10.2.255.255"));
    EXPECT_EQ(name_of(wish->terms), "T");
}

// The form Windows has: two rules, each with the far end of its direction.
TEST_F(IkeRulesTest, TwoRulesOfOneTunnelSayWhereItEndsHere) {
    const Rule out{.name = "out",
                   .source = subnet("10.1.0.0/16"),
                   .destination = subnet("10.2.0.0/16"),
                   .endpoint = "198.51.100.1",
                   .mirrored = false};
    const Rule in{.name = "in",
                  .source = subnet("10.2.0.0/16"),
                  .destination = subnet("10.1.0.0/16"),
                  .endpoint = "10.1.0.1",
                  .mirrored = false};
    const IkeRules all = rules({out, in});
    const config::RuleTag tag = selector_of("10.1.0.5", "10.2.0.5");
    EXPECT_EQ(tag, selector_of("10.2.0.5", "10.1.0.5"));
    const auto wish = all.acquire(tag, ip("10.1.0.1"), ip("198.51.100.1"));
    ASSERT_TRUE(wish);

    ike::QuickModeQuery query{.local = ip("192.0.2.1"),
                              .remote = ip("198.51.100.1"),
                              .mode = SaMode::kTunnel,
                              .traffic = wish->traffic};
    EXPECT_FALSE(all.quick_mode_match(query));
    query.local = ip("10.1.0.1");
    ASSERT_TRUE(all.quick_mode_match(query));
    EXPECT_EQ(all.quick_mode_match(query)->selector, tag);
}

TEST_F(IkeRulesTest, AGenericFilterMakesOnePairOfSasForEachPeer) {
    const IkeRules all = rules({{.name = "W",
                                 .source = me(),
                                 .destination = any(),
                                 .protocol = kTcp,
                                 .destination_port = {445, 445}}});
    const config::RuleTag tag = selector_of("192.0.2.1", "203.0.113.9");
    const auto out = all.acquire(tag, ip("192.0.2.1"), ip("203.0.113.9"));
    ASSERT_TRUE(out);
    EXPECT_EQ(out->mode, SaMode::kTransport);
    EXPECT_EQ(out->traffic.local, selector("192.0.2.1", "192.0.2.1", kTcp, 0));
    EXPECT_EQ(out->traffic.remote, selector("203.0.113.9", "203.0.113.9", kTcp, 445));
    // Each address of this host is another specific filter.
    EXPECT_NE(tag, selector_of("10.1.0.1", "203.0.113.9"));
    EXPECT_FALSE(all.acquire(tag, ip("10.1.0.1"), ip("203.0.113.9")));
}

TEST_F(IkeRulesTest, APortRangeIsAskedForAsAllPorts) {
    const IkeRules all = rules({{.name = "R",
                                 .source = me(),
                                 .destination = any(),
                                 .protocol = kTcp,
                                 .destination_port = {5000, 5010}}});
    const auto wish =
        all.acquire(selector_of("192.0.2.1", "203.0.113.9"), ip("192.0.2.1"), ip("203.0.113.9"));
    ASSERT_TRUE(wish);
    EXPECT_EQ(wish->traffic.remote.port, 0);
}

TEST_F(IkeRulesTest, WhatIsNotInForceIsNotAskedFor) {
    const IkeRules all =
        rules({{"T", subnet("10.1.0.0/16"), subnet("10.2.0.0/16"), "198.51.100.1"}});
    EXPECT_FALSE(all.acquire(12345, ip("192.0.2.1"), ip("198.51.100.1")));
    EXPECT_EQ(all.terms_of(12345), nullptr);
}

TEST_F(IkeRulesTest, MainModeGoesByTunnelEndThenByTheMostSpecificFilter) {
    const IkeRules all = rules({{"wide", me(), any()},
                                {"host", me(), config::host("203.0.113.9")},
                                {"tunnel", subnet("10.1.0.0/16"), any(), "198.51.100.1"}});
    const IpAddress local = ip("192.0.2.1");
    EXPECT_EQ(name_of(all.main_mode_terms(local, ip("203.0.113.7"))), "wide");
    EXPECT_EQ(name_of(all.main_mode_terms(local, ip("203.0.113.9"))), "host");
    EXPECT_EQ(name_of(all.main_mode_terms(local, ip("198.51.100.1"))), "tunnel");
    EXPECT_EQ(name_of(all.main_mode_terms(ip("192.0.2.77"), ip("203.0.113.9"))), "none");
    EXPECT_EQ(name_of(all.main_mode_terms(ip("2001:db8::1"), ip("2001:db8:9::9"))), "wide");
}

TEST_F(IkeRulesTest, APeersTunnelMustBeTheFilters) {
    const IkeRules all =
        rules({{"T", subnet("10.1.0.0/16"), subnet("10.2.0.0/16"), "198.51.100.1"}});
    struct Row {
        std::string_view what;
        ike::Selector local;
        ike::Selector remote;
        std::string_view peer;
        bool expected;
    };
    const ike::Selector here = selector("10.1.0.0", "10.1.255.255");
    const ike::Selector there = selector("10.2.0.0", "10.2.255.255");
    const std::vector<Row> rows{
        {"the filter's", here, there, "198.51.100.1", true},
        {"another peer's", here, there, "198.51.100.2", false},
        {"narrower", selector("10.1.0.0", "10.1.0.255"), there, "198.51.100.1", false},
        {"wider", here, selector("10.0.0.0", "10.255.255.255"), "198.51.100.1", false},
        {"exchanged", there, here, "198.51.100.1", false},
        {"of one protocol",
         selector("10.1.0.0", "10.1.255.255", kTcp),
         selector("10.2.0.0", "10.2.255.255", kTcp),
         "198.51.100.1",
         false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        const auto match = all.quick_mode_match({.local = ip("192.0.2.1"),
                                                 .remote = ip(row.peer),
                                                 .mode = SaMode::kTunnel,
                                                 .traffic = {row.local, row.remote}});
        EXPECT_EQ(match.has_value(), row.expected);
    }
}

TEST_F(IkeRulesTest, APeersTransportIsBetweenTheEndsOfIke) {
    const IkeRules all = rules({{.name = "W",
                                 .source = me(),
                                 .destination = any(),
                                 .protocol = kTcp,
                                 .destination_port = {445, 445}}});
    const auto matches = [&](std::string_view local_id,
                             std::string_view remote_id,
                             std::uint16_t local_port,
                             std::uint16_t remote_port,
                             bool nat) {
        return all
            .quick_mode_match({.local = ip("192.0.2.1"),
                               .remote = ip("203.0.113.9"),
                               .mode = SaMode::kTransport,
                               .traffic = {selector(local_id, local_id, kTcp, local_port),
                                           selector(remote_id, remote_id, kTcp, remote_port)},
                               .behind_nat = nat})
            .has_value();
    };
    EXPECT_TRUE(matches("192.0.2.1", "203.0.113.9", 0, 445, false));
    EXPECT_FALSE(matches("192.0.2.1", "203.0.113.9", 445, 0, false));
    EXPECT_FALSE(matches("192.0.2.1", "203.0.113.9", 0, 0, false));
    EXPECT_FALSE(matches("192.0.2.1", "203.0.113.10", 0, 445, false));
    EXPECT_FALSE(matches("10.1.0.1", "203.0.113.9", 0, 445, false));
    // RFC 3947 5.2: behind a NAT a peer knows itself by another address.
    EXPECT_TRUE(matches("192.0.2.1", "172.16.0.5", 0, 445, true));
    // A tunnel to this host is no transport.
    EXPECT_FALSE(
        all.quick_mode_match({.local = ip("192.0.2.1"),
                              .remote = ip("203.0.113.9"),
                              .mode = SaMode::kTunnel,
                              .traffic = {selector("192.0.2.1", "192.0.2.1", kTcp, 0),
                                          selector("203.0.113.9", "203.0.113.9", kTcp, 445)}}));
}

}  // namespace
}  // namespace control
