// SaManager with a clock of its own: bundles, limits of time, events of workers, totals.
#include "control/sa_manager.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace {

using config::IpAddress;
using config::IpsecProtocol;
using config::SaDirection;
using config::SaMode;
using config::SaSpec;
using control::SaReport;
using control::SaRequest;
using control::SaState;
using dataplane::Event;
using dataplane::EventKind;
using dataplane::Sa;
using dataplane::SaExpiry;

const IpAddress kMe = IpAddress::v4(0xC0000201);
const IpAddress kPeer = IpAddress::v4(0xC6336401);

SaSpec spec_of(std::uint32_t spi, SaDirection direction = SaDirection::kOutbound) {
    const bool out = direction == SaDirection::kOutbound;
    SaSpec spec;
    spec.direction = direction;
    spec.spi = spi;
    spec.source = out ? kMe : kPeer;
    spec.destination = out ? kPeer : kMe;
    spec.cipher = config::Cipher::kAes128;
    spec.cipher_key = config::SecretBytes(std::string_view("0123456789abcdef"));
    spec.hash = config::Hash::kSha1;
    spec.auth_key = config::SecretBytes(std::string_view("0123456789abcdef0123"));
    return spec;
}

SaRequest request_of(const SaSpec& spec) {
    return {{spec, std::nullopt}, {}};
}

SaRequest bundle_of(std::uint32_t esp, std::uint32_t ah) {
    SaRequest request = request_of(spec_of(esp));
    SaSpec outer = spec_of(ah);
    outer.protocol = IpsecProtocol::kAh;
    outer.cipher = config::Cipher::kNone;
    outer.cipher_key = {};
    request.sas.outer = outer;
    return request;
}

class SaManagerTest : public testing::Test {
  protected:
    static constexpr std::uint64_t kHz = 1000;

    void pass(std::uint64_t seconds) { clock.now += seconds * kHz; }
    // Ticks as often as the manager asks for it.
    void run_for(std::uint64_t seconds) {
        const std::uint64_t end = clock.now + seconds * kHz;
        for (auto next = manager.next_tick(clock); next && *next <= end;
             next = manager.next_tick(clock)) {
            clock.now = std::max(clock.now, *next);
            manager.tick(clock);
        }
        clock.now = end;
    }
    Sa* find(const SaSpec& spec) {
        return table.find(dataplane::SpiKey{
            spec.spi, spec.protocol, spec.destination.family, spec.destination.bytes.data()});
    }
    void count(const SaSpec& spec, std::uint64_t bytes) {
        find(spec)->packets.fetch_add(1);
        find(spec)->bytes.fetch_add(bytes);
    }
    void raise(EventKind kind, const SaSpec& spec) {
        Event event;
        event.kind = kind;
        event.sa = find(spec)->handle;
        manager.handle(event, clock);
    }

    dataplane::TscClock clock{.now = 5'000'000, .hz = kHz};
    dataplane::SaTable table{64};
    crypto::EngineChoice engines = crypto::EngineChoice::only(crypto::Engine::kOpenssl);
    dataplane::Publication publication{1};
    std::vector<std::string> lifetime;
    std::vector<std::string> audit;
    control::SaManager manager{
        table,
        engines,
        publication,
        {.lifetime = [this](std::string_view line) { lifetime.emplace_back(line); },
         .audit = [this](std::string_view line) { audit.emplace_back(line); }}};
};

