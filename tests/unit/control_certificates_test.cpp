#include "control/certificates.h"
#include "tests/support/certificate_maker.h"
#include "tests/support/certificate_world.h"

#include <openssl/x509v3.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace control {
namespace {

using ike::Judged;
using ike::Judgement;
using test::Issued;
using test::kDay;
using test::kNow;
using test::Order;
using test::rsa_key;

class CertificatesTest : public test::CertificateWorld {
  protected:
    [[nodiscard]] std::string check_error(const config::AuthMethod& method) {
        const config::Result<void> checked = load()->check(method);
        if (checked) {
            return "";
        }
        EXPECT_EQ(checked.error().code, config::ErrorCode::kNoAuthMethod);
        return checked.error().text;
    }
};

TEST_F(CertificatesTest, OneGatewayProvesItselfToAnother) {
    const auto gateway = load();
    const config::Result<ike::OwnIdentity> own = gateway->own(method_);
    ASSERT_TRUE(own.ok()) << own.error().text;
    // The anchor is not sent.
    EXPECT_EQ(own->chain, (std::vector<ike::Bytes>{gateway_.der(), intermediate_.der()}));
    const config::Result<ike::Bytes> signature = gateway->sign(method_, hash_);
    ASSERT_TRUE(signature.ok());

    config_.certificate.clear();
    config_.private_key.clear();
    const auto other = load();
    const Judged judged = other->judge({.method = &method_,
                                        .id = own->id,
                                        .certificates = own->chain,
                                        .hash = hash_,
                                        .signature = *signature});
    EXPECT_EQ(judged.judgement, Judgement::kGood) << judged.reason;
    EXPECT_EQ(judged.subject, "C=DE, CN=gw");
}

TEST_F(CertificatesTest, TheRuleNamesTheAuthorityInAnyForm) {
    const auto certificates = load();
    const ike::Bytes name = der_of(*X509_get_subject_name(root_.certificate.get()));
    for (const std::string_view text : {"C=DE, O=Example, CN=Root",
                                        "cn=root,o=EXAMPLE,c=de",
                                        "OID.2.5.4.6=DE; O=\"Example\"; CN=Root"}) {
        method_.root_ca = std::string(text);
        EXPECT_TRUE(certificates->check(method_).ok()) << text;
        EXPECT_EQ(certificates->ca_name(method_), name) << text;
        EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kGood) << text;
    }
    method_.exclude_ca_name = true;
    EXPECT_TRUE(certificates->check(method_).ok());
    EXPECT_EQ(certificates->ca_name(method_), ike::Bytes());
    method_.exclude_ca_name = false;
    method_.root_ca = "CN=Unknown";
    EXPECT_EQ(certificates->ca_name(method_), ike::Bytes());
}

