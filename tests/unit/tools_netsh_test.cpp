// The client without a daemon: options, words to lines, scripts.
#include "tools/netsh_options.h"
#include "tools/netsh_script.h"

#include <gtest/gtest.h>

#include <string>
#include <unistd.h>
#include <vector>

namespace {

struct JoinRow {
    std::vector<std::string> words;
    std::string line;
};

TEST(NetshOptions, WordsAreQuotedAgainWhereTheShellRemovedQuotes) {
    const std::vector<JoinRow> rows = {
        {{"ipsec", "static", "show", "policy", "all"}, "ipsec static show policy all"},
        {{"add", "policy", "name=a b"}, "add policy name=\"a b\""},
        {{"add", "policy", "a b"}, "add policy \"a b\""},
        {{"add", "policy", "name", "=", "X"}, "add policy name = X"},
        {{"add", "policy", "name=", "a b"}, "add policy name= \"a b\""},
        {{"add", "policy", "name=\"a b\""}, "add policy name=\"a b\""},
        {{"add", "rule", "psk=a=b"}, "add rule psk=\"a=b\""},
        {{"add", "policy", ""}, "add policy \"\""},
        {{"ipsec static show store"}, "ipsec static show store"},
    };
    for (const JoinRow& row : rows) {
        EXPECT_EQ(netsh::join_words(row.words), row.line);
    }
}

TEST(NetshOptions, OptionsEndAtTheCommand) {
    const std::vector<const char*> arguments = {
        "-c", "ipsec static", "--json", "show", "policy", "-x"};
    const auto options = netsh::parse_options(arguments);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->context, "ipsec static");
    EXPECT_TRUE(options->json);
    EXPECT_EQ(options->words, (std::vector<std::string>{"show", "policy", "-x"}));
}

TEST(NetshOptions, WhatIsNotOfferedIsRefused) {
    const std::vector<std::vector<const char*>> rows = {
        {"-r", "host", "show"}, {"-u", "x"}, {"-z"}, {"-f"}, {"-f", "file", "show"}};
    for (const auto& row : rows) {
        EXPECT_FALSE(netsh::parse_options(row)) << row[0];
    }
}

TEST(NetshScript, LocalCommands) {
    EXPECT_TRUE(netsh::local_command("bye")->end);
    EXPECT_TRUE(netsh::local_command("netsh exit")->end);
    EXPECT_EQ(netsh::local_command("exec \"my file\"")->file, "my file");
    EXPECT_FALSE(netsh::local_command("exec ?"));
    EXPECT_FALSE(netsh::local_command("show policy exit"));
    EXPECT_FALSE(netsh::local_command("name=bye"));
}

std::vector<std::string> read_lines(const std::string& text, bool& failed) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends[1]);
    netsh::LineReader reader(ends[0], "file");
    std::vector<std::string> lines;
    failed = false;
    while (!failed && !reader.at_end()) {
        auto line = reader.next();
        failed = !line;
        if (line && *line) {
            lines.push_back(**line);
        } else if (line && !reader.at_end()) {
            EXPECT_TRUE(reader.read());
        }
    }
    close(ends[0]);
    return lines;
}

TEST(NetshScript, LinesWithoutMarkCommentsAndCarriageReturns) {
    bool failed = false;
    EXPECT_EQ(read_lines("\xEF\xBB\xBF"
                         "first\r\n\n  # comment\r\n \t\nsecond # text\nlast",
                         failed),
              (std::vector<std::string>{"first", "second # text", "last"}));
    EXPECT_FALSE(failed);
}

TEST(NetshScript, NulIsRefused) {
    bool failed = false;
    EXPECT_EQ(read_lines(std::string("good\nb\0d\nrest\n", 14), failed),
              std::vector<std::string>{"good"});
    EXPECT_TRUE(failed);
}

}  // namespace
