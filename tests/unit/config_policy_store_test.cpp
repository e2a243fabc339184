#include "tests/support/store_objects.h"

#include <functional>
#include <string>
#include <vector>

namespace config {
namespace {

using Names = std::vector<std::string>;

TEST(PolicyStore, KeepsEveryMemberOfAPolicyOverAReopen) {
    const Directory directory;
    Policy policy = policy_named("Server");
    policy.description = "Grüße, \"quoted\"; -- text";
    policy.mm_pfs = true;
    policy.qm_per_mm = 0x7FFFFFFF;
    policy.mm_lifetime_minutes = 12;
    policy.polling_interval_minutes = 34;
    policy.offers = {{Cipher::kAes256, Hash::kSha512, 14}, {Cipher::kDes, Hash::kMd5, 1}};
    policy.assigned = true;
    policy.modified = 1234567890123;
    policy.default_rule.active = false;
    policy.default_rule.qm_pfs = true;
    policy.default_rule.offers = {
        {Hash::kSha1, true, Cipher::kAesGcm128, Hash::kNone, 0, 0xFFFFFFFF}};
    policy.default_rule.auth_methods.resize(2);
    policy.default_rule.auth_methods[0].kind = AuthKind::kPresharedKey;
    policy.default_rule.auth_methods[0].preshared_key = SecretBytes(std::string_view("a\0b", 3));
    policy.default_rule.auth_methods[1].kind = AuthKind::kRootCa;
    policy.default_rule.auth_methods[1].root_ca = "C=XX, CN=Root";
    policy.default_rule.auth_methods[1].exclude_ca_name = true;
    ASSERT_TRUE(open_store(directory.file())->add_policy(policy).ok());

    const auto store = open_store(directory.file());
    const Result<Policy> read = store->find_policy("Server");
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->guid, policy.guid);
    EXPECT_EQ(read->description, policy.description);
    EXPECT_TRUE(read->mm_pfs);
    EXPECT_EQ(read->qm_per_mm, policy.qm_per_mm);
    EXPECT_EQ(read->mm_lifetime_minutes, 12U);
    EXPECT_EQ(read->polling_interval_minutes, 34U);
    EXPECT_EQ(read->offers, policy.offers);
    EXPECT_TRUE(read->assigned);
    EXPECT_EQ(read->modified, policy.modified);
    EXPECT_EQ(read->default_rule.guid, policy.default_rule.guid);
    EXPECT_FALSE(read->default_rule.active);
    EXPECT_TRUE(read->default_rule.qm_pfs);
    EXPECT_EQ(read->default_rule.offers, policy.default_rule.offers);
    ASSERT_EQ(read->default_rule.auth_methods.size(), 2U);
    EXPECT_EQ(key_text(read->default_rule.auth_methods[0]), std::string("a\0b", 3));
    EXPECT_EQ(read->default_rule.auth_methods[1].root_ca, "C=XX, CN=Root");
    EXPECT_FALSE(read->default_rule.auth_methods[1].certificate_mapping);
    EXPECT_TRUE(read->default_rule.auth_methods[1].exclude_ca_name);
}

TEST(PolicyStore, KeepsEveryMemberOfARule) {
    const auto store = open_store();
    const FilterList list = list_named("L");
    const FilterAction action = action_named("A");
    const Policy policy = policy_named("P");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    ASSERT_TRUE(store->add_filter_action(action).ok());
    ASSERT_TRUE(store->add_policy(policy).ok());
    Rule rule = rule_named("R", list, action);
    rule.description = "text";
    rule.tunnel = {TunnelKind::kAddress, *IpAddress::parse("2001:db8::1"), "gw.example"};
    rule.connection_type = ConnectionType::kDialup;
    rule.active = false;
    rule.modified = 77;
    rule.auth_methods.resize(2);
    rule.auth_methods[1].kind = AuthKind::kPresharedKey;
    rule.auth_methods[1].preshared_key = SecretBytes("secret");
    ASSERT_TRUE(store->add_rule(policy.guid, rule).ok());

    const Result<Rule> read = store->find_rule(policy.guid, "R");
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->guid, rule.guid);
    EXPECT_EQ(read->description, "text");
    EXPECT_EQ(read->filter_list, list.guid);
    EXPECT_EQ(read->filter_action, action.guid);
    EXPECT_EQ(read->tunnel, rule.tunnel);
    EXPECT_EQ(read->connection_type, ConnectionType::kDialup);
    EXPECT_FALSE(read->active);
    EXPECT_EQ(read->modified, 77);
    ASSERT_EQ(read->auth_methods.size(), 2U);
    EXPECT_EQ(read->auth_methods[0].kind, AuthKind::kKerberos);
    EXPECT_EQ(key_text(read->auth_methods[1]), "secret");