TEST_F(CertificatesTest, SaysWhichMethodsCannotBeProven) {
    config::AuthMethod method;
    method.kind = config::AuthKind::kPresharedKey;
    EXPECT_EQ(check_error(method), "");
    method.kind = config::AuthKind::kKerberos;
    EXPECT_EQ(check_error(method),
              "Kerberos is not in this version: it comes with the domain store. psk or rootca was "
              "expected.");
    EXPECT_EQ(check_error(method_), "");
    method_.certificate_mapping = true;
    EXPECT_EQ(check_error(method_),
              "certmap:yes of \"CN=Root,O=Example,C=DE\" is not in this version: certificates are "
              "mapped to accounts of a domain, which comes with the domain store. certmap:no was "
              "expected.");
    EXPECT_EQ(load()->judge(peer_proof()).judgement, Judgement::kBad);
    method_.certificate_mapping = false;
    method_.root_ca = "CN=Unknown";
    EXPECT_EQ(check_error(method_),
              "The authority \"CN=Unknown\" is not one of ike.ca in gateway.toml, which has "
              "\"C=DE, O=Example, CN=Root\".");
    method_.root_ca = "CN=Root,O=Example,C=DE";
    now_ = kNow + 11 * kDay;
    EXPECT_EQ(check_error(method_),
              "This gateway cannot prove itself under \"CN=Root,O=Example,C=DE\": certificate "
              "C=DE, CN=gw: expired on 2026-06-25 12:00:00 UTC.");
    now_ = kNow;

    const Issued stranger = test::issue_authority({.subject = "CN=Stranger", .key = rsa_key(4)});
    config_.ca.push_back(directory_.write_pem("stranger.crt", {stranger.certificate.get()}));
    method_.root_ca = "CN=Stranger";
    EXPECT_EQ(check_error(method_),
              "This gateway cannot prove itself under \"CN=Stranger\": certificate C=DE, "
              "O=Example, CN=Sub: does not chain to the authority of the rule: its issuer C=DE, "
              "O=Example, CN=Root is neither that one nor was its certificate sent.");

    config_.certificate.clear();
    config_.private_key.clear();
    EXPECT_EQ(check_error(method_),
              "This gateway has no certificate; expected ike.certificate and ike.private_key, or "
              "ike.pkcs12, in gateway.toml.");
    EXPECT_FALSE(load()->own(method_).ok());
    EXPECT_FALSE(load()->sign(method_, hash_).ok());
    config_.ca.clear();
    EXPECT_NE(check_error(method_).find("which has none."), std::string::npos);
}

TEST_F(CertificatesTest, ErrorsOfLoadingNameTheFile) {
    const auto error = [this] { return Certificates::load(config_, {}).error().text; };
    config_.ca.push_back(directory_.path("none"));
    EXPECT_EQ(error(), directory_.path("none: No such file or directory"));
    config_.ca.back() = config_.private_key;
    EXPECT_TRUE(error().starts_with(config_.private_key + ": expected certificates as PEM"));
    config_.ca.pop_back();
    config_.crl = {config_.certificate};
    EXPECT_EQ(error(),
              config_.certificate
                  + ": expected revocation lists in DER or PEM (\"-----BEGIN X509 CRL-----\"), "
                    "found none");
}

// Who presents the certificate has its key unless the row says otherwise.
struct PeerRow {
    std::string name;
    std::function<void(Order&)> change;
    std::string reason;   // of kBad, a part; empty: good
    bool openssl = true;  // whether `openssl verify` agrees; else ours is stricter
};

