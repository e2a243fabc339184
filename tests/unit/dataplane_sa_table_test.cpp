#include "dataplane/sa_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using config::ErrorCode;
using config::Family;
using config::IpAddress;
using config::IpsecProtocol;
using config::SaDirection;
using config::SaMode;
using config::SaSpec;
using dataplane::kNoSa;
using dataplane::PeerKey;
using dataplane::Publication;
using dataplane::Sa;
using dataplane::SaHandle;
using dataplane::SaTable;
using dataplane::SpiKey;

const IpAddress kMe = IpAddress::v4(0x0A000001);
const IpAddress kPeer = IpAddress::v4(0x0A000002);
const IpAddress kOther = IpAddress::v4(0x0A000003);
const IpAddress kMe6 = IpAddress::parse("2001:db8::1").value();
const IpAddress kPeer6 = IpAddress::parse("2001:db8::2").value();

SaSpec outbound(std::uint32_t spi, const IpAddress& peer = kPeer) {
    SaSpec spec;
    spec.spi = spi;
    spec.source = peer.family == Family::kIpv4 ? kMe : kMe6;
    spec.destination = peer;
    spec.cipher = config::Cipher::kChaCha20Poly1305;
    spec.cipher_key = config::SecretBytes(std::string(36, 'k'));
    return spec;
}

SaSpec for_rule(std::uint32_t spi, config::RuleTag rule, const IpAddress& peer = kPeer) {
    SaSpec spec = outbound(spi, peer);
    spec.rule = rule;
    return spec;
}

SaSpec ah(std::uint32_t spi) {
    SaSpec spec = outbound(spi);
    spec.protocol = IpsecProtocol::kAh;
    spec.cipher = config::Cipher::kNone;
    spec.cipher_key = {};
    spec.hash = config::Hash::kAesXcbc;
    spec.auth_key = config::SecretBytes(std::string(16, 'k'));
    return spec;
}

SaSpec inbound(SaSpec spec) {
    spec.direction = SaDirection::kInbound;
    std::swap(spec.source, spec.destination);
    return spec;
}

std::unique_ptr<Sa> make_sa(const SaSpec& spec) {
    static const auto kEngines = crypto::EngineChoice::only(crypto::Engine::kOpenssl);
    auto sa = Sa::create(spec, kEngines, {});
    EXPECT_TRUE(sa.ok()) << (sa.ok() ? "" : sa.error().text);
    return std::move(sa).value();
}

std::unique_ptr<Sa> bundled(const SaSpec& spec) {
    auto sa = make_sa(spec);
    sa->within_bundle = true;
    return sa;
}

SaHandle added(SaTable& table, std::unique_ptr<Sa> sa, SaHandle outer = kNoSa) {
    const auto handle = table.add(std::move(sa), outer);
    EXPECT_TRUE(handle.ok()) << (handle.ok() ? "" : handle.error().text);
    return handle.ok() ? handle.value() : kNoSa;
}

SaHandle added(SaTable& table, const SaSpec& spec) {
    return added(table, make_sa(spec));
}

SpiKey by_spi(std::uint32_t spi,
              const IpAddress& destination,
              IpsecProtocol protocol = IpsecProtocol::kEsp) {
    return {spi, protocol, destination.family, destination.bytes.data()};
}

PeerKey by_peer(config::RuleTag rule,
                const IpAddress& peer = kPeer,
                SaMode mode = SaMode::kTransport) {
    return {.rule = rule, .mode = mode, .family = peer.family, .peer = peer.bytes.data()};
}

// The SPI of what is found; 0: nothing.
template <typename Key>
std::uint32_t spi_of(const SaTable& table, const Key& key) {
    const Sa* const sa = table.find(key);
    return sa == nullptr ? 0 : sa->spi;
}

// --- by SPI

TEST(SaTableBySpi, FindsBothDirectionsAndFamilies) {
    SaTable table(16);
    const SaHandle out = added(table, outbound(0x100));
    const SaHandle in = added(table, inbound(outbound(0x200)));
    const SaHandle out6 = added(table, outbound(0x300, kPeer6));
    EXPECT_EQ(table.find(by_spi(0x100, kPeer)), table.find(out));
    EXPECT_EQ(table.find(by_spi(0x200, kMe)), table.find(in));
    EXPECT_EQ(table.find(by_spi(0x300, kPeer6)), table.find(out6));
    EXPECT_EQ(table.size(), 3U);
}

