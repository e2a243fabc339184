// A whole dataplane between in-memory ports: what the test puts into a port's `in` ring the worker
// receives, what the worker transmits the test finds in its `out` ring.
#pragma once

#include "dataplane/dataplane.h"

#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tests {

class RingGateway {
  public:
    // Ports "lan" 10.0.0.1/24 and "wan" 10.0.1.1/24, 2001:db8:0::1/64 and 2001:db8:1::1/64, with
    // neighbours 10.0.0.2 and 10.0.1.2 (and ::2) resolved.
    RingGateway();
    ~RingGateway();
    RingGateway(const RingGateway&) = delete;
    RingGateway& operator=(const RingGateway&) = delete;

    static constexpr std::uint16_t kLan = 0;
    static constexpr std::uint16_t kWan = 1;
    static constexpr unsigned kRingSize = 1024;

    [[nodiscard]] dataplane::Dataplane& dataplane() { return *dataplane_; }
    // A snapshot with the gateway's routes and neighbours and these filters.
    [[nodiscard]] std::unique_ptr<const dataplane::Snapshot> snapshot(
        const config::RuleSet& rule_set, std::uint64_t revision);

    // False: the ring is full.
    [[nodiscard]] bool send(std::uint16_t port, std::span<const std::uint8_t> frame);
    // nullptr: nothing there. The caller frees it.
    [[nodiscard]] rte_mbuf* take(std::uint16_t port);
    // The same, waiting up to ten seconds.
    [[nodiscard]] rte_mbuf* await(std::uint16_t port);
    [[nodiscard]] config::MacAddress mac(std::uint16_t port) const;

    // Sums over workers and control.
    [[nodiscard]] std::uint64_t received() const;
    [[nodiscard]] std::uint64_t injected() const;
    [[nodiscard]] std::uint64_t transmitted() const;
    [[nodiscard]] std::uint64_t dropped() const;
    [[nodiscard]] std::uint64_t dropped(dataplane::DropReason reason) const;
    [[nodiscard]] std::uint64_t to_control() const;
    [[nodiscard]] unsigned buffers_in_use() const;

  private:
    struct Rings {
        std::string device;
        rte_ring* in = nullptr;
        rte_ring* out = nullptr;
    };
    std::vector<Rings> rings_;
    std::unique_ptr<dataplane::Dataplane> dataplane_;
    std::shared_ptr<const dataplane::ForwardTable> routes_;
    std::shared_ptr<const dataplane::NeighborTable> neighbors_;
};

}  // namespace tests
