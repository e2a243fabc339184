#include "tools/bench_esp_gateway.h"

#include "config/rule_set.h"
#include "config/rule_tags.h"
#include "dataplane/routing.h"

#include <rte_cycles.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>

namespace bench {
namespace {

using config::Action;
using config::IpAddress;
using config::IpPrefix;

template <typename T>
T require(config::Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().text);
    }
    return std::move(result).value();
}

IpPrefix prefix(std::string_view text) {
    return require(IpPrefix::parse(text));
}

IpAddress address(std::string_view text) {
    return require(IpAddress::parse(text));
}

config::FilterAddress subnet(const IpPrefix& network) {
    config::FilterAddress made;
    made.kind = network.length == 32 ? config::AddressKind::kHost : config::AddressKind::kSubnet;
    made.first = network.first();
    made.last = network.last();
    made.prefix_length = network.length;
    return made;
}

config::RuleSource rule_for(std::size_t flow, const IpAddress& endpoint) {
    config::RuleSource rule;
    rule.guid = config::Guid::random();
    rule.tunnel = {config::TunnelKind::kAddress, endpoint, {}};
    config::Filter filter;
    filter.guid = config::Guid::random();
    filter.spec.source = subnet(prefix("10.1.0.0/16"));
    filter.spec.destination =
        subnet({IpAddress::from_bytes(config::Family::kIpv4, host_of(flow).data()), 32});
    filter.spec.mirrored = false;
    rule.filters.push_back(filter);
    return rule;
}

struct PortRow {
    const char* name = nullptr;
    const char* address = nullptr;
    config::MacAddress mac;
    const char* neighbor = nullptr;
    config::MacAddress neighbor_mac;
};

constexpr config::MacAddress kWestWan{{2, 0, 0, 0, 1, 2}};
constexpr config::MacAddress kEastWan{{2, 0, 0, 0, 2, 2}};
constexpr std::array<PortRow, 2> kWestPorts = {{
    {"lan", "10.1.0.254/16", {{2, 0, 0, 0, 1, 1}}, "10.1.0.1", {{2, 0, 0, 0, 1, 9}}},
    {"wan", "192.0.2.1/24", kWestWan, "192.0.2.2", kEastWan},
}};
// East's hosts are behind a router, which is one neighbour for all of them.
constexpr std::array<PortRow, 2> kEastPorts = {{
    {"lan", "10.3.0.254/24", {{2, 0, 0, 0, 2, 1}}, "10.3.0.1", {{2, 0, 0, 0, 2, 9}}},
    {"wan", "192.0.2.2/24", kEastWan, "192.0.2.1", kWestWan},
}};

void build_site(Site& site,
                std::span<const PortRow> ports,
                const std::vector<config::RouteConfig>& routes) {
    std::vector<dataplane::Neighbor> neighbors;
    for (const std::uint16_t port : {kLan, kWan}) {
        dataplane::PortInfo info;
        info.name = ports[port].name;
        info.mac = ports[port].mac;
        info.host_path = true;
        info.addresses = {prefix(ports[port].address)};
        site.topology.ports.push_back(info);
        neighbors.push_back({port, address(ports[port].neighbor), ports[port].neighbor_mac});
    }
    site.peer_mac = ports[kWan].neighbor_mac;
    site.protect.routes = std::make_shared<dataplane::ForwardTable>(
        require(dataplane::make_routes(site.topology, routes)));
    site.protect.neighbors = std::make_shared<dataplane::NeighborTable>(neighbors);
    site.clear = site.protect;
}

std::shared_ptr<const dataplane::FilterTable> build_filters(const config::RuleSet& rules) {
    std::vector<std::uint32_t> slots(rules.filters.size());
    std::iota(slots.begin(), slots.end(), 0U);
    return require(dataplane::FilterTable::build(rules, slots, {}));
}

void build_filters(Site& site,
                   const std::vector<config::RuleSource>& rules,
                   config::RuleTags& tags) {
    config::HostView host;
    for (const dataplane::PortInfo& port : site.topology.ports) {
        host.me.push_back(port.addresses[0].address);
    }
    config::RuleSet compiled = require(config::compile_rule_set(rules, host, tags));
    site.protect.filters = build_filters(compiled);
    for (config::RuleRow& row : compiled.rows) {
        row.inbound = row.outbound = Action::kPermit;
    }
    site.clear.filters = build_filters(compiled);
}

}  // namespace

