// dynamic show of what is in force: filters with their hits, statistics, and the gateway's own
// counters (ports, lcores, drops).
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Result;
using config::RuleRow;
using config::RuleSet;

struct QmSelection {
    config::FilterPattern pattern;
    std::optional<std::string> name;
    std::optional<config::Action> inbound;
    std::optional<config::Action> outbound;

    [[nodiscard]] bool contains(const RuleSet& rule_set,
                                const config::RuleSetFilter& filter) const {
        const config::RuleSetRule& rule = rule_set.rules[filter.rule];
        return config::matches(pattern, filter.spec) && (!name || *name == rule.rule_name)
               && (!inbound || *inbound == rule.inbound)
               && (!outbound || *outbound == rule.outbound);
    }
};

void describe_owner(Listing& listing,
                    const RuleSet& rule_set,
                    const config::RuleSetFilter& filter) {
    const config::RuleSetRule& rule = rule_set.rules[filter.rule];
    listing.text_as("Policy Name",
                    "policy",
                    rule.policy_name.empty() ? "<Dynamic>" : rule.policy_name,
                    rule.policy_name);
    listing.text_or_none("Rule Name", "rule", rule.rule_name);
    listing.text_as("Connection Type",
                    "conntype",
                    connection_text(rule.connection_type),
                    config::token(rule.connection_type));
    listing.text_as(
        "Inbound Action", "inbound", action_text(rule.inbound), config::token(rule.inbound));
    listing.text_as(
        "Outbound Action", "outbound", action_text(rule.outbound), config::token(rule.outbound));
    listing.flag("Tunnel Filter", "tunnel", rule.tunnel);
    if (filter.tunnel_endpoint) {
        listing.text("Tunnel End Point", "tunnel_endpoint", filter.tunnel_endpoint->to_string());
    }
}

void describe_generic(Listing& listing,
                      const DataplaneHandle::InForce& in_force,
                      std::size_t index) {
    const config::RuleSetFilter& filter = in_force.rule_set->filters[index];
    const FilterHits hits = index < in_force.hits.size() ? in_force.hits[index] : FilterHits{};
    listing.begin_record();
    listing.number("Weight", "weight", filter.weight);
    listing.text_or_none("Description", "description", filter.description);
    describe_filter(listing, filter.spec);
    describe_owner(listing, *in_force.rule_set, filter);
    listing.number("Packets", "packets", hits.packets);
    listing.number("Bytes", "bytes", hits.bytes);
    listing.text({}, "guid", filter.filter.to_string());
    listing.end_record();
}

std::string bounds_text(const config::IpAddress& first, const config::IpAddress& last) {
    return first == last ? first.to_string() : first.to_string() + "-" + last.to_string();
}

void describe_specific(Listing& listing, const RuleSet& rule_set, const RuleRow& row) {
    const config::RuleSetFilter& filter = rule_set.filters[row.filter];
    listing.begin_record();
    listing.number("Weight", "weight", filter.weight);
    listing.flag("Mirror", "mirror", row.mirror);
    listing.text("Source", "source", bounds_text(row.source_first, row.source_last));
    listing.text(
        "Destination", "destination", bounds_text(row.destination_first, row.destination_last));
    listing.text("Protocol", {}, protocol_text(row.protocol));
    listing.number({}, "protocol", row.protocol);
    listing.text("Source Port", "source_port", port_text(row.source_port));
    listing.text("Destination Port", "destination_port", port_text(row.destination_port));
    describe_owner(listing, rule_set, filter);
    listing.text({}, "guid", filter.filter.to_string());
    listing.end_record();
}

CommandResult show_qm_filter(CommandContext& context, const Arguments& arguments) {
    Result<config::FilterPattern> pattern = filter_pattern(context, arguments);
    if (!pattern) {
        return pattern.error();
    }
    const QmSelection selection{std::move(*pattern),
                                arguments.text("name"),
                                arguments.keyword<config::Action>("actioninbound"),
                                arguments.keyword<config::Action>("actionoutbound")};
    const DataplaneHandle::InForce in_force = context.dataplane.in_force();
    const bool specific =
        arguments.keyword<config::FilterType>("type") == config::FilterType::kSpecific;
    Listing listing = context.listing(arguments);
    std::size_t shown = 0;
    listing.begin_records("qm_filters");
    if (in_force.rule_set) {
        const RuleSet& rule_set = *in_force.rule_set;
        for (std::size_t i = 0; !specific && i < rule_set.filters.size(); ++i) {
            if (selection.contains(rule_set, rule_set.filters[i])) {
                describe_generic(listing, in_force, i);
                ++shown;
            }
        }
        for (std::size_t i = 0; specific && i < rule_set.rows.size(); ++i) {
            const RuleRow& row = rule_set.rows[i];
            if (selection.contains(rule_set, rule_set.filters[row.filter])) {
                describe_specific(listing, rule_set, row);
                ++shown;
            }
        }
    }
    listing.end_records();
    if (shown == 0) {
        listing.line("Quickmode Filters not available.");
    } else {
        listing.number(specific ? "No. of Rows" : "No. of Filters", "filter_count", shown);
    }
    return listing.take();
}

