// Device strings: every kind of device opens, starts, stops and goes; a bad one gets one clear
// line.
#include "dataplane/dataplane.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "tests/eal/eal_environment.h"
#include "tests/support/packet_builder.h"

#include <rte_ethdev.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using dataplane::Port;

class PortTest : public testing::Test {
  protected:
    PortTest() : pool_(dataplane::make_packet_pool(name(), 4096, 1500).value()) {
        std::filesystem::create_directories(directory_);
    }
    ~PortTest() override { std::filesystem::remove_all(directory_); }
    PortTest(const PortTest&) = delete;
    PortTest& operator=(const PortTest&) = delete;

    static std::string name() {
        static unsigned next = 0;
        return fmt::format("port_test_{}", next++);
    }
    [[nodiscard]] config::Result<std::unique_ptr<Port>> open(config::PortConfig config,
                                                             std::uint16_t tx_queues = 1) const {
        config.name = "wan";
        return Port::open(config, {.rx = config.rx_queues, .tx = tx_queues, .pool = pool_.get()});
    }
    [[nodiscard]] config::Result<std::unique_ptr<Port>> open(const std::string& device) const {
        config::PortConfig config;
        config.device = device;
        return open(config);
    }
    [[nodiscard]] std::string file(const char* name) const { return directory_ + "/" + name; }

    std::string directory_ = fmt::format("{}pc-port-test-{}", testing::TempDir(), getpid());
    dataplane::PacketPool pool_;
};

void write_pcap(const std::string& path, const std::vector<tests::Bytes>& frames) {
    std::ofstream out(path, std::ios::binary);
    const auto put = [&](std::uint32_t value, std::streamsize size = 4) {
        out.write(reinterpret_cast<const char*>(&value), size);
    };
    put(0xA1B2C3D4);
    put(2, 2);
    put(4, 2);
    put(0);
    put(0);
    put(65535);
    put(1);  // Ethernet
    for (const tests::Bytes& frame : frames) {
        put(0);
        put(0);
        put(static_cast<std::uint32_t>(frame.size()));
        put(static_cast<std::uint32_t>(frame.size()));
        out.write(reinterpret_cast<const char*>(frame.data()),
                  static_cast<std::streamsize>(frame.size()));
    }
}

TEST_F(PortTest, EveryKindOfDeviceStartsStopsAndGoes) {
    write_pcap(file("in.pcap"), {tests::Packet().eth().ipv4("10.0.0.2", "10.0.0.1").bytes()});
    const bool root = geteuid() == 0;
    struct Case {
        std::string device;
        std::string driver;
        bool needs_root;
    };
    const std::vector<Case> cases = {
        {"net_null0", "net_null", false},
        {"net_ring0", "net_ring", false},
        {fmt::format("net_pcap0,rx_pcap={},tx_pcap={}", file("in.pcap"), file("out.pcap")),
         "net_pcap",
         false},
        {fmt::format("net_memif0,role=server,socket-abstract=no,socket={}", file("memif.sock")),
         "net_memif",
         false},
        {fmt::format("net_vhost0,iface={}", file("vhost.sock")), "net_vhost", false},
        {"net_tap0,iface=pctest0", "net_tap", true},
        {"net_af_packet0,iface=lo", "net_af_packet", true},
    };
    for (const Case& c : cases) {
        if (c.needs_root && !root) {
            continue;
        }
        for (int round = 0; round < 2; ++round) {  // twice: closing gave everything back
            auto port = open(c.device);
            ASSERT_TRUE(port.ok()) << port.error().text;
            ASSERT_TRUE((*port)->start().ok()) << c.device;
            EXPECT_NE((*port)->status().driver.find(c.driver), std::string::npos);
            EXPECT_NE((*port)->mac(), config::MacAddress{}) << c.device;
            EXPECT_EQ((*port)->mac().bytes[0] & 1, 0) << c.device;
            (*port)->stop();
        }
    }
    EXPECT_EQ(rte_eth_dev_count_avail(), 0);
}

