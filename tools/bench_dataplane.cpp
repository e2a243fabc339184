// What one packet costs in each stage of the pipeline, on one core, for tables of several sizes.
//
// Method. Packets are UDP and TCP, 64 bytes of frame or a little more, from 4,096 flows of which
// nine in ten are drawn from inside the table's filters. They live in a real packet pool. A burst
// of 32 goes through the stage functions the pipeline itself calls (parse_burst, route_packet,
// FilterTable::lookup) with the time-stamp counter read between stages; the next burst goes through
// Pipeline::receive as a whole. `rx` is copying the frame into its buffer, as an in-memory device
// does; `rest` is the whole minus parse, route and classify: fragments, exemptions, verdict, hit
// counters, TTL, neighbour, Ethernet header, transmit buffer. Devices are not included. Table sizes
// and families take turns in every round, so that noise of the machine meets all alike. A round's
// value is the median of its bursts, which a preempted burst does not move; printed are the median
// and the first and ninth decile of the rounds. Cycles are ticks of the TSC.
#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "dataplane/parse.h"
#include "dataplane/pipeline.h"
#include "dataplane/routing.h"
#include "dataplane/worker.h"
#include "tests/support/random_rules.h"

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using config::Family;
using dataplane::FilterEngine;
using dataplane::kBurst;

constexpr std::size_t kFlows = 4096;
constexpr std::uint16_t kLan = 0;
constexpr std::uint16_t kWan = 1;

enum Stage : unsigned { kRx, kParse, kRoute, kClassify, kRest, kPipeline, kStages };
constexpr std::array<const char*, kStages> kStageNames = {
    "rx", "parse", "route", "classify", "rest", "pipeline"};

struct Options {
    std::vector<std::size_t> filters = {10, 100, 1000, 10000};
    unsigned rounds = 21;
    unsigned bursts = 1024;  // of each kind, a round
    std::uint16_t cpu = 0;
    bool json = false;
    bool crossover = false;
};

using Frame = std::vector<std::uint8_t>;

template <typename Header>
Header& append(Frame& frame) {
    const std::size_t at = frame.size();
    frame.resize(at + sizeof(Header));
    return *reinterpret_cast<Header*>(frame.data() + at);
}

Frame make_frame(const config::MatchInput& packet, const config::MacAddress& gateway) {
    const bool v4 = packet.source.family == Family::kIpv4;
    const std::size_t l4 = packet.protocol == 6 ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
    const std::size_t payload = packet.protocol == 6 ? 0 : 12;
    Frame frame;
    frame.reserve(128);
    auto& ether = append<rte_ether_hdr>(frame);
    std::memcpy(ether.dst_addr.addr_bytes, gateway.bytes.data(), gateway.bytes.size());
    ether.src_addr.addr_bytes[0] = 2;
    ether.ether_type = rte_cpu_to_be_16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    if (v4) {
        auto& ip = append<rte_ipv4_hdr>(frame);
        ip.version_ihl = RTE_IPV4_VHL_DEF;
        ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(sizeof(ip) + l4 + payload));
        ip.time_to_live = 64;
        ip.next_proto_id = packet.protocol;
        std::memcpy(&ip.src_addr, packet.source.bytes.data(), sizeof(ip.src_addr));
        std::memcpy(&ip.dst_addr, packet.destination.bytes.data(), sizeof(ip.dst_addr));
        ip.hdr_checksum = rte_ipv4_cksum(&ip);
    } else {
        auto& ip = append<rte_ipv6_hdr>(frame);
        ip.vtc_flow = rte_cpu_to_be_32(0x60000000);
        ip.payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(l4 + payload));
        ip.proto = packet.protocol;
        ip.hop_limits = 64;
        std::memcpy(ip.src_addr, packet.source.bytes.data(), sizeof(ip.src_addr));
        std::memcpy(ip.dst_addr, packet.destination.bytes.data(), sizeof(ip.dst_addr));
    }
    if (packet.protocol == 6) {
        auto& tcp = append<rte_tcp_hdr>(frame);
        tcp.src_port = rte_cpu_to_be_16(packet.source_port);
        tcp.dst_port = rte_cpu_to_be_16(packet.destination_port);
        tcp.data_off = (sizeof(tcp) / 4) << 4;
    } else {
        auto& udp = append<rte_udp_hdr>(frame);
        udp.src_port = rte_cpu_to_be_16(packet.source_port);
        udp.dst_port = rte_cpu_to_be_16(packet.destination_port);
        udp.dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(sizeof(udp) + payload));
    }
    frame.resize(frame.size() + payload);
    return frame;
}

