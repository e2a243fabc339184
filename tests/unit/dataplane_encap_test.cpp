#include "dataplane/encap.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/ipsec_oracle.h"
#include "tests/support/packet_builder.h"
#include "tests/support/sa_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

namespace {

using config::Family;
using config::IpsecProtocol;
using config::SaMode;
using config::SaSpec;
using dataplane::Direction;
using dataplane::DropReason;
using dataplane::EspPayload;
using dataplane::IpsecCheck;
using dataplane::IpsecHeader;
using dataplane::IpsecWork;
using dataplane::PacketMeta;
using dataplane::Sa;
using tests::Bytes;
using tests::Packet;

// Without a cipher every byte in front of the ICV is known; the ICV is 12 bytes, here zeros.
constexpr crypto::testing::Suite kPlain = {config::Cipher::kNone, config::Hash::kSha1};
constexpr std::size_t kIcv = 12;
constexpr std::uint64_t kSequence = 9;

Bytes tail(const Bytes& frame, std::size_t at) {
    return {frame.begin() + static_cast<std::ptrdiff_t>(at), frame.end()};
}

void append(Bytes& to, const Bytes& bytes) {
    // Not insert(): gcc 12 sees bounds crossed in it that are not.
    std::copy(bytes.begin(), bytes.end(), std::back_inserter(to));
}

// RFC 4303 2, by hand.
Bytes esp(const Bytes& payload, std::uint8_t next_header) {
    Bytes bytes{0x12, 0x34, 0x56, 0x78, 0, 0, 0, kSequence};
    append(bytes, payload);
    std::uint8_t padding = 0;
    while ((bytes.size() + 2) % 4 != 0) {
        bytes.push_back(++padding);
    }
    append(bytes, {padding, next_header});
    append(bytes, Bytes(kIcv, 0));
    return bytes;
}

// RFC 4302 2: 24 bytes are six words, of which two are not counted.
Bytes ah(const Bytes& payload, std::uint8_t next_header) {
    Bytes bytes{next_header, 4, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, kSequence};
    append(bytes, Bytes(kIcv, 0));
    append(bytes, payload);
    return bytes;
}

SaSpec esp_sa() {
    return tests::sa_spec(kPlain);
}
SaSpec ah_sa() {
    return tests::sa_spec(kPlain, IpsecProtocol::kAh);
}
SaSpec over_v4(const SaSpec& spec) {
    return tests::tunnel(spec, "192.0.2.1", "192.0.2.2");
}
SaSpec over_v6(const SaSpec& spec) {
    return tests::tunnel(spec, "2001:db8:9::1", "2001:db8:9::2");
}
SaSpec in_udp(SaSpec spec) {
    spec.encapsulation = config::UdpEncapsulation{4501, 4500};
    return spec;
}

Packet plain_v4() {
    return Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(77);
}
Packet plain_v6() {
    return Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}
Packet chain_v6() {
    return plain_v6().hop_by_hop().destination_options();
}
// The headers of a tunnel for sequence number 9.
Packet outer_v4() {
    return Packet().eth().ipv4("192.0.2.1", "192.0.2.2").id(0x68B5);
}
Packet outer_v6() {
    return Packet()
        .eth()
        .ipv6("2001:db8:9::1", "2001:db8:9::2")
        .poke(15, 0x05)
        .poke(16, 0x75)
        .poke(17, 0x3D);
}

// `payload` is what ESP or AH covers of `plain`; in `shielded` its header stands at `at`.
struct Row {
    const char* name;
    SaSpec spec;
    Bytes plain;
    Bytes shielded;
    std::size_t at;
    Bytes payload;
    std::uint8_t next_header;
};

enum Inside : std::uint8_t { kV4 = 4, kTcp = 6, kUdp = 17, kV6 = 41 };

Row transport(const char* name,
              const SaSpec& spec,
              const Packet& plain,
              Packet front,
              std::size_t l4,
              Inside next) {
    const Bytes frame = plain.bytes();
    const Bytes payload = tail(frame, l4);
    const bool udp = spec.encapsulation.has_value();
    const bool is_ah = spec.protocol == IpsecProtocol::kAh;
    const Bytes inserted = is_ah ? ah(payload, next) : esp(payload, next);
    Packet shielded = udp ? front.udp(4501, 4500) : front.protocol(is_ah ? 51 : 50);
    shielded.payload(inserted);
    if (udp && frame[12] == 0x08) {
        shielded.poke(l4 + 6, 0).poke(l4 + 7, 0);  // RFC 3948 2.1
    }
    return {name, spec, frame, shielded.bytes(), udp ? l4 + 8 : l4, payload, next};
}

Row tunnel(
    const char* name, const SaSpec& spec, const Packet& plain, const Packet& front, Inside next) {
    // To the headers, a tunnel is transport of the whole packet behind another header.
    const bool v4 = spec.source.family == Family::kIpv4;
    const Bytes frame = plain.bytes();
    Packet whole = front;
    whole.protocol(next).payload(tail(frame, 14));
    Row row = transport(name, spec, whole, front, v4 ? 34 : 54, next);
    row.plain = frame;
    return row;
}

std::vector<Row> rows() {
    const Packet options = plain_v4().options({148, 4, 0, 0});
    const Packet tcp4 = plain_v4().tcp(1000, 80).payload(9);
    const Packet tcp6 = plain_v6().tcp(1000, 80).payload(10);
    // Its second byte is no length (RFC 8200 4.5: reserved, ignored).
    const Packet atomic = plain_v6().fragment6(0, false, 5).poke(55, 7).destination_options();
    return {
        transport(
            "EspOverIpv4", esp_sa(), Packet(options).udp(1, 2).payload(11), options, 38, kUdp),
        transport("EspOverIpv6", esp_sa(), chain_v6().tcp(1, 2).payload(8), chain_v6(), 70, kTcp),
        transport("EspOverBareIpv6", esp_sa(), tcp6, plain_v6(), 54, kTcp),
        transport("EspBehindAnAtomicFragmentHeader",
                  esp_sa(),
                  Packet(atomic).udp(1, 2).payload(8),
                  atomic,
                  70,
                  kUdp),
        transport("AhOverIpv4", ah_sa(), Packet(options).udp(1, 2).payload(11), options, 38, kUdp),
        transport("AhOverIpv6", ah_sa(), chain_v6().tcp(1, 2).payload(7), chain_v6(), 70, kTcp),
        transport("UdpOverIpv4", in_udp(esp_sa()), tcp4, plain_v4(), 34, kTcp),
        transport("UdpOverIpv6", in_udp(esp_sa()), tcp6, plain_v6(), 54, kTcp),
        tunnel("EspIpv4InIpv4", over_v4(esp_sa()), tcp4, outer_v4(), kV4),
        tunnel("EspIpv6InIpv4", over_v4(esp_sa()), tcp6, outer_v4(), kV6),
        tunnel("EspIpv4InIpv6", over_v6(esp_sa()), tcp4, outer_v6(), kV4),
        tunnel("EspIpv6InIpv6", over_v6(esp_sa()), tcp6, outer_v6(), kV6),
        tunnel("EspOfAFragment",
               over_v4(esp_sa()),
               plain_v4().fragment(8, true).protocol(17).payload(16),
               outer_v4(),
               kV4),
        tunnel("AhIpv4InIpv4", over_v4(ah_sa()), tcp4, outer_v4(), kV4),
        tunnel("AhIpv6InIpv4", over_v4(ah_sa()), tcp6, outer_v4(), kV6),
        tunnel("AhIpv4InIpv6", over_v6(ah_sa()), tcp4, outer_v6(), kV4),
        tunnel("AhIpv6InIpv6", over_v6(ah_sa()), tcp6, outer_v6(), kV6),
        tunnel("UdpIpv4InIpv4", in_udp(over_v4(esp_sa())), tcp4, outer_v4(), kV4),
        tunnel("UdpIpv6InIpv4", in_udp(over_v4(esp_sa())), tcp6, outer_v4(), kV6),
        tunnel("UdpIpv4InIpv6", in_udp(over_v6(esp_sa())), tcp4, outer_v6(), kV4),
        tunnel("UdpIpv6InIpv6", in_udp(over_v6(esp_sa())), tcp6, outer_v6(), kV6),
    };
}

class EncapLab {
  public:
    ~EncapLab() { EXPECT_EQ(pool_.in_use(), 0U); }

