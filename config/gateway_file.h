// gateway.toml: what the box is, as opposed to what its policy says. Read once at start-up.
#pragma once

#include "config/policy.h"
#include "config/result.h"
#include "config/types.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

inline constexpr std::size_t kMaxGatewayPorts = 32;

// A next hop whose MAC address is given, so that nobody has to be asked for it.
struct NeighborConfig {
    IpAddress address;
    MacAddress mac;
};

struct PortConfig {
    std::string name;
    std::string device;  // any DPDK device string: "0000:03:00.0", "net_tap0,iface=x"
    ConnectionType type = ConnectionType::kLan;  // kLan or kDialup
    std::vector<IpPrefix> addresses;             // host address with the on-link prefix length
    std::vector<NeighborConfig> neighbors;       // static; on-link addresses of this port
    std::optional<MacAddress> mac;               // default: the device's own
    std::uint16_t mtu = 1500;                    // 1280..9216
    std::uint16_t rx_queues = 1;
    std::string pair;            // transparent mode: the other port's name, else empty
    bool host_path = true;       // give the kernel a TAP for this port's own traffic
    std::string host_interface;  // name of that TAP; default "pc-<name>"
};

struct RouteConfig {
    IpPrefix destination;
    std::optional<IpAddress> via;  // absent: on-link
    std::string port;              // absent: the port whose prefix contains `via`
};

struct SymbolConfig {  // overrides of what the host's own files say
    std::vector<IpAddress> dns_servers;
    std::vector<IpAddress> wins_servers;
    std::vector<IpAddress> dhcp_servers;
};

struct IkeConfig {
    bool enabled = true;  // false: `action=negotiate` waits for SAs that somebody adds
    // This gateway's certificate, then intermediate ones, and its key, as PEM; or both as PKCS#12.
    std::string certificate;
    std::string private_key;
    std::string pkcs12;
    std::string pkcs12_password_file;  // first line; empty: no password
    std::vector<std::string> ca;       // PEM: the authorities that rules may name
    std::vector<std::string> crl;      // PEM or DER; read again when a file changes
    bool nat_traversal = true;
    std::uint32_t dpd_seconds = 30;       // silence after which a peer is asked; 0: never
    std::uint32_t fragment_bytes = 1280;  // longer messages are cut for peers that can; 0: never
    std::uint32_t retransmit_seconds = 2;
    std::uint32_t max_half_open = 1000;
    std::string insecure_key_log;  // file that keys are written to, for Wireshark; empty: off
};

struct GatewayConfig {
    std::vector<PortConfig> ports;
    std::vector<RouteConfig> routes;
    SymbolConfig symbols;
    IkeConfig ike;
    std::vector<std::uint16_t> worker_lcores;  // empty: one worker on the last allowed CPU
    std::uint16_t main_lcore = 0;
    bool busy_poll = false;  // poll = "busy": an idle worker never sleeps (default "adaptive")
    std::uint32_t memory_mb = 1024;  // DPDK memory: packets, large filter tables; touched as needed
    bool hugepages = true;           // used when there, else run without and say so once
    std::uint32_t mbufs = 16384;
    std::string file_prefix = "portcullis";  // EAL run-time directory name
    std::string control_socket = "/run/portcullis/control.sock";
    std::string control_group = "portcullis";  // empty: root only
    std::string state_directory = "/var/lib/portcullis";
};

// Every error of the file, each "gateway.toml:LINE: KEY: what was expected", one per line in the
// error's text. `path` is used in messages only.
[[nodiscard]] Result<GatewayConfig> parse_gateway_file(std::string_view toml,
                                                       std::string_view path);
[[nodiscard]] Result<GatewayConfig> load_gateway_file(const std::string& path);

}  // namespace config