TEST_F(SaManagerTest, ReportsWhatWasAddedWithoutKeys) {
    SaSpec spec = spec_of(300, SaDirection::kInbound);
    spec.lifetime = {900, 1000, 90, 100};
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    count(spec, 250);
    find(spec)->last_used = clock.now;
    find(spec)->replayed = 2;
    find(spec)->bad_icv = 3;
    find(spec)->malformed = 4;
    find(spec)->policy_mismatch = 5;
    find(spec)->expired = 6;
    pass(7);
    find(spec)->path_mtu = 1400;
    find(spec)->path_mtu_until = clock.now + 1;
    const std::vector<SaReport> reports = manager.reports(clock);
    ASSERT_EQ(reports.size(), 1U);
    const SaReport& report = reports[0];
    EXPECT_EQ(report.spec.spi, 300U);
    EXPECT_TRUE(report.spec.cipher_key.empty());
    EXPECT_TRUE(report.spec.auth_key.empty());
    EXPECT_EQ(report.state, SaState::kActive);
    EXPECT_EQ(report.packets, 1U);
    EXPECT_EQ(report.bytes, 250U);
    EXPECT_EQ(report.seconds_left, 93U);
    EXPECT_EQ(report.idle_seconds, 7U);
    EXPECT_EQ(report.replayed, 2U);
    EXPECT_EQ(report.bad_icv, 3U);
    EXPECT_EQ(report.malformed, 4U);
    EXPECT_EQ(report.policy_mismatch, 5U);
    EXPECT_EQ(report.refused, 6U);
    EXPECT_EQ(report.path_mtu, 1400U);
    pass(1);
    EXPECT_EQ(manager.reports(clock)[0].path_mtu, 0U) << "what is too old to be used is not shown";
}

TEST_F(SaManagerTest, AnSaWithoutLimitNeverWakesTheOwner) {
    ASSERT_TRUE(manager.add(request_of(spec_of(300)), clock));
    EXPECT_FALSE(manager.next_tick(clock));
    EXPECT_FALSE(manager.reports(clock)[0].seconds_left);
    EXPECT_FALSE(manager.reports(clock)[0].idle_seconds);
}

TEST_F(SaManagerTest, TheSameSpiIsRefusedAndChangesNothing) {
    ASSERT_TRUE(manager.add(request_of(spec_of(300)), clock));
    const auto again = manager.add(request_of(spec_of(300)), clock);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, config::ErrorCode::kSaExists);
    EXPECT_EQ(manager.totals().added, 1U);
    EXPECT_EQ(manager.reports(clock).size(), 1U);
}

TEST_F(SaManagerTest, ABundleIsTwoSasThatGoTogether) {
    const SaRequest bundle = bundle_of(300, 301);
    for (const std::uint32_t spi : {300U, 301U}) {
        ASSERT_TRUE(manager.add(bundle, clock));
        const auto reports = manager.reports(clock);
        ASSERT_EQ(reports.size(), 2U);
        EXPECT_EQ(reports[0].spec.spi, 301U);
        EXPECT_EQ(reports[0].bundled_with, 300U);
        EXPECT_EQ(reports[1].spec.spi, 300U);
        EXPECT_EQ(reports[1].bundled_with, 301U);
        EXPECT_EQ(find(bundle.sas.sa)->outer, find(*bundle.sas.outer));
        EXPECT_TRUE(find(*bundle.sas.outer)->within_bundle);
        EXPECT_EQ(manager.remove({spi, std::nullopt}), 2U);
        EXPECT_TRUE(manager.reports(clock).empty());
        EXPECT_EQ(table.size(), 0U);
    }
    EXPECT_EQ(manager.totals().added, 4U);
    EXPECT_EQ(manager.totals().deleted, 4U);
}

TEST_F(SaManagerTest, ABundleWhoseHalfFailsLeavesNothing) {
    ASSERT_TRUE(manager.add(request_of(spec_of(300)), clock));
    EXPECT_FALSE(manager.add(bundle_of(300, 301), clock)) << "the ESP half exists";
    SaRequest short_key = bundle_of(400, 401);
    short_key.sas.sa.cipher_key = config::SecretBytes(std::string_view("short"));
    EXPECT_FALSE(manager.add(short_key, clock));
    SaRequest no_key = bundle_of(500, 501);
    no_key.sas.outer->auth_key = {};
    EXPECT_FALSE(manager.add(no_key, clock));
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(manager.reports(clock).size(), 1U);
    EXPECT_EQ(manager.remove({301, std::nullopt}), 0U);
    EXPECT_EQ(manager.totals().added, 1U);
}

struct SelectionRow {
    const char* name;
    control::SaSelection selection;
    std::size_t removed;
};

