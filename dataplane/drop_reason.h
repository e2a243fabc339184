// Why a packet was dropped: one row each yields the enumerator, the name in listings and metrics,
// the help text, the counter and the page docs/counters.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dataplane {

// Enumerator, name, help.
#define PORTCULLIS_DROP_REASONS(X)                                                                \
    X(kRuntFrame, "runt-frame", "Frame shorter than an Ethernet header.")                         \
    X(kSegmentedFrame, "segmented-frame", "Headers are spread over several buffer segments.")     \
    X(kUnknownEthertype, "unknown-ethertype", "Neither IPv4, IPv6 nor ARP.")                      \
    X(kVlanTagged, "vlan-tagged", "VLAN tag on a routed port.")                                   \
    X(kNotForUs, "not-for-us", "Unicast frame to another MAC address.")                           \
    X(kLinkBroadcast, "link-broadcast", "Unicast IP packet in a broadcast or multicast frame.")   \
    X(kIpTruncated, "ip-truncated", "Frame ends before the IP header or its total length.")       \
    X(kIpBadVersion, "ip-bad-version", "Version field does not fit the EtherType.")               \
    X(kIpBadHeaderLength, "ip-bad-header-length", "IPv4 header length below 20 or past the end.") \
    X(kIpBadLength, "ip-bad-length", "Total length below the header length.")                     \
    X(kIpBadChecksum, "ip-bad-checksum", "IPv4 header checksum is wrong.")                        \
    X(kIpBadOptions, "ip-bad-options", "IPv4 options cannot be walked.")                          \
    X(kIpSourceRoute, "ip-source-route", "IPv4 source route or IPv6 type 0 routing header.")      \
    X(kIpBadExtension, "ip-bad-extension", "IPv6 extension header chain cannot be walked.")       \
    X(kMartianSource, "martian-source", "Source address that no packet on a wire may have.")      \
    X(kMartianDestination, "martian-destination", "Destination no router may forward to.")        \
    X(kSpoofedMe, "spoofed-me", "Packet from outside with one of our own source addresses.")      \
    X(kL4Truncated, "l4-truncated", "Packet ends inside the TCP, UDP or ICMP header.")            \
    X(kFragmentOverlap, "fragment-overlap", "Fragments of one datagram overlap.")                 \
    X(kFragmentBad, "fragment-bad", "Fragment with impossible offset, length or first header.")   \
    X(kFragmentLimit, "fragment-limit", "More unfinished datagrams or fragments than allowed.")   \
    X(kFragmentTimeout, "fragment-timeout", "Datagram whose other fragments did not arrive.")     \
    X(kFilterBlock, "filter-block", "A filter with the action block matched.")                    \
    X(kNegotiateNoSa, "negotiate-no-sa", "A negotiate filter matched and no SA protects it.")     \
    X(kNegotiationFailed,                                                                         \
      "negotiation-failed",                                                                       \
      "Waited for an SA; IKE and the peer did not agree.")                                        \
    X(kNegotiationTimeout, "negotiation-timeout", "Waited for an SA longer than packets may.")    \
    X(kNegotiateTransit,                                                                          \
      "negotiate-transit",                                                                        \
      "A transport rule cannot protect forwarded packets.")                                       \
    X(kNegotiateNoPeer, "negotiate-no-peer", "The tunnel rule that matched has no end point.")    \
    X(kClearText, "clear-text", "Arrived unprotected, but its rule wants it protected.")          \
    X(kSaUnknown, "sa-unknown", "ESP or AH for this host with an SPI that no SA has.")            \
    X(kSaExpired, "sa-expired", "The SA has reached the hard limit of its lifetime.")             \
    X(kSaPolicyMismatch, "sa-policy-mismatch", "Verified, but no rule allows it by this SA.")     \
    X(kBundleMismatch, "bundle-mismatch", "AH or ESP without the other half of its bundle.")      \
    X(kEncapsulationMismatch, "encap-mismatch", "ESP in UDP where the SA has none, or without.")  \
    X(kSequenceExhausted, "sequence-exhausted", "The SA has used up its sequence numbers.")       \
    X(kSequenceZero, "sequence-zero", "ESP or AH with sequence number 0.")                        \
    X(kReplayed, "replayed", "ESP or AH whose sequence number was received before.")              \
    X(kReplayTooOld, "replay-too-old", "ESP or AH left of the anti-replay window.")               \
    X(kIcvMismatch, "icv-mismatch", "The ICV is wrong: changed on the way, or another key.")      \
    X(kEspTruncated, "esp-truncated", "Too short for ESP header, IV, trailer and ICV.")           \
    X(kEspBadLength, "esp-bad-length", "Ciphertext is not a multiple of the cipher's block.")     \
    X(kEspBadPadding,                                                                             \
      "esp-bad-padding",                                                                          \
      "ESP padding is not 1, 2, 3..., or longer than it can be.")                                 \
    X(kEspDummy, "esp-dummy", "ESP dummy packet (next header 59).")                               \
    X(kAhTruncated, "ah-truncated", "Too short for the AH and its ICV.")                          \
    X(kAhBadLength, "ah-bad-length", "The AH's length field does not fit the SA.")                \
    X(kBadNextHeader, "bad-next-header", "ESP or AH holds what its SA's mode cannot hold.")       \
    X(kEcnInvalid, "ecn-invalid", "Congestion mark on a tunnel packet that cannot carry it.")     \
    X(kIpsecNesting, "ipsec-nesting", "More ESP and AH headers inside each other than allowed.")  \
    X(kIpsecTooLong, "ipsec-too-long", "Would be longer than 65,535 bytes once protected.")       \
    X(kReassembledTooLong, "reassembled-too-long", "Datagram too long to be put together.")       \
    X(kNatKeepalive, "nat-keepalive", "NAT keepalive (RFC 3948 2.3); nothing to do.")             \
    X(kTtlExpired, "ttl-expired", "Time to live or hop limit used up.")                           \
    X(kNoRoute, "no-route", "No route to the destination.")                                       \
    X(kBlackhole, "blackhole", "Multicast or broadcast, which is not forwarded.")                 \
    X(kMtuExceeded, "mtu-exceeded", "Longer than the next link's MTU and not to be fragmented.")  \
    X(kNeighborUnresolved, "neighbor-unresolved", "The next hop did not answer ARP or ND.")       \
    X(kNeighborQueueFull, "neighbor-queue-full", "Too many packets wait for ARP or ND.")          \
    X(kNeighborBad, "neighbor-bad", "ARP or neighbour discovery packet that is not valid.")       \
    X(kNoHostPath, "no-host-path", "For this host, but the port has no path to the kernel.")      \
    X(kHostPathError, "host-path-error", "The kernel did not take or give a valid packet.")       \
    X(kEventRingFull, "event-ring-full", "Control did not keep up with this worker's events.")    \
    X(kNoBuffer, "no-buffer", "No packet buffer was free.")                                       \
    X(kTxFull, "tx-full", "The transmit queue took no more packets.")                             \
    X(kPortDown, "port-down", "The outgoing port is not running.")                                \
    X(kShutdown, "shutdown", "Held when the gateway stopped.")

enum class DropReason : std::uint8_t {
#define X(name, token, help) name,
    PORTCULLIS_DROP_REASONS(X)
#undef X
};

struct DropReasonRow {
    DropReason reason;
    std::string_view token;
    std::string_view help;
};

inline constexpr auto kDropReasons = std::to_array<DropReasonRow>({
#define X(name, token, help) {DropReason::name, token, help},
    PORTCULLIS_DROP_REASONS(X)
#undef X
});

inline constexpr std::size_t kDropReasonCount = kDropReasons.size();

}  // namespace dataplane
