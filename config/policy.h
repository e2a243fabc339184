// The object model of `netsh ipsec`: what the administrator wrote, before any of it is expanded.
//
// static context (durable, config/policy_store.h):
//   policy -> rules (ordered) -> one filter list + one filter action + authentication methods
// dynamic context (lost when the daemon stops):
//   main mode policy, quick mode policy, dynamic rule
//
// Objects refer to each other by GUID, so that a rename changes one object only.
#pragma once

#include "config/methods.h"
#include "config/secret.h"
#include "config/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

enum class Action : std::uint8_t { kPermit, kBlock, kNegotiate };
enum class ConnectionType : std::uint8_t { kAll, kLan, kDialup };

[[nodiscard]] std::string_view token(Action action);        // "permit" ...
[[nodiscard]] std::string_view token(ConnectionType type);  // "all" "lan" "dialup"

// One side of a filter. Symbols stay symbols until a RuleSet is compiled for a host.
enum class AddressKind : std::uint8_t {
    kAny,
    kMe,
    kHost,
    kSubnet,
    kRange,
    kDnsServers,
    kWinsServers,
    kDhcpServer,
    kDefaultGateway,
};

struct FilterAddress {
    AddressKind kind = AddressKind::kAny;
    IpAddress first;  // kHost, kSubnet (network address), kRange
    IpAddress last;   // kRange: inclusive end; kHost: == first; kSubnet: last address
    std::uint8_t prefix_length = 0;  // kHost (32 or 128), kSubnet
    std::string dns_name;            // kHost: the name the address was resolved from, or empty

    [[nodiscard]] bool is_symbol() const {
        return kind != AddressKind::kHost && kind != AddressKind::kSubnet
               && kind != AddressKind::kRange;
    }
    [[nodiscard]] bool is_server() const {
        return kind == AddressKind::kDnsServers || kind == AddressKind::kWinsServers
               || kind == AddressKind::kDhcpServer || kind == AddressKind::kDefaultGateway;
    }
    friend bool operator==(const FilterAddress&, const FilterAddress&) = default;
};

// Inclusive; {0, 65535} and {0, 0} as typed both mean any and are stored as {0, 65535}.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;

    [[nodiscard]] bool is_any() const { return first == 0 && last == 65535; }
    friend bool operator==(const PortRange&, const PortRange&) = default;
};

inline constexpr std::uint8_t kAnyProtocol = 0;

// The seven values that identify a filter (4.7: two filters that agree in all are duplicates).
struct FilterSpec {
    FilterAddress source;
    FilterAddress destination;
    std::uint8_t protocol = kAnyProtocol;  // IANA number; 0 = any
    PortRange source_port;                 // other than any only for TCP (6) and UDP (17)
    PortRange destination_port;
    bool mirrored = true;

    friend bool operator==(const FilterSpec&, const FilterSpec&) = default;
};

struct Filter {
    Guid guid;
    std::string description;
    FilterSpec spec;
};

struct FilterList {
    Guid guid;
    std::string name;
    std::string description;
    std::int64_t modified = 0;  // Unix time
};

struct FilterAction {
    Guid guid;
    std::string name;
    std::string description;
    Action action = Action::kNegotiate;
    bool qm_pfs = false;
    bool inbound_passthrough = false;  // inpass
    bool soft = false;                 // fall back to clear
    std::vector<QmOffer> offers;       // kept while the action is permit or block, but not shown
    std::int64_t modified = 0;
};

enum class AuthKind : std::uint8_t { kKerberos, kPresharedKey, kRootCa };

struct AuthMethod {
    AuthKind kind = AuthKind::kKerberos;
    SecretBytes preshared_key;  // kPresharedKey
    std::string root_ca;        // kRootCa: distinguished name
    bool certificate_mapping = false;
    bool exclude_ca_name = false;
};

enum class TunnelKind : std::uint8_t {
    kNone,             // transport
    kAddress,          // `endpoint`
    kFromFilters,      // tunnel=ip: far address of each filter
    kFromFilterNames,  // tunnel=dns: its stored DNS name
};

struct TunnelEndpoint {
    TunnelKind kind = TunnelKind::kNone;
    IpAddress endpoint;
    std::string dns_name;  // the name `endpoint` was resolved from, or empty

    friend bool operator==(const TunnelEndpoint&, const TunnelEndpoint&) = default;
};

struct Rule {
    Guid guid;
    std::string name;
    std::string description;
    Guid filter_list;    // nil: default response rule
    Guid filter_action;  // nil: default response rule
    TunnelEndpoint tunnel;
    ConnectionType connection_type = ConnectionType::kAll;
    bool active = true;
    std::vector<AuthMethod> auth_methods;  // in order of preference
    std::int64_t modified = 0;
};

// The rule every policy has and nobody can delete (4.16). Stored, shown, dumped; without effect.
struct DefaultResponseRule {
    Guid guid;
    bool active = true;
    bool qm_pfs = false;
    std::vector<QmOffer> offers;
    std::vector<AuthMethod> auth_methods;
};

struct Policy {
    Guid guid;
    std::string name;
    std::string description;
    bool mm_pfs = false;
    std::uint32_t qm_per_mm = 0;  // 0: no limit
    std::uint32_t mm_lifetime_minutes = 480;
    std::uint32_t polling_interval_minutes = 180;
    std::vector<MmOffer> offers;
    bool assigned = false;
    DefaultResponseRule default_rule;
    std::int64_t modified = 0;
};

struct MainModePolicy {
    std::string name;
    std::uint32_t qm_per_mm = 0;
    std::uint32_t mm_lifetime_minutes = 480;
    std::uint32_t soft_sa_minutes = 480;
    std::vector<MmOffer> offers;
};

enum class PfsGroup : std::uint8_t { kNone, kGroup1, kGroup2, kGroup3, kGroupMm };
[[nodiscard]] std::string_view token(PfsGroup group);  // "nopfs" "grp1" ... "grpmm"

struct QuickModePolicy {
    std::string name;
    bool soft = false;
    PfsGroup pfs_group = PfsGroup::kNone;
    std::vector<QmOffer> offers;
};

// A rule of the running SPD. It has no name: its identity is the filter tuple, the connection type
// and the tunnel end point.
struct DynamicRule {
    Guid guid;
    FilterSpec spec;
    ConnectionType connection_type = ConnectionType::kAll;
    TunnelEndpoint tunnel;
    std::string mm_policy;
    std::string qm_policy;  // may be empty when no action is negotiate
    Action inbound = Action::kNegotiate;
    Action outbound = Action::kNegotiate;
    std::vector<AuthMethod> auth_methods;
};

}  // namespace config
