// Gateway: the dataplane and everything that serves it (publisher, packet service, TAPs, host view)
// as one DataplaneHandle. Built and started in the order that keeps it closed until its filters are
// in force.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "control/dataplane_handle.h"
#include "control/host_view.h"
#include "control/ike_dataplane.h"
#include "control/kernel_shield.h"
#include "control/packet_service.h"
#include "control/publisher.h"
#include "control/sa_manager.h"
#include "dataplane/dataplane.h"
#include "dataplane/eal.h"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace control {

class Gateway final : public DataplaneHandle, public IkeDataplane {
  public:
    // Starts EAL and opens ports and TAPs. No packet is handled before start(). The calling thread
    // becomes DPDK's main lcore; callbacks run on `loop`.
    [[nodiscard]] static config::Result<std::unique_ptr<Gateway>> open(
        const config::GatewayConfig& config, asio::io_context& loop);
    ~Gateway() override;
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    // Starts the workers. A rule set must be in force.
    [[nodiscard]] config::Result<void> start();
    // Workers drain and end, TAPs disappear. Idempotent.
    void stop();

    // Looks at the host's files and routes again; true if a symbol stands for something else now.
    [[nodiscard]] bool reload_host_view();

    std::uint64_t submit(std::shared_ptr<const config::RuleSet> rule_set) override;
    void when_published(std::uint64_t revision,
                        std::function<void(config::Result<void>)> done) override;
    [[nodiscard]] InForce in_force() const override;
    [[nodiscard]] DataplaneReport report() const override;
    [[nodiscard]] config::Result<void> add_sa(const SaRequest& request) override;
    std::size_t delete_sas(const SaSelection& selection) override;
    [[nodiscard]] std::vector<SaReport> sas() const override;
    [[nodiscard]] config::HostView host_view() const override { return host_view_; }

    void attach(Events events) override;
    [[nodiscard]] std::uint32_t new_spi(config::IpsecProtocol protocol,
                                        const config::IpAddress& local) override;
    [[nodiscard]] config::Result<void> add_child_sa(ike::ChildId child,
                                                    const config::Guid& rule,
                                                    const config::SaPair& sas) override;
    void remove_child(ike::ChildId child) override;
    void retire_outbound(ike::ChildId child) override;
    bool move_peer(ike::ChildId child, const ike::Endpoint& remote) override;
    [[nodiscard]] ike::ChildUse use_of(ike::ChildId child) const override;
    void release_held(config::RuleTag selector, const config::IpAddress& remote) override;
    void discard_held(config::RuleTag selector, const config::IpAddress& remote) override;

  private:
    class Sink;

    Gateway(const config::GatewayConfig& config, asio::io_context& loop);
    [[nodiscard]] config::Result<void> build();
    void raise_shield();
    [[nodiscard]] config::Result<void> open_packet_service();
    void take_sa_event(const dataplane::Event& event);
    void tell_rules();
    void wait_for_sas();

    const config::GatewayConfig config_;
    asio::io_context& loop_;
    // In the order in which they are made; destroyed in the opposite one.
    KernelShield shield_;
    std::unique_ptr<dataplane::Eal> eal_;
    std::unique_ptr<dataplane::Dataplane> dataplane_;
    std::unique_ptr<Sink> sink_;
    std::unique_ptr<Publisher> publisher_;
    std::unique_ptr<SaManager> sas_;
    asio::steady_timer sa_timer_;  // the next tick of sas_
    std::unique_ptr<PacketService> packets_;
    config::HostView host_view_;
    Events ike_;  // without IKE each is empty
    // Submitted and not told to IKE yet, with their revisions in ascending order.
    std::deque<std::pair<std::uint64_t, std::shared_ptr<const config::RuleSet>>> rules_for_ike_;
};

}  // namespace control
