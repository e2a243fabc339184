// Chains of certificates: see certificate_chain.h.
#include "control/certificate_chain.h"

#include "control/rsa_signature.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

constexpr int kMostIntermediates = 8;

using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

// Frees the stack, not what is on it.
void free_borrowed(STACK_OF(X509) * stack) {
    sk_X509_free(stack);
}
using BorrowedStack = std::unique_ptr<STACK_OF(X509), OpensslFree<free_borrowed>>;

Error fault(X509& certificate, std::string_view text) {
    return Error{ErrorCode::kNoAuthMethod,
                 fmt::format("certificate {}: {}", subject_text(certificate), text)};
}

std::string reason_of(int code, X509& certificate) {
    switch (code) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return fmt::format("expired on {}", time_text(X509_get0_notAfter(&certificate)));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return fmt::format("is not valid before {}",
                               time_text(X509_get0_notBefore(&certificate)));
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return fmt::format(
                "does not chain to the authority of the rule: its issuer {} is "
                "neither that one nor was its certificate sent",
                name_text(X509_get_issuer_name(&certificate)));
        default:
            return X509_verify_cert_error_string(code);
    }
}

// RFC 4945 5.1.3.2: digitalSignature or nonRepudiation, where the extension is there.
bool may_sign(X509& certificate) {
    const std::uint32_t usage = X509_get_key_usage(&certificate);  // all bits: no extension
    return (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
}

// RFC 4945 5.1.3.12 knows two; certificates of Windows and of older authorities have the others.
bool is_for_hosts(X509& certificate) {
    constexpr auto kPurposes = std::to_array<std::string_view>({
        "1.3.6.1.5.5.7.3.17",  // id-kp-ipsecIKE
        "2.5.29.37.0",         // anyExtendedKeyUsage
        "1.3.6.1.5.5.8.2.2",   // iKEIntermediate
        "1.3.6.1.5.5.7.3.1",   // id-kp-serverAuth
        "1.3.6.1.5.5.7.3.2",   // id-kp-clientAuth
        "1.3.6.1.5.5.7.3.5",   // id-kp-ipsecEndSystem
        "1.3.6.1.5.5.7.3.6",   // id-kp-ipsecTunnel
        "1.3.6.1.5.5.7.3.7",   // id-kp-ipsecUser
    });
    using UsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, OpensslFree<EXTENDED_KEY_USAGE_free>>;
    int critical = -1;  // what OpenSSL says of an extension that is not there
    const UsagePtr usage(static_cast<EXTENDED_KEY_USAGE*>(
        X509_get_ext_d2i(&certificate, NID_ext_key_usage, &critical, nullptr)));
    if (usage == nullptr) {
        return critical == -1;
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
        std::array<char, 64> oid{};
        OBJ_obj2txt(
            oid.data(), static_cast<int>(oid.size()), sk_ASN1_OBJECT_value(usage.get(), i), 1);
        if (std::find(kPurposes.begin(), kPurposes.end(), std::string_view(oid.data()))
            != kPurposes.end()) {
            return true;
        }
    }
    return false;
}

std::optional<std::string> host_fault(X509& certificate) {
    if (std::optional<std::string> text = key_fault(X509_get0_pubkey(&certificate))) {
        return text;
    }
    if (!may_sign(certificate)) {
        return "its keyUsage does not allow signatures; expected digitalSignature";
    }
    if (!is_for_hosts(certificate)) {
        return "its extendedKeyUsage is for other purposes; expected that of IKE, of hosts (server "
               "or client authentication), or none";
    }
    return std::nullopt;
}

// Of every certificate but the anchor, which is trusted as it is.
std::optional<std::string> strength_fault(X509& certificate, std::vector<std::string>& weak) {
    int digest = NID_undef;
    X509_get_signature_info(&certificate, &digest, nullptr, nullptr, nullptr);
    if (digest == NID_md5 || digest == NID_md4 || digest == NID_md2) {
        return fmt::format("is signed with {}, which is broken; expected SHA-256",
                           OBJ_nid2sn(digest));
    }
    if (digest == NID_sha1) {
        weak.push_back(
            fmt::format("certificate {} is signed with SHA-1: replace it by one signed "
                        "with SHA-256",
                        subject_text(certificate)));
    }
    const EVP_PKEY* key = X509_get0_pubkey(&certificate);
    if (key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        if (std::optional<std::string> text = key_fault(key)) {
            return text;
        }
        if (EVP_PKEY_get_bits(key) < kWeakRsaBits) {
            weak.push_back(
                fmt::format("certificate {} has an RSA key of {} bits: replace it by one "
                            "of {} or more",
                            subject_text(certificate),
                            EVP_PKEY_get_bits(key),
                            kWeakRsaBits));
        }
    }
    return std::nullopt;
}

Result<CertificateChain> fit_for_ike(CertificateChain chain) {
    if (const std::optional<std::string> text = host_fault(*chain.certificates.front())) {
        return fault(*chain.certificates.front(), *text);
    }
    for (std::size_t i = 0; i + 1 < chain.certificates.size(); ++i) {
        X509& certificate = *chain.certificates[i];
        if (const std::optional<std::string> text = strength_fault(certificate, chain.weak)) {
            return fault(certificate, *text);
        }
    }
    return chain;
}

Result<CertificateChain> build_to(X509& certificate,
                                  std::span<const CertificatePtr> untrusted,
                                  X509* anchor,
                                  std::time_t now) {
    const BorrowedStack between(sk_X509_new_null());
    const BorrowedStack trusted(sk_X509_new_null());
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    for (const CertificatePtr& other : untrusted) {
        sk_X509_push(between.get(), other.get());
    }
    sk_X509_push(trusted.get(), anchor);
    if (context == nullptr
        || X509_STORE_CTX_init(context.get(), store.get(), &certificate, between.get()) != 1) {
        return Error{ErrorCode::kInternal, openssl_error()};
    }
    X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
    X509_VERIFY_PARAM* terms = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(terms, now);
    X509_VERIFY_PARAM_set_depth(terms, kMostIntermediates);
    X509_VERIFY_PARAM_set_flags(terms, X509_V_FLAG_PARTIAL_CHAIN);
    const bool verified = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (!verified) {
        X509* current = X509_STORE_CTX_get_current_cert(context.get());
        X509& at_fault = current == nullptr ? certificate : *current;
        return fault(at_fault, reason_of(X509_STORE_CTX_get_error(context.get()), at_fault));
    }
    CertificateChain chain;
    STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(found); ++i) {
        chain.certificates.push_back(share(sk_X509_value(found, i)));
    }
    return fit_for_ike(std::move(chain));
}

}  // namespace

Result<CertificateChain> CertificateChain::build(X509& certificate,
                                                 std::span<const CertificatePtr> untrusted,
                                                 std::span<X509* const> anchors,
                                                 std::time_t now) {
    // One by one: among several of one name OpenSSL does not try all where certificates do not say
    // which key signed them.
    Result<CertificateChain> chain = fault(certificate, "has no authority to chain to");
    for (X509* anchor : anchors) {
        chain = build_to(certificate, untrusted, anchor, now);
        if (chain) {
            break;
        }
    }
    return chain;
}

}  // namespace control