TEST(SaTableBySpi, EveryPartOfTheKeyCounts) {
    SaTable table(1);  // one chain: only the comparison tells them apart
    added(table, outbound(0x100, kPeer6));
    IpAddress low = kPeer6;
    low.bytes[15] ^= 1U;
    IpAddress high = kPeer6;
    high.bytes[0] ^= 1U;
    EXPECT_NE(table.find(by_spi(0x100, kPeer6)), nullptr);
    EXPECT_EQ(table.find(by_spi(0x101, kPeer6)), nullptr);
    EXPECT_EQ(table.find(by_spi(0x100, kPeer6, IpsecProtocol::kAh)), nullptr);
    EXPECT_EQ(table.find(by_spi(0x100, low)), nullptr);
    EXPECT_EQ(table.find(by_spi(0x100, high)), nullptr);
    SpiKey as_ipv4 = by_spi(0x100, kPeer6);
    as_ipv4.family = Family::kIpv4;
    EXPECT_EQ(table.find(as_ipv4), nullptr);
}

TEST(SaTableBySpi, OnlyTheFourBytesOfAnIpv4AddressAreRead) {
    SaTable table(4);
    added(table, outbound(0x100));
    const std::vector<std::uint8_t> exactly(kPeer.bytes.begin(), kPeer.bytes.begin() + 4);
    EXPECT_NE(table.find(SpiKey{0x100, IpsecProtocol::kEsp, Family::kIpv4, exactly.data()}),
              nullptr);
}

TEST(SaTableBySpi, RefusesWhatIsTaken) {
    SaTable table(16);
    const SaHandle first = added(table, outbound(0x100));
    const auto again = table.add(make_sa(for_rule(0x100, 5)));
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, ErrorCode::kSaExists);
    EXPECT_EQ(again.error().text, "There is an ESP SA 0x00000100 to 10.0.0.2 already.");
    EXPECT_EQ(table.size(), 1U);
    // Another destination or protocol is another SA, and after removal the SPI is free at once.
    added(table, outbound(0x100, kOther));
    added(table, outbound(0x100, kPeer6));
    added(table, ah(0x100));
    EXPECT_TRUE(table.remove(first));
    added(table, outbound(0x100));
}

// --- by peer

TEST(SaTableByPeer, TheRulesOwnSaPrecedesTheOneForAnyRule) {
    SaTable table(16);
    added(table, for_rule(0x107, 7));
    added(table, outbound(0x100));
    added(table, for_rule(0x108, 8));
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x107U);
    EXPECT_EQ(spi_of(table, by_peer(8)), 0x108U);
    EXPECT_EQ(spi_of(table, by_peer(9)), 0x100U);
    EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule)), 0x100U);
}

// The selector's before the rule's before any rule's, whatever the order in which they were added
// and however far the look-up got in steps.
TEST(SaTableByPeer, TheSelectorsSaPrecedesTheRulesAndThatAnyOther) {
    const std::vector<std::pair<std::uint32_t, config::RuleTag>> sas = {
        {0x109, 9}, {0x107, 7}, {0x100, config::kAnyRule}};
    PeerKey key = by_peer(7);
    key.selector = 9;
    for (const bool backwards : {false, true}) {
        std::vector<SaHandle> handles(sas.size());
        SaTable table(16);
        for (std::size_t i = 0; i < sas.size(); ++i) {
            const std::size_t at = backwards ? sas.size() - 1 - i : i;
            handles[at] = added(table, for_rule(sas[at].first, sas[at].second));
        }
        for (std::size_t i = 0; i < sas.size(); ++i) {
            EXPECT_EQ(spi_of(table, key), sas[i].first);
            for (int steps = 0; steps < 3; ++steps) {
                SaTable::Trail trail = table.begin(key);
                for (int step = 0; step < steps; ++step) {
                    SaTable::advance(trail);
                }
                EXPECT_EQ(SaTable::find(key, trail)->spi, sas[i].first) << steps;
            }
            EXPECT_TRUE(table.remove(handles[i]));
        }
        EXPECT_EQ(spi_of(table, key), 0U);
    }
}

TEST(SaTableByPeer, ASelectorIsNotARule) {
    SaTable table(2);
    added(table, for_rule(0x109, 9));
    added(table, for_rule(0x108, 8));
    PeerKey key = by_peer(8);
    key.selector = 9;
    EXPECT_EQ(spi_of(table, key), 0x109U);
    key.selector = 10;
    EXPECT_EQ(spi_of(table, key), 0x108U);
    key.rule = 11;
    EXPECT_EQ(spi_of(table, key), 0U) << "bound to others";
}

