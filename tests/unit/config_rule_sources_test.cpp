#include "config/rule_sources.h"
#include "tests/support/store_objects.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace config {
namespace {

TEST(RuleSources, TakesActiveRulesOfTheAssignedPolicyThenDynamicRules) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    EXPECT_TRUE(rule_sources(store, {}, {}, {})->empty());
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
    const Result<std::vector<RuleSource>> sources = rule_sources(store, dynamic, {}, qm_policies);
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

// What the assigned policy, its first rule and that rule's action say.
struct StaticTermsCase {
    const char* name;
    bool mm_pfs;
    std::uint32_t qm_per_mm;
    bool qm_pfs;
    std::uint32_t expected_qm_per_mm;
    PfsGroup expected_group;
};

TEST(RuleSources, StaticRulesBringTheTermsOfPolicyActionAndRule) {
    for (const StaticTermsCase& row : {
             StaticTermsCase{"no PFS", false, 0, false, 0, PfsGroup::kNone},
             StaticTermsCase{"a limit", false, 7, false, 7, PfsGroup::kNone},
             StaticTermsCase{"mmpfs means one", true, 7, false, 1, PfsGroup::kNone},
             StaticTermsCase{"qmpfs means main mode's", false, 0, true, 0, PfsGroup::kGroupMm},
         }) {
        SCOPED_TRACE(row.name);
        const Furnished furnished;
        PolicyStore& store = *furnished.store;
        Policy policy = furnished.policy;
        policy.mm_pfs = row.mm_pfs;
        policy.qm_per_mm = row.qm_per_mm;
        policy.mm_lifetime_minutes = 60;
        policy.offers = *parse_mm_methods("AES128-SHA256-3 3DES-SHA1-2");
        ASSERT_TRUE(store.update_policy(policy).ok());
        FilterAction action = furnished.action;
        action.action = Action::kNegotiate;
        action.qm_pfs = row.qm_pfs;
        action.soft = true;
        action.offers = *parse_qm_methods("ESP[3DES,SHA1]:30000k/600s AH[MD5]");
        ASSERT_TRUE(store.update_filter_action(action).ok());
        Rule rule = furnished.rules[0];
        rule.auth_methods.resize(2);
        rule.auth_methods[0].kind = AuthKind::kPresharedKey;
        rule.auth_methods[0].preshared_key = SecretBytes("hush");
        rule.auth_methods[1].kind = AuthKind::kRootCa;
        rule.auth_methods[1].root_ca = "CN=Root";
        ASSERT_TRUE(store.update_rule(rule).ok());
        ASSERT_TRUE(store.assign_policy(policy.guid).ok());

        const Result<std::vector<RuleSource>> sources = rule_sources(store, {}, {}, {});
        ASSERT_TRUE(sources.ok()) << sources.error().text;
        const std::shared_ptr<const NegotiationTerms> terms = sources->front().terms;
        ASSERT_NE(terms, nullptr);
        EXPECT_EQ(terms->main_mode.policy_name, policy.name);
        EXPECT_EQ(terms->main_mode.offers, policy.offers);
        EXPECT_EQ(terms->main_mode.lifetime_minutes, 60U);
        EXPECT_EQ(terms->main_mode.soft_sa_minutes, 60U);
        EXPECT_EQ(terms->main_mode.qm_per_mm, row.expected_qm_per_mm);
        ASSERT_EQ(terms->main_mode.auth_methods.size(), 2U);
        EXPECT_EQ(key_text(terms->main_mode.auth_methods[0]), "hush");
        EXPECT_EQ(terms->main_mode.auth_methods[1].root_ca, "CN=Root");
        EXPECT_EQ(terms->quick_mode.policy_name, action.name);
        EXPECT_EQ(terms->quick_mode.offers, action.offers);
        EXPECT_EQ(terms->quick_mode.pfs_group, row.expected_group);
        EXPECT_TRUE(terms->quick_mode.soft);
    }
}

TEST(RuleSources, DynamicRulesBringTheTermsOfTheirPolicies) {
    const Furnished furnished;
    const std::vector<MainModePolicy> mm_policies = {
        {"other", 0, 480, 480, {}},
        {"mm", 3, 120, 30, *parse_mm_methods("3DES-SHA1-2")},
    };
    const std::vector<QuickModePolicy> qm_policies = {
        {"qm", true, PfsGroup::kGroup2, *parse_qm_methods("ESP[3DES,SHA1]")},
    };
    std::vector<DynamicRule> dynamic(3);
    dynamic[0].mm_policy = "mm";
    dynamic[0].qm_policy = "qm";
    dynamic[0].inbound = Action::kPermit;  // one negotiating action is enough
    dynamic[0].auth_methods.resize(1);
    dynamic[1].mm_policy = "gone";
    dynamic[1].qm_policy = "gone";
    dynamic[2].mm_policy = "mm";
    dynamic[2].inbound = dynamic[2].outbound = Action::kPermit;
    const Result<std::vector<RuleSource>> sources =
        rule_sources(*furnished.store, dynamic, mm_policies, qm_policies);
    ASSERT_TRUE(sources.ok()) << sources.error().text;

    ASSERT_NE((*sources)[0].terms, nullptr);
    const NegotiationTerms& terms = *(*sources)[0].terms;
    EXPECT_EQ(terms.main_mode.policy_name, "mm");
    EXPECT_EQ(terms.main_mode.offers, mm_policies[1].offers);
    EXPECT_EQ(terms.main_mode.lifetime_minutes, 120U);
    EXPECT_EQ(terms.main_mode.qm_per_mm, 3U);
    EXPECT_EQ(terms.main_mode.soft_sa_minutes, 30U);
    EXPECT_EQ(terms.main_mode.auth_methods.size(), 1U);
    EXPECT_EQ(terms.quick_mode.policy_name, "qm");
    EXPECT_EQ(terms.quick_mode.offers, qm_policies[0].offers);
    EXPECT_EQ(terms.quick_mode.pfs_group, PfsGroup::kGroup2);
    EXPECT_TRUE(terms.quick_mode.soft);

    ASSERT_NE((*sources)[1].terms, nullptr);
    EXPECT_TRUE((*sources)[1].terms->main_mode.offers.empty());
    EXPECT_TRUE((*sources)[1].terms->quick_mode.offers.empty());
    EXPECT_FALSE((*sources)[1].terms->quick_mode.soft);
    EXPECT_EQ((*sources)[2].terms, nullptr) << "it does not negotiate";
}

}  // namespace
}  // namespace config
