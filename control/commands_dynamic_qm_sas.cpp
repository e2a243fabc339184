// dynamic show qmsas.
#include "config/sa_method.h"
#include "control/address_selection.h"
#include "control/commands.h"
#include "control/describe.h"
#include "control/describe_ike.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Result;
using config::SaDirection;
using config::SaMode;
using config::SaSpec;

struct StateRow {
    std::string_view shown;
    std::string_view token;
};
constexpr std::array<StateRow, 3> kStates{{
    {"ACTIVE", "active"},
    {"EXPIRES SOON", "expiring"},
    {"EXPIRED", "expired"},
}};

// The rule's name, or its GUID if it has none or is not in force.
std::string rule_text(const DataplaneHandle::InForce& in_force, const config::Guid& guid) {
    if (guid.is_nil()) {
        return {};
    }
    if (in_force.rule_set) {
        for (const config::RuleSetRule& rule : in_force.rule_set->rules) {
            if (rule.guid == guid && !rule.rule_name.empty()) {
                return rule.rule_name;
            }
        }
    }
    return guid.to_string();
}

std::string spi_text(std::uint32_t spi) {
    return fmt::format("0x{:08x} ({})", spi, spi);
}

std::optional<std::uint64_t> limit(std::uint64_t value) {
    return value == 0 ? std::nullopt : std::optional(value);
}

void describe_identity(Listing& listing, const SaReport& sa) {
    const bool inbound = sa.spec.direction == SaDirection::kInbound;
    const bool esp = sa.spec.protocol == config::IpsecProtocol::kEsp;
    const bool tunnel = sa.spec.mode == SaMode::kTunnel;
    const StateRow& state = kStates[static_cast<std::size_t>(sa.state)];
    if (sa.spec.soft) {
        listing.null_as("SPI", "spi", "NONE");
    } else {
        listing.number_as("SPI", "spi", spi_text(sa.spec.spi), sa.spec.spi);
    }
    listing.text_as("Direction",
                    "direction",
                    inbound ? "INBOUND" : "OUTBOUND",
                    inbound ? "inbound" : "outbound");
    listing.text_as(
        "Mode", "mode", tunnel ? "TUNNEL" : "TRANSPORT", tunnel ? "tunnel" : "transport");
    listing.text("Source", "source", sa.spec.source.to_string());
    listing.text("Destination", "destination", sa.spec.destination.to_string());
    if (sa.spec.soft) {
        listing.text({}, "protocol", "none");
        listing.text_as("Method", "method", "SOFT (IN CLEAR)", "soft");
    } else {
        listing.text({}, "protocol", esp ? "esp" : "ah");
        listing.text("Method", "method", config::algorithms_text(sa.spec));
    }
    listing.text_as("State", "state", state.shown, state.token);
}

// A label that is empty where the field means nothing leaves it to programs.
std::string_view label_if(bool applies, std::string_view label) {
    return applies ? label : std::string_view();
}

void describe_options(Listing& listing, const SaReport& sa, const std::string& rule) {
    const SaSpec& spec = sa.spec;
    const bool inbound = spec.direction == SaDirection::kInbound;
    const bool real = !spec.soft;
    const bool outer_header = real && !inbound && spec.mode == SaMode::kTunnel;
    if (sa.bundled_with) {
        listing.number_as(
            "Bundled With", "bundled_with", spi_text(*sa.bundled_with), *sa.bundled_with);
    } else {
        listing.null_as({}, "bundled_with", {});
    }
    listing.text_or_none("Rule", "rule", rule);
    listing.text({}, "rule_guid", sa.rule.is_nil() ? std::string() : sa.rule.to_string());
    listing.number(label_if(inbound, "Replay Window"), "window", spec.replay_window);
    listing.flag(label_if(real, "Extended Sequence"), "esn", spec.esn);
    if (spec.encapsulation) {
        const config::UdpEncapsulation& udp = *spec.encapsulation;
        listing.text("UDP Encapsulation",
                     {},
                     fmt::format("{} to {}", udp.source_port, udp.destination_port));
        listing.number({}, "encap_source_port", udp.source_port);
        listing.number({}, "encap_destination_port", udp.destination_port);
    } else {
        listing.null_as(label_if(real, "UDP Encapsulation"), "encap_source_port", "NO");
        listing.null_as({}, "encap_destination_port", {});
    }
    number_or_null(listing, label_if(outer_header, "DSCP"), "dscp", spec.dscp, "copy");
    listing.text(
        label_if(outer_header, "Don't Fragment"),
        "df",
        config::keyword_text(config::ValueType::kDfPolicy, static_cast<std::uint8_t>(spec.df)));
    listing.text(label_if(real && !inbound, "Fragment"),
                 "fragment",
                 config::keyword_text(config::ValueType::kFragmentPolicy,
                                      static_cast<std::uint8_t>(spec.fragments)));
}