TEST(SaTableByPeer, EveryPartOfTheKeyCounts) {
    SaTable table(1);
    added(table, for_rule(0x107, 7));
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x107U);
    EXPECT_EQ(spi_of(table, by_peer(8)), 0U);
    EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule)), 0U);
    EXPECT_EQ(spi_of(table, by_peer(7, kOther)), 0U);
    EXPECT_EQ(spi_of(table, by_peer(7, kPeer6)), 0U);
    EXPECT_EQ(spi_of(table, by_peer(7, kPeer, SaMode::kTunnel)), 0U);
}

TEST(SaTableByPeer, AnInboundSaIsNotFound) {
    SaTable table(16);
    added(table, inbound(outbound(0x100)));
    EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule, kMe)), 0U);
    EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule, kPeer)), 0U);
}

TEST(SaTableByPeer, TheLaterOneIsUsedAndAfterItsRemovalTheEarlier) {
    SaTable table(16);
    const SaHandle first = added(table, for_rule(0x101, 7));
    const SaHandle second = added(table, for_rule(0x102, 7));
    const SaHandle third = added(table, for_rule(0x103, 7));
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x103U);
    EXPECT_TRUE(table.remove(second));  // from the middle
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x103U);
    EXPECT_TRUE(table.remove(third));
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x101U);
    EXPECT_TRUE(table.remove(first));
    EXPECT_EQ(spi_of(table, by_peer(7)), 0U);
}

// --- retired

TEST(SaTableRetire, PacketsTakeAnotherSaAndItIsStillFoundBySpiAndHandle) {
    SaTable table(16);
    const SaHandle any = added(table, outbound(0x100));
    const SaHandle old = added(table, for_rule(0x101, 7));
    const SaHandle current = added(table, for_rule(0x102, 7));
    struct Row {
        SaHandle retired;
        std::uint32_t then;
    };
    for (const Row& row : {Row{current, 0x101}, Row{old, 0x100}, Row{any, 0}}) {
        EXPECT_TRUE(table.retire(row.retired));
        EXPECT_EQ(spi_of(table, by_peer(7)), row.then);
        EXPECT_TRUE(table.retire(row.retired)) << "once more changes nothing";
        EXPECT_EQ(spi_of(table, by_peer(7)), row.then);
        const Sa* const sa = table.find(row.retired);
        ASSERT_NE(sa, nullptr);
        EXPECT_EQ(table.find(by_spi(sa->spi, kPeer)), sa);
    }
    EXPECT_EQ(table.size(), 3U);
    EXPECT_EQ(table.all().size(), 3U);
    const auto again = table.add(make_sa(outbound(0x100)));
    ASSERT_FALSE(again.ok()) << "its SPI is not free";
    EXPECT_EQ(again.error().code, ErrorCode::kSaExists);
}

TEST(SaTableRetire, OnlyAnOutboundSaThatIsThere) {
    SaTable table(16);
    const SaHandle in = added(table, inbound(outbound(0x100)));
    const SaHandle gone = added(table, outbound(0x101));
    EXPECT_TRUE(table.remove(gone));
    for (const SaHandle handle : {in, gone, kNoSa}) {
        EXPECT_FALSE(table.retire(handle));
    }
    EXPECT_NE(table.find(by_spi(0x100, kMe)), nullptr);
}

TEST(SaTableRetire, IsRemovedAfterWhatWasBehindItInItsChain) {
    Publication publication(1);
    SaTable table(2);
    const SaHandle first = added(table, for_rule(0x101, 7));
    const SaHandle second = added(table, for_rule(0x102, 7));
    EXPECT_TRUE(table.retire(second));
    EXPECT_TRUE(table.remove(first));
    EXPECT_EQ(table.reclaim(publication), 0U) << "what the link of the second names is freed";
    const SaHandle third = added(table, for_rule(0x103, 7));
    EXPECT_TRUE(table.remove(second));
    EXPECT_EQ(table.reclaim(publication), 0U);
    EXPECT_EQ(spi_of(table, by_peer(7)), 0x103U);
    EXPECT_TRUE(table.remove(third));
    EXPECT_EQ(table.size(), 0U);
}

TEST(SaTableRetire, ThePlaceOfARetiredSaForgetsIt) {
    SaTable table(1);
    for (int use = 0; use < 3; ++use) {
        const SaHandle handle = added(table, outbound(0x100));
        EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule)), 0x100U);
        EXPECT_TRUE(table.retire(handle));
        EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule)), 0U);
        EXPECT_TRUE(table.remove(handle));
    }
}

