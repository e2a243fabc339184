// pcap_run: replays capture files through the packet pipeline under a policy, without devices and
// without a daemon, and says for every packet what became of it and which filter decided.
//
//   pcap_run --gateway gateway.toml --commands policy.netsh --in lan=a.pcap --in host:wan=b.pcap
//            --out DIR [--engine scan|acl]
//
// Packets of all inputs are taken in the order of their time stamps, one at a time. Frames that
// leave are written to DIR/out-PORT.pcap, packets for this machine's kernel to DIR/out-host.pcap;
// the report on stdout is JSON. Next hops are resolved from the static neighbours of the gateway
// file only.
#include "config/gateway_file.h"
#include "config/policy_store.h"
#include "control/controller.h"
#include "control/host_view.h"
#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "dataplane/pipeline.h"
#include "dataplane/worker.h"
#include "tools/offline_dataplane.h"
#include "tools/pcap_file.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

struct Arguments {
    std::string gateway;
    std::string commands;
    std::string out;
    std::string engine = "scan";
    std::vector<std::string> inputs;  // PORT=FILE or host:PORT=FILE
};

struct InputFrame {
    bool from_host = false;
    std::uint16_t port = 0;
    tools::CapturedFrame frame;
};

Result<std::string> read_text(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        return Error{ErrorCode::kFileNotReadable, fmt::format("{}: cannot be read.", path)};
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// The ports as the file describes them; no device is opened, so a port without a MAC address gets a
// locally administered one.
dataplane::Topology offline_topology(const config::GatewayConfig& gateway) {
    dataplane::Topology topology;
    for (const config::PortConfig& port : gateway.ports) {
        dataplane::PortInfo info;
        const auto number = static_cast<std::uint8_t>(topology.ports.size());
        info.name = port.name;
        info.mac = port.mac.value_or(config::MacAddress{{0x02, 0, 0, 0, 0, number}});
        info.mtu = port.mtu;
        info.connection_bit = port.type == config::ConnectionType::kDialup ? dataplane::kConnDialup
                                                                           : dataplane::kConnLan;
        info.host_path = port.host_path;
        info.addresses = port.addresses;
        info.addresses.push_back({dataplane::link_local_address(info.mac), 64});
        topology.ports.push_back(info);
    }
    for (std::size_t i = 0; i < gateway.ports.size(); ++i) {
        for (std::size_t j = 0; j < gateway.ports.size(); ++j) {
            if (gateway.ports[i].pair == gateway.ports[j].name) {
                topology.ports[i].pair = static_cast<std::uint16_t>(j);
            }
        }
    }
    return topology;
}

std::vector<dataplane::Neighbor> static_neighbors(const config::GatewayConfig& gateway) {
    std::vector<dataplane::Neighbor> neighbors;
    for (std::size_t port = 0; port < gateway.ports.size(); ++port) {
        for (const config::NeighborConfig& neighbor : gateway.ports[port].neighbors) {
            neighbors.push_back({static_cast<std::uint16_t>(port), neighbor.address, neighbor.mac});
        }
    }
    return neighbors;
}

// Runs the script as one session; what it leaves in force, rule set and SAs, is in `dataplane`.
Result<void> run_commands(const std::string& script, tools::OfflineDataplane& dataplane) {
    Result<std::unique_ptr<config::PolicyStore>> store = config::PolicyStore::open(":memory:");
    if (!store) {
        return std::move(store).error();
    }
    tools::NoResolver resolver;
    control::Controller controller(**store, dataplane, resolver, {});
    if (Result<std::uint64_t> first = controller.refresh(); !first) {
        return std::move(first).error();
    }
    const auto session = std::make_shared<control::Session>();
    std::istringstream lines(script);
    Result<void> outcome;
    std::size_t number = 0;
    for (std::string line; outcome && std::getline(lines, line);) {
        ++number;
        if (line.empty() || line.front() == '#') {
            continue;
        }
        control::Request request;
        request.line = line;
        controller.execute(session, {}, {request}, [&](std::vector<control::Reply> replies) {
            if (!replies.front().ok) {
                // Not the line itself: it may hold a key.
                outcome =
                    Error{ErrorCode::kBadFile,
                          fmt::format("line {} of the commands: {}", number, replies.front().text)};
            }
        });
    }
    return outcome;
}

struct Pools {
    rte_mempool* packets;
    rte_mempool* datagrams;
};

class Replay {
  public:
    static Result<std::unique_ptr<Replay>> make(const config::GatewayConfig& gateway,
                                                dataplane::FilterEngine engine,
                                                const Pools& pools,
                                                const tools::OfflineDataplane& dataplane,
                                                const std::string& out) {
        auto crypto = dataplane::WorkerCrypto::create(dataplane.engines());
        if (!crypto) {
            return std::move(crypto).error();
        }
        auto replay = std::make_unique<Replay>(
            dataplane.in_force().rule_set, pools, std::move(crypto).value(), out);
        replay->topology_ = offline_topology(gateway);
        Result<std::vector<dataplane::RouteEntry>> routes =
            dataplane::make_routes(replay->topology_, gateway.routes);
        if (!routes) {
            return std::move(routes).error();
        }
        std::vector<std::uint32_t> slots(replay->rule_set_->filters.size());
        for (std::size_t i = 0; i < slots.size(); ++i) {
            slots[i] = static_cast<std::uint32_t>(i);
        }
        replay->hits_.reserve(static_cast<std::uint32_t>(slots.size()));
        auto filters = dataplane::FilterTable::build(*replay->rule_set_, slots, {}, engine);
        if (!filters) {
            return std::move(filters).error();
        }
        replay->snapshot_.filters = std::move(*filters);
        replay->snapshot_.routes = std::make_shared<dataplane::ForwardTable>(*routes);
        replay->snapshot_.neighbors =
            std::make_shared<dataplane::NeighborTable>(static_neighbors(gateway));
        replay->snapshot_.revision = 1;
        replay->make_pipeline(dataplane.sa_table());
        return replay;
    }

    Replay(std::shared_ptr<const config::RuleSet> rule_set,
           const Pools& pools,
           dataplane::WorkerCrypto crypto,
           std::string out)
        : rule_set_(std::move(rule_set)),
          pools_(pools),
          crypto_(std::move(crypto)),
          out_(std::move(out)) {}

    [[nodiscard]] const dataplane::Topology& topology() const { return topology_; }

    // Sends one frame and reports its outputs, drops and deciding filters.
    Result<nlohmann::json> send(const InputFrame& input) {
        const Before before = counters_now();
        rte_mbuf* mbuf = rte_pktmbuf_alloc(pools_.packets);
        if (mbuf == nullptr) {
            return Error{ErrorCode::kSystem, "The packet pool is empty."};
        }
        const std::vector<std::uint8_t>& bytes = input.frame.bytes;
        char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size()));
        if (bytes.size() > UINT16_MAX || room == nullptr) {
            rte_pktmbuf_free(mbuf);
            return Error{ErrorCode::kBadFile,
                         fmt::format("A captured frame has {} bytes, more than the ports' MTU lets "
                                     "a buffer hold.",
                                     bytes.size())};
        }
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(room));
        dataplane::meta_of(mbuf) = {};
        if (input.from_host) {
            const dataplane::Injection injection{
                dataplane::InjectionKind::kHostOutput, 0, input.port, 0, mbuf};
            pipeline_->inject(snapshot_, {&injection, 1}, now_);
        } else {
            pipeline_->receive(snapshot_, input.port, {&mbuf, 1}, now_);
        }
        ++now_;
        Result<nlohmann::json> outputs = collect_outputs();
        if (!outputs) {
            return outputs;
        }
        nlohmann::json report = changes_since(before);
        report["in"] = (input.from_host ? "host:" : "") + topology_.ports[input.port].name;
        report["outputs"] = std::move(*outputs);
        return report;
    }

    void finish() { pipeline_->drain(); }

  private:
    struct Before {
        std::array<std::uint64_t, dataplane::kDropReasonCount> drops{};
        std::vector<std::uint64_t> hits;
    };
    struct RingDeleter {
        void operator()(rte_ring* ring) const { rte_ring_free(ring); }
    };

    void make_pipeline(const dataplane::SaTable& sas) {
        events_.reset(rte_ring_create_elem("replay-events",
                                           sizeof(dataplane::Event),
                                           dataplane::kEventRingSize,
                                           SOCKET_ID_ANY,
                                           RING_F_SP_ENQ | RING_F_SC_DEQ));
        pipeline_ = std::make_unique<dataplane::Pipeline>(
            dataplane::PipelineContext{.topology = topology_,
                                       .counters = counters_,
                                       .hits = hits_,
                                       .sas = sas,
                                       .crypto = *crypto_.batch,
                                       .ivs = *crypto_.ivs,
                                       .events = events_.get(),
                                       .pool = pools_.packets,
                                       .large_pool = pools_.datagrams,
                                       .tsc_hz = rte_get_tsc_hz()});
    }

    [[nodiscard]] Before counters_now() const {
        Before before;
        for (std::size_t i = 0; i < before.drops.size(); ++i) {
            before.drops[i] = counters_.drops[i].read();
        }
        for (std::uint32_t slot = 0; slot < rule_set_->filters.size(); ++slot) {
            before.hits.push_back(hits_.read(slot).packets);
        }
        return before;
    }

    [[nodiscard]] nlohmann::json changes_since(const Before& before) const {
        const Before after = counters_now();
        nlohmann::json drops = nlohmann::json::array();
        for (std::size_t i = 0; i < after.drops.size(); ++i) {
            if (after.drops[i] != before.drops[i]) {
                drops.push_back(dataplane::kDropReasons[i].token);
            }
        }
        nlohmann::json filters = nlohmann::json::array();
        for (std::size_t i = 0; i < after.hits.size(); ++i) {
            if (after.hits[i] != before.hits[i]) {
                const config::RuleSetFilter& filter = rule_set_->filters[i];
                filters.push_back(filter.description.empty() ? filter.filter.to_string()
                                                             : filter.description);
            }
        }
        return {{"drops", drops}, {"filters", filters}};
    }

    Result<nlohmann::json> collect_outputs() {
        nlohmann::json outputs = nlohmann::json::array();
        for (std::uint16_t port = 0; port < topology_.ports.size(); ++port) {
            dataplane::TxBuffer& tx = pipeline_->tx(port);
            for (std::uint16_t i = 0; i < tx.count; ++i) {
                if (Result<void> written =
                        write(topology_.ports[port].name, tx.packets[i], outputs);
                    !written) {
                    return std::move(written).error();
                }
            }
            counters_.ports[port].tx_packets.add(tx.count);  // a worker's duty
            tx.count = 0;
        }
        dataplane::Event event;
        while (rte_ring_dequeue_elem(events_.get(), &event, sizeof(event)) == 0) {
            if (event.mbuf == nullptr) {
                continue;  // an SA's expiry, or what its audit log would say
            }
            if (event.kind == dataplane::EventKind::kAcquire) {
                // Nobody negotiates here.
                counters_.injected.add(1);
                dataplane::Drops(counters_).add(event.mbuf, dataplane::DropReason::kNegotiateNoSa);
                continue;
            }
            const std::string name = event.kind == dataplane::EventKind::kHostPacket ? "host"
                                     : event.kind == dataplane::EventKind::kNeighbor ? "neighbor"
                                                                                     : "unresolved";
            if (Result<void> written = write(name, event.mbuf, outputs); !written) {
                return std::move(written).error();
            }
        }
        return outputs;
    }

    // Frees `mbuf`.
    Result<void> write(const std::string& name, rte_mbuf* mbuf, nlohmann::json& outputs) {
        std::vector<std::uint8_t> bytes(rte_pktmbuf_pkt_len(mbuf));
        std::size_t at = 0;
        for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
            const auto* data = rte_pktmbuf_mtod(segment, const std::uint8_t*);
            std::copy_n(data, segment->data_len, bytes.begin() + static_cast<std::ptrdiff_t>(at));
            at += segment->data_len;
        }
        rte_pktmbuf_free(mbuf);
        auto& file = files_[name];
        if (!file.writer) {
            Result<tools::PcapWriter> writer =
                tools::PcapWriter::create(fmt::format("{}/out-{}.pcap", out_, name));
            if (!writer) {
                return std::move(writer).error();
            }
            file.writer = std::make_unique<tools::PcapWriter>(std::move(*writer));
        }
        outputs.push_back({{"port", name}, {"index", file.count}});
        return file.writer->write({static_cast<std::int64_t>(file.count++), std::move(bytes)});
    }

    struct OutputFile {
        std::unique_ptr<tools::PcapWriter> writer;
        std::size_t count = 0;
    };

    std::shared_ptr<const config::RuleSet> rule_set_;
    Pools pools_;
    dataplane::WorkerCrypto crypto_;
    std::string out_;
    dataplane::Topology topology_;
    dataplane::WorkerCounters counters_;
    dataplane::HitCounters hits_;
    dataplane::Snapshot snapshot_;
    std::unique_ptr<rte_ring, RingDeleter> events_;
    std::unique_ptr<dataplane::Pipeline> pipeline_;
    std::map<std::string, OutputFile> files_;
    std::uint64_t now_ = 1;
};