// Two ports; everything that is not local leaves through the second one.
dataplane::Topology make_topology() {
    dataplane::Topology topology;
    const std::array<std::array<const char*, 2>, 2> addresses = {
        {{"192.0.2.1/24", "2001:db8:ff00::1/64"}, {"198.51.100.1/24", "2001:db8:ff01::1/64"}}};
    for (std::uint8_t port = 0; port < 2; ++port) {
        dataplane::PortInfo info;
        info.name = port == kLan ? "lan" : "wan";
        info.mac = {{2, 0, 0, 0, 0, port}};
        for (const char* text : addresses[port]) {
            info.addresses.push_back(config::IpPrefix::parse(text).value());
        }
        topology.ports.push_back(std::move(info));
    }
    return topology;
}

dataplane::Snapshot make_snapshot(const dataplane::Topology& topology,
                                  std::unique_ptr<const dataplane::FilterTable> filters) {
    std::vector<config::RouteConfig> routes;
    std::vector<dataplane::Neighbor> neighbors;
    for (const auto& [prefix, via] :
         {std::pair{"0.0.0.0/0", "198.51.100.2"}, std::pair{"::/0", "2001:db8:ff01::2"}}) {
        const config::IpAddress next_hop = config::IpAddress::parse(via).value();
        routes.push_back({config::IpPrefix::parse(prefix).value(), next_hop, "wan"});
        neighbors.push_back({kWan, next_hop, {{2, 0, 0, 0, 1, 1}}});
    }
    dataplane::Snapshot snapshot;
    snapshot.filters = std::move(filters);
    snapshot.routes =
        std::make_shared<dataplane::ForwardTable>(dataplane::make_routes(topology, routes).value());
    snapshot.neighbors = std::make_shared<dataplane::NeighborTable>(neighbors);
    snapshot.revision = 1;
    return snapshot;
}

config::RuleSet make_rule_set(Family family, std::size_t rows) {
    tests::Random random(rows);
    config::RuleSet set = tests::random_rule_set({.family = family, .rows = rows}, random);
    for (config::RuleRow& row : set.rows) {
        // Every packet goes the whole way.
        row.inbound = row.outbound = config::Action::kPermit;
    }
    return set;
}

// A flow that can be forwarded: TCP or UDP between addresses of the generator's networks.
config::MatchInput forwardable_packet(const config::RuleSet& set,
                                      Family family,
                                      tests::Random& random) {
    const std::uint8_t first = family == Family::kIpv4 ? 10 : 0x20;
    for (;;) {
        config::MatchInput packet = tests::random_packet(set, family, random);
        if ((packet.protocol == 6 || packet.protocol == 17) && packet.source.bytes[0] == first
            && packet.destination.bytes[0] == first) {
            return packet;
        }
    }
}

