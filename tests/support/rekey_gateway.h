// One gateway's side of IKE in a test of traffic under rekeys: the real engine, rules and SA
// manager, over the SA table of a pipeline in memory. Its messages go to a wire in the test's
// hands.
#pragma once

#include "config/rule_set.h"
#include "control/ike/engine.h"
#include "control/ike_rules.h"
#include "control/sa_manager.h"
#include "tests/support/pipeline_harness.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

// For rules with preshared keys.
class NoCertificates : public control::ike::Credentials {
  public:
    [[nodiscard]] config::Result<control::ike::OwnIdentity> own(
        const config::AuthMethod& method) const override;
    [[nodiscard]] config::Result<control::ike::Bytes> sign(
        const config::AuthMethod& method, control::ike::ByteView hash) const override;
    [[nodiscard]] control::ike::Bytes ca_name(const config::AuthMethod& method) const override;
    [[nodiscard]] control::ike::Judged judge(const control::ike::PeerProof& proof) override;
};

class RekeyGateway : public control::ike::Host {
  public:
    using Send = std::function<void(const control::ike::Endpoint& from,
                                    const control::ike::Endpoint& to,
                                    control::ike::ByteView message)>;

    RekeyGateway(PipelineHarness& pipeline,
                 const dataplane::Publication& publication,
                 std::shared_ptr<const config::RuleSet> rule_set,
                 const control::ike::EngineOptions& options,
                 Send send);

    // Asks for the SAs of the first row that negotiates.
    void acquire(const config::IpAddress& local, const config::IpAddress& remote);
    // What workers and timers raise, up to `now` in ticks of the pipeline.
    void turn(std::uint64_t now);
    void receive(const control::ike::Endpoint& local,
                 const control::ike::Endpoint& remote,
                 control::ike::ByteView message);
    // As if the newest SAs had reached their soft limit.
    void rekey_newest();

    [[nodiscard]] const control::SaManager& sas() const { return sas_; }
    [[nodiscard]] const control::ike::Statistics& statistics() const {
        return engine_.statistics();
    }
    // SAs in both directions that packets may take.
    [[nodiscard]] bool is_connected() const { return established_ > 0; }
    // Packets that found no SA; they are freed with the gateway.
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
    void free_waiting();
    [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

    // A soft limit in bytes: whether this side asks for the successor.
    bool asks = true;
    std::function<void()> on_soft;

    // ike::Host
    [[nodiscard]] std::shared_ptr<const config::NegotiationTerms> main_mode_terms(
        const config::IpAddress& local, const config::IpAddress& remote) const override;
    [[nodiscard]] std::optional<control::ike::QuickModeMatch> quick_mode_match(
        const control::ike::QuickModeQuery& query) const override;
    void send(const control::ike::Endpoint& local,
              const control::ike::Endpoint& remote,
              control::ike::ByteView message) override;
    void send_keepalive(const control::ike::Endpoint& /*local*/,
                        const control::ike::Endpoint& /*remote*/) override {}
    [[nodiscard]] std::uint32_t new_spi(config::IpsecProtocol protocol,
                                        const config::IpAddress& local) override;
    [[nodiscard]] config::Result<void> install(control::ike::ChildId child,
                                               const config::Guid& rule,
                                               const config::SaPair& sas) override;
    void remove(control::ike::ChildId child) override;
    void retire_outbound(control::ike::ChildId child) override;
    void move_peer(control::ike::ChildId child, const control::ike::Endpoint& remote) override;
    [[nodiscard]] control::ike::ChildUse use_of(control::ike::ChildId child) const override;
    void established(config::RuleTag selector, const config::IpAddress& remote) override;
    void failed(const control::ike::Failure& failure) override;
    void log(std::string_view line) override;
    void log_key(const control::ike::Cookie& /*initiator*/,
                 control::ike::ByteView /*encryption_key*/) override {}

  private:
    [[nodiscard]] dataplane::TscClock clock() const { return {.now = now_, .hz = kTscHz}; }
    [[nodiscard]] control::ike::Time time() const {
        return control::ike::Time(std::chrono::microseconds(now_));
    }
    void expires(control::ike::ChildId child, dataplane::SaExpiry limit);

    PipelineHarness& pipeline_;
    std::shared_ptr<const config::RuleSet> rule_set_;
    control::IkeRules rules_;
    Send send_;
    NoCertificates credentials_;
    control::SaManager sas_;
    control::ike::ChildId newest_ = 0;
    std::uint64_t now_ = kTscHz;
    std::uint64_t established_ = 0;
    std::vector<dataplane::Event> waiting_;
    std::vector<std::string> failures_;
    control::ike::Engine engine_;
};

}  // namespace tests