    rte_mbuf* parsed(const Bytes& frame, Direction direction) {
        return parse_as(pool_.make(frame), direction);
    }
    static rte_mbuf* parse_as(rte_mbuf* mbuf, Direction direction) {
        EXPECT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        dataplane::meta_of(mbuf).direction = direction;
        return mbuf;
    }

    IpsecCheck encapsulate(rte_mbuf* mbuf, Sa& sa, IpsecWork& work) {
        work.mbuf = mbuf;
        work.sa = &sa;
        work.sequence = kSequence;
        crypto::CryptoJob job;
        return dataplane::encapsulate(work, *ivs_, job);
    }

    // Whether the metadata is what parse() makes of the bytes.
    void expect_as_parsed(const rte_mbuf* mbuf) {
        rte_mbuf* again = parsed(tests::FakePool::bytes_of(mbuf), Direction::kOutbound);
        const PacketMeta& expected = dataplane::meta_of(again);
        const PacketMeta& meta = dataplane::meta_of(mbuf);
        EXPECT_EQ(meta.direction, expected.direction);
        EXPECT_EQ(meta.family, expected.family);
        EXPECT_EQ(meta.fragment, expected.fragment);
        EXPECT_EQ(meta.more_fragments, expected.more_fragments);
        EXPECT_EQ(meta.fragment_offset, expected.fragment_offset);
        EXPECT_EQ(meta.fragment_length, expected.fragment_length);
        EXPECT_EQ(meta.fragment_id, expected.fragment_id);
        EXPECT_EQ(meta.protocol, expected.protocol);
        EXPECT_EQ(meta.l3_offset, expected.l3_offset);
        EXPECT_EQ(meta.l4_offset, expected.l4_offset);
        EXPECT_EQ(meta.l3_length, expected.l3_length);
        EXPECT_EQ(meta.source_port, expected.source_port);
        EXPECT_EQ(meta.destination_port, expected.destination_port);
        rte_pktmbuf_free(again);
    }