// --- moved

TEST(SaTableMove, OnlyAnOutboundSaInUdpToAnAddressThatItsModeAllows) {
    SaTable table(16);
    const auto in_udp = [](SaSpec spec, SaMode mode) {
        spec.encapsulation.emplace();
        spec.mode = mode;
        return spec;
    };
    const SaHandle plain = added(table, outbound(0x100));
    const SaHandle in = added(table, inbound(in_udp(outbound(0x101), SaMode::kTunnel)));
    const SaHandle tunnel = added(table, in_udp(outbound(0x102), SaMode::kTunnel));
    const SaHandle transport = added(table, in_udp(outbound(0x103), SaMode::kTransport));
    struct Row {
        const char* name;
        SaHandle handle;
        IpAddress address;
        bool moves;
    };
    for (const Row& row : {Row{"not in UDP", plain, kPeer, false},
                           Row{"inbound", in, kOther, false},
                           Row{"none", kNoSa, kPeer, false},
                           Row{"another family", tunnel, kPeer6, false},
                           Row{"transport, another address", transport, kOther, false},
                           Row{"transport, another port", transport, kPeer, true},
                           Row{"tunnel, another address", tunnel, kOther, true},
                           Row{"tunnel, back again", tunnel, kPeer, true}}) {
        EXPECT_EQ(table.move_peer(row.handle, row.address, 40001), row.moves) << row.name;
        if (row.moves) {
            const Sa& sa = *table.find(row.handle);
            EXPECT_TRUE(dataplane::same_address(
                sa.family, dataplane::peer_address(sa), row.address.bytes.data()))
                << row.name;
            EXPECT_EQ(dataplane::udp_ports(sa).destination_port, 40001) << row.name;
            EXPECT_EQ(dataplane::udp_ports(sa).source_port, 4500) << row.name;
            EXPECT_EQ(table.find(by_spi(sa.spi, kPeer)), &sa) << "found as before";
        }
    }
    EXPECT_EQ(spi_of(table, by_peer(config::kAnyRule, kPeer, SaMode::kTunnel)), 0x102U);
}

TEST(SaTableMove, WhereItWasBeforeIsKeptUntilEveryReaderIsQuiescent) {
    Publication publication(1);
    Publication::Reader reader(publication, 0);
    reader.online();
    SaTable table(4);
    SaSpec spec = outbound(0x100);
    spec.encapsulation.emplace();
    const SaHandle handle = added(table, spec);
    EXPECT_TRUE(table.move_peer(handle, kPeer, 1));
    EXPECT_EQ(table.reclaim(publication), 0U) << "it did not move before";
    const dataplane::SaPeer* const held = table.find(handle)->moved_to;
    EXPECT_TRUE(table.move_peer(handle, kPeer, 2));
    EXPECT_EQ(table.reclaim(publication), 1U);
    EXPECT_EQ(held->port, 1) << "still ours";
    reader.quiescent();
    EXPECT_EQ(table.reclaim(publication), 0U);
    EXPECT_TRUE(table.move_peer(handle, kPeer, 3));
    // AddressSanitizer sees what is left.
}

// --- handles

TEST(SaTableHandle, NoSaIsNeverFoundNorRemoved) {
    SaTable table(4);
    added(table, outbound(0x100));
    EXPECT_EQ(table.find(kNoSa), nullptr);
    EXPECT_FALSE(table.remove(kNoSa));
    EXPECT_EQ(table.size(), 1U);
}

TEST(SaTableHandle, AStaleHandleNamesNothing) {
    SaTable table(1);
    std::unordered_set<SaHandle> stale;
    for (int use = 0; use < 1000; ++use) {
        const SaHandle handle = added(table, outbound(0x100));
        EXPECT_NE(handle, kNoSa);
        EXPECT_EQ(table.find(handle)->handle, handle);
        EXPECT_TRUE(table.remove(handle));
        EXPECT_EQ(table.find(handle), nullptr);
        EXPECT_FALSE(table.remove(handle));
        EXPECT_TRUE(stale.insert(handle).second);
    }
}

TEST(SaTableHandle, ThePlaceThatIsFreeForLongestIsUsedFirst) {
    SaTable table(4);
    const SaHandle a = added(table, outbound(0x100));
    const SaHandle b = added(table, outbound(0x101));
    EXPECT_TRUE(table.remove(b));
    EXPECT_TRUE(table.remove(a));
    std::vector<SaHandle> places;
    for (std::uint32_t spi = 0x200; spi < 0x204; ++spi) {
        places.push_back(added(table, outbound(spi)) % 4);
    }
    EXPECT_EQ(places, (std::vector<SaHandle>{2, 3, b % 4, a % 4}));
}

