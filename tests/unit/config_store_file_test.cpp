#include "tests/support/store_objects.h"

#include <array>
#include <fstream>
#include <functional>
#include <sqlite3.h>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace config {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

void run_sql(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
}

TEST(StoreFile, ASavepointUndoesOneCommandOfATransaction) {
    const auto store = open_store();
    ASSERT_TRUE(store->begin().ok());
    EXPECT_FALSE(store->begin().ok());
    ASSERT_TRUE(store->add_filter_list(list_named("kept")).ok());
    {
        const Result<PolicyStore::Savepoint> command = store->savepoint();
        ASSERT_TRUE(command.ok());
        ASSERT_TRUE(store->add_filter_list(list_named("undone")).ok());
        EXPECT_TRUE(store->find_filter_list("undone").ok());
    }
    EXPECT_FALSE(store->find_filter_list("undone").ok());
    {
        Result<PolicyStore::Savepoint> command = store->savepoint();
        ASSERT_TRUE(command.ok());
        ASSERT_TRUE(store->add_filter_list(list_named("released")).ok());
        ASSERT_TRUE(command->release().ok());
    }
    ASSERT_TRUE(store->commit().ok());
    EXPECT_EQ(names_of(*store->filter_lists(StoreOrder::kCreation)), (Names{"kept", "released"}));
    EXPECT_FALSE(store->savepoint().ok());
    EXPECT_FALSE(store->commit().ok());
}

TEST(StoreFile, AFailedCommandOfATransactionLeavesNothing) {
    const auto store = open_store();
    ASSERT_TRUE(store->begin().ok());
    Policy assigned = policy_named("P");
    assigned.assigned = true;
    ASSERT_TRUE(store->add_policy(assigned).ok());
    Policy duplicate = policy_named("Q");
    duplicate.guid = assigned.guid;
    duplicate.assigned = true;
    EXPECT_FALSE(store->add_policy(duplicate).ok());
    EXPECT_TRUE(store->in_transaction());
    ASSERT_TRUE(store->commit().ok());
    EXPECT_EQ((*store->assigned_policy())->name, "P");
}

TEST(StoreFile, RollbackUndoesTheTransaction) {
    const auto store = open_store();
    ASSERT_TRUE(store->begin().ok());
    ASSERT_TRUE(store->add_filter_list(list_named("L")).ok());
    store->rollback();
    EXPECT_FALSE(store->in_transaction());
    EXPECT_EQ(store->counts()->filter_lists, 0U);
    EXPECT_EQ(*store->change_counter(), 0U);
}

TEST(StoreFile, TheChangeCounterGrowsByCommitsThatChange) {
    const Directory directory;
    {
        const auto store = open_store(directory.file());
        ASSERT_TRUE(store->add_filter_list(list_named("a")).ok());
        ASSERT_TRUE(store->begin().ok());
        ASSERT_TRUE(store->add_filter_list(list_named("b")).ok());
        ASSERT_TRUE(store->add_filter_list(list_named("c")).ok());
        ASSERT_TRUE(store->commit().ok());
        EXPECT_EQ(*store->change_counter(), 2U);
        ASSERT_TRUE(store->begin().ok());
        ASSERT_TRUE(store->commit().ok());
        EXPECT_EQ(*store->change_counter(), 2U);
    }
    EXPECT_EQ(*open_store(directory.file())->change_counter(), 2U);
}

TEST(StoreFile, OnlyTheOwnerCanReadTheFile) {
    const Directory directory;
    const auto store = open_store(directory.file());
    ASSERT_TRUE(store->add_filter_list(list_named("L")).ok());
    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat status {};
        ASSERT_EQ(::stat((directory.file() + suffix).c_str(), &status), 0) << suffix;
        EXPECT_EQ(status.st_mode & 0777U, 0600U) << suffix;
    }
}

// What open() refuses, and the words its error must hold.
struct BadFile {
    std::string name;
    std::function<void(const std::string& path)> make;
    std::string words;
};

void make_store(const std::string& path) {
    const auto store = open_store(path);
    const FilterList list = list_named("L");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    ASSERT_TRUE(store->begin().ok());
    for (std::uint32_t i = 0; i < 500; ++i) {
        ASSERT_TRUE(store->add_filter(list.guid, numbered_filter(i), 0).ok());
    }
    ASSERT_TRUE(store->commit().ok());
}

