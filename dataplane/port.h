// Port: one DPDK device, opened from its device string, with its queues, MTU and address. Anything
// DPDK can probe works: a PCI address, or a virtual device such as "net_tap0,iface=x".
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "config/types.h"

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

namespace dataplane {

// What the device itself counts and says, beside the workers' counters.
struct PortStatus {
    std::string driver;
    bool link_up = false;
    std::uint64_t missed = 0;  // no descriptor or no buffer was free
    std::uint64_t errors = 0;  // receive and transmit errors of the device
};

class Port {
  public:
    struct Queues {
        std::uint16_t rx = 1;
        std::uint16_t tx = 1;  // one for each worker
        rte_mempool* pool = nullptr;
    };

    // Probes, configures and leaves the device stopped. A device that exists already (a PCI device
    // found at start-up, or one a test made) is taken over, but not removed afterwards. Errors:
    // kDevice, naming port, device string and what was expected.
    [[nodiscard]] static config::Result<std::unique_ptr<Port>> open(
        const config::PortConfig& config, const Queues& queues);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] config::Result<void> start();
    void stop();

    [[nodiscard]] std::uint16_t device_id() const { return device_id_; }  // ethdev port id
    [[nodiscard]] const config::MacAddress& mac() const { return mac_; }
    // Receive queues there are, at least those asked for: every one must be polled.
    [[nodiscard]] std::uint16_t rx_queues() const { return rx_queues_; }
    [[nodiscard]] std::uint16_t mtu() const { return config_.mtu; }
    [[nodiscard]] const config::PortConfig& config() const { return config_; }
    [[nodiscard]] PortStatus status() const;

  private:
    explicit Port(const config::PortConfig& config) : config_(config) {}

    [[nodiscard]] config::Result<void> probe();
    [[nodiscard]] config::Result<void> configure(const Queues& queues);
    [[nodiscard]] config::Result<void> set_up_queues(std::uint16_t tx, rte_mempool* pool);
    [[nodiscard]] config::Result<void> set_mtu();
    [[nodiscard]] config::Result<void> set_address_filters();
    [[nodiscard]] config::Error error(const std::string& what) const;

    config::PortConfig config_;
    static constexpr std::uint16_t kNoDevice = 0xFFFF;
    std::uint16_t device_id_ = kNoDevice;
    std::uint64_t owner_ = 0;  // ethdev ownership: two ports cannot open one device
    std::uint16_t rx_queues_ = 0;
    config::MacAddress mac_;
    bool probed_here_ = false;
    bool started_ = false;
};

}  // namespace dataplane
