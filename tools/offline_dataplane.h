// What a Controller needs when there is no dataplane to drive: rule set and SAs are kept, not run.
#pragma once

#include "control/dataplane_handle.h"
#include "control/resolver.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tools {

class OfflineDataplane : public control::DataplaneHandle {
  public:
    explicit OfflineDataplane(config::HostView host) : host_(std::move(host)) {}

    std::uint64_t submit(std::shared_ptr<const config::RuleSet> rule_set) override {
        rule_set_ = std::move(rule_set);
        return ++revision_;
    }
    void when_published(std::uint64_t /*revision*/,
                        std::function<void(config::Result<void>)> done) override {
        done({});
    }
    [[nodiscard]] InForce in_force() const override { return {rule_set_, {}}; }
    [[nodiscard]] control::DataplaneReport report() const override { return {}; }
    [[nodiscard]] config::Result<void> add_sa(const control::SaRequest& request) override {
        return sa_manager_.add(request, kClock);
    }
    std::size_t delete_sas(const control::SaSelection& selection) override {
        return sa_manager_.remove(selection);
    }
    [[nodiscard]] std::vector<control::SaReport> sas() const override {
        return sa_manager_.reports(kClock);
    }
    [[nodiscard]] config::HostView host_view() const override { return host_; }

    // For the pipeline that replays, together with the engines that the keys are expanded for. Time
    // does not pass in a replay.
    [[nodiscard]] const dataplane::SaTable& sa_table() const { return sa_table_; }
    [[nodiscard]] const crypto::EngineChoice& engines() const { return engines_; }

  private:
    static constexpr dataplane::TscClock kClock{.now = 0, .hz = 1'000'000'000};

    config::HostView host_;
    dataplane::SaTable sa_table_;
    crypto::EngineChoice engines_ = crypto::EngineChoice::best();
    dataplane::Publication publication_{1};
    control::SaManager sa_manager_{
        sa_table_,
        engines_,
        publication_,
        {.lifetime = [](std::string_view) {}, .audit = [](std::string_view) {}}};
    std::shared_ptr<const config::RuleSet> rule_set_ = std::make_shared<config::RuleSet>();
    std::uint64_t revision_ = 0;
};

// A replay must not depend on what the network says today.
class NoResolver : public control::Resolver {
  public:
    void resolve(const std::string& name, Done done) override {
        done(config::Error{config::ErrorCode::kAddressNotResolved,
                           "\"" + name + "\": DNS names are not resolved offline."});
    }
};

}  // namespace tools