std::array<std::uint8_t, 4> host_of(std::size_t flow) {
    const std::size_t host = flow + 1;
    return {10, 2, static_cast<std::uint8_t>(host >> 8U), static_cast<std::uint8_t>(host)};
}

std::unique_ptr<Network> make_network(std::size_t flows) {
    auto network = std::make_unique<Network>();
    network->west_end = address("192.0.2.1");
    network->east_end = address("192.0.2.2");
    build_site(network->west, kWestPorts, {{prefix("10.2.0.0/16"), network->east_end, ""}});
    build_site(network->east,
               kEastPorts,
               {{prefix("10.1.0.0/16"), network->west_end, ""},
                {prefix("10.2.0.0/16"), address("10.3.0.1"), ""}});
    config::RuleTags tags;
    std::vector<config::RuleSource> rules;
    for (std::size_t flow = 0; flow < flows; ++flow) {
        rules.push_back(rule_for(flow, network->east_end));
        network->tags.push_back(tags.tag_of(rules.back().guid));
    }
    build_filters(network->west, rules, tags);
    build_filters(network->east, rules, tags);
    return network;
}

Gateway::Gateway(const Site& site,
                 const crypto::EngineChoice& engines,
                 rte_mempool* pool,
                 std::size_t flows)
    : site_(site),
      engines_(engines),
      sas_(std::max(1024U, std::bit_ceil(static_cast<std::uint32_t>(flows)))),
      crypto_(require(dataplane::WorkerCrypto::create(engines))),
      counters_(std::make_unique<dataplane::WorkerCounters>()),
      events_(dataplane::make_plain_ring(sizeof(dataplane::Event), 64)),
      counters_alone_(std::make_unique<dataplane::WorkerCounters>()),
      events_alone_(events_.get(), *counters_alone_, rte_get_tsc_hz()),
      outbound_(*crypto_.ivs, *counters_alone_, events_alone_),
      inbound_(sas_, *counters_alone_, events_alone_) {
    hits_.reserve(static_cast<std::uint32_t>(flows));
    pipeline_ = std::make_unique<dataplane::Pipeline>(
        dataplane::PipelineContext{.topology = site_.topology,
                                   .counters = *counters_,
                                   .hits = hits_,
                                   .sas = sas_,
                                   .crypto = *crypto_.batch,
                                   .ivs = *crypto_.ivs,
                                   .events = events_.get(),
                                   .pool = pool,
                                   .large_pool = pool,
                                   .tsc_hz = rte_get_tsc_hz()});
}

dataplane::Sa& Gateway::add_sa(const config::SaSpec& spec) {
    const dataplane::TscClock clock{.now = rte_rdtsc(), .hz = rte_get_tsc_hz()};
    return *sas_.find(require(sas_.add(require(dataplane::Sa::create(spec, engines_, clock)))));
}

Packets Gateway::take(std::uint16_t port) {
    dataplane::TxBuffer& out = pipeline_->tx(port);
    if (out.count != dataplane::kBurst) {
        std::string reasons;
        for (const dataplane::DropReasonRow& row : dataplane::kDropReasons) {
            if (counters_->drops[static_cast<std::size_t>(row.reason)].read() != 0) {
                reasons += fmt::format(" {}", row.token);
            }
        }
        throw std::runtime_error("packets were lost:" + reasons);
    }
    Packets taken{};
    std::copy_n(out.packets.begin(), taken.size(), taken.begin());
    counters_->ports[port].tx_packets.add(out.count);
    out.count = 0;
    return taken;
}

void Gateway::parse_and_route(std::uint16_t port, std::span<rte_mbuf* const> burst) {
    std::array<dataplane::ParseResult, dataplane::kBurst> results;
    for (rte_mbuf* mbuf : burst) {
        dataplane::PacketMeta& meta = dataplane::meta_of(mbuf);
        meta.origin = dataplane::Origin::kWire;
        meta.in_port = port;
        meta.sa = dataplane::kNoSa;
    }
    dataplane::parse_burst(
        burst, dataplane::ParseMode::kRouted, site_.topology.ports[port].mac, results);
    for (std::size_t i = 0; i < burst.size(); ++i) {
        if (results[i].next != dataplane::ParseNext::kIp
            || dataplane::route_packet(burst[i], *site_.protect.routes, site_.topology)) {
            throw std::runtime_error("a packet of the benchmark cannot be routed");
        }
    }
}

}  // namespace bench
