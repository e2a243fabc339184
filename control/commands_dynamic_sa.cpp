// dynamic add and delete of SAs, and show qmsas.
#include "config/rule_tags.h"
#include "config/sa_method.h"
#include "control/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Error;
using config::ErrorCode;
using config::IpAddress;
using config::Result;
using config::SaDirection;
using config::SaMode;
using config::SaSpec;

Error bad_sa(std::string text) {
    return {ErrorCode::kBadSa, std::move(text)};
}

Result<SaDirection> direction_of(const config::HostView& host,
                                 const IpAddress& source,
                                 const IpAddress& destination) {
    if (source.family != destination.family) {
        return Error{ErrorCode::kFamiliesDiffer,
                     fmt::format("srcaddr {} and dstaddr {} are not of one family.",
                                 source.to_string(),
                                 destination.to_string())};
    }
    const auto ours = [&](const IpAddress& address) {
        return std::find(host.me.begin(), host.me.end(), address) != host.me.end();
    };
    if (ours(source) == ours(destination)) {
        return bad_sa(fmt::format(
            "One of srcaddr {} and dstaddr {} must be an address of this gateway; {} is.",
            source.to_string(),
            destination.to_string(),
            ours(source) ? "each" : "neither"));
    }
    const bool outbound = ours(source);
    const IpAddress& peer = outbound ? destination : source;
    if (peer.is_multicast() || peer.is_unspecified()) {
        return bad_sa(fmt::format("{} is not the address of a host; an SA has one at each end.",
                                  peer.to_string()));
    }
    return outbound ? SaDirection::kOutbound : SaDirection::kInbound;
}

// By GUID any rule there is, by name one of the assigned policy.
Result<config::Guid> find_rule(const CommandContext& context, const std::string& text) {
    const Result<config::Guid> guid = config::Guid::parse(text);
    if (!guid) {
        const auto assigned = context.store.assigned_policy();
        if (!assigned) {
            return assigned.error();
        }
        if (!assigned->has_value()) {
            return Error{ErrorCode::kRuleNotFound,
                         "No policy is assigned, so that no rule has a name; a GUID was expected."};
        }
        const Result<config::Rule> rule = context.store.find_rule((*assigned)->guid, text);
        return rule ? Result<config::Guid>(rule->guid) : rule.error();
    }
    const auto is_it = [&](const auto& rule) { return rule.guid == *guid; };
    if (std::any_of(context.dynamic.rules.begin(), context.dynamic.rules.end(), is_it)) {
        return *guid;
    }
    const auto policies = context.store.policies(config::StoreOrder::kName);
    if (!policies) {
        return policies.error();
    }
    for (const config::Policy& policy : *policies) {
        const auto rules = context.store.rules(policy.guid);
        if (!rules) {
            return rules.error();
        }
        if (std::any_of(rules->begin(), rules->end(), is_it)) {
            return *guid;
        }
    }
    return Error{ErrorCode::kRuleNotFound,
                 fmt::format("No rule has the GUID {}.", guid->to_string())};
}

Result<void> read_encapsulation(const Arguments& arguments, SaSpec& spec) {
    const auto source = arguments.number("encapsrcport");
    const auto destination = arguments.number("encapdstport");
    if (arguments.yes_no("encap").value_or(false)) {
        config::UdpEncapsulation udp;
        udp.source_port = static_cast<std::uint16_t>(source.value_or(udp.source_port));
        udp.destination_port =
            static_cast<std::uint16_t>(destination.value_or(udp.destination_port));
        spec.encapsulation = udp;
    } else if (source || destination) {
        return bad_sa(fmt::format("{} needs encap=yes.", source ? "encapsrcport" : "encapdstport"));
    }
    return {};
}

Result<void> read_outer_header(const Arguments& arguments, SaSpec& spec) {
    spec.dscp = arguments.dscp("dscp").value_or(config::DscpSyntax{}).value;
    spec.df = arguments.keyword<config::DfPolicy>("df").value_or(config::DfPolicy::kCopy);
    if (spec.mode == SaMode::kTransport && (spec.dscp || spec.df != config::DfPolicy::kCopy)) {
        return bad_sa(fmt::format("{} needs mode=tunnel: transport mode adds no IP header.",
                                  spec.dscp ? "dscp" : "df"));
    }
    return {};
}

