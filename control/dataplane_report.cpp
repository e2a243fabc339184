// Counters summed for listings: see dataplane_report.h.
#include "control/dataplane_report.h"

#include <algorithm>
#include <numeric>

namespace control {

namespace {

std::uint64_t sum(const std::array<dataplane::Counter, dataplane::kDropReasonCount>& drops) {
    return std::accumulate(drops.begin(),
                           drops.end(),
                           std::uint64_t{0},
                           [](std::uint64_t total, const dataplane::Counter& counter) {
                               return total + counter.read();
                           });
}

void add(DataplaneReport& report, const dataplane::WorkerCounters& counters) {
    for (std::size_t i = 0; i < counters.drops.size(); ++i) {
        report.drops[i] += counters.drops[i].read();
    }
    for (std::size_t i = 0; i < report.ports.size(); ++i) {
        PortReport& port = report.ports[i];
        const dataplane::PortCounters& from = counters.ports[i];
        port.rx_packets += from.rx_packets.read();
        port.rx_bytes += from.rx_bytes.read();
        port.tx_packets += from.tx_packets.read();
        port.tx_bytes += from.tx_bytes.read();
        port.dropped += from.dropped.read();
    }
    report.injected += counters.injected.read();
    report.to_control += counters.to_control.read();
    // The worker moves on between the two reads; a negative sum would be nonsense.
    const std::uint64_t released = counters.released.read();
    report.held += std::max(counters.held.read(), released) - released;
    report.merged += counters.merged.read();
    report.permitted += counters.permitted.read();
    report.exempted += counters.exempted.read();
    report.unmatched += counters.unmatched.read();
    report.protected_packets += counters.protected_packets.read();
    report.verified_packets += counters.verified_packets.read();
    report.accepted_clear += counters.accepted_clear.read();
    report.sent_clear += counters.sent_clear.read();
    report.audits_suppressed += counters.audits_suppressed.read();
}

WorkerReport make_worker_report(std::uint16_t lcore, const dataplane::WorkerCounters& counters) {
    WorkerReport report;
    report.lcore = lcore;
    for (const dataplane::PortCounters& port : counters.ports) {
        report.rx_packets += port.rx_packets.read();
        report.tx_packets += port.tx_packets.read();
    }
    report.dropped = sum(counters.drops);
    report.turns = counters.turns.read();
    report.idle_turns = counters.idle_turns.read();
    return report;
}

}  // namespace

DataplaneReport make_report(const dataplane::Dataplane& dataplane) {
    DataplaneReport report;
    for (std::size_t i = 0; i < dataplane.topology().ports.size(); ++i) {
        const dataplane::Port& port = dataplane.port(i);
        const dataplane::PortStatus status = port.status();
        PortReport& row = report.ports.emplace_back();
        row.name = port.config().name;
        row.device = port.config().device;
        row.driver = status.driver;
        row.link_up = status.link_up;
        row.device_missed = status.missed;
        row.device_errors = status.errors;
    }
    for (std::size_t i = 0; i < dataplane.workers(); ++i) {
        const dataplane::WorkerCounters& counters = dataplane.worker_counters(i);
        add(report, counters);
        report.workers.push_back(make_worker_report(dataplane.worker_cpu(i), counters));
    }
    add(report, dataplane.control_counters());
    return report;
}

}  // namespace control
