// PolicyStore: filter lists and their filters.
#include "config/database.h"
#include "config/policy_store.h"
#include "config/store_errors.h"

#include <fmt/format.h>

namespace config {
namespace {

constexpr std::string_view kNoun = "filter list";

const std::string kSelectList = "SELECT guid, name, description, modified FROM filter_list ";
const std::string kListsByName = kSelectList + "WHERE name = ?1";
const std::string kListsByGuid = kSelectList + "WHERE guid = ?1";
const std::string kListsInNameOrder = kSelectList + "ORDER BY name";
const std::string kListsInCreationOrder = kSelectList + "ORDER BY id";

const std::string kSelectFilter =
    "SELECT guid, description, source_kind, source_first, source_last, "
    "source_prefix, source_name, destination_kind, destination_first, "
    "destination_last, destination_prefix, destination_name, protocol, "
    "source_port_first, source_port_last, destination_port_first, "
    "destination_port_last, mirrored FROM filter ";
const std::string kFiltersOfList = kSelectFilter + "WHERE list = ?1 ORDER BY position";
const std::string kFiltersOfListBetween =
    kSelectFilter
    + "WHERE list = ?1 AND source_kind = ?2 AND source_first = ?3 AND source_last = ?4"
      " AND destination_kind = ?5 AND destination_first = ?6 AND destination_last = ?7"
      " ORDER BY position";

Result<std::vector<FilterList>> read_lists(Query& query) {
    std::vector<FilterList> lists;
    while (query.next()) {
        FilterList& list = lists.emplace_back();
        list.guid = query.guid();
        list.name = query.text();
        list.description = query.text();
        list.modified = query.integer();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return lists;
}

FilterAddress read_side(Query& query) {
    FilterAddress side;
    side.kind = query.word<AddressKind>();
    side.first = query.address();
    side.last = query.address();
    side.prefix_length = query.number<std::uint8_t>();
    side.dns_name = query.text();
    return side;
}

Result<std::vector<Filter>> read_filters(Query& query) {
    std::vector<Filter> filters;
    while (query.next()) {
        Filter& filter = filters.emplace_back();
        filter.guid = query.guid();
        filter.description = query.text();
        filter.spec.source = read_side(query);
        filter.spec.destination = read_side(query);
        filter.spec.protocol = query.number<std::uint8_t>();
        filter.spec.source_port.first = query.number<std::uint16_t>();
        filter.spec.source_port.last = query.number<std::uint16_t>();
        filter.spec.destination_port.first = query.number<std::uint16_t>();
        filter.spec.destination_port.last = query.number<std::uint16_t>();
        filter.spec.mirrored = query.boolean();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return filters;
}

// A symbol has no addresses of its own, so what its members hold must not tell two filters apart.
std::span<const std::uint8_t> stored_bytes(const FilterAddress& side, const IpAddress& address) {
    return side.is_symbol() ? std::span<const std::uint8_t>() : address.view();
}

Result<bool> name_taken(Database& database, const FilterList& list) {
    Query query = database.query(
        "SELECT 1 FROM filter_list WHERE name = ?1 AND guid <> ?2", list.name, list.guid);
    const bool taken = query.next();
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return taken;
}

Result<void> check_name(Database& database, const FilterList& list) {
    const Result<bool> taken = name_taken(database, list);
    if (!taken) {
        return taken.error();
    }
    if (*taken) {
        return name_exists(ErrorCode::kFilterListExists, kNoun, list.name);
    }
    return {};
}

Result<void> touch(Database& database, const Guid& list, std::int64_t modified) {
    Result<void> done =
        database.run("UPDATE filter_list SET modified = ?2 WHERE guid = ?1", list, modified);
    if (done && database.changes() == 0) {
        return guid_not_found(ErrorCode::kFilterListNotFound, kNoun);
    }
    return done;
}

Result<void> insert_filter(Database& database, const Guid& list, const Filter& filter) {
    const FilterSpec& spec = filter.spec;
    return database.run(
        "INSERT INTO filter (list, position, guid, description, source_kind, source_first,"
        " source_last, source_prefix, source_name, destination_kind, destination_first,"
        " destination_last, destination_prefix, destination_name, protocol, source_port_first,"
        " source_port_last, destination_port_first, destination_port_last, mirrored)"
        " VALUES (?1, (SELECT ifnull(max(position), 0) + 1 FROM filter WHERE list = ?1),"
        " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
        " ON CONFLICT (list, source_first, destination_first, source_kind, destination_kind,"
        " source_last, destination_last, source_prefix, destination_prefix, protocol,"
        " source_port_first, source_port_last, destination_port_first, destination_port_last,"
        " mirrored, source_name, destination_name) DO NOTHING",
        list,
        filter.guid,
        filter.description,
        spec.source.kind,
        stored_bytes(spec.source, spec.source.first),
        stored_bytes(spec.source, spec.source.last),
        spec.source.prefix_length,
        spec.source.dns_name,
        spec.destination.kind,
        stored_bytes(spec.destination, spec.destination.first),
        stored_bytes(spec.destination, spec.destination.last),
        spec.destination.prefix_length,
        spec.destination.dns_name,
        spec.protocol,
        spec.source_port.first,
        spec.source_port.last,
        spec.destination_port.first,
        spec.destination_port.last,
        spec.mirrored);
}

}  // namespace

Result<void> PolicyStore::add_filter_list(const FilterList& list) {
    return write([&]() -> Result<void> {
        Result<void> done = check_name(*database_, list);
        return done ? database_->run(
                   "INSERT INTO filter_list (guid, name, description, modified)"
                   " VALUES (?1, ?2, ?3, ?4)",
                   list.guid,
                   list.name,
                   list.description,
                   list.modified)
                    : done;
    });
}

Result<void> PolicyStore::update_filter_list(const FilterList& list) {
    return write([&]() -> Result<void> {
        Result<void> done = check_name(*database_, list);
        if (done) {
            done = database_->run(
                "UPDATE filter_list SET name = ?2, description = ?3, modified = ?4"
                " WHERE guid = ?1",
                list.guid,
                list.name,
                list.description,
                list.modified);
        }
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kFilterListNotFound, kNoun);
        }
        return done;
    });
}

Result<void> PolicyStore::remove_filter_list(const Guid& list) {
    return write([&]() -> Result<void> {
        const Result<std::optional<RuleUse>> use = filter_list_use(list);
        if (!use) {
            return use.error();
        }
        if (use->has_value()) {
            return object_in_use(kNoun, (*use)->policy_name, (*use)->rule_name);
        }
        Result<void> done = database_->run("DELETE FROM filter_list WHERE guid = ?1", list);
        if (done && database_->changes() == 0) {
            return guid_not_found(ErrorCode::kFilterListNotFound, kNoun);
        }
        return done;
    });
}

Result<FilterList> PolicyStore::find_filter_list(std::string_view name) const {
    Query query = database_->query(kListsByName, name);
    Result<std::vector<FilterList>> found = read_lists(query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        const Result<std::vector<std::string>> similar =
            find_name_ignoring_case(StoreNoun::kFilterList, name);
        return similar ? name_not_found(ErrorCode::kFilterListNotFound, kNoun, *similar)
                       : similar.error();
    }
    return std::move(found->front());
}

Result<FilterList> PolicyStore::find_filter_list(const Guid& guid) const {
    Query query = database_->query(kListsByGuid, guid);
    Result<std::vector<FilterList>> found = read_lists(query);
    if (!found) {
        return std::move(found).error();
    }
    if (found->empty()) {
        return guid_not_found(ErrorCode::kFilterListNotFound, kNoun);
    }
    return std::move(found->front());
}

Result<std::vector<FilterList>> PolicyStore::filter_lists(StoreOrder order) const {
    Query query =
        database_->query(order == StoreOrder::kName ? kListsInNameOrder : kListsInCreationOrder);
    return read_lists(query);
}

Result<bool> PolicyStore::add_filter(const Guid& list,
                                     const Filter& filter,
                                     std::int64_t modified) {
    bool added = false;
    Result<void> done = write([&]() -> Result<void> {
        // First, because it is also the check that there is such a list.
        Result<void> step = touch(*database_, list, modified);
        if (step) {
            step = insert_filter(*database_, list, filter);
            added = step.ok() && database_->changes() == 1;
        }
        return step;
    });
    if (!done) {
        return std::move(done).error();
    }
    return added;
}

Result<void> PolicyStore::remove_filter(const Guid& list,
                                        const Guid& filter,
                                        std::int64_t modified) {
    return write([&]() -> Result<void> {
        Result<void> done =
            database_->run("DELETE FROM filter WHERE guid = ?2 AND list = ?1", list, filter);
        if (done && database_->changes() == 0) {
            return Error{ErrorCode::kFilterNotFound, "The filter list holds no such filter."};
        }
        return done ? touch(*database_, list, modified) : done;
    });
}

Result<std::vector<Filter>> PolicyStore::filters(const Guid& list) const {
    Query query = database_->query(kFiltersOfList, list);
    return read_filters(query);
}

Result<std::vector<Filter>> PolicyStore::filters_between(const Guid& list,
                                                         const FilterAddress& source,
                                                         const FilterAddress& destination) const {
    Query query = database_->query(kFiltersOfListBetween,
                                   list,
                                   source.kind,
                                   stored_bytes(source, source.first),
                                   stored_bytes(source, source.last),
                                   destination.kind,
                                   stored_bytes(destination, destination.first),
                                   stored_bytes(destination, destination.last));
    return read_filters(query);
}

Result<std::size_t> PolicyStore::filter_count(const Guid& list) const {
    Query query = database_->query("SELECT count(*) FROM filter WHERE list = ?1", list);
    const std::size_t count = query.next() ? query.number<std::size_t>() : 0;
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return count;
}

}  // namespace config
