#include "tests/support/certificate_maker.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>

namespace control::test {

namespace {

template <typename T>
T* made(T* object) {
    if (object == nullptr) {
        throw std::runtime_error("certificate maker: " + openssl_error());
    }
    return object;
}

void ok(int result) {
    if (result <= 0) {
        throw std::runtime_error("certificate maker: " + openssl_error());
    }
}

using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>>;

NamePtr make_name(const std::string& text) {
    const auto parsed = config::DistinguishedName::parse(text);
    NamePtr name(made(X509_NAME_new()));
    for (const config::RelativeName& part : parsed.value().parts) {
        int set = 0;
        for (const config::NameAttribute& attribute : part) {
            ok(X509_NAME_add_entry_by_txt(
                name.get(),
                attribute.type.c_str(),
                MBSTRING_UTF8,
                reinterpret_cast<const unsigned char*>(attribute.value.data()),
                static_cast<int>(attribute.value.size()),
                -1,
                set));
            set = -1;
        }
    }
    return name;
}

void add_extension(X509* certificate,
                   X509* issuer,
                   const std::string& name,
                   const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&context);
    const ExtensionPtr extension(
        made(X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str())));
    ok(X509_add_ext(certificate, extension.get(), -1));
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(length)};
}

BioPtr new_bio() {
    return BioPtr(made(BIO_new(BIO_s_mem())));
}

}  // namespace

EVP_PKEY* rsa_key(unsigned n, int bits) {
    static std::map<std::pair<unsigned, int>, KeyPtr> keys;
    KeyPtr& key = keys[{n, bits}];
    if (key == nullptr) {
        key.reset(made(EVP_RSA_gen(static_cast<unsigned>(bits))));
    }
    return key.get();
}

EVP_PKEY* ec_key(unsigned n) {
    static std::map<unsigned, KeyPtr> keys;
    KeyPtr& key = keys[n];
    if (key == nullptr) {
        key.reset(made(EVP_EC_gen("P-256")));
    }
    return key.get();
}

KeyPtr rsa_public_key(const std::string& modulus, const std::string& exponent) {
    const auto number = [](const std::string& digits) {
        BIGNUM* value = nullptr;
        ok(BN_hex2bn(&value, digits.c_str()));
        return BignumPtr(value);
    };
    const BignumPtr n = number(modulus);
    const BignumPtr e = number(exponent);
    const std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>> builder(
        made(OSSL_PARAM_BLD_new()));
    ok(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()));
    ok(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()));
    const std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>> parameters(
        made(OSSL_PARAM_BLD_to_param(builder.get())));
    const KeyContextPtr context(made(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)));
    ok(EVP_PKEY_fromdata_init(context.get()));
    EVP_PKEY* key = nullptr;
    ok(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()));
    return KeyPtr(key);
}

std::string modulus_of(const EVP_PKEY* key) {
    BIGNUM* modulus = nullptr;
    ok(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus));
    const BignumPtr owned(modulus);
    char* digits = BN_bn2hex(modulus);
    std::string text = digits;
    OPENSSL_free(digits);
    return text;
}

Issued issue(const Order& order) {
    Issued issued;
    issued.certificate.reset(made(X509_new()));
    issued.key = order.key;
    X509* certificate = issued.certificate.get();
    X509* issuer = order.issuer == nullptr ? certificate : order.issuer->certificate.get();
    ok(X509_set_version(certificate, X509_VERSION_3));
    ok(ASN1_INTEGER_set(X509_get_serialNumber(certificate), order.serial));
    const NamePtr subject =
        order.subject.empty() ? NamePtr(made(X509_NAME_new())) : make_name(order.subject);
    ok(X509_set_subject_name(certificate, subject.get()));
    ok(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)));
    made(ASN1_TIME_set(X509_getm_notBefore(certificate), order.from));
    made(ASN1_TIME_set(X509_getm_notAfter(certificate), order.until));
    ok(X509_set_pubkey(certificate, order.key));
    for (const auto& [name, value] : order.extensions) {
        add_extension(certificate, issuer, name, value);
    }
    ok(X509_sign(certificate,
                 order.issuer == nullptr ? order.key : order.issuer->key,
                 order.digest == nullptr ? EVP_sha256() : order.digest));
    return issued;
}