    rule.name = "R2";
    rule.tunnel = {};
    rule.auth_methods.clear();
    ASSERT_TRUE(store->update_rule(rule).ok());
    EXPECT_FALSE(store->find_rule(policy.guid, "R").ok());
    const Result<Rule> updated = store->find_rule(policy.guid, "R2");
    ASSERT_TRUE(updated.ok());
    EXPECT_EQ(updated->tunnel, TunnelEndpoint{});
    EXPECT_TRUE(updated->auth_methods.empty());
}

TEST(PolicyStore, KeepsEveryFormOfFilter) {
    const auto store = open_store();
    const FilterList list = list_named("L");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    std::vector<Filter> filters;
    for (const AddressKind kind : {AddressKind::kAny,
                                   AddressKind::kMe,
                                   AddressKind::kDnsServers,
                                   AddressKind::kWinsServers,
                                   AddressKind::kDhcpServer,
                                   AddressKind::kDefaultGateway}) {
        filters.push_back(filter_for(symbol(kind), symbol(AddressKind::kMe)));
    }
    FilterAddress subnet;
    subnet.kind = AddressKind::kSubnet;
    subnet.first = *IpAddress::parse("2001:db8::");
    subnet.last = IpPrefix{subnet.first, 32}.last();
    subnet.prefix_length = 32;
    filters.push_back(filter_for(subnet, symbol(AddressKind::kAny)));
    FilterAddress range;
    range.kind = AddressKind::kRange;
    range.first = *IpAddress::parse("10.0.0.5");
    range.last = *IpAddress::parse("10.0.1.9");
    filters.push_back(filter_for(symbol(AddressKind::kMe), range));
    Filter full = filter_for(host("0.0.0.0"), host("192.0.2.1"));
    full.spec.destination.dns_name = "host.example";
    full.spec.protocol = 6;
    full.spec.source_port = {1, 2};
    full.spec.destination_port = {443, 65535};
    full.spec.mirrored = false;
    full.description = "everything";
    filters.push_back(full);
    for (const Filter& filter : filters) {
        const Result<bool> added = store->add_filter(list.guid, filter, 5);
        ASSERT_TRUE(added.ok()) << added.error().text;
        EXPECT_TRUE(*added);
    }

    const Result<std::vector<Filter>> read = store->filters(list.guid);
    ASSERT_TRUE(read.ok()) << read.error().text;
    ASSERT_EQ(read->size(), filters.size());
    for (std::size_t i = 0; i < filters.size(); ++i) {
        EXPECT_EQ((*read)[i].guid, filters[i].guid) << i;
        EXPECT_EQ((*read)[i].description, filters[i].description) << i;
        EXPECT_EQ((*read)[i].spec, filters[i].spec) << i;
    }
    EXPECT_EQ(*store->filter_count(list.guid), filters.size());
    EXPECT_EQ(store->find_filter_list(list.guid)->modified, 5);
}

TEST(PolicyStore, KeepsEveryMemberOfAFilterAction) {
    const auto store = open_store();
    FilterAction action = action_named("Secure", Action::kNegotiate);
    action.description = "text";
    action.qm_pfs = true;
    action.inbound_passthrough = true;
    action.soft = true;
    action.modified = 9;
    for (const CipherRow& row : kCiphers) {
        action.offers.push_back({Hash::kNone, true, row.cipher, Hash::kSha256, 1, 2});
    }
    for (const HashRow& row : kHashes) {
        action.offers.push_back({row.hash, false, Cipher::kNone, row.hash, 3, 4});
    }
    ASSERT_TRUE(store->add_filter_action(action).ok());
    Result<FilterAction> read = store->find_filter_action("Secure");
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->guid, action.guid);
    EXPECT_EQ(read->description, "text");
    EXPECT_EQ(read->action, Action::kNegotiate);
    EXPECT_TRUE(read->qm_pfs && read->inbound_passthrough && read->soft);
    EXPECT_EQ(read->offers, action.offers);
    EXPECT_EQ(read->modified, 9);

    action.name = "Block";
    action.action = Action::kBlock;
    action.offers.resize(1);
    ASSERT_TRUE(store->update_filter_action(action).ok());
    read = store->find_filter_action(action.guid);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->name, "Block");
    EXPECT_EQ(read->action, Action::kBlock);
    EXPECT_EQ(read->offers.size(), 1U);
}

