#include "tests/support/random_rules.h"

#include "config/bytes.h"

#include <algorithm>
#include <array>

namespace tests {

namespace {

using config::Family;
using config::IpAddress;
using config::IpPrefix;
using config::PortRange;
using config::RuleRow;
using config::RuleSet;

std::uint64_t below(Random& random, std::uint64_t bound) {
    return random() % bound;
}
bool percent(Random& random, unsigned chance) {
    return below(random, 100) < chance;
}

template <typename T, std::size_t N>
T pick(const std::array<T, N>& from, Random& random) {
    return from[below(random, N)];
}

IpAddress random_address(Family family, Random& random) {
    IpAddress address{.family = family};
    for (std::size_t i = 0; i < config::address_bytes(family); ++i) {
        address.bytes[i] = static_cast<std::uint8_t>(random());
    }
    // A few networks hold nearly everything, so that prefixes nest and overlap.
    if (family == Family::kIpv4) {
        address.bytes[0] = 10;
        address.bytes[1] &= 0x1F;
    } else {
        constexpr std::array<std::uint8_t, 5> kDocumentation = {0x20, 0x01, 0x0d, 0xb8, 0};
        std::copy(kDocumentation.begin(), kDocumentation.end(), address.bytes.begin());
        address.bytes[5] &= 0x1F;
    }
    return address;
}

// An address between two others: the common leading bytes, then a random byte strictly inside or
// one of the two ends.
IpAddress between(const IpAddress& first, const IpAddress& last, Random& random) {
    IpAddress out{.family = first.family};
    bool at_first = true;
    bool at_last = true;
    for (std::size_t i = 0; i < config::address_bytes(first.family); ++i) {
        const unsigned low = at_first ? first.bytes[i] : 0U;
        const unsigned high = at_last ? last.bytes[i] : 255U;
        const auto byte = static_cast<std::uint8_t>(low + below(random, high - low + 1));
        at_first = at_first && byte == first.bytes[i];
        at_last = at_last && byte == last.bytes[i];
        out.bytes[i] = byte;
    }
    return out;
}

struct AddressRange {
    IpAddress first;
    IpAddress last;
};

AddressRange random_range(const TableShape& shape,
                          const std::vector<IpAddress>& pool,
                          Random& random) {
    const IpAddress& base = pool[below(random, pool.size())];
    const bool v4 = shape.family == Family::kIpv4;
    if (shape.ranges && percent(random, 8)) {
        // Within the last two bytes, so that a range costs tens of prefixes, not hundreds.
        AddressRange range{base, base};
        const std::size_t at = config::address_bytes(shape.family) - 2;
        const auto low = static_cast<std::uint16_t>(random());
        const auto high = static_cast<std::uint16_t>(random());
        config::store(range.first.bytes.data() + at, config::be16(std::min(low, high)));
        config::store(range.last.bytes.data() + at, config::be16(std::max(low, high)));
        return range;
    }
    static constexpr std::array<std::uint8_t, 8> kV4Lengths = {32, 32, 32, 24, 24, 20, 16, 0};
    static constexpr std::array<std::uint8_t, 8> kV6Lengths = {128, 128, 128, 64, 64, 56, 48, 0};
    const IpPrefix prefix{base, pick(v4 ? kV4Lengths : kV6Lengths, random)};
    return {prefix.first(), prefix.last()};
}

PortRange random_ports(Random& random) {
    static constexpr std::array<std::uint16_t, 8> kKnown = {22, 25, 53, 80, 123, 443, 3389, 8080};
    const std::uint64_t kind = below(random, 10);
    if (kind < 4) {
        return {};
    }
    if (kind < 8) {
        const std::uint16_t port = pick(kKnown, random);
        return {port, port};
    }
    const auto a = static_cast<std::uint16_t>(random());
    const auto b = static_cast<std::uint16_t>(random());
    return {std::min(a, b), std::max(a, b)};
}

// How much of the address space a row covers, roughly: what comes last in a compiled set.
unsigned breadth(const RuleRow& row) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        bits += row.source_first.bytes[i] != row.source_last.bytes[i] ? 1U : 0U;
        bits += row.destination_first.bytes[i] != row.destination_last.bytes[i] ? 1U : 0U;
    }
    return bits;
}

}  // namespace