// One table with its flows, and the stages run over them.
class Bed {
  public:
    Bed(Family family, std::size_t rows, FilterEngine engine, rte_mempool* pool)
        : family_(family),
          rows_(rows),
          topology_(make_topology()),
          counters_(std::make_unique<dataplane::WorkerCounters>()),
          crypto_(
              dataplane::WorkerCrypto::create(crypto::EngineChoice::only(crypto::Engine::kOpenssl))
                  .value()),
          events_(dataplane::make_plain_ring(sizeof(dataplane::Event), 64)) {
        const config::RuleSet set = make_rule_set(family, rows);
        std::vector<std::uint32_t> slots(set.filters.size());
        std::iota(slots.begin(), slots.end(), 0U);
        hits_.reserve(static_cast<std::uint32_t>(slots.size()));
        const auto began = std::chrono::steady_clock::now();
        auto table = dataplane::FilterTable::build(set, slots, {}, engine);
        build_seconds_ =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        if (!table) {
            throw std::runtime_error(table.error().text);
        }
        snapshot_ = make_snapshot(topology_, std::move(table).value());
        pipeline_ = std::make_unique<dataplane::Pipeline>(
            dataplane::PipelineContext{.topology = topology_,
                                       .counters = *counters_,
                                       .hits = hits_,
                                       .sas = sas_,
                                       .crypto = *crypto_.batch,
                                       .ivs = *crypto_.ivs,
                                       .events = events_.get(),
                                       .pool = pool,
                                       .large_pool = pool,
                                       .tsc_hz = rte_get_tsc_hz()});
        tests::Random random(1);
        for (std::size_t i = 0; i < kFlows; ++i) {
            frames_.push_back(
                make_frame(forwardable_packet(set, family, random), topology_.ports[kLan].mac));
            mbufs_.push_back(rte_pktmbuf_alloc(pool));
            if (mbufs_.back() == nullptr) {
                throw std::runtime_error("the packet pool is empty");
            }
        }
    }
    ~Bed() { std::for_each(mbufs_.begin(), mbufs_.end(), rte_pktmbuf_free); }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;

    void run_round(unsigned bursts) {
        std::array<std::vector<std::uint64_t>, kStages> ticks;
        for (unsigned i = 0; i < bursts; ++i) {
            run_stages(next_burst(), ticks);
            run_pipeline(next_burst(), ticks);
        }
        for (const Stage stage : {kRx, kParse, kRoute, kClassify, kPipeline}) {
            std::vector<std::uint64_t>& of_bursts = ticks[stage];
            const auto middle =
                of_bursts.begin() + static_cast<std::ptrdiff_t>(of_bursts.size() / 2);
            std::nth_element(of_bursts.begin(), middle, of_bursts.end());
            samples_[stage].push_back(static_cast<double>(*middle) / kBurst);
        }
        samples_[kRest].push_back(samples_[kPipeline].back() - samples_[kParse].back()
                                  - samples_[kRoute].back() - samples_[kClassify].back());
    }

    // Ticks a packet at this fraction of the sorted rounds.
    [[nodiscard]] double quantile(Stage stage, double fraction) const {
        std::vector<double> sorted = samples_[stage];
        std::sort(sorted.begin(), sorted.end());
        return sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))];
    }
    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] double build_seconds() const { return build_seconds_; }
    [[nodiscard]] bool uses_acl() const {
        return snapshot_.filters->engine(family_) == FilterEngine::kAcl;
    }
    // Every packet sent through the pipeline must have come out at the other end.
    [[nodiscard]] bool forwarded_all() const { return forwarded_ == piped_; }

  private:
    using Burst = std::span<rte_mbuf* const>;

    Burst next_burst() {
        const std::size_t at = next_;
        next_ = (next_ + kBurst) % kFlows;
        return Burst(mbufs_.data() + at, kBurst);
    }

    void receive(Burst burst) {
        const std::size_t first = static_cast<std::size_t>(burst.data() - mbufs_.data());
        for (std::size_t i = 0; i < burst.size(); ++i) {
            const Frame& frame = frames_[first + i];
            rte_mbuf* mbuf = burst[i];
            std::memcpy(rte_pktmbuf_mtod(mbuf, void*), frame.data(), frame.size());
            mbuf->data_len = static_cast<std::uint16_t>(frame.size());
            mbuf->pkt_len = static_cast<std::uint32_t>(frame.size());
            mbuf->port = kLan;
        }
    }

    void run_stages(Burst burst, std::array<std::vector<std::uint64_t>, kStages>& ticks) {
        std::array<dataplane::ParseResult, kBurst> results;
        std::array<std::uint64_t, 5> at{};
        at[0] = rte_rdtsc_precise();
        receive(burst);
        at[1] = rte_rdtsc_precise();
        for (rte_mbuf* mbuf : burst) {
            dataplane::PacketMeta& meta = dataplane::meta_of(mbuf);
            meta.origin = dataplane::Origin::kWire;
            meta.in_port = kLan;
        }
        dataplane::parse_burst(
            burst, dataplane::ParseMode::kRouted, topology_.ports[kLan].mac, results);
        at[2] = rte_rdtsc_precise();
        for (rte_mbuf* mbuf : burst) {
            routed_ += dataplane::route_packet(mbuf, *snapshot_.routes, topology_) ? 0U : 1U;
        }
        at[3] = rte_rdtsc_precise();
        snapshot_.filters->lookup(burst);
        at[4] = rte_rdtsc_precise();
        for (unsigned stage = kRx; stage <= kClassify; ++stage) {
            ticks[stage].push_back(at[stage + 1] - at[stage]);
        }
    }

    void run_pipeline(Burst burst, std::array<std::vector<std::uint64_t>, kStages>& ticks) {
        receive(burst);
        const std::uint64_t began = rte_rdtsc_precise();
        pipeline_->receive(snapshot_, kLan, burst, began);
        ticks[kPipeline].push_back(rte_rdtsc_precise() - began);
        piped_ += burst.size();
        dataplane::TxBuffer& out = pipeline_->tx(kWan);
        forwarded_ += out.count;
        counters_->ports[kWan].tx_packets.add(out.count);
        out.count = 0;  // the buffers stay ours
    }

    Family family_;
    std::size_t rows_;
    dataplane::Topology topology_;
    std::unique_ptr<dataplane::WorkerCounters> counters_;
    dataplane::SaTable sas_{1024};  // stays empty: nothing here is protected
    dataplane::WorkerCrypto crypto_;
    dataplane::HitCounters hits_;
    dataplane::PlainRing events_;
    dataplane::Snapshot snapshot_;
    std::unique_ptr<dataplane::Pipeline> pipeline_;
    std::vector<Frame> frames_;
    std::vector<rte_mbuf*> mbufs_;
    std::size_t next_ = 0;
    std::uint64_t routed_ = 0;
    std::uint64_t piped_ = 0;
    std::uint64_t forwarded_ = 0;
    double build_seconds_ = 0;
    std::array<std::vector<double>, kStages> samples_;
};

