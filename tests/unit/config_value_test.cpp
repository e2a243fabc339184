#include "config/command.h"
#include "config/filter_syntax.h"
#include "config/value.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace config {
namespace {

Token value_token(const std::string& text) {
    Token token;
    token.tag = "tag";
    token.value = text;
    token.quoted = true;
    return token;
}

Result<Value> parse(ValueType type, const std::string& text) {
    std::vector<std::string> notes;
    return parse_value(type, "tag", value_token(text), notes);
}

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

// "10.0.0.0/8", "1.2.3.4", "1.2.3.4-1.2.3.9", "any", "me" ...
std::string describe(const FilterAddress& address) {
    switch (address.kind) {
        case AddressKind::kAny:
            return "any";
        case AddressKind::kMe:
            return "me";
        case AddressKind::kDnsServers:
            return "DNS";
        case AddressKind::kWinsServers:
            return "WINS";
        case AddressKind::kDhcpServer:
            return "DHCP";
        case AddressKind::kDefaultGateway:
            return "GATEWAY";
        case AddressKind::kHost:
            EXPECT_EQ(address.first, address.last);
            EXPECT_EQ(address.prefix_length, address_bits(address.first.family));
            return address.first.to_string();
        case AddressKind::kSubnet:
            EXPECT_EQ(address.last, (IpPrefix{address.first, address.prefix_length}.last()));
            return address.first.to_string() + "/" + std::to_string(address.prefix_length);
        case AddressKind::kRange:
            break;
    }
    return address.first.to_string() + "-" + address.last.to_string();
}

struct AddressRow {
    const char* address;
    const char* mask;      // nullptr: not given
    const char* expected;  // nullptr: error kBadAddress
};

Result<std::vector<FilterAddress>> combine(const AddressRow& row) {
    const Result<AddressSyntax> address = parse_address_syntax(row.address);
    if (!address) {
        return address.error();
    }
    std::optional<MaskSyntax> mask;
    if (row.mask != nullptr) {
        const Result<MaskSyntax> parsed = parse_mask_syntax(row.mask);
        if (!parsed) {
            return parsed.error();
        }
        mask = *parsed;
    }
    return combine_filter_address(*address, mask, {});
}

TEST(FilterAddressSyntax, CombinesAddressAndMask) {
    const std::vector<AddressRow> rows = {
        {"any", nullptr, "any"},
        {"ANY", "0.0.0.0", "any"},
        {"any", "32", "any"},
        {"Me", "255.255.255.255", "me"},
        {"dns", nullptr, "DNS"},
        {"WINS", nullptr, "WINS"},
        {"Dhcp", nullptr, "DHCP"},
        {"gateway", "32", "GATEWAY"},
        {"10.1.2.3", nullptr, "10.1.2.3"},
        {"10.1.2.3", "32", "10.1.2.3"},
        {"10.1.2.3", "255.255.255.0", "10.1.2.0/24"},
        {"10.1.2.3", "1", "0.0.0.0/1"},
        {"10.1.2.3/8", nullptr, "10.0.0.0/8"},
        {"10.1.2.3/8", "255.0.0.0", "10.0.0.0/8"},
        {"10.1.2.3/8", "16", nullptr},
        {"10.1.2.3/32", nullptr, "10.1.2.3"},
        {"10.1.2.3/33", nullptr, nullptr},
        {"10.1.2.3", "33", nullptr},
        {"10.1.2.3", "129", nullptr},
        {"10.1.2.3", "255.0.255.0", nullptr},
        {"10.1.2.3", "x", nullptr},
        {"10.1.2.3", "-1", nullptr},
        {"10.1.2.3", "0", nullptr},
        {"10.1.2.3", "0.0.0.0", nullptr},
        {"10.1.2.3/0", nullptr, nullptr},
        {"0.0.0.0", nullptr, "0.0.0.0"},
        {"0.0.0.0", "32", "0.0.0.0"},
        {"0.0.0.0", "255.255.255.255", "0.0.0.0"},
        {"0.0.0.0", "0.0.0.0", "any"},
        {"0.0.0.0", "0", "any"},
        {"0.0.0.0/0", nullptr, "any"},
        {"2001:db8::1", nullptr, "2001:db8::1"},
        {"2001:db8::1", "64", "2001:db8::/64"},
        {"2001:DB8::1/64", nullptr, "2001:db8::/64"},
        {"2001:db8::1", "255.255.255.0", nullptr},
        {"2001:db8::1", "0", nullptr},
        {"::/0", nullptr, "::/0"},
        {"10.0.0.1-10.0.0.9", nullptr, "10.0.0.1-10.0.0.9"},
        {"10.0.0.1 - 10.0.0.9", nullptr, "10.0.0.1-10.0.0.9"},
        {"10.0.0.1-10.0.0.1", nullptr, "10.0.0.1"},
        {"2001:db8::1-2001:db8::ff", nullptr, "2001:db8::1-2001:db8::ff"},
        {"10.0.0.9-10.0.0.1", nullptr, nullptr},
        {"10.0.0.1-2001:db8::1", nullptr, nullptr},
        {"10.0.0.1-", nullptr, nullptr},
        {"10.0.0.1-10.0.0.9", "24", nullptr},
        {"10.1.2", nullptr, nullptr},
        {"10.1.2.256", nullptr, nullptr},
        {"1.2.3.4.5", nullptr, nullptr},
        {"fe80::1%eth0", nullptr, nullptr},
        {"a..b", nullptr, nullptr},
        {"with blank", nullptr, nullptr},
        {"b\xc3\xbc"
         "cher.example",
         nullptr,
         nullptr},
        {"-", nullptr, nullptr},
        {"", nullptr, nullptr},
    };
    for (const AddressRow& row : rows) {
        const Result<std::vector<FilterAddress>> combined = combine(row);
        const std::string what =
            std::string(row.address) + " mask " + (row.mask == nullptr ? "none" : row.mask);
        if (row.expected == nullptr) {
            ASSERT_FALSE(combined.ok()) << what;
            EXPECT_FALSE(combined.error().text.empty());
            continue;
        }
        ASSERT_TRUE(combined.ok()) << what << ": " << combined.error().text;
        ASSERT_EQ(combined->size(), 1U) << what;
        EXPECT_EQ(describe(combined->front()), row.expected) << what;
    }
}

TEST(FilterAddressSyntax, GivesOneAddressPerResolvedAddress) {
    const AddressSyntax name = *parse_address_syntax("www.example.com");
    ASSERT_TRUE(name.needs_resolving());
    const std::vector<IpAddress> both = {ip("192.0.2.1"), ip("2001:db8::1")};
    const auto combined = combine_filter_address(name, std::nullopt, both);
    ASSERT_EQ(combined->size(), 2U);
    EXPECT_EQ(describe((*combined)[0]), "192.0.2.1");
    EXPECT_EQ((*combined)[0].dns_name, "www.example.com");
    EXPECT_EQ(describe((*combined)[1]), "2001:db8::1");

    EXPECT_EQ(combine_filter_address(name, std::nullopt, {}).error().code,
              ErrorCode::kAddressNotResolved);
    std::vector<IpAddress> many;
    for (std::uint32_t i = 0; i < 64; ++i) {
        many.push_back(IpAddress::v4(0x0A000000U + i));
    }
    EXPECT_EQ(combine_filter_address(name, std::nullopt, many)->size(), 64U);
    // All of them stand in one network, so its mask leaves one.
    EXPECT_EQ(combine_filter_address(name, MaskSyntax{24, false}, many)->size(), 1U);
    many.push_back(ip("10.1.0.0"));
    EXPECT_EQ(combine_filter_address(name, std::nullopt, many).error().code,
              ErrorCode::kAddressNotResolved);
}

FilterAddress side(const char* text) {
    return combine({text, nullptr, nullptr})->front();
}

TEST(MakeFilterSpecs, ChecksSidesAgainstEachOther) {
    struct Row {
        const char* source;
        const char* destination;
        std::optional<ErrorCode> error;
    };
    const std::vector<Row> rows = {
        {"any", "any", {}},
        {"me", "10.0.0.1", {}},
        {"me", "2001:db8::1", {}},
        {"any", "me", {}},
        {"10.0.0.1", "10.0.0.2", {}},
        {"10.0.0.1", "2001:db8::1", ErrorCode::kFamiliesDiffer},
        {"10.0.0.1-10.0.0.3", "2001:db8::/32", ErrorCode::kFamiliesDiffer},
        {"DNS", "me", {}},
        {"me", "GATEWAY", {}},
        {"DNS", "any", ErrorCode::kBadAddress},
        {"10.0.0.1", "DHCP", ErrorCode::kBadAddress},
        {"WINS", "WINS", ErrorCode::kBadAddress},
    };
    for (const Row& row : rows) {
        const auto specs =
            make_filter_specs({{side(row.source)}, {side(row.destination)}, {}, {}, {}, true});
        const std::string what = std::string(row.source) + " to " + row.destination;
        ASSERT_EQ(specs.ok(), !row.error) << what;
        if (row.error) {
            EXPECT_EQ(specs.error().code, *row.error) << what;
        }
    }
}

TEST(MakeFilterSpecs, PairsResolvedAddressesOfOneFamily) {
    const FilterParts parts{
        {side("10.0.0.1"), side("2001:db8::1")}, {side("10.0.0.2"), side("10.0.0.3")}, {}, {}, {}};
    const auto specs = make_filter_specs(parts);
    ASSERT_EQ(specs->size(), 2U);
    EXPECT_EQ((*specs)[0].source, side("10.0.0.1"));
    EXPECT_EQ((*specs)[1].destination, side("10.0.0.3"));
}

TEST(MakeFilterSpecs, PortsNeedTcpOrUdp) {
    for (const char* protocol : {"TCP", "udp", "6", "17"}) {
        EXPECT_TRUE(
            make_filter_specs(
                {{side("me")}, {side("any")}, *parse_protocol_syntax(protocol), {80, 80}, {}, true})
                .ok())
            << protocol;
    }
    for (const char* protocol : {"ANY", "0", "ICMP", "RAW", "132"}) {
        const ProtocolSyntax parsed = *parse_protocol_syntax(protocol);
        const auto with_port =
            make_filter_specs({{side("me")}, {side("any")}, parsed, {}, {80, 80}, true});
        ASSERT_FALSE(with_port.ok()) << protocol;
        EXPECT_EQ(with_port.error().code, ErrorCode::kPortNeedsTcpUdp);
        EXPECT_TRUE(make_filter_specs({{side("me")}, {side("any")}, parsed, {}, {}, true}).ok());
    }
}

TEST(MakeFilterSpecs, IcmpFollowsTheFamily) {
    const auto protocols = [](const char* source, const char* destination, const char* protocol) {
        std::vector<int> numbers;
        const auto specs = make_filter_specs(
            {{side(source)}, {side(destination)}, *parse_protocol_syntax(protocol), {}, {}, true});
        for (const FilterSpec& spec : *specs) {
            numbers.push_back(spec.protocol);
        }
        return numbers;
    };
    EXPECT_EQ(protocols("10.0.0.1", "me", "ICMP"), (std::vector<int>{1}));
    EXPECT_EQ(protocols("any", "2001:db8::/32", "icmp"), (std::vector<int>{58}));
    EXPECT_EQ(protocols("any", "me", "ICMP"), (std::vector<int>{1, 58}));
    EXPECT_EQ(protocols("any", "me", "1"), (std::vector<int>{1}));
    EXPECT_EQ(protocols("any", "2001:db8::/32", "1"), (std::vector<int>{1}));
}

TEST(FilterPattern, MatchesWhatIsGivenAndNothingElse) {
    FilterSpec spec;
    spec.source = side("any");
    spec.destination = side("10.0.0.0/8");
    spec.protocol = 6;
    spec.destination_port = {80, 80};
    const auto pattern_of = [](const char* address) {
        return *make_address_pattern(*parse_address_syntax(address), std::nullopt, {});
    };
    FilterPattern wanted;
    wanted.source = pattern_of("ANY");
    wanted.destination = pattern_of("10.0.0.0/8");
    EXPECT_TRUE(matches(FilterPattern{}, spec));
    EXPECT_TRUE(matches(wanted, spec));
    FilterPattern other = wanted;
    other.protocol = *parse_protocol_syntax("TCP");
    other.destination_port = PortRange{80, 80};
    other.source_port = PortRange{};
    other.mirrored = true;
    EXPECT_TRUE(matches(other, spec));
    other = wanted;
    other.protocol = *parse_protocol_syntax("any");
    EXPECT_FALSE(matches(other, spec));
    other = wanted;
    other.destination_port = PortRange{};
    EXPECT_FALSE(matches(other, spec));
    other = wanted;
    other.mirrored = false;
    EXPECT_FALSE(matches(other, spec));
    other = wanted;
    other.destination = pattern_of("10.0.0.0");  // a single host without a mask is /32
    EXPECT_FALSE(matches(other, spec));
    other.destination = pattern_of("any");
    EXPECT_FALSE(matches(other, spec));
    spec.protocol = 58;
    other = wanted;
    other.protocol = *parse_protocol_syntax("ICMP");
    EXPECT_TRUE(matches(other, spec));
}

TEST(FilterPattern, ComparesNamesByNameAndAddressesByAddress) {
    const AddressSyntax name = *parse_address_syntax("www.example.com");
    const std::vector<IpAddress> now = {ip("192.0.2.9")};
    const AddressPattern pattern = *make_address_pattern(name, std::nullopt, now);
    FilterAddress stored = side("192.0.2.1");
    EXPECT_FALSE(matches(pattern, stored));
    stored.dns_name = "WWW.example.com";
    EXPECT_TRUE(matches(pattern, stored));
    EXPECT_TRUE(matches(pattern, side("192.0.2.9")));
    stored = side("192.0.2.9");
    stored.dns_name = "other.example.com";
    EXPECT_FALSE(matches(pattern, stored));
    const AddressPattern unresolved = *make_address_pattern(name, std::nullopt, {});
    EXPECT_FALSE(matches(unresolved, side("192.0.2.9")));
}

TEST(Value, AcceptsAndRefusesByType) {
    struct Row {
        ValueType type;
        std::vector<std::string> good;
        std::vector<std::string> bad;
    };
    const std::string long_name(255, 'x');
    const std::string long_text(1024, 'x');
    const std::vector<Row> rows = {
        {ValueType::kName, {"x", "a b", "#1", long_name, "all"}, {"", long_name + "x", "a\x01"}},
        {ValueType::kNewName, {"x", "alle"}, {"all", "ALL", ""}},
        {ValueType::kText, {"", "x", long_text}, {long_text + "x", "a\xff"}},
        {ValueType::kFile, {"x", "C:\\a.txt"}, {""}},
        {ValueType::kYesNo, {"yes", "No", "y", "N"}, {"", "ye", "true", "1"}},
        {ValueType::kAction, {"permit", "BLOCK", "Negotiate"}, {"perm", "pass", "0"}},
        {ValueType::kConnectionType, {"lan", "dialup", "all"}, {"wan"}},
        {ValueType::kPfsGroup, {"grp1", "GRP2", "grp3", "grpmm", "nopfs"}, {"grp14", "none"}},
        {ValueType::kLevel, {"normal", "verbose"}, {"v"}},
        {ValueType::kFormat, {"list", "table"}, {"json"}},
        {ValueType::kRuleType, {"transport", "tranport", "tunnel"}, {"x"}},
        {ValueType::kFilterType, {"generic", "specific"}, {"x"}},
        {ValueType::kLocation, {"local", "persistent", "domain"}, {"remote"}},
        {ValueType::kStatsType, {"all", "ike", "ipsec"}, {"x"}},
        {ValueType::kBatchMode, {"enable", "disable"}, {"yes"}},
        {ValueType::kConfigProperty,
         {"ikelogging",
          "StrongCRLCheck",
          "ipsecexempt",
          "ipsecdiagnostics",
          "ipsecloginterval",
          "bootmode",
          "bootexemptions"},
         {"ike", ""}},
        {ValueType::kCount, {"0", "100", "2147483647"}, {"-1", "2147483648", "1x", "", " 1"}},
        {ValueType::kPosition, {"1", "123"}, {"0", "x"}},
        {ValueType::kLifetimeMinutes,
         {"1", "480", "35791394", "90s", "20m", "1S"},
         {"0", "0s", "35791395", "1h", "s", "", "-1"}},
        {ValueType::kPollingMinutes, {"180", "600s"}, {"0"}},
        {ValueType::kPort, {"0", "any", "65535"}, {"65536", "80-90", "http", "-1"}},
        {ValueType::kProtocol, {"ANY", "icmp", "TCP", "udp", "raw", "0", "255"}, {"256", "sctp"}},
        {ValueType::kMask, {"24", "255.255.255.0", "128", "0"}, {"129", "255.0.255.0", "/24"}},
        {ValueType::kGuid,
         {"{72385230-70FA-11D1-864C-14A300000000}", "72385230-70fa-11d1-864c-14a300000000"},
         {"72385230", ""}},
        {ValueType::kTunnel,
         {"no", "NONE", "ip", "dns", "192.168.145.1", "2001:db8::1", "gw.example.com"},
         {"0.0.0.0", "224.0.0.1", "10.0.0.0/8", "a b", ""}},
        {ValueType::kPresharedKey, {"x", long_text}, {"", long_text + "x"}},
        {ValueType::kRootCa,
         {"CN=x", "C=US, O=A B certmap:yes", "CN=x excludecaname:no certmap:Y"},
         {"", "x", "certmap:yes", "CN=x certmap:maybe", "CN=x certmap:yes certmap:no"}},
        {ValueType::kIpAddress,
         {"10.0.0.1", "2001:db8::1"},
         {"", "me", "10.0.0.0/8", "10.0.0.1-10.0.0.2", "gw.example.com"}},
        {ValueType::kSpi,
         {"256", "4294967295", "0x100", "0XffFFffff"},
         {"", "255", "0xff", "4294967296", "0x100000000", "0x", "100x", "-256", "ffff", "0x0x100"}},
        {ValueType::kSaMethod,
         {"AH[SHA1]", "ESP[AES128,SHA1]:300s", "AH[SHA1]+ESP[3DES,SHA1]"},
         {"", "AH[SHA1] AH[MD5]", "SHA1", "AH[SHA1]:299s"}},
        {ValueType::kSaMode, {"transport", "Tunnel"}, {"", "tranport", "both"}},
        {ValueType::kHexKey,
         {"00", "0x00", "0XaF", std::string(256, 'f')},
         {"", "0x", "0", "0x0", "0g", "00 11", "-1", "+1", " 1", std::string(258, 'f')}},
        {ValueType::kReplayWindow, {"0", "64", "100", "4096"}, {"", "63", "4097", "0x40", "-1"}},
        {ValueType::kUdpPort, {"1", "65535"}, {"0", "65536", "any", ""}},
        {ValueType::kDscp, {"copy", "COPY", "0", "63"}, {"64", "", "ef", "-1"}},
        {ValueType::kDfPolicy, {"copy", "set", "Clear"}, {"", "yes"}},
        {ValueType::kFragmentPolicy, {"before", "AFTER"}, {"", "no"}},
    };
    for (const Row& row : rows) {
        for (const std::string& text : row.good) {
            const Result<Value> value = parse(row.type, text);
            EXPECT_TRUE(value.ok()) << text << ": " << value.error().text;
        }
        for (const std::string& text : row.bad) {
            const Result<Value> value = parse(row.type, text);
            ASSERT_FALSE(value.ok()) << static_cast<int>(row.type) << " " << text;
            EXPECT_FALSE(value.error().text.empty());
        }
    }
}

TEST(Value, MinutesTakeSecondsAndNoteWhatLooksLikeThem) {
    const auto minutes = [](ValueType type, const char* text, std::vector<std::string>& notes) {
        return std::get<std::uint32_t>(*parse_value(type, "mmlifetime", value_token(text), notes));
    };
    std::vector<std::string> notes;
    EXPECT_EQ(minutes(ValueType::kLifetimeMinutes, "480", notes), 480U);
    EXPECT_EQ(minutes(ValueType::kLifetimeMinutes, "1440", notes), 1440U);
    EXPECT_EQ(minutes(ValueType::kLifetimeMinutes, "28800s", notes), 480U);
    EXPECT_EQ(minutes(ValueType::kLifetimeMinutes, "61s", notes), 2U);
    EXPECT_EQ(minutes(ValueType::kPollingMinutes, "10080", notes), 10080U);
    EXPECT_TRUE(notes.empty());
    EXPECT_EQ(minutes(ValueType::kLifetimeMinutes, "28800", notes), 28800U);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find("mmlifetime=28800 is more than a day"), std::string::npos);
    EXPECT_EQ(minutes(ValueType::kPollingMinutes, "10081", notes), 10081U);
    EXPECT_EQ(notes.size(), 2U);
}

