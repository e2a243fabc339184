// The life of SAs: rekeying of both phases, deletes, dead peers, restarts, changed rules.
#include "tests/support/ike_ladder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using tests::Datagram;
using tests::Ladder;

Ladder& connect(Ladder& net) {
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.b.host.usable().size(), 1U);
    return net;
}

void use(tests::LadderGateway& gateway, std::uint64_t idle_in = 0, std::uint64_t idle_out = 0) {
    for (auto& [id, child] : gateway.host.children) {
        child.use = {1, 1, idle_in, idle_out};
    }
}

// --- Quick mode SAs

TEST(IkeLife, ASuccessorTakesOverBeforeTheOldOneGoes) {
    Ladder net;
    connect(net);
    const ChildId old_a = net.a.host.usable().front();
    const ChildId old_b = net.b.host.usable().front();
    use(net.a);
    use(net.b);
    net.a.engine->child_expires(old_a, ChildLimit::kSoft, net.now);
    net.deliver();
    ASSERT_EQ(net.a.host.usable().size(), 1U);
    ASSERT_EQ(net.b.host.usable().size(), 1U);
    EXPECT_NE(net.a.host.usable().front(), old_a);
    EXPECT_TRUE(net.a.host.children.at(old_a).retired);
    EXPECT_TRUE(net.b.host.children.at(old_b).retired);
    EXPECT_TRUE(net.a.engine->child(old_a, net.now)->replaced);
    // What is under way by the old one still arrives.
    EXPECT_TRUE(net.a.host.children.at(old_a).inbound);
    net.run(9s);
    EXPECT_TRUE(net.b.host.children.contains(old_b));
    net.run(2s);
    EXPECT_FALSE(net.a.host.children.contains(old_a));
    EXPECT_FALSE(net.b.host.children.contains(old_b));  // told by a Delete
    EXPECT_EQ(net.a.engine->statistics().main_modes, 1U);
}

TEST(IkeLife, LifetimesOfSecondsLeaveTimeToNegotiateASuccessor) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.quick_mode.offers.front().seconds = 3;
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    for (const tests::LadderGateway* gateway : {&net.a, &net.b}) {
        ASSERT_EQ(gateway->host.usable().size(), 1U);
        const config::SaLifetime& lifetime =
            gateway->host.children.begin()->second.outbound->sa.lifetime;
        EXPECT_EQ(lifetime.hard_seconds, 3U);
        EXPECT_EQ(lifetime.soft_seconds, 2U);
    }
}

TEST(IkeLife, TheResponderMayRekey) {
    Ladder net;
    connect(net);
    use(net.b);
    net.b.engine->child_expires(net.b.host.usable().front(), ChildLimit::kSoft, net.now);
    net.run(20s);
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.a.host.children.size(), 1U);
    EXPECT_EQ(net.b.host.children.size(), 1U);
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
}

TEST(IkeLife, BothMayRekeyAtOnceAndItDoesNotGrow) {
    Ladder net;
    connect(net);
    for (unsigned round = 0; round < 6; ++round) {
        for (tests::LadderGateway* gateway : {&net.a, &net.b}) {
            use(*gateway);
            for (const ChildId id : gateway->host.usable()) {
                gateway->engine->child_expires(id, ChildLimit::kSoft, net.now);
            }
        }
        net.deliver();
        EXPECT_FALSE(net.a.host.usable().empty());
        EXPECT_FALSE(net.b.host.usable().empty());
        EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
        net.run(30s);
        EXPECT_LE(net.a.host.children.size(), 2U);
        EXPECT_LE(net.b.host.children.size(), 2U);
        EXPECT_FALSE(net.a.host.usable().empty());
        EXPECT_FALSE(net.b.host.usable().empty());
        EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
    }
}

TEST(IkeLife, WhatWasNotUsedEndsWithoutSuccessor) {
    Ladder net;
    connect(net);
    const ChildId id = net.a.host.usable().front();
    net.a.engine->child_expires(id, ChildLimit::kSoft, net.now);
    net.deliver();
    EXPECT_EQ(net.a.host.usable(), std::vector<ChildId>{id});
    net.a.engine->child_expires(id, ChildLimit::kHard, net.now);
    net.deliver();
    EXPECT_TRUE(net.a.host.children.empty());
    EXPECT_TRUE(net.b.host.children.empty());
    EXPECT_FALSE(net.a.engine->child(id, net.now));
}

TEST(IkeLife, ARekeyThatFailsIsTriedAgainUntilTheEnd) {
    Ladder net;
    connect(net);
    use(net.a);
    net.b.host.refuse_installs = true;
    net.a.engine->child_expires(net.a.host.usable().front(), ChildLimit::kSoft, net.now);
    net.run(4s);
    EXPECT_GE(net.b.host.failures.size(), 1U);
    EXPECT_EQ(net.a.host.usable().size(), 1U);  // the old one
    net.b.host.refuse_installs = false;
    net.run(20s);
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.a.engine->statistics().quick_modes, 2U) << net.a.host.log_text();
}

