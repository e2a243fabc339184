// IkeService: IKE in the daemon. Connects the engine, which knows neither sockets nor clocks, with
// the UDP sockets, the packet path, the rules in force and the log; answers what commands ask.
//
// Control loop only.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"
#include "control/certificates.h"
#include "control/ike/engine.h"
#include "control/ike_dataplane.h"
#include "control/ike_handle.h"
#include "control/ike_key_log.h"
#include "control/ike_rules.h"
#include "control/ike_sockets.h"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace control {

class IkeService final : public IkeHandle, private ike::Host {
  public:
    // Errors: files of `config` that cannot be read, each with its name. `dataplane` outlives the
    // service.
    [[nodiscard]] static config::Result<std::unique_ptr<IkeService>> open(
        const config::IkeConfig& config, IkeDataplane& dataplane, asio::io_context& loop);
    ~IkeService() override;

    // Peers are told that everything negotiated ends, and no message is answered any more.
    void stop();

    [[nodiscard]] ike::Report report() const override;
    [[nodiscard]] ike::Statistics statistics() const override;
    [[nodiscard]] std::optional<ike::ChildReport> child(ike::ChildId child) const override;
    std::size_t close(const ike::MainModeSelection& selection) override;
    std::size_t close_child(ike::ChildId child) override;
    [[nodiscard]] config::Result<void> check(const config::AuthMethod& method) const override;
    void set_logging(bool on) override { logging_ = on; }
    void set_crl_check(unsigned level) override;

  private:
    // A specific filter and the peer: what a negotiation that fails is not begun anew for at once.
    using Wish = std::pair<config::RuleTag, config::IpAddress>;

    IkeService(const config::IkeConfig& config,
               IkeDataplane& dataplane,
               asio::io_context& loop,
               std::unique_ptr<Certificates> certificates);
    void attach();
    void wait();

    // Events of the dataplane.
    void take_acquire(const AcquireRequest& request);
    void take_expiry(ike::ChildId child, bool is_hard);
    void take_rules(std::shared_ptr<const config::RuleSet> rule_set);

    // ike::Host
    [[nodiscard]] std::shared_ptr<const config::NegotiationTerms> main_mode_terms(
        const config::IpAddress& local, const config::IpAddress& remote) const override;
    [[nodiscard]] std::optional<ike::QuickModeMatch> quick_mode_match(
        const ike::QuickModeQuery& query) const override;
    void send(const ike::Endpoint& local,
              const ike::Endpoint& remote,
              ike::ByteView message) override;
    void send_keepalive(const ike::Endpoint& local, const ike::Endpoint& remote) override;
    [[nodiscard]] std::uint32_t new_spi(config::IpsecProtocol protocol,
                                        const config::IpAddress& local) override;
    [[nodiscard]] config::Result<void> install(ike::ChildId child,
                                               const config::Guid& rule,
                                               const config::SaPair& sas) override;
    void remove(ike::ChildId child) override;
    void retire_outbound(ike::ChildId child) override;
    void move_peer(ike::ChildId child, const ike::Endpoint& remote) override;
    [[nodiscard]] ike::ChildUse use_of(ike::ChildId child) const override;
    void established(config::RuleTag selector, const config::IpAddress& remote) override;
    void failed(const ike::Failure& failure) override;
    void log(std::string_view line) override;
    void log_key(const ike::Cookie& initiator, ike::ByteView encryption_key) override;

    [[nodiscard]] bool is_soft(const ike::Failure& failure) const;
    void begin_soft_sa(const ike::Failure& failure);
    void end_soft_sa(config::RuleTag selector, const config::IpAddress& remote);

    IkeDataplane& dataplane_;
    asio::steady_timer timer_;  // the engine's next tick
    std::unique_ptr<Certificates> certificates_;
    std::optional<IkeKeyLog> key_log_;
    IkeSockets sockets_;
    std::unique_ptr<IkeRules> rules_;
    std::map<Wish, ike::Time> failed_until_;
    std::map<Wish, ike::ChildId> soft_sas_;
    ike::ChildId next_soft_;
    std::uint64_t soft_sas_begun_ = 0;
    std::uint64_t send_failures_ = 0;
    bool logging_ = false;
    bool stopped_ = false;
    std::unique_ptr<ike::Engine> engine_;
};

}  // namespace control
