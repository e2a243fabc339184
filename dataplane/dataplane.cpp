#include "dataplane/dataplane.h"

#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_ring.h>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>

namespace dataplane {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

std::string pool_name(std::string_view what) {
    static std::atomic<unsigned> next{0};
    return fmt::format("{}_{}", what, next.fetch_add(1, std::memory_order_relaxed));
}

std::uint16_t largest_mtu(const config::GatewayConfig& config) {
    std::uint16_t largest = 0;
    for (const config::PortConfig& port : config.ports) {
        largest = std::max(largest, port.mtu);
    }
    return largest;
}

std::uint16_t index_of(const config::GatewayConfig& config, const std::string& name) {
    for (std::uint16_t i = 0; i < config.ports.size(); ++i) {
        if (config.ports[i].name == name) {
            return i;
        }
    }
    return kNoPort;
}

PortInfo port_info(const config::GatewayConfig& config, const Port& port) {
    const config::PortConfig& from = port.config();
    PortInfo info{
        .name = from.name,
        .mac = port.mac(),
        .mtu = from.mtu,
        .connection_bit = from.type == config::ConnectionType::kDialup ? kConnDialup : kConnLan,
        .pair = from.pair.empty() ? kNoPort : index_of(config, from.pair),
        .host_path = from.host_path && from.pair.empty(),
        .addresses = from.addresses,
    };
    if (from.pair.empty()) {
        info.addresses.push_back({.address = link_local_address(info.mac), .length = 64});
    }
    return info;
}

int run_worker(void* worker) {
    static_cast<Worker*>(worker)->run();
    return 0;
}

}  // namespace

Dataplane::Dataplane(const Eal& eal)
    : eal_(eal), publication_(static_cast<unsigned>(eal.workers().size())) {}

Result<std::unique_ptr<Dataplane>> Dataplane::open(const config::GatewayConfig& config,
                                                   const Eal& eal) {
    if (config.ports.empty() || config.ports.size() > kMaxPorts) {
        return Error{ErrorCode::kGatewayFile,
                     fmt::format("{} ports: expected 1 to {}", config.ports.size(), kMaxPorts)};
    }
    auto pool = make_packet_pool(pool_name("packets"), config.mbufs, largest_mtu(config));
    if (!pool) {
        return pool.error();
    }
    auto large_pool = make_large_pool(pool_name("datagrams"));
    if (!large_pool) {
        return large_pool.error();
    }
    std::unique_ptr<Dataplane> dataplane(new Dataplane(eal));
    dataplane->pool_ = std::move(pool).value();
    dataplane->large_pool_ = std::move(large_pool).value();
    if (auto opened = dataplane->open_ports(config); !opened) {
        return opened.error();
    }
    if (auto made = dataplane->make_workers(config); !made) {
        return made.error();
    }
    return dataplane;
}

Result<void> Dataplane::open_ports(const config::GatewayConfig& config) {
    for (const config::PortConfig& port_config : config.ports) {
        auto port = Port::open(port_config,
                               {.rx = port_config.rx_queues,
                                .tx = static_cast<std::uint16_t>(eal_.workers().size()),
                                .pool = pool_.get()});
        if (!port) {
            return port.error();
        }
        topology_.ports.push_back(port_info(config, **port));
        ports_.push_back(std::move(port).value());
    }
    return {};
}

Result<void> Dataplane::make_workers(const config::GatewayConfig& config) {
    std::vector<WorkerSetup> setups(eal_.workers().size());
    std::size_t queues = 0;
    worker_of_port_.resize(ports_.size());
    for (std::uint16_t port = 0; port < ports_.size(); ++port) {
        // Injected packets of a port go to one worker only, which keeps their order.
        worker_of_port_[port] = queues % setups.size();
        for (std::uint16_t queue = 0; queue < ports_[port]->rx_queues(); ++queue, ++queues) {
            setups[queues % setups.size()].rx_queues.push_back(
                {.port = port, .device = ports_[port]->device_id(), .queue = queue});
        }
    }
    if (queues < setups.size()) {
        return Error{ErrorCode::kGatewayFile,
                     fmt::format("worker_lcores: {} workers, but the ports have {} receive queues "
                                 "together and each worker needs one; raise rx_queues of a port or "
                                 "name fewer lcores",
                                 setups.size(),
                                 queues)};
    }
    for (unsigned id = 0; id < setups.size(); ++id) {
        WorkerSetup& setup = setups[id];
        setup.id = id;
        setup.busy_poll = config.busy_poll;
        for (const auto& port : ports_) {
            setup.tx_devices.push_back(port->device_id());
        }
        auto crypto = WorkerCrypto::create(engines_);
        if (!crypto) {
            return std::move(crypto).error();
        }
        workers_.push_back(
            std::make_unique<Worker>(std::move(setup),
                                     std::move(crypto).value(),
                                     WorkerEnvironment{.topology = topology_,
                                                       .publication = publication_,
                                                       .sas = sas_,
                                                       .wakeup = wakeup_,
                                                       .pool = pool_.get(),
                                                       .large_pool = large_pool_.get()}));
    }
    return {};
}

