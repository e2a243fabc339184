// PolicyStore: policies with their offers and default response rule.
#include "config/database.h"
#include "config/method_rows.h"
#include "config/policy_store.h"
#include "config/store_errors.h"

namespace config {
namespace {

constexpr std::string_view kNoun = "policy";

const std::string kSelect =
    "SELECT guid, name, description, mm_pfs, qm_per_mm, mm_lifetime_minutes, "
    "polling_interval_minutes, assigned, default_rule_guid, default_rule_active, "
    "default_rule_qm_pfs, modified FROM policy ";
const std::string kPoliciesByName = kSelect + "WHERE name = ?1";
const std::string kPoliciesByGuid = kSelect + "WHERE guid = ?1";
const std::string kPoliciesInNameOrder = kSelect + "ORDER BY name";
const std::string kPoliciesInCreationOrder = kSelect + "ORDER BY id";
const std::string kPoliciesAssigned = kSelect + "WHERE assigned <> 0";

Policy read_columns(Query& query) {
    Policy policy;
    policy.guid = query.guid();
    policy.name = query.text();
    policy.description = query.text();
    policy.mm_pfs = query.boolean();
    policy.qm_per_mm = query.number<std::uint32_t>();
    policy.mm_lifetime_minutes = query.number<std::uint32_t>();
    policy.polling_interval_minutes = query.number<std::uint32_t>();
    policy.assigned = query.boolean();
    policy.default_rule.guid = query.guid();
    policy.default_rule.active = query.boolean();
    policy.default_rule.qm_pfs = query.boolean();
    policy.modified = query.integer();
    return policy;
}

Result<void> read_methods(Database& database, Policy& policy) {
    Result<std::vector<MmOffer>> mm_offers = read_mm_offers(database, policy.guid);
    if (!mm_offers) {
        return std::move(mm_offers).error();
    }
    Result<std::vector<QmOffer>> qm_offers =
        read_qm_offers(database, QmOfferOwner::kDefaultRule, policy.guid);
    if (!qm_offers) {
        return std::move(qm_offers).error();
    }
    Result<std::vector<AuthMethod>> auth_methods =
        read_auth_methods(database, AuthOwner::kDefaultRule, policy.guid);
    if (!auth_methods) {
        return std::move(auth_methods).error();
    }
    policy.offers = std::move(mm_offers).value();
    policy.default_rule.offers = std::move(qm_offers).value();
    policy.default_rule.auth_methods = std::move(auth_methods).value();
    return {};
}

Result<std::vector<Policy>> read_all(Database& database, Query& query) {
    std::vector<Policy> policies;
    while (query.next()) {
        policies.push_back(read_columns(query));
    }
    Result<void> done = query.finish();
    for (std::size_t i = 0; done && i < policies.size(); ++i) {
        done = read_methods(database, policies[i]);
    }
    if (!done) {
        return std::move(done).error();
    }
    return policies;
}

Result<void> replace_methods(Database& database, const Policy& policy) {
    Result<void> done = replace_offers(database, policy.guid, policy.offers);
    if (done) {
        done = replace_offers(
            database, QmOfferOwner::kDefaultRule, policy.guid, policy.default_rule.offers);
    }
    return done ? replace_auth_methods(
               database, AuthOwner::kDefaultRule, policy.guid, policy.default_rule.auth_methods)
                : done;
}

// Another policy holds the name.
Result<bool> name_taken(Database& database, const Policy& policy) {
    Query query = database.query(
        "SELECT 1 FROM policy WHERE name = ?1 AND guid <> ?2", policy.name, policy.guid);
    const bool taken = query.next();
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return taken;
}

// Makes room for `policy` to be the assigned one, and refuses a name that is taken.
Result<void> prepare_write(Database& database, const Policy& policy) {
    const Result<bool> taken = name_taken(database, policy);
    if (!taken) {
        return taken.error();
    }
    if (*taken) {
        return name_exists(ErrorCode::kPolicyExists, kNoun, policy.name);
    }
    if (policy.assigned) {
        return database.run("UPDATE policy SET assigned = 0 WHERE assigned <> 0 AND guid <> ?1",
                            policy.guid);
    }
    return {};
}

}  // namespace

Result<void> PolicyStore::add_policy(const Policy& policy) {
    return write([&]() -> Result<void> {
        Result<void> done = prepare_write(*database_, policy);
        if (done) {
            done = database_->run(
                "INSERT INTO policy (guid, name, description, mm_pfs, qm_per_mm,"
                " mm_lifetime_minutes, polling_interval_minutes, assigned, default_rule_guid,"
                " default_rule_active, default_rule_qm_pfs, modified)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                policy.guid,
                policy.name,
                policy.description,
                policy.mm_pfs,
                policy.qm_per_mm,
                policy.mm_lifetime_minutes,
                policy.polling_interval_minutes,
                policy.assigned,
                policy.default_rule.guid,
                policy.default_rule.active,
                policy.default_rule.qm_pfs,
                policy.modified);
        }
        return done ? replace_methods(*database_, policy) : done;
    });
}

Result<void> PolicyStore::update_policy(const Policy& policy) {
    return write([&]() -> Result<void> {
        Result<void> done = prepare_write(*database_, policy);
        if (!done) {
            return done;
        }
        done = database_->run(
            "UPDATE policy SET name = ?2, description = ?3, mm_pfs = ?4, qm_per_mm = ?5,"
            " mm_lifetime_minutes = ?6, polling_interval_minutes = ?7, assigned = ?8,"
            " default_rule_guid = ?9, default_rule_active = ?10, default_rule_qm_pfs = ?11,"
            " modified = ?12 WHERE guid = ?1",
            policy.guid,
            policy.name,
            policy.description,
            policy.mm_pfs,
            policy.qm_per_mm,
            policy.mm_lifetime_minutes,
            policy.polling_interval_minutes,
            policy.assigned,
            policy.default_rule.guid,
            policy.default_rule.active,
            policy.default_rule.qm_pfs,
            policy.modified);
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kPolicyNotFound, kNoun);
        }
        return done ? replace_methods(*database_, policy) : done;
    });
}

