// One SQLite connection with its prepared statements. Knows nothing of policies; turns SQLite's
// result codes into errors that name the file. Not for use by several threads.
#pragma once

#include "config/result.h"
#include "config/secret.h"
#include "config/stored_words.h"
#include "config/types.h"

#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace config {

class Database;

// A running SELECT. Columns are read from left to right, each once, after next() said true.
// A value that the type does not admit is noted and reported by finish().
class Query {
  public:
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query();

    [[nodiscard]] bool next();
    // After next() said false, or earlier if no more rows are wanted.
    [[nodiscard]] Result<void> finish() const;

    [[nodiscard]] std::int64_t integer();
    [[nodiscard]] bool boolean() { return integer() != 0; }
    [[nodiscard]] std::string text();
    [[nodiscard]] Guid guid();
    [[nodiscard]] IpAddress address();  // a NULL or empty blob is a default IpAddress
    [[nodiscard]] SecretBytes secret();

    template <std::unsigned_integral T>
    [[nodiscard]] T number() {
        const std::int64_t value = integer();
        if (value < 0 || static_cast<std::uint64_t>(value) > std::numeric_limits<T>::max()) {
            damaged_ = true;
            return 0;
        }
        return static_cast<T>(value);
    }

    template <typename Enum>
    [[nodiscard]] Enum word() {
        const std::optional<Enum> value = from_stored_word<Enum>(text_view());
        damaged_ = damaged_ || !value.has_value();
        return value.value_or(Enum{});
    }

  private:
    friend class Database;
    Query(Database& database, sqlite3_stmt* statement, int status)
        : database_(database), statement_(statement), status_(status) {}

    [[nodiscard]] std::string_view text_view();  // valid until the next column or row
    [[nodiscard]] std::span<const std::uint8_t> blob();

    Database& database_;
    sqlite3_stmt* statement_;
    int status_;
    int column_ = 0;
    bool damaged_ = false;
};

class Database {
  public:
    // The file must exist. The journal of a crashed writer is left alone until keep_journal(false).
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& path);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // `sql` must outlive the database (a constant): statements are prepared once and kept. A query
    // must have ended before the same text is used again.
    template <typename... Values>
    [[nodiscard]] Query query(std::string_view sql, const Values&... values) {
        sqlite3_stmt* statement = nullptr;
        int status = prepare(sql, statement);
        int index = 0;
        ((status = status == 0 ? bind(statement, ++index, values) : status), ...);
        return Query(*this, statement, status);
    }

    // A statement without result rows.
    template <typename... Values>
    Result<void> run(std::string_view sql, const Values&... values) {
        Query running = query(sql, values...);
        while (running.next()) {
        }
        return running.finish();
    }

    // Several statements, not kept.
    Result<void> run_script(const std::string& sql);

    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] std::int64_t changes() const;        // rows changed by the last statement
    [[nodiscard]] std::int64_t total_changes() const;  // since the database was opened
    [[nodiscard]] bool read_only() const;
    // Whether closing leaves the write-ahead log beside the file instead of merging it.
    void keep_journal(bool keep);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] Error error(int status) const;
    [[nodiscard]] Error damaged(std::string_view detail) const;

  private:
    Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

    [[nodiscard]] int prepare(std::string_view sql, sqlite3_stmt*& statement);
    static int bind(sqlite3_stmt* statement, int index, std::int64_t value);
    static int bind(sqlite3_stmt* statement, int index, std::string_view text);
    static int bind(sqlite3_stmt* statement, int index, std::span<const std::uint8_t> blob);

    static int bind(sqlite3_stmt* statement, int index, const Guid& guid) {
        return bind(statement, index, std::span<const std::uint8_t>(guid.bytes));
    }
    static int bind(sqlite3_stmt* statement, int index, const IpAddress& address) {
        return bind(statement, index, address.view());
    }
    static int bind(sqlite3_stmt* statement, int index, const SecretBytes& secret) {
        return bind(statement, index, secret.bytes());
    }
    static int bind(sqlite3_stmt* statement, int index, const std::string& text) {
        return bind(statement, index, std::string_view(text));
    }
    template <std::integral T>
    static int bind(sqlite3_stmt* statement, int index, T value) {
        return bind(statement, index, static_cast<std::int64_t>(value));
    }
    template <typename Enum>
    requires std::is_enum_v<Enum>
    static int bind(sqlite3_stmt* statement, int index, Enum value) {
        return bind(statement, index, stored_word(value));
    }

    sqlite3* handle_;
    std::string path_;
    std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

}  // namespace config
