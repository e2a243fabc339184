// PolicyStore: the durable half of the configuration, one SQLite file: policies, rules, filter
// lists, filters, filter actions and persistent settings. What commit() has acknowledged survives
// kill -9 and power loss. The file holds pre-shared keys in clear, so it is created with mode 0600.
//
// One thread, one connection. Dynamic objects are not stored; they live in the controller.
#pragma once

#include "config/policy.h"
#include "config/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace config {

class Database;

enum class StoreOrder : std::uint8_t { kName, kCreation };

enum class StoreNoun : std::uint8_t { kPolicy, kFilterList, kFilterAction };

// A rule that uses a filter list or a filter action.
struct RuleUse {
    std::string policy_name;
    std::string rule_name;
};

struct StoreCounts {
    std::size_t policies = 0;
    std::size_t rules = 0;
    std::size_t filter_lists = 0;
    std::size_t filters = 0;
    std::size_t filter_actions = 0;
};

// Not-found errors carry the code of the noun and never repeat the name that was asked for, because
// scripts search listings for it (netsh-reference.md). If exactly one name differs from it only in
// the case of ASCII letters, the text shows that one.
//
// A write outside begin()/commit() is a transaction of its own. A write that fails leaves nothing
// behind. Reads inside a transaction see its writes.
class PolicyStore {
  public:
    // Undoes everything since it was made, unless released: one command inside a transaction.
    // Savepoints nest, and must end in the reverse order. Ends before commit().
    class [[nodiscard]] Savepoint {
      public:
        Savepoint(Savepoint&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
        Savepoint& operator=(Savepoint&&) = delete;
        Savepoint(const Savepoint&) = delete;
        Savepoint& operator=(const Savepoint&) = delete;
        ~Savepoint();

        // Keeps the changes, as part of the transaction around it.
        Result<void> release();

      private:
        friend class PolicyStore;
        explicit Savepoint(PolicyStore* store) : store_(store) {}

        PolicyStore* store_;
    };

    // Creates the file if there is none (its directory must exist). Refuses, with kStoreDamaged and
    // without changing the file, a store of a newer version, a database of another program and a
    // damaged file. ":memory:" is a store that ends with the object.
    [[nodiscard]] static Result<std::unique_ptr<PolicyStore>> open(const std::string& path);
    ~PolicyStore();
    PolicyStore(const PolicyStore&) = delete;
    PolicyStore& operator=(const PolicyStore&) = delete;

    // Transactions do not nest. If commit() fails, nothing of the transaction is kept.
    Result<void> begin();
    Result<void> commit();
    void rollback() noexcept;
    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] Result<Savepoint> savepoint();

    // Grows with each commit that changed anything; never falls, also not over a restart.
    [[nodiscard]] Result<std::uint64_t> change_counter() const;
    [[nodiscard]] Result<StoreCounts> counts() const;

    // add and update honour Policy::assigned: at most one policy of the store is assigned, the one
    // before it loses the mark. update replaces everything but the rules; the GUID says which.
    Result<void> add_policy(const Policy& policy);
    Result<void> update_policy(const Policy& policy);
    Result<void> remove_policy(const Guid& policy);  // with its rules
    [[nodiscard]] Result<Policy> find_policy(std::string_view name) const;
    [[nodiscard]] Result<Policy> find_policy(const Guid& guid) const;
    [[nodiscard]] Result<std::vector<Policy>> policies(StoreOrder order) const;
    [[nodiscard]] Result<std::optional<Policy>> assigned_policy() const;
    Result<void> assign_policy(const Guid& policy);
    Result<void> unassign_policy();

    // A rule is appended; its id is its rank in rules(), from 1, so that ids close up on removal.
    // A rule may have no name; other names are unique in the policy.
    Result<void> add_rule(const Guid& policy, const Rule& rule);
    Result<void> update_rule(const Rule& rule);  // keeps policy and position
    Result<void> remove_rule(const Guid& rule);
    [[nodiscard]] Result<std::vector<Rule>> rules(const Guid& policy) const;
    [[nodiscard]] Result<Rule> find_rule(const Guid& policy, std::string_view name) const;
    [[nodiscard]] Result<Rule> find_rule(const Guid& policy, std::uint32_t id) const;
    // The rules of that name in all policies, for `show filterlist rule=...`.
    [[nodiscard]] Result<std::vector<Rule>> rules_named(std::string_view name) const;

    Result<void> add_filter_list(const FilterList& list);
    Result<void> update_filter_list(const FilterList& list);
    Result<void> remove_filter_list(const Guid& list);  // with its filters; kObjectInUse
    [[nodiscard]] Result<FilterList> find_filter_list(std::string_view name) const;
    [[nodiscard]] Result<FilterList> find_filter_list(const Guid& guid) const;
    [[nodiscard]] Result<std::vector<FilterList>> filter_lists(StoreOrder order) const;
    [[nodiscard]] Result<std::optional<RuleUse>> filter_list_use(const Guid& list) const;

    // Appends; false means that the list holds a filter with the same FilterSpec, which stays as it
    // is. Both this and remove_filter set the list's time of modification. O(log n).
    Result<bool> add_filter(const Guid& list, const Filter& filter, std::int64_t modified);
    Result<void> remove_filter(const Guid& list, const Guid& filter, std::int64_t modified);
    [[nodiscard]] Result<std::vector<Filter>> filters(const Guid& list) const;  // as added
    // The filters with exactly these two sides, whatever DNS name they were resolved from. O(log
    // n).
    [[nodiscard]] Result<std::vector<Filter>> filters_between(
        const Guid& list, const FilterAddress& source, const FilterAddress& destination) const;
    [[nodiscard]] Result<std::size_t> filter_count(const Guid& list) const;

    Result<void> add_filter_action(const FilterAction& action);
    Result<void> update_filter_action(const FilterAction& action);
    Result<void> remove_filter_action(const Guid& action);  // kObjectInUse
    [[nodiscard]] Result<FilterAction> find_filter_action(std::string_view name) const;
    [[nodiscard]] Result<FilterAction> find_filter_action(const Guid& guid) const;
    [[nodiscard]] Result<std::vector<FilterAction>> filter_actions(StoreOrder order) const;
    [[nodiscard]] Result<std::optional<RuleUse>> filter_action_use(const Guid& action) const;

    // `delete all`: every policy, list and action. Settings stay.
    Result<void> remove_all();

    // Names that equal `name` when the case of ASCII letters is ignored.
    [[nodiscard]] Result<std::vector<std::string>> find_name_ignoring_case(
        StoreNoun noun, std::string_view name) const;

    // Persistent settings of `dynamic set config`; the meaning is the caller's.
    Result<void> set_setting(std::string_view name, std::string_view value);
    Result<void> remove_setting(std::string_view name);
    [[nodiscard]] Result<std::optional<std::string>> setting(std::string_view name) const;
    [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> settings() const;

  private:
    explicit PolicyStore(std::unique_ptr<Database> database);

    // Runs `step` so that all or nothing of it happens, in the transaction around it or in its own.
    Result<void> write(const std::function<Result<void>()>& step);

    std::unique_ptr<Database> database_;
    bool transaction_ = false;  // between begin() and commit() or rollback()
    std::int64_t changes_at_begin_ = 0;
};

}  // namespace config
