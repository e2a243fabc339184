#include "config/token.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace config {
namespace {

// Tag and value, `"` in front of a quoted value.
std::string describe(const std::vector<Token>& tokens) {
    std::string text;
    for (const Token& token : tokens) {
        text += token.tagged() ? "[" + token.tag + "=" : "[";
        text += token.quoted ? "\"" : "";
        text += token.value + "]";
    }
    return text;
}

TEST(Tokenizer, CutsGroupsAndGlues) {
    struct Row {
        std::string line;
        std::string expected;
    };
    const std::vector<Row> rows = {
        {"", ""},
        {" \t ", ""},
        {"add\tfilter  x", "[add][filter][x]"},
        {"add filter x\r", "[add][filter][x]"},
        {"name=x", "[name=x]"},
        {"name = x", "[name=x]"},
        {"name =x", "[name=x]"},
        {"name= x", "[name=x]"},
        {"a = x b = y", "[a=x][b=y]"},
        {"name=\"a b\"", "[name=\"a b]"},
        {"name = \"a = b\"", "[name=\"a = b]"},
        {"name=a\" \"b", "[name=\"a b]"},
        {"\"all\" all", "[\"all][all]"},
        {"description=\"\" x", "[description=\"][x]"},
        {"description= \"\" x", "[description=\"][x]"},
        {"\"\"", "[\"]"},
        {"name=", "[name=]"},
        {"name= policy=p", "[name=][policy=p]"},
        {"name= policy = p", "[name=][policy=p]"},
        {"psk=YWJj==", "[psk=YWJj==]"},
        {"\"name=x\"", "[\"name=x]"},
        {"name = Michael's list", "[name=Michael's][list]"},
        {"name=\xe5\x90\x8d\xe5\xad\x97 x", "[name=\xe5\x90\x8d\xe5\xad\x97][x]"},
        {"rootca=\"C=US,CN=\\'A, B\\' certmap:yes\"", "[rootca=\"C=US,CN=\\'A, B\\' certmap:yes]"},
        {"file=C:\\Policies\\My.txt", "[file=C:\\Policies\\My.txt]"},
        {"a #b", "[a][#b]"},
    };
    for (const Row& row : rows) {
        const Result<std::vector<Token>> tokens = tokenize(row.line);
        ASSERT_TRUE(tokens.ok()) << row.line << ": " << tokens.error().text;
        EXPECT_EQ(describe(*tokens), row.expected) << row.line;
    }
}

TEST(Tokenizer, RefusesWhatCannotBeMeant) {
    struct Row {
        std::string line;
        ErrorCode code;
        const char* says;
    };
    const std::vector<Row> rows = {
        {"name=\"x", ErrorCode::kUnbalancedQuote, "quotation mark is not closed"},
        {"= x", ErrorCode::kInvalidValue, "\"=\" at byte 1"},
        {"a=b = c", ErrorCode::kInvalidValue, "\"=\" at byte 5"},
        {std::string("a\0b", 3), ErrorCode::kInvalidValue, "Byte 2 of the line is a control"},
        {"a\x1b[1m", ErrorCode::kInvalidValue, "(0x1b)"},
        {"a\x7f", ErrorCode::kInvalidValue, "(0x7f)"},
        {"a\xc2\x85", ErrorCode::kInvalidValue, "(0x85)"},
        {"a\nb", ErrorCode::kInvalidValue, "control character"},
        {"a\rb", ErrorCode::kInvalidValue, "control character"},
        {"a\xff", ErrorCode::kInvalidValue, "Byte 2 of the line is not UTF-8"},
        {"\xc0\xaf", ErrorCode::kInvalidValue, "not UTF-8"},
        {"\xed\xa0\x80", ErrorCode::kInvalidValue, "not UTF-8"},
        {"\xf4\x90\x80\x80", ErrorCode::kInvalidValue, "not UTF-8"},
        {"\xe5\x90", ErrorCode::kInvalidValue, "not UTF-8"},
    };
    for (const Row& row : rows) {
        const Result<std::vector<Token>> tokens = tokenize(row.line);
        ASSERT_FALSE(tokens.ok()) << row.line;
        EXPECT_EQ(tokens.error().code, row.code) << row.line;
        EXPECT_NE(tokens.error().text.find(row.says), std::string::npos) << tokens.error().text;
    }
}

TEST(Tokenizer, SaysWhereATokenStarts) {
    const Result<std::vector<Token>> tokens = tokenize("add  filter \"x y\" tag = v");
    ASSERT_EQ(tokens->size(), 4U);
    EXPECT_EQ((*tokens)[1].offset, 5U);
    EXPECT_EQ((*tokens)[2].offset, 12U);
    EXPECT_EQ((*tokens)[3].offset, 18U);
}

TEST(Quote, MakesOneValueOfAnyText) {
    for (const std::string text : {"plain", "two words", "a=b", "", "tab\there", "#x", "^"}) {
        const Result<std::vector<Token>> tokens = tokenize("tag=" + quote(text));
        ASSERT_EQ(tokens->size(), 1U) << text;
        EXPECT_EQ(tokens->front().value, text);
        EXPECT_FALSE(tokens->front().value_missing());
    }
}

TEST(JoinArguments, RestoresTheQuotesTheShellTook) {
    const std::vector<std::string> arguments = {
        "static", "add", "name=my list", "my policy", "", "a=", "=", "kept=\"as is\"", "x=y"};
    EXPECT_EQ(join_arguments(arguments),
              "static add name=\"my list\" \"my policy\" \"\" a= = kept=\"as is\" x=y");
}

}  // namespace
}  // namespace config
