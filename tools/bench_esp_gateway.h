// Two gateways back to back for bench_esp.cpp, on packet pools of DPDK:
//
//   10.1.0.1 -- west -- 192.0.2.1 ~ wire ~ 192.0.2.2 -- east -- 10.2.0.0/16
//
// Each of `flows` hosts behind east is the traffic of a rule of its own, so that each can have an
// SA of its own.
#pragma once

#include "config/sa_spec.h"
#include "dataplane/pipeline.h"
#include "dataplane/topology.h"
#include "dataplane/worker.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace bench {

inline constexpr std::uint16_t kLan = 0;
inline constexpr std::uint16_t kWan = 1;
inline constexpr std::size_t kMaxFlows = 65'000;

// What a gateway is apart from its SAs.
struct Site {
    dataplane::Topology topology;
    config::MacAddress peer_mac;  // of the other gateway's "wan"
    dataplane::Snapshot protect;  // the rules negotiate tunnels between the two gateways
    dataplane::Snapshot clear;    // the same rules permit
};

struct Network {
    Site west;
    Site east;
    std::vector<config::RuleTag> tags;  // of each flow's rule
    config::IpAddress west_end;         // of the tunnels
    config::IpAddress east_end;
};
[[nodiscard]] std::unique_ptr<Network> make_network(std::size_t flows);

// The destination of a flow, network byte order.
[[nodiscard]] std::array<std::uint8_t, 4> host_of(std::size_t flow);
inline constexpr std::array<std::uint8_t, 4> kSender = {10, 1, 0, 1};

using Packets = std::array<rte_mbuf*, dataplane::kBurst>;

// A worker without its loop, and beside its pipeline IPsec processing that can be called alone.
class Gateway {
  public:
    Gateway(const Site& site,
            const crypto::EngineChoice& engines,
            rte_mempool* pool,
            std::size_t flows);
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;
    ~Gateway() = default;

    dataplane::Sa& add_sa(const config::SaSpec& spec);

    // The whole pipeline.
    void receive(const dataplane::Snapshot& snapshot,
                 std::uint16_t port,
                 std::span<rte_mbuf* const> burst,
                 std::uint64_t now) {
        pipeline_->receive(snapshot, port, burst, now);
    }
    // What it has sent through `port`. Throws unless it is a burst.
    [[nodiscard]] Packets take(std::uint16_t port);

    // The stages in front of IPsec processing. Throws if a packet does not pass.
    void parse_and_route(std::uint16_t port, std::span<rte_mbuf* const> burst);
    [[nodiscard]] dataplane::IpsecOutbound& outbound() { return outbound_; }
    [[nodiscard]] dataplane::IpsecInbound& inbound() { return inbound_; }
    [[nodiscard]] crypto::CryptoBatch& crypto() { return *crypto_.batch; }
    [[nodiscard]] const Site& site() const { return site_; }

  private:
    const Site& site_;
    const crypto::EngineChoice& engines_;
    dataplane::SaTable sas_;
    dataplane::WorkerCrypto crypto_;
    std::unique_ptr<dataplane::WorkerCounters> counters_;
    dataplane::HitCounters hits_;
    dataplane::PlainRing events_;
    std::unique_ptr<dataplane::Pipeline> pipeline_;
    // Of what is called alone: the pipeline's counters must agree with its own packets.
    std::unique_ptr<dataplane::WorkerCounters> counters_alone_;
    dataplane::EventSink events_alone_;
    dataplane::IpsecOutbound outbound_;
    dataplane::IpsecInbound inbound_;
};

}  // namespace bench