TEST(PolicyStore, AFilterEqualInAllSevenValuesIsStoredOnce) {
    const auto store = open_store();
    const FilterList list = list_named("L");
    const FilterList other = list_named("M");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    ASSERT_TRUE(store->add_filter_list(other).ok());
    Filter filter = filter_for(host("10.0.0.1"), symbol(AddressKind::kMe));
    filter.spec.protocol = 6;
    EXPECT_TRUE(*store->add_filter(list.guid, filter, 1));

    Filter again = filter;
    again.guid = Guid::random();
    again.description = "another description";
    again.spec.destination.first = *IpAddress::parse("10.9.9.9");  // means nothing for a symbol
    EXPECT_FALSE(*store->add_filter(list.guid, again, 1));
    EXPECT_TRUE(*store->add_filter(other.guid, again, 1));

    const std::vector<std::function<void(FilterSpec&)>> differences = {
        [](FilterSpec& spec) { spec.source = host("10.0.0.2"); },
        [](FilterSpec& spec) { spec.source.dns_name = "a.example"; },
        [](FilterSpec& spec) { spec.destination = symbol(AddressKind::kAny); },
        [](FilterSpec& spec) { spec.protocol = 17; },
        [](FilterSpec& spec) {
            spec.source_port = {1, 1};
        },
        [](FilterSpec& spec) {
            spec.destination_port = {80, 80};
        },
        [](FilterSpec& spec) { spec.mirrored = false; },
    };
    for (std::size_t i = 0; i < differences.size(); ++i) {
        Filter changed = filter;
        changed.guid = Guid::random();
        differences[i](changed.spec);
        EXPECT_TRUE(*store->add_filter(list.guid, changed, 1)) << i;
    }
    EXPECT_EQ(*store->filter_count(list.guid), 1 + differences.size());
}

TEST(PolicyStore, FindsAndRemovesFiltersByTheirSides) {
    const auto store = open_store();
    const FilterList list = list_named("L");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    Filter named = filter_for(host("10.0.0.1"), symbol(AddressKind::kMe));
    named.spec.source.dns_name = "a.example";
    Filter tcp = filter_for(host("10.0.0.1"), symbol(AddressKind::kMe));
    tcp.spec.protocol = 6;
    for (const Filter& filter : {named,
                                 tcp,
                                 filter_for(host("10.0.0.2"), symbol(AddressKind::kMe)),
                                 filter_for(symbol(AddressKind::kMe), host("10.0.0.1"))}) {
        ASSERT_TRUE(*store->add_filter(list.guid, filter, 1));
    }
    const Result<std::vector<Filter>> found =
        store->filters_between(list.guid, host("10.0.0.1"), symbol(AddressKind::kMe));
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].guid, named.guid);
    EXPECT_EQ((*found)[1].guid, tcp.guid);

    EXPECT_TRUE(store->remove_filter(list.guid, named.guid, 8).ok());
    EXPECT_EQ(store->remove_filter(list.guid, named.guid, 9).error().code,
              ErrorCode::kFilterNotFound);
    EXPECT_EQ(store->filters(list.guid)->front().guid, tcp.guid);
    EXPECT_EQ(store->find_filter_list("L")->modified, 8);
}

TEST(PolicyStore, NamesAreCaseSensitiveAndAMissShowsTheNeighbour) {
    const auto store = open_store();
    ASSERT_TRUE(store->add_filter_action(action_named("Block")).ok());
    const Result<FilterAction> miss = store->find_filter_action("block");
    ASSERT_FALSE(miss.ok());
    EXPECT_EQ(miss.error().code, ErrorCode::kFilterActionNotFound);
    EXPECT_EQ(miss.error().text,
              "There is no filter action with that name. Names are case-sensitive, and there is "
              "\"Block\".");
    ASSERT_TRUE(store->add_filter_action(action_named("BLOCK")).ok());
    EXPECT_EQ(store->find_filter_action("block").error().text,
              "There is no filter action with that name.");
    EXPECT_EQ(*store->find_name_ignoring_case(StoreNoun::kFilterAction, "bLoCk"),
              (Names{"BLOCK", "Block"}));
}