Result<std::vector<InputFrame>> read_inputs(const std::vector<std::string>& inputs,
                                            const dataplane::Topology& topology) {
    std::vector<InputFrame> frames;
    for (const std::string& input : inputs) {
        const std::size_t equals = input.find('=');
        std::string name = input.substr(0, equals);
        const bool from_host = name.starts_with("host:");
        if (from_host) {
            name.erase(0, 5);
        }
        const auto port = std::find_if(topology.ports.begin(),
                                       topology.ports.end(),
                                       [&](const auto& info) { return info.name == name; });
        if (equals == std::string::npos || port == topology.ports.end()) {
            return Error{ErrorCode::kInvalidValue,
                         fmt::format("--in {}: expected PORT=FILE or host:PORT=FILE with a port of "
                                     "the gateway file.",
                                     input)};
        }
        Result<std::vector<tools::CapturedFrame>> captured =
            tools::read_pcap(input.substr(equals + 1));
        if (!captured) {
            return std::move(captured).error();
        }
        for (tools::CapturedFrame& frame : *captured) {
            frames.push_back({from_host,
                              static_cast<std::uint16_t>(port - topology.ports.begin()),
                              std::move(frame)});
        }
    }
    std::stable_sort(frames.begin(), frames.end(), [](const InputFrame& a, const InputFrame& b) {
        return a.frame.microseconds < b.frame.microseconds;
    });
    return frames;
}

