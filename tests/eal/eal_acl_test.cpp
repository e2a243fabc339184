// rte_acl against the ordered scan on a million random packets: both are built from the same rule
// set, and every verdict must be the same, row and action, inbound and outbound. A sample is also
// compared with config::first_match, which shares no code with either.
#include "config/rule_match.h"
#include "dataplane/acl_engine.h"
#include "dataplane/filter_table.h"
#include "tests/support/parsed_packet.h"
#include "tests/support/random_rules.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace {

using config::Family;
using dataplane::FilterEngine;
using dataplane::FilterTable;
using dataplane::kBurst;
using dataplane::kNoRow;

constexpr unsigned kPacketsPerTable = 100'000;  // ten tables: a million
constexpr unsigned kSampledBurst = 64;          // every 64th burst also asks first_match

struct Shape {
    Family family;
    std::size_t rows;
    bool connection_types;
};

std::string name_of(const testing::TestParamInfo<Shape>& info) {
    return std::string(info.param.family == Family::kIpv4 ? "v4_" : "v6_")
           + std::to_string(info.param.rows);
}

std::unique_ptr<const FilterTable> build(const config::RuleSet& set, FilterEngine engine) {
    std::vector<std::uint32_t> slots(set.filters.size());
    std::iota(slots.begin(), slots.end(), 0U);
    auto table = FilterTable::build(set, slots, {}, engine);
    EXPECT_TRUE(table.ok()) << table.error().text;
    return table.ok() ? std::move(table).value() : nullptr;
}

std::uint32_t expected_row(const config::RuleSet& set, const config::MatchInput& packet) {
    const config::RuleRow* row = config::first_match(set, packet);
    return row == nullptr ? kNoRow : static_cast<std::uint32_t>(row - set.rows.data());
}

class AclAgainstScan : public testing::TestWithParam<Shape> {};

TEST_P(AclAgainstScan, EveryVerdictIsEqual) {
    const Shape shape = GetParam();
    tests::Random random(shape.rows + static_cast<std::uint64_t>(shape.family));
    const config::RuleSet set = tests::random_rule_set(
        {.family = shape.family, .rows = shape.rows, .connection_types = shape.connection_types},
        random);
    const auto scan = build(set, FilterEngine::kScan);
    const auto began = std::chrono::steady_clock::now();
    const auto acl = build(set, FilterEngine::kAcl);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    ASSERT_NE(scan, nullptr);
    ASSERT_NE(acl, nullptr);
    ASSERT_EQ(acl->engine(shape.family), FilterEngine::kAcl);

    std::vector<tests::ParsedPacket> by_scan(kBurst);
    std::vector<tests::ParsedPacket> by_acl(kBurst);
    std::array<rte_mbuf*, kBurst> scan_burst{};
    std::array<rte_mbuf*, kBurst> acl_burst{};
    std::array<config::MatchInput, kBurst> inputs;
    unsigned hits = 0;
    for (unsigned done = 0; done < kPacketsPerTable; done += kBurst) {
        for (std::size_t i = 0; i < kBurst; ++i) {
            inputs[i] = tests::random_packet(set, shape.family, random);
            by_scan[i].set(inputs[i]);
            by_acl[i].set(inputs[i]);
            scan_burst[i] = by_scan[i].mbuf();
            acl_burst[i] = by_acl[i].mbuf();
        }
        scan->lookup(scan_burst);
        acl->lookup(acl_burst);
        for (std::size_t i = 0; i < kBurst; ++i) {
            const std::uint32_t row = by_acl[i].row();
            ASSERT_EQ(row, by_scan[i].row())
                << inputs[i].source.to_string() << " -> " << inputs[i].destination.to_string()
                << " protocol " << int{inputs[i].protocol} << " ports " << inputs[i].source_port
                << " " << inputs[i].destination_port;
            if (row != kNoRow) {
                ++hits;
                ASSERT_EQ(acl->row(row).inbound, set.rows[row].inbound);
                ASSERT_EQ(acl->row(row).outbound, set.rows[row].outbound);
                ASSERT_EQ(scan->row(row).inbound, acl->row(row).inbound);
                ASSERT_EQ(scan->row(row).outbound, acl->row(row).outbound);
            }
            if (done % (kBurst * kSampledBurst) == 0) {
                ASSERT_EQ(row, expected_row(set, inputs[i]));
            }
        }
    }
    EXPECT_GT(hits, kPacketsPerTable / 2);
    std::printf("%zu rows: built in %.2f s, %u packets, %u matched\n",
                shape.rows,
                took.count(),
                kPacketsPerTable,
                hits);
}

INSTANTIATE_TEST_SUITE_P(RandomTables,
                         AclAgainstScan,
                         testing::Values(Shape{Family::kIpv4, 10, true},
                                         Shape{Family::kIpv4, 100, true},
                                         Shape{Family::kIpv4, 1000, true},
                                         Shape{Family::kIpv4, 5000, true},
                                         Shape{Family::kIpv4, 20000, false},
                                         Shape{Family::kIpv6, 10, true},
                                         Shape{Family::kIpv6, 100, true},
                                         Shape{Family::kIpv6, 1000, true},
                                         Shape{Family::kIpv6, 5000, true},
                                         Shape{Family::kIpv6, 20000, false}),
                         name_of);

// A block list: each host as a source and, by its mirror, as a destination. In one trie the two
// sides multiply, to gigabytes at this size.
TEST(AclEngine, KeepsTheTwoSidesOfABlockListApart) {
    constexpr std::uint32_t kHosts = 4000;
    config::RuleSet set;
    set.rules.resize(1);
    set.filters.resize(kHosts);
    for (std::uint32_t i = 0; i < kHosts; ++i) {
        config::RuleRow row;
        row.filter = i;
        row.source_first = row.source_last = config::IpAddress::v4(0x0A000000U + i * 977U);
        row.destination_last = config::IpAddress::v4(0xFFFFFFFFU);
        set.rows.push_back(row);
        std::swap(row.source_first, row.destination_first);
        std::swap(row.source_last, row.destination_last);
        row.mirror = true;
        set.rows.push_back(row);
    }
    std::vector<std::uint32_t> order(set.rows.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto engine = dataplane::AclEngine::build(set, order);
    ASSERT_TRUE(engine.ok()) << engine.error().text;
    EXPECT_EQ((*engine)->shapes(), 2U);

    // Host 3 to host 2: the mirror of host 2's filter comes before host 3's own.
    dataplane::KeyV4 key;
    config::store(key.source.data(), config::be32(0x0A000000U + 3U * 977U));
    config::store(key.destination.data(), config::be32(0x0A000000U + 2U * 977U));
    std::uint32_t found = kNoRow;
    (*engine)->search(std::span(&key, 1), &found);
    EXPECT_EQ(found, 5U);
}

}  // namespace
