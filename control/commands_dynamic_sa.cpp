// dynamic add and delete of SAs.
#include "config/help.h"
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

// What `delete sa` selects; what is named must be equal.
struct SaFilter {
    std::optional<std::uint32_t> spi;
    std::optional<IpAddress> source;
    std::optional<IpAddress> destination;

    [[nodiscard]] bool is_empty() const { return !spi && !source && !destination; }
    [[nodiscard]] bool selects(const SaReport& sa) const {
        return (!spi || *spi == sa.spec.spi) && (!source || *source == sa.spec.source)
               && (!destination || *destination == sa.spec.destination);
    }
};

// A main mode has no direction: either of its ends may be given as the source. Nothing if both are
// ours, or neither.
std::optional<ike::MainModeSelection> main_modes_between(const config::HostView& host,
                                                         const SaFilter& filter) {
    ike::MainModeSelection selection;
    for (const std::optional<IpAddress>& end : {filter.source, filter.destination}) {
        if (!end) {
            continue;
        }
        const bool ours = std::find(host.me.begin(), host.me.end(), *end) != host.me.end();
        std::optional<IpAddress>& place = ours ? selection.local : selection.remote;
        if (place) {
            return std::nullopt;
        }
        place = end;
    }
    return selection;
}

std::size_t close_negotiated(const CommandContext& context, const SaFilter& filter) {
    if (context.ike == nullptr) {
        return 0;
    }
    std::size_t closed = 0;
    const auto main_modes = main_modes_between(context.dataplane.host_view(), filter);
    if (main_modes && !filter.spi) {
        closed += context.ike->close(*main_modes);
    }
    // Those whose main mode is gone already, and the one that an SPI names. The second direction of
    // a pair that was closed is not there any more.
    for (const SaReport& sa : context.dataplane.sas()) {
        if (sa.child != 0 && filter.selects(sa)) {
            closed += context.ike->close_child(sa.child);
        }
    }
    return closed;
}

std::size_t delete_manual(DataplaneHandle& dataplane, const SaFilter& filter) {
    std::size_t deleted = 0;
    for (const SaReport& sa : dataplane.sas()) {
        if (sa.child == 0 && filter.selects(sa)) {
            deleted += dataplane.delete_sas({sa.spec.spi, sa.spec.destination});
        }
    }
    return deleted;
}

CommandResult delete_sa(CommandContext& context, const Arguments& arguments) {
    const SaFilter filter{
        arguments.number("spi"), arguments.ip("srcaddr"), arguments.ip("dstaddr")};
    if (filter.is_empty() && !arguments.given("all")) {
        return Error{
            ErrorCode::kMissingParameter,
            "\"delete sa\" needs one of its parameters.\n"
                + config::command_usage(config::command_spec(config::CommandId::kDynamicDeleteSa))};
    }
    // What IKE negotiated first: closing a main mode takes its children along.
    const std::size_t negotiated = close_negotiated(context, filter);
    const std::size_t manual = delete_manual(context.dataplane, filter);
    if (negotiated + manual == 0) {
        return Error{ErrorCode::kSaNotFound, "No SA matches the parameters."};
    }
    if (negotiated > 0) {
        context.notes.push_back(fmt::format(
            "IKE closed {} of its SAs; a main mode or a pair counts as one.", negotiated));
    }
    if (manual > 1) {
        context.notes.push_back(fmt::format("{} SAs were deleted.", manual));
    }
    return std::string();
}

constexpr std::array<HandlerRow, 2> kHandlers{{
    {config::CommandId::kDynamicAddSa, add_sa},
    {config::CommandId::kDynamicDeleteSa, delete_sa},
}};

}  // namespace

std::span<const HandlerRow> dynamic_sa_handlers() {
    return kHandlers;
}

}  // namespace control
