#include "tests/support/pipeline_harness.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace tests {
namespace {

using config::Family;
using config::IpPrefix;
using dataplane::PortInfo;

template <typename T>
T require(config::Result<T> result) {
    if (!result) {
        throw std::invalid_argument(result.error().text);
    }
    return std::move(result).value();
}

// Choosing by measurement takes half a second; once is enough for a program.
const crypto::EngineChoice& engine_choice() {
    static const crypto::EngineChoice choice = crypto::EngineChoice::best();
    return choice;
}

dataplane::Topology make_topology() {
    dataplane::Topology topology;
    topology.ports.resize(4);
    PortInfo& lan = topology.ports[kLan];
    lan.name = "lan";
    lan.mac = kGatewayMac;
    lan.host_path = true;
    lan.addresses = {prefix("10.0.0.254/24"), prefix("2001:db8::fe/64"), prefix("fe80::fe/64")};
    PortInfo& wan = topology.ports[kWan];
    wan.name = "wan";
    wan.mac = kWanMac;
    wan.mtu = 1280;
    wan.connection_bit = dataplane::kConnDialup;
    wan.addresses = {prefix("10.0.1.254/24"), prefix("2001:db8:1::fe/64")};
    topology.ports[kPairA].name = "pair-a";
    topology.ports[kPairA].pair = kPairB;
    topology.ports[kPairB].name = "pair-b";
    topology.ports[kPairB].pair = kPairA;
    return topology;
}

}  // namespace

IpPrefix prefix(std::string_view text) {
    return require(IpPrefix::parse(text));
}

Site default_site() {
    return {.topology = make_topology(),
            .routes = {{prefix("192.168.0.0/16"), address("10.0.1.1"), ""}},
            .neighbors = {{kLan, address("10.0.0.1"), kHostMac},
                          {kLan, address("2001:db8::1"), kHostMac},
                          {kWan, address("10.0.1.1"), kPeerMac},
                          {kWan, address("2001:db8:1::1"), kPeerMac}}};
}

config::RuleRow rule_row(config::Action action,
                         Family family,
                         std::uint8_t protocol,
                         std::uint16_t destination_port) {
    config::RuleRow row;
    row.family = family;
    row.protocol = protocol;
    row.inbound = action;
    row.outbound = action;
    const IpPrefix all{address(family == Family::kIpv4 ? "0.0.0.0" : "::"), 0};
    row.source_first = row.destination_first = all.first();
    row.source_last = row.destination_last = all.last();
    if (destination_port != 0) {
        row.destination_port = {destination_port, destination_port};
    }
    return row;
}

PipelineHarness::PipelineHarness(unsigned packets, Site site)
    : pool_(packets),
      large_pool_(16, 65'000),
      topology_(std::move(site.topology)),
      engines_(engine_choice()),
      crypto_(require(crypto::CryptoBatch::create(engines_))),
      ivs_(require(dataplane::IvSource::create())),
      counters_(std::make_unique<dataplane::WorkerCounters>()) {
    hits_.reserve(64);
    snapshot_.routes = std::make_shared<dataplane::ForwardTable>(
        require(dataplane::make_routes(topology_, site.routes)));
    set_neighbors(site.neighbors);
    set_rules(std::vector<config::RuleRow>());
    make_pipeline(sas_);
}

void PipelineHarness::make_pipeline(const dataplane::SaTable& sas) {
    pipeline_ = std::make_unique<dataplane::Pipeline>(
        dataplane::PipelineContext{.topology = topology_,
                                   .counters = *counters_,
                                   .hits = hits_,
                                   .sas = sas,
                                   .crypto = *crypto_,
                                   .ivs = *ivs_,
                                   .events = events_.get(),
                                   .pool = pool_.get(),
                                   .large_pool = large_pool_.get(),
                                   .tsc_hz = kTscHz});
}

void PipelineHarness::use_sas_of(PipelineHarness& other) {
    make_pipeline(other.sas_);
}

PipelineHarness::~PipelineHarness() {
    discard_events();
}

void PipelineHarness::set_rules(std::vector<config::RuleRow> rows, std::uint8_t exemption_level) {
    config::RuleSet rules;
    rules.rules.resize(1);
    rules.filters.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].filter = static_cast<std::uint32_t>(i);
    }
    rules.rows = std::move(rows);
    set_rules(rules, exemption_level);
}

void PipelineHarness::set_rules(const config::RuleSet& rules, std::uint8_t exemption_level) {
    std::vector<std::uint32_t> slots(rules.filters.size());
    std::iota(slots.begin(), slots.end(), 0U);
    snapshot_.filters = require(dataplane::FilterTable::build(
        rules, slots, {exemption_level}, dataplane::FilterEngine::kScan));
}