Result<void> PolicyStore::remove_policy(const Guid& policy) {
    return write([&]() -> Result<void> {
        Result<void> done = database_->run("DELETE FROM policy WHERE guid = ?1", policy);
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kPolicyNotFound, kNoun);
        }
        return done;
    });
}

Result<Policy> PolicyStore::find_policy(std::string_view name) const {
    Query query = database_->query(kPoliciesByName, name);
    Result<std::vector<Policy>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        const Result<std::vector<std::string>> similar =
            find_name_ignoring_case(StoreNoun::kPolicy, name);
        return similar ? name_not_found(ErrorCode::kPolicyNotFound, kNoun, *similar)
                       : similar.error();
    }
    return std::move(found->front());
}

Result<Policy> PolicyStore::find_policy(const Guid& guid) const {
    Query query = database_->query(kPoliciesByGuid, guid);
    Result<std::vector<Policy>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        return guid_not_found(ErrorCode::kPolicyNotFound, kNoun);
    }
    return std::move(found->front());
}

Result<std::vector<Policy>> PolicyStore::policies(StoreOrder order) const {
    Query query = database_->query(order == StoreOrder::kName ? kPoliciesInNameOrder
                                                              : kPoliciesInCreationOrder);
    return read_all(*database_, query);
}

Result<std::optional<Policy>> PolicyStore::assigned_policy() const {
    Query query = database_->query(kPoliciesAssigned);
    Result<std::vector<Policy>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        return std::optional<Policy>();
    }
    return std::optional<Policy>(std::move(found->front()));
}

Result<void> PolicyStore::assign_policy(const Guid& policy) {
    return write([&]() -> Result<void> {
        Result<void> done = unassign_policy();
        if (done) {
            done = database_->run("UPDATE policy SET assigned = 1 WHERE guid = ?1", policy);
        }
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kPolicyNotFound, kNoun);
        }
        return done;
    });
}

Result<void> PolicyStore::unassign_policy() {
    return write(
        [&] { return database_->run("UPDATE policy SET assigned = 0 WHERE assigned <> 0"); });
}

}  // namespace config
