// What a Controller needs when there is no dataplane to drive: the rule set is kept, not run.
#pragma once

#include "control/dataplane_handle.h"
#include "control/resolver.h"

#include <memory>
#include <string>
#include <utility>

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
    [[nodiscard]] config::HostView host_view() const override { return host_; }

  private:
    config::HostView host_;
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