Issued issue_authority(Order order) {
    order.extensions.insert(order.extensions.begin(),
                            {{"basicConstraints", "critical,CA:TRUE"},
                             {"keyUsage", "critical,keyCertSign,cRLSign"},
                             {"subjectKeyIdentifier", "hash"}});
    return issue(order);
}

CrlPtr make_crl(const CrlOrder& order) {
    CrlPtr crl(made(X509_CRL_new()));
    constexpr long kVersion2 = 1;
    ok(X509_CRL_set_version(crl.get(), kVersion2));
    ok(X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(order.issuer->certificate.get())));
    const TimePtr from(made(ASN1_TIME_set(nullptr, order.from)));
    ok(X509_CRL_set1_lastUpdate(crl.get(), from.get()));
    if (order.until != 0) {
        const TimePtr until(made(ASN1_TIME_set(nullptr, order.until)));
        ok(X509_CRL_set1_nextUpdate(crl.get(), until.get()));
    }
    for (const long serial : order.revoked) {
        X509_REVOKED* entry = made(X509_REVOKED_new());
        const std::unique_ptr<ASN1_INTEGER, OpensslFree<ASN1_INTEGER_free>> number(
            made(ASN1_INTEGER_new()));
        ok(ASN1_INTEGER_set(number.get(), serial));
        ok(X509_REVOKED_set_serialNumber(entry, number.get()));
        ok(X509_REVOKED_set_revocationDate(entry, from.get()));
        ok(X509_CRL_add0_revoked(crl.get(), entry));
    }
    if (order.partial) {
        X509V3_CTX context{};
        X509V3_set_ctx(&context, nullptr, nullptr, nullptr, crl.get(), 0);
        X509V3_set_ctx_nodb(&context);
        const ExtensionPtr extension(made(X509V3_EXT_nconf_nid(
            nullptr, &context, NID_issuing_distribution_point, "critical,onlyAA:TRUE")));
        ok(X509_CRL_add_ext(crl.get(), extension.get(), -1));
    }
    ok(X509_CRL_sort(crl.get()));
    ok(X509_CRL_sign(
        crl.get(), order.key == nullptr ? order.issuer->key : order.key, EVP_sha256()));
    return crl;
}

std::string der_text(const X509_CRL& crl) {
    unsigned char* der = nullptr;
    const int length = i2d_X509_CRL(&crl, &der);
    ok(length);
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    return text;
}

Directory::Directory() : path_("/tmp/portcullis-certificates-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) {
        throw std::runtime_error("no temporary directory");
    }
}

Directory::~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string Directory::write(const std::string& name, std::string_view text) const {
    const std::string file = path(name);
    std::ofstream(file, std::ios::binary) << text;
    ::chmod(file.c_str(), 0600);
    return file;
}

std::string Directory::write(const std::string& name, ike::ByteView bytes) const {
    return write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string Directory::write_pem(const std::string& name,
                                 std::vector<const X509*> certificates) const {
    const BioPtr bio = new_bio();
    for (const X509* certificate : certificates) {
        ok(PEM_write_bio_X509(bio.get(), certificate));
    }
    return write(name, text_of(bio.get()));
}

std::string Directory::write_pem(const std::string& name, EVP_PKEY* key) const {
    const BioPtr bio = new_bio();
    ok(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr));
    return write(name, text_of(bio.get()));
}

std::string Directory::write_pem(const std::string& name, const X509_CRL& crl) const {
    const BioPtr bio = new_bio();
    ok(PEM_write_bio_X509_CRL(bio.get(), &crl));
    return write(name, text_of(bio.get()));
}

Ran run(const std::string& command) {
    Ran ran;
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c)
    if (pipe == nullptr) {
        return ran;
    }
    std::array<char, 4096> piece{};
    for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
        ran.output.append(piece.data(), got);
    }
    const int status = ::pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
}

}  // namespace control::test