RuleSet random_rule_set(const TableShape& shape, Random& random) {
    std::vector<IpAddress> pool(std::max<std::size_t>(shape.rows / 3, 4));
    std::generate(pool.begin(), pool.end(), [&] { return random_address(shape.family, random); });
    static constexpr std::array<std::uint8_t, 8> kProtocols = {6, 6, 6, 17, 17, 1, 58, 0};
    static constexpr std::array<config::Action, 3> kActions = {
        config::Action::kPermit, config::Action::kBlock, config::Action::kNegotiate};
    RuleSet set;
    set.rules.emplace_back().rule_name = "random";
    for (std::size_t i = 0; i < shape.rows; ++i) {
        const AddressRange source = random_range(shape, pool, random);
        const AddressRange destination = random_range(shape, pool, random);
        RuleRow row{.family = shape.family,
                    .protocol = pick(kProtocols, random),
                    .mirror = percent(random, 50),
                    .inbound = pick(kActions, random),
                    .outbound = pick(kActions, random),
                    .filter = static_cast<std::uint32_t>(i),
                    .source_first = source.first,
                    .source_last = source.last,
                    .destination_first = destination.first,
                    .destination_last = destination.last,
                    .source_port = {},
                    .destination_port = {}};
        if (row.protocol == 6 || row.protocol == 17) {
            row.source_port = percent(random, 25) ? random_ports(random) : PortRange{};
            row.destination_port = random_ports(random);
        }
        if (shape.connection_types && percent(random, 40)) {
            row.connection_type = percent(random, 50) ? config::ConnectionType::kLan
                                                      : config::ConnectionType::kDialup;
        }
        set.rows.push_back(row);
        set.filters.emplace_back().filter = config::Guid::random();
    }
    std::stable_sort(set.rows.begin(), set.rows.end(), [](const RuleRow& a, const RuleRow& b) {
        return breadth(a) < breadth(b);
    });
    return set;
}

RuleSet merged(const RuleSet& a, const RuleSet& b) {
    RuleSet out = a;
    out.rows.clear();
    out.filters.insert(out.filters.end(), b.filters.begin(), b.filters.end());
    const auto shift = static_cast<std::uint32_t>(a.filters.size());
    for (std::size_t i = 0; i < std::max(a.rows.size(), b.rows.size()); ++i) {
        if (i < a.rows.size()) {
            out.rows.push_back(a.rows[i]);
        }
        if (i < b.rows.size()) {
            out.rows.push_back(b.rows[i]);
            out.rows.back().filter += shift;
        }
    }
    return out;
}

config::MatchInput random_packet(const RuleSet& rule_set, Family family, Random& random) {
    config::MatchInput packet{.source = random_address(family, random),
                              .destination = random_address(family, random)};
    static constexpr std::array<std::uint8_t, 5> kProtocols = {6, 17, 1, 58, 47};
    packet.protocol = pick(kProtocols, random);
    packet.lan = percent(random, 60);
    packet.dialup = !packet.lan || percent(random, 20);
    const bool has_ports = packet.protocol == 6 || packet.protocol == 17;
    if (has_ports) {
        packet.source_port = static_cast<std::uint16_t>(random());
        packet.destination_port = static_cast<std::uint16_t>(random());
    }
    const RuleRow& row = rule_set.rows[below(random, rule_set.rows.size())];
    if (row.family != family || percent(random, 10)) {
        return packet;
    }
    packet.source = between(row.source_first, row.source_last, random);
    packet.destination = between(row.destination_first, row.destination_last, random);
    if (row.protocol != config::kAnyProtocol) {
        packet.protocol = row.protocol;
    }
    packet.source_port = 0;
    packet.destination_port = 0;
    if (packet.protocol == 6 || packet.protocol == 17) {
        const auto within = [&](const PortRange& range) {
            const auto width = static_cast<unsigned>(range.last) - range.first + 1U;
            return static_cast<std::uint16_t>(range.first + below(random, width));
        };
        packet.source_port = within(row.source_port);
        packet.destination_port = within(row.destination_port);
    }
    return packet;
}

}  // namespace tests