TEST_F(PortTest, ABadDeviceStringGetsOneLineNamingPortAndDevice) {
    const std::vector<std::string> devices = {
        "",
        "foo",
        "net_nonsense0",
        "net_af_packet0",
        "net_af_packet0,iface=nosuchinterface",
        "net_pcap0,rx_pcap=/nonexistent/in.pcap",
        "net_null0,size=abc",
        "net_null0,nosuchkey=1",
        "0000:ff:1f.7",
        "net_tap0,iface=a-name-much-too-long-for-linux",
    };
    for (const std::string& device : devices) {
        auto port = open(device);
        ASSERT_FALSE(port.ok()) << device;
        const std::string& text = port.error().text;
        EXPECT_EQ(port.error().code, config::ErrorCode::kDevice);
        EXPECT_NE(text.find("port \"wan\""), std::string::npos) << text;
        EXPECT_NE(text.find(fmt::format("device \"{}\"", device)), std::string::npos) << text;
        EXPECT_EQ(text.find('\n'), std::string::npos) << text;
        std::printf("  %s\n", text.c_str());
    }
    EXPECT_EQ(rte_eth_dev_count_avail(), 0);
}

TEST_F(PortTest, TwoPortsCannotShareADevice) {
    auto first = open("net_null0");
    ASSERT_TRUE(first.ok());
    auto second = open("net_null0");
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().text.find("in use"), std::string::npos) << second.error().text;
}

TEST_F(PortTest, TooFewQueuesNameTheNumberThereIs) {
    config::PortConfig config;
    config.device = fmt::format("net_pcap0,tx_pcap={}", file("out.pcap"));
    auto port = open(config, 2);
    ASSERT_FALSE(port.ok());
    EXPECT_NE(port.error().text.find("2 workers need a transmit queue each, the device has 1"),
              std::string::npos)
        << port.error().text;
    config.device = "net_null0";
    config.rx_queues = 4000;
    port = open(config);
    ASSERT_FALSE(port.ok());
    EXPECT_NE(port.error().text.find("rx_queues = 4000"), std::string::npos) << port.error().text;
}

TEST_F(PortTest, TakesTheConfiguredAddressAndMtu) {
    config::PortConfig config;
    config.device = "net_null0";
    config.mac = config::MacAddress{{0x02, 1, 2, 3, 4, 5}};
    config.mtu = 9000;
    auto port = open(config);
    ASSERT_TRUE(port.ok()) << port.error().text;
    EXPECT_EQ((*port)->mac(), *config.mac);
    EXPECT_EQ((*port)->mtu(), 9000);
}

TEST_F(PortTest, TheAddressOfATapIsNotThatOfItsKernelEnd) {
    if (geteuid() != 0) {
        GTEST_SKIP() << "needs root";
    }
    auto port = open("net_tap0,iface=pctest0");
    ASSERT_TRUE(port.ok()) << port.error().text;
    std::ifstream file("/sys/class/net/pctest0/address");
    rte_ether_addr kernel{};
    ASSERT_EQ(rte_eth_macaddr_get((*port)->device_id(), &kernel), 0);
    EXPECT_NE(std::memcmp(kernel.addr_bytes, (*port)->mac().bytes.data(), 6), 0);
}

TEST(PciAddress, IsRecognisedInADeviceString) {
    EXPECT_EQ(dataplane::pci_address_of("0000:03:00.0"), "0000:03:00.0");
    EXPECT_EQ(dataplane::pci_address_of("03:00.0,rx-burst=1"), "0000:03:00.0");
    EXPECT_EQ(dataplane::pci_address_of("net_null0"), "");
    EXPECT_EQ(dataplane::pci_address_of(""), "");
}

TEST(PacketPool, GrowsItsBuffersOnlyForALargeMtu) {
    const auto small = dataplane::make_packet_pool("mtu_small", 64, 1500).value();
    const auto large = dataplane::make_packet_pool("mtu_large", 64, 9216).value();
    EXPECT_EQ(rte_pktmbuf_data_room_size(small.get()), 2048 + RTE_PKTMBUF_HEADROOM);
    EXPECT_GE(rte_pktmbuf_data_room_size(large.get()) - RTE_PKTMBUF_HEADROOM,
              9216 + 14 + 8 + 4 + dataplane::kPacketTailroom);
    EXPECT_EQ(rte_pktmbuf_priv_size(small.get()), sizeof(dataplane::PacketMeta));
}

