// Gateway: see gateway.h.
#include "control/gateway.h"

#include "control/dataplane_report.h"
#include "control/log.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace control {

namespace {

using config::Result;

// The port a route of the file leaves through, as dataplane::make_routes() decides it.
bool leaves_through(const config::RouteConfig& route, const config::PortConfig& port) {
    if (!route.port.empty()) {
        return route.port == port.name;
    }
    return route.via
           && std::any_of(
               port.addresses.begin(), port.addresses.end(), [&](const config::IpPrefix& prefix) {
                   return prefix.contains(*route.via);
               });
}

TapConfig tap_config(const config::GatewayConfig& config,
                     const config::PortConfig& port,
                     const dataplane::PortInfo& info) {
    TapConfig tap;
    tap.interface = port.host_interface.empty() ? "pc-" + port.name : port.host_interface;
    tap.mac = info.mac;
    tap.mtu = info.mtu;
    tap.addresses = info.addresses;
    for (const config::RouteConfig& route : config.routes) {
        if (leaves_through(route, port)) {
            tap.routes.push_back(route);
        }
    }
    return tap;
}

// The end of an SA is said once and never left out; a flood of forged packets is limited.
SaLog sa_log() {
    return {
        .lifetime =
            [](std::string_view line) {
                log::write(log::Level::kWarning, log::Category::kIpsec, nullptr, line);
            },
        .audit = [](std::string_view line) { log::warning(log::Category::kIpsec, "{}", line); }};
}

}  // namespace

class Gateway::Sink final : public TableSink {
  public:
    explicit Sink(dataplane::Dataplane& dataplane) : dataplane_(dataplane) {}

    void publish(std::unique_ptr<const dataplane::Snapshot> snapshot) override {
        dataplane_.publish(std::move(snapshot));
    }
    std::size_t reclaim() override { return dataplane_.reclaim(); }
    [[nodiscard]] std::uint64_t settled_revision() const override {
        return dataplane_.publication().settled_revision();
    }
    void reserve_hit_slots(std::uint32_t count) override { dataplane_.reserve_hit_slots(count); }
    [[nodiscard]] FilterHits hits(std::uint32_t slot) const override {
        const dataplane::HitCounters::Totals totals = dataplane_.hits(slot);
        return {totals.packets, totals.bytes};
    }

  private:
    dataplane::Dataplane& dataplane_;
};

Gateway::Gateway(const config::GatewayConfig& config, asio::io_context& loop)
    : config_(config), loop_(loop), sa_timer_(loop) {}

Gateway::~Gateway() {
    stop();
}

Result<std::unique_ptr<Gateway>> Gateway::open(const config::GatewayConfig& config,
                                               asio::io_context& loop) {
    std::unique_ptr<Gateway> gateway(new Gateway(config, loop));
    if (Result<void> built = gateway->build(); !built) {
        return std::move(built).error();
    }
    return gateway;
}

Result<void> Gateway::build() {
    raise_shield();
    auto eal = dataplane::Eal::start(config_);
    if (!eal) {
        return std::move(eal).error();
    }
    eal_ = std::move(eal).value();
    if (!eal_->notice().empty()) {
        log::info(log::Category::kDataplane, "{}", eal_->notice());
    }
    auto opened = dataplane::Dataplane::open(config_, *eal_);
    if (!opened) {
        return std::move(opened).error();
    }
    dataplane_ = std::move(opened).value();
    auto routes = dataplane::make_routes(dataplane_->topology(), config_.routes);
    if (!routes) {
        return std::move(routes).error();
    }
    sink_ = std::make_unique<Sink>(*dataplane_);
    publisher_ = std::make_unique<Publisher>(
        *sink_,
        std::make_shared<const dataplane::ForwardTable>(*routes),
        std::make_shared<const dataplane::NeighborTable>(std::span<const dataplane::Neighbor>()),
        [this](std::function<void()> run) { asio::post(loop_, std::move(run)); },
        build_filter_table);
    sas_ = std::make_unique<SaManager>(
        dataplane_->sas(), dataplane_->engines(), dataplane_->publication(), sa_log());
    static_cast<void>(reload_host_view());
    return open_packet_service();
}

