// Quick mode between two engines: what is offered, chosen, installed and refused.
#include "control/ike/proposal.h"
#include "tests/support/ike_ladder.h"

#include <gtest/gtest.h>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using config::Cipher;
using config::Hash;
using tests::Ladder;

// Every method with numbers in IKEv1 that protects: AH, ESP, and AH around ESP.
std::vector<config::QmOffer> all_offers() {
    std::vector<config::QmOffer> offers;
    const auto add = [&](config::QmOffer offer) {
        if (has_identifiers(offer)) {
            offers.push_back(offer);
        }
    };
    for (const config::HashRow& hash : config::kHashes) {
        if (hash.quick_mode && hash.hash != Hash::kNone) {
            add({.ah = hash.hash, .has_esp = false});
        }
    }
    for (const config::CipherRow& cipher : config::kCiphers) {
        for (const config::HashRow& hash : config::kHashes) {
            const bool gmac = hash.bytes.salt > 0;
            const bool integrity = cipher.aead || hash.hash != Hash::kNone;
            const bool fits =
                cipher.aead ? hash.hash == Hash::kNone : !gmac || cipher.cipher == Cipher::kNone;
            if (!cipher.quick_mode || !hash.quick_mode || !integrity || !fits) {
                continue;
            }
            add({.ah = Hash::kNone,
                 .has_esp = true,
                 .esp_cipher = cipher.cipher,
                 .esp_hash = hash.hash});
        }
        if (cipher.quick_mode && !cipher.aead && cipher.cipher != Cipher::kNone) {
            add({.ah = Hash::kSha256,
                 .has_esp = true,
                 .esp_cipher = cipher.cipher,
                 .esp_hash = Hash::kSha1});
        }
    }
    return offers;
}

TEST(IkeQuickMode, NegotiatesEveryMethodInBothModesWithTheSameKeys) {
    const std::vector<config::QmOffer> offers = all_offers();
    EXPECT_GT(offers.size(), 40U);
    for (const config::QmOffer& offer : offers) {
        for (const config::SaMode mode : {config::SaMode::kTunnel, config::SaMode::kTransport}) {
            SCOPED_TRACE(config::to_string(offer));
            Ladder net;
            config::NegotiationTerms terms = tests::psk_terms();
            terms.quick_mode.offers = {offer};
            net.set_terms(terms);
            for (tests::LadderGateway* gateway : {&net.a, &net.b}) {
                tests::LadderRule& rule = gateway->host.rules.front();
                rule.mode = mode;
                if (mode == config::SaMode::kTransport) {
                    const bool is_a = gateway == &net.a;
                    rule.local = tests::selector(is_a ? "192.0.2.1" : "192.0.2.2");
                    rule.remote = tests::selector(is_a ? "192.0.2.2" : "192.0.2.1");
                }
            }
            net.acquire(net.a);
            net.deliver();
            ASSERT_EQ(net.a.host.usable().size(), 1U)
                << net.a.host.log_text() << net.b.host.log_text();
            ASSERT_EQ(net.b.host.usable().size(), 1U);
            EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
            const config::SaPair& out = *net.a.host.children.begin()->second.outbound;
            EXPECT_EQ(out.sa.mode, mode);
            EXPECT_EQ(out.outer.has_value(), offer.has_esp && offer.ah != Hash::kNone);
            EXPECT_EQ(out.sa.rule, 1U);
            const config::SaPair& in = *net.a.host.children.begin()->second.inbound;
            EXPECT_NE(in.sa.spi, out.sa.spi);
            EXPECT_FALSE(equal_ct(in.sa.auth_key, out.sa.auth_key)
                         && equal_ct(in.sa.cipher_key, out.sa.cipher_key));
        }
    }
}

struct PfsRow {
    std::string_view name;
    config::PfsGroup ours;
    config::PfsGroup theirs;
    std::uint16_t group;  // 0 with `works`: none
    bool works;
};

