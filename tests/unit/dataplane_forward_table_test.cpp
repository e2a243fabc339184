#include "dataplane/forward_table.h"
#include "dataplane/topology.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace {

using config::Family;
using config::IpAddress;
using config::IpPrefix;
using dataplane::ForwardTable;
using dataplane::Route;
using dataplane::RouteEntry;
using dataplane::RouteKind;
using tests::address;

IpPrefix prefix(std::string_view text) {
    const auto parsed = IpPrefix::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return *parsed;
}

RouteEntry entry(std::string_view text, std::uint16_t port) {
    return {prefix(text), {RouteKind::kForward, true, port, {}}};
}

struct LookupRow {
    const char* address;
    RouteKind kind;
    std::uint16_t port;
};

void expect_lookups(const ForwardTable& table, const std::vector<LookupRow>& rows) {
    for (const LookupRow& row : rows) {
        SCOPED_TRACE(row.address);
        const IpAddress key = address(row.address);
        const Route& route = table.lookup(key.family, key.bytes.data());
        EXPECT_EQ(route.kind, row.kind);
        EXPECT_EQ(route.port, row.port);
    }
}

TEST(ForwardTableTest, EmptyTableHasNoRoute) {
    const ForwardTable table({});
    expect_lookups(table,
                   {{"10.0.0.1", RouteKind::kNone, dataplane::kNoPort},
                    {"::1", RouteKind::kNone, dataplane::kNoPort}});
}

TEST(ForwardTableTest, LongestPrefixWinsInAnyOrderOfEntries) {
    std::vector<RouteEntry> entries = {
        entry("10.1.2.3/32", 5),
        entry("0.0.0.0/0", 1),
        entry("10.1.2.0/24", 4),
        entry("10.0.0.0/8", 2),
        entry("10.1.0.0/16", 3),
        entry("10.1.2.128/25", 6),
        entry("::/0", 7),
        entry("2001:db8::/32", 8),
        entry("2001:db8::1/128", 9),
        entry("2001:db8:0:1::/64", 10),
    };
    for (int turn = 0; turn < 2; ++turn) {
        expect_lookups(ForwardTable(entries),
                       {{"11.0.0.1", RouteKind::kForward, 1},
                        {"10.9.0.1", RouteKind::kForward, 2},
                        {"10.1.9.1", RouteKind::kForward, 3},
                        {"10.1.2.2", RouteKind::kForward, 4},
                        {"10.1.2.3", RouteKind::kForward, 5},
                        {"10.1.2.4", RouteKind::kForward, 4},
                        {"10.1.2.128", RouteKind::kForward, 6},
                        {"10.1.3.3", RouteKind::kForward, 3},
                        {"2002::1", RouteKind::kForward, 7},
                        {"2001:db8::2", RouteKind::kForward, 8},
                        {"2001:db8::1", RouteKind::kForward, 9},
                        {"2001:db8:0:1::1", RouteKind::kForward, 10}});
        std::reverse(entries.begin(), entries.end());
    }
}

TEST(ForwardTableTest, LaterEntryOfTheSamePrefixWins) {
    const std::vector<RouteEntry> entries = {entry("10.0.0.0/8", 1), entry("10.0.0.0/8", 2)};
    expect_lookups(ForwardTable(entries), {{"10.0.0.1", RouteKind::kForward, 2}});
}

// Linear search over all entries, as the oracle.
std::uint16_t search(const std::vector<RouteEntry>& entries, const IpAddress& key) {
    int best = -1;
    std::uint16_t port = dataplane::kNoPort;
    for (const RouteEntry& candidate : entries) {
        if (candidate.prefix.length >= best && candidate.prefix.contains(key)) {
            best = candidate.prefix.length;
            port = candidate.route.port;
        }
    }
    return port;
}

void compare_with_oracle(Family family, std::uint32_t seed) {
    std::mt19937 random(seed);
    // Few distinct bytes, so that prefixes nest and lookups hit.
    const auto random_address = [&] {
        IpAddress result;
        result.family = family;
        for (std::size_t i = 0; i < config::address_bytes(family); ++i) {
            constexpr std::array<std::uint8_t, 4> kBytes = {0x00, 0x7F, 0x80, 0xFF};
            result.bytes[i] = kBytes[random() % kBytes.size()];
        }
        return result;
    };
    std::vector<RouteEntry> entries;
    for (std::uint16_t i = 0; i < 300; ++i) {
        const auto length =
            static_cast<std::uint8_t>(random() % (config::address_bits(family) + 1));
        const IpPrefix random_prefix{random_address(), length};
        entries.push_back({{random_prefix.first(), length}, {RouteKind::kForward, true, i, {}}});
    }
    const ForwardTable table(entries);
    for (int i = 0; i < 2000; ++i) {
        IpAddress key = random_address();
        if (i % 2 == 0) {
            key = i % 4 == 0 ? entries[random() % entries.size()].prefix.first()
                             : entries[random() % entries.size()].prefix.last();
        }
        ASSERT_EQ(table.lookup(family, key.bytes.data()).port, search(entries, key))
            << key.to_string() << " seed " << seed;
    }
}

