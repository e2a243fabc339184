// A dataplane without packets: remembers what it was given and publishes when told to. SAs are kept
// as in the real one; time stands still unless a test moves it.
#pragma once

#include "control/dataplane_handle.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
        result.sas = sa_manager.totals();
        return result;
    }
    [[nodiscard]] config::HostView host_view() const override { return host; }
    [[nodiscard]] config::Result<void> add_sa(const control::SaRequest& request) override {
        return sa_manager.add(request, clock);
    }
    std::size_t delete_sas(const control::SaSelection& selection) override {
        return sa_manager.remove(selection);
    }
    [[nodiscard]] std::vector<control::SaReport> sas() const override {
        std::vector<control::SaReport> reports = sa_manager.reports(clock);
        for (control::SaReport& sa : reports) {
            const auto it = children.find(sa.spec.spi);
            sa.child = it == children.end() ? 0 : it->second;
        }
        return reports;
    }

    bool hold = false;
    std::optional<config::Error> failure;  // answer of every publication
    std::vector<std::shared_ptr<const config::RuleSet>> submitted;
    std::uint64_t published = 0;
    std::vector<std::pair<std::uint64_t, std::function<void(config::Result<void>)>>> waiting;
    std::vector<control::FilterHits> hits;
    control::DataplaneReport counters;
    config::HostView host;
    std::map<std::uint32_t, std::uint64_t> children;  // of SAs that IKE negotiated, by SPI
    dataplane::TscClock clock{.now = 1'000'000, .hz = 1'000};
    dataplane::SaTable sa_table{1024};
    crypto::EngineChoice engines = crypto::EngineChoice::only(crypto::Engine::kOpenssl);
    dataplane::Publication publication{1};
    std::vector<std::string> sa_log;
    control::SaManager sa_manager{
        sa_table,
        engines,
        publication,
        {.lifetime = [this](std::string_view line) { sa_log.emplace_back(line); },
         .audit = [this](std::string_view line) { sa_log.emplace_back(line); }}};
};

}  // namespace tests