// --- Main mode

TEST(IkeLife, AMainModeIsReplacedBeforeItEndsAndChildrenStay) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.lifetime_minutes = 10;
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    const std::vector<ChildId> children = net.a.host.usable();
    use(net.a);
    use(net.b);
    net.run(10min + 2min);
    EXPECT_EQ(net.a.engine->statistics().main_modes, 2U) << net.a.host.log_text();
    EXPECT_EQ(net.a.engine->report(net.now).main_modes.size(), 1U);
    EXPECT_EQ(net.b.engine->report(net.now).main_modes.size(), 1U);
    EXPECT_EQ(net.a.host.usable(), children);
    EXPECT_EQ(net.b.host.usable().size(), 1U);
    // Deletes travel under the new one.
    EXPECT_EQ(net.a.engine->close_child(children.front(), net.now), 1U);
    net.deliver();
    EXPECT_TRUE(net.b.host.children.empty());
}

TEST(IkeLife, AMainModeWithoutChildrenEndsQuietly) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.lifetime_minutes = 10;
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.engine->close_child(net.a.host.usable().front(), net.now), 1U);
    net.run(11min);
    EXPECT_EQ(net.a.engine->statistics().main_modes, 1U);
    EXPECT_TRUE(net.a.engine->report(net.now).main_modes.empty());
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
}

TEST(IkeLife, ChildrenOutliveTheirMainMode) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.lifetime_minutes = 10;
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    const std::vector<ChildId> children = net.a.host.usable();
    // No successor comes about.
    net.b.host.rules.clear();
    net.run(15min);
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty()) << net.b.host.log_text();
    EXPECT_EQ(net.a.host.usable(), children);
    EXPECT_EQ(net.b.host.usable().size(), 1U);
}

// --- Deletes

TEST(IkeLife, DeletesAreToldToThePeer) {
    Ladder net;
    connect(net);
    EXPECT_EQ(net.a.engine->close({}, net.now), 2U);  // a pair, and the main mode
    net.deliver();
    EXPECT_TRUE(net.a.host.children.empty());
    EXPECT_TRUE(net.b.host.children.empty());
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
    EXPECT_EQ(net.b.engine->statistics().main_modes_active, 0U);
    EXPECT_EQ(net.b.engine->statistics().children_active, 0U);
}

TEST(IkeLife, ASelectionClosesOnlyWhatItNames) {
    Ladder net;
    connect(net);
    EXPECT_EQ(net.a.engine->close({std::nullopt, tests::address("192.0.2.99")}, net.now), 0U);
    EXPECT_EQ(net.a.engine->close({net.b.ip, std::nullopt}, net.now), 0U);
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.a.engine->close({net.a.ip, net.b.ip}, net.now), 2U);
}

TEST(IkeLife, ClosingEndsANegotiationToo) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    EXPECT_EQ(net.a.engine->close({}, net.now), 0U);
    EXPECT_EQ(net.a.engine->statistics().active_acquire, 0U);
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    net.run(10s);
    EXPECT_TRUE(net.a.engine->report(net.now).main_modes.empty());
}

// --- Rules

