// A Pipeline on plain memory with everything around it, and the worker's part of the bookkeeping:
// what leaves is taken out of the TxBuffers and counted. Its ports:
//
//   0 "lan"   routed, MTU 1500, lan,    path to the kernel, 10.0.0.254/24 2001:db8::fe/64 fe80::fe
//   1 "wan"   routed, MTU 1280, dialup, no path,            10.0.1.254/24 2001:db8:1::fe/64
//   2 and 3   a transparent pair
//
// 192.168.0.0/16 is behind 10.0.1.1. Known neighbours: 10.0.0.1 and 2001:db8::1 (kHostMac) on
// "lan", 10.0.1.1 and 2001:db8:1::1 (kPeerMac) on "wan".
#pragma once

#include "dataplane/pipeline.h"
#include "dataplane/publication.h"
#include "tests/support/fake_pool.h"
#include "tests/support/memory_ring.h"
#include "tests/support/packet_builder.h"

#include <memory>
#include <span>
#include <vector>

namespace tests {

inline constexpr std::uint16_t kLan = 0;
inline constexpr std::uint16_t kWan = 1;
inline constexpr std::uint16_t kPairA = 2;
inline constexpr std::uint16_t kPairB = 3;
inline constexpr config::MacAddress kWanMac{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr std::uint64_t kTscHz = 1'000'000;

struct Sent {
    std::uint16_t port = 0;
    Bytes frame;

    friend bool operator==(const Sent&, const Sent&) = default;
};

// A row for one family that matches `protocol` and `destination_port`, 0 = any.
[[nodiscard]] config::RuleRow rule_row(config::Action action,
                                       config::Family family = config::Family::kIpv4,
                                       std::uint8_t protocol = 0,
                                       std::uint16_t destination_port = 0);

// The ports and what is around them.
struct Site {
    dataplane::Topology topology;
    std::vector<config::RouteConfig> routes;
    std::vector<dataplane::Neighbor> neighbors;
};
// The one described above.
[[nodiscard]] Site default_site();
[[nodiscard]] config::IpPrefix prefix(std::string_view text);

class PipelineHarness {
  public:
    explicit PipelineHarness(unsigned packets = 512, Site site = default_site());
    ~PipelineHarness();
    PipelineHarness(const PipelineHarness&) = delete;
    PipelineHarness& operator=(const PipelineHarness&) = delete;

    // Row i counts its hits in slot i.
    void set_rules(std::vector<config::RuleRow> rows, std::uint8_t exemption_level = 3);
    void set_rules(const config::RuleSet& rules, std::uint8_t exemption_level = 3);
    void set_neighbors(std::span<const dataplane::Neighbor> neighbors);

    dataplane::SaHandle add_sa(const config::SaSpec& spec);
    // ESP within AH; the handle is the ESP SA's.
    dataplane::SaHandle add_bundle(const config::SaSpec& ah, const config::SaSpec& esp);
    // The SA must exist.
    [[nodiscard]] dataplane::Sa& sa(dataplane::SaHandle handle) { return *sas_.find(handle); }
    [[nodiscard]] dataplane::SaTable& sas() { return sas_; }
    // Makes this pipeline another worker of that gateway, as far as SAs go.
    void use_sas_of(PipelineHarness& other);
    // What keys of its SAs must be made for.
    [[nodiscard]] const crypto::EngineChoice& engines() const { return engines_; }
    [[nodiscard]] crypto::CryptoBatch& crypto() { return *crypto_; }
    [[nodiscard]] dataplane::IvSource& ivs() { return *ivs_; }

    void receive(std::uint16_t port, std::span<const Bytes> frames);
    void receive(std::uint16_t port, const Bytes& frame) { receive(port, {&frame, 1}); }
    void inject(dataplane::InjectionKind kind, std::uint16_t port, const Bytes& frame);
    void inject(dataplane::InjectionKind kind, std::uint16_t port, rte_mbuf* mbuf);
    // What waits at control for an SA comes back, in one burst.
    void release(std::span<const dataplane::Event> events);
    // In one burst.
    void inject(dataplane::InjectionKind kind, std::uint16_t port, std::span<const Bytes> frames);

    // Packets themselves, at most a burst, for tests that are in a hurry; also of another gateway.
    void receive_packets(std::uint16_t port, std::span<rte_mbuf* const> packets) {
        pipeline_->receive(snapshot_, port, packets, now);
    }
    // Appends what was sent on the port. The caller frees it.
    void take_packets(std::uint16_t port, std::vector<rte_mbuf*>& packets);

    [[nodiscard]] std::vector<Sent> take_sent();
    // For a test that empties a TxBuffer itself.
    void count_sent(std::uint16_t port, std::uint16_t packets) {
        counters_->ports[port].tx_packets.add(packets);
    }
    // The caller frees the mbufs.
    [[nodiscard]] std::vector<dataplane::Event> take_events();
    void discard_events();

    [[nodiscard]] std::uint64_t drops(dataplane::DropReason reason) const;
    [[nodiscard]] std::uint64_t all_drops() const;
    // "replayed 2, sa-unknown 1": for messages of failed tests.
    [[nodiscard]] std::string drop_report() const;
    [[nodiscard]] dataplane::HitCounters::Totals hits(std::uint32_t slot) const {
        return hits_.read(slot);
    }
    [[nodiscard]] const dataplane::WorkerCounters& counters() const { return *counters_; }
    [[nodiscard]] dataplane::Pipeline& pipeline() { return *pipeline_; }
    [[nodiscard]] FakePool& pool() { return pool_; }
    [[nodiscard]] FakePool& large_pool() { return large_pool_; }

    std::uint64_t now = kTscHz;

  private:
    void make_pipeline(const dataplane::SaTable& sas);
    [[nodiscard]] std::unique_ptr<dataplane::Sa> make_sa(const config::SaSpec& spec) const;

    FakePool pool_;
    FakePool large_pool_;
    dataplane::Topology topology_;
    dataplane::SaTable sas_{1024};
    crypto::EngineChoice engines_;
    std::unique_ptr<crypto::CryptoBatch> crypto_;
    std::unique_ptr<dataplane::IvSource> ivs_;
    std::unique_ptr<dataplane::WorkerCounters> counters_;
    dataplane::HitCounters hits_;
    MemoryRing<dataplane::Event> events_{256};
    dataplane::Snapshot snapshot_;
    std::unique_ptr<dataplane::Pipeline> pipeline_;
};

}  // namespace tests