void Gateway::raise_shield() {
    const std::vector<std::string> changed = shield_.raise(config_.ports);
    for (const std::string& interface : changed) {
        log::info(log::Category::kHost,
                  "the kernel drops what it receives itself interface={}",
                  interface);
    }
    if (!changed.empty() && shield_.overruled()) {
        log::warning(
            log::Category::kHost,
            "net.ipv4.conf.all.rp_filter is 2: IPv4 to this host may reach the kernel past "
            "the filters, set it to 0 or 1");
    }
}

Result<void> Gateway::open_packet_service() {
    const std::vector<dataplane::PortInfo>& ports = dataplane_->topology().ports;
    std::vector<NeighborAgent::Port> agent_ports;
    std::vector<std::optional<TapDevice>> taps(ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        agent_ports.push_back({ports[i].mac, ports[i].addresses});
        log::info(log::Category::kDataplane,
                  "port open name={} device={} mac={} mtu={}",
                  ports[i].name,
                  config_.ports[i].device,
                  ports[i].mac.to_string(),
                  ports[i].mtu);
        // A port without addresses has no traffic of its own.
        if (!ports[i].host_path || config_.ports[i].addresses.empty()) {
            continue;
        }
        auto tap = TapDevice::open(tap_config(config_, config_.ports[i], ports[i]));
        if (!tap) {
            return std::move(tap).error();
        }
        taps[i] = std::move(tap).value();
        log::info(log::Category::kHost,
                  "host interface open port={} interface={}",
                  ports[i].name,
                  taps[i]->interface());
    }
    NeighborAgent agent(std::move(agent_ports));
    std::vector<dataplane::Neighbor> fixed;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        for (const config::NeighborConfig& neighbor : config_.ports[i].neighbors) {
            fixed.push_back({static_cast<std::uint16_t>(i), neighbor.address, neighbor.mac});
            agent.add_static(fixed.back());
        }
    }
    publisher_->publish_neighbors(std::make_shared<const dataplane::NeighborTable>(fixed));
    packets_ = std::make_unique<PacketService>(
        *dataplane_,
        std::move(agent),
        std::move(taps),
        [publisher = publisher_.get()](std::shared_ptr<const dataplane::NeighborTable> table) {
            publisher->publish_neighbors(std::move(table));
        },
        [this](const dataplane::Event& event) { take_sa_event(event); });
    return {};
}

Result<void> Gateway::start() {
    if (Result<void> started = dataplane_->start(); !started) {
        return started;
    }
    return packets_->start();
}

void Gateway::stop() {
    // Nobody publishes or injects while the workers end.
    if (packets_ != nullptr) {
        packets_->stop();
    }
    if (publisher_ != nullptr) {
        publisher_->stop();
    }
    if (dataplane_ != nullptr) {
        dataplane_->stop();
    }
    packets_.reset();
}

bool Gateway::reload_host_view() {
    config::HostView view =
        make_host_view(config_, dataplane_->topology(), HostFiles{}, kernel_default_gateways());
    if (view == host_view_) {
        return false;
    }
    host_view_ = std::move(view);
    if (ike_.addresses) {
        ike_.addresses(host_view_.me);
    }
    log::info(log::Category::kHost,
              "host view me={} dns={} wins={} dhcp={} gateways={}",
              host_view_.me.size(),
              host_view_.dns_servers.size(),
              host_view_.wins_servers.size(),
              host_view_.dhcp_servers.size(),
              host_view_.default_gateways.size());
    return true;
}

std::uint64_t Gateway::submit(std::shared_ptr<const config::RuleSet> rule_set) {
    const std::uint64_t revision = publisher_->submit(rule_set);
    if (ike_.rules) {
        rules_for_ike_.emplace_back(revision, std::move(rule_set));
        // Before the command that asked for them is answered.
        publisher_->when_published(revision,
                                   [this](const config::Result<void>& /*done*/) { tell_rules(); });
    }
    return revision;
}

// Packets meet the rules before IKE does: what it negotiates is then what they ask for. Of several
// rule sets that have come into force at once only the last counts: what an earlier one lacks may
// be in it again.
void Gateway::tell_rules() {
    const std::uint64_t in_force = publisher_->status().revision;
    std::shared_ptr<const config::RuleSet> rules;
    while (!rules_for_ike_.empty() && rules_for_ike_.front().first <= in_force) {
        rules = std::move(rules_for_ike_.front().second);
        rules_for_ike_.pop_front();
    }
    if (rules != nullptr && ike_.rules) {
        ike_.rules(std::move(rules));
    }
}