TEST(IkeLife, ChangedRulesCloseWhatTheyNoLongerAllow) {
    struct Row {
        std::string_view name;
        std::function<void(config::NegotiationTerms&)> change;
        bool stays;
    };
    const std::vector<Row> rows = {
        {"nothing", [](config::NegotiationTerms&) {}, true},
        {"a name", [](auto& terms) { terms.quick_mode.policy_name = "renamed"; }, true},
        {"the key", [](auto& terms) { terms.main_mode.auth_methods = {tests::psk("new")}; }, false},
        {"a method", [](auto& terms) { terms.quick_mode.offers = tests::qm("AH[SHA1]"); }, false},
        {"PFS", [](auto& terms) { terms.quick_mode.pfs_group = config::PfsGroup::kGroup2; }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Ladder net;
        connect(net);
        config::NegotiationTerms terms = tests::psk_terms();
        row.change(terms);
        const auto now_in_force = std::make_shared<const config::NegotiationTerms>(terms);
        net.a.engine->rules_changed([&](config::RuleTag) { return now_in_force; }, net.now);
        net.deliver();
        EXPECT_EQ(net.a.host.children.size(), row.stays ? 1U : 0U);
        EXPECT_EQ(net.b.host.children.size(), row.stays ? 1U : 0U);
    }
    Ladder net;
    connect(net);
    net.a.engine->rules_changed([](config::RuleTag) { return nullptr; }, net.now);
    net.deliver();
    EXPECT_TRUE(net.b.host.children.empty());
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
}

TEST(IkeLife, ChangedRulesEndNegotiationsForThem) {
    for (const std::size_t after : {0U, 7U}) {  // in main mode, in quick mode
        Ladder net;
        net.set_terms(tests::psk_terms());
        net.fate = [&](const Datagram& datagram, std::size_t number) {
            return number >= after ? std::vector<Datagram>() : std::vector{datagram};
        };
        net.acquire(net.a);
        net.deliver();
        EXPECT_EQ(net.a.engine->statistics().active_acquire, 1U);
        net.a.engine->rules_changed([](config::RuleTag) { return nullptr; }, net.now);
        EXPECT_EQ(net.a.engine->statistics().active_acquire, 0U);
        ASSERT_EQ(net.a.host.failures.size(), 1U);
        EXPECT_EQ(net.a.host.failures.front().reason, "the rules have changed");
        net.fate = nullptr;
        net.run(10min);
        EXPECT_TRUE(net.a.host.children.empty());
    }
}

// --- Dead peers

TEST(IkeLife, ADeadPeerIsFoundWhileWeSend) {
    Ladder net;
    connect(net);
    use(net.a, 1000, 0);
    net.fate = [&](const Datagram& datagram, std::size_t) {
        return datagram.source.address == net.b.ip ? std::vector<Datagram>()
                                                   : std::vector{datagram};
    };
    net.run(5min);
    EXPECT_TRUE(net.a.host.children.empty());
    EXPECT_TRUE(net.a.engine->report(net.now).main_modes.empty());
    EXPECT_EQ(net.a.engine->statistics().dead_peers, 1U);
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_NE(net.a.host.failures.front().reason.find("the peer is dead"), std::string::npos);
    EXPECT_FALSE(net.a.host.failures.front().no_answer);
    net.fate = nullptr;
    net.acquire(net.a);
    net.run(10s);
    EXPECT_EQ(net.a.host.usable().size(), 1U);
}

TEST(IkeLife, APeerThatAnswersIsNotDead) {
    Ladder net;
    connect(net);
    use(net.a, 1000, 0);
    use(net.b, 1000, 0);
    const std::size_t before = net.seen.size();
    net.run(10min);
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.a.engine->statistics().dead_peers, 0U);
    EXPECT_GE(net.seen.size() - before, 20U);
}

TEST(IkeLife, APeerWhosePacketsArriveIsNotAsked) {
    Ladder net;
    connect(net);
    use(net.a, 1, 0);
    use(net.b, 1, 0);
    const std::size_t before = net.seen.size();
    net.run(10min);
    EXPECT_EQ(net.seen.size(), before);
}

TEST(IkeLife, APeerWeSendNothingToIsNotAsked) {
    Ladder net;
    connect(net);
    use(net.a, 100, 2000);
    use(net.b, 100, 2000);
    const std::size_t before = net.seen.size();
    net.run(10min);
    EXPECT_EQ(net.seen.size(), before);
}

// --- Restart

TEST(IkeLife, ARestartedPeerSaysSoAndTheOldSasGo) {
    Ladder net;
    connect(net);
    const ChildId old = net.b.host.usable().front();
    net.restart(net.a, 77);
    net.acquire(net.a);
    net.deliver();
    EXPECT_FALSE(net.b.host.children.contains(old)) << net.b.host.log_text();
    EXPECT_EQ(net.b.host.usable().size(), 1U);
    EXPECT_EQ(net.b.engine->report(net.now).main_modes.size(), 1U);
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
}

// Both begin, the INITIAL-CONTACT of one arrives when the other's SAs are there already.
TEST(IkeLife, ALateInitialContactOfCrossingMainModesForgetsNothing) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    bool lost = false;
    net.fate = [&](const Datagram& datagram, std::size_t) {
        net.now += 1ms;
        const bool is_message5_of_a = datagram.source.address == net.a.ip && datagram.bytes[18] == 2
                                      && (datagram.bytes[19] & 1) != 0;
        if (is_message5_of_a && !lost) {
            lost = true;
            return std::vector<Datagram>();
        }
        return std::vector{datagram};
    };
    net.acquire(net.a);
    net.acquire(net.b);
    net.run(60s);
    EXPECT_TRUE(lost);
    EXPECT_FALSE(net.a.host.usable().empty());
    EXPECT_EQ(net.a.host.children.size(), net.b.host.children.size())
        << net.a.host.log_text() << net.b.host.log_text();
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
}

TEST(IkeLife, OneMainModeMoreIsNoInitialContact) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.qm_per_mm = 1;
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    Acquire wish = net.wish(net.a);
    wish.traffic.local = tests::selector("10.1.9.0/24");
    net.a.engine->acquire(wish, net.now);
    net.deliver();
    EXPECT_EQ(net.b.host.usable().size(), 2U);
}

}  // namespace
