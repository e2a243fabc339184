// Revocation of the certificates of a chain (RFC 5280 6.3, by OpenSSL) by lists that are at hand.
// Delta lists and lists of another issuer than the certificate's are not used.
#pragma once

#include "control/certificate_chain.h"
#include "control/x509.h"

#include <cstddef>
#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace control {

struct RevocationFinding {
    std::size_t certificate = 0;  // index in the chain
    bool revoked = false;         // else it is not known whether it is
    std::string reason;
};

// Of every certificate but the anchor; none: all are known to be good. `lists`: each verified
// against its issuer.
[[nodiscard]] std::vector<RevocationFinding> check_revocation(const CertificateChain& chain,
                                                              std::span<X509_CRL* const> lists,
                                                              std::time_t now);

}  // namespace control