// What both halves of a bundle share; `spi` is that of `sa`.
Result<SaSpec> read_common(const CommandContext& context, const Arguments& arguments) {
    SaSpec spec;
    spec.spi = *arguments.number("spi");
    spec.source = *arguments.ip("srcaddr");
    spec.destination = *arguments.ip("dstaddr");
    spec.mode = arguments.keyword<SaMode>("mode").value_or(SaMode::kTransport);
    spec.esn = arguments.yes_no("esn").value_or(false);
    spec.replay_window = arguments.number("window").value_or(config::kMinReplayWindow);
    spec.fragments = arguments.keyword<config::FragmentPolicy>("fragment")
                         .value_or(config::FragmentPolicy::kBefore);
    const Result<SaDirection> direction =
        direction_of(context.dataplane.host_view(), spec.source, spec.destination);
    if (!direction) {
        return direction.error();
    }
    spec.direction = *direction;
    for (Result<void> read :
         {read_encapsulation(arguments, spec), read_outer_header(arguments, spec)}) {
        if (!read) {
            return std::move(read).error();
        }
    }
    return spec;
}

CommandResult add_sa(CommandContext& context, const Arguments& arguments) {
    Result<SaSpec> common = read_common(context, arguments);
    if (!common) {
        return common.error();
    }
    SaRequest request;
    if (const auto rule = arguments.text("rule")) {
        const Result<config::Guid> guid = find_rule(context, *rule);
        if (!guid) {
            return guid.error();
        }
        request.rule = *guid;
        common->rule = context.rule_tags.tag_of(*guid);
    }
    Result<config::SaPair> pair = config::apply_method(
        *arguments.sa_method("method"),
        {arguments.key("enckey"), arguments.key("authkey"), arguments.key("ahkey")},
        *common);
    if (!pair) {
        return pair.error();
    }
    const auto ah_spi = arguments.number("ahspi");
    if (ah_spi.has_value() != pair->outer.has_value()) {
        return bad_sa(ah_spi ? "ahspi is given, but the method is not AH around ESP."
                             : "AH around ESP needs an SPI of its own in ahspi.");
    }
    if (pair->outer) {
        pair->outer->spi = *ah_spi;
    }
    request.sas = std::move(*pair);
    if (const Result<void> added = context.dataplane.add_sa(request); !added) {
        return added.error();
    }
    return std::string();
}

CommandResult delete_sa(CommandContext& context, const Arguments& arguments) {
    const SaSelection selection{arguments.number("spi"), arguments.ip("dstaddr")};
    const std::size_t deleted = context.dataplane.delete_sas(selection);
    if (deleted == 0) {
        return Error{ErrorCode::kSaNotFound, "No SA matches the parameters."};
    }
    if (deleted > 1) {
        context.notes.push_back(fmt::format("{} SAs were deleted.", deleted));
    }
    return std::string();
}