TEST_F(SaManagerTest, RemovesWhatIsSelected) {
    const SelectionRow rows[] = {
        {"everything", {}, 3},
        {"an SPI in both directions", {300, std::nullopt}, 2},
        {"an SPI and its destination", {300, kPeer}, 1},
        {"a destination", {std::nullopt, kMe}, 1},
        {"another SPI", {302, std::nullopt}, 0},
        {"another destination", {300, IpAddress::v4(1)}, 0},
    };
    for (const SelectionRow& row : rows) {
        ASSERT_TRUE(manager.add(request_of(spec_of(300)), clock));
        ASSERT_TRUE(manager.add(request_of(spec_of(300, SaDirection::kInbound)), clock));
        ASSERT_TRUE(manager.add(request_of(spec_of(301)), clock));
        EXPECT_EQ(manager.remove(row.selection), row.removed) << row.name;
        EXPECT_EQ(manager.reports(clock).size(), 3 - row.removed) << row.name;
        manager.remove({});
    }
}

TEST_F(SaManagerTest, TimeLimitsAreAnnouncedReachedAndListedEachOnce) {
    SaSpec spec = spec_of(300);
    spec.lifetime = {0, 0, 90, 100};
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    run_for(89);
    EXPECT_TRUE(lifetime.empty());
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kActive);
    run_for(2);
    ASSERT_EQ(lifetime.size(), 1U);
    EXPECT_EQ(lifetime[0],
              "event=sa-expires-soon direction=outbound protocol=esp spi=0x0000012c "
              "source=192.0.2.1 destination=198.51.100.1 action=\"install a successor\"");
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kExpiring);
    run_for(9);
    ASSERT_EQ(lifetime.size(), 2U);
    EXPECT_EQ(lifetime[1],
              "event=sa-expired direction=outbound protocol=esp spi=0x0000012c source=192.0.2.1 "
              "destination=198.51.100.1");
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kExpired);
    EXPECT_EQ(manager.reports(clock)[0].seconds_left, 0U);
    run_for(59);
    EXPECT_EQ(manager.reports(clock).size(), 1U) << "listed for a minute";
    run_for(2);
    EXPECT_TRUE(manager.reports(clock).empty());
    EXPECT_EQ(lifetime.size(), 2U);
    EXPECT_EQ(manager.totals().deleted, 1U);
    EXPECT_FALSE(manager.next_tick(clock));
}

TEST_F(SaManagerTest, WhatAWorkerRaisedIsNotRaisedAgain) {
    SaSpec spec = spec_of(300);
    spec.lifetime = {0, 0, 90, 100};
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    pass(90);
    ASSERT_EQ(dataplane::take_expiry(*find(spec), clock.now), dataplane::SaExpiry::kSoft);
    raise(EventKind::kSoftExpired, spec);
    manager.tick(clock);
    EXPECT_EQ(lifetime.size(), 1U);
    pass(10);
    ASSERT_EQ(dataplane::take_expiry(*find(spec), clock.now), dataplane::SaExpiry::kHard);
    manager.tick(clock);
    EXPECT_EQ(lifetime.size(), 1U) << "the worker's event is under way";
    raise(EventKind::kHardExpired, spec);
    raise(EventKind::kHardExpired, spec);
    EXPECT_EQ(lifetime.size(), 2U);
}

TEST_F(SaManagerTest, ByteLimitsComeFromWorkers) {
    SaSpec spec = spec_of(300);
    spec.lifetime = {900, 1000, 0, 0};
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    EXPECT_FALSE(manager.next_tick(clock));
    count(spec, 1000);
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kExpired);
    raise(EventKind::kHardExpired, spec);
    EXPECT_EQ(manager.next_tick(clock), clock.now + 60 * kHz);
    run_for(60);
    EXPECT_TRUE(manager.reports(clock).empty());
}

TEST_F(SaManagerTest, AnExpiredSaMakesRoomForItsSuccessor) {
    SaSpec spec = spec_of(300);
    spec.lifetime = {0, 0, 90, 100};
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    run_for(101);
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    ASSERT_EQ(manager.reports(clock).size(), 1U);
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kActive);
    run_for(80);
    EXPECT_EQ(manager.reports(clock).size(), 1U) << "the removal of the one before is not its own";
}

