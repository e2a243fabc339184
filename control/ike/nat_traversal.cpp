#include "control/ike/nat_traversal.h"

#include "control/ike/identity.h"

#include <algorithm>
#include <array>

namespace control::ike {
namespace {

// Most preferred first.
constexpr std::array kVersions = {Vendor::kNatTraversalRfc,
                                  Vendor::kNatTraversalDraft03,
                                  Vendor::kNatTraversalDraft02n,
                                  Vendor::kNatTraversalDraft02};

Bytes hash_of(const NatDiscovery& ends, const Endpoint& end) {
    return nat_hash(ends.hash, ends.initiator, ends.responder, end.address.view(), end.port);
}

bool is(ByteView received, const Bytes& hash) {
    return std::ranges::equal(received, hash);
}

}  // namespace

PayloadType nat_discovery_payload(NatTraversal version) {
    return version == NatTraversal::kDraft ? PayloadType::kNatDiscoveryDraft
                                           : PayloadType::kNatDiscovery;
}

PayloadType nat_original_payload(NatTraversal version) {
    return version == NatTraversal::kDraft ? PayloadType::kNatOriginalAddressDraft
                                           : PayloadType::kNatOriginalAddress;
}

std::optional<Vendor> nat_traversal_vendor(std::uint32_t vendors) {
    for (const Vendor vendor : kVersions) {
        if ((vendors & (1U << static_cast<unsigned>(vendor))) != 0) {
            return vendor;
        }
    }
    return std::nullopt;
}

NatTraversal nat_traversal_of(std::uint32_t vendors) {
    const std::optional<Vendor> vendor = nat_traversal_vendor(vendors);
    if (!vendor) {
        return NatTraversal::kNone;
    }
    return *vendor == Vendor::kNatTraversalRfc ? NatTraversal::kRfc : NatTraversal::kDraft;
}

std::vector<Bytes> nat_discovery(const NatDiscovery& ends) {
    // RFC 3947 3.2: the first is of the destination, the others of the source.
    return {hash_of(ends, ends.remote), hash_of(ends, ends.local)};
}

NatSituation nat_situation(const NatDiscovery& ends, const std::vector<ByteView>& received) {
    if (received.size() < 2) {
        return NatSituation::kNone;
    }
    const bool local = !is(received.front(), hash_of(ends, ends.local));
    const Bytes source = hash_of(ends, ends.remote);
    const bool remote = std::none_of(
        received.begin() + 1, received.end(), [&](ByteView hash) { return is(hash, source); });
    if (local) {
        return remote ? NatSituation::kBoth : NatSituation::kLocal;
    }
    return remote ? NatSituation::kRemote : NatSituation::kNone;
}

Bytes nat_original_address(const config::IpAddress& address) {
    const bool v4 = address.family == config::Family::kIpv4;
    Bytes body{
        static_cast<std::uint8_t>(v4 ? IdType::kIpv4Address : IdType::kIpv6Address), 0, 0, 0};
    body.insert(body.end(), address.view().begin(), address.view().end());
    return body;
}

}  // namespace control::ike