// Names of the Windows counters. One without `read` is 0: this gateway does not negotiate keys and
// leaves no work to network cards.
struct StatisticRow {
    std::string_view label;
    std::string_view key;
    std::uint64_t (*read)(const DataplaneReport&) = nullptr;
};

using dataplane::DropReason;

template <DropReason... kReasons>
std::uint64_t dropped(const DataplaneReport& report) {
    return (report.drops[static_cast<std::size_t>(kReasons)] + ...);
}

template <std::uint64_t SaTotals::*kMember>
std::uint64_t sas(const DataplaneReport& report) {
    return report.sas.*kMember;
}

template <SentReceived SaTotals::*kMember>
std::uint64_t sent(const DataplaneReport& report) {
    return (report.sas.*kMember).sent;
}

template <SentReceived SaTotals::*kMember>
std::uint64_t received(const DataplaneReport& report) {
    return (report.sas.*kMember).received;
}

constexpr std::array<StatisticRow, 23> kIkeStatistics{{
    {"Main Modes", "main_modes"},
    {"Quick Modes", "quick_modes"},
    {"Soft SAs", "soft_sas"},
    {"Authentication Failures", "authentication_failures"},
    {"Active Acquire", "active_acquire"},
    {"Active Receive", "active_receive"},
    {"Acquire fail", "acquire_failures"},
    {"Receive fail", "receive_failures"},
    {"Send fail", "send_failures"},
    {"Acquire Heap size", "acquire_heap_size"},
    {"Receive Heap size", "receive_heap_size"},
    {"Negotiation Failures", "negotiation_failures"},
    {"Invalid Cookies Rcvd", "invalid_cookies_received"},
    {"Total Acquire", "total_acquire"},
    {"TotalGetSpi", "total_get_spi"},
    {"TotalKeyAdd", "total_key_add"},
    {"TotalKeyUpdate", "total_key_update"},
    {"GetSpiFail", "get_spi_failures"},
    {"KeyAddFail", "key_add_failures"},
    {"KeyUpdateFail", "key_update_failures"},
    {"IsadbListSize", "isadb_list_size"},
    {"ConnListSize", "connection_list_size"},
    {"Invalid Packets Rcvd", "invalid_packets_received"},
}};

constexpr std::array<StatisticRow, 21> kIpsecStatistics{{
    {"Active Assoc", "active_associations", sas<&SaTotals::active>},
    {"Offload SAs", "offload_sas"},
    {"Pending Key", "pending_key"},
    {"Key Adds", "key_adds", sas<&SaTotals::added>},
    {"Key Deletes", "key_deletes", sas<&SaTotals::deleted>},
    {"ReKeys", "rekeys"},
    {"Active Tunnels", "active_tunnels", sas<&SaTotals::active_tunnels>},
    {"Bad SPI Pkts", "bad_spi_packets", dropped<DropReason::kSaUnknown>},
    {"Pkts not Decrypted",
     "packets_not_decrypted",
     dropped<DropReason::kEspTruncated, DropReason::kEspBadLength, DropReason::kEspBadPadding>},
    {"Pkts not Authenticated",
     "packets_not_authenticated",
     dropped<DropReason::kIcvMismatch, DropReason::kAhTruncated, DropReason::kAhBadLength>},
    {"Pkts with Replay Detection",
     "packets_with_replay_detection",
     dropped<DropReason::kReplayed, DropReason::kReplayTooOld, DropReason::kSequenceZero>},
    {"Confidential Bytes Sent", "confidential_bytes_sent", sent<&SaTotals::confidential>},
    {"Confidential Bytes Received",
     "confidential_bytes_received",
     received<&SaTotals::confidential>},
    {"Authenticated Bytes Sent", "authenticated_bytes_sent", sent<&SaTotals::authenticated>},
    {"Authenticated Bytes Received",
     "authenticated_bytes_received",
     received<&SaTotals::authenticated>},
    {"Transport Bytes Sent", "transport_bytes_sent", sent<&SaTotals::transport>},
    {"Transport Bytes Received", "transport_bytes_received", received<&SaTotals::transport>},
    {"Offloaded Bytes Sent", "offloaded_bytes_sent"},
    {"Offloaded Bytes Received", "offloaded_bytes_received"},
    {"Bytes Sent In Tunnels", "bytes_sent_in_tunnels", sent<&SaTotals::tunnel>},
    {"Bytes Received In Tunnels", "bytes_received_in_tunnels", received<&SaTotals::tunnel>},
}};

void describe_statistics(Listing& listing,
                         std::string_view key,
                         std::string_view heading,
                         std::span<const StatisticRow> rows,
                         const DataplaneReport& report) {
    listing.begin_records(key, heading, RecordStyle::kLines);
    listing.begin_record();
    for (const StatisticRow& row : rows) {
        listing.number(row.label, row.key, row.read == nullptr ? 0 : row.read(report));
    }
    listing.end_record();
    listing.end_records();
    listing.line("");
}

