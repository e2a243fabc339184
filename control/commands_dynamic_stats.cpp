// dynamic show stats and show drops.
#include "control/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace control {

namespace {

using config::Arguments;
using ike::Drop;
using ike::Statistics;

struct Counters {
    DataplaneReport dataplane;
    Statistics ike;
};

// Names of the Windows counters. One without `read` is 0: nothing here is counted by that name,
// such as heaps, or work left to network cards.
struct StatisticRow {
    std::string_view label;
    std::string_view key;
    std::uint64_t (*read)(const Counters&) = nullptr;
};

template <std::uint64_t Statistics::*kMember>
std::uint64_t negotiated(const Counters& counters) {
    return counters.ike.*kMember;
}

template <Drop... kReasons>
std::uint64_t ike_drops(const Counters& counters) {
    return (counters.ike.drops[static_cast<std::size_t>(kReasons)] + ...);
}

// What is wrong with the message itself, whoever sent it and whatever it asks for.
std::uint64_t invalid_packets(const Counters& counters) {
    return ike_drops<Drop::kTooShort,
                     Drop::kBadLength,
                     Drop::kBadVersion,
                     Drop::kBadExchange,
                     Drop::kBadFlags,
                     Drop::kBadPayload,
                     Drop::kTooManyPayloads,
                     Drop::kUnknownPayload,
                     Drop::kBadMessageId,
                     Drop::kNotEncrypted,
                     Drop::kDecryption,
                     Drop::kBadHash,
                     Drop::kFragment>(counters);
}

using dataplane::DropReason;

template <DropReason... kReasons>
std::uint64_t dropped(const Counters& counters) {
    return (counters.dataplane.drops[static_cast<std::size_t>(kReasons)] + ...);
}

template <std::uint64_t SaTotals::*kMember>
std::uint64_t sas(const Counters& counters) {
    return counters.dataplane.sas.*kMember;
}

template <SentReceived SaTotals::*kMember>
std::uint64_t sent(const Counters& counters) {
    return (counters.dataplane.sas.*kMember).sent;
}

template <SentReceived SaTotals::*kMember>
std::uint64_t received(const Counters& counters) {
    return (counters.dataplane.sas.*kMember).received;
}

constexpr std::array<StatisticRow, 23> kIkeStatistics{{
    {"Main Modes", "main_modes", negotiated<&Statistics::main_modes>},
    {"Quick Modes", "quick_modes", negotiated<&Statistics::quick_modes>},
    {"Soft SAs", "soft_sas", negotiated<&Statistics::soft_sas>},
    {"Authentication Failures",
     "authentication_failures",
     negotiated<&Statistics::authentication_failures>},
    {"Active Acquire", "active_acquire", negotiated<&Statistics::active_acquire>},
    {"Active Receive", "active_receive", negotiated<&Statistics::active_receive>},
    {"Acquire fail", "acquire_failures", negotiated<&Statistics::acquire_failures>},
    {"Receive fail", "receive_failures", negotiated<&Statistics::receive_failures>},
    {"Send fail", "send_failures", negotiated<&Statistics::send_failures>},
    {"Acquire Heap size", "acquire_heap_size"},
    {"Receive Heap size", "receive_heap_size"},
    {"Negotiation Failures", "negotiation_failures", negotiated<&Statistics::negotiation_failures>},
    {"Invalid Cookies Rcvd", "invalid_cookies_received", ike_drops<Drop::kBadCookie>},
    {"Total Acquire", "total_acquire", negotiated<&Statistics::total_acquire>},
    {"TotalGetSpi", "total_get_spi", negotiated<&Statistics::spis>},
    {"TotalKeyAdd", "total_key_add", negotiated<&Statistics::key_adds>},
    {"TotalKeyUpdate", "total_key_update", negotiated<&Statistics::key_updates>},
    {"GetSpiFail", "get_spi_failures"},
    {"KeyAddFail", "key_add_failures", negotiated<&Statistics::key_add_failures>},
    {"KeyUpdateFail", "key_update_failures"},
    {"IsadbListSize", "isadb_list_size", negotiated<&Statistics::main_modes_active>},
    {"ConnListSize", "connection_list_size", negotiated<&Statistics::children_active>},
    {"Invalid Packets Rcvd", "invalid_packets_received", invalid_packets},
}};

constexpr std::array<StatisticRow, 21> kIpsecStatistics{{
    {"Active Assoc", "active_associations", sas<&SaTotals::active>},
    {"Offload SAs", "offload_sas"},
    {"Pending Key", "pending_key", negotiated<&Statistics::active_acquire>},
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

// Of our own, behind those of Windows.
constexpr std::array<StatisticRow, 6> kIkeMessages{{
    {"Messages Received", "messages_received", negotiated<&Statistics::messages_in>},
    {"Messages Sent", "messages_sent", negotiated<&Statistics::messages_out>},
    {"Retransmissions", "retransmissions", negotiated<&Statistics::retransmissions>},
    {"Dead Peers", "dead_peers", negotiated<&Statistics::dead_peers>},
    {"Main Modes Active", "main_modes_active", negotiated<&Statistics::main_modes_active>},
    {"Pairs of SAs Active", "pairs_active", negotiated<&Statistics::children_active>},
}};

void describe_statistics(Listing& listing,
                         std::string_view key,
                         std::string_view heading,
                         std::span<const StatisticRow> rows,
                         const Counters& counters) {
    listing.begin_records(key, heading, RecordStyle::kLines);
    listing.begin_record();
    for (const StatisticRow& row : rows) {
        listing.number(row.label, row.key, row.read == nullptr ? 0 : row.read(counters));
    }
    listing.end_record();
    listing.end_records();
    listing.line("");
}

// One line per reason. Reasons that never happened are for programs only.
void describe_ike_drops(Listing& listing, const Statistics& statistics) {
    const bool all = listing.layout() == Layout::kJson;
    const bool none = std::all_of(
        statistics.drops.begin(), statistics.drops.end(), [](auto count) { return count == 0; });
    if (none && !all) {
        return;
    }
    listing.begin_records("ike_drops", "IKE Messages not acted upon", RecordStyle::kRows);
    for (const ike::DropRow& row : ike::kDrops) {
        const std::uint64_t count = statistics.drops[static_cast<std::size_t>(row.drop)];
        if (count == 0 && !all) {
            continue;
        }
        listing.begin_record();
        listing.number("Messages", "messages", count);
        listing.text_as(
            "Reason              ", "reason", fmt::format("{:<20}", row.token), row.token);
        listing.text("Meaning", "help", row.meaning);
        listing.end_record();
    }
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
    listing.number("Sent in clear", "sent_clear", report.sent_clear);
    listing.number("Packets dropped",
                   "dropped",
                   std::accumulate(report.drops.begin(), report.drops.end(), std::uint64_t{0}));
    listing.number("Packets injected", "injected", report.injected);
    listing.number("Packets to control", "to_control", report.to_control);
    listing.number("Packets held", "held", report.held);
    listing.number("Packets held for IKE", "held_for_ike", report.held_for_ike);
    listing.number("Packets merged", "merged", report.merged);
    listing.number("Audits suppressed", "audits_suppressed", report.audits_suppressed);
    listing.end_record();
    listing.end_records();
}

CommandResult show_stats(CommandContext& context, const Arguments& arguments) {
    const config::StatsType type =
        arguments.keyword<config::StatsType>("type").value_or(config::StatsType::kAll);
    Counters counters;
    counters.dataplane = context.dataplane.report();
    if (context.ike != nullptr) {
        counters.ike = context.ike->statistics();
    }
    Listing listing = context.listing(arguments);
    listing.line("");
    if (type != config::StatsType::kIpsec) {
        describe_statistics(listing, "ike", "IKE Statistics", kIkeStatistics, counters);
        if (context.ike != nullptr) {
            describe_statistics(listing, "ike_messages", "IKE Messages", kIkeMessages, counters);
            describe_ike_drops(listing, counters.ike);
        }
    }
    if (type != config::StatsType::kIke) {
        describe_statistics(listing, "ipsec", "IPsec Statistics", kIpsecStatistics, counters);
        describe_gateway(listing, counters.dataplane);
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

constexpr std::array<HandlerRow, 2> kHandlers{{
    {config::CommandId::kDynamicShowStats, show_stats},
    {config::CommandId::kDynamicShowDrops, show_drops},
}};

}  // namespace

std::span<const HandlerRow> dynamic_stats_handlers() {
    return kHandlers;
}

}  // namespace control
