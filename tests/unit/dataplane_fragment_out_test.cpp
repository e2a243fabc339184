#include "dataplane/fragment_out.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using tests::Bytes;
using tests::Packet;

class FragmentOutTest : public ::testing::Test {
  protected:
    ~FragmentOutTest() override { EXPECT_EQ(pool_.in_use(), 0U); }

    std::vector<Bytes> fragments_of(rte_mbuf* packet, std::uint16_t mtu) {
        EXPECT_EQ(dataplane::parse(packet, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        const dataplane::FragmentsOut out = dataplane::fragment_ipv4(packet, mtu, pool_.get());
        std::vector<Bytes> frames;
        for (std::size_t i = 0; i < out.count; ++i) {
            frames.push_back(tests::FakePool::bytes_of(out.packets[i]));
            rte_pktmbuf_free(out.packets[i]);
        }
        rte_pktmbuf_free(packet);
        return frames;
    }

    tests::FakePool pool_{64};
};

Packet base() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(77);
}
Bytes payload_of(const Bytes& frame, std::size_t header, std::size_t at, std::size_t length) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(14 + header + at);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

TEST_F(FragmentOutTest, CutsAtMultiplesOfEight) {
    const Bytes whole = base().udp(1, 2).payload(52).bytes();  // 60 bytes behind the IP header
    const std::vector<Bytes> expected = {
        base().fragment(0, true).protocol(17).payload(payload_of(whole, 20, 0, 24)).bytes(),
        base().fragment(24, true).protocol(17).payload(payload_of(whole, 20, 24, 24)).bytes(),
        base().fragment(48, false).protocol(17).payload(payload_of(whole, 20, 48, 12)).bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 44), expected);
    EXPECT_EQ(fragments_of(pool_.make(whole), 51), expected) << "31 bytes of room hold 24";
}

TEST_F(FragmentOutTest, CutsAFragmentFurther) {
    const Bytes whole = base().fragment(160, true).protocol(17).payload(32).bytes();
    const std::vector<Bytes> expected = {
        base().fragment(160, true).protocol(17).payload(payload_of(whole, 20, 0, 24)).bytes(),
        base().fragment(184, true).protocol(17).payload(payload_of(whole, 20, 24, 8)).bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 44), expected);
}

TEST_F(FragmentOutTest, CopiesOnlyOptionsWithTheCopiedFlag) {
    // Record route (7) stays with the first, router alert (148) goes with all; NOP is dropped.
    const Bytes all_options{7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};
    const Bytes whole = base().options(all_options).udp(1, 2).payload(24).bytes();
    const std::vector<Bytes> expected = {
        base()
            .options(all_options)
            .fragment(0, true)
            .protocol(17)
            .payload(payload_of(whole, 32, 0, 24))
            .bytes(),
        base()
            .options({148, 4, 0, 0})
            .fragment(24, false)
            .protocol(17)
            .payload(payload_of(whole, 32, 24, 8))
            .bytes(),
    };
    EXPECT_EQ(fragments_of(pool_.make(whole), 56), expected);
}

TEST_F(FragmentOutTest, ReadsPayloadAcrossSegments) {
    const Bytes whole = base().udp(1, 2).payload(200).bytes();
    EXPECT_EQ(fragments_of(pool_.make_segmented(whole, 50), 100),
              fragments_of(pool_.make(whole), 100));
}

TEST_F(FragmentOutTest, GivesNothingWhenBuffersRunOut) {
    const Bytes whole = base().udp(1, 2).payload(1000).bytes();
    std::vector<rte_mbuf*> hoard;
    while (pool_.in_use() < 61) {
        hoard.push_back(pool_.make(whole));
    }
    EXPECT_TRUE(fragments_of(pool_.make(whole), 300).empty());
    for (rte_mbuf* mbuf : hoard) {
        rte_pktmbuf_free(mbuf);
    }
}

TEST_F(FragmentOutTest, GivesNothingWhenTheHeaderLeavesNoRoom) {
    EXPECT_TRUE(fragments_of(pool_.make(base().udp(1, 2).payload(40).bytes()), 27).empty());
}

}  // namespace
