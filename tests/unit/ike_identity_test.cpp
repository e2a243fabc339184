// Identities: the forms of RFC 2407, as bytes, as traffic and as text.
#include "control/ike/identity.h"
#include "tests/support/crypto_oracle.h"

#include <openssl/err.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace control::ike {
namespace {

using crypto::testing::from_hex;
using crypto::testing::to_hex;

config::IpAddress address(const char* text) {
    return config::IpAddress::parse(text).value();
}

const std::string kV6 = "20010db8000000000000000000000001";
const std::string kV6Mask32 = "ffffffff000000000000000000000000";
const std::string kV6Zero(32, '0');

struct IdentityRow {
    const char* name;
    std::string hex;
    const char* text;
    const char* again;  // how identity_of() writes the traffic; empty: no traffic
};

// What names traffic, and what a peer may write less briefly than we do.
const IdentityRow kTraffic[] = {
    {"address",
     "01000000"
     "0a000001",
     "10.0.0.1",
     "01000000"
     "0a000001"},
    {"address, tcp 445",
     "010601bd"
     "0a000001",
     "10.0.0.1 tcp 445",
     "010601bd"
     "0a000001"},
    {"address, udp",
     "01110000"
     "0a000001",
     "10.0.0.1 udp",
     "01110000"
     "0a000001"},
    {"subnet",
     "04000000"
     "0a010000"
     "ffff0000",
     "10.1.0.0/16",
     "04000000"
     "0a010000"
     "ffff0000"},
    {"subnet with bits of a host",
     "04000000"
     "0a010203"
     "ffff0000",
     "10.1.0.0/16",
     "04000000"
     "0a010000"
     "ffff0000"},
    {"everything",
     "04000000"
     "00000000"
     "00000000",
     "0.0.0.0/0",
     "04000000"
     "00000000"
     "00000000"},
    {"subnet of one",
     "04000000"
     "0a000001"
     "ffffffff",
     "10.0.0.1",
     "01000000"
     "0a000001"},
    {"range",
     "07000000"
     "0a000001"
     "0a000009",
     "10.0.0.1-10.0.0.9",
     "07000000"
     "0a000001"
     "0a000009"},
    {"range that is a subnet",
     "07000000"
     "0a000000"
     "0a0000ff",
     "10.0.0.0/24",
     "04000000"
     "0a000000"
     "ffffff00"},
    {"range of one",
     "07000000"
     "0a000001"
     "0a000001",
     "10.0.0.1",
     "01000000"
     "0a000001"},
    {"range of all",
     "07000000"
     "00000000"
     "ffffffff",
     "0.0.0.0/0",
     "04000000"
     "00000000"
     "00000000"},
    {"IPv6 address", "053a0000" + kV6, "2001:db8::1 icmpv6", "053a0000"},
    {"IPv6 subnet", "06000000" + kV6 + kV6Mask32, "2001:db8::/32", "06000000"},
    {"IPv6 everything", "06000000" + kV6Zero + kV6Zero, "::/0", "06000000"},
    {"IPv6 range", "08000000" + kV6Zero + kV6, "::-2001:db8::1", "08000000"},
};

TEST(IkeIdentity, TrafficIsReadAndWrittenInItsShortestForm) {
    for (const IdentityRow& row : kTraffic) {
        const Bytes body = from_hex(row.hex);
        const auto identity = std::get<Identity>(decode_identity(body));
        EXPECT_EQ(to_hex(encode_identity(identity)), row.hex) << row.name;
        EXPECT_EQ(to_string(identity), row.text) << row.name;
        const auto selector = std::get<Selector>(selector_of(identity));
        EXPECT_EQ(to_string(selector), row.text) << row.name;
        const std::string again = to_hex(encode_identity(identity_of(selector)));
        EXPECT_EQ(again.substr(0, std::string(row.again).size()), row.again) << row.name;
        EXPECT_EQ(std::get<Selector>(selector_of(identity_of(selector))), selector) << row.name;
    }
}

TEST(IkeIdentity, EverySubnetSurvives) {
    for (unsigned length = 0; length <= 128; ++length) {
        for (const char* text : {"10.99.88.77", "2001:db8:1:2:3:4:5:6"}) {
            if (length > config::address_bits(address(text).family)) {
                continue;
            }
            const config::IpPrefix prefix{address(text), static_cast<std::uint8_t>(length)};
            const Selector selector{prefix.first(), prefix.last(), 6, 80};
            EXPECT_EQ(std::get<Selector>(selector_of(identity_of(selector))), selector);
            const bool host = prefix.first() == prefix.last();
            EXPECT_EQ(to_string(selector),
                      (host ? prefix.first().to_string()
                            : config::IpPrefix{prefix.first(), prefix.length}.to_string())
                          + " tcp 80");
        }
    }
}

TEST(IkeIdentity, WhatNamesNoTrafficIsRefusedAsSuch) {
    const IdentityRow rows[] = {
        {"CVE-2023-38711: FQDN",
         "02000000"
         "67772e6578616d706c65",
         "fqdn:gw.example",
         ""},
        {"user FQDN",
         "03000000"
         "6140622e63",
         "user-fqdn:a@b.c",
         ""},
        {"key ID",
         "0b000000"
         "00ff",
         "key-id:00ff",
         ""},
        {"GN",
         "0a000000"
         "3000",
         "type 10:3000",
         ""},
        {"broken DN",
         "09000000"
         "30",
         "dn:30",
         ""},
        {"type 0",
         "00000000"
         "aa",
         "type 0:aa",
         ""},
        {"type 200 for udp 500",
         "c81101f4"
         "aa",
         "type 200:aa udp 500",
         ""},
        {"mask with a hole",
         "04000000"
         "0a000000"
         "ff00ff00",
         "type 4:0a000000ff00ff00",
         ""},
        {"mask from the right",
         "04000000"
         "0a000000"
         "00ffffff",
         "type 4:0a00000000ffffff",
         ""},
        {"mask with a hole within a byte",
         "04000000"
         "0a000000"
         "fffffffd",
         "type 4:0a000000fffffffd",
         ""},
        {"range that ends before it begins",
         "07000000"
         "0a000009"
         "0a000001",
         "type 7:0a0000090a000001",
         ""},
    };
    for (const IdentityRow& row : rows) {
        const auto identity = std::get<Identity>(decode_identity(from_hex(row.hex)));
        EXPECT_EQ(to_hex(encode_identity(identity)), row.hex) << row.name;
        EXPECT_EQ(to_string(identity), row.text) << row.name;
        const auto selector = selector_of(identity);
        ASSERT_TRUE(std::holds_alternative<Drop>(selector)) << row.name;
        EXPECT_EQ(std::get<Drop>(selector), Drop::kBadIdentity) << row.name;
    }
}

// CVE-2023-38711: types 0 to 255, CVE-2013-6075: with every length.
TEST(IkeIdentity, Cve2023_38711Cve2013_6075EveryTypeWithEveryLength) {
    for (int type = 0; type < 256; ++type) {
        for (std::size_t size = 0; size <= 40; ++size) {
            Bytes body(size, 0x30);
            if (size > 0) {
                body[0] = static_cast<std::uint8_t>(type);
            }
            const std::size_t data = size < 4 ? 0 : size - 4;
            const bool v4 = type == 1 || type == 4 || type == 7;
            const bool v6 = type == 5 || type == 6 || type == 8;
            const bool pair = type == 4 || type == 6 || type == 7 || type == 8;
            const bool fits = v4 || v6 ? data == (v4 ? 4U : 16U) * (pair ? 2 : 1) : data > 0;
            const auto decoded = decode_identity(body);
            const auto* identity = std::get_if<Identity>(&decoded);
            ASSERT_EQ(identity != nullptr, size >= 4 && fits) << type << ", " << size;
            if (identity != nullptr) {
                EXPECT_FALSE(to_string(*identity).empty());
                EXPECT_EQ(std::holds_alternative<Selector>(selector_of(*identity)),
                          (v4 || v6) && type != 4 && type != 6)
                    << type;
            } else {
                EXPECT_EQ(std::get<Drop>(decoded), Drop::kBadPayload);
            }
        }
    }
}

TEST(IkeIdentity, DataOfTheWrongLengthIsNotReadAsTraffic) {
    Identity identity = address_identity(address("10.0.0.1"));
    identity.data.pop_back();
    EXPECT_TRUE(std::holds_alternative<Drop>(selector_of(identity)));
    EXPECT_EQ(to_string(identity), "type 1:0a0000");
}

TEST(IkeIdentity, WhatIsNotPrintableIsEscapedAndCut) {
    const auto fqdn = [](const std::string& text) {
        Identity identity;
        identity.type = static_cast<std::uint8_t>(IdType::kFqdn);
        identity.data.assign(text.begin(), text.end());
        return to_string(identity);
    };
    EXPECT_EQ(fqdn("a\nb\x1b[2J \xc3\\"), "fqdn:a\\x0ab\\x1b[2J\\x20\\xc3\\x5c");
    EXPECT_EQ(fqdn(std::string("a\0b", 3)), "fqdn:a\\x00b");
    EXPECT_EQ(fqdn(std::string(256, 'a')), "fqdn:" + std::string(256, 'a'));
    EXPECT_EQ(fqdn(std::string(65000, 'a')), "fqdn:" + std::string(256, 'a') + "...");
}

// --- Distinguished names. DER and text are of `openssl req -x509 -subj ...` and
// `openssl x509 -subject -nameopt sep_comma_plus_space,sname,esc_2253,esc_ctrl,esc_msb,utf8`.

const char* const kName =
    "302c310b30090603550406130244453110300e060355040a0c074578616d706c65310b300906035504030c026777";

TEST(IkeIdentity, DistinguishedNamesReadAsOpensslPrintsThem) {
    EXPECT_EQ(to_string(dn_identity(from_hex(kName))), "C=DE, O=Example, CN=gw");
    EXPECT_EQ(to_string(dn_identity(from_hex(
                  "3053310b300906035504061302444531163014060355040a0c0d4578c3a46d706c6520476d624831"
                  "0d300b060355040b0c04612c2062311d300906035504030c026777301006092a864886f70d010901"
                  "1603784079"))),
              R"(C=DE, O=Ex\C3\A4mple GmbH, OU=a\, b, CN=gw + emailAddress=x@y)");
}

TEST(IkeIdentity, Cve2013_6075BrokenNamesAreShownInHex) {
    const Bytes name = from_hex(kName);
    for (std::size_t size = 1; size < name.size(); ++size) {
        const Bytes part(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(to_string(dn_identity(part)), "dn:" + to_hex(part));
    }
    Bytes more = name;
    more.push_back(0);
    EXPECT_EQ(to_string(dn_identity(more)), "dn:" + to_hex(more));
    const std::string odd[] = {
        "3000",          // no names
        "3080",          // indefinite length
        "3084ffffffff",  // a length of 4 GB
        "30023100",      // a set of none
        "300431023000",  // a pair of none
        "3007310530030601"
        "55"  // a type without value
    };
    for (const std::string& hex : odd) {
        EXPECT_EQ(to_string(dn_identity(from_hex(hex))), "dn:" + hex);
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace control::ike