TEST_F(SaManagerTest, ABundleExpiresAsAWhole) {
    SaRequest bundle = bundle_of(300, 301);
    bundle.sas.sa.lifetime = {0, 0, 90, 100};
    ASSERT_TRUE(manager.add(bundle, clock));
    run_for(101);
    for (const SaReport& report : manager.reports(clock)) {
        EXPECT_EQ(report.state, SaState::kExpired) << report.spec.spi;
    }
    EXPECT_EQ(lifetime.size(), 2U);
    run_for(60);
    EXPECT_EQ(table.size(), 0U);
}

// --- SAs of IKE

class SaManagerChildTest : public SaManagerTest {
  protected:
    struct Told {
        std::uint64_t child;
        SaExpiry limit;

        friend bool operator==(const Told&, const Told&) = default;
    };

    SaManagerChildTest() {
        manager.set_owner([this](std::uint64_t child, SaExpiry limit) {
            told.push_back({child, limit});
            if (limit == SaExpiry::kHard && removes) {
                manager.remove_child(child);
            }
        });
    }
    void add(SaSpec spec, std::uint64_t child, config::SaLifetime limits = {}) {
        spec.lifetime = limits;
        SaRequest request = request_of(spec);
        request.child = child;
        ASSERT_TRUE(manager.add(request, clock));
    }
    // SPIs `first` out and `first` + 1 in.
    void add_pair(std::uint32_t first, std::uint64_t child, config::SaLifetime limits = {}) {
        add(spec_of(first), child, limits);
        add(spec_of(first + 1, SaDirection::kInbound), child, limits);
    }
    Sa* outbound_to_peer() {
        return table.find(dataplane::PeerKey{
            .mode = SaMode::kTransport, .family = kPeer.family, .peer = kPeer.bytes.data()});
    }

    std::vector<Told> told;
    bool removes = false;  // the owner, at the hard limit
};

TEST_F(SaManagerChildTest, AChildIsRemovedAsAWholeAndNoOther) {
    add_pair(300, 7);
    add_pair(302, 8);
    SaRequest bundle = bundle_of(400, 401);
    bundle.child = 7;
    ASSERT_TRUE(manager.add(bundle, clock));
    EXPECT_EQ(manager.reports(clock)[0].child, 7U);
    EXPECT_EQ(manager.remove_child(9), 0U);
    EXPECT_EQ(manager.remove_child(7), 4U);
    EXPECT_EQ(manager.remove_child(7), 0U);
    const std::vector<SaReport> left = manager.reports(clock);
    ASSERT_EQ(left.size(), 2U);
    for (const SaReport& report : left) {
        EXPECT_EQ(report.child, 8U);
    }
    EXPECT_TRUE(told.empty()) << "the owner knows";
}

TEST_F(SaManagerChildTest, EachLimitIsToldOnceForAllSasOfTheChildAndNotLogged) {
    add_pair(300, 7, {0, 0, 90, 100});
    run_for(89);
    EXPECT_TRUE(told.empty());
    run_for(2);
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kSoft}}));
    raise(EventKind::kSoftExpired, spec_of(300));
    run_for(10);
    raise(EventKind::kHardExpired, spec_of(301, SaDirection::kInbound));
    raise(EventKind::kSoftExpired, spec_of(300));
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kSoft}, {7, SaExpiry::kHard}}));
    EXPECT_TRUE(lifetime.empty());
    run_for(120);
    EXPECT_EQ(manager.reports(clock).size(), 2U) << "when they go is the owner's decision";
    EXPECT_EQ(manager.reports(clock)[0].state, SaState::kExpired);
    EXPECT_EQ(manager.remove_child(7), 2U);
}

TEST_F(SaManagerChildTest, AWorkersHardLimitPrecedesTheSoftOneOfTheOtherSa) {
    add_pair(300, 7, {900, 1000, 0, 0});
    raise(EventKind::kHardExpired, spec_of(300));
    raise(EventKind::kSoftExpired, spec_of(301, SaDirection::kInbound));
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kHard}}));
}

