// Our own certificate: see own_certificate.h.
#include "control/own_certificate.h"

#include "config/errno_text.h"
#include "config/secret.h"
#include "control/rsa_signature.h"

#include <openssl/err.h>
#include <openssl/evperr.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;
using config::SecretBytes;

using Pkcs12Ptr = std::unique_ptr<PKCS12, OpensslFree<PKCS12_free>>;

constexpr std::size_t kMaxSecretFile = std::size_t{1} << 20U;

Error fault(const std::string& path, std::string_view text) {
    return Error{ErrorCode::kSystem, fmt::format("{}: {}", path, text)};
}

// As sshd does: a key that others can read is not used, because nobody would notice otherwise.
Result<SecretBytes> read_secret(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return fault(path, config::errno_text(errno));
    }
    if ((status.st_mode & 077U) != 0 || (status.st_uid != 0 && status.st_uid != ::geteuid())) {
        return fault(path,
                     fmt::format("others than the daemon may read it (mode {:04o}, owner {}); "
                                 "expected mode 0600 and owner {}",
                                 status.st_mode & 07777U,
                                 status.st_uid,
                                 ::geteuid()));
    }
    Result<ike::Bytes> bytes = read_file(path, kMaxSecretFile);
    if (!bytes) {
        return std::move(bytes).error();
    }
    SecretBytes secret(*bytes);
    OPENSSL_cleanse(bytes->data(), bytes->size());
    return secret;
}

// The daemon has no terminal to ask at.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
    return -1;
}

Result<KeyPtr> read_key(const std::string& path) {
    const Result<SecretBytes> secret = read_secret(path);
    if (!secret) {
        return secret.error();
    }
    const BioPtr bio = memory_bio(secret->bytes());
    KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    if (key == nullptr) {
        return fault(
            path, fmt::format("expected an RSA key as PEM without password ({})", openssl_error()));
    }
    return key;
}

Result<OwnCertificate> load_pem(const config::IkeConfig& config) {
    Result<std::vector<CertificatePtr>> certificates = read_certificates(config.certificate);
    if (!certificates) {
        return std::move(certificates).error();
    }
    Result<KeyPtr> key = read_key(config.private_key);
    if (!key) {
        return std::move(key).error();
    }
    OwnCertificate own;
    own.certificate = std::move(certificates->front());
    certificates->erase(certificates->begin());
    own.others = std::move(*certificates);
    own.key = std::move(key).value();
    return own;
}

// A string for OpenSSL; the first line of the file.
Result<SecretBytes> read_password(const std::string& path) {
    if (path.empty()) {
        return SecretBytes(std::string_view("\0", 1));
    }
    const Result<SecretBytes> secret = read_secret(path);
    if (!secret) {
        return secret.error();
    }
    std::string_view line(reinterpret_cast<const char*>(secret->bytes().data()), secret->size());
    line = line.substr(0, line.find_first_of(std::string_view("\r\n\0", 3)));
    std::string text(line);
    SecretBytes password(std::string_view(text.c_str(), text.size() + 1));
    OPENSSL_cleanse(text.data(), text.size());
    return password;
}

std::string pkcs12_fault() {
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == PKCS12_R_MAC_VERIFY_FAILURE) {
        ERR_clear_error();
        return "the password does not fit (ike.pkcs12_password_file)";
    }
    const std::string text = openssl_error();
    return fmt::format(
        "cannot be decrypted: {}. Files of old programs use RC2, which OpenSSL 3 "
        "does not read; export it again with AES",
        text);
}

Result<OwnCertificate> load_pkcs12(const config::IkeConfig& config) {
    const Result<SecretBytes> file = read_secret(config.pkcs12);
    if (!file) {
        return file.error();
    }
    const Result<SecretBytes> password = read_password(config.pkcs12_password_file);
    if (!password) {
        return password.error();
    }
    const BioPtr bio = memory_bio(file->bytes());
    const Pkcs12Ptr pkcs12(d2i_PKCS12_bio(bio.get(), nullptr));
    if (pkcs12 == nullptr) {
        return fault(config.pkcs12, fmt::format("expected a PKCS#12 file ({})", openssl_error()));
    }
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    STACK_OF(X509)* others = nullptr;
    const bool parsed = PKCS12_parse(pkcs12.get(),
                                     reinterpret_cast<const char*>(password->bytes().data()),
                                     &key,
                                     &certificate,
                                     &others)
                        == 1;
    OwnCertificate own;
    own.key.reset(key);
    own.certificate.reset(certificate);
    while (others != nullptr && sk_X509_num(others) > 0) {
        own.others.emplace_back(sk_X509_shift(others));
    }
    sk_X509_free(others);
    if (!parsed) {
        return fault(config.pkcs12, pkcs12_fault());
    }
    if (own.key == nullptr || own.certificate == nullptr) {
        return fault(config.pkcs12, "expected a private key and its certificate in the file");
    }
    return own;
}

}  // namespace

Result<OwnCertificate> OwnCertificate::load(const config::IkeConfig& config) {
    const bool pem = config.pkcs12.empty();
    const std::string& path = pem ? config.certificate : config.pkcs12;
    Result<OwnCertificate> own = pem ? load_pem(config) : load_pkcs12(config);
    if (!own) {
        return own;
    }
    const std::string subject = subject_text(*own->certificate);
    if (const std::optional<std::string> text =
            key_fault(X509_get0_pubkey(own->certificate.get()))) {
        return fault(path, fmt::format("certificate {}: {}", subject, *text));
    }
    if (X509_check_private_key(own->certificate.get(), own->key.get()) != 1) {
        ERR_clear_error();
        return fault(pem ? config.private_key : path,
                     fmt::format("the key is not that of the certificate {} in {}", subject, path));
    }
    if (X509_NAME_entry_count(X509_get_subject_name(own->certificate.get())) == 0) {
        return fault(path,
                     "the certificate has an empty subject; expected a name, because peers "
                     "know this gateway by it");
    }
    return own;
}

}  // namespace control