TEST_F(CertificatesTest, JudgesThePeersCertificateAsOpensslAndMore) {
    const std::vector<PeerRow> rows = {
        {"good", [](Order&) {}, ""},
        {"expired",
         [](Order& o) { o.until = kNow - 1; },
         "certificate C=DE, CN=peer: expired on 2026-06-15 11:59:59 UTC"},
        {"not yet valid",
         [](Order& o) { o.from = kNow + 60; },
         "certificate C=DE, CN=peer: is not valid before 2026-06-15 12:01:00 UTC"},
        {"signed by itself", [](Order& o) { o.issuer = nullptr; }, "does not chain to"},
        {"signed with SHA-1", [](Order& o) { o.digest = EVP_sha1(); }, ""},
        {"signed with MD5", [](Order& o) { o.digest = EVP_md5(); }, "is signed with MD5", false},
        {"RSA of 1024 bits", [](Order& o) { o.key = rsa_key(4, 1024); }, ""},
        {"RSA of 1023 bits", [](Order& o) { o.key = rsa_key(4, 1023); }, "has 1023 bits", false},
        {"elliptic curve", [](Order& o) { o.key = test::ec_key(0); }, "expected RSA", false},
        {"may sign",
         [](Order& o) {
             o.extensions.push_back({"keyUsage", "critical,digitalSignature"});
         },
         ""},
        {"nonRepudiation is enough",
         [](Order& o) {
             o.extensions.push_back({"keyUsage", "nonRepudiation"});
         },
         ""},
        {"may not sign",
         [](Order& o) {
             o.extensions.push_back({"keyUsage", "critical,keyEncipherment"});
         },
         "keyUsage does not allow signatures",
         false},
        {"for IKE of Windows",
         [](Order& o) {
             o.extensions.push_back({"extendedKeyUsage", "1.3.6.1.5.5.8.2.2"});
         },
         ""},
        {"for any purpose",
         [](Order& o) {
             o.extensions.push_back({"extendedKeyUsage", "critical,2.5.29.37.0"});
         },
         ""},
        {"for a computer",
         [](Order& o) {
             o.extensions.push_back({"extendedKeyUsage", "serverAuth,clientAuth"});
         },
         ""},
        {"for code only",
         [](Order& o) {
             o.extensions.push_back({"extendedKeyUsage", "codeSigning"});
         },
         "extendedKeyUsage is for other purposes",
         false},
        {"an unknown critical extension",
         [](Order& o) {
             o.extensions.push_back({"1.2.3.4", "critical,DER:0500"});
         },
         "unhandled critical extension"},
        {"an unknown extension",
         [](Order& o) {
             o.extensions.push_back({"1.2.3.4", "DER:0500"});
         },
         ""},
    };
    const auto certificates = load();
    const std::string between =
        directory_.write_pem("between.crt", {intermediate_.certificate.get()});
    for (const PeerRow& row : rows) {
        Order order = peer_order();
        row.change(order);
        const Issued peer = test::issue(order);
        const Judged judged = certificates->judge(proof_of(peer, {&intermediate_}));
        EXPECT_EQ(judged.judgement, row.reason.empty() ? Judgement::kGood : Judgement::kBad)
            << row.name << ": " << judged.reason;
        EXPECT_NE(judged.reason.find(row.reason), std::string::npos)
            << row.name << ": " << judged.reason;
        const test::Ran verified =
            test::run(fmt::format("openssl verify -attime {} -CAfile {} -untrusted {} {}",
                                  kNow,
                                  config_.ca[0],
                                  between,
                                  directory_.write_pem("peer.crt", {peer.certificate.get()})));
        EXPECT_EQ(verified.status == 0, row.reason.empty() || !row.openssl)
            << row.name << ": " << verified.output;
    }
}

TEST_F(CertificatesTest, JudgesTheAuthoritiesBetween) {
    const std::vector<PeerRow> rows = {
        {"good", [](Order&) {}, ""},
        {"expired",
         [](Order& o) { o.until = kNow - 1; },
         "certificate CN=Other Sub: expired on 2026-06-15 11:59:59 UTC"},
        {"no authority",
         [](Order& o) {
             o.extensions = {{"basicConstraints", "critical,CA:FALSE"}};
         },
         "certificate CN=Other Sub: invalid CA certificate"},
        {"without basicConstraints",
         [](Order& o) {
             o.extensions = {{"keyUsage", "keyCertSign"}};
         },
         "certificate CN=Other Sub: invalid CA certificate"},
        {"may not sign certificates",
         [](Order& o) {
             o.extensions = {{"basicConstraints", "CA:TRUE"}, {"keyUsage", "cRLSign"}};
         },
         "certificate CN=Other Sub: "},
        {"signed with MD5", [](Order& o) { o.digest = EVP_md5(); }, "is signed with MD5", false},
        {"RSA of 1023 bits", [](Order& o) { o.key = rsa_key(4, 1023); }, "has 1023 bits", false},
        {"elliptic curve", [](Order& o) { o.key = test::ec_key(0); }, ""},
        {"name constraints",
         [](Order& o) {
             o.extensions.push_back({"nameConstraints", "permitted;DNS:other"});
         },
         "permitted subtree violation"},
        {"of a stranger", [](Order& o) { o.issuer = nullptr; }, "does not chain to"},
    };
    const auto certificates = load();
    for (const PeerRow& row : rows) {
        Order order{.subject = "CN=Other Sub", .key = rsa_key(4), .issuer = &root_};
        order.extensions = {{"basicConstraints", "critical,CA:TRUE"}};
        row.change(order);
        const Issued between = test::issue(order);
        Order under = peer_order();
        under.issuer = &between;
        const Issued peer = test::issue(under);
        const Judged judged = certificates->judge(proof_of(peer, {&between}));
        EXPECT_EQ(judged.judgement, row.reason.empty() ? Judgement::kGood : Judgement::kBad)
            << row.name << ": " << judged.reason;
        EXPECT_NE(judged.reason.find(row.reason), std::string::npos)
            << row.name << ": " << judged.reason;
        const test::Ran verified =
            test::run(fmt::format("openssl verify -attime {} -CAfile {} -untrusted {} {}",
                                  kNow,
                                  config_.ca[0],
                                  directory_.write_pem("between.crt", {between.certificate.get()}),
                                  directory_.write_pem("peer.crt", {peer.certificate.get()})));
        EXPECT_EQ(verified.status == 0, row.reason.empty() || !row.openssl)
            << row.name << ": " << verified.output;
    }
}

