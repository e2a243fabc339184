// One security association as an operator or IKE states it: one direction, one protocol, its keys.
// The dataplane makes its Sa of it (dataplane/sa.h).
#pragma once

#include "config/algorithms.h"
#include "config/secret.h"
#include "config/types.h"

#include <cstdint>
#include <optional>

namespace config {

// Values as on the wire (IANA protocol numbers).
enum class IpsecProtocol : std::uint8_t { kEsp = 50, kAh = 51 };
enum class SaMode : std::uint8_t { kTransport, kTunnel };
enum class SaDirection : std::uint8_t { kInbound, kOutbound };
// Tunnel mode over IPv4: the DF bit of the outer header (RFC 4301 8.1).
enum class DfPolicy : std::uint8_t { kCopy, kSet, kClear };
// An IPv4 packet that may be fragmented and is too long once protected: cut it first, so that every
// fragment is protected and the peer need not reassemble (RFC 4301 7), or cut the protected packet.
enum class FragmentPolicy : std::uint8_t { kBefore, kAfter };

// Bytes are those the algorithms are applied to (RFC 4301 4.4.2.1). 0: no limit.
struct SaLifetime {
    std::uint64_t soft_bytes = 0;
    std::uint64_t hard_bytes = 0;
    std::uint32_t soft_seconds = 0;
    std::uint32_t hard_seconds = 0;

    friend bool operator==(const SaLifetime&, const SaLifetime&) = default;
};

// RFC 3948: ESP in UDP, ports of the outer header. Inbound the source port is not checked.
struct UdpEncapsulation {
    std::uint16_t source_port = 4500;
    std::uint16_t destination_port = 4500;

    friend bool operator==(const UdpEncapsulation&, const UdpEncapsulation&) = default;
};

// A rule, or one of the specific filters that it expands to, by the number it keeps while the
// daemon runs (RuleSetRule::tag, RuleRow::selector). No two of either have the same.
using RuleTag = std::uint32_t;
inline constexpr RuleTag kAnyRule = 0;

inline constexpr std::uint32_t kMinSpi = 256;  // RFC 4303 2.1: 1 to 255 are reserved
inline constexpr std::uint32_t kMinReplayWindow = 64;
inline constexpr std::uint32_t kMaxReplayWindow = 4096;

struct SaSpec {
    SaDirection direction = SaDirection::kOutbound;
    IpsecProtocol protocol = IpsecProtocol::kEsp;
    SaMode mode = SaMode::kTransport;
    std::uint32_t spi = 0;
    // Ends of the SA: of the outer header in tunnel mode, of the packet itself in transport mode.
    IpAddress source;
    IpAddress destination;
    Cipher cipher = Cipher::kNone;  // kNone with AH
    Hash hash = Hash::kNone;
    SecretBytes cipher_key;  // with the salt, where the algorithm has one
    SecretBytes auth_key;
    bool esn = false;
    std::uint32_t replay_window = kMinReplayWindow;  // inbound; 0: sequence numbers are not checked
    SaLifetime lifetime;
    std::optional<UdpEncapsulation> encapsulation;  // ESP only
    std::optional<std::uint8_t> dscp;               // tunnel mode; nothing: the inner one's
    DfPolicy df = DfPolicy::kCopy;
    FragmentPolicy fragments = FragmentPolicy::kBefore;
    // The rule whose traffic it carries, or the selector; kAnyRule: of every rule whose mode and
    // end point fit.
    RuleTag rule = kAnyRule;
    // A soft SA protects nothing: while there is no other SA for them, its packets leave in clear,
    // counted, because the peer does not speak IKE. Outbound, without SPI, algorithms and keys;
    // ends after some seconds at most.
    bool soft = false;
};

}  // namespace config
