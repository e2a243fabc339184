// A dataplane without packets: remembers what it was given and publishes when told to.
#pragma once

#include "control/dataplane_handle.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tests {

class NullDataplane : public control::DataplaneHandle {
  public:
    std::uint64_t submit(std::shared_ptr<const config::RuleSet> rule_set) override {
        submitted.push_back(std::move(rule_set));
        if (!hold) {
            published = submitted.size();
        }
        return submitted.size();
    }

    void when_published(std::uint64_t revision,
                        std::function<void(config::Result<void>)> done) override {
        if (revision <= published || failure) {
            done(failure ? config::Result<void>(*failure) : config::Result<void>());
        } else {
            waiting.emplace_back(revision, std::move(done));
        }
    }

    // With `hold` set nothing is published before this is called.
    void publish_all() {
        published = submitted.size();
        for (auto& [revision, done] : std::exchange(waiting, {})) {
            done({});
        }
    }

    [[nodiscard]] InForce in_force() const override {
        InForce result;
        if (published > 0) {
            result.rule_set = submitted[published - 1];
            result.hits = hits;
            result.hits.resize(result.rule_set->filters.size());
        }
        return result;
    }
    [[nodiscard]] control::DataplaneReport report() const override {
        control::DataplaneReport result = counters;
        result.revision = published;
        return result;
    }
    [[nodiscard]] config::HostView host_view() const override { return host; }

    bool hold = false;
    std::optional<config::Error> failure;  // answer of every publication
    std::vector<std::shared_ptr<const config::RuleSet>> submitted;
    std::uint64_t published = 0;
    std::vector<std::pair<std::uint64_t, std::function<void(config::Result<void>)>>> waiting;
    std::vector<control::FilterHits> hits;
    control::DataplaneReport counters;
    config::HostView host;
};

}  // namespace tests
