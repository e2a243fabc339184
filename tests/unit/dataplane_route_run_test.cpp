// Packets of a burst go where route_packet() sends each of them alone, whatever went before.
#include "dataplane/parse.h"
#include "dataplane/route_run.h"
#include "tests/support/pipeline_harness.h"

#include <gtest/gtest.h>

#include <tuple>

namespace {

using dataplane::PacketMeta;
using tests::FakePool;
using tests::kLan;
using tests::kPairA;
using tests::kWan;
using tests::Packet;

struct Row {
    const char* source;
    const char* destination;
    std::uint16_t in_port;
};

// Each differs from the one before it in one respect, or in none.
constexpr Row kBurst[] = {
    {"10.0.1.254", "10.0.1.1", kLan},
    {"10.0.1.254", "10.0.1.1", kLan},
    {"10.0.1.254", "10.0.0.1", kLan},
    {"10.0.0.254", "10.0.0.1", kLan},
    {"10.0.0.254", "192.168.7.7", kLan},
    {"10.0.0.254", "192.168.7.8", kLan},
    {"10.0.0.254", "203.0.113.1", kLan},  // no route
    {"10.0.0.254", "203.0.113.1", kLan},
    {"10.9.9.9", "192.168.7.8", kLan},  // not an address of the gateway
    {"10.0.0.254", "192.168.7.8", kLan},
    {"2001:db8::fe", "2001:db8::1", kLan},
    {"2001:db8::fe", "2001:db8::1", kLan},
    {"2001:db8::fe", "2001:db8:1::1", kLan},
    {"fe80::fe", "fe80::1", kLan},
    {"fe80::fe", "fe80::1", kWan},  // the link is the one it came from
    {"10.0.0.254", "224.0.0.5", kWan},
    {"10.0.0.254", "10.0.0.1", kWan},
    {"10.0.0.254", "10.0.0.1", kLan},
};

// What the route stage decides.
auto decision(const PacketMeta& meta) {
    return std::tuple(meta.direction,
                      meta.delivery,
                      meta.to_group,
                      meta.out_port,
                      meta.connection_bits,
                      meta.next_hop);
}

TEST(RouteRun, RoutesEachPacketOfABurstAsIfItWereAlone) {
    const tests::Site site = tests::default_site();
    const dataplane::ForwardTable routes(
        dataplane::make_routes(site.topology, site.routes).value());
    FakePool pool(4);
    dataplane::RouteRun run(routes, site.topology);
    for (const Row& row : kBurst) {
        SCOPED_TRACE(testing::Message() << row.source << " to " << row.destination);
        const bool v4 = std::string_view(row.source).find(':') == std::string_view::npos;
        Packet packet;
        packet.eth();
        (v4 ? packet.ipv4(row.source, row.destination) : packet.ipv6(row.source, row.destination))
            .udp(7, 9)
            .payload(8);
        std::array<rte_mbuf*, 2> mbufs{};
        for (rte_mbuf*& mbuf : mbufs) {
            mbuf = pool.make(packet.bytes());
            dataplane::meta_of(mbuf).origin = dataplane::Origin::kGateway;
            dataplane::meta_of(mbuf).in_port = row.in_port;
            ASSERT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next,
                      dataplane::ParseNext::kIp);
        }
        const auto expected = dataplane::route_packet(mbufs[0], routes, site.topology);
        EXPECT_EQ(run.route(mbufs[1]), expected);
        if (!expected) {
            EXPECT_EQ(decision(dataplane::meta_of(mbufs[1])),
                      decision(dataplane::meta_of(mbufs[0])));
        }
        std::for_each(mbufs.begin(), mbufs.end(), rte_pktmbuf_free);
    }
}

}  // namespace
