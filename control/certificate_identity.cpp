// Identity of a certificate: see certificate_identity.h.
#include "control/certificate_identity.h"

#include "config/types.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace control {

namespace {

using ike::ByteView;
using ike::Identity;
using ike::IdType;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;

constexpr std::size_t kLongestShown = 256;

std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view text_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// Lengths count: a NUL within a name does not end it.
bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) {
        return lower(x) == lower(y);
    });
}

// Only the domain of an address is without case (RFC 5280 4.2.1.6).
bool same_mailbox(std::string_view a, std::string_view b) {
    const std::size_t at = a.rfind('@');
    return at != std::string_view::npos && at == b.rfind('@') && a.substr(0, at) == b.substr(0, at)
           && equal_ignoring_case(a.substr(at), b.substr(at));
}

NamePtr decode_name(ByteView der) {
    const unsigned char* at = der.data();
    NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    if (name != nullptr && at != der.data() + der.size()) {
        return nullptr;
    }
    return name;
}

bool is_subject(const X509& certificate, ByteView der) {
    const NamePtr name = decode_name(der);
    // An empty subject is nobody's name.
    return name != nullptr && X509_NAME_entry_count(name.get()) > 0
           && X509_NAME_cmp(name.get(), X509_get_subject_name(&certificate)) == 0;
}

bool is_alternative_name(const GENERAL_NAME& name, IdType type, ByteView data) {
    switch (name.type) {
        case GEN_DNS:
            return type == IdType::kFqdn
                   && equal_ignoring_case(text_of(name.d.dNSName), text_of(data));
        case GEN_EMAIL:
            return type == IdType::kUserFqdn
                   && same_mailbox(text_of(name.d.rfc822Name), text_of(data));
        case GEN_IPADD:
            return (type == IdType::kIpv4Address || type == IdType::kIpv6Address)
                   && text_of(name.d.iPAddress) == text_of(data);
        default:
            return false;
    }
}

std::string printable(std::string_view text) {
    std::string shown(text.substr(0, kLongestShown));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < 0x20 || c == 0x7F; }, '?');
    return shown;
}

}  // namespace

bool holds_identity(X509& certificate, const Identity& identity) {
    const auto type = static_cast<IdType>(identity.type);
    if (identity.data.empty()) {
        return false;
    }
    if (type == IdType::kDerDn) {
        return is_subject(certificate, identity.data);
    }
    int critical = 0;
    const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, &critical, nullptr)));
    ERR_clear_error();
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (is_alternative_name(*sk_GENERAL_NAME_value(names.get(), i), type, identity.data)) {
            return true;
        }
    }
    return false;
}

std::string identity_text(const Identity& identity) {
    const ByteView data = identity.data;
    const auto type = static_cast<IdType>(identity.type);
    if (type == IdType::kDerDn) {
        const NamePtr name = decode_name(data);
        return name == nullptr ? "a name that cannot be read"
                               : fmt::format("the name {}", name_text(name.get()));
    }
    if (type == IdType::kFqdn) {
        return fmt::format("the host {}", printable(text_of(data)));
    }
    if (type == IdType::kUserFqdn) {
        return fmt::format("the user {}", printable(text_of(data)));
    }
    if (type == IdType::kIpv4Address && data.size() == 4) {
        return fmt::format(
            "the address {}",
            config::IpAddress::from_bytes(config::Family::kIpv4, data.data()).to_string());
    }
    if (type == IdType::kIpv6Address && data.size() == 16) {
        return fmt::format(
            "the address {}",
            config::IpAddress::from_bytes(config::Family::kIpv6, data.data()).to_string());
    }
    return fmt::format("an ID of type {}, which no certificate proves", identity.type);
}

}  // namespace control