TEST_F(SaManagerChildTest, TheOwnerMayRemoveTheChildInTheCall) {
    removes = true;
    add_pair(300, 7, {0, 0, 90, 100});
    add_pair(302, 8, {0, 0, 90, 100});
    run_for(101);
    EXPECT_EQ(told.size(), 4U);
    EXPECT_TRUE(manager.reports(clock).empty());
    EXPECT_FALSE(manager.next_tick(clock)) << "nothing of them is due any more";
}

TEST_F(SaManagerChildTest, WhatAnOperatorDeletesIsToldItsOwner) {
    removes = true;
    add_pair(300, 7);
    add_pair(302, 8);
    EXPECT_EQ(manager.remove({.spi = 300, .destination = std::nullopt}), 1U);
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kHard}}));
    EXPECT_EQ(manager.reports(clock).size(), 2U) << "the owner removed the other half";
    EXPECT_EQ(manager.remove({}), 2U);
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kHard}, {8, SaExpiry::kHard}}));
}

TEST_F(SaManagerChildTest, ARetiredSaGivesWayAndIsStillListed) {
    add_pair(300, 7);
    add_pair(302, 8);
    EXPECT_EQ(outbound_to_peer()->spi, 302U);
    manager.retire_outbound(8);
    EXPECT_EQ(outbound_to_peer()->spi, 300U);
    manager.retire_outbound(7);
    EXPECT_EQ(outbound_to_peer(), nullptr);
    EXPECT_EQ(manager.reports(clock).size(), 4U);
    EXPECT_NE(find(spec_of(301, SaDirection::kInbound)), nullptr);
    EXPECT_EQ(manager.remove_child(7), 2U);
    EXPECT_EQ(manager.remove_child(8), 2U);
}

TEST_F(SaManagerChildTest, AChildInUdpFollowsItsPeer) {
    for (const SaMode mode : {SaMode::kTransport, SaMode::kTunnel}) {
        for (SaSpec spec : {spec_of(300), spec_of(301, SaDirection::kInbound)}) {
            spec.encapsulation.emplace();
            spec.mode = mode;
            add(spec, 7);
        }
        EXPECT_TRUE(manager.move_peer(7, kPeer, 40001));
        EXPECT_TRUE(manager.move_peer(7, kPeer, 40002));
        EXPECT_TRUE(manager.next_tick(clock)) << "to free where it was before";
        const SaReport report = manager.reports(clock)[0];
        EXPECT_EQ(report.spec.encapsulation->destination_port, 40002);
        EXPECT_EQ(dataplane::udp_ports(*find(spec_of(300))).destination_port, 40002);
        const IpAddress elsewhere = IpAddress::v4(0xC6336402);
        EXPECT_EQ(manager.move_peer(7, elsewhere, 40002), mode == SaMode::kTunnel);
        EXPECT_EQ(manager.reports(clock)[0].spec.destination,
                  mode == SaMode::kTunnel ? elsewhere : kPeer);
        EXPECT_EQ(manager.remove_child(7), 2U);
    }
    EXPECT_FALSE(manager.move_peer(7, kPeer, 40001));
}

TEST_F(SaManagerChildTest, ASoftSaIsAChildLikeOthersAndNoAssociation) {
    SaSpec soft;
    soft.source = kMe;
    soft.destination = kPeer;
    soft.soft = true;
    for (const std::uint64_t child : {7U, 8U}) {
        add(soft, child, {0, 0, 0, 100});
    }
    EXPECT_TRUE(outbound_to_peer()->soft);
    EXPECT_TRUE(manager.reports(clock)[0].spec.soft);
    outbound_to_peer()->packets = 5;
    outbound_to_peer()->bytes = 500;
    EXPECT_EQ(manager.use_of(8, clock).packets_out, 5U);
    EXPECT_EQ(manager.remove_child(8), 1U);
    EXPECT_EQ(table.size(), 1U);
    run_for(101);
    EXPECT_EQ(told, (std::vector<Told>{{7, SaExpiry::kHard}}));
    EXPECT_EQ(manager.remove({}), 1U) << "by an operator who deletes all SAs";
    const control::SaTotals totals = manager.totals();
    EXPECT_EQ(totals.active + totals.added + totals.deleted + totals.transport.sent, 0U);
}

