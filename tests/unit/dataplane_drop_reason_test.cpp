#include "dataplane/drop_reason.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string_view>

namespace {

TEST(DropReasonTest, EveryRowHasItsPlaceAUniqueTokenAndHelp) {
    std::set<std::string_view> tokens;
    std::size_t index = 0;
    for (const dataplane::DropReasonRow& row : dataplane::kDropReasons) {
        SCOPED_TRACE(row.token);
        EXPECT_EQ(static_cast<std::size_t>(row.reason), index++);
        EXPECT_TRUE(tokens.insert(row.token).second);
        EXPECT_FALSE(row.token.empty());
        for (const char c : row.token) {
            EXPECT_TRUE(std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-');
        }
        ASSERT_FALSE(row.help.empty());
        EXPECT_EQ(row.help.back(), '.');
    }
}

}  // namespace