TEST_F(CertificatesTest, FindsTheSignerAmongWhatIsSent) {
    const auto certificates = load();
    ike::PeerProof proof = peer_proof();
    std::swap(proof.certificates[0], proof.certificates[1]);
    EXPECT_EQ(certificates->judge(proof).judgement, Judgement::kGood);
    // An older certificate of the same name with another key.
    Order old = peer_order();
    old.key = rsa_key(5);
    proof = peer_proof();
    proof.certificates.insert(proof.certificates.begin(), test::issue(old).der());
    EXPECT_EQ(certificates->judge(proof).judgement, Judgement::kGood);
    // Ours is used where the peer leaves the intermediate one out.
    EXPECT_EQ(certificates->judge(proof_of(peer_, {})).judgement, Judgement::kGood);
    config_.certificate.clear();
    config_.private_key.clear();
    const Judged judged = load()->judge(proof_of(peer_, {}));
    EXPECT_EQ(judged.reason,
              "certificate C=DE, CN=peer: does not chain to the authority of the rule: its issuer "
              "C=DE, O=Example, CN=Sub is neither that one nor was its certificate sent");
}

TEST_F(CertificatesTest, TheChainEndsAtTheAuthorityOfTheRule) {
    // Trusted as well, but not what the rule names.
    const Issued other = test::issue_authority({.subject = "CN=Other Root", .key = rsa_key(4)});
    config_.ca.push_back(directory_.write_pem("other.crt", {other.certificate.get()}));
    // Of the right name, but not the one that is trusted.
    const Issued fake =
        test::issue_authority({.subject = "C=DE, O=Example, CN=Root", .key = rsa_key(5)});
    const auto certificates = load();
    for (const Issued* issuer : {&other, &fake}) {
        Order order = peer_order();
        order.issuer = issuer;
        const Judged judged = certificates->judge(proof_of(test::issue(order), {issuer}));
        EXPECT_EQ(judged.judgement, Judgement::kBad);
        EXPECT_NE(judged.reason, "");
    }
    method_.root_ca = "CN=Other Root";
    Order order = peer_order();
    order.issuer = &other;
    EXPECT_EQ(certificates->judge(proof_of(test::issue(order), {})).judgement, Judgement::kGood);
    EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kBad);
}

TEST_F(CertificatesTest, ARuleMayNameAnIntermediateAuthorityThatIsTrusted) {
    config_.ca = {directory_.write_pem("sub.crt", {intermediate_.certificate.get()})};
    method_.root_ca = "C=DE, O=Example, CN=Sub";
    const auto certificates = load();
    EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kGood);
    const config::Result<ike::OwnIdentity> own = certificates->own(method_);
    ASSERT_TRUE(own.ok());
    EXPECT_EQ(own->chain, (std::vector<ike::Bytes>{gateway_.der()}));
}