TEST(Value, WeakMethodsAreNoted) {
    std::vector<std::string> notes;
    EXPECT_TRUE(
        parse_value(ValueType::kMmMethods, "mmsecmethods", value_token("AES128-SHA1-3"), notes)
            .ok());
    EXPECT_TRUE(notes.empty());
    EXPECT_TRUE(
        parse_value(ValueType::kQmMethods, "qmsecmethods", value_token("AH[MD5]"), notes).ok());
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find("AH[MD5]"), std::string::npos);
}

TEST(Value, SecretsStayOutOfErrors) {
    const std::string secret(1025, 's');
    EXPECT_EQ(parse(ValueType::kPresharedKey, secret).error().text.find("sss"), std::string::npos);
    for (const std::string& key :
         {std::string(258, 'f'), std::string("fffff"), std::string("ffxy")}) {
        EXPECT_EQ(parse(ValueType::kHexKey, key).error().text.find("ff"), std::string::npos);
    }
}

TEST(Value, HexKeysAreTheBytesTheySpell) {
    const std::vector<std::uint8_t> bytes = {0x00, 0x7F, 0xAB, 0xCD, 0xFF};
    for (const char* text : {"007fabcdff", "0x007FABCDFF", "0X007fAbCdFf"}) {
        const Result<Value> key = parse(ValueType::kHexKey, text);
        ASSERT_TRUE(key) << text;
        EXPECT_TRUE(equal_ct(std::get<SecretBytes>(*key), SecretBytes(bytes))) << text;
    }
}

