// DistinguishedName: the name of a certificate's subject or issuer (X.501), read from the text an
// administrator writes: "C=DE, O=Example, CN=Root" in either order, quoted as RFC 4514, RFC 1779 or
// Windows do. Values in the form "#0C0141" are not read.
#pragma once

#include "config/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace config {

struct NameAttribute {
    std::string type;   // dotted OID
    std::string value;  // UTF-8

    friend auto operator<=>(const NameAttribute&, const NameAttribute&) = default;
};

// Attributes joined by '+' are one of it; nearly always there is one.
using RelativeName = std::vector<NameAttribute>;

struct DistinguishedName {
    std::vector<RelativeName> parts;  // in the order of the text, or of the certificate

    // Errors: kInvalidValue.
    [[nodiscard]] static Result<DistinguishedName> parse(std::string_view text);
    // "C=DE, O=Example, CN=Root"; what could be taken for something else, or is not printable, is
    // escaped as RFC 4514 2.4 does.
    [[nodiscard]] std::string to_string() const;
};

// Whether both are one name: in the same or in reversed order, and without regard to case and runs
// of blanks in values (RFC 5280 7.1; case of ASCII letters only).
[[nodiscard]] bool same_name(const DistinguishedName& a, const DistinguishedName& b);

}  // namespace config