std::unique_ptr<dataplane::Sa> PipelineHarness::make_sa(const config::SaSpec& spec) const {
    return require(dataplane::Sa::create(spec, engines_, {.now = now, .hz = kTscHz}));
}

dataplane::SaHandle PipelineHarness::add_sa(const config::SaSpec& spec) {
    return require(sas_.add(make_sa(spec)));
}

dataplane::SaHandle PipelineHarness::add_bundle(const config::SaSpec& ah,
                                                const config::SaSpec& esp) {
    std::unique_ptr<dataplane::Sa> outer = make_sa(ah);
    outer->within_bundle = true;
    return require(sas_.add(make_sa(esp), require(sas_.add(std::move(outer)))));
}

void PipelineHarness::set_neighbors(std::span<const dataplane::Neighbor> neighbors) {
    snapshot_.neighbors = std::make_shared<dataplane::NeighborTable>(neighbors);
}

void PipelineHarness::receive(std::uint16_t port, std::span<const Bytes> frames) {
    for (std::size_t at = 0; at < frames.size(); at += dataplane::kBurst) {
        std::vector<rte_mbuf*> burst;
        const std::size_t end = std::min<std::size_t>(at + dataplane::kBurst, frames.size());
        for (std::size_t i = at; i < end; ++i) {
            burst.push_back(pool_.make(frames[i]));
        }
        pipeline_->receive(snapshot_, port, burst, now);
    }
}

void PipelineHarness::inject(dataplane::InjectionKind kind,
                             std::uint16_t port,
                             const Bytes& frame) {
    inject(kind, port, pool_.make(frame));
}

void PipelineHarness::inject(dataplane::InjectionKind kind, std::uint16_t port, rte_mbuf* mbuf) {
    dataplane::Injection injection;
    injection.kind = kind;
    injection.port = port;
    injection.mbuf = mbuf;
    pipeline_->inject(snapshot_, {&injection, 1}, now);
}

void PipelineHarness::inject(dataplane::InjectionKind kind,
                             std::uint16_t port,
                             std::span<const Bytes> frames) {
    std::vector<dataplane::Injection> burst(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        burst[i].kind = kind;
        burst[i].port = port;
        burst[i].mbuf = pool_.make(frames[i]);
    }
    pipeline_->inject(snapshot_, burst, now);
}

void PipelineHarness::release(std::span<const dataplane::Event> events) {
    std::vector<dataplane::Injection> burst(events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
        burst[i].kind = dataplane::InjectionKind::kReleased;
        burst[i].port = events[i].port;
        burst[i].mbuf = events[i].mbuf;
    }
    pipeline_->inject(snapshot_, burst, now);
}

void PipelineHarness::take_packets(std::uint16_t port, std::vector<rte_mbuf*>& packets) {
    dataplane::TxBuffer& buffer = pipeline_->tx(port);
    packets.insert(packets.end(), buffer.packets.begin(), buffer.packets.begin() + buffer.count);
    count_sent(port, buffer.count);
    buffer.count = 0;
}

std::vector<Sent> PipelineHarness::take_sent() {
    std::vector<Sent> sent;
    for (std::uint16_t port = 0; port < topology_.ports.size(); ++port) {
        dataplane::TxBuffer& buffer = pipeline_->tx(port);
        for (std::uint16_t i = 0; i < buffer.count; ++i) {
            sent.push_back({port, FakePool::bytes_of(buffer.packets[i])});
            rte_pktmbuf_free(buffer.packets[i]);
        }
        counters_->ports[port].tx_packets.add(buffer.count);
        buffer.count = 0;
    }
    return sent;
}

std::vector<dataplane::Event> PipelineHarness::take_events() {
    std::vector<dataplane::Event> taken;
    dataplane::Event event;
    while (events_.pop(event)) {
        taken.push_back(event);
    }
    return taken;
}

void PipelineHarness::discard_events() {
    for (const dataplane::Event& event : take_events()) {
        rte_pktmbuf_free(event.mbuf);
    }
}

std::uint64_t PipelineHarness::drops(dataplane::DropReason reason) const {
    return counters_->drops[static_cast<std::size_t>(reason)].read();
}

std::string PipelineHarness::drop_report() const {
    std::string report;
    for (const dataplane::DropReasonRow& row : dataplane::kDropReasons) {
        if (drops(row.reason) != 0) {
            report += std::string(row.token) + " " + std::to_string(drops(row.reason)) + " ";
        }
    }
    return report;
}

std::uint64_t PipelineHarness::all_drops() const {
    std::uint64_t sum = 0;
    for (const dataplane::Counter& drops : counters_->drops) {
        sum += drops.read();
    }
    return sum;
}

}  // namespace tests