void Gateway::when_published(std::uint64_t revision,
                             std::function<void(config::Result<void>)> done) {
    publisher_->when_published(revision, std::move(done));
}

DataplaneHandle::InForce Gateway::in_force() const {
    return publisher_->in_force();
}

DataplaneReport Gateway::report() const {
    DataplaneReport report = make_report(*dataplane_);
    const Publisher::Status status = publisher_->status();
    report.revision = status.revision;
    report.rows = status.rows;
    report.sas = sas_->totals();
    report.held_for_ike = packets_ != nullptr ? packets_->held() : 0;
    return report;
}

Result<void> Gateway::add_sa(const SaRequest& request) {
    Result<void> added = sas_->add(request, dataplane_->clock());
    wait_for_sas();
    return added;
}

std::size_t Gateway::delete_sas(const SaSelection& selection) {
    const std::size_t deleted = sas_->remove(selection);
    wait_for_sas();
    return deleted;
}

std::vector<SaReport> Gateway::sas() const {
    return sas_->reports(dataplane_->clock());
}

void Gateway::attach(Events events) {
    ike_ = std::move(events);
    sas_->set_owner([this](ike::ChildId child, dataplane::SaExpiry limit) {
        if (ike_.expired) {
            ike_.expired(child, limit == dataplane::SaExpiry::kHard);
        }
    });
    if (ike_.acquire) {
        packets_->on_acquire([this](const AcquireRequest& request) {
            asio::post(loop_, [this, request] {
                if (ike_.acquire) {
                    ike_.acquire(request);
                }
            });
        });
    }
    if (ike_.addresses) {
        ike_.addresses(host_view_.me);
    }
}

std::uint32_t Gateway::new_spi(config::IpsecProtocol /*protocol*/,
                               const config::IpAddress& /*local*/) {
    return sas_->new_spi(dataplane_->clock());
}

Result<void> Gateway::add_child_sa(ike::ChildId child,
                                   const config::Guid& rule,
                                   const config::SaPair& sas) {
    return add_sa({.sas = sas, .rule = rule, .child = child});
}

void Gateway::remove_child(ike::ChildId child) {
    sas_->remove_child(child);
    wait_for_sas();
}

void Gateway::retire_outbound(ike::ChildId child) {
    sas_->retire_outbound(child);
    wait_for_sas();
}

bool Gateway::move_peer(ike::ChildId child, const ike::Endpoint& remote) {
    return sas_->move_peer(child, remote.address, remote.port);
}

ike::ChildUse Gateway::use_of(ike::ChildId child) const {
    return sas_->use_of(child, dataplane_->clock());
}

void Gateway::release_held(config::RuleTag selector, const config::IpAddress& remote) {
    if (packets_ != nullptr) {
        packets_->release(selector, remote);
    }
}

void Gateway::discard_held(config::RuleTag selector, const config::IpAddress& remote) {
    if (packets_ != nullptr) {
        packets_->discard(selector, remote, dataplane::DropReason::kNegotiationFailed);
    }
}

void Gateway::take_sa_event(const dataplane::Event& event) {
    // A pointer, because Event is aligned to a cache line and asio's handlers are not.
    asio::post(loop_, [this, copy = std::make_unique<const dataplane::Event>(event)] {
        sas_->handle(*copy, dataplane_->clock());
        wait_for_sas();
    });
}

void Gateway::wait_for_sas() {
    const dataplane::TscClock clock = dataplane_->clock();
    const std::optional<std::uint64_t> when = sas_->next_tick(clock);
    if (!when) {
        return;
    }
    // Rounded up, so that what is due is due when the timer rings.
    const std::uint64_t ticks = std::max(*when, clock.now) - clock.now;
    const auto wait = std::chrono::milliseconds(ticks / (clock.hz / 1000) + 1);
    sa_timer_.expires_after(wait);
    sa_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            sas_->tick(dataplane_->clock());
            wait_for_sas();
        }
    });
}

}  // namespace control