// What net_af_xdp shares with the kernel is as long as the buffers are without gaps: one beyond its
// end is lost when it is sent, and never comes back.
TEST(PacketPool, LeavesNoGapsBetweenItsBuffers) {
    const auto pool = dataplane::make_packet_pool("gaps", 2047, 1500).value();
    ASSERT_EQ(pool->nb_mem_chunks, 1U);
    const auto* begin = static_cast<const std::byte*>(STAILQ_FIRST(&pool->mem_list)->addr);
    const std::size_t object = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
    const std::byte* end = begin + pool->populated_size * object;
    std::vector<rte_mbuf*> all;
    std::size_t outside = 0;
    while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get())) {
        const auto* address = reinterpret_cast<const std::byte*>(mbuf);
        outside += address < begin || address + pool->elt_size > end ? 1U : 0U;
        all.push_back(mbuf);
    }
    EXPECT_EQ(all.size(), 2047U);
    EXPECT_EQ(outside, 0U);
    rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
}

TEST(PacketPool, SaysHowMuchMemoryItWants) {
    const auto pool = dataplane::make_packet_pool("mtu_huge", 400'000, 9216);
    ASSERT_FALSE(pool.ok());
    EXPECT_NE(pool.error().text.find("memory_mb"), std::string::npos) << pool.error().text;
}

TEST(PacketPool, GivesEveryLargeBufferToWhoeverAsks) {
    const auto pool = dataplane::make_large_pool("large").value();
    EXPECT_EQ(rte_pktmbuf_priv_size(pool.get()), sizeof(dataplane::PacketMeta));
    std::vector<rte_mbuf*> all;
    while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get())) {
        EXPECT_GE(rte_pktmbuf_headroom(mbuf), dataplane::kPacketHeadroom);
        EXPECT_NE(rte_pktmbuf_append(mbuf, dataplane::kMaxReassembled + 14), nullptr);
        EXPECT_GE(rte_pktmbuf_tailroom(mbuf), dataplane::kPacketTailroom);
        all.push_back(mbuf);
    }
    EXPECT_EQ(all.size(), dataplane::kLargePackets);
    rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
}

// pcap in, pcap out through the worker: the file holds exactly what the pipeline sent.
TEST_F(PortTest, ForwardsACaptureThroughTheWorker) {
    std::vector<tests::Bytes> frames;
    const config::MacAddress mac{{0x02, 0, 0, 0, 0, 0x11}};
    for (std::uint16_t i = 0; i < 100; ++i) {
        frames.push_back(tests::Packet()
                             .eth(tests::kHostMac, mac)
                             .ipv4("10.0.0.2", "10.0.1.2")
                             .udp(i, 53)
                             .payload(30)
                             .bytes());
    }
    write_pcap(file("in.pcap"), frames);
    config::GatewayConfig config;
    config.mbufs = 4096;
    config.ports.resize(2);
    config.ports[0].name = "lan";
    config.ports[0].device = fmt::format("net_pcap0,rx_pcap={}", file("in.pcap"));
    config.ports[0].mac = mac;
    config.ports[0].addresses = {config::IpPrefix::parse("10.0.0.1/24").value()};
    config.ports[1].name = "wan";
    config.ports[1].device = fmt::format("net_pcap1,tx_pcap={}", file("out.pcap"));
    config.ports[1].addresses = {config::IpPrefix::parse("10.0.1.1/24").value()};
    auto opened = dataplane::Dataplane::open(config, tests::eal());
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    dataplane::Dataplane& gateway = **opened;
    const std::vector<dataplane::Neighbor> neighbors = {
        {1, config::IpAddress::parse("10.0.1.2").value(), tests::kPeerMac}};
    auto snapshot = std::make_unique<dataplane::Snapshot>();
    snapshot->filters = dataplane::FilterTable::build({}, {}, {}).value();
    snapshot->routes = std::make_shared<dataplane::ForwardTable>(
        dataplane::make_routes(gateway.topology(), {}).value());
    snapshot->neighbors = std::make_shared<dataplane::NeighborTable>(neighbors);
    ASSERT_TRUE(gateway.start(std::move(snapshot)).ok());
    const dataplane::WorkerCounters& counters = gateway.worker_counters(0);
    while (counters.ports[1].tx_packets.read() < frames.size()) {
        std::this_thread::yield();
    }
    gateway.stop();
    EXPECT_EQ(counters.ports[0].rx_packets.read(), frames.size());
    opened->reset();  // closes the file
    std::uintmax_t expected = 24;
    for (const tests::Bytes& frame : frames) {
        expected += 16 + frame.size();
    }
    EXPECT_EQ(std::filesystem::file_size(file("out.pcap")), expected);
}

TEST(Dataplane, WithoutPortsIsRefused) {
    const auto opened = dataplane::Dataplane::open({}, tests::eal());
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().text.find("0 ports"), std::string::npos) << opened.error().text;
}

}  // namespace