void describe_use(Listing& listing, const SaReport& sa) {
    const bool inbound = sa.spec.direction == SaDirection::kInbound;
    const bool real = !sa.spec.soft;
    const config::SaLifetime& lifetime = sa.spec.lifetime;
    listing.number("Packets", "packets", sa.packets);
    listing.number("Bytes", "bytes", sa.bytes);
    number_or_null(
        listing, label_if(real, "Byte Limit"), "byte_limit", limit(lifetime.hard_bytes), "NONE");
    number_or_null(listing, "Time Limit", "time_limit", limit(lifetime.hard_seconds), "NONE");
    number_or_null(listing, "Seconds Left", "seconds_left", sa.seconds_left, "NO LIMIT");
    number_or_null(
        listing, "Seconds Since Last Use", "idle_seconds", sa.idle_seconds, "NEVER USED");
    listing.number(label_if(real, "Sequence Number"), "sequence", sa.sequence);
    number_or_null(listing,
                   label_if(real && !inbound, "Path MTU"),
                   "path_mtu",
                   limit(sa.path_mtu),
                   "NOT KNOWN");
    listing.number(label_if(inbound, "Replayed"), "replayed", sa.replayed);
    listing.number(label_if(inbound, "Bad ICV"), "bad_icv", sa.bad_icv);
    listing.number(label_if(inbound, "Malformed"), "malformed", sa.malformed);
    listing.number(label_if(inbound, "Policy Mismatch"), "policy_mismatch", sa.policy_mismatch);
    listing.number("Refused as Expired", "refused", sa.refused);
}

std::string traffic_text(const ike::Selector& selector) {
    std::string text = bounds_text(selector.first, selector.last);
    if (selector.protocol != config::kAnyProtocol) {
        text += " " + protocol_text(selector.protocol);
    }
    if (selector.port != 0) {
        text += fmt::format(" port {}", selector.port);
    }
    return text;
}

void describe_traffic(Listing& listing, bool shown, const ike::TrafficSelectors& traffic) {
    listing.text(label_if(shown, "Local Traffic"), {}, traffic_text(traffic.local));
    listing.text(label_if(shown, "Remote Traffic"), {}, traffic_text(traffic.remote));
    listing.number({}, "traffic_protocol", traffic.local.protocol);
    const auto side = [&](std::string_view key, std::string_view port_key, const auto& selector) {
        listing.text({}, key, bounds_text(selector.first, selector.last));
        listing.text({}, port_key, selector.port == 0 ? "any" : std::to_string(selector.port));
    };
    side("traffic_local", "traffic_local_port", traffic.local);
    side("traffic_remote", "traffic_remote_port", traffic.remote);
}

// What IKE knows of the pair the SA belongs to. For people it stands once, with the first SA.
void describe_negotiation(Listing& listing,
                          const SaReport& sa,
                          const std::optional<ike::ChildReport>& child,
                          bool shown) {
    if (sa.child == 0) {
        return;
    }
    listing.number("Negotiated Pair", "child", sa.child);
    if (!child) {
        return;
    }
    describe_role(listing, label_if(shown, "Role"), child->is_initiator);
    listing.text(label_if(shown, "Policy Name"), "policy", child->policy_name);
    listing.text(label_if(shown, "Offer"), "offer", config::to_string(child->offer));
    number_or_null(
        listing,
        label_if(shown, "PFS Group"),
        "pfs_group",
        child->pfs_group == 0 ? std::nullopt : std::optional<std::uint64_t>(child->pfs_group),
        "NONE");
    describe_traffic(listing, shown, child->traffic);
    describe_cookies(listing, label_if(shown, "Main Mode"), child->initiator, child->responder);
    listing.number_as(label_if(shown, "Age"),
                      "age_seconds",
                      fmt::format("{} seconds", child->age_seconds),
                      child->age_seconds);
    describe_rekey(listing, label_if(shown, "Next Rekey"), child->rekey_in_seconds);
    listing.flag(label_if(shown, "Replaced"), "replaced", child->replaced);
}