using Beds = std::vector<std::unique_ptr<Bed>>;

void run_rounds(const Beds& beds, const Options& options) {
    for (const auto& bed : beds) {
        bed->run_round(options.bursts);  // warm-up, part of the samples' tail at worst
    }
    for (unsigned round = 0; round < options.rounds; ++round) {
        for (const auto& bed : beds) {
            bed->run_round(options.bursts);
        }
    }
}

const char* family_name(Family family) {
    return family == Family::kIpv4 ? "v4" : "v6";
}

nlohmann::json to_json(const Beds& beds, double ticks_per_ns) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& bed : beds) {
        nlohmann::json entry = {{"family", family_name(bed->family())},
                                {"filters", bed->rows()},
                                {"engine", bed->uses_acl() ? "acl" : "scan"},
                                {"build_seconds", bed->build_seconds()}};
        for (unsigned stage = 0; stage < kStages; ++stage) {
            const double cycles = bed->quantile(static_cast<Stage>(stage), 0.5);
            entry["stages"][kStageNames[stage]] = {
                {"ns", cycles / ticks_per_ns},
                {"tsc_cycles", cycles},
                {"ns_p10", bed->quantile(static_cast<Stage>(stage), 0.1) / ticks_per_ns},
                {"ns_p90", bed->quantile(static_cast<Stage>(stage), 0.9) / ticks_per_ns}};
        }
        out.push_back(std::move(entry));
    }
    return out;
}

void print_table(const Beds& beds, double ticks_per_ns) {
    fmt::print("ns (TSC cycles) per packet, median of the rounds [first - ninth decile in ns]\n\n");
    fmt::print("{:<7}{:>8} {:<6}{:>8}", "family", "filters", "engine", "build s");
    for (const char* name : kStageNames) {
        fmt::print("  {:<25}", name);
    }
    fmt::print("\n");
    for (const auto& bed : beds) {
        fmt::print("{:<7}{:>8} {:<6}{:>8.2f}",
                   family_name(bed->family()),
                   bed->rows(),
                   bed->uses_acl() ? "acl" : "scan",
                   bed->build_seconds());
        for (unsigned s = 0; s < kStages; ++s) {
            const auto stage = static_cast<Stage>(s);
            const double cycles = bed->quantile(stage, 0.5);
            fmt::print("  {:<25}",
                       fmt::format("{:.1f} ({:.0f}) [{:.1f} - {:.1f}]",
                                   cycles / ticks_per_ns,
                                   cycles,
                                   bed->quantile(stage, 0.1) / ticks_per_ns,
                                   bed->quantile(stage, 0.9) / ticks_per_ns));
        }
        fmt::print("\n");
    }
}

