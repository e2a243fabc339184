// Revocation: see revocation.h.
#include "control/revocation.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace control {

namespace {

using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

void free_certificates(STACK_OF(X509) * stack) {
    sk_X509_free(stack);
}
void free_crls(STACK_OF(X509_CRL) * stack) {
    sk_X509_CRL_free(stack);
}
using BorrowedStack = std::unique_ptr<STACK_OF(X509), OpensslFree<free_certificates>>;
using BorrowedCrls = std::unique_ptr<STACK_OF(X509_CRL), OpensslFree<free_crls>>;

struct Findings {
    std::size_t anchor = 0;
    std::span<X509_CRL* const> lists;
    std::vector<RevocationFinding> list;
};

std::string reason_of(int code, const X509& certificate, X509_CRL* crl) {
    const std::string issuer = name_text(X509_get_issuer_name(&certificate));
    switch (code) {
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return fmt::format("there is no revocation list of {}", issuer);
        case X509_V_ERR_CRL_HAS_EXPIRED:
            return fmt::format("the revocation list of {} expired on {}",
                               issuer,
                               time_text(crl == nullptr ? nullptr : X509_CRL_get0_nextUpdate(crl)));
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return fmt::format("the revocation list of {} is not valid before {}",
                               issuer,
                               time_text(crl == nullptr ? nullptr : X509_CRL_get0_lastUpdate(crl)));
        default:
            return fmt::format(
                "the revocation list of {}: {}", issuer, X509_verify_cert_error_string(code));
    }
}

// Looks through all: OpenSSL does not say which list it was where it complained of one before.
std::string revoked_text(X509& certificate, std::span<X509_CRL* const> lists) {
    constexpr int kRevoked = 1;
    for (X509_CRL* crl : lists) {
        X509_REVOKED* entry = nullptr;
        if (X509_CRL_get0_by_cert(crl, &entry, &certificate) == kRevoked) {
            return fmt::format("was revoked on {}",
                               time_text(X509_REVOKED_get0_revocationDate(entry)));
        }
    }
    return "was revoked";
}

// Notes what OpenSSL finds and lets it go on, so that one missing list hides no revocation.
int note(int ok, X509_STORE_CTX* context) {
    if (ok == 1) {
        return ok;
    }
    auto& findings = *static_cast<Findings*>(X509_STORE_CTX_get_app_data(context));
    const int code = X509_STORE_CTX_get_error(context);
    const auto index = static_cast<std::size_t>(X509_STORE_CTX_get_error_depth(context));
    X509* certificate = X509_STORE_CTX_get_current_cert(context);
    if (index < findings.anchor && certificate != nullptr) {
        X509_CRL* crl = X509_STORE_CTX_get0_current_crl(context);
        const bool revoked = code == X509_V_ERR_CERT_REVOKED;
        findings.list.push_back({index,
                                 revoked,
                                 fmt::format("certificate {}: {}",
                                             subject_text(*certificate),
                                             revoked ? revoked_text(*certificate, findings.lists)
                                                     : reason_of(code, *certificate, crl))});
    }
    return 1;
}

}  // namespace

std::vector<RevocationFinding> check_revocation(const CertificateChain& chain,
                                                std::span<X509_CRL* const> lists,
                                                std::time_t now) {
    Findings findings;
    findings.anchor = chain.certificates.size() - 1;
    findings.lists = lists;
    const BorrowedStack between(sk_X509_new_null());
    const BorrowedStack trusted(sk_X509_new_null());
    const BorrowedCrls crls(sk_X509_CRL_new_null());
    for (std::size_t i = 1; i < findings.anchor; ++i) {
        sk_X509_push(between.get(), chain.certificates[i].get());
    }
    sk_X509_push(trusted.get(), chain.certificates.back().get());
    for (X509_CRL* crl : lists) {
        sk_X509_CRL_push(crls.get(), crl);
    }
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    X509* certificate = chain.certificates.front().get();
    if (context == nullptr
        || X509_STORE_CTX_init(context.get(), store.get(), certificate, between.get()) != 1) {
        return {{0, false, openssl_error()}};
    }
    X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
    X509_STORE_CTX_set0_crls(context.get(), crls.get());
    X509_STORE_CTX_set_app_data(context.get(), &findings);
    X509_STORE_CTX_set_verify_cb(context.get(), note);
    X509_VERIFY_PARAM* terms = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(terms, now);
    X509_VERIFY_PARAM_set_flags(
        terms, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    const int verified = X509_verify_cert(context.get());
    ERR_clear_error();
    if (verified != 1) {
        // Fails only where the callback has no say, for example without memory.
        findings.list.push_back({0, false, "the check of revocation failed"});
    }
    return std::move(findings.list);
}

}  // namespace control
