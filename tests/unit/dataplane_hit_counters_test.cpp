#include "dataplane/hit_counters.h"

#include <gtest/gtest.h>

namespace {

using dataplane::HitCounters;

TEST(HitCounters, CountsPacketsAndBytesOfASlot) {
    HitCounters hits;
    hits.reserve(HitCounters::kChunkSlots + 1);
    hits.add(0, 1, 60);
    hits.add(HitCounters::kChunkSlots, 2, 120);
    hits.add(HitCounters::kChunkSlots, 3, 180);
    EXPECT_EQ(hits.read(0).packets, 1U);
    EXPECT_EQ(hits.read(HitCounters::kChunkSlots).packets, 5U);
    EXPECT_EQ(hits.read(HitCounters::kChunkSlots).bytes, 300U);
}

TEST(HitCounters, GrowingKeepsWhatWasCounted) {
    HitCounters hits;
    hits.reserve(1);
    hits.add(0, 1, 60);
    hits.reserve(3 * HitCounters::kChunkSlots);
    EXPECT_EQ(hits.read(0).packets, 1U);
}

TEST(HitCounters, ASlotNobodyReservedReadsZero) {
    const HitCounters hits;
    EXPECT_EQ(hits.read(0).packets, 0U);
    EXPECT_EQ(hits.read(0xFFFFFFFF).packets, 0U);
}

}  // namespace
