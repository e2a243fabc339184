#include "tests/eal/ring_gateway.h"

#include "tests/eal/eal_environment.h"

#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <thread>

namespace tests {

namespace {

using config::IpAddress;
using config::IpPrefix;

config::MacAddress neighbor_mac(std::uint8_t last) {
    return {{0x02, 0, 0, 0, 1, last}};
}

config::PortConfig port_config(const std::string& name,
                               const std::string& device,
                               const char* v4,
                               const char* v6) {
    config::PortConfig config;
    config.name = name;
    config.device = device;
    config.addresses = {IpPrefix::parse(v4).value(), IpPrefix::parse(v6).value()};
    return config;
}

template <typename Get>
std::uint64_t sum(const dataplane::Dataplane& dataplane, Get get) {
    std::uint64_t total = get(dataplane.control_counters());
    for (std::size_t worker = 0; worker < dataplane.workers(); ++worker) {
        total += get(dataplane.worker_counters(worker));
    }
    return total;
}

}  // namespace

RingGateway::RingGateway() {
    static unsigned instance = 0;
    ++instance;
    for (const char* name : {"lan", "wan"}) {
        Rings rings;
        const std::string unique = fmt::format("{}{}", name, instance);
        const auto make = [&](const char* way) {
            return rte_ring_create(fmt::format("{}_{}", unique, way).c_str(),
                                   kRingSize,
                                   SOCKET_ID_ANY,
                                   RING_F_SP_ENQ | RING_F_SC_DEQ);
        };
        rings.in = make("in");
        rings.out = make("out");
        const int id = rte_eth_from_rings(unique.c_str(), &rings.in, 1, &rings.out, 1, 0);
        std::array<char, RTE_ETH_NAME_MAX_LEN> device{};
        if (id < 0
            || rte_eth_dev_get_name_by_port(static_cast<std::uint16_t>(id), device.data()) != 0) {
            throw std::runtime_error("no ring device");
        }
        rings.device = device.data();
        rings_.push_back(rings);
    }
    config::GatewayConfig config;
    config.mbufs = 4096;
    config.ports = {port_config("lan", rings_[kLan].device, "10.0.0.1/24", "2001:db8::1/64"),
                    port_config("wan", rings_[kWan].device, "10.0.1.1/24", "2001:db8:1::1/64")};
    auto opened = dataplane::Dataplane::open(config, eal());
    if (!opened) {
        throw std::runtime_error(opened.error().text);
    }
    dataplane_ = std::move(opened).value();
    routes_ = std::make_shared<dataplane::ForwardTable>(
        dataplane::make_routes(dataplane_->topology(), {}).value());
    const std::vector<dataplane::Neighbor> neighbors = {
        {kLan, IpAddress::parse("10.0.0.2").value(), neighbor_mac(1)},
        {kLan, IpAddress::parse("2001:db8::2").value(), neighbor_mac(1)},
        {kWan, IpAddress::parse("10.0.1.2").value(), neighbor_mac(2)},
        {kWan, IpAddress::parse("2001:db8:1::2").value(), neighbor_mac(2)},
    };
    neighbors_ = std::make_shared<dataplane::NeighborTable>(neighbors);
}

RingGateway::~RingGateway() {
    dataplane_->stop();
    for (Rings& rings : rings_) {
        for (rte_ring* ring : {rings.in, rings.out}) {
            void* left = nullptr;
            while (rte_ring_dequeue(ring, &left) == 0) {
                rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
            }
        }
    }
    dataplane_.reset();
    for (Rings& rings : rings_) {
        std::uint16_t id = 0;
        rte_eth_dev_info info{};
        if (rte_eth_dev_get_port_by_name(rings.device.c_str(), &id) == 0
            && rte_eth_dev_info_get(id, &info) == 0) {
            rte_eth_dev_close(id);
            rte_dev_remove(info.device);
        }
        rte_ring_free(rings.in);
        rte_ring_free(rings.out);
    }
}

std::unique_ptr<const dataplane::Snapshot> RingGateway::snapshot(const config::RuleSet& rule_set,
                                                                 std::uint64_t revision) {
    std::vector<std::uint32_t> slots(rule_set.filters.size());
    std::iota(slots.begin(), slots.end(), 0U);
    dataplane_->reserve_hit_slots(static_cast<std::uint32_t>(slots.size()));
    auto snapshot = std::make_unique<dataplane::Snapshot>();
    snapshot->filters = dataplane::FilterTable::build(rule_set, slots, {}).value();
    snapshot->routes = routes_;
    snapshot->neighbors = neighbors_;
    snapshot->revision = revision;
    return snapshot;
}

bool RingGateway::send(std::uint16_t port, std::span<const std::uint8_t> frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(dataplane_->pool());
    if (mbuf == nullptr) {
        return false;
    }
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())),
                frame.data(),
                frame.size());
    if (rte_ring_enqueue(rings_[port].in, mbuf) != 0) {
        rte_pktmbuf_free(mbuf);
        return false;
    }
    return true;
}

rte_mbuf* RingGateway::take(std::uint16_t port) {
    void* mbuf = nullptr;
    return rte_ring_dequeue(rings_[port].out, &mbuf) == 0 ? static_cast<rte_mbuf*>(mbuf) : nullptr;
}

rte_mbuf* RingGateway::await(std::uint16_t port) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
        if (rte_mbuf* mbuf = take(port); mbuf != nullptr) {
            return mbuf;
        }
        std::this_thread::yield();
    }
    return nullptr;
}

config::MacAddress RingGateway::mac(std::uint16_t port) const {
    return dataplane_->topology().ports[port].mac;
}

std::uint64_t RingGateway::received() const {
    return sum(*dataplane_, [](const dataplane::WorkerCounters& counters) {
        return counters.ports[kLan].rx_packets.read() + counters.ports[kWan].rx_packets.read();
    });
}

std::uint64_t RingGateway::injected() const {
    return sum(*dataplane_, [](const auto& counters) { return counters.injected.read(); });
}

std::uint64_t RingGateway::transmitted() const {
    return sum(*dataplane_, [](const dataplane::WorkerCounters& counters) {
        return counters.ports[kLan].tx_packets.read() + counters.ports[kWan].tx_packets.read();
    });
}

std::uint64_t RingGateway::dropped(dataplane::DropReason reason) const {
    return sum(*dataplane_, [reason](const auto& counters) {
        return counters.drops[static_cast<std::size_t>(reason)].read();
    });
}

std::uint64_t RingGateway::dropped() const {
    std::uint64_t total = 0;
    for (const dataplane::DropReasonRow& row : dataplane::kDropReasons) {
        total += dropped(row.reason);
    }
    return total;
}

std::uint64_t RingGateway::to_control() const {
    return sum(*dataplane_, [](const auto& counters) { return counters.to_control.read(); });
}

unsigned RingGateway::buffers_in_use() const {
    return rte_mempool_in_use_count(dataplane_->pool());
}

}  // namespace tests