Result<nlohmann::json> run(const Arguments& arguments) {
    Result<config::GatewayConfig> gateway = config::load_gateway_file(arguments.gateway);
    if (!gateway) {
        return std::move(gateway).error();
    }
    std::string script;
    if (!arguments.commands.empty()) {
        Result<std::string> text = read_text(arguments.commands);
        if (!text) {
            return std::move(text).error();
        }
        script = std::move(*text);
    }
    const config::HostView host =
        control::make_host_view(*gateway, offline_topology(*gateway), {"", {}}, {});
    tools::OfflineDataplane dataplane(host);
    if (Result<void> ran = run_commands(script, dataplane); !ran) {
        return std::move(ran).error();
    }
    gateway->hugepages = false;
    gateway->file_prefix = fmt::format("pcap_run-{}", getpid());
    auto eal = dataplane::Eal::start(*gateway);
    if (!eal) {
        return std::move(eal).error();
    }
    auto pool = dataplane::make_packet_pool("replay", 8191, 9216);
    if (!pool) {
        return std::move(pool).error();
    }
    auto datagrams = dataplane::make_large_pool("replay-datagrams");
    if (!datagrams) {
        return std::move(datagrams).error();
    }
    auto replay = Replay::make(
        *gateway,
        arguments.engine == "acl" ? dataplane::FilterEngine::kAcl : dataplane::FilterEngine::kScan,
        {.packets = pool->get(), .datagrams = datagrams->get()},
        dataplane,
        arguments.out);
    if (!replay) {
        return std::move(replay).error();
    }
    Result<std::vector<InputFrame>> frames = read_inputs(arguments.inputs, (*replay)->topology());
    if (!frames) {
        return std::move(frames).error();
    }
    nlohmann::json packets = nlohmann::json::array();
    for (const InputFrame& frame : *frames) {
        Result<nlohmann::json> report = (*replay)->send(frame);
        if (!report) {
            return report;
        }
        packets.push_back(std::move(*report));
    }
    (*replay)->finish();
    return nlohmann::json{{"packets", packets}};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Replays capture files through the packet pipeline under a policy."};
    Arguments arguments;
    app.add_option("--gateway", arguments.gateway, "gateway.toml: ports, addresses, routes")
        ->required();
    app.add_option("--commands", arguments.commands, "netsh script with the policy");
    app.add_option("--in", arguments.inputs, "PORT=FILE.pcap, or host:PORT=FILE.pcap")->required();
    app.add_option("--out", arguments.out, "directory for out-PORT.pcap")->required();
    app.add_option("--engine", arguments.engine, "classifier")
        ->check(CLI::IsMember({"scan", "acl"}))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    const Result<nlohmann::json> report = run(arguments);
    if (!report) {
        fmt::print("{}\n", config::format_error(report.error()));
        return 1;
    }
    fmt::print("{}\n", report.value().dump(1));
    return 0;
}