    tests::FakePool& pool() { return pool_; }

  private:
    tests::FakePool pool_{64};
    std::unique_ptr<dataplane::IvSource> ivs_ = dataplane::IvSource::create().value();
};

class EncapRowTest : public ::testing::TestWithParam<Row> {
  protected:
    EncapLab lab_;
};

TEST_P(EncapRowTest, Encapsulates) {
    const Row& row = GetParam();
    const auto sa = tests::make_sa(row.spec);
    rte_mbuf* mbuf = lab_.parsed(row.plain, Direction::kTransit);
    const std::uint32_t announced = dataplane::protected_length(*sa, dataplane::meta_of(mbuf));
    IpsecWork work;
    ASSERT_EQ(lab_.encapsulate(mbuf, *sa, work), IpsecCheck{});
    if (row.spec.protocol == IpsecProtocol::kEsp) {
        std::fill_n(dataplane::bytes_at(mbuf, mbuf->data_len - kIcv), kIcv, std::uint8_t{0});
    }
    dataplane::finish_encapsulation(work);
    EXPECT_EQ(tests::FakePool::bytes_of(mbuf), row.shielded);
    EXPECT_EQ(work.offset, row.at);
    EXPECT_EQ(announced + 14, row.shielded.size());
    lab_.expect_as_parsed(mbuf);
    rte_pktmbuf_free(mbuf);
}

TEST_P(EncapRowTest, Decapsulates) {
    const Row& row = GetParam();
    const auto sa = tests::make_sa(row.spec);
    rte_mbuf* mbuf = lab_.parsed(row.shielded, Direction::kInbound);
    IpsecWork work;
    work.mbuf = mbuf;
    work.sa = sa.get();
    work.offset = static_cast<std::uint16_t>(row.at);
    IpsecCheck check;
    if (row.spec.protocol == IpsecProtocol::kAh) {
        check = dataplane::decapsulate(
            work,
            dataplane::AhPayload{.offset = static_cast<std::uint16_t>(row.at + 24),
                                 .next_header = row.next_header});
    } else {
        check = dataplane::decapsulate(
            work,
            EspPayload{.offset = static_cast<std::uint16_t>(row.at + 8),
                       .length = static_cast<std::uint32_t>(row.payload.size()),
                       .next_header = row.next_header});
    }
    ASSERT_EQ(check, IpsecCheck{});
    EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
    EXPECT_EQ(tests::FakePool::bytes_of(mbuf), row.plain);
    rte_pktmbuf_free(mbuf);
}

// One byte of headroom or tailroom too few, and just enough.
TEST_P(EncapRowTest, LeavesThePacketAsItIsWithoutRoom) {
    const Row& row = GetParam();
    const auto sa = tests::make_sa(row.spec);
    const bool is_ah = row.spec.protocol == IpsecProtocol::kAh;
    const std::size_t behind = is_ah ? 0 : row.shielded.size() - row.at - 8 - row.payload.size();
    const std::size_t front = row.shielded.size() - row.plain.size() - behind;
    for (const std::size_t missing_front : {0U, 1U}) {
        for (const std::size_t missing_behind : {0U, 1U}) {
            rte_mbuf* mbuf = rte_pktmbuf_alloc(lab_.pool().get());
            ASSERT_NE(mbuf, nullptr);
            const std::size_t length = row.plain.size();
            const std::uint16_t whole = mbuf->buf_len;
            mbuf->data_off = static_cast<std::uint16_t>(front - missing_front);
            mbuf->buf_len =
                static_cast<std::uint16_t>(mbuf->data_off + length + behind + 4 - missing_behind);
            std::copy(row.plain.begin(),
                      row.plain.end(),
                      reinterpret_cast<std::uint8_t*>(
                          rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(length))));
            EncapLab::parse_as(mbuf, Direction::kTransit);
            std::array<std::uint8_t, sizeof(PacketMeta)> before{};
            std::memcpy(before.data(), &dataplane::meta_of(mbuf), before.size());
            IpsecWork work;
            const bool fits = missing_front == 0 && missing_behind == 0;
            EXPECT_EQ(lab_.encapsulate(mbuf, *sa, work),
                      fits ? IpsecCheck{} : IpsecCheck{DropReason::kNoBuffer});
            if (!fits) {
                EXPECT_EQ(tests::FakePool::bytes_of(mbuf), row.plain);
                EXPECT_EQ(std::memcmp(before.data(), &dataplane::meta_of(mbuf), before.size()), 0);
            }
            mbuf->buf_len = whole;
            rte_pktmbuf_free(mbuf);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, EncapRowTest, ::testing::ValuesIn(rows()), [](const auto& row) {
    return std::string(row.param.name);
});

// --- too long

TEST(EncapsulateTest, RefusesWhatWouldBeTooLong) {
    struct TooLong {
        SaSpec spec;
        std::size_t payload;
        DropReason reason;
    };
    // ESP: 65,532 bytes, and with one more the padding makes it 65,536. AH adds 20 + 24. What is
    // short enough finds no room.
    const TooLong cases[] = {
        {over_v4(esp_sa()), 65490, DropReason::kNoBuffer},
        {over_v4(esp_sa()), 65491, DropReason::kIpsecTooLong},
        {over_v4(ah_sa()), crypto::kMaxJobBytes - 44, DropReason::kNoBuffer},
        {over_v4(ah_sa()), crypto::kMaxJobBytes - 43, DropReason::kIpsecTooLong},
    };
    tests::FakePool pool(2, 65535 - RTE_PKTMBUF_HEADROOM);
    for (const TooLong& each : cases) {
        const auto sa = tests::make_sa(each.spec);
        rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get());
        ASSERT_NE(mbuf, nullptr);
        mbuf->data_off = 0;
        const Bytes frame = plain_v4().udp(1, 2).payload(each.payload - 28).bytes();
        auto* to = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
        ASSERT_NE(to, nullptr);
        std::memcpy(to, frame.data(), frame.size());
        EncapLab::parse_as(mbuf, Direction::kTransit);
        EncapLab lab;
        IpsecWork work;
        EXPECT_EQ(lab.encapsulate(mbuf, *sa, work), IpsecCheck{each.reason}) << each.payload;
        EXPECT_EQ(tests::FakePool::bytes_of(mbuf), frame);
        rte_pktmbuf_free(mbuf);
    }
}

// --- sizes

// Every SA of a kind: all suites, both protocols, both modes, both families of ends, UDP.
std::vector<SaSpec> all_specs() {
    std::vector<SaSpec> specs;
    for (const crypto::testing::Suite& suite : tests::esp_suites()) {
        std::vector<SaSpec> kinds;
        if (suite.cipher == config::Cipher::kNone) {
            kinds.push_back(tests::sa_spec(suite, IpsecProtocol::kAh));
        }
        kinds.push_back(tests::sa_spec(suite));
        kinds.push_back(in_udp(tests::sa_spec(suite)));
        for (const SaSpec& kind : kinds) {
            specs.insert(specs.end(), {kind, over_v4(kind), over_v6(kind)});
        }
    }
    return specs;
}

std::string describe(const SaSpec& spec, const SaSpec* outer, Family family) {
    const crypto::testing::Suite suite{spec.cipher, spec.hash};
    return suite.name() + (spec.protocol == IpsecProtocol::kAh ? " AH" : " ESP")
           + (spec.encapsulation ? " UDP" : "")
           + (spec.mode == SaMode::kTunnel ? " tunnel over " + spec.source.to_string()
                                           : " transport")
           + (outer != nullptr ? " in AH" : "") + (family == Family::kIpv4 ? " v4" : " v6");
}

// Calls visit(sa, family) for every SA with and without an AH around it, and both families of
// packets.
template <typename Visit>
void for_each_sa(const Visit& visit) {
    const SaSpec ah256 =
        tests::sa_spec({config::Cipher::kNone, config::Hash::kSha256}, IpsecProtocol::kAh);
    const auto outer = tests::make_sa(ah256);
    for (const SaSpec& spec : all_specs()) {
        const auto sa = tests::make_sa(spec);
        for (const bool bundle : {false, true}) {
            if (bundle && spec.protocol == IpsecProtocol::kAh) {
                continue;
            }
            sa->outer = bundle ? outer.get() : nullptr;
            for (const Family family : {Family::kIpv4, Family::kIpv6}) {
                SCOPED_TRACE(describe(spec, bundle ? &ah256 : nullptr, family));
                visit(*sa, family);
            }
        }
    }
}

TEST(EncapSizesTest, ProtectedLengthIsWhatEncapsulateMakes) {
    EncapLab lab;
    for_each_sa([&](Sa& sa, Family family) {
        for (const std::size_t size : {1U, 6U, 13U, 16U, 100U}) {
            const Packet packet = family == Family::kIpv4 ? plain_v4().options({148, 4, 0, 0})
                                                          : plain_v6().destination_options();
            rte_mbuf* mbuf =
                lab.parsed(Packet(packet).udp(1, 2).payload(size).bytes(), Direction::kOutbound);
            const std::uint32_t expected =
                dataplane::protected_length(sa, dataplane::meta_of(mbuf));
            for (Sa* each = &sa; each != nullptr; each = each->outer) {
                IpsecWork work;
                ASSERT_EQ(lab.encapsulate(mbuf, *each, work), IpsecCheck{});
                dataplane::finish_encapsulation(work);
                lab.expect_as_parsed(mbuf);
            }
            EXPECT_EQ(mbuf->data_len, 14 + expected);
            EXPECT_EQ(dataplane::meta_of(mbuf).l3_length, expected);
            rte_pktmbuf_free(mbuf);
        }
    });
}

constexpr std::uint16_t kMtus[] = {576,
                                   1280,
                                   1491,
                                   1492,
                                   1493,
                                   1494,
                                   1495,
                                   1496,
                                   1497,
                                   1498,
                                   1499,
                                   1500,
                                   1501,
                                   1502,
                                   1503,
                                   1504,
                                   1505,
                                   1506,
                                   9000};

TEST(EncapSizesTest, PayloadMtuIsTheLongestPacketThatFits) {
    for_each_sa([](const Sa& sa, Family family) {
        PacketMeta meta;
        meta.family = family;
        meta.l3_offset = 14;
        meta.l4_offset = family == Family::kIpv4 ? 38 : 62;
        for (const std::uint16_t mtu : kMtus) {
            meta.l3_length = dataplane::payload_mtu(sa, meta, mtu);
            ASSERT_GT(meta.l3_length, meta.l4_offset - 14) << mtu;
            EXPECT_LE(dataplane::protected_length(sa, meta), mtu) << meta.l3_length;
            ++meta.l3_length;
            EXPECT_GT(dataplane::protected_length(sa, meta), mtu) << meta.l3_length;
        }
        EXPECT_EQ(dataplane::payload_mtu(sa, meta, 0), 0);
        EXPECT_EQ(dataplane::payload_mtu(sa, meta, 40), 0);
    });
}

TEST(EncapSizesTest, PayloadMtuOfAhKeepsToTheLongestJob) {
    PacketMeta meta;
    meta.l3_offset = 14;
    meta.l4_offset = 34;
    EXPECT_EQ(dataplane::payload_mtu(*tests::make_sa(ah_sa()), meta, 65535),
              crypto::kMaxJobBytes - 24);
    // 65535 is no multiple of four: 20 + 8 + 65492 + 12 bytes.
    EXPECT_EQ(dataplane::payload_mtu(*tests::make_sa(esp_sa()), meta, 65535), 20 + 65490);
}

TEST(EncapSizesTest, CountsWhatTheAlgorithmsAreAppliedTo) {
    PacketMeta meta;
    meta.l3_offset = 14;
    meta.l4_offset = 34;
    meta.l3_length = 20 + 101;
    // ESP: payload and trailer, to four bytes. AH: all of the packet.
    EXPECT_EQ(dataplane::counted_bytes(*tests::make_sa(esp_sa()), meta), 104U);
    EXPECT_EQ(dataplane::counted_bytes(*tests::make_sa(over_v6(esp_sa())), meta), 124U);
    EXPECT_EQ(dataplane::counted_bytes(*tests::make_sa(ah_sa()), meta), 121U + 24);
    EXPECT_EQ(dataplane::counted_bytes(*tests::make_sa(over_v6(ah_sa())), meta), 40U + 121 + 24);
}

// --- where the header is

Packet nat(std::uint16_t port) {
    return plain_v4().udp(33000, port);
}

struct HeaderRow {
    const char* name;
    Bytes frame;
    IpsecHeader expected;
    Direction direction = Direction::kInbound;
};

class IpsecHeaderTest : public ::testing::TestWithParam<HeaderRow> {};

TEST_P(IpsecHeaderTest, IsFound) {
    EncapLab lab;
    rte_mbuf* mbuf = lab.parsed(GetParam().frame, GetParam().direction);
    EXPECT_EQ(dataplane::ipsec_header(mbuf), GetParam().expected);
    rte_pktmbuf_free(mbuf);
}

const Bytes kSpiOnly = {0, 0, 1, 0};

INSTANTIATE_TEST_SUITE_P(
    Rows,
    IpsecHeaderTest,
    ::testing::Values(
        HeaderRow{"Esp", plain_v4().protocol(50).payload(8).bytes(), IpsecHeader::kEsp},
        HeaderRow{"EspOverIpv6", chain_v6().protocol(50).payload(8).bytes(), IpsecHeader::kEsp},
        HeaderRow{"Ah", plain_v4().protocol(51).payload(8).bytes(), IpsecHeader::kAh},
        HeaderRow{"AhOverIpv6", plain_v6().protocol(51).payload(8).bytes(), IpsecHeader::kAh},
        HeaderRow{"EspInUdp", nat(4500).payload(kSpiOnly).bytes(), IpsecHeader::kUdpEsp},
        HeaderRow{"EspInUdpOverIpv6",
                  plain_v6().udp(1, 4500).payload(kSpiOnly).bytes(),
                  IpsecHeader::kUdpEsp},
        HeaderRow{"EspInUdpWithAWrongChecksum",
                  nat(4500).payload(kSpiOnly).poke(41, 1).bytes(),
                  IpsecHeader::kUdpEsp},
        HeaderRow{"Keepalive", nat(4500).payload(Bytes{0xFF}).bytes(), IpsecHeader::kKeepalive},
        HeaderRow{"OtherByte", nat(4500).payload(Bytes{0xFE}).bytes(), IpsecHeader::kNone},
        HeaderRow{"NonEspMarker", nat(4500).payload(Bytes(8, 0)).bytes(), IpsecHeader::kNone},
        HeaderRow{"NothingInUdp", nat(4500).bytes(), IpsecHeader::kNone},
        HeaderRow{"ThreeBytes", nat(4500).payload(Bytes(3, 0xFF)).bytes(), IpsecHeader::kNone},
        HeaderRow{"OtherPort", nat(500).payload(kSpiOnly).bytes(), IpsecHeader::kNone},
        HeaderRow{"FromPort4500Only",
                  plain_v4().udp(4500, 500).payload(kSpiOnly).bytes(),
                  IpsecHeader::kNone},
        HeaderRow{"LongerThanThePacket",
                  nat(4500).payload(kSpiOnly).poke(39, 13).bytes(),
                  IpsecHeader::kNone},
        HeaderRow{"ShorterThanThePacket",
                  nat(4500).payload(8, 1).poke(39, 12).bytes(),
                  IpsecHeader::kNone},
        HeaderRow{"Fragment",
                  plain_v4().fragment(0, true).protocol(50).payload(16).bytes(),
                  IpsecHeader::kNone},
        HeaderRow{"LaterFragment",
                  plain_v4().fragment(8, false).protocol(51).payload(16).bytes(),
                  IpsecHeader::kNone},
        HeaderRow{"Tcp", plain_v4().tcp(1, 4500).bytes(), IpsecHeader::kNone},
        HeaderRow{"InTransit",
                  plain_v4().protocol(50).payload(8).bytes(),
                  IpsecHeader::kNone,
                  Direction::kTransit},
        HeaderRow{"FromThisHost",
                  nat(4500).payload(kSpiOnly).bytes(),
                  IpsecHeader::kNone,
                  Direction::kOutbound}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(IpsecFieldsTest, AreReadWithinThePacket) {
    struct FieldsRow {
        Packet front;
        std::size_t offset;
        std::size_t needed;
        IpsecHeader header;
        DropReason truncated;
    };
    const FieldsRow cases[] = {
        {plain_v4().protocol(50), 34, 8, IpsecHeader::kEsp, DropReason::kEspTruncated},
        {chain_v6().protocol(50), 70, 8, IpsecHeader::kEsp, DropReason::kEspTruncated},
        {nat(4500), 42, 8, IpsecHeader::kUdpEsp, DropReason::kEspTruncated},
        {plain_v4().protocol(51), 34, 12, IpsecHeader::kAh, DropReason::kAhTruncated},
    };
    EncapLab lab;
    for (const FieldsRow& row : cases) {
        Bytes header = row.header == IpsecHeader::kAh ? ah({}, 6) : esp({}, 6);
        header.resize(row.needed);
        rte_mbuf* mbuf = lab.parsed(Packet(row.front).payload(header).bytes(), Direction::kInbound);
        dataplane::IpsecFields fields;
        EXPECT_EQ(dataplane::read_ipsec_fields(mbuf, row.header, fields), IpsecCheck{});
        EXPECT_EQ(fields.offset, row.offset);
        EXPECT_EQ(fields.spi, 0x12345678U);
        EXPECT_EQ(fields.sequence, kSequence);
        rte_pktmbuf_free(mbuf);

        header.pop_back();
        mbuf = lab.parsed(Packet(row.front).payload(header).bytes(), Direction::kInbound);
        EXPECT_EQ(dataplane::read_ipsec_fields(mbuf, row.header, fields),
                  IpsecCheck{row.truncated});
        rte_pktmbuf_free(mbuf);
    }
}

TEST(IpsecFieldsTest, AreNotLookedForBeyondThePacketOrItsFirstSegment) {
    EncapLab lab;
    rte_mbuf* mbuf = lab.pool().make(plain_v4().protocol(50).payload(7, 1).padding(9).bytes());
    ASSERT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kTransparent, {}).next,
              dataplane::ParseNext::kIp);
    dataplane::IpsecFields fields;
    EXPECT_EQ(dataplane::read_ipsec_fields(mbuf, IpsecHeader::kEsp, fields),
              IpsecCheck{DropReason::kEspTruncated});
    rte_pktmbuf_free(mbuf);

    // The first segment's buffer has held the same packet whole.
    const Bytes frame = nat(4500).payload(esp({}, 6)).bytes();
    rte_pktmbuf_free(lab.pool().make(frame));
    mbuf = lab.pool().make_segmented(frame, 42);
    EncapLab::parse_as(mbuf, Direction::kInbound);
    EXPECT_EQ(dataplane::ipsec_header(mbuf), IpsecHeader::kNone);
    EXPECT_EQ(dataplane::read_ipsec_fields(mbuf, IpsecHeader::kUdpEsp, fields),
              IpsecCheck{DropReason::kEspTruncated});
    rte_pktmbuf_free(mbuf);
}

// --- decapsulation

struct DecapRow {
    const char* name;
    SaSpec spec;
    Bytes payload;  // behind an ESP header without padding
    std::uint8_t next_header;
    IpsecCheck expected;
};

Bytes inner(const Packet& packet) {
    return tail(packet.bytes(), 14);
}

Bytes first_bytes(Bytes bytes, std::size_t count) {
    bytes.resize(count);
    return bytes;
}

class DecapCheckTest : public ::testing::TestWithParam<DecapRow> {};

TEST_P(DecapCheckTest, JudgesThePayload) {
    const DecapRow& row = GetParam();
    const auto sa = tests::make_sa(row.spec);
    EncapLab lab;
    Packet front = row.spec.mode == SaMode::kTunnel ? outer_v4().poke_ipv4(1, 3) : plain_v4();
    Bytes body(8, 1);
    append(body, row.payload);
    append(body, Bytes(14, 0xCC));
    rte_mbuf* mbuf = lab.parsed(front.protocol(50).payload(body).bytes(), Direction::kInbound);
    IpsecWork work;
    work.mbuf = mbuf;
    work.sa = sa.get();
    work.offset = 34;
    EXPECT_EQ(
        dataplane::decapsulate(work,
                               EspPayload{.offset = 42,
                                          .length = static_cast<std::uint32_t>(row.payload.size()),
                                          .next_header = row.next_header}),
        row.expected);
    rte_pktmbuf_free(mbuf);
}

const Packet kEct4 = plain_v4().udp(1, 2).payload(4).poke_ipv4(1, 2);
const Packet kEct6 = plain_v6().udp(1, 2).payload(4).poke(15, 0x20);

// The outer header of the tunnel's packets says that there was congestion.
INSTANTIATE_TEST_SUITE_P(
    Rows,
    DecapCheckTest,
    ::testing::Values(
        DecapRow{"TunnelOfIpv4", over_v4(esp_sa()), inner(kEct4), 4, {}},
        DecapRow{"TunnelOfIpv6", over_v4(esp_sa()), inner(kEct6), 41, {}},
        DecapRow{"TunnelOfTcp", over_v4(esp_sa()), inner(kEct4), 6, DropReason::kBadNextHeader},
        DecapRow{"TunnelOfNothing", over_v4(esp_sa()), {}, 4, DropReason::kIpTruncated},
        DecapRow{"Ipv4CalledIpv6",
                 over_v4(esp_sa()),
                 inner(plain_v4().payload(40)),
                 41,
                 DropReason::kBadNextHeader},
        DecapRow{"Ipv6CalledIpv4", over_v4(esp_sa()), inner(kEct6), 4, DropReason::kBadNextHeader},
        DecapRow{"ShortIpv4Header",
                 over_v4(esp_sa()),
                 first_bytes(inner(kEct4), 19),
                 4,
                 DropReason::kIpTruncated},
        DecapRow{"ShortIpv4HeaderThatSaysSo",
                 over_v4(esp_sa()),
                 first_bytes(inner(Packet(kEct4).poke(17, 19)), 19),
                 4,
                 DropReason::kIpTruncated},
        DecapRow{"ShortIpv6Header",
                 over_v4(esp_sa()),
                 first_bytes(inner(kEct6), 39),
                 41,
                 DropReason::kIpTruncated},
        DecapRow{"Ipv4LongerThanThePayload",
                 over_v4(esp_sa()),
                 first_bytes(inner(kEct4), 31),
                 4,
                 DropReason::kIpTruncated},
        DecapRow{"Ipv6LongerThanThePayload",
                 over_v4(esp_sa()),
                 first_bytes(inner(kEct6), 51),
                 41,
                 DropReason::kIpTruncated},
        DecapRow{"CongestionMarkOverNotEct",
                 over_v4(esp_sa()),
                 inner(plain_v4().udp(1, 2)),
                 4,
                 DropReason::kEcnInvalid},
        DecapRow{"CongestionMarkOverNotEctIpv6",
                 over_v4(esp_sa()),
                 inner(plain_v6().udp(1, 2)),
                 41,
                 DropReason::kEcnInvalid},
        DecapRow{"TransportOfHopByHop", esp_sa(), Bytes(8, 0), 0, DropReason::kBadNextHeader},
        DecapRow{"TransportOfRouting", esp_sa(), Bytes(8, 0), 43, DropReason::kBadNextHeader},
        DecapRow{"TransportOfFragment", esp_sa(), Bytes(8, 0), 44, DropReason::kBadNextHeader},
        DecapRow{"TransportOfDestinationOptions", esp_sa(), Bytes(8, 0), 60, {}},
        DecapRow{"TransportOfIpInIp", esp_sa(), inner(kEct4), 4, {}},
        DecapRow{"TransportOfEsp", esp_sa(), Bytes(8, 0), 50, {}},
        DecapRow{"TransportOfNoBytes", esp_sa(), {}, 132, {}}),
    [](const auto& row) { return std::string(row.param.name); });

class DecapTest : public ::testing::Test {
  protected:
    // The frame after an ESP header in front of `payload` was removed; `udp` in front of that.
    Bytes decapsulated(const SaSpec& spec, Packet front, const Bytes& payload, Inside next) {
        const auto sa = tests::make_sa(spec);
        const std::size_t udp = spec.encapsulation ? 8 : 0;
        Packet packet = udp != 0 ? front.udp(4501, 4500) : front.protocol(50);
        rte_mbuf* mbuf =
            lab_.parsed(packet.payload(esp(payload, next)).bytes(), Direction::kInbound);
        IpsecWork work;
        work.mbuf = mbuf;
        work.sa = sa.get();
        work.offset = static_cast<std::uint16_t>(dataplane::meta_of(mbuf).l4_offset + udp);
        EXPECT_EQ(
            dataplane::decapsulate(work,
                                   EspPayload{.offset = static_cast<std::uint16_t>(work.offset + 8),
                                              .length = static_cast<std::uint32_t>(payload.size()),
                                              .next_header = next}),
            IpsecCheck{});
        Bytes bytes = tests::FakePool::bytes_of(mbuf);
        rte_pktmbuf_free(mbuf);
        return bytes;
    }

