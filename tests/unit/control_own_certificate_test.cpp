#include "control/own_certificate.h"
#include "tests/support/certificate_maker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace control {
namespace {

using test::run;

class OwnCertificateFiles : public testing::Test {
  protected:
    OwnCertificateFiles()
        : root_(test::issue_authority({.subject = "CN=Root", .key = test::rsa_key(0)})),
          gateway_(
              test::issue({.subject = "C=DE, CN=gw", .key = test::rsa_key(1), .issuer = &root_})),
          certificate_(directory_.write_pem("gw.crt",
                                            {gateway_.certificate.get(), root_.certificate.get()})),
          key_(directory_.write_pem("gw.key", gateway_.key)) {}

    [[nodiscard]] config::IkeConfig pem() const {
        config::IkeConfig config;
        config.certificate = certificate_;
        config.private_key = key_;
        return config;
    }
    // By the openssl command; `options` of "pkcs12 -export".
    [[nodiscard]] config::IkeConfig pkcs12(const std::string& options,
                                           const std::string& password) const {
        config::IkeConfig config;
        config.pkcs12 = directory_.path("gw.p12");
        const test::Ran ran =
            run(fmt::format("openssl pkcs12 -export -in {} -inkey {} -out {} -passout 'pass:{}' {}",
                            certificate_,
                            key_,
                            config.pkcs12,
                            password,
                            options));
        EXPECT_EQ(ran.status, 0) << ran.output;
        ::chmod(config.pkcs12.c_str(), 0600);
        return config;
    }
    // The error without the directory.
    [[nodiscard]] std::string error_of(const config::IkeConfig& config) const {
        const config::Result<OwnCertificate> own = OwnCertificate::load(config);
        if (own) {
            return "";
        }
        EXPECT_EQ(own.error().code, config::ErrorCode::kSystem);
        const std::string prefix = directory_.path("");
        EXPECT_TRUE(own.error().text.starts_with(prefix)) << own.error().text;
        return own.error().text.substr(prefix.size());
    }

