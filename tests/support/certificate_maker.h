// Makes keys, certificates and revocation lists with OpenSSL, as an authority would and as none
// should, and writes them to a directory that is removed again.
#pragma once

#include "control/x509.h"

#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace control::test {

// 2026-06-15 12:00:00 UTC: what tests call now.
inline constexpr std::time_t kNow = 1'781'524'800;
inline constexpr std::time_t kDay = 86'400;

// The n-th key of its kind: made once per process, because making one takes long.
[[nodiscard]] EVP_PKEY* rsa_key(unsigned n, int bits = 2048);
[[nodiscard]] EVP_PKEY* ec_key(unsigned n);
// A public key with just these numbers, as hexadecimal digits; no private part.
[[nodiscard]] KeyPtr rsa_public_key(const std::string& modulus, const std::string& exponent);
[[nodiscard]] std::string modulus_of(const EVP_PKEY* key);

struct Issued {
    CertificatePtr certificate;
    EVP_PKEY* key = nullptr;

    [[nodiscard]] ike::Bytes der() const { return der_of(*certificate); }
};

struct Order {
    std::string subject;  // "C=DE, CN=gw"
    EVP_PKEY* key = nullptr;
    const Issued* issuer = nullptr;  // nullptr: signed by itself
    long serial = 1;
    std::time_t from = kNow - 10 * kDay;
    std::time_t until = kNow + 10 * kDay;
    const EVP_MD* digest = nullptr;  // SHA-256
    // Name and value as in openssl.cnf: {"keyUsage", "critical,digitalSignature"}.
    std::vector<std::pair<std::string, std::string>> extensions = {};
};
[[nodiscard]] Issued issue(const Order& order);
// With what an authority's certificate must say.
[[nodiscard]] Issued issue_authority(Order order);

struct CrlOrder {
    const Issued* issuer = nullptr;
    std::vector<long> revoked = {};
    std::time_t from = kNow - kDay;
    std::time_t until = kNow + kDay;  // 0: nextUpdate is left out
    EVP_PKEY* key = nullptr;          // other than the issuer's
    bool partial = false;             // a critical issuingDistributionPoint: attributes only
};
[[nodiscard]] CrlPtr make_crl(const CrlOrder& order);
[[nodiscard]] std::string der_text(const X509_CRL& crl);

class Directory {
  public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
    // Each gives the path. Files are readable by their owner only.
    std::string write(const std::string& name, std::string_view text) const;
    std::string write(const std::string& name, ike::ByteView bytes) const;
    std::string write_pem(const std::string& name, std::vector<const X509*> certificates) const;
    std::string write_pem(const std::string& name, EVP_PKEY* key) const;
    std::string write_pem(const std::string& name, const X509_CRL& crl) const;

  private:
    std::string path_;
};

struct Ran {
    int status = -1;
    std::string output;  // of both streams
};
// The command line, by the shell.
[[nodiscard]] Ran run(const std::string& command);

}  // namespace control::test
