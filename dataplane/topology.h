// The ports as the pipeline sees them: fixed when the gateway starts, read by every worker.
#pragma once

#include "config/gateway_file.h"
#include "dataplane/forward_table.h"
#include "dataplane/packet.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dataplane {

struct PortInfo {
    std::string name;
    config::MacAddress mac;
    std::uint16_t mtu = 1500;
    std::uint8_t connection_bit = kConnLan;
    std::uint16_t pair = kNoPort;  // transparent mode: where every packet of this port goes
    bool host_path = false;
    std::vector<config::IpPrefix> addresses;  // as configured, plus the link-local IPv6 address
};

struct Topology {
    std::vector<PortInfo> ports;  // index = port number everywhere in the dataplane
};

// Addresses and static routes of the file as forwarding entries: local, connected, broadcast,
// static.
[[nodiscard]] config::Result<std::vector<RouteEntry>> make_routes(
    const Topology& topology, const std::vector<config::RouteConfig>& routes);

// RFC 4291 2.5.1 modified EUI-64.
[[nodiscard]] config::IpAddress link_local_address(const config::MacAddress& mac);

}  // namespace dataplane
