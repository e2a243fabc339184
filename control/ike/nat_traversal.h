// NAT traversal (RFC 3947 and its drafts 02 and 03): which version is spoken, who is behind a NAT.
#pragma once

#include "control/ike/host.h"
#include "control/ike/keymat.h"
#include "control/ike/report.h"

#include <vector>

namespace control::ike {

// What both ends announce; the drafts have payload and mode numbers of their own.
enum class NatTraversal : std::uint8_t { kNone, kDraft, kRfc };

[[nodiscard]] PayloadType nat_discovery_payload(NatTraversal version);
[[nodiscard]] PayloadType nat_original_payload(NatTraversal version);

// The best of what the peer announced: bits by Vendor, as IsakmpSa::vendors.
[[nodiscard]] NatTraversal nat_traversal_of(std::uint32_t vendors);
// What a responder answers: the one vendor ID it will speak.
[[nodiscard]] std::optional<Vendor> nat_traversal_vendor(std::uint32_t vendors);

struct NatDiscovery {
    config::Hash hash = config::Hash::kSha1;
    Cookie initiator{};
    Cookie responder{};
    Endpoint local;
    Endpoint remote;
};
// Bodies of the two payloads: of the destination, then of the source.
[[nodiscard]] std::vector<Bytes> nat_discovery(const NatDiscovery& ends);
// What the peer's payloads say; none of them: no NAT.
[[nodiscard]] NatSituation nat_situation(const NatDiscovery& ends,
                                         const std::vector<ByteView>& received);

// RFC 3947 5.2: type, three reserved bytes, address.
[[nodiscard]] Bytes nat_original_address(const config::IpAddress& address);

}  // namespace control::ike
