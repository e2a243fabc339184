// OwnCertificate: what this gateway proves itself with, from PEM files or a PKCS#12 file.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "control/x509.h"

#include <vector>

namespace control {

struct OwnCertificate {
    CertificatePtr certificate;
    std::vector<CertificatePtr> others;  // intermediate ones, in any order
    KeyPtr key;                          // RSA; fits the certificate

    // Precondition: the file names either form. Error texts begin with the file at fault.
    [[nodiscard]] static config::Result<OwnCertificate> load(const config::IkeConfig& config);
};

}  // namespace control
