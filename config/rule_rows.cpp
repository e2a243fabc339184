// PolicyStore: rules, and who uses a filter list or a filter action.
#include "config/database.h"
#include "config/method_rows.h"
#include "config/policy_store.h"
#include "config/store_errors.h"

#include <fmt/format.h>

namespace config {
namespace {

constexpr std::string_view kNoun = "rule";

const std::string kSelect =
    "SELECT guid, name, description, filter_list, filter_action, tunnel_kind, "
    "tunnel_endpoint, tunnel_name, connection_type, active, modified FROM rule ";
const std::string kRulesOfPolicy = kSelect + "WHERE policy = ?1 ORDER BY position";
const std::string kRulesOfPolicyByName = kSelect + "WHERE policy = ?1 AND name = ?2 AND name <> ''";
const std::string kRulesOfPolicyByRank =
    kSelect + "WHERE policy = ?1 ORDER BY position LIMIT 1 OFFSET ?2";
const std::string kRulesByName = kSelect + "WHERE name = ?1 ORDER BY (SELECT id FROM policy WHERE policy.guid = rule.policy),"
 " position";

Rule read_columns(Query& query) {
    Rule rule;
    rule.guid = query.guid();
    rule.name = query.text();
    rule.description = query.text();
    rule.filter_list = query.guid();
    rule.filter_action = query.guid();
    rule.tunnel.kind = query.word<TunnelKind>();
    rule.tunnel.endpoint = query.address();
    rule.tunnel.dns_name = query.text();
    rule.connection_type = query.word<ConnectionType>();
    rule.active = query.boolean();
    rule.modified = query.integer();
    return rule;
}

Result<std::vector<Rule>> read_all(Database& database, Query& query) {
    std::vector<Rule> rules;
    while (query.next()) {
        rules.push_back(read_columns(query));
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    for (Rule& rule : rules) {
        Result<std::vector<AuthMethod>> methods =
            read_auth_methods(database, AuthOwner::kRule, rule.guid);
        if (!methods) {
            return std::move(methods).error();
        }
        rule.auth_methods = std::move(methods).value();
    }
    return rules;
}

Result<std::vector<std::string>> read_names(Query& query) {
    std::vector<std::string> names;
    while (query.next()) {
        names.push_back(query.text());
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return names;
}

// An address that is not there is an empty blob, whatever its family.
std::span<const std::uint8_t> endpoint_bytes(const TunnelEndpoint& tunnel) {
    return tunnel.kind == TunnelKind::kAddress ? tunnel.endpoint.view()
                                               : std::span<const std::uint8_t>();
}

// Another rule of the policy has the name. Rules without a name do not collide.
Result<void> check_name(Database& database, const Guid& policy, const Rule& rule) {
    Query query = database.query(
        "SELECT 1 FROM rule WHERE policy = ?1 AND name = ?2 AND name <> '' AND guid <> ?3",
        policy,
        rule.name,
        rule.guid);
    const bool taken = query.next();
    if (Result<void> finished = query.finish(); !finished) {
        return finished;
    }
    if (taken) {
        return name_exists(ErrorCode::kRuleExists, kNoun, rule.name);
    }
    return {};
}

Result<std::optional<RuleUse>> read_use(Query& query) {
    std::optional<RuleUse> use;
    if (query.next()) {
        use.emplace();
        use->policy_name = query.text();
        use->rule_name = query.text();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return use;
}

}  // namespace

Result<void> PolicyStore::add_rule(const Guid& policy, const Rule& rule) {
    return write([&]() -> Result<void> {
        if (const Result<Policy> owner = find_policy(policy); !owner) {
            return owner.error();
        }
        if (const Result<FilterList> list = find_filter_list(rule.filter_list); !list) {
            return list.error();
        }
        if (const Result<FilterAction> action = find_filter_action(rule.filter_action); !action) {
            return action.error();
        }
        Result<void> done = check_name(*database_, policy, rule);
        if (done) {
            done = database_->run(
                "INSERT INTO rule (policy, position, guid, name, description, filter_list,"
                " filter_action, tunnel_kind, tunnel_endpoint, tunnel_name, connection_type,"
                " active, modified)"
                " VALUES (?1, (SELECT ifnull(max(position), 0) + 1 FROM rule WHERE policy = ?1),"
                " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                policy,
                rule.guid,
                rule.name,
                rule.description,
                rule.filter_list,
                rule.filter_action,
                rule.tunnel.kind,
                endpoint_bytes(rule.tunnel),
                rule.tunnel.dns_name,
                rule.connection_type,
                rule.active,
                rule.modified);
        }
        return done ? replace_auth_methods(
                   *database_, AuthOwner::kRule, rule.guid, rule.auth_methods)
                    : done;
    });
}

Result<void> PolicyStore::update_rule(const Rule& rule) {
    return write([&]() -> Result<void> {
        Guid policy;
        {
            Query query = database_->query("SELECT policy FROM rule WHERE guid = ?1", rule.guid);
            const bool found = query.next();
            if (found) {
                policy = query.guid();
            }
            if (Result<void> finished = query.finish(); !finished) {
                return finished;
            }
            if (!found) {
                return guid_not_found(ErrorCode::kRuleNotFound, kNoun);
            }
        }
        if (const Result<FilterList> list = find_filter_list(rule.filter_list); !list) {
            return list.error();
        }
        if (const Result<FilterAction> action = find_filter_action(rule.filter_action); !action) {
            return action.error();
        }
        Result<void> done = check_name(*database_, policy, rule);
        if (done) {
            done = database_->run(
                "UPDATE rule SET name = ?2, description = ?3, filter_list = ?4,"
                " filter_action = ?5, tunnel_kind = ?6, tunnel_endpoint = ?7, tunnel_name = ?8,"
                " connection_type = ?9, active = ?10, modified = ?11 WHERE guid = ?1",
                rule.guid,
                rule.name,
                rule.description,
                rule.filter_list,
                rule.filter_action,
                rule.tunnel.kind,
                endpoint_bytes(rule.tunnel),
                rule.tunnel.dns_name,
                rule.connection_type,
                rule.active,
                rule.modified);
        }
        return done ? replace_auth_methods(
                   *database_, AuthOwner::kRule, rule.guid, rule.auth_methods)
                    : done;
    });
}

Result<void> PolicyStore::remove_rule(const Guid& rule) {
    return write([&]() -> Result<void> {
        Result<void> done = database_->run("DELETE FROM rule WHERE guid = ?1", rule);
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kRuleNotFound, kNoun);
        }
        return done;
    });
}

Result<std::vector<Rule>> PolicyStore::rules(const Guid& policy) const {
    Query query = database_->query(kRulesOfPolicy, policy);
    return read_all(*database_, query);
}

Result<Rule> PolicyStore::find_rule(const Guid& policy, std::string_view name) const {
    Query query = database_->query(kRulesOfPolicyByName, policy, name);
    Result<std::vector<Rule>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        Query similar_query = database_->query(
            "SELECT name FROM rule WHERE policy = ?1 AND name = ?2 COLLATE NOCASE AND name <> ''",
            policy,
            name);
        const Result<std::vector<std::string>> similar = read_names(similar_query);
        return similar ? name_not_found(ErrorCode::kRuleNotFound, kNoun, *similar)
                       : similar.error();
    }
    return std::move(found->front());
}

Result<Rule> PolicyStore::find_rule(const Guid& policy, std::uint32_t id) const {
    std::vector<Rule> found;
    if (id > 0) {
        Query query = database_->query(kRulesOfPolicyByRank, policy, id - 1);
        Result<std::vector<Rule>> read = read_all(*database_, query);
        if (!read) {
            return std::move(read).error();
        }
        found = std::move(read).value();
    }
    if (found.empty()) {
        return Error{ErrorCode::kRuleNotFound, "The policy has no rule with that id."};
    }
    return std::move(found.front());
}

Result<std::vector<Rule>> PolicyStore::rules_named(std::string_view name) const {
    Query query = database_->query(kRulesByName, name);
    return read_all(*database_, query);
}

Result<std::optional<RuleUse>> PolicyStore::filter_list_use(const Guid& list) const {
    Query query = database_->query(
        "SELECT policy.name, rule.name FROM rule JOIN policy ON policy.guid = rule.policy"
        " WHERE rule.filter_list = ?1 ORDER BY policy.id, rule.position LIMIT 1",
        list);
    return read_use(query);
}

Result<std::optional<RuleUse>> PolicyStore::filter_action_use(const Guid& action) const {
    Query query = database_->query(
        "SELECT policy.name, rule.name FROM rule JOIN policy ON policy.guid = rule.policy"
        " WHERE rule.filter_action = ?1 ORDER BY policy.id, rule.position LIMIT 1",
        action);
    return read_use(query);
}

}  // namespace config
