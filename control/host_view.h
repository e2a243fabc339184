// What the host's symbols (me, DNS, WINS, DHCP, gateway) stand for: from gateway.toml, resolv.conf,
// DHCP lease files and the kernel's default routes. Only reads; who watches and when is the
// caller's.
#pragma once

#include "config/gateway_file.h"
#include "config/rule_set.h"
#include "config/types.h"
#include "dataplane/topology.h"

#include <string>
#include <string_view>
#include <vector>

namespace control {

struct HostFiles {
    std::string resolv_conf = "/etc/resolv.conf";
    // Folders of lease files: ISC dhclient, NetworkManager, systemd-networkd, udhcpc style.
    std::vector<std::string> lease_folders = {
        "/var/lib/dhcp", "/var/lib/NetworkManager", "/run/systemd/netif/leases"};
};

// `kernel_gateways`: next hops of the kernel's default routes (kernel_default_gateways()).
[[nodiscard]] config::HostView make_host_view(
    const config::GatewayConfig& gateway,
    const dataplane::Topology& topology,
    const HostFiles& files,
    const std::vector<config::IpAddress>& kernel_gateways);

// "nameserver" lines; a zone after % and words that are no address are ignored.
[[nodiscard]] std::vector<config::IpAddress> parse_resolv_conf(std::string_view text);
// The servers of the leases in one lease file: "option dhcp-server-identifier A;" of dhclient,
// "SERVER_ADDRESS=A" of systemd-networkd and NetworkManager. Of several leases the last counts.
[[nodiscard]] std::vector<config::IpAddress> parse_lease_file(std::string_view text);

// Empty when the kernel cannot be asked.
[[nodiscard]] std::vector<config::IpAddress> kernel_default_gateways();

}  // namespace control