TEST_F(CertificatesTest, AnAuthorityMayHaveTwoKeys) {
    const Issued renewed =
        test::issue_authority({.subject = "C=DE, O=Example, CN=Root", .key = rsa_key(6)});
    config_.ca.insert(config_.ca.begin(),
                      directory_.write_pem("renewed.crt", {renewed.certificate.get()}));
    EXPECT_EQ(load()->judge(peer_proof()).judgement, Judgement::kGood);
}

TEST_F(CertificatesTest, TheProofIsWhole) {
    const auto certificates = load();
    struct Row {
        std::string name;
        std::function<void(ike::PeerProof&)> change;
        std::string reason;
    };
    ike::Bytes other_hash(20, 0x78);
    ike::Bytes other_signature = rsa_sign(rsa_key(4), hash_).value();
    const std::vector<Row> rows = {
        {"no certificate",
         [](ike::PeerProof& p) { p.certificates.clear(); },
         "the peer sent no certificate"},
        {"too many certificates",
         [](ike::PeerProof& p) { p.certificates.resize(17, p.certificates[0]); },
         "the peer sent 17 certificates; expected at most 16"},
        {"rubbish",
         [](ike::PeerProof& p) {
             p.certificates[1] = {1, 2, 3};
         },
         "certificate 2 of the peer is not one X.509 certificate in DER"},
        {"an empty one",
         [](ike::PeerProof& p) { p.certificates[0].clear(); },
         "certificate 1 of the peer is not one X.509 certificate in DER"},
        {"bytes behind",
         [](ike::PeerProof& p) { p.certificates[0].push_back(0); },
         "certificate 1 of the peer is not one X.509 certificate in DER"},
        {"a changed certificate",
         [](ike::PeerProof& p) { p.certificates[0].back() ^= 1; },
         "certificate C=DE, CN=peer: certificate signature failure"},
        {"another name",
         [this](ike::PeerProof& p) {
             p.id.data = der_of(*X509_get_subject_name(gateway_.certificate.get()));
         },
         "no certificate of the peer holds its ID, the name C=DE, CN=gw; the first is C=DE, "
         "CN=peer"},
        {"another host",
         [](ike::PeerProof& p) {
             p.id.type = 2;
             p.id.data = {'g', 'w'};
         },
         "no certificate of the peer holds its ID, the host gw; the first is C=DE, CN=peer"},
        {"another hash",
         [&](ike::PeerProof& p) { p.hash = other_hash; },
         "certificate C=DE, CN=peer: the signature is not by its key"},
        {"another key",
         [&](ike::PeerProof& p) { p.signature = other_signature; },
         "certificate C=DE, CN=peer: the signature is not by its key"},
        {"no signature",
         [](ike::PeerProof& p) { p.signature = {}; },
         "certificate C=DE, CN=peer: the signature is not by its key"},
        {"no method", [](ike::PeerProof& p) { p.method = nullptr; }, "the method of the rule"},
    };
    for (const Row& row : rows) {
        ike::PeerProof proof = peer_proof();
        row.change(proof);
        const Judged judged = certificates->judge(proof);
        EXPECT_EQ(judged.judgement, Judgement::kBad) << row.name;
        EXPECT_TRUE(judged.reason.starts_with(row.reason)) << row.name << ": " << judged.reason;
        EXPECT_EQ(judged.subject, "") << row.name;
    }
    ike::PeerProof proof = peer_proof();
    proof.id.type = static_cast<std::uint8_t>(ike::IdType::kFqdn);
    const std::string host = "peer.example";
    proof.id.data.assign(host.begin(), host.end());
    EXPECT_EQ(certificates->judge(proof).judgement, Judgement::kGood);
}

}  // namespace
}  // namespace control