TEST(Value, SpisAreReadInBothBases) {
    EXPECT_EQ(std::get<std::uint32_t>(*parse(ValueType::kSpi, "4097")), 4097U);
    EXPECT_EQ(std::get<std::uint32_t>(*parse(ValueType::kSpi, "0x1001")), 4097U);
}

TEST(RootCa, ReadsQuotesAndFlagsFromTheRight) {
    const Result<AuthMethod> method = parse_root_ca(
        "C=US,O=MSFT,CN=\\'Microsoft North, South, East, and West Root Authority\\' certmap:yes "
        "excludecaname:no");
    ASSERT_TRUE(method.ok());
    EXPECT_EQ(method->root_ca,
              "C=US,O=MSFT,CN=\"Microsoft North, South, East, and West Root Authority\"");
    EXPECT_TRUE(method->certificate_mapping);
    EXPECT_FALSE(method->exclude_ca_name);
    const std::string text = root_ca_text(*method);
    EXPECT_EQ(text.find('"'), std::string::npos);
    EXPECT_EQ(parse_root_ca(text)->root_ca, method->root_ca);
    EXPECT_FALSE(parse_root_ca("CN=x")->certificate_mapping);
    EXPECT_TRUE(parse_root_ca("CN=x ExcludeCaName:Y")->exclude_ca_name);
}

