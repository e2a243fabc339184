#include "config/command_line.h"
#include "config/help.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace config {
namespace {

TEST(ContextHelp, ListsWordsAlphabeticallyInPaddedColumns) {
    const std::string text = context_help(Context::kStatic);
    EXPECT_EQ(
        text.find("\nThe following commands are available:\n\nCommands in this context:\n?  "), 0U);
    std::size_t position = 0;
    for (const char* line : {"?              - ",
                             "add            - ",
                             "delete         - ",
                             "help           - ",
                             "set            - ",
                             "show           - "}) {
        const std::size_t found = text.find(std::string("\n") + line);
        ASSERT_NE(found, std::string::npos) << line;
        EXPECT_GT(found, position) << line;
        position = found;
    }
    EXPECT_EQ(text.find("Contexts below"), std::string::npos);
    EXPECT_NE(context_help(Context::kIpsec).find("Contexts below this one:\n dynamic static\n"),
              std::string::npos);
    EXPECT_NE(context_help(Context::kRoot).find("\nipsec          - "), std::string::npos);
}

TEST(GroupHelp, ListsTheCommandsOfAGroup) {
    const std::string text = group_help(Context::kStatic, "show");
    EXPECT_NE(text.find("\nshow all       - "), std::string::npos);
    EXPECT_NE(text.find("\nshow filteraction - "), std::string::npos);
    EXPECT_EQ(text.find("add"), std::string::npos);
    EXPECT_EQ(group_help(Context::kStatic, "bogus"), "");
    EXPECT_EQ(group_help(Context::kRoot, "show"), "");
}

TEST(CommandHelp, MarksRequiredOptionalAndAlternativeParameters) {
    EXPECT_EQ(command_usage(command_spec(CommandId::kStaticAddFilterList)),
              "\nUsage:\n  add filterlist [ name = ] <name> [ [ description = ] <text> ]\n");
    EXPECT_EQ(command_usage(command_spec(CommandId::kStaticDeleteRule)),
              "\nUsage:\n  delete rule [ name = ] <name> | [ id = ] <number> | all "
              "[ policy = ] <name>\n");
    EXPECT_EQ(command_usage(command_spec(CommandId::kDynamicShowMmPolicy)),
              "\nUsage:\n  show mmpolicy [ [ name = ] <name> | all ]\n");
    EXPECT_NE(
        command_usage(command_spec(CommandId::kStaticAddRule)).find("[ [ rootca = ] <CA> ... ]"),
        std::string::npos);
}

TEST(CommandHelp, RendersEveryRowWithinTheScreen) {
    for (const Context context : {Context::kStatic, Context::kDynamic}) {
        for (const CommandSpec& spec : command_rows(context)) {
            SCOPED_TRACE(spec.words());
            const std::string text = command_help(spec);
            const std::size_t examples = text.find("\nExamples:\n");
            ASSERT_NE(examples, std::string::npos);
            EXPECT_NE(text.find(std::string("\n") + std::string(spec.summary) + "\n"),
                      std::string::npos);
            EXPECT_EQ(text.find("\nParameters:\n") != std::string::npos, !spec.parameters.empty());
            for (const ParameterSpec& parameter : spec.parameters) {
                EXPECT_NE(text.find("\n  " + std::string(parameter.tag) + " "), std::string::npos)
                    << parameter.tag;
            }
            std::istringstream lines(text.substr(0, examples));
            for (std::string line; std::getline(lines, line);) {
                EXPECT_LE(line.size(), 80U) << line;
                EXPECT_FALSE(line.ends_with(' ')) << line;
            }
        }
    }
}

TEST(ContextHelp, StaysWithinTheScreen) {
    for (const Context context :
         {Context::kRoot, Context::kIpsec, Context::kStatic, Context::kDynamic}) {
        std::istringstream lines(context_help(context));
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), 80U) << line;
        }
    }
    for (const GroupSpec& group : group_rows()) {
        std::istringstream lines(group_help(group.context, group.verb));
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), 80U) << line;
        }
    }
}

}  // namespace
}  // namespace config
