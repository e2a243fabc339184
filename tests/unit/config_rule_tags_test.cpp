#include "config/rule_set.h"
#include "config/rule_tags.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace config {
namespace {

Guid numbered(std::uint32_t number) {
    Guid guid;
    for (std::size_t i = 0; i < 4; ++i) {
        guid.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return guid;
}

TEST(RuleTags, NumberRulesFromOneInTheOrderTheyAreSeen) {
    RuleTags tags;
    EXPECT_EQ(tags.tag_of(numbered(7)), 1U);
    EXPECT_EQ(tags.tag_of(numbered(3)), 2U);
    EXPECT_EQ(tags.tag_of(numbered(7)), 1U);
    EXPECT_EQ(tags.tag_of(numbered(4)), 3U);
}

TEST(RuleTags, ARuleOutOfForceKeepsItsNumber) {
    RuleTags tags;
    const RuleTag tag = tags.tag_of(numbered(1));
    tags.limit_to({});
    EXPECT_EQ(tags.tag_of(numbered(1)), tag);
}

TEST(RuleTags, BeyondTheLimitOnlyRulesInForceAreRemembered) {
    RuleTags tags;
    RuleSet in_force;
    in_force.rules.emplace_back().guid = numbered(5);
    const auto count = static_cast<std::uint32_t>(RuleTags::kRemembered) + 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        const RuleTag tag = tags.tag_of(numbered(i));
        if (i == 5) {
            in_force.rules.front().tag = tag;
        }
    }
    tags.limit_to(in_force);
    EXPECT_EQ(tags.tag_of(numbered(6)), 7U) << "as many as are remembered";
    (void)tags.tag_of(numbered(count));
    tags.limit_to(in_force);
    EXPECT_EQ(tags.tag_of(numbered(5)), 6U) << "in force";
    EXPECT_EQ(tags.tag_of(numbered(6)), count + 2) << "a number is never used again";
}

}  // namespace
}  // namespace config