TEST(IkeQuickMode, ExchangesNewKeysAsPfsDemands) {
    using config::PfsGroup;
    const std::vector<PfsRow> rows = {
        {"none", PfsGroup::kNone, PfsGroup::kNone, 0, true},
        {"grp1", PfsGroup::kGroup1, PfsGroup::kGroup1, 1, true},
        {"grp2", PfsGroup::kGroup2, PfsGroup::kGroup2, 2, true},
        {"grp3 is IKE group 14", PfsGroup::kGroup3, PfsGroup::kGroup3, 14, true},
        {"grpmm", PfsGroup::kGroupMm, PfsGroup::kGroupMm, 19, true},
        {"more than the responder asks for", PfsGroup::kGroup2, PfsGroup::kNone, 2, true},
        {"less than the responder asks for", PfsGroup::kNone, PfsGroup::kGroup2, 0, false},
        {"another group", PfsGroup::kGroup1, PfsGroup::kGroup2, 0, false},
    };
    for (const PfsRow& row : rows) {
        SCOPED_TRACE(row.name);
        Ladder net;
        config::NegotiationTerms terms = tests::psk_terms();
        terms.quick_mode.pfs_group = row.ours;
        net.set_terms(terms);
        terms.quick_mode.pfs_group = row.theirs;
        net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
        net.acquire(net.a);
        net.deliver();
        EXPECT_EQ(net.a.host.usable().size(), row.works ? 1U : 0U) << net.b.host.log_text();
        EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
        if (row.works) {
            const auto child = net.a.engine->child(net.a.host.usable().front(), net.now);
            ASSERT_TRUE(child);
            EXPECT_EQ(child->pfs_group, row.group);
        }
    }
}

TEST(IkeQuickMode, TakesTheRespondersOrder) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.quick_mode.offers = tests::qm("ESP[3DES,SHA1] ESP[AES128,SHA1] AH[SHA1]");
    net.set_terms(terms);
    terms.quick_mode.offers = tests::qm("AH[SHA1] ESP[AES128,SHA1]");
    net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.a.host.children.begin()->second.outbound->sa.protocol,
              config::IpsecProtocol::kAh);
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
}

TEST(IkeQuickMode, BothEndsTakeTheShorterLifetimes) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.quick_mode.offers = tests::qm("ESP[AES128,SHA1]:100000k/3600s");
    net.set_terms(terms);
    terms.quick_mode.offers = tests::qm("ESP[AES128,SHA1]:30000k/7200s");
    net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    net.deliver();
    for (const tests::LadderGateway* gateway : {&net.a, &net.b}) {
        ASSERT_EQ(gateway->host.usable().size(), 1U);
        const config::SaLifetime& lifetime =
            gateway->host.children.begin()->second.outbound->sa.lifetime;
        EXPECT_EQ(lifetime.hard_seconds, 3600U);
        EXPECT_EQ(lifetime.hard_bytes, 30000U * 1024);  // RESPONDER-LIFETIME told the initiator
        EXPECT_LT(lifetime.soft_seconds, lifetime.hard_seconds);
        EXPECT_LT(lifetime.soft_bytes, lifetime.hard_bytes);
    }
}

TEST(IkeQuickMode, SaysWhichSelectorsNoRuleWants) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.b.host.rules.front().remote = tests::selector("10.9.0.0/16");
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(net.b.host.failures.size(), 1U);
    EXPECT_EQ(net.b.host.failures.front().phase, "quick mode");
    EXPECT_EQ(net.b.host.failures.front().reason,
              "no rule negotiates for 10.2.0.0/16 here, 10.1.0.0/16 there");
    ASSERT_EQ(net.a.host.failures.size(), 1U);  // at once: the answer is authenticated
    EXPECT_EQ(net.a.host.failures.front().reason, "the peer says INVALID-ID-INFORMATION");
    EXPECT_TRUE(net.a.host.children.empty());
    EXPECT_TRUE(net.b.host.children.empty());
}

TEST(IkeQuickMode, SaysWhatBothSidesProposeWhenNothingIsInCommon) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    const config::NegotiationTerms terms_of_a = terms;
    net.set_terms(terms);
    terms.quick_mode.offers = tests::qm("ESP[3DES,MD5]");
    net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(net.b.host.failures.size(), 1U);
    EXPECT_NE(net.b.host.failures.front().reason.find("theirs ESP[AES128,SHA1]"),
              std::string::npos);
    EXPECT_NE(net.b.host.failures.front().reason.find("ours ESP[3DES,MD5]"), std::string::npos);
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_EQ(net.a.host.failures.front().reason,
              "the peer says NO-PROPOSAL-CHOSEN; ours " + to_string(terms_of_a.quick_mode.offers));
}

// A packet may set out for control before its SA is there and arrive afterwards.
TEST(IkeQuickMode, IsNotBegunForTrafficThatHasAnSa) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(net.a.host.granted.size(), 1U);
    const std::size_t sent = net.seen.size();
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.host.granted.size(), 2U);
    EXPECT_EQ(net.seen.size(), sent);
    EXPECT_EQ(net.a.host.children.size(), 1U);
}

