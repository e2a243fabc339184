#include "config/policy_store_schema.h"

#include "config/errno_text.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace config {
namespace {

// Objects refer to each other by GUID, 16 bytes. `id` is the order of creation. Enumerations are
// words (stored_words.h), addresses 4 or 16 bytes in network order or none, times Unix seconds.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE policy (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE CHECK (length(guid) = 16),
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    mm_pfs INTEGER NOT NULL,
    qm_per_mm INTEGER NOT NULL,
    mm_lifetime_minutes INTEGER NOT NULL,
    polling_interval_minutes INTEGER NOT NULL,
    assigned INTEGER NOT NULL,
    default_rule_guid BLOB NOT NULL CHECK (length(default_rule_guid) = 16),
    default_rule_active INTEGER NOT NULL,
    default_rule_qm_pfs INTEGER NOT NULL,
    modified INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX policy_assigned ON policy (assigned) WHERE assigned <> 0;

CREATE TABLE mm_offer (
    policy BLOB NOT NULL REFERENCES policy (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    cipher TEXT NOT NULL,
    hash TEXT NOT NULL,
    dh_group INTEGER NOT NULL,
    PRIMARY KEY (policy, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE default_rule_offer (
    policy BLOB NOT NULL REFERENCES policy (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    ah TEXT NOT NULL,
    has_esp INTEGER NOT NULL,
    esp_cipher TEXT NOT NULL,
    esp_hash TEXT NOT NULL,
    kilobytes INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (policy, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE default_rule_auth (
    policy BLOB NOT NULL REFERENCES policy (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    preshared_key BLOB NOT NULL,
    root_ca TEXT NOT NULL,
    certificate_mapping INTEGER NOT NULL,
    exclude_ca_name INTEGER NOT NULL,
    PRIMARY KEY (policy, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE filter_list (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE CHECK (length(guid) = 16),
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    modified INTEGER NOT NULL
) STRICT;

-- Symbols have no addresses: both blobs are empty.
CREATE TABLE filter (
    list BLOB NOT NULL REFERENCES filter_list (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    guid BLOB NOT NULL UNIQUE CHECK (length(guid) = 16),
    description TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_first BLOB NOT NULL,
    source_last BLOB NOT NULL,
    source_prefix INTEGER NOT NULL,
    source_name TEXT NOT NULL,
    destination_kind TEXT NOT NULL,
    destination_first BLOB NOT NULL,
    destination_last BLOB NOT NULL,
    destination_prefix INTEGER NOT NULL,
    destination_name TEXT NOT NULL,
    protocol INTEGER NOT NULL,
    source_port_first INTEGER NOT NULL,
    source_port_last INTEGER NOT NULL,
    destination_port_first INTEGER NOT NULL,
    destination_port_last INTEGER NOT NULL,
    mirrored INTEGER NOT NULL,
    PRIMARY KEY (list, position)
) STRICT, WITHOUT ROWID;

-- What makes two filters of a list the same one. The sides come first, to find filters by them.
CREATE UNIQUE INDEX filter_spec ON filter (
    list, source_first, destination_first, source_kind, destination_kind, source_last,
    destination_last, source_prefix, destination_prefix, protocol, source_port_first,
    source_port_last, destination_port_first, destination_port_last, mirrored, source_name,
    destination_name);

CREATE TABLE filter_action (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE CHECK (length(guid) = 16),
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    action TEXT NOT NULL,
    qm_pfs INTEGER NOT NULL,
    inbound_passthrough INTEGER NOT NULL,
    soft INTEGER NOT NULL,
    modified INTEGER NOT NULL
) STRICT;

CREATE TABLE action_offer (
    action BLOB NOT NULL REFERENCES filter_action (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    ah TEXT NOT NULL,
    has_esp INTEGER NOT NULL,
    esp_cipher TEXT NOT NULL,
    esp_hash TEXT NOT NULL,
    kilobytes INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (action, position)
) STRICT, WITHOUT ROWID;

-- Positions ascend and may have gaps; the id that commands use is the rank.
CREATE TABLE rule (
    policy BLOB NOT NULL REFERENCES policy (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    guid BLOB NOT NULL UNIQUE CHECK (length(guid) = 16),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    filter_list BLOB NOT NULL REFERENCES filter_list (guid),
    filter_action BLOB NOT NULL REFERENCES filter_action (guid),
    tunnel_kind TEXT NOT NULL,
    tunnel_endpoint BLOB NOT NULL,
    tunnel_name TEXT NOT NULL,
    connection_type TEXT NOT NULL,
    active INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    PRIMARY KEY (policy, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX rule_name ON rule (policy, name) WHERE name <> '';
CREATE INDEX rule_filter_list ON rule (filter_list);
CREATE INDEX rule_filter_action ON rule (filter_action);

CREATE TABLE rule_auth (
    rule BLOB NOT NULL REFERENCES rule (guid) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    preshared_key BLOB NOT NULL,
    root_ca TEXT NOT NULL,
    certificate_mapping INTEGER NOT NULL,
    exclude_ca_name INTEGER NOT NULL,
    PRIMARY KEY (rule, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: how many commits have changed anything.
CREATE TABLE change (
    counter INTEGER NOT NULL
) STRICT;
INSERT INTO change VALUES (0);
)sql";

constexpr std::string_view kMemory = ":memory:";

// SQLite gives its -wal and -shm files the mode of the database. An existing file is left alone,
// also an empty one: that is what a crash between this and the first commit leaves.
Result<void> create_if_missing(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno == EEXIST) {
            return {};
        }
        return Error{
            ErrorCode::kStoreUnavailable,
            fmt::format("The policy store {} cannot be created: {}.", path, errno_text(errno))};
    }
    ::close(fd);
    return {};
}

Result<std::int64_t> read_integer(Database& database, std::string_view sql) {
    Query query = database.query(sql);
    const std::int64_t value = query.next() ? query.integer() : 0;
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return value;
}

Error refused(const Database& database, std::string_view reason, std::string_view remedy) {
    return Error{ErrorCode::kStoreDamaged,
                 fmt::format("The policy store {} {}. It has not been changed. {}",
                             database.path(),
                             reason,
                             remedy)};
}

// Reads only. True: an empty file, to be filled.
Result<bool> check_identity(Database& database) {
    const Result<std::int64_t> application = read_integer(database, "PRAGMA application_id");
    if (!application) {
        return application.error();
    }
    const Result<std::int64_t> version = read_integer(database, "PRAGMA user_version");
    if (!version) {
        return version.error();
    }
    const Result<std::int64_t> objects =
        read_integer(database, "SELECT count(*) FROM sqlite_schema");
    if (!objects) {
        return objects.error();
    }
    if (*application == 0 && *version == 0 && *objects == 0) {
        return true;
    }
    if (*application != kStoreApplicationId) {
        return refused(database,
                       "is a database of another program",
                       "Name another state directory, or move the file away.");
    }
    if (*version > kStoreVersion) {
        return refused(
            database,
            fmt::format(
                "has format {}, and this version knows formats up to {}", *version, kStoreVersion),
            "Run the newer version again, or restore a backup from before it.");
    }
    if (*version < 1) {
        return database.damaged(fmt::format("its format number is {}", *version));
    }
    return false;
}

Result<void> check_content(Database& database) {
    Query query = database.query("PRAGMA quick_check(1)");
    const std::string verdict = query.next() ? query.text() : std::string("no answer");
    if (Result<void> finished = query.finish(); !finished) {
        return finished;
    }
    if (verdict != "ok") {
        return database.damaged(verdict);
    }
    return {};
}

// synchronous=FULL: a commit has reached the disk when it returns. secure_delete: a removed
// pre-shared key does not stay in free pages of the file. The cache (KiB) holds the indexes of
// 100,000 filters, so that adding one does not read pages back.
constexpr const char* kConnectionSettings =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA secure_delete = ON;"
    "PRAGMA cache_size = -65536;";

Result<void> create_schema(Database& database) {
    return database.run_script(
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA application_id = {};"
                    "PRAGMA user_version = {}; COMMIT;",
                    kSchema,
                    kStoreApplicationId,
                    kStoreVersion));
}

}  // namespace

Result<std::unique_ptr<Database>> open_store_database(const std::string& path) {
    if (path != kMemory) {
        if (Result<void> created = create_if_missing(path); !created) {
            return std::move(created).error();
        }
    }
    Result<std::unique_ptr<Database>> opened = Database::open(path);
    if (!opened) {
        return opened;
    }
    Database& database = **opened;
    const Result<bool> fresh = check_identity(database);
    if (!fresh) {
        return fresh.error();
    }
    if (database.read_only()) {
        return Error{ErrorCode::kStoreUnavailable,
                     fmt::format("The policy store {} cannot be written to.", path)};
    }
    Result<void> ready = *fresh ? Result<void>() : check_content(database);
    if (ready) {
        ready = database.run_script(kConnectionSettings);
    }
    if (ready && *fresh) {
        ready = create_schema(database);
    }
    if (!ready) {
        return std::move(ready).error();
    }
    database.keep_journal(false);
    return opened;
}

}  // namespace config