void describe_gateway(Listing& listing, const DataplaneReport& report) {
    listing.begin_records("gateway", "Gateway Statistics", RecordStyle::kLines);
    listing.begin_record();
    listing.number("Revision in force", "revision", report.revision);
    listing.number("Classifier rows", "rows", report.rows);
    listing.number("Packets permitted", "permitted", report.permitted);
    listing.number("Packets exempted", "exempted", report.exempted);
    listing.number("Packets unmatched", "unmatched", report.unmatched);
    listing.number("Packets protected", "protected", report.protected_packets);
    listing.number("Packets verified", "verified", report.verified_packets);
    listing.number("Accepted in clear", "accepted_clear", report.accepted_clear);
    listing.number("Packets dropped",
                   "dropped",
                   std::accumulate(report.drops.begin(), report.drops.end(), std::uint64_t{0}));
    listing.number("Packets injected", "injected", report.injected);
    listing.number("Packets to control", "to_control", report.to_control);
    listing.number("Packets held", "held", report.held);
    listing.number("Packets merged", "merged", report.merged);
    listing.number("Audits suppressed", "audits_suppressed", report.audits_suppressed);
    listing.end_record();
    listing.end_records();
}

CommandResult show_stats(CommandContext& context, const Arguments& arguments) {
    const config::StatsType type =
        arguments.keyword<config::StatsType>("type").value_or(config::StatsType::kAll);
    const DataplaneReport report = context.dataplane.report();
    Listing listing = context.listing(arguments);
    listing.line("");
    if (type != config::StatsType::kIpsec) {
        describe_statistics(listing, "ike", "IKE Statistics", kIkeStatistics, report);
    }
    if (type != config::StatsType::kIke) {
        describe_statistics(listing, "ipsec", "IPsec Statistics", kIpsecStatistics, report);
        describe_gateway(listing, report);
    }
    return listing.take();
}

CommandResult show_drops(CommandContext& context, const Arguments& arguments) {
    const DataplaneReport report = context.dataplane.report();
    Listing listing = context.listing(arguments);
    listing.line("");
    listing.begin_records("drops", {}, RecordStyle::kRows);
    for (std::size_t i = 0; i < dataplane::kDropReasonCount; ++i) {
        listing.begin_record();
        listing.number("Packets", "packets", report.drops[i]);
        listing.text_as("Reason              ",
                        "reason",
                        fmt::format("{:<20}", dataplane::kDropReasons[i].token),
                        dataplane::kDropReasons[i].token);
        listing.text("Meaning", "help", dataplane::kDropReasons[i].help);
        listing.end_record();
    }
    listing.end_records();
    return listing.take();
}

CommandResult show_ports(CommandContext& context, const Arguments& arguments) {
    const DataplaneReport report = context.dataplane.report();
    Listing listing = context.listing(arguments);
    listing.begin_records("ports");
    for (const PortReport& port : report.ports) {
        listing.begin_record();
        listing.text("Port", "name", port.name);
        listing.text("Device", "device", port.device);
        listing.text("Driver", "driver", port.driver);
        listing.flag("Link Up", "link_up", port.link_up);
        listing.number("Packets Received", "rx_packets", port.rx_packets);
        listing.number("Bytes Received", "rx_bytes", port.rx_bytes);
        listing.number("Packets Sent", "tx_packets", port.tx_packets);
        listing.number("Bytes Sent", "tx_bytes", port.tx_bytes);
        listing.number("Packets Dropped", "dropped", port.dropped);
        listing.number("Missed by Device", "device_missed", port.device_missed);
        listing.number("Device Errors", "device_errors", port.device_errors);
        listing.end_record();
    }
    listing.end_records();
    if (report.ports.empty()) {
        listing.line("Ports not available.");
    }
    return listing.take();
}

CommandResult show_lcores(CommandContext& context, const Arguments& arguments) {
    const DataplaneReport report = context.dataplane.report();
    Listing listing = context.listing(arguments);
    listing.begin_records("lcores");
    for (const WorkerReport& worker : report.workers) {
        listing.begin_record();
        listing.number("Lcore", "lcore", worker.lcore);
        listing.number("Packets Received", "rx_packets", worker.rx_packets);
        listing.number("Packets Sent", "tx_packets", worker.tx_packets);
        listing.number("Packets Dropped", "dropped", worker.dropped);
        listing.number("Turns", "turns", worker.turns);
        listing.number("Idle Turns", "idle_turns", worker.idle_turns);
        listing.end_record();
    }
    listing.end_records();
    if (report.workers.empty()) {
        listing.line("Lcores not available.");
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 5> kHandlers{{
    {config::CommandId::kDynamicShowQmFilter, show_qm_filter},
    {config::CommandId::kDynamicShowStats, show_stats},
    {config::CommandId::kDynamicShowDrops, show_drops},
    {config::CommandId::kDynamicShowPorts, show_ports},
    {config::CommandId::kDynamicShowLcores, show_lcores},
}};

}  // namespace

std::span<const HandlerRow> dynamic_show_handlers() {
    return kHandlers;
}

}  // namespace control
