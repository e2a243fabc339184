// KernelShield: see kernel_shield.h.
#include "control/kernel_shield.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace control {

namespace {

struct Knob {
    const char* path;
    const char* value;
};
constexpr auto kKnobs = std::to_array<Knob>({
    {"{}/ipv4/conf/{}/rp_filter", "1"},
    {"{}/ipv4/conf/{}/arp_ignore", "8"},  // answers for no local address
    {"{}/ipv6/conf/{}/disable_ipv6", "1"},
});

constexpr auto kSharingDrivers =
    std::to_array<std::string_view>({"net_af_packet", "net_af_xdp", "net_pcap"});

}  // namespace

std::string shared_interface_of(std::string_view device) {
    if (std::none_of(kSharingDrivers.begin(), kSharingDrivers.end(), [&](std::string_view driver) {
            return device.starts_with(driver);
        })) {
        return {};
    }
    while (!device.empty()) {
        const std::size_t end = std::min(device.find(','), device.size());
        const std::string_view part = device.substr(0, end);
        device.remove_prefix(std::min(end + 1, device.size()));
        for (const std::string_view key : {"iface=", "rx_iface="}) {
            if (part.starts_with(key)) {
                return std::string(part.substr(key.size()));
            }
        }
    }
    return {};
}

std::vector<std::string> KernelShield::raise(const std::vector<config::PortConfig>& ports) {
    std::vector<std::string> changed;
    for (const config::PortConfig& port : ports) {
        const std::string interface = shared_interface_of(port.device);
        // A name is one path component; gateway.toml may hold anything.
        if (interface.empty() || interface.find('/') != std::string::npos || interface[0] == '.') {
            continue;
        }
        bool any = false;
        for (const Knob& knob : kKnobs) {
            any = set(fmt::format(fmt::runtime(knob.path), root_, interface), knob.value) || any;
        }
        if (any) {
            changed.push_back(interface);
        }
    }
    return changed;
}

bool KernelShield::overruled() const {
    // The kernel uses the larger of the two values, and 2 is the loose check.
    int all = 0;
    return std::ifstream(root_ + "/ipv4/conf/all/rp_filter") >> all && all == 2;
}

bool KernelShield::set(const std::string& path, const std::string& value) {
    std::string before;
    if (!(std::ifstream(path) >> before) || before == value) {
        return false;
    }
    std::ofstream(path) << value;
    saved_.push_back({path, before});
    return true;
}

KernelShield::~KernelShield() {
    for (const Saved& saved : saved_) {
        std::ofstream(saved.path) << saved.value;
    }
}

}  // namespace control