Dataplane::~Dataplane() {
    stop();
    Drops drops(control_counters_);
    for (const auto& worker : workers_) {
        Event event;
        while (rte_ring_sc_dequeue_elem(worker->events(), &event, sizeof(event)) == 0) {
            drops.add(event.mbuf, DropReason::kShutdown);
        }
    }
}

Result<void> Dataplane::start(std::unique_ptr<const Snapshot> first) {
    publication_.publish(std::move(first));
    return start();
}

Result<void> Dataplane::start() {
    if (!publication_.published()) {
        return Error{ErrorCode::kInternal, "no snapshot is published, workers are not started"};
    }
    running_ = true;
    for (const auto& port : ports_) {
        if (auto started = port->start(); !started) {
            stop();
            return started;
        }
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const int failed =
            rte_eal_remote_launch(run_worker, workers_[i].get(), eal_.workers()[i].lcore);
        if (failed != 0) {
            stop();
            return Error{ErrorCode::kSystem,
                         fmt::format("worker {} cannot be launched: its lcore is busy", i)};
        }
    }
    return {};
}

void Dataplane::stop() {
    if (!running_) {
        return;
    }
    running_ = false;
    for (const auto& worker : workers_) {
        worker->request_stop();
    }
    for (const Eal::WorkerCore& core : eal_.workers()) {
        rte_eal_wait_lcore(core.lcore);
    }
    for (const auto& port : ports_) {
        port->stop();
    }
    publication_.reclaim();
}

TscClock Dataplane::clock() {
    return {.now = rte_rdtsc(), .hz = rte_get_tsc_hz()};
}

void Dataplane::publish(std::unique_ptr<const Snapshot> snapshot) {
    publication_.publish(std::move(snapshot));
}

std::size_t Dataplane::reclaim() {
    return publication_.reclaim();
}

std::size_t Dataplane::take_events(std::span<Event> events) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < workers_.size() && taken < events.size(); ++i) {
        const Worker& worker = *workers_[(next_events_from_ + i) % workers_.size()];
        taken += rte_ring_sc_dequeue_burst_elem(worker.events(),
                                                events.data() + taken,
                                                sizeof(Event),
                                                static_cast<unsigned>(events.size() - taken),
                                                nullptr);
    }
    next_events_from_ = (next_events_from_ + 1) % workers_.size();
    return taken;
}

bool Dataplane::inject(const Injection& injection) {
    rte_ring* ring = workers_[worker_of_port_[injection.port]]->injections();
    return rte_ring_sp_enqueue_elem(ring, const_cast<Injection*>(&injection), sizeof(injection))
           == 0;
}

const WorkerCounters& Dataplane::worker_counters(std::size_t worker) const {
    return workers_[worker]->counters();
}

std::uint16_t Dataplane::worker_cpu(std::size_t worker) const {
    return eal_.workers()[worker].cpu;
}

void Dataplane::reserve_hit_slots(std::uint32_t count) {
    for (const auto& worker : workers_) {
        worker->hits().reserve(count);
    }
}

HitCounters::Totals Dataplane::hits(std::uint32_t slot) const {
    HitCounters::Totals sum;
    for (const auto& worker : workers_) {
        const HitCounters::Totals one = std::as_const(*worker).hits().read(slot);
        sum.packets += one.packets;
        sum.bytes += one.bytes;
    }
    return sum;
}

}  // namespace dataplane