TEST(PolicyStore, RefusesNamesThatAreTaken) {
    const auto store = open_store();
    const FilterList list = list_named("X");
    const FilterAction action = action_named("X");
    const Policy policy = policy_named("X");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    ASSERT_TRUE(store->add_filter_action(action).ok());
    ASSERT_TRUE(store->add_policy(policy).ok());
    ASSERT_TRUE(store->add_rule(policy.guid, rule_named("X", list, action)).ok());
    EXPECT_EQ(store->add_filter_list(list_named("X")).error().code, ErrorCode::kFilterListExists);
    EXPECT_EQ(store->add_filter_action(action_named("X")).error().code,
              ErrorCode::kFilterActionExists);
    EXPECT_EQ(store->add_policy(policy_named("X")).error().code, ErrorCode::kPolicyExists);
    EXPECT_EQ(store->add_rule(policy.guid, rule_named("X", list, action)).error().code,
              ErrorCode::kRuleExists);
    // Objects made elsewhere may have rules without names.
    EXPECT_TRUE(store->add_rule(policy.guid, rule_named("", list, action)).ok());
    EXPECT_TRUE(store->add_rule(policy.guid, rule_named("", list, action)).ok());
    EXPECT_FALSE(store->find_rule(policy.guid, "").ok());

    FilterList renamed = list_named("Y");
    ASSERT_TRUE(store->add_filter_list(renamed).ok());
    renamed.name = "X";
    EXPECT_EQ(store->update_filter_list(renamed).error().code, ErrorCode::kFilterListExists);
    EXPECT_TRUE(store->update_filter_list(list).ok());  // its own name is free for itself
}

TEST(PolicyStore, UpdatesOfUnknownObjectsFail) {
    const auto store = open_store();
    EXPECT_EQ(store->update_policy(policy_named("P")).error().code, ErrorCode::kPolicyNotFound);
    EXPECT_EQ(store->update_filter_list(list_named("L")).error().code,
              ErrorCode::kFilterListNotFound);
    EXPECT_EQ(store->update_filter_action(action_named("A")).error().code,
              ErrorCode::kFilterActionNotFound);
    EXPECT_EQ(store->update_rule({}).error().code, ErrorCode::kRuleNotFound);
    EXPECT_EQ(store->remove_policy(Guid::random()).error().code, ErrorCode::kPolicyNotFound);
    EXPECT_EQ(store->remove_rule(Guid::random()).error().code, ErrorCode::kRuleNotFound);
    EXPECT_EQ(store->remove_filter_list(Guid::random()).error().code,
              ErrorCode::kFilterListNotFound);
    EXPECT_EQ(store->remove_filter_action(Guid::random()).error().code,
              ErrorCode::kFilterActionNotFound);
    EXPECT_EQ(store->add_filter(Guid::random(), numbered_filter(1), 0).error().code,
              ErrorCode::kFilterListNotFound);
    EXPECT_EQ(store->assign_policy(Guid::random()).error().code, ErrorCode::kPolicyNotFound);
    EXPECT_EQ(*store->change_counter(), 0U);
}

TEST(PolicyStore, ListsInNameOrCreationOrder) {
    const auto store = open_store();
    for (const char* name : {"b", "C", "a"}) {
        ASSERT_TRUE(store->add_filter_list(list_named(name)).ok());
        ASSERT_TRUE(store->add_filter_action(action_named(name)).ok());
        ASSERT_TRUE(store->add_policy(policy_named(name)).ok());
    }
    EXPECT_EQ(names_of(*store->filter_lists(StoreOrder::kName)), (Names{"C", "a", "b"}));
    EXPECT_EQ(names_of(*store->filter_lists(StoreOrder::kCreation)), (Names{"b", "C", "a"}));
    EXPECT_EQ(names_of(*store->filter_actions(StoreOrder::kName)), (Names{"C", "a", "b"}));
    EXPECT_EQ(names_of(*store->filter_actions(StoreOrder::kCreation)), (Names{"b", "C", "a"}));
    EXPECT_EQ(names_of(*store->policies(StoreOrder::kName)), (Names{"C", "a", "b"}));
    EXPECT_EQ(names_of(*store->policies(StoreOrder::kCreation)), (Names{"b", "C", "a"}));
}

