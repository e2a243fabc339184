#include "config/rule_sources.h"
#include "tests/support/store_objects.h"

#include <gtest/gtest.h>

#include <vector>

namespace config {
namespace {

TEST(RuleSources, TakesActiveRulesOfTheAssignedPolicyThenDynamicRules) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    EXPECT_TRUE(rule_sources(store, {}, {})->empty());
    ASSERT_TRUE(store.assign_policy(furnished.policy.guid).ok());
    ASSERT_TRUE(*store.add_filter(furnished.list.guid, numbered_filter(1), 0));
    FilterAction action = furnished.action;
    action.action = Action::kNegotiate;
    action.soft = true;
    action.inbound_passthrough = true;
    ASSERT_TRUE(store.update_filter_action(action).ok());
    Rule inactive = furnished.rules[1];
    inactive.active = false;
    ASSERT_TRUE(store.update_rule(inactive).ok());
    Rule tunnel = furnished.rules[2];
    tunnel.tunnel = {TunnelKind::kAddress, *IpAddress::parse("192.0.2.9"), {}};
    tunnel.connection_type = ConnectionType::kLan;
    ASSERT_TRUE(store.update_rule(tunnel).ok());

    std::vector<DynamicRule> dynamic(3);
    dynamic[0].guid = Guid::random();
    dynamic[0].spec.protocol = 6;
    dynamic[0].inbound = Action::kBlock;
    dynamic[0].outbound = Action::kPermit;
    dynamic[0].qm_policy = "soft";
    dynamic[1].qm_policy = "unknown";
    dynamic[2].inbound = Action::kPermit;
    dynamic[2].tunnel = {TunnelKind::kAddress, *IpAddress::parse("2001:db8::9"), {}};
    const std::vector<QuickModePolicy> qm_policies = {{"soft", true, PfsGroup::kNone, {}}};
    const Result<std::vector<RuleSource>> sources = rule_sources(store, dynamic, qm_policies);
    ASSERT_TRUE(sources.ok()) << sources.error().text;
    ASSERT_EQ(sources->size(), 5U);
    const RuleSource& first = (*sources)[0];
    EXPECT_EQ(first.policy_name, "P");
    EXPECT_EQ(first.rule_name, "r1");
    EXPECT_EQ(first.guid, furnished.rules[0].guid);
    EXPECT_EQ(first.inbound, Action::kNegotiate);
    EXPECT_EQ(first.outbound, Action::kNegotiate);
    EXPECT_TRUE(first.soft && first.inbound_passthrough);
    EXPECT_FALSE(first.is_tunnel());
    EXPECT_EQ(first.filters.size(), 1U);
    EXPECT_EQ((*sources)[1].rule_name, "r3");
    EXPECT_EQ((*sources)[1].tunnel, tunnel.tunnel);
    EXPECT_EQ((*sources)[1].connection_type, ConnectionType::kLan);
    const RuleSource& second = (*sources)[2];
    EXPECT_TRUE(second.policy_name.empty());
    EXPECT_EQ(second.filters.front().guid, dynamic[0].guid);
    EXPECT_EQ(second.filters.front().spec, dynamic[0].spec);
    EXPECT_EQ(second.inbound, Action::kBlock);
    EXPECT_EQ(second.outbound, Action::kPermit);
    EXPECT_TRUE(second.soft);
    EXPECT_FALSE(second.inbound_passthrough);
    EXPECT_FALSE((*sources)[3].soft || (*sources)[3].inbound_passthrough);
    EXPECT_TRUE((*sources)[4].inbound_passthrough) << "permit in, negotiate out";
    EXPECT_EQ((*sources)[4].tunnel, dynamic[2].tunnel);
}

}  // namespace
}  // namespace config