// Packets of the initiator may overtake its message 3, and be answered before it is there.
TEST(IkeQuickMode, IsNotBegunByTheResponderForTrafficThatThePeerNegotiates) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    std::vector<tests::Datagram> held;
    net.fate = [&](const tests::Datagram& datagram, std::size_t number) {
        if (number == 8) {  // RFC 2409 5.1, 5.5: the ninth message
            held.push_back(datagram);
            return std::vector<tests::Datagram>();
        }
        return std::vector{datagram};
    };
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(held.size(), 1U);
    net.acquire(net.b);
    net.deliver();
    EXPECT_EQ(net.seen.size(), 9U);
    EXPECT_TRUE(net.b.host.granted.empty());
    net.wire.push_back(held.front());
    net.deliver();
    EXPECT_EQ(net.b.host.granted.size(), 1U);
    EXPECT_EQ(net.b.host.children.size(), 1U);
}

// A rule that demands a certificate is not served under a main mode that a shared key proved.
TEST(IkeQuickMode, IsRefusedUnderAMainModeThatTheRuleDoesNotAllow) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    config::NegotiationTerms stricter = tests::psk_terms();
    stricter.main_mode.auth_methods = {tests::root_ca("CN=root")};
    tests::LadderRule other = net.b.host.rules.front();
    other.local = tests::selector("10.9.0.0/16");  // for main mode only
    net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(stricter);
    net.b.host.rules.insert(net.b.host.rules.begin(), other);
    net.acquire(net.a);
    net.deliver();
    EXPECT_TRUE(net.b.host.children.empty());
    ASSERT_EQ(net.b.host.failures.size(), 1U);
    EXPECT_NE(net.b.host.failures.front().reason.find("wants another main mode"),
              std::string::npos);
}

TEST(IkeQuickMode, SharesOneMainModeUntilTheLimitIsReached) {
    for (const std::uint32_t limit : {0U, 1U, 2U}) {
        SCOPED_TRACE(limit);
        Ladder net;
        config::NegotiationTerms terms = tests::psk_terms();
        terms.main_mode.qm_per_mm = limit;
        net.set_terms(terms);
        for (unsigned i = 0; i < 4; ++i) {
            Acquire wish = net.wish(net.a);
            wish.traffic.local = tests::selector("10.1." + std::to_string(i) + ".0/24");
            net.a.engine->acquire(wish, net.now);
            net.deliver();
        }
        EXPECT_EQ(net.a.host.usable().size(), 4U);
        EXPECT_EQ(net.a.engine->statistics().main_modes, limit == 0 ? 1U : 4U / limit);
    }
}

TEST(IkeQuickMode, ServesManyWishesThatWaitForOneMainMode) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    for (unsigned i = 0; i < 20; ++i) {
        Acquire wish = net.wish(net.a);
        wish.traffic.local = tests::selector("10.1." + std::to_string(i) + ".0/24");
        net.a.engine->acquire(wish, net.now);
    }
    net.deliver();
    EXPECT_EQ(net.a.host.usable().size(), 20U);
    EXPECT_EQ(net.a.engine->statistics().main_modes, 1U);
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
}

TEST(IkeQuickMode, LeavesNothingBehindWhenSasCannotBeInstalled) {
    for (const bool initiator : {true, false}) {
        Ladder net;
        net.set_terms(tests::psk_terms());
        (initiator ? net.a : net.b).host.refuse_installs = true;
        net.acquire(net.a);
        net.run(5min);
        EXPECT_TRUE(net.a.host.children.empty());
        EXPECT_TRUE(net.b.host.children.empty());
        EXPECT_EQ(net.a.host.failures.size(), 1U);
        EXPECT_EQ(net.a.engine->statistics().active_acquire, 0U);
    }
}

// Flags are not authenticated; peers exist that set this one in every message.
TEST(IkeQuickMode, ToleratesTheCommitBit) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.fate = [](const tests::Datagram& datagram, std::size_t) {
        tests::Datagram changed = datagram;
        if (changed.bytes[18] == static_cast<std::uint8_t>(ExchangeType::kQuickMode)) {
            changed.bytes[19] |= kFlagCommit;
        }
        return std::vector{changed};
    };
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.b.host.usable().size(), 1U);
    EXPECT_EQ(net.story(9), "b>a info");  // CONNECTED
    EXPECT_NE(net.a.host.log_text().find("-> CONNECTED"), std::string::npos);
}

}  // namespace