    EncapLab lab_;
};

TEST_F(DecapTest, CarriesACongestionMarkIntoTheInnerPacket) {
    EXPECT_EQ(decapsulated(over_v4(esp_sa()), outer_v4().poke_ipv4(1, 3), inner(kEct4), kV4),
              Packet(kEct4).poke_ipv4(1, 3).bytes());
    EXPECT_EQ(decapsulated(over_v4(esp_sa()), outer_v4().poke_ipv4(1, 3), inner(kEct6), kV6),
              Packet(kEct6).poke(15, 0x30).bytes());
}

TEST_F(DecapTest, DropsWhatHidTheLengthOfTheInnerPacket) {
    for (const Packet& packet : {kEct4, kEct6}) {
        Bytes padded = inner(packet);
        append(padded, Bytes(100, 0xCC));
        const bool v4 = padded[0] >> 4U == 4;
        EXPECT_EQ(decapsulated(over_v4(esp_sa()), outer_v4(), padded, v4 ? kV4 : kV6),
                  packet.bytes());
    }
}

// RFC 3948 3.1.2: a NAT has changed the address that the checksum was made with.
TEST_F(DecapTest, MakesChecksumsAnewBehindANat) {
    const Packet seen4 = Packet().eth().ipv4("198.51.100.7", "10.0.1.1").id(77);
    const Packet seen6 = Packet().eth().ipv6("2001:db8:77::7", "2001:db8::2");
    const SaSpec spec = in_udp(esp_sa());
    EXPECT_EQ(decapsulated(spec, seen4, tail(plain_v4().tcp(1, 2).payload(9).bytes(), 34), kTcp),
              Packet(seen4).tcp(1, 2).payload(9).bytes());
    EXPECT_EQ(decapsulated(spec, seen6, tail(plain_v6().tcp(1, 2).payload(9).bytes(), 54), kTcp),
              Packet(seen6).tcp(1, 2).payload(9).bytes());
    EXPECT_EQ(decapsulated(spec, seen6, tail(plain_v6().udp(1, 2).payload(9).bytes(), 54), kUdp),
              Packet(seen6).udp(1, 2).payload(9).bytes());
    EXPECT_EQ(decapsulated(spec, seen4, tail(plain_v4().udp(1, 2).payload(9).bytes(), 34), kUdp),
              Packet(seen4).udp(1, 2).payload(9).bytes());
}

TEST_F(DecapTest, LeavesChecksumsAloneWithoutUdp) {
    const Bytes broken = plain_v4().tcp(1, 2).payload(9).poke(50, 1).bytes();
    EXPECT_EQ(decapsulated(esp_sa(), plain_v4(), tail(broken, 34), kTcp), broken);
}

TEST_F(DecapTest, ClosesUpInFrontOfDestinationOptions) {
    const Bytes plain = chain_v6().destination_options().udp(1, 2).payload(8).bytes();
    EXPECT_EQ(decapsulated(esp_sa(), chain_v6(), tail(plain, 70), static_cast<Inside>(60)), plain);
}

}  // namespace