TEST(SaTableHandle, APlaceWhoseUsesAreCountedIsNotUsedAgain) {
    SaTable table(2, 0x7FFFFFFE);  // 31 bits of use count: two uses are left
    std::unordered_set<SaHandle> handles;
    for (std::uint32_t use = 0; use < 4; ++use) {
        const SaHandle handle = added(table, outbound(0x100));
        EXPECT_TRUE(handles.insert(handle).second);
        EXPECT_TRUE(table.remove(handle));
    }
    const auto none = table.add(make_sa(outbound(0x100)));
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code, ErrorCode::kTooManySas);
    EXPECT_EQ(none.error().text,
              "Every handle was given out once; the gateway must be started again.");
}

TEST(SaTable, RefusesMoreSasThanPlaces) {
    SaTable table(4);
    SaHandle last = kNoSa;
    for (std::uint32_t spi = 0x100; spi < 0x104; ++spi) {
        last = added(table, outbound(spi));
    }
    const auto fifth = table.add(make_sa(outbound(0x104)));
    ASSERT_FALSE(fifth.ok());
    EXPECT_EQ(fifth.error().code, ErrorCode::kTooManySas);
    EXPECT_EQ(fifth.error().text, "There are 4 SAs, as many as the gateway holds.");
    EXPECT_TRUE(table.remove(last));
    added(table, outbound(0x104));
}

TEST(SaTable, ListsInTheOrderOfPlaces) {
    SaTable table(8);
    const SaHandle first = added(table, outbound(0x109));
    added(table, outbound(0x105));
    added(table, outbound(0x107));
    EXPECT_TRUE(table.remove(first));
    std::vector<std::uint32_t> spis;
    for (const Sa* const sa : table.all()) {
        spis.push_back(sa->spi);
    }
    EXPECT_EQ(spis, (std::vector<std::uint32_t>{0x105, 0x107}));
}

// --- bundles

class SaTableBundle : public ::testing::Test {
  protected:
    SaTable table_{16};
    SaHandle outer_ = added(table_, bundled(ah(0x200)));
    SaHandle inner_ = added(table_, make_sa(outbound(0x100)), outer_);
};

TEST_F(SaTableBundle, TheInnerSaIsFoundAndLeadsToTheOuter) {
    const Sa* const inner = table_.find(by_peer(config::kAnyRule));
    ASSERT_NE(inner, nullptr);
    EXPECT_EQ(inner, table_.find(inner_));
    EXPECT_EQ(inner->outer, table_.find(outer_));
    EXPECT_EQ(table_.find(by_spi(0x200, kPeer, IpsecProtocol::kAh)), inner->outer);
}

TEST_F(SaTableBundle, TheOuterSaIsNeverFoundByPeer) {
    SaTable table(16);
    added(table, bundled(ah(0x200)));
    EXPECT_EQ(table.find(by_peer(config::kAnyRule)), nullptr);
}

TEST_F(SaTableBundle, RemovingTheInnerRemovesBoth) {
    EXPECT_TRUE(table_.remove(inner_));
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_EQ(table_.find(inner_), nullptr);
    EXPECT_EQ(table_.find(outer_), nullptr);
    EXPECT_EQ(table_.find(by_peer(config::kAnyRule)), nullptr);
    EXPECT_EQ(table_.find(by_spi(0x200, kPeer, IpsecProtocol::kAh)), nullptr);
    EXPECT_EQ(table_.reclaim(Publication(1)), 0U);
}

TEST_F(SaTableBundle, RemovingTheOuterRemovesBoth) {
    EXPECT_TRUE(table_.remove(outer_));
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_EQ(table_.find(by_peer(config::kAnyRule)), nullptr);
    EXPECT_FALSE(table_.remove(inner_));
}

TEST_F(SaTableBundle, RetiringEitherHalfRetiresTheInner) {
    const SaHandle older = added(table_, outbound(0x300));
    const SaHandle outer = added(table_, bundled(ah(0x201)));
    const SaHandle inner = added(table_, make_sa(outbound(0x101)), outer);
    EXPECT_TRUE(table_.retire(outer));
    EXPECT_EQ(spi_of(table_, by_peer(config::kAnyRule)), 0x300U);
    EXPECT_TRUE(table_.retire(inner));
    EXPECT_NE(table_.find(inner)->outer, nullptr) << "for packets that are under way";
    EXPECT_TRUE(table_.retire(older));
    EXPECT_EQ(spi_of(table_, by_peer(config::kAnyRule)), 0x100U);
    EXPECT_TRUE(table_.retire(inner_));
    EXPECT_EQ(spi_of(table_, by_peer(config::kAnyRule)), 0U);
    EXPECT_TRUE(table_.remove(outer));
    EXPECT_EQ(table_.find(inner), nullptr);
    EXPECT_EQ(table_.size(), 3U);
    EXPECT_FALSE(table_.retire(added(table_, bundled(ah(0x400))))) << "nothing is within";
}

