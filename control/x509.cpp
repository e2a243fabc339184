// X.509 objects: see x509.h.
#include "control/x509.h"

#include "config/errno_text.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;
using ike::Bytes;
using ike::ByteView;

constexpr std::size_t kMaxCertificateFile = std::size_t{4} << 20U;

std::string utf8(const ASN1_STRING* string) {
    unsigned char* text = nullptr;
    const int length = ASN1_STRING_to_UTF8(&text, string);
    if (length < 0) {
        ERR_clear_error();
        return "?";
    }
    std::string copy(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
    OPENSSL_free(text);
    return copy;
}

std::string oid_text(const ASN1_OBJECT* object) {
    std::array<char, 128> text{};
    constexpr int kDigitsOnly = 1;
    const int length = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, kDigitsOnly);
    if (length <= 0) {
        ERR_clear_error();
        return "?";
    }
    return {text.data(), std::min(static_cast<std::size_t>(length), text.size() - 1)};
}

}  // namespace

CertificatePtr share(X509* certificate) {
    X509_up_ref(certificate);
    return CertificatePtr(certificate);
}

BioPtr memory_bio(ByteView bytes) {
    const std::size_t length = std::min<std::size_t>(bytes.size(), INT_MAX);
    return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(length)));
}

std::string openssl_error() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    std::string text = reason == nullptr ? "unknown error" : reason;
    ERR_clear_error();
    return text;
}

Result<Bytes> read_file(const std::string& path, std::size_t limit) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return Error{ErrorCode::kSystem, fmt::format("{}: {}", path, config::errno_text(errno))};
    }
    Bytes bytes;
    std::array<std::uint8_t, 16384> piece{};
    ssize_t got = 0;
    while ((got = ::read(file, piece.data(), piece.size())) > 0 && bytes.size() <= limit) {
        bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
    }
    const int error = errno;
    ::close(file);
    if (got < 0) {
        return Error{ErrorCode::kSystem, fmt::format("{}: {}", path, config::errno_text(error))};
    }
    if (bytes.size() > limit) {
        return Error{ErrorCode::kSystem,
                     fmt::format("{}: expected a file of at most {} bytes", path, limit)};
    }
    return bytes;
}

CertificatePtr decode_certificate(ByteView der) {
    if (der.empty() || der.size() > LONG_MAX) {
        return nullptr;
    }
    const unsigned char* at = der.data();
    CertificatePtr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    if (certificate != nullptr && at != der.data() + der.size()) {
        return nullptr;
    }
    return certificate;
}

Result<std::vector<CertificatePtr>> read_certificates(const std::string& path) {
    const Result<Bytes> bytes = read_file(path, kMaxCertificateFile);
    if (!bytes) {
        return bytes.error();
    }
    const BioPtr bio = memory_bio(*bytes);
    std::vector<CertificatePtr> certificates;
    while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        certificates.emplace_back(certificate);
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string reason = openssl_error();
    if (certificates.empty()) {
        return Error{ErrorCode::kSystem,
                     fmt::format("{}: expected certificates as PEM (\"-----BEGIN "
                                 "CERTIFICATE-----\"), found none ({})",
                                 path,
                                 reason)};
    }
    if (!at_end) {
        return Error{
            ErrorCode::kSystem,
            fmt::format(
                "{}: certificate {} cannot be read: {}", path, certificates.size() + 1, reason)};
    }
    return certificates;
}

std::vector<CrlPtr> decode_crls(ByteView bytes) {
    std::vector<CrlPtr> crls;
    constexpr std::string_view kPem = "-----BEGIN X509 CRL-----";
    if (std::search(bytes.begin(), bytes.end(), kPem.begin(), kPem.end()) != bytes.end()) {
        const BioPtr bio = memory_bio(bytes);
        while (X509_CRL* crl = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)) {
            crls.emplace_back(crl);
        }
    } else if (!bytes.empty()) {
        const unsigned char* at = bytes.data();
        CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())));
        if (crl != nullptr) {
            crls.push_back(std::move(crl));
        }
    }
    ERR_clear_error();
    return crls;
}

Bytes der_of(const X509& certificate) {
    unsigned char* der = nullptr;
    const int length = i2d_X509(&certificate, &der);
    Bytes bytes(der, der + std::max(length, 0));
    OPENSSL_free(der);
    return bytes;
}

Bytes der_of(const X509_NAME& name) {
    unsigned char* der = nullptr;
    const int length = i2d_X509_NAME(&name, &der);
    Bytes bytes(der, der + std::max(length, 0));
    OPENSSL_free(der);
    return bytes;
}

config::DistinguishedName name_of(const X509_NAME& name) {
    config::DistinguishedName read;
    int last_set = -1;
    for (int i = 0; i < X509_NAME_entry_count(&name); ++i) {
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(&name, i);
        if (X509_NAME_ENTRY_set(entry) != last_set) {
            read.parts.emplace_back();
            last_set = X509_NAME_ENTRY_set(entry);
        }
        read.parts.back().push_back(
            {oid_text(X509_NAME_ENTRY_get_object(entry)), utf8(X509_NAME_ENTRY_get_data(entry))});
    }
    return read;
}

std::string name_text(const X509_NAME* name) {
    const std::string text = name == nullptr ? std::string() : name_of(*name).to_string();
    return text.empty() ? "(no name)" : text;
}

std::string subject_text(const X509& certificate) {
    return name_text(X509_get_subject_name(&certificate));
}

std::string time_text(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
        return "(no time)";
    }
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
                       parts.tm_year + 1900,
                       parts.tm_mon + 1,
                       parts.tm_mday,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec);
}

}  // namespace control