TEST_F(SaManagerChildTest, UseIsThatOfBothDirectionsAndOfABundleOnce) {
    SaRequest bundle = bundle_of(300, 301);
    bundle.child = 7;
    ASSERT_TRUE(manager.add(bundle, clock));
    add(spec_of(302, SaDirection::kInbound), 7);
    const auto none = manager.use_of(7, clock);
    EXPECT_EQ(none.packets_in + none.packets_out, 0U);
    EXPECT_FALSE(none.idle_in_seconds);
    EXPECT_FALSE(none.idle_out_seconds);
    SaSpec ah = spec_of(301);
    ah.protocol = IpsecProtocol::kAh;
    for (const SaSpec& spec : {spec_of(300), ah}) {
        find(spec)->packets = 5;
        find(spec)->last_used = clock.now;
    }
    pass(20);
    find(spec_of(302, SaDirection::kInbound))->packets = 3;
    find(spec_of(302, SaDirection::kInbound))->last_used = clock.now;
    pass(10);
    const auto use = manager.use_of(7, clock);
    EXPECT_EQ(use.packets_out, 5U);
    EXPECT_EQ(use.packets_in, 3U);
    EXPECT_EQ(use.idle_out_seconds, 30U);
    EXPECT_EQ(use.idle_in_seconds, 10U);
    EXPECT_EQ(manager.use_of(8, clock).packets_in, 0U);
}

TEST_F(SaManagerChildTest, ANewSpiIsNobodysYet) {
    std::vector<std::uint32_t> numbers = {300, 301, 5000, 5000, 5001};
    control::SaManager other{table, engines, publication, {}, control::SpiPool([&numbers] {
                                 const std::uint32_t next = numbers.front();
                                 numbers.erase(numbers.begin());
                                 return next;
                             })};
    ASSERT_TRUE(other.add(request_of(spec_of(300)), clock));
    ASSERT_TRUE(other.add(request_of(spec_of(301, SaDirection::kInbound)), clock));
    EXPECT_EQ(other.new_spi(clock), 5000U);
    EXPECT_EQ(other.new_spi(clock), 5001U);
}

// With so many a walk over all SAs in any of these would be felt.
TEST(SaManagerScale, TwentyThousandSas) {
    constexpr std::uint32_t kChildren = 10'000;
    dataplane::TscClock clock{.now = 1'000, .hz = 1'000};
    dataplane::SaTable table;
    const auto engines = crypto::EngineChoice::only(crypto::Engine::kOpenssl);
    dataplane::Publication publication{1};
    control::SaManager manager{table, engines, publication, {}};
    std::uint64_t expired = 0;
    manager.set_owner(
        [&](std::uint64_t child, SaExpiry) { expired += manager.remove_child(child); });
    for (std::uint32_t child = 1; child <= kChildren; ++child) {
        for (const SaDirection direction : {SaDirection::kOutbound, SaDirection::kInbound}) {
            SaSpec spec = spec_of(0x1000 + 2 * child, direction);
            spec.cipher = config::Cipher::kChaCha20Poly1305;
            spec.cipher_key = config::SecretBytes(std::string(36, 'k'));
            spec.hash = config::Hash::kNone;
            spec.auth_key = {};
            spec.lifetime.hard_seconds = 3600;
            (direction == SaDirection::kOutbound ? spec.destination : spec.source) =
                IpAddress::v4(0x0A000000 + child);
            SaRequest request = request_of(spec);
            request.child = child;
            ASSERT_TRUE(manager.add(request, clock));
        }
        ASSERT_NE(manager.new_spi(clock), 0U);
    }
    for (std::uint32_t child = 1; child <= kChildren; ++child) {
        EXPECT_EQ(manager.use_of(child, clock).packets_out, 0U);
        manager.retire_outbound(child);
        if (child % 2 == 0) {
            EXPECT_EQ(manager.remove_child(child), 2U);
        }
    }
    clock.now += 3601 * clock.hz;
    manager.tick(clock);
    EXPECT_EQ(expired, kChildren);
    EXPECT_EQ(table.size(), 0U);
}

