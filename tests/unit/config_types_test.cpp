#include "config/secret.h"
#include "config/types.h"

#include <gtest/gtest.h>

#include <string>

namespace config {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
    for (const char* text : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "2001:db8::1"}) {
        const Result<IpAddress> address = IpAddress::parse(text);
        ASSERT_TRUE(address.ok()) << text;
        EXPECT_EQ(address->to_string(), text);
    }
    EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->to_string(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
    for (const std::string& text : {std::string(""),
                                    std::string("10.1.2"),
                                    std::string("10.1.2.256"),
                                    std::string("10.1.2.3 "),
                                    std::string("010.1.2.3"),
                                    std::string("fe80::1%eth0"),
                                    std::string("1.2.3.4\0x", 9)}) {
        EXPECT_FALSE(IpAddress::parse(text).ok()) << text;
    }
}

TEST(IpPrefix, FirstAndLastCoverTheHostBits) {
    const IpPrefix v4 = *IpPrefix::parse("10.1.2.3/22");
    EXPECT_EQ(v4.first().to_string(), "10.1.0.0");
    EXPECT_EQ(v4.last().to_string(), "10.1.3.255");
    const IpPrefix v6 = *IpPrefix::parse("2001:db8::/33");
    EXPECT_EQ(v6.last().to_string(), "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
    EXPECT_TRUE(v6.contains(*IpAddress::parse("2001:db8:1::")));
    EXPECT_FALSE(v6.contains(*IpAddress::parse("2001:db8:8000::")));
    EXPECT_FALSE(v6.contains(IpAddress::v4(1)));
}

TEST(IpPrefix, RefusesBadLengths) {
    for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "::/8x"}) {
        EXPECT_FALSE(IpPrefix::parse(text).ok()) << text;
    }
}

TEST(DottedMask, RoundTripsEveryLength) {
    for (int length = 0; length <= 32; ++length) {
        const auto bits = static_cast<std::uint8_t>(length);
        EXPECT_EQ(*parse_dotted_mask(dotted_mask(bits)), bits);
    }
    EXPECT_FALSE(parse_dotted_mask("255.0.255.0").ok());
    EXPECT_FALSE(parse_dotted_mask("::").ok());
}

TEST(Guid, PrintsUpperCaseInBracesAndParsesLoosely) {
    const Guid guid = *Guid::parse("72385236-70fa-11d1-864c-14a300000000");
    EXPECT_EQ(guid.to_string(), "{72385236-70FA-11D1-864C-14A300000000}");
    EXPECT_EQ(*Guid::parse(guid.to_string()), guid);
    EXPECT_FALSE(Guid::parse("{72385236-70FA-11D1-864C-14A30000000}").ok());
    EXPECT_FALSE(Guid::parse("72385236x70FA-11D1-864C-14A300000000").ok());
    EXPECT_NE(Guid::random(), Guid::random());
}

TEST(MacAddress, RoundTrips) {
    EXPECT_EQ(MacAddress::parse("02:00:5E:10:00:01")->to_string(), "02:00:5e:10:00:01");
    EXPECT_FALSE(MacAddress::parse("02:00:5e:10:00").ok());
    EXPECT_FALSE(MacAddress::parse("02:00:5e:10:00:0g").ok());
}

TEST(SecretBytes, ComparesByContent) {
    EXPECT_TRUE(equal_ct(SecretBytes("abc"), SecretBytes("abc")));
    EXPECT_FALSE(equal_ct(SecretBytes("abc"), SecretBytes("abd")));
    EXPECT_FALSE(equal_ct(SecretBytes("abc"), SecretBytes("ab")));
}

TEST(Error, PrintsTheFormScriptsSearchFor) {
    EXPECT_EQ(format_error({ErrorCode::kPolicyExists, "x"}), "ERR IPsec[05005] : x");
    EXPECT_EQ(format_error({ErrorCode::kMmPolicyExists, "x"}), "ERR Win32[13003] : x");
    EXPECT_EQ(format_error({ErrorCode::kMissingParameter, "x"}), "x");
}

}  // namespace
}  // namespace config
