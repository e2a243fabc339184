// KernelShield: an interface that a port opens through a packet socket still belongs to the kernel,
// which gets a copy of every frame. Acting on it would carry traffic for this host past the
// filters. The shield tells the kernel to drop IPv4 (strict reverse path), IPv6 and ARP on such
// interfaces, and puts the settings back when it ends. What an address of the interface itself
// would need is not kept: the port's addresses belong to its TAP.
#pragma once

#include "config/gateway_file.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace control {

// The kernel interface that `device` shares with the kernel, or empty: net_af_packet, net_af_xdp
// and net_pcap name one with iface= or rx_iface=.
[[nodiscard]] std::string shared_interface_of(std::string_view device);

class KernelShield {
  public:
    // `root`: "/proc/sys/net"; tests give a folder of their own.
    explicit KernelShield(std::string root = "/proc/sys/net") : root_(std::move(root)) {}
    ~KernelShield();
    KernelShield(const KernelShield&) = delete;
    KernelShield& operator=(const KernelShield&) = delete;

    // Shields every shared interface; gives the names of those it has changed.
    std::vector<std::string> raise(const std::vector<config::PortConfig>& ports);

    // The system's own setting for all interfaces, loose reverse path, takes precedence: IPv4 to an
    // address of this host may get past the filters.
    [[nodiscard]] bool overruled() const;

  private:
    bool set(const std::string& path, const std::string& value);

    struct Saved {
        std::string path;
        std::string value;
    };

    std::string root_;
    std::vector<Saved> saved_;
};

}  // namespace control
