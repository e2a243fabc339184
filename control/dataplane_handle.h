// What control asks of the dataplane. The daemon connects it to the real one (control/gateway.h);
// tests that need no packets use control::NullDataplane (tests/support).
#pragma once

#include "config/gateway_file.h"
#include "config/rule_set.h"
#include "control/sa_manager.h"
#include "dataplane/drop_reason.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace control {

struct FilterHits {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};

struct PortReport {
    std::string name;
    std::string device;
    std::string driver;
    bool link_up = false;
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t dropped = 0;
    std::uint64_t device_missed = 0;  // the device had no descriptor or buffer
    std::uint64_t device_errors = 0;
};

struct WorkerReport {
    std::uint16_t lcore = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t dropped = 0;
    std::uint64_t turns = 0;
    std::uint64_t idle_turns = 0;
};

struct DataplaneReport {
    std::uint64_t revision = 0;  // of the tables in force
    std::uint64_t rows = 0;      // classifier rows in force
    std::uint64_t injected = 0;
    std::uint64_t to_control = 0;
    std::uint64_t held = 0;
    std::uint64_t held_for_ike = 0;  // part of to_control, until they come back or are dropped
    std::uint64_t merged = 0;        // fragments that became part of a reassembled packet
    std::uint64_t permitted = 0;
    std::uint64_t exempted = 0;
    std::uint64_t unmatched = 0;
    std::uint64_t protected_packets = 0;  // by ESP or AH; a bundle counts twice, as below
    std::uint64_t verified_packets = 0;
    std::uint64_t accepted_clear = 0;     // though protection was expected: inpass, soft
    std::uint64_t sent_clear = 0;         // though protection was wanted: soft SAs
    std::uint64_t audits_suppressed = 0;  // auditable drops that the log does not show
    std::array<std::uint64_t, dataplane::kDropReasonCount> drops{};
    SaTotals sas;
    std::vector<PortReport> ports;
    std::vector<WorkerReport> workers;
};

class DataplaneHandle {
  public:
    DataplaneHandle() = default;
    DataplaneHandle(const DataplaneHandle&) = delete;
    DataplaneHandle& operator=(const DataplaneHandle&) = delete;
    virtual ~DataplaneHandle() = default;

    // Hands a rule set to the builder thread and returns its revision at once. Later sets may
    // overtake earlier ones that are not built yet; publishing N means nothing older is in force.
    virtual std::uint64_t submit(std::shared_ptr<const config::RuleSet> rule_set) = 0;

    // Runs `done` on the control loop once `revision` or a later one is in force, or its build
    // failed (then the tables before it stay in force and the error says why).
    virtual void when_published(std::uint64_t revision,
                                std::function<void(config::Result<void>)> done) = 0;

    // Rule set in force and hits of its filters: hits[i] belongs to rule_set->filters[i].
    struct InForce {
        std::shared_ptr<const config::RuleSet> rule_set;
        std::vector<FilterHits> hits;
    };
    [[nodiscard]] virtual InForce in_force() const = 0;
    [[nodiscard]] virtual DataplaneReport report() const = 0;
    // SAs are in force, or gone, when the call returns. They belong to no rule set and to no
    // transaction: nothing undoes a call (control/sa_manager.h).
    [[nodiscard]] virtual config::Result<void> add_sa(const SaRequest& request) = 0;
    virtual std::size_t delete_sas(const SaSelection& selection) = 0;
    [[nodiscard]] virtual std::vector<SaReport> sas() const = 0;
    // What the host's symbols stand for now.
    [[nodiscard]] virtual config::HostView host_view() const = 0;
};

}  // namespace control
