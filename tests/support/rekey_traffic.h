// Packets with numbers from one site to the other, as fast as they go, and a look at each on the
// wire between the gateways and at its end. One thread.
#pragma once

#include "tests/support/pipeline_harness.h"
#include "tests/support/rekey_run.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace tests {

class RekeyTraffic {
  public:
    // `frame`: as it leaves a host of `from`'s site: IPv4, UDP and at least eight bytes.
    RekeyTraffic(PipelineHarness& from, PipelineHarness& to, Bytes frame);
    ~RekeyTraffic();
    RekeyTraffic(const RekeyTraffic&) = delete;
    RekeyTraffic& operator=(const RekeyTraffic&) = delete;

    // One burst enters; the one that has been on the wire for longest arrives.
    void turn();
    // What is on the wire arrives.
    void finish();
    [[nodiscard]] const RekeyOutcome::Direction& outcome() const { return outcome_; }

  private:
    // Bursts under way, so that packets of an SA arrive after its successor has come into use.
    static constexpr std::size_t kUnderWay = 8;

    void send();
    void arrive();
    void look_at_wire(const rte_mbuf* packet);
    void look_at_end(const rte_mbuf* packet);

    PipelineHarness& from_;
    PipelineHarness& to_;
    Bytes frame_;
    std::vector<rte_mbuf*> burst_;
    std::deque<std::vector<rte_mbuf*>> wire_;
    std::uint64_t next_sent_ = 0;
    std::uint64_t next_received_ = 0;
    std::uint32_t spi_ = 0;
    RekeyOutcome::Direction outcome_;
};

}  // namespace tests