// Tables need the same columns in each row, and few enough to be read.
void describe_row(Listing& listing, const SaReport& sa, bool with_pair) {
    describe_identity(listing, sa);
    listing.number("Packets", {}, sa.packets);
    listing.number("Bytes", {}, sa.bytes);
    number_or_null(listing, "Seconds Left", {}, sa.seconds_left, "NO LIMIT");
    if (with_pair) {
        number_or_null(listing, "Pair", {}, limit(sa.child), "NONE");
    }
}

// In the order in which they were added, but those of one pair together.
void put_pairs_together(std::vector<SaReport>& sas) {
    std::unordered_map<std::uint64_t, std::size_t> first_of;
    std::vector<std::pair<std::size_t, std::size_t>> order;
    for (std::size_t i = 0; i < sas.size(); ++i) {
        const std::uint64_t child = sas[i].child;
        order.emplace_back(child == 0 ? i : first_of.emplace(child, i).first->second, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<SaReport> together;
    together.reserve(sas.size());
    for (const auto& [first, index] : order) {
        together.push_back(std::move(sas[index]));
    }
    sas = std::move(together);
}

// Removes what the parameters do not select.
Result<void> select(const CommandContext& context,
                    const Arguments& arguments,
                    std::vector<SaReport>& sas) {
    const auto source = AddressSelection::make(context, arguments.address("srcaddr"));
    const auto destination = AddressSelection::make(context, arguments.address("dstaddr"));
    if (!source || !destination) {
        return source ? destination.error() : source.error();
    }
    const std::uint8_t protocol =
        arguments.protocol("protocol").value_or(config::ProtocolSyntax{}).number;
    std::erase_if(sas, [&](const SaReport& sa) {
        return !source->contains(sa.spec.source) || !destination->contains(sa.spec.destination)
               || (protocol != config::kAnyProtocol
                   && (sa.spec.soft || protocol != static_cast<std::uint8_t>(sa.spec.protocol)));
    });
    return {};
}

CommandResult show_qm_sas(CommandContext& context, const Arguments& arguments) {
    std::vector<SaReport> sas = context.dataplane.sas();
    if (const Result<void> selected = select(context, arguments, sas); !selected) {
        return selected.error();
    }
    put_pairs_together(sas);
    const bool bound =
        std::any_of(sas.begin(), sas.end(), [](const SaReport& sa) { return !sa.rule.is_nil(); });
    const DataplaneHandle::InForce in_force =
        bound ? context.dataplane.in_force() : DataplaneHandle::InForce{};
    // A record of a table stays on one line.
    Listing listing(context.listing(arguments).layout(), true);
    std::uint64_t pair = 0;
    std::optional<ike::ChildReport> child;
    listing.begin_records("qm_sas");
    for (const SaReport& sa : sas) {
        listing.begin_record();
        if (listing.layout() == Layout::kTable) {
            describe_row(listing, sa, context.ike != nullptr);
        } else {
            const bool first = sa.child != pair;
            if (first) {
                pair = sa.child;
                child =
                    context.ike != nullptr && pair != 0 ? context.ike->child(pair) : std::nullopt;
            }
            describe_identity(listing, sa);
            describe_options(listing, sa, rule_text(in_force, sa.rule));
            describe_negotiation(listing, sa, child, first);
            describe_use(listing, sa);
        }
        listing.end_record();
    }
    listing.end_records();
    if (sas.empty()) {
        listing.line("Quickmode SAs not available.");
    } else {
        listing.number("No. of SAs", "sa_count", sas.size());
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 1> kHandlers{{
    {config::CommandId::kDynamicShowQmSas, show_qm_sas},
}};

}  // namespace

std::span<const HandlerRow> dynamic_qm_sas_handlers() {
    return kHandlers;
}

}  // namespace control