bool is_among(const std::vector<IpAddress>& addresses, const IpAddress& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// The addresses that srcaddr or dstaddr selects.
class AddressSelection {
  public:
    static Result<AddressSelection> make(const CommandContext& context,
                                         const std::optional<config::AddressSyntax>& syntax) {
        AddressSelection selection;
        selection.syntax_ = syntax.value_or(config::AddressSyntax{});
        selection.host_ = context.dataplane.host_view();
        auto resolved = context.addresses_of(selection.syntax_);
        if (!resolved) {
            return std::move(resolved).error();
        }
        selection.resolved_ = std::move(*resolved);
        return selection;
    }

    [[nodiscard]] bool contains(const IpAddress& address) const {
        switch (syntax_.form) {
            case config::AddressForm::kAny:
                return true;
            case config::AddressForm::kMe:
                return is_among(host_.me, address);
            case config::AddressForm::kDnsServers:
                return is_among(host_.dns_servers, address);
            case config::AddressForm::kWinsServers:
                return is_among(host_.wins_servers, address);
            case config::AddressForm::kDhcpServer:
                return is_among(host_.dhcp_servers, address);
            case config::AddressForm::kDefaultGateway:
                return is_among(host_.default_gateways, address);
            case config::AddressForm::kHost:
                return syntax_.first == address;
            case config::AddressForm::kSubnet:
                return config::IpPrefix{syntax_.first, syntax_.prefix_length}.contains(address);
            case config::AddressForm::kRange:
                return syntax_.first.family == address.family && syntax_.first <= address
                       && address <= syntax_.last;
            case config::AddressForm::kDnsName:
                return is_among(resolved_, address);
        }
        return false;
    }

  private:
    config::AddressSyntax syntax_;
    config::HostView host_;
    std::vector<IpAddress> resolved_;
};

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

void number_or_null(Listing& listing,
                    std::string_view label,
                    std::string_view key,
                    const std::optional<std::uint64_t>& value,
                    std::string_view absent) {
    if (value) {
        listing.number(label, key, *value);
    } else {
        listing.null_as(label, key, absent);
    }
}

std::optional<std::uint64_t> limit(std::uint64_t value) {
    return value == 0 ? std::nullopt : std::optional(value);
}

void describe_identity(Listing& listing, const SaReport& sa) {
    const bool inbound = sa.spec.direction == SaDirection::kInbound;
    const bool esp = sa.spec.protocol == config::IpsecProtocol::kEsp;
    const bool tunnel = sa.spec.mode == SaMode::kTunnel;
    const StateRow& state = kStates[static_cast<std::size_t>(sa.state)];
    listing.number_as("SPI", "spi", spi_text(sa.spec.spi), sa.spec.spi);
    listing.text_as("Direction",
                    "direction",
                    inbound ? "INBOUND" : "OUTBOUND",
                    inbound ? "inbound" : "outbound");
    listing.text_as(
        "Mode", "mode", tunnel ? "TUNNEL" : "TRANSPORT", tunnel ? "tunnel" : "transport");
    listing.text("Source", "source", sa.spec.source.to_string());
    listing.text("Destination", "destination", sa.spec.destination.to_string());
    listing.text({}, "protocol", esp ? "esp" : "ah");
    listing.text("Method", "method", config::algorithms_text(sa.spec));
    listing.text_as("State", "state", state.shown, state.token);
}

// A label that is empty where the field means nothing leaves it to programs.
std::string_view label_if(bool applies, std::string_view label) {
    return applies ? label : std::string_view();
}

void describe_options(Listing& listing, const SaReport& sa, const std::string& rule) {
    const SaSpec& spec = sa.spec;
    const bool inbound = spec.direction == SaDirection::kInbound;
    const bool outer_header = !inbound && spec.mode == SaMode::kTunnel;
    if (sa.bundled_with) {
        listing.number_as(
            "Bundled With", "bundled_with", spi_text(*sa.bundled_with), *sa.bundled_with);
    } else {
        listing.null_as({}, "bundled_with", {});
    }
    listing.text_or_none("Rule", "rule", rule);
    listing.text({}, "rule_guid", sa.rule.is_nil() ? std::string() : sa.rule.to_string());
    listing.number(label_if(inbound, "Replay Window"), "window", spec.replay_window);
    listing.flag("Extended Sequence", "esn", spec.esn);
    if (spec.encapsulation) {
        const config::UdpEncapsulation& udp = *spec.encapsulation;
        listing.text("UDP Encapsulation",
                     {},
                     fmt::format("{} to {}", udp.source_port, udp.destination_port));
        listing.number({}, "encap_source_port", udp.source_port);
        listing.number({}, "encap_destination_port", udp.destination_port);
    } else {
        listing.null_as("UDP Encapsulation", "encap_source_port", "NO");
        listing.null_as({}, "encap_destination_port", {});
    }
    number_or_null(listing, label_if(outer_header, "DSCP"), "dscp", spec.dscp, "copy");
    listing.text(
        label_if(outer_header, "Don't Fragment"),
        "df",
        config::keyword_text(config::ValueType::kDfPolicy, static_cast<std::uint8_t>(spec.df)));
    listing.text(label_if(!inbound, "Fragment"),
                 "fragment",
                 config::keyword_text(config::ValueType::kFragmentPolicy,
                                      static_cast<std::uint8_t>(spec.fragments)));
}

void describe_use(Listing& listing, const SaReport& sa) {
    const bool inbound = sa.spec.direction == SaDirection::kInbound;
    const config::SaLifetime& lifetime = sa.spec.lifetime;
    listing.number("Packets", "packets", sa.packets);
    listing.number("Bytes", "bytes", sa.bytes);
    number_or_null(listing, "Byte Limit", "byte_limit", limit(lifetime.hard_bytes), "NONE");
    number_or_null(listing, "Time Limit", "time_limit", limit(lifetime.hard_seconds), "NONE");
    number_or_null(listing, "Seconds Left", "seconds_left", sa.seconds_left, "NO LIMIT");
    number_or_null(
        listing, "Seconds Since Last Use", "idle_seconds", sa.idle_seconds, "NEVER USED");
    listing.number("Sequence Number", "sequence", sa.sequence);
    number_or_null(
        listing, label_if(!inbound, "Path MTU"), "path_mtu", limit(sa.path_mtu), "NOT KNOWN");
    listing.number(label_if(inbound, "Replayed"), "replayed", sa.replayed);
    listing.number(label_if(inbound, "Bad ICV"), "bad_icv", sa.bad_icv);
    listing.number(label_if(inbound, "Malformed"), "malformed", sa.malformed);
    listing.number(label_if(inbound, "Policy Mismatch"), "policy_mismatch", sa.policy_mismatch);
    listing.number("Refused as Expired", "refused", sa.refused);
}

// Tables need the same columns in each row, and few enough to be read.
void describe_row(Listing& listing, const SaReport& sa) {
    describe_identity(listing, sa);
    listing.number("Packets", {}, sa.packets);
    listing.number("Bytes", {}, sa.bytes);
    number_or_null(listing, "Seconds Left", {}, sa.seconds_left, "NO LIMIT");
}

CommandResult show_qm_sas(CommandContext& context, const Arguments& arguments) {
    const auto source = AddressSelection::make(context, arguments.address("srcaddr"));
    const auto destination = AddressSelection::make(context, arguments.address("dstaddr"));
    if (!source || !destination) {
        return source ? destination.error() : source.error();
    }
    const std::uint8_t protocol =
        arguments.protocol("protocol").value_or(config::ProtocolSyntax{}).number;
    const std::vector<SaReport> sas = context.dataplane.sas();
    const bool bound =
        std::any_of(sas.begin(), sas.end(), [](const SaReport& sa) { return !sa.rule.is_nil(); });
    const DataplaneHandle::InForce in_force =
        bound ? context.dataplane.in_force() : DataplaneHandle::InForce{};
    // A record of a table stays on one line.
    Listing listing(context.listing(arguments).layout(), true);
    std::size_t shown = 0;
    listing.begin_records("qm_sas");
    for (const SaReport& sa : sas) {
        if (!source->contains(sa.spec.source) || !destination->contains(sa.spec.destination)
            || (protocol != config::kAnyProtocol
                && protocol != static_cast<std::uint8_t>(sa.spec.protocol))) {
            continue;
        }
        listing.begin_record();
        if (listing.layout() == Layout::kTable) {
            describe_row(listing, sa);
        } else {
            describe_identity(listing, sa);
            describe_options(listing, sa, rule_text(in_force, sa.rule));
            describe_use(listing, sa);
        }
        listing.end_record();
        ++shown;
    }
    listing.end_records();
    if (shown == 0) {
        listing.line("Quickmode SAs not available.");
    } else {
        listing.number("No. of SAs", "sa_count", shown);
    }
    return listing.take();
}

constexpr std::array<HandlerRow, 3> kHandlers{{
    {config::CommandId::kDynamicAddSa, add_sa},
    {config::CommandId::kDynamicDeleteSa, delete_sa},
    {config::CommandId::kDynamicShowQmSas, show_qm_sas},
}};

}  // namespace

std::span<const HandlerRow> dynamic_sa_handlers() {
    return kHandlers;
}

}  // namespace control
