// What a security method makes of an SA that an operator keys: its algorithms, its keys and its
// lifetime, checked against the algorithm table. Errors name the algorithm and the lengths, never a
// key.
#pragma once

#include "config/methods.h"
#include "config/result.h"
#include "config/sa_spec.h"

#include <optional>
#include <string>

namespace config {

// As given; each must be exactly as long as its algorithm wants, key followed by salt.
struct MethodKeys {
    std::optional<SecretBytes> encryption;  // enckey
    std::optional<SecretBytes> integrity;   // authkey: ESP's, or that of AH alone
    std::optional<SecretBytes> ah;          // ahkey: of AH around ESP
};

// An SA, and the AH SA around it if the method is a bundle.
struct SaPair {
    SaSpec sa;
    std::optional<SaSpec> outer;
};

// Protocol, algorithms, keys and lifetimes; everything else of the SaSpecs is as in `common`, but
// in a bundle the outer one is transport mode, as it protects the ESP packet as it is, and ESP
// without an ICV leaves extended sequence numbers to AH. Errors: kBadSa.
[[nodiscard]] Result<SaPair> apply_method(const QmOffer& method,
                                          const MethodKeys& keys,
                                          const SaSpec& common);

// "ESP[AES128,SHA1]" or "AH[SHA1]": the algorithms of one SA.
[[nodiscard]] std::string algorithms_text(const SaSpec& spec);

}  // namespace config