TEST(SaTable, APlaceForgetsWhatLayWithin) {
    SaTable table(2);  // the outer SA comes to each place in turn
    for (int i = 0; i < 4; ++i) {
        const SaHandle outer = added(table, bundled(ah(0x200)));
        added(table, make_sa(outbound(0x100)), outer);
        EXPECT_TRUE(table.remove(outer));
    }
}

TEST_F(SaTableBundle, AnOuterSaWithoutInnerIsRemovedAlone) {
    const SaHandle alone = added(table_, bundled(ah(0x300)));
    EXPECT_TRUE(table_.remove(alone));
    EXPECT_EQ(table_.size(), 2U);
    EXPECT_NE(table_.find(inner_), nullptr);
}

TEST_F(SaTableBundle, RefusesWhatMakesNoBundle) {
    const SaHandle free_outer = added(table_, bundled(ah(0x300)));
    const SaHandle plain_ah = added(table_, ah(0x301));
    const SaHandle removed = added(table_, bundled(ah(0x302)));
    EXPECT_TRUE(table_.remove(removed));
    struct Row {
        const char* name;
        SaSpec inner;
        SaHandle outer;
        ErrorCode expected;
    };
    const Row rows[] = {
        {"outer removed", outbound(0x400), removed, ErrorCode::kSaNotFound},
        {"outer is an ESP SA", outbound(0x400), inner_, ErrorCode::kBadSa},
        {"outer stands alone", outbound(0x400), plain_ah, ErrorCode::kBadSa},
        {"outer has an inner", outbound(0x400), outer_, ErrorCode::kBadSa},
        {"inner is an AH SA", ah(0x400), free_outer, ErrorCode::kBadSa},
        {"directions differ", inbound(outbound(0x400)), free_outer, ErrorCode::kBadSa},
        {"families differ", outbound(0x400, kPeer6), free_outer, ErrorCode::kBadSa},
    };
    const std::size_t before = table_.size();
    for (const Row& row : rows) {
        const auto handle = table_.add(make_sa(row.inner), row.outer);
        ASSERT_FALSE(handle.ok()) << row.name;
        EXPECT_EQ(handle.error().code, row.expected) << row.name;
        EXPECT_EQ(table_.size(), before) << row.name;
    }
    added(table_, make_sa(outbound(0x400)), free_outer);
}

// --- grace

TEST(SaTableGrace, KeepsARemovedSaUntilEveryReaderIsQuiescent) {
    Publication publication(2);
    Publication::Reader first(publication, 0);
    Publication::Reader second(publication, 1);
    first.online();
    second.online();
    SaTable table(4);
    const SaHandle handle = added(table, outbound(0x100));
    Sa* const held = table.find(handle);
    EXPECT_TRUE(table.remove(handle));
    EXPECT_EQ(table.reclaim(publication), 1U);
    second.quiescent();
    EXPECT_EQ(table.reclaim(publication), 1U);
    held->bytes += 1;  // still ours
    EXPECT_EQ(held->spi, 0x100U);
    first.quiescent();
    EXPECT_EQ(table.reclaim(publication), 0U);
}

TEST(SaTableGrace, AQuiescentStateBeforeTheRemovalDoesNotCount) {
    Publication publication(1);
    Publication::Reader reader(publication, 0);
    reader.online();
    SaTable table(4);
    const SaHandle first = added(table, outbound(0x100));
    const SaHandle second = added(table, outbound(0x101));
    EXPECT_TRUE(table.remove(first));
    EXPECT_EQ(table.reclaim(publication), 1U);
    reader.quiescent();
    EXPECT_TRUE(table.remove(second));
    EXPECT_EQ(table.reclaim(publication), 1U) << "the first is gone, the second waits";
    reader.quiescent();
    EXPECT_EQ(table.reclaim(publication), 0U);
}

