#include "dataplane/prefix_cover.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

using config::IpAddress;

struct Case {
    const char* first;
    const char* last;
    std::vector<std::string> cover;
};

std::vector<std::string> cover_of(const char* first, const char* last) {
    std::vector<std::string> texts;
    for (const config::IpPrefix& prefix :
         dataplane::prefix_cover(IpAddress::parse(first).value(), IpAddress::parse(last).value())) {
        texts.push_back(prefix.to_string());
    }
    return texts;
}

TEST(PrefixCover, IsTheFewestPrefixesInOrder) {
    const std::vector<Case> cases = {
        {"10.0.0.1", "10.0.0.1", {"10.0.0.1/32"}},
        {"10.0.0.0", "10.0.0.255", {"10.0.0.0/24"}},
        {"0.0.0.0", "255.255.255.255", {"0.0.0.0/0"}},
        {"0.0.0.0", "0.0.0.0", {"0.0.0.0/32"}},
        {"255.255.255.255", "255.255.255.255", {"255.255.255.255/32"}},
        {"10.0.0.1", "10.0.0.6", {"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}},
        {"10.0.0.5",
         "10.0.1.0",
         {"10.0.0.5/32",
          "10.0.0.6/31",
          "10.0.0.8/29",
          "10.0.0.16/28",
          "10.0.0.32/27",
          "10.0.0.64/26",
          "10.0.0.128/25",
          "10.0.1.0/32"}},
        {"127.255.255.255", "128.0.0.0", {"127.255.255.255/32", "128.0.0.0/32"}},
        {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {"::/0"}},
        {"2001:db8::", "2001:db8::ffff", {"2001:db8::/112"}},
        {"2001:db8::1", "2001:db8::2", {"2001:db8::1/128", "2001:db8::2/128"}},
        {"0:0:0:1::", "0:0:0:2:ffff:ffff:ffff:ffff", {"0:0:0:1::/64", "0:0:0:2::/64"}},
        {"::ffff:ffff:ffff:ffff", "0:0:0:1::", {"::ffff:ffff:ffff:ffff/128", "0:0:0:1::/128"}},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(cover_of(c.first, c.last), c.cover) << c.first << " - " << c.last;
    }
}

TEST(PrefixCover, WorstRangesHaveTwoPrefixesForEachBitButTwo) {
    EXPECT_EQ(cover_of("0.0.0.1", "255.255.255.254").size(), 62U);
    EXPECT_EQ(cover_of("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").size(), 254U);
}

TEST(PrefixCover, CoversRandomRangesWithoutGapOrOverlap) {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        const auto a = static_cast<std::uint32_t>(random());
        const auto b = static_cast<std::uint32_t>(random() >> (random() % 32));
        const std::uint32_t first = std::min(a, b);
        const std::uint32_t last = std::max(a, b);
        std::uint64_t next = first;
        for (const config::IpPrefix& prefix :
             dataplane::prefix_cover(IpAddress::v4(first), IpAddress::v4(last))) {
            ASSERT_EQ(prefix.address, prefix.first());
            ASSERT_EQ(prefix.address.v4_host(), next);
            next += std::uint64_t{1} << (32U - prefix.length);
        }
        ASSERT_EQ(next, std::uint64_t{last} + 1);
    }
}

}  // namespace