TEST(ValueTypeTable, EveryRowIsComplete) {
    for (int i = 0; i <= static_cast<int>(ValueType::kFragmentPolicy); ++i) {
        const auto type = static_cast<ValueType>(i);
        const ValueTypeRow& row = row_of(type);
        EXPECT_EQ(row.type, type) << i;
        EXPECT_FALSE(row.expected.empty()) << i;
        EXPECT_EQ(row.placeholder.empty(), type == ValueType::kWord) << i;
        for (const KeywordRow& keyword : row.keywords) {
            EXPECT_TRUE(parse(type, std::string(keyword.word)).ok());
            // Of a property, a hidden word is no other spelling but one that is not here yet.
            EXPECT_EQ(keyword_text(type, keyword.index) == "?",
                      keyword.hidden && type == ValueType::kConfigProperty);
            if (!keyword.hidden) {
                EXPECT_EQ(keyword_text(type, keyword.index), keyword.word);
                EXPECT_NE(row.placeholder.find(keyword.word), std::string_view::npos)
                    << row.placeholder;
            }
        }
    }
    EXPECT_EQ(token(Action::kPermit), "permit");
    EXPECT_EQ(token(Action::kNegotiate), "negotiate");
    EXPECT_EQ(token(ConnectionType::kDialup), "dialup");
    EXPECT_EQ(token(PfsGroup::kNone), "nopfs");
    EXPECT_EQ(token(PfsGroup::kGroupMm), "grpmm");
}

}  // namespace
}  // namespace config
