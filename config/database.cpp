#include "config/database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <sqlite3.h>

namespace config {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// An empty blob bound by a null pointer would be NULL.
constexpr std::uint8_t kNoBytes = 0;

}  // namespace

Query::~Query() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

bool Query::next() {
    if (status_ != SQLITE_OK && status_ != SQLITE_ROW) {
        return false;
    }
    status_ = sqlite3_step(statement_);
    column_ = 0;
    return status_ == SQLITE_ROW;
}

Result<void> Query::finish() const {
    if (status_ != SQLITE_OK && status_ != SQLITE_ROW && status_ != SQLITE_DONE) {
        return database_.error(status_);
    }
    if (damaged_) {
        return database_.damaged("a row holds a value that no version writes");
    }
    return {};
}

std::int64_t Query::integer() {
    return sqlite3_column_int64(statement_, column_++);
}

std::string_view Query::text_view() {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column_));
    const int size = sqlite3_column_bytes(statement_, column_++);
    return text == nullptr ? std::string_view()
                           : std::string_view(text, static_cast<std::size_t>(size));
}

std::string Query::text() {
    return std::string(text_view());
}

std::span<const std::uint8_t> Query::blob() {
    const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column_));
    const int size = sqlite3_column_bytes(statement_, column_++);
    return {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(size)};
}

Guid Query::guid() {
    Guid guid;
    const std::span<const std::uint8_t> bytes = blob();
    if (bytes.size() != guid.bytes.size()) {
        damaged_ = true;
        return guid;
    }
    std::copy(bytes.begin(), bytes.end(), guid.bytes.begin());
    return guid;
}

IpAddress Query::address() {
    const std::span<const std::uint8_t> bytes = blob();
    if (bytes.empty()) {
        return {};
    }
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        if (bytes.size() == address_bytes(family)) {
            return IpAddress::from_bytes(family, bytes.data());
        }
    }
    damaged_ = true;
    return {};
}

SecretBytes Query::secret() {
    return SecretBytes(blob());
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
    sqlite3* handle = nullptr;
    const int status =
        sqlite3_open_v2(path.c_str(),
                        &handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        nullptr);
    std::unique_ptr<Database> database(new Database(handle, path));
    if (status != SQLITE_OK) {
        return database->error(status);
    }
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    database->keep_journal(true);
    return database;
}

Database::~Database() {
    for (const auto& [sql, statement] : statements_) {
        sqlite3_finalize(statement);
    }
    sqlite3_close_v2(handle_);
}

int Database::prepare(std::string_view sql, sqlite3_stmt*& statement) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        statement = found->second;
        assert(sqlite3_stmt_busy(statement) == 0);
        return SQLITE_OK;
    }
    const int status = sqlite3_prepare_v3(handle_,
                                          sql.data(),
                                          static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT,
                                          &statement,
                                          nullptr);
    if (status == SQLITE_OK) {
        statements_.emplace(sql, statement);
    }
    return status;
}

int Database::bind(sqlite3_stmt* statement, int index, std::int64_t value) {
    return sqlite3_bind_int64(statement, index, value);
}

// Text and blobs are copied: the query may outlive the values of the call that made it.
int Database::bind(sqlite3_stmt* statement, int index, std::string_view text) {
    return sqlite3_bind_text64(
        statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

int Database::bind(sqlite3_stmt* statement, int index, std::span<const std::uint8_t> blob) {
    return sqlite3_bind_blob64(
        statement, index, blob.empty() ? &kNoBytes : blob.data(), blob.size(), SQLITE_TRANSIENT);
}

Result<void> Database::run_script(const std::string& sql) {
    const int status = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (status != SQLITE_OK) {
        return error(status);
    }
    return {};
}

bool Database::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Database::changes() const {
    return sqlite3_changes64(handle_);
}

std::int64_t Database::total_changes() const {
    return sqlite3_total_changes64(handle_);
}

bool Database::read_only() const {
    return sqlite3_db_readonly(handle_, "main") == 1;
}

void Database::keep_journal(bool keep) {
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

Error Database::error(int status) const {
    const std::string_view detail = sqlite3_errmsg(handle_);
    switch (status & 0xFF) {  // the primary code of an extended one
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return damaged(detail);
        case SQLITE_READONLY:
            return Error{ErrorCode::kStoreReadOnly,
                         fmt::format("The policy store {} takes no changes: {}.", path_, detail)};
        case SQLITE_CONSTRAINT:
        case SQLITE_MISUSE:
            return Error{ErrorCode::kInternal,
                         fmt::format("The policy store {} refused a change: {}.", path_, detail)};
        default:
            return Error{ErrorCode::kStoreUnavailable,
                         fmt::format("The policy store {} cannot be used: {}.", path_, detail)};
    }
}

Error Database::damaged(std::string_view detail) const {
    return Error{ErrorCode::kStoreDamaged,
                 fmt::format("The policy store {} is damaged ({}). It is left as it is: put a "
                             "backup in its place, or move it and its -wal file away to start with "
                             "an empty store.",
                             path_,
                             detail)};
}

}  // namespace config
