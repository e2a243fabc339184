// CertificateChain: from a certificate to the authority a rule names, every link checked
// (RFC 5280 6, by OpenSSL) and fit for IKE (RFC 4945 5). Revocation is control/revocation.h.
#pragma once

#include "config/result.h"
#include "control/x509.h"

#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace control {

struct CertificateChain {
    std::vector<CertificatePtr>
        certificates;               // the one that was asked about first, the anchor last
    std::vector<std::string> weak;  // what is taken, but should be replaced: a line each

    // `anchors`: any of these ends it, whether signed by itself or not; `untrusted` may lie
    // between. Errors: kNoAuthMethod, which certificate and what is wrong with it.
    [[nodiscard]] static config::Result<CertificateChain> build(
        X509& certificate,
        std::span<const CertificatePtr> untrusted,
        std::span<X509* const> anchors,
        std::time_t now);
};

}  // namespace control
