// Identities as logs and listings print them. What a stranger sent is escaped and cut to a line.
#include "control/ike/identity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>

namespace control::ike {
namespace {

constexpr std::size_t kMaxText = 256;  // characters of what a stranger sent

struct FreeName {
    void operator()(X509_NAME* name) const { X509_NAME_free(name); }
};
struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
};

std::string cut(std::string text) {
    if (text.size() > kMaxText) {
        text.resize(kMaxText);
        text += "...";
    }
    return text;
}

std::string hex(ByteView bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kMaxText))) {
        text += fmt::format("{:02x}", byte);
    }
    return cut(text);
}

std::string escaped(ByteView bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kMaxText + 1))) {
        if (byte > ' ' && byte < 0x7F && byte != '\\') {
            text += static_cast<char>(byte);
        } else {
            text += fmt::format("\\x{:02x}", byte);
        }
    }
    return cut(text);
}

// "C=DE, O=Example, CN=gw"; empty if `der` is not one name and nothing more.
std::string name_text(ByteView der) {
    ERR_set_mark();  // what OpenSSL says of a stranger's bytes must not stay behind
    const unsigned char* position = der.data();
    const std::unique_ptr<X509_NAME, FreeName> name(
        d2i_X509_NAME(nullptr, &position, static_cast<long>(der.size())));
    std::string text;
    if (name && position == der.data() + der.size()) {
        const std::unique_ptr<BIO, FreeBio> out(BIO_new(BIO_s_mem()));
        const unsigned long flags =
            (ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN) & ~XN_FLAG_DN_REV;
        if (out && X509_NAME_print_ex(out.get(), name.get(), 0, flags) >= 0) {
            char* data = nullptr;
            const long length = BIO_get_mem_data(out.get(), &data);
            text.assign(data, static_cast<std::size_t>(length));
        }
    }
    ERR_pop_to_mark();
    return cut(text);
}

std::string traffic_text(std::uint8_t protocol, std::uint16_t port) {
    if (protocol == 0 && port == 0) {
        return {};
    }
    std::string text;
    switch (protocol) {
        case 1:
            text = " icmp";
            break;
        case 6:
            text = " tcp";
            break;
        case 17:
            text = " udp";
            break;
        case 58:
            text = " icmpv6";
            break;
        default:
            text = fmt::format(" protocol {}", protocol);
    }
    return port == 0 ? text : fmt::format("{} {}", text, port);
}

std::string name_of(const Identity& identity) {
    switch (static_cast<IdType>(identity.type)) {
        case IdType::kFqdn:
            return "fqdn:" + escaped(identity.data);
        case IdType::kUserFqdn:
            return "user-fqdn:" + escaped(identity.data);
        case IdType::kKeyId:
            return "key-id:" + hex(identity.data);
        case IdType::kDerDn: {
            const std::string text = name_text(identity.data);
            return text.empty() ? "dn:" + hex(identity.data) : text;
        }
        case IdType::kIpv4Address:
        case IdType::kIpv4Subnet:
        case IdType::kIpv6Address:
        case IdType::kIpv6Subnet:
        case IdType::kIpv4Range:
        case IdType::kIpv6Range:
        case IdType::kDerGn:
            break;
    }
    return fmt::format("type {}:{}", identity.type, hex(identity.data));
}

}  // namespace

std::string to_string(const Identity& identity) {
    const Decoded<Selector> selector = selector_of(identity);
    if (const auto* traffic = std::get_if<Selector>(&selector)) {
        return to_string(*traffic);
    }
    return name_of(identity) + traffic_text(identity.protocol, identity.port);
}

std::string to_string(const Selector& selector) {
    const Identity identity = identity_of(selector);
    std::string text = selector.first.to_string();
    const auto type = static_cast<IdType>(identity.type);
    if (type == IdType::kIpv4Subnet || type == IdType::kIpv6Subnet) {
        int length = 0;
        for (const std::uint8_t byte :
             ByteView(identity.data).subspan(config::address_bytes(selector.first.family))) {
            length += std::popcount(byte);
        }
        text += fmt::format("/{}", length);
    } else if (selector.first != selector.last) {
        text += "-" + selector.last.to_string();
    }
    return text + traffic_text(selector.protocol, selector.port);
}

}  // namespace control::ike