TEST(ForwardTableTest, AgreesWithLinearSearch) {
    for (std::uint32_t seed = 0; seed < 10; ++seed) {
        compare_with_oracle(Family::kIpv4, seed);
        compare_with_oracle(Family::kIpv6, seed);
    }
}

dataplane::Topology two_ports() {
    dataplane::Topology topology;
    topology.ports.resize(2);
    topology.ports[0].name = "lan";
    topology.ports[0].addresses = {
        prefix("10.0.0.254/24"), prefix("2001:db8::fe/64"), prefix("fe80::fe/64")};
    topology.ports[1].name = "wan";
    topology.ports[1].addresses = {prefix("10.0.1.0/31"), prefix("fe80::fd/64")};
    return topology;
}

TEST(TopologyTest, RoutesComeFromAddressesAndTheFile) {
    const auto routes = dataplane::make_routes(two_ports(),
                                               {{prefix("0.0.0.0/0"), address("10.0.1.1"), ""},
                                                {prefix("10.0.0.0/24"), address("10.0.1.1"), ""},
                                                {prefix("::/0"), address("fe80::1"), "wan"},
                                                {prefix("172.16.0.0/12"), {}, "wan"}});
    ASSERT_TRUE(routes.ok());
    const ForwardTable table(*routes);
    expect_lookups(table,
                   {{"10.0.0.254", RouteKind::kLocal, 0},
                    {"10.0.0.1", RouteKind::kForward, 0},
                    {"10.0.0.255", RouteKind::kBroadcast, 0},
                    {"10.0.0.0", RouteKind::kBroadcast, 0},
                    {"10.0.1.0", RouteKind::kLocal, 1},
                    {"10.0.1.1", RouteKind::kForward, 1},
                    {"8.8.8.8", RouteKind::kForward, 1},
                    {"172.16.3.4", RouteKind::kForward, 1},
                    {"2001:db8::fe", RouteKind::kLocal, 0},
                    {"2001:db8::1", RouteKind::kForward, 0},
                    {"fe80::fd", RouteKind::kLocal, 1},
                    {"2001:db9::1", RouteKind::kForward, 1}});
    const Route& by_gateway = table.lookup_v4(address("8.8.8.8").bytes.data());
    EXPECT_FALSE(by_gateway.on_link);
    EXPECT_EQ(by_gateway.gateway, address("10.0.1.1"));
    EXPECT_TRUE(table.lookup_v4(address("172.16.3.4").bytes.data()).on_link);
}

struct BadRouteRow {
    const char* expected;
    config::RouteConfig route;
};

TEST(TopologyTest, BadRoutesAreNamed) {
    const std::vector<BadRouteRow> rows = {
        {"there is no port \"dmz\"", {prefix("0.0.0.0/0"), {}, "dmz"}},
        {"expected \"via\", \"port\" or both", {prefix("0.0.0.0/0"), {}, ""}},
        {"the other address family", {prefix("::/0"), address("10.0.1.1"), ""}},
        {"no port has an address in the network of the next hop 10.9.9.9",
         {prefix("0.0.0.0/0"), address("10.9.9.9"), ""}},
        {"name the port", {prefix("::/0"), address("fe80::1"), ""}},
    };
    for (const BadRouteRow& row : rows) {
        const auto routes = dataplane::make_routes(two_ports(), {row.route});
        ASSERT_FALSE(routes.ok());
        EXPECT_EQ(routes.error().code, config::ErrorCode::kGatewayFile);
        EXPECT_NE(routes.error().text.find(row.expected), std::string::npos) << routes.error().text;
    }
}

TEST(TopologyTest, LinkLocalAddressIsModifiedEui64) {
    EXPECT_EQ(dataplane::link_local_address({{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}}),
              address("fe80::11:22ff:fe33:4455"));
}

}  // namespace