    test::Directory directory_;
    test::Issued root_;
    test::Issued gateway_;
    std::string certificate_;
    std::string key_;
};

TEST_F(OwnCertificateFiles, ReadsPem) {
    const config::Result<OwnCertificate> own = OwnCertificate::load(pem());
    ASSERT_TRUE(own.ok()) << own.error().text;
    EXPECT_EQ(der_of(*own->certificate), gateway_.der());
    ASSERT_EQ(own->others.size(), 1U);
    EXPECT_EQ(der_of(*own->others[0]), root_.der());
    EXPECT_EQ(EVP_PKEY_eq(own->key.get(), gateway_.key), 1);
}

TEST_F(OwnCertificateFiles, ReadsPkcs12OfEveryAge) {
    for (const auto& [options, password] : std::vector<std::pair<std::string, std::string>>{
             {"", "secret word"},
             {"-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1", "x"},
             {"", ""},
         }) {
        config::IkeConfig config = pkcs12(options, password);
        if (!password.empty()) {
            config.pkcs12_password_file = directory_.write("password", password + "\r\nmore");
        }
        const config::Result<OwnCertificate> own = OwnCertificate::load(config);
        ASSERT_TRUE(own.ok()) << own.error().text;
        EXPECT_EQ(der_of(*own->certificate), gateway_.der());
        ASSERT_EQ(own->others.size(), 1U);
        EXPECT_EQ(EVP_PKEY_eq(own->key.get(), gateway_.key), 1);
    }
}

TEST_F(OwnCertificateFiles, SaysWhatIsWrongWithPkcs12) {
    config::IkeConfig config = pkcs12("", "right");
    EXPECT_EQ(error_of(config), "gw.p12: the password does not fit (ike.pkcs12_password_file)");
    config.pkcs12_password_file = directory_.write("password", std::string_view("wrong"));
    EXPECT_EQ(error_of(config), "gw.p12: the password does not fit (ike.pkcs12_password_file)");
    ::chmod(config.pkcs12_password_file.c_str(), 0644);
    EXPECT_NE(error_of(config).find("password: others than the daemon may read it (mode 0644"),
              std::string::npos);
    ::chmod(config.pkcs12_password_file.c_str(), 0600);
    ::chmod(config.pkcs12.c_str(), 0640);
    EXPECT_NE(error_of(config).find("gw.p12: others than the daemon may read it (mode 0640"),
              std::string::npos);

    config = pkcs12("-legacy", "x");  // RC2
    config.pkcs12_password_file = directory_.write("password", std::string_view("x"));
    EXPECT_NE(error_of(config).find("Files of old programs use RC2"), std::string::npos)
        << error_of(config);

    config = pkcs12("-nokeys", "");
    EXPECT_EQ(error_of(config), "gw.p12: expected a private key and its certificate in the file");

    directory_.write("gw.p12", std::string_view("rubbish"));
    EXPECT_NE(error_of(config).find("gw.p12: expected a PKCS#12 file ("), std::string::npos);
}

TEST_F(OwnCertificateFiles, SaysWhatIsWrongWithPem) {
    const std::string p = "-----BEGIN CERTIFICATE-----\n";
    const std::string encrypted = directory_.path("encrypted.key");
    ASSERT_EQ(
        run(fmt::format("openssl rsa -aes128 -passout pass:x -in {} -out {}", key_, encrypted))
            .status,
        0);
    const test::Issued elliptic = test::issue({.subject = "CN=ec", .key = test::ec_key(0)});
    const test::Issued small = test::issue({.subject = "CN=small", .key = test::rsa_key(9, 1023)});
    const test::Issued nameless = test::issue({.subject = "", .key = test::rsa_key(1)});
    struct Row {
        std::string certificate;
        std::string key;
        std::string error;  // begins so
    };
    const std::vector<Row> rows = {
        {directory_.path("none"), key_, "none: No such file or directory"},
        {certificate_, directory_.path("none"), "none: No such file or directory"},
        {directory_.write("rubbish", std::string_view("x")),
         key_,
         "rubbish: expected certificates as PEM (\"-----BEGIN CERTIFICATE-----\"), found none ("},
        {directory_.write("cut", p + "MIIB\n-----END CERTIFICATE-----\n"),
         key_,
         "cut: expected certificates as PEM"},
        {certificate_,
         directory_.write("bad.key", std::string_view("x")),
         "bad.key: expected an RSA key as PEM without password ("},
        {certificate_, encrypted, "encrypted.key: expected an RSA key as PEM without password ("},
        {certificate_,
         directory_.write_pem("other.key", test::rsa_key(2)),
         "other.key: the key is not that of the certificate C=DE, CN=gw in "},
        {directory_.write_pem("ec.crt", {elliptic.certificate.get()}),
         directory_.write_pem("ec.key", elliptic.key),
         "ec.crt: certificate CN=ec: its key is of the type EC; expected RSA"},
        {directory_.write_pem("small.crt", {small.certificate.get()}),
         directory_.write_pem("small.key", small.key),
         "small.crt: certificate CN=small: its RSA key has 1023 bits; expected 1024 to 8192"},
        {directory_.write_pem("nameless.crt", {nameless.certificate.get()}),
         key_,
         "nameless.crt: the certificate has an empty subject"},
    };
    for (const Row& row : rows) {
        config::IkeConfig config;
        config.certificate = row.certificate;
        config.private_key = row.key;
        const std::string error = error_of(config);
        EXPECT_TRUE(error.starts_with(row.error)) << error << "\nexpected: " << row.error;
    }
    // The second certificate of a file.
    const config::Result<ike::Bytes> good = read_file(certificate_, 100'000);
    directory_.write(
        "gw.crt", std::string(good->begin(), good->end()) + p + "MIIB\n-----END CERTIFICATE-----");
    EXPECT_TRUE(error_of(pem()).starts_with("gw.crt: certificate 3 cannot be read: "))
        << error_of(pem());
}

TEST_F(OwnCertificateFiles, AKeyThatOthersCanReadIsRefused) {
    for (const mode_t mode : {0640U, 0604U, 0660U, 0644U, 0601U}) {
        ::chmod(key_.c_str(), mode);
        EXPECT_EQ(error_of(pem()),
                  fmt::format("gw.key: others than the daemon may read it (mode {:04o}, owner {}); "
                              "expected mode 0600 and owner {}",
                              mode,
                              ::geteuid(),
                              ::geteuid()));
    }
    for (const mode_t mode : {0600U, 0400U, 0700U}) {
        ::chmod(key_.c_str(), mode);
        EXPECT_EQ(error_of(pem()), "");
    }
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(key_.c_str(), 12345, 0), 0);
        EXPECT_NE(error_of(pem()).find("owner 12345); expected mode 0600 and owner 0"),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace control
