#include "control/certificate_identity.h"
#include "tests/support/certificate_maker.h"

#include <openssl/x509v3.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace control {
namespace {

using ike::Identity;
using ike::IdType;

Identity identity(IdType type, std::string_view data) {
    Identity made;
    made.type = static_cast<std::uint8_t>(type);
    made.data.assign(data.begin(), data.end());
    return made;
}

class CertificateIdentity : public testing::Test {
  protected:
    static test::Issued issue(const std::string& subject, const std::string& names) {
        test::Order order{.subject = subject, .key = test::rsa_key(0)};
        if (!names.empty()) {
            order.extensions = {{"subjectAltName", names}};
        }
        return test::issue(order);
    }
    static Identity dn_of(const test::Issued& issued) {
        Identity made;
        made.type = static_cast<std::uint8_t>(IdType::kDerDn);
        made.data = der_of(*X509_get_subject_name(issued.certificate.get()));
        return made;
    }
};

TEST_F(CertificateIdentity, ADistinguishedNameIsTheSubject) {
    const test::Issued gateway = issue("C=DE, O=Example Net, CN=gw", "DNS:gw.example");
    EXPECT_TRUE(holds_identity(*gateway.certificate, dn_of(gateway)));
    // Canonical: neither case nor blanks nor the kind of string count (RFC 5280 7.1).
    EXPECT_TRUE(
        holds_identity(*gateway.certificate, dn_of(issue("C=de, O=example  NET, CN=GW", ""))));
    for (const std::string_view other : {"C=DE, O=Example Net, CN=gw2",
                                         "O=Example Net, CN=gw",
                                         "CN=gw, O=Example Net, C=DE",
                                         "C=DE, O=Example Net, CN=gw, OU=x",
                                         "C=DE, O=Example Net, OU=gw",
                                         "C=DE, O=Example Net+CN=gw"}) {
        EXPECT_FALSE(holds_identity(*gateway.certificate, dn_of(issue(std::string(other), ""))))
            << other;
    }
}

// CVE-2013-6075, CVE-2013-5018: a name whose DER ends early, late or says so.
TEST_F(CertificateIdentity, ADistinguishedNameIsOneWholeName) {
    const test::Issued gateway = issue("CN=gw", "");
    const Identity good = dn_of(gateway);
    for (std::size_t size = 0; size < good.data.size(); ++size) {
        Identity cut = good;
        cut.data.resize(size);
        EXPECT_FALSE(holds_identity(*gateway.certificate, cut)) << size;
    }
    Identity longer = good;
    longer.data.push_back(0);
    EXPECT_FALSE(holds_identity(*gateway.certificate, longer));
    const test::Issued nameless = issue("", "DNS:gw.example");
    EXPECT_EQ(dn_of(nameless).data, (ike::Bytes{0x30, 0}));
    EXPECT_FALSE(holds_identity(*nameless.certificate, dn_of(nameless)));
}

TEST_F(CertificateIdentity, OtherTypesAreAlternativeNames) {
    using namespace std::string_view_literals;
    const test::Issued gateway =
        issue("CN=other.example",
              "DNS:gw.example,DNS:*.wild.example,email:Admin@Example.org,IP:192.0.2.1,"
              "IP:2001:db8::1,URI:http://uri.example/");
    const std::string_view v6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"sv;
    struct Row {
        IdType type;
        std::string_view data;
        bool held;
    };
    const std::vector<Row> rows = {
        {IdType::kFqdn, "gw.example", true},
        {IdType::kFqdn, "GW.Example", true},
        {IdType::kFqdn, "gw.example.", false},
        {IdType::kFqdn, "gw.exampl", false},
        {IdType::kFqdn, "gw.example\0"sv, false},
        {IdType::kFqdn, "gw.example\0.evil"sv, false},
        {IdType::kFqdn, "a.wild.example", false},
        {IdType::kFqdn, "*.wild.example", true},
        {IdType::kFqdn, "other.example", false},
        {IdType::kFqdn, "uri.example", false},
        {IdType::kFqdn, "Admin@Example.org", false},
        {IdType::kFqdn, "", false},
        {IdType::kUserFqdn, "Admin@example.ORG", true},
        {IdType::kUserFqdn, "admin@example.org", false},
        {IdType::kUserFqdn, "Admin", false},
        {IdType::kUserFqdn, "gw.example", false},
        {IdType::kIpv4Address, "\xC0\0\2\1"sv, true},
        {IdType::kIpv4Address, "\xC0\0\2\2"sv, false},
        {IdType::kIpv4Address, "\xC0\0\2"sv, false},
        {IdType::kIpv6Address, v6, true},
        {IdType::kIpv6Address, v6.substr(0, 15), false},
        {IdType::kIpv4Subnet, "\xC0\0\2\1\xFF\xFF\xFF\xFF"sv, false},
        {IdType::kKeyId, "gw.example", false},
        {IdType::kDerGn, "gw.example", false},
        {IdType{0}, "gw.example", false},
        {IdType{200}, "gw.example", false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(holds_identity(*gateway.certificate, identity(row.type, row.data)), row.held)
            << static_cast<int>(row.type) << " " << row.data;
    }
}

TEST_F(CertificateIdentity, AnUnreadableExtensionHoldsNothing) {
    const test::Issued gateway = issue("CN=gw", "DNS:gw.example");
    const int at = X509_get_ext_by_NID(gateway.certificate.get(), NID_subject_alt_name, -1);
    X509_EXTENSION* extension = X509_get_ext(gateway.certificate.get(), at);
    const ike::Bytes bad = {0x30, 0x7F, 0x82};
    const std::unique_ptr<ASN1_OCTET_STRING, OpensslFree<ASN1_OCTET_STRING_free>> data(
        ASN1_OCTET_STRING_new());
    ASSERT_EQ(ASN1_OCTET_STRING_set(data.get(), bad.data(), static_cast<int>(bad.size())), 1);
    ASSERT_EQ(X509_EXTENSION_set_data(extension, data.get()), 1);
    EXPECT_FALSE(holds_identity(*gateway.certificate, identity(IdType::kFqdn, "gw.example")));
}

TEST_F(CertificateIdentity, IsNamedInWords) {
    using namespace std::string_view_literals;
    EXPECT_EQ(identity_text(dn_of(issue("C=DE, CN=gw", ""))), "the name C=DE, CN=gw");
    EXPECT_EQ(identity_text(identity(IdType::kDerDn, "\x30")), "a name that cannot be read");
    EXPECT_EQ(identity_text(identity(IdType::kFqdn, "gw\x1B.example")), "the host gw?.example");
    EXPECT_EQ(identity_text(identity(IdType::kUserFqdn, "a@b")), "the user a@b");
    EXPECT_EQ(identity_text(identity(IdType::kIpv4Address, "\xC0\0\2\1"sv)),
              "the address 192.0.2.1");
    EXPECT_EQ(identity_text(identity(IdType::kIpv4Address, "\xC0")),
              "an ID of type 1, which no certificate proves");
    EXPECT_EQ(identity_text(identity(IdType::kKeyId, "x")),
              "an ID of type 11, which no certificate proves");
    EXPECT_EQ(identity_text(identity(IdType::kFqdn, std::string(1000, 'x'))).size(), 265U);
}

}  // namespace
}  // namespace control