int run_stage_bench(const Options& options, rte_mempool* pool, double ticks_per_ns) {
    Beds beds;
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        for (const std::size_t rows : options.filters) {
            beds.push_back(std::make_unique<Bed>(family, rows, FilterEngine::kAuto, pool));
        }
    }
    run_rounds(beds, options);
    if (options.json) {
        fmt::print("{}\n", to_json(beds, ticks_per_ns).dump(2));
    } else {
        print_table(beds, ticks_per_ns);
    }
    for (const auto& bed : beds) {
        if (!bed->forwarded_all()) {
            fmt::print(stderr, "packets were lost: the numbers are not those of forwarding\n");
            return 1;
        }
    }
    return 0;
}

// Where rte_acl overtakes the scan: what kScanLimit in dataplane/filter_table.h is set by.
int run_crossover(const Options& options, rte_mempool* pool, double ticks_per_ns) {
    constexpr std::array<std::size_t, 10> kSizes = {1, 2, 4, 8, 16, 24, 32, 48, 64, 128};
    Beds beds;
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        for (const std::size_t rows : kSizes) {
            beds.push_back(std::make_unique<Bed>(family, rows, FilterEngine::kScan, pool));
            beds.push_back(std::make_unique<Bed>(family, rows, FilterEngine::kAcl, pool));
        }
    }
    run_rounds(beds, options);
    fmt::print("classify, ns per packet (median)\n{:<8}{:>8}{:>10}{:>10}\n",
               "family",
               "filters",
               "scan",
               "acl");
    for (std::size_t i = 0; i < beds.size(); i += 2) {
        fmt::print("{:<8}{:>8}{:>10.1f}{:>10.1f}\n",
                   family_name(beds[i]->family()),
                   beds[i]->rows(),
                   beds[i]->quantile(kClassify, 0.5) / ticks_per_ns,
                   beds[i + 1]->quantile(kClassify, 0.5) / ticks_per_ns);
    }
    return 0;
}

int run(const Options& options) {
    config::GatewayConfig config;
    config.main_lcore = options.cpu;
    config.worker_lcores = {options.cpu};  // never launched
    config.memory_mb = 2048;
    config.file_prefix = fmt::format("portcullis-bench-{}", getpid());
    auto eal = dataplane::Eal::start(config);
    if (!eal) {
        fmt::print(stderr, "{}\n", eal.error().text);
        return 1;
    }
    if (!(*eal)->notice().empty()) {
        fmt::print(stderr, "{}\n", (*eal)->notice());
    }
    const std::size_t beds = options.crossover ? 40 : 2 * options.filters.size();
    auto pool = dataplane::make_packet_pool(
        "bench", static_cast<std::uint32_t>(beds * kFlows + 1024), 1500);
    if (!pool) {
        fmt::print(stderr, "{}\n", pool.error().text);
        return 1;
    }
    const double ticks_per_ns = static_cast<double>(rte_get_tsc_hz()) / 1e9;
    return options.crossover ? run_crossover(options, pool->get(), ticks_per_ns)
                             : run_stage_bench(options, pool->get(), ticks_per_ns);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Measures what a packet costs in each stage of the dataplane."};
    app.add_option("--filters", options.filters, "Table sizes, comma separated")->delimiter(',');
    app.add_option("--rounds", options.rounds, "Interleaved rounds")->check(CLI::Range(1, 10000));
    app.add_option("--bursts", options.bursts, "Bursts of 32 packets a round")
        ->check(CLI::Range(1, 1000000));
    app.add_option("--cpu", options.cpu, "CPU to run on");
    app.add_flag("--json", options.json, "Print JSON");
    app.add_flag("--crossover", options.crossover, "Compare scan and rte_acl on small tables");
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
