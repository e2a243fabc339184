#include "config/policy_store.h"

#include "config/database.h"
#include "config/policy_store_schema.h"

#include <array>

namespace config {
namespace {

// Indexed by StoreNoun.
constexpr auto kSimilarNames = std::to_array<std::string_view>({
    "SELECT name FROM policy WHERE name = ?1 COLLATE NOCASE ORDER BY name",
    "SELECT name FROM filter_list WHERE name = ?1 COLLATE NOCASE ORDER BY name",
    "SELECT name FROM filter_action WHERE name = ?1 COLLATE NOCASE ORDER BY name",
});

}  // namespace

PolicyStore::Savepoint::~Savepoint() {
    if (store_ != nullptr) {
        // Fails only if SQLite has undone the whole transaction already.
        (void)store_->database_->run("ROLLBACK TO step");
        (void)store_->database_->run("RELEASE step");
    }
}

Result<void> PolicyStore::Savepoint::release() {
    Result<void> released = store_->database_->run("RELEASE step");
    if (released) {
        store_ = nullptr;
    }
    return released;
}

PolicyStore::PolicyStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

PolicyStore::~PolicyStore() {
    rollback();
}

Result<std::unique_ptr<PolicyStore>> PolicyStore::open(const std::string& path) {
    Result<std::unique_ptr<Database>> database = open_store_database(path);
    if (!database) {
        return std::move(database).error();
    }
    return std::unique_ptr<PolicyStore>(new PolicyStore(std::move(database).value()));
}

Result<void> PolicyStore::begin() {
    if (transaction_) {
        return Error{ErrorCode::kInternal, "A transaction of the policy store is open already."};
    }
    // IMMEDIATE: a busy store is noticed here and not at the first write.
    Result<void> begun = database_->run("BEGIN IMMEDIATE");
    if (begun) {
        transaction_ = true;
        changes_at_begin_ = database_->total_changes();
    }
    return begun;
}

Result<void> PolicyStore::commit() {
    if (!in_transaction()) {
        transaction_ = false;
        return Error{ErrorCode::kStoreUnavailable,
                     "The transaction of the policy store was undone by an earlier error."};
    }
    Result<void> done;
    if (database_->total_changes() != changes_at_begin_) {
        done = database_->run("UPDATE change SET counter = counter + 1");
    }
    if (done) {
        done = database_->run("COMMIT");
    }
    if (!done) {
        rollback();
    }
    transaction_ = false;
    return done;
}

void PolicyStore::rollback() noexcept {
    if (transaction_ && database_->in_transaction()) {
        (void)database_->run("ROLLBACK");
    }
    transaction_ = false;
}

// SQLite ends a transaction by itself on some errors, such as a full disk. Then what follows must
// not be committed one by one as if nothing had happened.
bool PolicyStore::in_transaction() const {
    return transaction_ && database_->in_transaction();
}

Result<PolicyStore::Savepoint> PolicyStore::savepoint() {
    if (!in_transaction()) {
        return Error{ErrorCode::kStoreUnavailable,
                     "The transaction of the policy store was undone by an earlier error."};
    }
    if (Result<void> made = database_->run("SAVEPOINT step"); !made) {
        return std::move(made).error();
    }
    return Savepoint(this);
}

Result<void> PolicyStore::write(const std::function<Result<void>()>& step) {
    if (!transaction_) {
        Result<void> done = begin();
        if (done) {
            done = step();
            if (done) {
                return commit();
            }
            rollback();
        }
        return done;
    }
    Result<Savepoint> point = savepoint();
    if (!point) {
        return std::move(point).error();
    }
    Result<void> done = step();
    return done ? point->release() : done;
}

Result<std::uint64_t> PolicyStore::change_counter() const {
    Query query = database_->query("SELECT counter FROM change");
    const std::uint64_t counter = query.next() ? query.number<std::uint64_t>() : 0;
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return counter;
}

Result<StoreCounts> PolicyStore::counts() const {
    StoreCounts counts;
    Query query = database_->query(
        "SELECT (SELECT count(*) FROM policy), (SELECT count(*) FROM rule),"
        " (SELECT count(*) FROM filter_list), (SELECT count(*) FROM filter),"
        " (SELECT count(*) FROM filter_action)");
    if (query.next()) {
        counts.policies = query.number<std::size_t>();
        counts.rules = query.number<std::size_t>();
        counts.filter_lists = query.number<std::size_t>();
        counts.filters = query.number<std::size_t>();
        counts.filter_actions = query.number<std::size_t>();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return counts;
}

Result<void> PolicyStore::remove_all() {
    return write([&]() -> Result<void> {
        // In this order no rule refers to what is removed; the rest goes with its owner.
        Result<void> done = database_->run("DELETE FROM policy");
        if (done) {
            done = database_->run("DELETE FROM filter_action");
        }
        return done ? database_->run("DELETE FROM filter_list") : done;
    });
}

Result<std::vector<std::string>> PolicyStore::find_name_ignoring_case(StoreNoun noun,
                                                                      std::string_view name) const {
    std::vector<std::string> names;
    Query query = database_->query(kSimilarNames.at(static_cast<std::size_t>(noun)), name);
    while (query.next()) {
        names.push_back(query.text());
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return names;
}

Result<void> PolicyStore::set_setting(std::string_view name, std::string_view value) {
    return write([&] {
        return database_->run(
            "INSERT INTO setting VALUES (?1, ?2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value);
    });
}

Result<void> PolicyStore::remove_setting(std::string_view name) {
    return write([&] { return database_->run("DELETE FROM setting WHERE name = ?1", name); });
}

Result<std::optional<std::string>> PolicyStore::setting(std::string_view name) const {
    std::optional<std::string> value;
    Query query = database_->query("SELECT value FROM setting WHERE name = ?1", name);
    if (query.next()) {
        value = query.text();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return value;
}

Result<std::vector<std::pair<std::string, std::string>>> PolicyStore::settings() const {
    std::vector<std::pair<std::string, std::string>> all;
    Query query = database_->query("SELECT name, value FROM setting ORDER BY name");
    while (query.next()) {
        std::string name = query.text();
        all.emplace_back(std::move(name), query.text());
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return all;
}

}  // namespace config
