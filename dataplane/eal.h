// Eal: DPDK's environment abstraction layer, started once for a process with what gateway.toml says
// and nothing on the disk: no run-time files, no telemetry socket, no secondary processes.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dataplane {

// The `0000:03:00.0` of a PCI device string; empty for a virtual device.
[[nodiscard]] std::string pci_address_of(std::string_view device);

// Collects DPDK's log lines instead of letting them reach stderr, so that an error of ours can
// quote the driver's own words on one line. Not nested; one thread at a time.
class DpdkLogCapture {
  public:
    DpdkLogCapture();
    ~DpdkLogCapture();
    DpdkLogCapture(const DpdkLogCapture&) = delete;
    DpdkLogCapture& operator=(const DpdkLogCapture&) = delete;

    // The first line that says what went wrong, without the trailing newline; empty if there is
    // none.
    [[nodiscard]] std::string reason() const;
};

class Eal {
  public:
    // The calling thread becomes the main lcore and is pinned to `main_lcore`. Errors: kSystem or
    // kGatewayFile, naming the key that cannot be met. A process can do this once.
    [[nodiscard]] static config::Result<std::unique_ptr<Eal>> start(
        const config::GatewayConfig& config);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    // Workers in order: the EAL lcore number for rte_eal_remote_launch and the CPU it is pinned to.
    struct WorkerCore {
        unsigned lcore = 0;
        std::uint16_t cpu = 0;
    };
    [[nodiscard]] const std::vector<WorkerCore>& workers() const { return workers_; }
    [[nodiscard]] bool hugepages() const { return hugepages_; }
    // Said once at start-up: why hugepages are not used although they were asked for; else empty.
    [[nodiscard]] const std::string& notice() const { return notice_; }

  private:
    Eal() = default;

    std::vector<WorkerCore> workers_;
    bool hugepages_ = false;
    std::string notice_;
};

}  // namespace dataplane
