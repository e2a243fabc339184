// Objects for tests of the policy store and of what is made from it.
#pragma once

#include "config/policy_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace config {

// Removed with everything in it.
class Directory {
  public:
    Directory() {
        std::string name =
            (std::filesystem::temp_directory_path() / "policy-store-XXXXXX").string();
        if (mkdtemp(name.data()) != nullptr) {
            path_ = name;
        }
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    [[nodiscard]] std::string file(const std::string& name = "policy.db") const {
        return (path_ / name).string();
    }

  private:
    std::filesystem::path path_;
};

inline std::unique_ptr<PolicyStore> open_store(const std::string& path = ":memory:") {
    Result<std::unique_ptr<PolicyStore>> store = PolicyStore::open(path);
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().text);
    return store.ok() ? std::move(store).value() : nullptr;
}

inline FilterAddress host(const char* text) {
    FilterAddress address;
    address.kind = AddressKind::kHost;
    address.first = *IpAddress::parse(text);
    address.last = address.first;
    address.prefix_length = static_cast<std::uint8_t>(address_bits(address.first.family));
    return address;
}

inline FilterAddress symbol(AddressKind kind) {
    FilterAddress address;
    address.kind = kind;
    return address;
}

inline Filter filter_for(FilterAddress source, FilterAddress destination) {
    Filter filter;
    filter.guid = Guid::random();
    filter.spec.source = std::move(source);
    filter.spec.destination = std::move(destination);
    return filter;
}

inline Filter numbered_filter(std::uint32_t number) {
    FilterAddress source;
    source.kind = AddressKind::kHost;
    source.first = IpAddress::v4(0x0A000000 + number);
    source.last = source.first;
    source.prefix_length = 32;
    return filter_for(std::move(source), symbol(AddressKind::kMe));
}

inline FilterList list_named(const std::string& name) {
    return FilterList{Guid::random(), name, "about " + name, 100};
}

inline FilterAction action_named(const std::string& name, Action kind = Action::kPermit) {
    FilterAction action;
    action.guid = Guid::random();
    action.name = name;
    action.action = kind;
    return action;
}

inline Policy policy_named(const std::string& name) {
    Policy policy;
    policy.guid = Guid::random();
    policy.name = name;
    policy.default_rule.guid = Guid::random();
    return policy;
}

inline Rule rule_named(const std::string& name,
                       const FilterList& list,
                       const FilterAction& action) {
    Rule rule;
    rule.guid = Guid::random();
    rule.name = name;
    rule.filter_list = list.guid;
    rule.filter_action = action.guid;
    return rule;
}

inline std::string key_text(const AuthMethod& method) {
    return {method.preshared_key.bytes().begin(), method.preshared_key.bytes().end()};
}

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& objects) {
    std::vector<std::string> names;
    for (const T& object : objects) {
        names.push_back(object.name);
    }
    return names;
}

// A store with policy P, list L, action A and rules r1, r2, r3.
struct Furnished {
    std::unique_ptr<PolicyStore> store = open_store();
    FilterList list = list_named("L");
    FilterAction action = action_named("A");
    Policy policy = policy_named("P");
    std::vector<Rule> rules;

    Furnished() {
        EXPECT_TRUE(store->add_filter_list(list).ok());
        EXPECT_TRUE(store->add_filter_action(action).ok());
        EXPECT_TRUE(store->add_policy(policy).ok());
        for (const char* name : {"r1", "r2", "r3"}) {
            rules.push_back(rule_named(name, list, action));
            EXPECT_TRUE(store->add_rule(policy.guid, rules.back()).ok());
        }
    }
};

}  // namespace config