TEST_F(SaManagerTest, EventsOfSasThatAreGoneSayNothing) {
    SaSpec spec = spec_of(300);
    ASSERT_TRUE(manager.add(request_of(spec), clock));
    Event event;
    event.sa = find(spec)->handle;
    manager.remove({});
    for (const EventKind kind : {EventKind::kSoftExpired, EventKind::kHardExpired}) {
        event.kind = kind;
        manager.handle(event, clock);
    }
    EXPECT_TRUE(lifetime.empty());
}

TEST_F(SaManagerTest, AuditLinesSayWhatTheRfcsWant) {
    Event event;
    event.kind = EventKind::kAudit;
    event.reason = dataplane::DropReason::kIcvMismatch;
    event.detail.audit.spi = 0x1234;
    event.detail.audit.sequence = 77;
    event.detail.audit.flow = 0xABCDE;
    event.source = *IpAddress::parse("2001:db8::2");
    event.address = *IpAddress::parse("2001:db8::1");
    manager.handle(event, clock);
    ASSERT_EQ(audit.size(), 1U);
    EXPECT_EQ(audit[0],
              "event=audit reason=icv-mismatch spi=0x00001234 sequence=77 source=2001:db8::2 "
              "destination=2001:db8::1 flow=0xabcde");
}

TEST_F(SaManagerTest, MemoryIsFreedWhenNoWorkerUsesItAnyMore) {
    dataplane::Publication::Reader worker(publication, 0);
    worker.online();
    ASSERT_TRUE(manager.add(request_of(spec_of(300)), clock));
    worker.quiescent();
    manager.remove({});
    ASSERT_TRUE(manager.next_tick(clock)) << "the worker may still see it";
    pass(1);
    manager.tick(clock);
    EXPECT_TRUE(manager.next_tick(clock));
    worker.quiescent();
    manager.tick(clock);
    EXPECT_FALSE(manager.next_tick(clock));
    worker.offline();
}

TEST_F(SaManagerTest, TotalsDoNotFallWhenSasGo) {
    SaSpec plain = spec_of(300);
    plain.cipher = config::Cipher::kNone;
    plain.cipher_key = {};
    SaSpec tunnel = spec_of(301, SaDirection::kInbound);
    tunnel.mode = SaMode::kTunnel;
    SaRequest bundle = bundle_of(302, 303);
    bundle.sas.sa.hash = config::Hash::kNone;
    bundle.sas.sa.auth_key = {};
    SaSpec aead = spec_of(304);
    aead.cipher = config::Cipher::kAesGcm128;
    aead.cipher_key = config::SecretBytes(std::string_view("0123456789abcdef0123"));
    aead.hash = config::Hash::kNone;
    aead.auth_key = {};
    ASSERT_TRUE(manager.add(request_of(plain), clock));
    ASSERT_TRUE(manager.add(request_of(tunnel), clock));
    ASSERT_TRUE(manager.add(bundle, clock));
    ASSERT_TRUE(manager.add(request_of(aead), clock));
    count(plain, 1);
    count(tunnel, 10);
    count(bundle.sas.sa, 100);
    count(*bundle.sas.outer, 144);
    count(aead, 1000);
    const control::SaTotals before = manager.totals();
    EXPECT_EQ(before.active, 5U);
    EXPECT_EQ(before.active_tunnels, 1U);
    EXPECT_EQ(manager.remove({}), 5U);
    const control::SaTotals after = manager.totals();
    EXPECT_EQ(after.active, 0U);
    EXPECT_EQ(after.active_tunnels, 0U);
    EXPECT_EQ(after.deleted, 5U);
    for (const control::SaTotals& totals : {before, after}) {
        EXPECT_EQ(totals.added, 5U);
        EXPECT_EQ(totals.confidential.sent, 1100U);
        EXPECT_EQ(totals.confidential.received, 10U);
        EXPECT_EQ(totals.authenticated.sent, 1101U);
        EXPECT_EQ(totals.authenticated.received, 10U);
        EXPECT_EQ(totals.transport.sent, 1101U);
        EXPECT_EQ(totals.transport.received, 0U);
        EXPECT_EQ(totals.tunnel.sent, 0U);
        EXPECT_EQ(totals.tunnel.received, 10U);
    }
}

}  // namespace
