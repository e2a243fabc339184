// Identification payloads (RFC 2407 4.6.2): of a peer in main mode, of traffic in quick mode.
#pragma once

#include "config/types.h"
#include "control/ike/isakmp.h"

#include <cstdint>
#include <string>

namespace control::ike {

enum class IdType : std::uint8_t {
    kIpv4Address = 1,
    kFqdn = 2,
    kUserFqdn = 3,
    kIpv4Subnet = 4,
    kIpv6Address = 5,
    kIpv6Subnet = 6,
    kIpv4Range = 7,
    kIpv6Range = 8,
    kDerDn = 9,
    kDerGn = 10,
    kKeyId = 11,
};

struct Identity {
    std::uint8_t type = 0;  // IdType, or what a stranger sent
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    Bytes data;

    friend bool operator==(const Identity&, const Identity&) = default;
};

// Traffic of one end of an SA: addresses first to last inclusive, protocol and port 0 = any.
struct Selector {
    config::IpAddress first;
    config::IpAddress last;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;

    friend bool operator==(const Selector&, const Selector&) = default;
};
// As this host sees it.
struct TrafficSelectors {
    Selector local;
    Selector remote;

    friend bool operator==(const TrafficSelectors&, const TrafficSelectors&) = default;
};

// Any type, with data whose length the type allows. Errors: kBadPayload.
[[nodiscard]] Decoded<Identity> decode_identity(ByteView body);
[[nodiscard]] Bytes encode_identity(const Identity& identity);

// Of quick mode. Errors: kBadIdentity for types that name no addresses (FQDN, DN, ...), masks with
// holes, ranges that end before they begin.
[[nodiscard]] Decoded<Selector> selector_of(const Identity& identity);
// The shortest form: address, subnet or range.
[[nodiscard]] Identity identity_of(const Selector& selector);

[[nodiscard]] Identity address_identity(const config::IpAddress& address);
[[nodiscard]] Identity dn_identity(ByteView der);

// "10.1.0.0/16", "10.0.0.1-10.0.0.9 tcp 445", "C=DE, CN=gw", "fqdn:gw.example": for logs and
// listings; what is not printable is escaped.
[[nodiscard]] std::string to_string(const Identity& identity);
[[nodiscard]] std::string to_string(const Selector& selector);

}  // namespace control::ike
