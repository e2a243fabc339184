#include "config/rule_set.h"

#include "config/rule_tags.h"
#include "config/selectors.h"
#include "config/weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace config {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpV6 = 58;

struct AddressRange {
    IpAddress first;
    IpAddress last;
};

struct KeyedRow {
    OrderKey key;
    RuleRow row;
};

// One direction of a filter: as written, or exchanged.
struct Direction {
    const FilterAddress& source;
    const FilterAddress& destination;
    PortRange source_port;
    PortRange destination_port;
    bool mirror = false;
};

AddressRange whole_family(Family family) {
    AddressRange range;
    range.first.family = family;
    range.last.family = family;
    std::fill_n(range.last.bytes.begin(), address_bytes(family), std::uint8_t{0xFF});
    return range;
}

const std::vector<IpAddress>& addresses_of(AddressKind symbol, const HostView& host) {
    static const std::vector<IpAddress> kNone;
    switch (symbol) {
        case AddressKind::kMe:
            return host.me;
        case AddressKind::kDnsServers:
            return host.dns_servers;
        case AddressKind::kWinsServers:
            return host.wins_servers;
        case AddressKind::kDhcpServer:
            return host.dhcp_servers;
        case AddressKind::kDefaultGateway:
            return host.default_gateways;
        case AddressKind::kAny:
        case AddressKind::kHost:
        case AddressKind::kSubnet:
        case AddressKind::kRange:
            break;
    }
    return kNone;
}

