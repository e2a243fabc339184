// PolicyStore: filter actions.
#include "config/database.h"
#include "config/method_rows.h"
#include "config/policy_store.h"
#include "config/store_errors.h"

namespace config {
namespace {

constexpr std::string_view kNoun = "filter action";

const std::string kSelect =
    "SELECT guid, name, description, action, qm_pfs, inbound_passthrough, soft, "
    "modified FROM filter_action ";
const std::string kActionsByName = kSelect + "WHERE name = ?1";
const std::string kActionsByGuid = kSelect + "WHERE guid = ?1";
const std::string kActionsInNameOrder = kSelect + "ORDER BY name";
const std::string kActionsInCreationOrder = kSelect + "ORDER BY id";

Result<std::vector<FilterAction>> read_all(Database& database, Query& query) {
    std::vector<FilterAction> actions;
    while (query.next()) {
        FilterAction& action = actions.emplace_back();
        action.guid = query.guid();
        action.name = query.text();
        action.description = query.text();
        action.action = query.word<Action>();
        action.qm_pfs = query.boolean();
        action.inbound_passthrough = query.boolean();
        action.soft = query.boolean();
        action.modified = query.integer();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    for (FilterAction& action : actions) {
        Result<std::vector<QmOffer>> offers =
            read_qm_offers(database, QmOfferOwner::kFilterAction, action.guid);
        if (!offers) {
            return std::move(offers).error();
        }
        action.offers = std::move(offers).value();
    }
    return actions;
}

Result<void> check_name(Database& database, const FilterAction& action) {
    Query query = database.query(
        "SELECT 1 FROM filter_action WHERE name = ?1 AND guid <> ?2", action.name, action.guid);
    const bool taken = query.next();
    if (Result<void> finished = query.finish(); !finished) {
        return finished;
    }
    if (taken) {
        return name_exists(ErrorCode::kFilterActionExists, kNoun, action.name);
    }
    return {};
}

}  // namespace

Result<void> PolicyStore::add_filter_action(const FilterAction& action) {
    return write([&]() -> Result<void> {
        Result<void> done = check_name(*database_, action);
        if (done) {
            done = database_->run(
                "INSERT INTO filter_action (guid, name, description, action, qm_pfs,"
                " inbound_passthrough, soft, modified) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                action.guid,
                action.name,
                action.description,
                action.action,
                action.qm_pfs,
                action.inbound_passthrough,
                action.soft,
                action.modified);
        }
        return done ? replace_offers(
                   *database_, QmOfferOwner::kFilterAction, action.guid, action.offers)
                    : done;
    });
}

Result<void> PolicyStore::update_filter_action(const FilterAction& action) {
    return write([&]() -> Result<void> {
        Result<void> done = check_name(*database_, action);
        if (done) {
            done = database_->run(
                "UPDATE filter_action SET name = ?2, description = ?3, action = ?4, qm_pfs = ?5,"
                " inbound_passthrough = ?6, soft = ?7, modified = ?8 WHERE guid = ?1",
                action.guid,
                action.name,
                action.description,
                action.action,
                action.qm_pfs,
                action.inbound_passthrough,
                action.soft,
                action.modified);
        }
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kFilterActionNotFound, kNoun);
        }
        return done ? replace_offers(
                   *database_, QmOfferOwner::kFilterAction, action.guid, action.offers)
                    : done;
    });
}

Result<void> PolicyStore::remove_filter_action(const Guid& action) {
    return write([&]() -> Result<void> {
        const Result<std::optional<RuleUse>> use = filter_action_use(action);
        if (!use) {
            return use.error();
        }
        if (use->has_value()) {
            return object_in_use(kNoun, (*use)->policy_name, (*use)->rule_name);
        }
        Result<void> done = database_->run("DELETE FROM filter_action WHERE guid = ?1", action);
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kFilterActionNotFound, kNoun);
        }
        return done;
    });
}

Result<FilterAction> PolicyStore::find_filter_action(std::string_view name) const {
    Query query = database_->query(kActionsByName, name);
    Result<std::vector<FilterAction>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        const Result<std::vector<std::string>> similar =
            find_name_ignoring_case(StoreNoun::kFilterAction, name);
        return similar ? name_not_found(ErrorCode::kFilterActionNotFound, kNoun, *similar)
                       : similar.error();
    }
    return std::move(found->front());
}

Result<FilterAction> PolicyStore::find_filter_action(const Guid& guid) const {
    Query query = database_->query(kActionsByGuid, guid);
    Result<std::vector<FilterAction>> found = read_all(*database_, query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        return guid_not_found(ErrorCode::kFilterActionNotFound, kNoun);
    }
    return std::move(found->front());
}

Result<std::vector<FilterAction>> PolicyStore::filter_actions(StoreOrder order) const {
    Query query = database_->query(order == StoreOrder::kName ? kActionsInNameOrder
                                                              : kActionsInCreationOrder);
    return read_all(*database_, query);
}

}  // namespace config
