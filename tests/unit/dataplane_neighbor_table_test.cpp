#include "dataplane/neighbor_table.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using dataplane::Neighbor;
using dataplane::NeighborTable;
using tests::address;

const config::MacAddress* find(const NeighborTable& table,
                               std::uint16_t port,
                               const config::IpAddress& key) {
    return table.find(port, key.family, key.bytes.data());
}

TEST(NeighborTableTest, EmptyTableFindsNothing) {
    EXPECT_EQ(find(NeighborTable({}), 0, address("10.0.0.1")), nullptr);
}

TEST(NeighborTableTest, KeyIsPortFamilyAndAddress) {
    const std::vector<Neighbor> neighbors = {{0, address("10.0.0.1"), {{1}}},
                                             {1, address("10.0.0.1"), {{2}}},
                                             {0, address("a00:1::"), {{3}}},
                                             {0, address("fe80::1"), {{4}}}};
    const NeighborTable table(neighbors);
    for (const Neighbor& neighbor : neighbors) {
        ASSERT_NE(find(table, neighbor.port, neighbor.address), nullptr);
        EXPECT_EQ(*find(table, neighbor.port, neighbor.address), neighbor.mac);
    }
    EXPECT_EQ(find(table, 1, address("fe80::1")), nullptr);
    EXPECT_EQ(find(table, 0, address("10.0.0.2")), nullptr);
}

TEST(NeighborTableTest, LaterEntryReplacesAnEarlierOne) {
    const std::vector<Neighbor> neighbors = {{0, address("10.0.0.1"), {{1}}},
                                             {0, address("10.0.0.1"), {{2}}}};
    EXPECT_EQ(find(NeighborTable(neighbors), 0, address("10.0.0.1"))->bytes[0], 2);
}

TEST(NeighborTableTest, FindsEachOfManyAndNoOther) {
    std::vector<Neighbor> neighbors;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        neighbors.push_back({static_cast<std::uint16_t>(i % 3),
                             config::IpAddress::v4(0x0A000000 + i),
                             {{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)}}});
    }
    const NeighborTable table(neighbors);
    for (const Neighbor& neighbor : neighbors) {
        ASSERT_NE(find(table, neighbor.port, neighbor.address), nullptr);
        ASSERT_EQ(*find(table, neighbor.port, neighbor.address), neighbor.mac);
        ASSERT_EQ(find(table, 3, neighbor.address), nullptr);
    }
}

}  // namespace