// What one side of a filter stands for in one family; empty if nothing.
std::vector<AddressRange> expand(const FilterAddress& side, Family family, const HostView& host) {
    if (side.kind == AddressKind::kAny) {
        return {whole_family(family)};
    }
    if (!side.is_symbol()) {
        if (side.first.family != family) {
            return {};
        }
        return {{side.first, side.last}};
    }
    std::vector<IpAddress> addresses;
    for (const IpAddress& address : addresses_of(side.kind, host)) {
        // A host may have one address on two ports.
        if (address.family == family
            && std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    std::vector<AddressRange> ranges;
    ranges.reserve(addresses.size());
    for (const IpAddress& address : addresses) {
        ranges.push_back({address, address});
    }
    return ranges;
}

// `protocol=icmp` means the ICMP of the family the row is for.
std::uint8_t protocol_in(Family family, std::uint8_t written) {
    return written == kIcmp && family == Family::kIpv6 ? kIcmpV6 : written;
}

Error too_many(const RuleSource& source, std::uint32_t index) {
    const std::string rule = source.policy_name.empty()
                                 ? "a dynamic rule"
                                 : fmt::format("rule \"{}\"", source.rule_name);
    return Error{ErrorCode::kTooManyFilters,
                 fmt::format("The filters in force expand to more than {} entries; the first that "
                             "does not fit is filter {} of {}.",
                             kMaxRows,
                             index + 1,
                             rule)};
}

class Compiler {
  public:
    Compiler(const HostView& host, RuleTags& tags) : host_(host), tags_(tags) {}

    Result<RuleSet> run(const std::vector<RuleSource>& sources) {
        for (const RuleSource& source : sources) {
            if (Result<void> added = add_rule(source); !added) {
                return std::move(added).error();
            }
        }
        sort_rows();
        assign_selectors(rule_set_, tags_);
        return std::move(rule_set_);
    }

  private:
    Result<void> add_rule(const RuleSource& source) {
        rule_set_.rules.push_back({source.guid,
                                   tags_.tag_of(source.guid),
                                   source.policy_name,
                                   source.rule_name,
                                   source.is_tunnel(),
                                   source.connection_type,
                                   source.inbound,
                                   source.outbound,
                                   source.inbound_passthrough,
                                   source.soft,
                                   source.terms});
        for (std::size_t i = 0; i < source.filters.size(); ++i) {
            Result<void> added = add_filter(source, static_cast<std::uint32_t>(i));
            if (!added) {
                return added;
            }
        }
        return {};
    }

    Result<void> add_filter(const RuleSource& source, std::uint32_t index) {
        const Filter& filter = source.filters[index];
        const FilterSpec& spec = filter.spec;
        const bool has_ports = spec.protocol == kTcp || spec.protocol == kUdp;
        const PortRange source_port = has_ports ? spec.source_port : PortRange{};
        const PortRange destination_port = has_ports ? spec.destination_port : PortRange{};
        const Direction written{
            spec.source, spec.destination, source_port, destination_port, false};
        const Direction exchanged{
            spec.destination, spec.source, destination_port, source_port, true};
        const std::optional<IpAddress> endpoint = endpoint_for(source.tunnel, spec);
        const bool endpoint_is_me =
            endpoint && std::find(host_.me.begin(), host_.me.end(), *endpoint) != host_.me.end();
        // The mirror of a filter that is its own mirror image could never match first.
        const bool self_mirror = spec.source == spec.destination && source_port == destination_port;
        const bool mirrored = spec.mirrored && !self_mirror && uses_mirrors(source, endpoint_is_me);

        const std::size_t rows_before = rows_.size();
        Result<void> added = add_direction(source, index, written);
        if (added && mirrored) {
            added = add_direction(source, index, exchanged);
        }
        if (added && rows_.size() > rows_before) {
            rule_set_.filters.push_back(
                {.filter = filter.guid,
                 .rule = static_cast<std::uint32_t>(rule_set_.rules.size() - 1),
                 .weight = weight(key_of(source, index, written)),
                 .spec = spec,
                 .description = filter.description,
                 .tunnel_endpoint = endpoint,
                 .endpoint_is_me = endpoint_is_me,
                 .local_endpoint = std::nullopt});
        }
        return added;
    }

    // Rows of one filter have equal keys; the stable sort keeps the written direction first.
    Result<void> add_direction(const RuleSource& source,
                               std::uint32_t index,
                               const Direction& direction) {
        const OrderKey key = key_of(source, index, direction);
        const std::uint8_t protocol = source.filters[index].spec.protocol;
        for (const Family family : {Family::kIpv4, Family::kIpv6}) {
            const std::vector<AddressRange> from = expand(direction.source, family, host_);
            const std::vector<AddressRange> to = expand(direction.destination, family, host_);
            // Checked before rows are made: a million of them take 100 MB.
            if (from.size() * to.size() > kMaxRows - rows_.size()) {
                return too_many(source, index);
            }
            for (const AddressRange& sender : from) {
                for (const AddressRange& receiver : to) {
                    rows_.push_back(
                        {key,
                         {.family = family,
                          .protocol = protocol_in(family, protocol),
                          .connection_type = source.connection_type,
                          .mirror = direction.mirror,
                          .inbound = source.inbound,
                          .outbound = source.outbound,
                          .filter = static_cast<std::uint32_t>(rule_set_.filters.size()),
                          .source_first = sender.first,
                          .source_last = sender.last,
                          .destination_first = receiver.first,
                          .destination_last = receiver.last,
                          .source_port = direction.source_port,
                          .destination_port = direction.destination_port}});
                }
            }
        }
        return {};
    }

    [[nodiscard]] OrderKey key_of(const RuleSource& source,
                                  std::uint32_t index,
                                  const Direction& direction) const {
        const SideBreadth from = SideBreadth::of(direction.source);
        const SideBreadth to = SideBreadth::of(direction.destination);
        OrderKey key;
        key.transport = source.is_tunnel() ? 0 : 1;
        key.address_class = address_class(from, to);
        key.free_bits = static_cast<std::uint8_t>(from.free_bits + to.free_bits);
        key.least_free_bits = std::min(from.free_bits, to.free_bits);
        key.protocol_class = protocol_class(
            source.filters[index].spec.protocol, direction.source_port, direction.destination_port);
        // Of two different actions the more restrictive one decides the tie.
        key.leniency =
            std::min(leniency(source.inbound, source.soft), leniency(source.outbound, source.soft));
        key.rule = static_cast<std::uint32_t>(rule_set_.rules.size() - 1);
        key.filter = index;
        return key;
    }

    void sort_rows() {
        std::stable_sort(rows_.begin(), rows_.end(), [](const KeyedRow& a, const KeyedRow& b) {
            return a.key < b.key;
        });
        rule_set_.rows.reserve(rows_.size());
        for (const KeyedRow& keyed : rows_) {
            rule_set_.rows.push_back(keyed.row);
        }
    }

    const HostView& host_;
    RuleTags& tags_;
    RuleSet rule_set_;
    std::vector<KeyedRow> rows_;
};

}  // namespace

std::optional<IpAddress> endpoint_for(const TunnelEndpoint& tunnel, const FilterSpec& spec) {
    const FilterAddress& far = spec.destination;
    const bool far_host = far.kind == AddressKind::kHost;
    switch (tunnel.kind) {
        case TunnelKind::kNone:
            break;
        case TunnelKind::kAddress:
            return tunnel.endpoint;
        case TunnelKind::kFromFilters:
            return far_host ? std::optional(far.first) : std::nullopt;
        case TunnelKind::kFromFilterNames:
            return far_host && !far.dns_name.empty() ? std::optional(far.first) : std::nullopt;
    }
    return std::nullopt;
}

bool uses_mirrors(const RuleSource& source, bool endpoint_is_me) {
    return !source.is_tunnel() || (source.negotiates() && !endpoint_is_me);
}

Result<RuleSet> compile_rule_set(const std::vector<RuleSource>& sources,
                                 const HostView& host,
                                 RuleTags& tags) {
    return Compiler(host, tags).run(sources);
}

}  // namespace config