TEST(PolicyStore, RuleIdsCloseUpWhenARuleGoes) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    ASSERT_TRUE(store.remove_rule(furnished.rules[1].guid).ok());
    ASSERT_TRUE(
        store.add_rule(furnished.policy.guid, rule_named("r4", furnished.list, furnished.action))
            .ok());
    EXPECT_EQ(names_of(*store.rules(furnished.policy.guid)), (Names{"r1", "r3", "r4"}));
    EXPECT_EQ(store.find_rule(furnished.policy.guid, std::uint32_t{2})->name, "r3");
    for (const std::uint32_t id : {0U, 4U, 0xFFFFFFFFU}) {
        EXPECT_EQ(store.find_rule(furnished.policy.guid, id).error().code,
                  ErrorCode::kRuleNotFound);
    }
}

TEST(PolicyStore, RefusesToRemoveWhatARuleUses) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    const Result<void> list = store.remove_filter_list(furnished.list.guid);
    ASSERT_FALSE(list.ok());
    EXPECT_EQ(list.error().code, ErrorCode::kObjectInUse);
    EXPECT_EQ(list.error().text, "The filter list is used by rule \"r1\" of policy \"P\".");
    EXPECT_EQ(store.remove_filter_action(furnished.action.guid).error().code,
              ErrorCode::kObjectInUse);
    EXPECT_EQ((*store.filter_action_use(furnished.action.guid))->rule_name, "r1");

    ASSERT_TRUE(store.remove_policy(furnished.policy.guid).ok());
    EXPECT_FALSE(store.filter_list_use(furnished.list.guid)->has_value());
    EXPECT_EQ(store.counts()->rules, 0U);
    EXPECT_TRUE(store.remove_filter_list(furnished.list.guid).ok());
    EXPECT_TRUE(store.remove_filter_action(furnished.action.guid).ok());
}

TEST(PolicyStore, FindsRulesOfOneNameInAllPolicies) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    const Policy other = policy_named("Q");
    ASSERT_TRUE(store.add_policy(other).ok());
    const Rule rule = rule_named("r2", furnished.list, furnished.action);
    ASSERT_TRUE(store.add_rule(other.guid, rule).ok());
    const Result<std::vector<Rule>> found = store.rules_named("r2");
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].guid, furnished.rules[1].guid);
    EXPECT_EQ((*found)[1].guid, rule.guid);
}

TEST(PolicyStore, AtMostOnePolicyIsAssigned) {
    const auto store = open_store();
    EXPECT_FALSE(store->assigned_policy()->has_value());
    Policy first = policy_named("first");
    first.assigned = true;
    const Policy second = policy_named("second");
    ASSERT_TRUE(store->add_policy(first).ok());
    ASSERT_TRUE(store->add_policy(second).ok());
    EXPECT_EQ((*store->assigned_policy())->name, "first");
    ASSERT_TRUE(store->assign_policy(second.guid).ok());
    EXPECT_EQ((*store->assigned_policy())->name, "second");
    EXPECT_FALSE(store->find_policy("first")->assigned);
    ASSERT_TRUE(store->update_policy(first).ok());
    EXPECT_EQ((*store->assigned_policy())->name, "first");
    ASSERT_TRUE(store->unassign_policy().ok());
    EXPECT_FALSE(store->assigned_policy()->has_value());
}

TEST(PolicyStore, RemoveAllLeavesSettings) {
    const Furnished furnished;
    PolicyStore& store = *furnished.store;
    ASSERT_TRUE(*store.add_filter(furnished.list.guid, numbered_filter(1), 0));
    ASSERT_TRUE(store.set_setting("ipsecexempt", "0").ok());
    ASSERT_TRUE(store.set_setting("ipsecexempt", "3").ok());
    ASSERT_TRUE(store.remove_all().ok());
    const Result<StoreCounts> counts = store.counts();
    ASSERT_TRUE(counts.ok());
    EXPECT_EQ(counts->policies + counts->rules + counts->filter_lists + counts->filters
                  + counts->filter_actions,
              0U);
    EXPECT_EQ(**store.setting("ipsecexempt"), "3");
    EXPECT_EQ(store.settings()->size(), 1U);
    ASSERT_TRUE(store.remove_setting("ipsecexempt").ok());
    EXPECT_FALSE(store.setting("ipsecexempt")->has_value());
    EXPECT_TRUE(store.remove_all().ok());  // also when there is nothing
}

}  // namespace
}  // namespace config