TEST(SaTableGrace, WhatWaitsIsFreedWithTheTable) {
    Publication publication(1);
    Publication::Reader reader(publication, 0);
    reader.online();
    SaTable table(4);
    added(table, outbound(0x100));
    EXPECT_TRUE(table.remove(added(table, outbound(0x101))));
    EXPECT_EQ(table.reclaim(publication), 1U);
    EXPECT_TRUE(table.remove(added(table, outbound(0x102))));
    // AddressSanitizer sees what is left.
}

// A worker may stand on an SA when it is retired or removed, and must reach what is behind it in
// the chain.
TEST(SaTableGrace, ARemovedSaStillLeadsOn) {
    SaTable table(64);
    std::vector<SaHandle> handles;
    for (std::uint32_t spi = 0x100; spi < 0x140; ++spi) {
        handles.push_back(added(table, for_rule(spi, spi)));
    }
    std::size_t led_on_by_spi = 0;
    std::size_t led_on_by_peer = 0;
    std::reverse(handles.begin(), handles.end());  // the latest heads its chain
    for (const SaHandle handle : handles) {
        Sa* const sa = table.find(handle);
        Sa* const behind_spi = sa->next_by_spi;
        Sa* const behind_peer = sa->next_by_peer;
        EXPECT_TRUE(table.retire(handle));
        EXPECT_EQ(sa->next_by_peer, behind_peer);
        EXPECT_TRUE(table.remove(handle));
        EXPECT_EQ(sa->next_by_spi, behind_spi);
        EXPECT_EQ(sa->next_by_peer, behind_peer);
        led_on_by_spi += behind_spi != nullptr ? 1 : 0;
        led_on_by_peer += behind_peer != nullptr ? 1 : 0;
    }
    EXPECT_GT(led_on_by_spi, 0U);
    EXPECT_GT(led_on_by_peer, 0U);
}

// --- many

TEST(SaTable, HoldsAHundredThousand) {
    constexpr std::uint32_t kSas = 100'000;
    SaTable table(1U << 17U);
    const auto spec = [](std::uint32_t i) {
        return for_rule(0x1000 + i / 3, i % 1000, IpAddress::v4(0x0B000000 + i));
    };
    std::vector<SaHandle> handles;
    for (std::uint32_t i = 0; i < kSas; ++i) {
        handles.push_back(added(table, spec(i)));
    }
    EXPECT_EQ(table.size(), kSas);
    const auto expect = [&](std::uint32_t i, bool present) {
        const SaSpec wanted = spec(i);
        Sa* const sa = table.find(handles[i]);
        ASSERT_EQ(sa != nullptr, present) << i;
        ASSERT_EQ(table.find(by_spi(wanted.spi, wanted.destination)), sa) << i;
        ASSERT_EQ(table.find(by_peer(wanted.rule, wanted.destination)), sa) << i;
    };
    for (std::uint32_t i = 0; i < kSas; ++i) {
        ASSERT_NO_FATAL_FAILURE(expect(i, true));
    }
    for (std::uint32_t i = 0; i < kSas; i += 2) {
        ASSERT_TRUE(table.remove(handles[i]));
    }
    for (std::uint32_t i = 0; i < kSas; ++i) {
        ASSERT_NO_FATAL_FAILURE(expect(i, i % 2 == 1));
    }
    EXPECT_EQ(table.all().size(), kSas / 2);
    EXPECT_EQ(table.reclaim(Publication(1)), 0U);
    for (std::uint32_t i = 0; i < kSas; i += 2) {
        handles[i] = added(table, spec(i));
    }
    for (std::uint32_t i = 0; i < kSas; ++i) {
        ASSERT_NO_FATAL_FAILURE(expect(i, true));
    }
}

std::size_t longest_chain(const SaTable& table, std::atomic<Sa*> Sa::*next) {
    std::size_t longest = 0;
    for (const Sa* const sa : table.all()) {
        std::size_t length = 1;
        for (const Sa* at = sa->*next; at != nullptr; at = at->*next) {
            ++length;
        }
        longest = std::max(longest, length);
    }
    return longest;
}

// Numbers as peers really choose them: in sequence, in steps, and for addresses that differ in few
// bits. With as many SAs as chains, random ones are hardly ever longer than ten.
TEST(SaTable, ChainsStayShortForRegularNumbers) {
    constexpr std::uint32_t kSas = 4096;
    for (const std::uint32_t spi_step : {0U, 1U, 256U, 0x10000U}) {
        for (const std::uint32_t address_step : {1U, 256U, 0x10000U}) {
            SaTable table(kSas);
            for (std::uint32_t i = 0; i < kSas; ++i) {
                added(table,
                      for_rule(0x1000 + i * spi_step, 3, IpAddress::v4(1 + i * address_step)));
            }
            EXPECT_LE(longest_chain(table, &Sa::next_by_spi), 14U)
                << spi_step << ", " << address_step;
            EXPECT_LE(longest_chain(table, &Sa::next_by_peer), 14U)
                << spi_step << ", " << address_step;
        }
    }
}