const std::vector<BadFile>& bad_files() {
    static const std::vector<BadFile> files = {
        {"text", [](const std::string& path) { write_file(path, "hello\n"); }, "is damaged"},
        {"a newer version",
         [](const std::string& path) {
             make_store(path);
             run_sql(path, "PRAGMA user_version = 2");
         },
         "has format 2, and this version knows formats up to 1"},
        {"another program's database",
         [](const std::string& path) {
             run_sql(path, "CREATE TABLE t (x); PRAGMA user_version=1");
         },
         "is a database of another program"},
        {"cut in half",
         [](const std::string& path) {
             make_store(path);
             fs::resize_file(path, fs::file_size(path) / 2);
         },
         "is damaged"},
        {"cut to its header",
         [](const std::string& path) {
             make_store(path);
             fs::resize_file(path, 100);
         },
         "is damaged"},
        {"overwritten in the middle",
         [](const std::string& path) {
             make_store(path);
             std::string bytes = contents(path);
             bytes.replace(bytes.size() / 4, bytes.size() / 2, bytes.size() / 2, '\x5A');
             write_file(path, bytes);
         },
         "is damaged"},
        {"overwritten header",
         [](const std::string& path) {
             make_store(path);
             std::string bytes = contents(path);
             bytes.replace(0, 64, 64, '\0');
             write_file(path, bytes);
         },
         "is damaged"},
    };
    return files;
}

TEST(StoreFile, RefusesForeignNewerAndDamagedFilesAndLeavesThemAlone) {
    for (const BadFile& bad : bad_files()) {
        const Directory directory;
        const std::string path = directory.file();
        bad.make(path);
        const std::string before = contents(path);
        const Result<std::unique_ptr<PolicyStore>> opened = PolicyStore::open(path);
        ASSERT_FALSE(opened.ok()) << bad.name;
        EXPECT_EQ(opened.error().code, ErrorCode::kStoreDamaged) << bad.name;
        EXPECT_NE(opened.error().text.find(path), std::string::npos) << opened.error().text;
        EXPECT_NE(opened.error().text.find(bad.words), std::string::npos) << opened.error().text;
        EXPECT_EQ(contents(path), before) << bad.name;
    }
}

TEST(StoreFile, NoticesValuesThatNoVersionWrites) {
    const Directory directory;
    ASSERT_TRUE(open_store(directory.file())->add_filter_action(action_named("A")).ok());
    run_sql(directory.file(), "UPDATE filter_action SET action = 'maybe'");
    const auto store = open_store(directory.file());
    EXPECT_EQ(store->find_filter_action("A").error().code, ErrorCode::kStoreDamaged);
}

TEST(StoreFile, SaysWhyItCannotBeOpened) {
    const Result<std::unique_ptr<PolicyStore>> store = PolicyStore::open("/nowhere/policy.db");
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, ErrorCode::kStoreUnavailable);
    EXPECT_EQ(store.error().text,
              "The policy store /nowhere/policy.db cannot be created: No such file or directory.");
}

TEST(StoreFile, AnEmptyFileIsAStoreToBe) {
    const Directory directory;
    write_file(directory.file(), "");
    EXPECT_TRUE(open_store(directory.file())->add_filter_list(list_named("L")).ok());
}

TEST(StoreFile, HoldsFiveThousandFiltersOfOneTransaction) {
    const Directory directory;
    const auto store = open_store(directory.file());
    const FilterList list = list_named("L");
    ASSERT_TRUE(store->add_filter_list(list).ok());
    ASSERT_TRUE(store->begin().ok());
    for (std::uint32_t i = 0; i < 5000; ++i) {
        ASSERT_TRUE(*store->add_filter(list.guid, numbered_filter(i), i));
    }
    ASSERT_TRUE(store->commit().ok());
    const Result<std::vector<Filter>> filters = store->filters(list.guid);
    ASSERT_TRUE(filters.ok());
    ASSERT_EQ(filters->size(), 5000U);
    for (std::uint32_t i = 0; i < 5000; ++i) {
        ASSERT_EQ((*filters)[i].spec.source.first, IpAddress::v4(0x0A000000 + i));
    }
}

}  // namespace
}  // namespace config
