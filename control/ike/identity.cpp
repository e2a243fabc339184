#include "control/ike/identity.h"

#include "control/ike/wire.h"

#include <algorithm>

namespace control::ike {
namespace {

constexpr std::size_t kIdentityBytes = 4;  // type, protocol, port

using config::Family;
using config::IpAddress;

struct Form {
    Family family;
    std::size_t addresses;  // 2: subnet or range
};

// Of the types that name addresses.
std::optional<Form> form_of(std::uint8_t type) {
    switch (static_cast<IdType>(type)) {
        case IdType::kIpv4Address:
            return Form{Family::kIpv4, 1};
        case IdType::kIpv4Subnet:
        case IdType::kIpv4Range:
            return Form{Family::kIpv4, 2};
        case IdType::kIpv6Address:
            return Form{Family::kIpv6, 1};
        case IdType::kIpv6Subnet:
        case IdType::kIpv6Range:
            return Form{Family::kIpv6, 2};
        case IdType::kFqdn:
        case IdType::kUserFqdn:
        case IdType::kDerDn:
        case IdType::kDerGn:
        case IdType::kKeyId:
            break;
    }
    return std::nullopt;
}

bool fits(std::uint8_t type, std::size_t bytes) {
    if (const auto form = form_of(type)) {
        return bytes == form->addresses * config::address_bytes(form->family);
    }
    return bytes > 0;
}

// Number of leading ones, if nothing but zeros follows.
std::optional<unsigned> mask_length(const IpAddress& mask) {
    unsigned length = 0;
    bool ended = false;
    for (const std::uint8_t byte : mask.view()) {
        for (unsigned bit = 0x80; bit != 0; bit >>= 1U) {
            const bool one = (byte & bit) != 0;
            if (one && ended) {
                return std::nullopt;
            }
            ended = !one;
            length += one ? 1 : 0;
        }
    }
    return length;
}

IpAddress mask_of(Family family, unsigned length) {
    IpAddress mask{.family = family};
    for (unsigned bit = 0; bit < length; ++bit) {
        mask.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    }
    return mask;
}

// The prefix that is exactly `first` to `last`.
std::optional<unsigned> prefix_length(const IpAddress& first, const IpAddress& last) {
    for (unsigned length = 0; length <= config::address_bits(first.family); ++length) {
        const config::IpPrefix prefix{first, static_cast<std::uint8_t>(length)};
        if (prefix.first() == first && prefix.last() == last) {
            return length;
        }
    }
    return std::nullopt;
}

void append_address(Bytes& to, const IpAddress& address) {
    append(to, address.view());
}

std::uint8_t type_for(Family family, IdType v4, IdType v6) {
    return static_cast<std::uint8_t>(family == Family::kIpv4 ? v4 : v6);
}

}  // namespace

// RFC 2407 4.6.2.
Decoded<Identity> decode_identity(ByteView body) {
    if (body.size() < kIdentityBytes || !fits(body[0], body.size() - kIdentityBytes)) {
        return Drop::kBadPayload;
    }
    return Identity{
        body[0], body[1], read_u16(body, 2), Bytes(body.begin() + kIdentityBytes, body.end())};
}

Bytes encode_identity(const Identity& identity) {
    Bytes body{identity.type, identity.protocol};
    append_u16(body, identity.port);
    append(body, identity.data);
    return body;
}

Decoded<Selector> selector_of(const Identity& identity) {
    const auto form = form_of(identity.type);
    if (!form || !fits(identity.type, identity.data.size())) {
        return Drop::kBadIdentity;
    }
    const auto address = [&](std::size_t index) {
        return IpAddress::from_bytes(
            form->family, identity.data.data() + index * config::address_bytes(form->family));
    };
    Selector selector{address(0), address(form->addresses - 1), identity.protocol, identity.port};
    const auto type = static_cast<IdType>(identity.type);
    if (type == IdType::kIpv4Subnet || type == IdType::kIpv6Subnet) {
        const auto length = mask_length(selector.last);
        if (!length) {
            return Drop::kBadIdentity;
        }
        const config::IpPrefix prefix{selector.first, static_cast<std::uint8_t>(*length)};
        selector.first = prefix.first();
        selector.last = prefix.last();
    }
    if (selector.last < selector.first) {
        return Drop::kBadIdentity;
    }
    return selector;
}

Identity identity_of(const Selector& selector) {
    const Family family = selector.first.family;
    Identity identity;
    identity.protocol = selector.protocol;
    identity.port = selector.port;
    append_address(identity.data, selector.first);
    if (selector.first == selector.last) {
        identity.type = type_for(family, IdType::kIpv4Address, IdType::kIpv6Address);
    } else if (const auto length = prefix_length(selector.first, selector.last)) {
        identity.type = type_for(family, IdType::kIpv4Subnet, IdType::kIpv6Subnet);
        append_address(identity.data, mask_of(family, *length));
    } else {
        identity.type = type_for(family, IdType::kIpv4Range, IdType::kIpv6Range);
        append_address(identity.data, selector.last);
    }
    return identity;
}

Identity address_identity(const IpAddress& address) {
    return identity_of({address, address, 0, 0});
}

Identity dn_identity(ByteView der) {
    Identity identity;
    identity.type = static_cast<std::uint8_t>(IdType::kDerDn);
    identity.data.assign(der.begin(), der.end());
    return identity;
}

}  // namespace control::ike
