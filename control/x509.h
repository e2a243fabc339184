// OpenSSL's certificates, revocation lists and keys as owned values, and what the text of errors
// and listings takes from them.
#pragma once

#include "config/distinguished_name.h"
#include "config/result.h"
#include "control/ike/isakmp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace control {

template <auto Free>
struct OpensslFree {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;
using NamePtr = std::unique_ptr<X509_NAME, OpensslFree<X509_NAME_free>>;

// One more owner of the same object.
[[nodiscard]] CertificatePtr share(X509* certificate);
// Memory that OpenSSL reads from; `bytes` outlives it.
[[nodiscard]] BioPtr memory_bio(ike::ByteView bytes);
// What OpenSSL says of its last error; forgets all of them.
[[nodiscard]] std::string openssl_error();

// --- Bytes and files. Error texts begin with the path.

// At most `limit` bytes.
[[nodiscard]] config::Result<ike::Bytes> read_file(const std::string& path, std::size_t limit);
// One certificate in DER and nothing behind it; nullptr: something else.
[[nodiscard]] CertificatePtr decode_certificate(ike::ByteView der);
// Every CERTIFICATE of a PEM file; at least one.
[[nodiscard]] config::Result<std::vector<CertificatePtr>> read_certificates(
    const std::string& path);
// One list in DER, or every X509 CRL of PEM text; empty: something else.
[[nodiscard]] std::vector<CrlPtr> decode_crls(ike::ByteView bytes);

[[nodiscard]] ike::Bytes der_of(const X509& certificate);
[[nodiscard]] ike::Bytes der_of(const X509_NAME& name);

// --- Words

[[nodiscard]] config::DistinguishedName name_of(const X509_NAME& name);
// "C=DE, O=Example, CN=gw"
[[nodiscard]] std::string name_text(const X509_NAME* name);
[[nodiscard]] std::string subject_text(const X509& certificate);
// "2026-11-25 14:30:00 UTC"
[[nodiscard]] std::string time_text(const ASN1_TIME* time);

}  // namespace control
