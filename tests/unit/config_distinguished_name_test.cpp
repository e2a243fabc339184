#include "config/distinguished_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace config {
namespace {

DistinguishedName parse(const std::string& text) {
    const Result<DistinguishedName> name = DistinguishedName::parse(text);
    EXPECT_TRUE(name.ok()) << text << ": " << name.error().text;
    return name.ok() ? *name : DistinguishedName{};
}

// Parts as "type|value", joined ones with '+'.
std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts;
    for (const RelativeName& part : parse(text).parts) {
        std::string& joined = parts.emplace_back();
        for (const NameAttribute& attribute : part) {
            joined += (joined.empty() ? "" : "+") + attribute.type + "|" + attribute.value;
        }
    }
    return parts;
}

TEST(DistinguishedName, ReadsEveryFormOfQuoting) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> rows = {
        {"CN=x", {"2.5.4.3|x"}},
        {" c = DE ; o=A  B ,cn =  x  ", {"2.5.4.6|DE", "2.5.4.10|A  B", "2.5.4.3|x"}},
        {R"(CN=North\, South,C=US)", {"2.5.4.3|North, South", "2.5.4.6|US"}},
        {R"(CN="North, South" ,C=US)", {"2.5.4.3|North, South", "2.5.4.6|US"}},
        {R"(O="The ""Best"" + = Inc.;")", {R"(2.5.4.10|The "Best" + = Inc.;)"}},
        {R"(O="a\"b\\")", {R"(2.5.4.10|a"b\)"}},
        {R"(CN=J\C3\B6rg\ )", {"2.5.4.3|J\xC3\xB6rg "}},
        {R"(CN=\#1)", {"2.5.4.3|#1"}},
        {"CN=a=b", {"2.5.4.3|a=b"}},
        {"OU=Sales+CN=x, C=DE", {"2.5.4.11|Sales+2.5.4.3|x", "2.5.4.6|DE"}},
        {"OID.1.3.6.1.4.1.311.60.2.1.3=DE, 2.5.4.97=V",
         {"1.3.6.1.4.1.311.60.2.1.3|DE", "2.5.4.97|V"}},
        {"S=Bavaria", {"2.5.4.8|Bavaria"}},
        {"E=a@b.example, DC=b",
         {"1.2.840.113549.1.9.1|a@b.example", "0.9.2342.19200300.100.1.25|b"}},
    };
    for (const auto& [text, expected] : rows) {
        EXPECT_EQ(parts_of(text), expected) << text;
    }
}

TEST(DistinguishedName, SaysWhatIsWrong) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"", "\"\" is no part of"},
        {"x", "\"x\" is no part of"},
        {"CN=x,", "\"\" is no part of"},
        {"CN=North, South, C=US", "\"South, C=US\" is no part of"},
        {"=x", "\"\" is no attribute of"},
        {"XY=1", "\"XY\" is no attribute of"},
        {"1=1", "\"1\" is no attribute of"},
        {"1.=1", "\"1.\" is no attribute of"},
        {"OID.CN=1", "\"OID.CN\" is no attribute of"},
        {"CN=", "CN= has no value"},
        {"CN=,C=US", "CN= has no value"},
        {"CN=\"\"", "CN= has no value"},
        {"CN=\"x", "has no end"},
        {"CN=\"x\"y", "\"y\" follows a quoted value"},
        {"CN=x\\", "\"\\\" in a distinguished name: expected a special character"},
        {"CN=x\\zz", "\"\\zz\" in a distinguished name: expected a special character"},
        {"CN=#0C0141", "begins with \"#\""},
    };
    for (const auto& [text, expected] : rows) {
        const Result<DistinguishedName> name = DistinguishedName::parse(text);
        ASSERT_FALSE(name.ok()) << text;
        EXPECT_EQ(name.error().code, ErrorCode::kInvalidValue);
        EXPECT_NE(name.error().text.find(expected), std::string::npos) << name.error().text;
    }
}

TEST(DistinguishedName, ComparesWithoutRegardToOrderBlanksAndCase) {
    struct Row {
        std::string a;
        std::string b;
        bool same;
    };
    const std::vector<Row> rows = {
        {"C=DE,O=X,CN=Root", "c=de, o = x , cn=ROOT", true},
        {"C=DE,O=X,CN=Root", "CN=Root, O=X, C=DE", true},
        {"C=DE,O=X,CN=Root", "O=X, C=DE, CN=Root", false},
        {"C=DE,O=X,CN=Root", "C=DE, CN=Root", false},
        {"CN=Root", "CN=Root, O=X", false},
        {"CN=A  B", "CN=\" a b \"", true},
        {"CN=AB", "CN=A B", false},
        {"S=Bavaria", "ST=bavaria", true},
        {"OU=a+CN=b", "CN=b+OU=a", true},
        {"OU=a+CN=b", "OU=a,CN=b", false},
        {"CN=Root", "OU=Root", false},
        {"CN=Stra\xC3\x9F"
         "e",
         "CN=STRA\xC3\x9F"
         "E",
         true},
        {"CN=\xC3\x84", "CN=\xC3\xA4", false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(same_name(parse(row.a), parse(row.b)), row.same) << row.a << " / " << row.b;
        EXPECT_EQ(same_name(parse(row.b), parse(row.a)), row.same) << row.b << " / " << row.a;
    }
}

TEST(DistinguishedName, PrintsWhatReadsAsTheSame) {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"c=DE ,o=X Y;cn=Root", "C=DE, O=X Y, CN=Root"},
        {"CN=\"a, b; c\"", "CN=a\\, b\\; c"},
        {"CN=\" a \"", "CN=\\ a\\ "},
        {"CN=\"#1\"", "CN=\\#1"},
        {"CN=\\1B[2J\\C2\\9B", "CN=\\1B[2J\\C2\\9B"},
        {"OU=a+CN=b", "OU=a+CN=b"},
        {"OID.2.5.4.97=V", "2.5.4.97=V"},
        {"emailAddress=a@b", "E=a@b"},
    };
    for (const auto& [text, expected] : rows) {
        const std::string printed = parse(text).to_string();
        EXPECT_EQ(printed, expected) << text;
        EXPECT_EQ(parse(printed).parts, parse(text).parts) << text;
    }
    EXPECT_EQ(DistinguishedName{}.to_string(), "");
}

}  // namespace
}  // namespace config