TEST(SaTable, WhichSasShareAChainDiffersFromTableToTable) {
    const auto followers = [] {
        SaTable table(256);
        std::vector<std::uint32_t> spis;
        for (std::uint32_t spi = 0x100; spi < 0x200; ++spi) {
            added(table, outbound(spi));
        }
        for (const Sa* const sa : table.all()) {
            const Sa* const next = sa->next_by_spi;
            spis.push_back(next == nullptr ? 0 : next->spi);
        }
        return spis;
    };
    EXPECT_NE(followers(), followers());
}

// --- readers while control writes

constexpr unsigned kReaders = 3;
constexpr std::uint32_t kStable = 64;
constexpr std::uint32_t kPassing = 64;

// One turn of a worker: what stays must be found, what comes and goes must be whole.
void look_up_all(const SaTable& table, const std::vector<SaHandle>& stable) {
    for (std::uint32_t i = 0; i < kStable; ++i) {
        const Sa* const sa = table.find(by_spi(0x1000 + i, kPeer));
        ASSERT_NE(sa, nullptr);
        ASSERT_EQ(sa->spi, 0x1000 + i);
        ASSERT_EQ(table.find(stable[i]), sa);
        ASSERT_TRUE(
            dataplane::same_address(sa->family, dataplane::peer_address(*sa), kPeer.bytes.data()));
        ASSERT_NE(dataplane::udp_ports(*sa).destination_port, 0);
        // A rekeyed rule always has an SA: the stable one or a later one.
        const Sa* const current = table.find(by_peer(1 + i));
        ASSERT_NE(current, nullptr);
        ASSERT_EQ(current->rule, 1 + i);
    }
    for (std::uint32_t i = 0; i < kPassing; ++i) {
        Sa* const sa = table.find(by_spi(0x2000 + i, kPeer));
        if (sa != nullptr) {
            ASSERT_EQ(sa->spi, 0x2000 + i);
            ASSERT_EQ(sa->destination, kPeer.bytes);
            sa->packets.fetch_add(1, std::memory_order_relaxed);
            const Sa* const same = table.find(sa->handle);
            ASSERT_TRUE(same == nullptr || same == sa);
        }
    }
}

// For TSan and ASan above all. Few chains, so that many are changed while they are walked.
TEST(SaTableThreads, ReadersFindWhatStaysWhileOthersComeAndGo) {
    Publication publication(kReaders);
    SaTable table(128);
    std::vector<SaHandle> stable;
    for (std::uint32_t i = 0; i < kStable; ++i) {
        SaSpec spec = for_rule(0x1000 + i, 1 + i);
        spec.encapsulation.emplace();
        stable.push_back(added(table, spec));
    }
    std::atomic<bool> stop{false};
    std::atomic<unsigned> turning{0};
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kReaders; ++id) {
        threads.emplace_back([&, id] {
            Publication::Reader reader(publication, id);
            reader.online();
            turning.fetch_add(1);
            while (!stop.load(std::memory_order_relaxed)) {
                look_up_all(table, stable);
                reader.quiescent();
            }
            reader.offline();
        });
    }
    while (turning.load() != kReaders) {
        std::this_thread::yield();
    }
    std::vector<SaHandle> passing(kPassing, kNoSa);
    for (std::uint32_t i = 0; i < 6000; ++i) {
        const std::uint32_t which = i * 7 % kPassing;
        if (passing[which] != kNoSa) {
            EXPECT_TRUE(table.remove(passing[which]));
        }
        // As rekeying does: it stays for a while, out of the sight of new packets.
        if (const SaHandle older = passing[(which + 7) % kPassing]; older != kNoSa) {
            EXPECT_TRUE(table.retire(older));
        }
        EXPECT_TRUE(table.move_peer(stable[i % kStable], kPeer, static_cast<std::uint16_t>(1 + i)));
        passing[which] = added(table, for_rule(0x2000 + which, 1 + which % kStable));
        table.reclaim(publication);
    }
    while (table.reclaim(publication) != 0) {
        std::this_thread::yield();
    }
    stop = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(table.size(), kStable + kPassing);
}

}  // namespace
