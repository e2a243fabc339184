// TapDevice: the kernel's end of one port: a TAP interface with the port's MAC address, MTU,
// addresses and routes, so that programs on this machine use the gateway's addresses through the
// filters. Gone when closed: the interface is not persistent. Needs CAP_NET_ADMIN.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "config/types.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace control {

struct TapConfig {
    std::string interface;
    config::MacAddress mac;
    std::uint16_t mtu = 1500;
    std::vector<config::IpPrefix> addresses;  // link-local included
    std::vector<config::RouteConfig> routes;  // those that leave through this port
};

class TapDevice {
  public:
    // Creates, configures and raises the interface. Fails if it exists.
    [[nodiscard]] static config::Result<TapDevice> open(const TapConfig& config);
    TapDevice(TapDevice&& other) noexcept;
    TapDevice& operator=(TapDevice&& other) noexcept;
    TapDevice(const TapDevice&) = delete;
    TapDevice& operator=(const TapDevice&) = delete;
    ~TapDevice();

    [[nodiscard]] int descriptor() const { return fd_; }
    [[nodiscard]] const std::string& interface() const { return interface_; }

    // One Ethernet frame each, without blocking. read: bytes read, 0 when there is none.
    [[nodiscard]] std::size_t read(std::span<std::uint8_t> frame);
    [[nodiscard]] bool write(std::span<const std::uint8_t> frame);

  private:
    TapDevice(int fd, std::string interface) : fd_(fd), interface_(std::move(interface)) {}

    int fd_ = -1;
    std::string interface_;
};

}  // namespace control
