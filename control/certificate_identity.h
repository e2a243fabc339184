// Whether a certificate says what an ID payload says (RFC 4945 3.1, RFC 2407 4.6.2).
#pragma once

#include "control/ike/identity.h"
#include "control/x509.h"

#include <string>

namespace control {

// ID_DER_ASN1_DN: the subject. FQDN, USER_FQDN and addresses: one of the subject's alternative
// names. Every other type: false.
[[nodiscard]] bool holds_identity(X509& certificate, const ike::Identity& identity);

// "the name C=DE, CN=gw", "the host gw.example": for reasons of failures.
[[nodiscard]] std::string identity_text(const ike::Identity& identity);

}  // namespace control
