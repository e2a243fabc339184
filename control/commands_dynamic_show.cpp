// dynamic show of what is in force: filters with their hits; and of ports and lcores.
#include "control/command_parts.h"
#include "control/commands.h"
#include "control/describe.h"

#include <array>
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

constexpr std::array<HandlerRow, 3> kHandlers{{
    {config::CommandId::kDynamicShowQmFilter, show_qm_filter},
    {config::CommandId::kDynamicShowPorts, show_ports},
    {config::CommandId::kDynamicShowLcores, show_lcores},
}};

}  // namespace

std::span<const HandlerRow> dynamic_show_handlers() {
    return kHandlers;
}

}  // namespace control
