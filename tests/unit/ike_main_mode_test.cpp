// Main mode between two engines, message by message.
#include "tests/support/ike_ladder.h"

#include <gtest/gtest.h>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using tests::Ladder;

constexpr std::string_view kWholeStory =
    "a>b main, b>a main, a>b main, b>a main, a>b main, b>a main, a>b quick, b>a quick, a>b quick";

// What an administrator can write, each alone.
std::vector<config::MmOffer> all_offers() {
    std::vector<config::MmOffer> offers;
    for (const config::CipherRow& cipher : config::kCiphers) {
        for (const config::HashRow& hash : config::kHashes) {
            if (cipher.main_mode && hash.main_mode) {
                offers.push_back({cipher.cipher, hash.hash, 19});
            }
        }
    }
    for (const config::DhGroupRow& group : config::kDhGroups) {
        if (group.ike_group == 19) {
            continue;  // above
        }
        offers.push_back({config::Cipher::kAes192, config::Hash::kSha512, group.ike_group});
    }
    return offers;
}

class MainModeOffer : public testing::TestWithParam<config::MmOffer> {};

TEST_P(MainModeOffer, IsNegotiatedWithThePresharedKey) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.offers = {GetParam()};
    net.set_terms(terms);
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.story(), kWholeStory) << net.a.host.log_text() << net.b.host.log_text();
    EXPECT_EQ(net.a.host.usable().size(), 1U);
    EXPECT_EQ(net.b.host.usable().size(), 1U);
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
    const Report report = net.b.engine->report(net.now);
    ASSERT_EQ(report.main_modes.size(), 1U);
    EXPECT_EQ(report.main_modes.front().offer, GetParam());
    EXPECT_EQ(report.main_modes.front().state, MainModeState::kEstablished);
    EXPECT_EQ(report.main_modes.front().remote_id, "192.0.2.1");
}

INSTANTIATE_TEST_SUITE_P(All, MainModeOffer, testing::ValuesIn(all_offers()), [](const auto& row) {
    std::string name = config::to_string(row.param);
    std::erase(name, '-');
    return name;
});

config::NegotiationTerms with_methods(std::vector<config::AuthMethod> methods) {
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.auth_methods = std::move(methods);
    return terms;
}

struct AuthRow {
    std::string_view name;
    std::vector<config::AuthMethod> ours;    // the initiator's
    std::vector<config::AuthMethod> theirs;  // the responder's
    config::AuthKind chosen;
};

TEST(IkeMainMode, TakesTheRespondersOrderOfAuthenticationMethods) {
    const config::AuthMethod key = tests::psk("secret");
    const config::AuthMethod ca = tests::root_ca("CN=root");
    config::AuthMethod kerberos;
    const std::vector<AuthRow> rows = {
        {"key first", {ca, key}, {key, ca}, config::AuthKind::kPresharedKey},
        {"certificate first", {key, ca}, {ca, key}, config::AuthKind::kRootCa},
        {"certificate alone", {ca}, {ca}, config::AuthKind::kRootCa},
        {"only one in common", {ca, key}, {key}, config::AuthKind::kPresharedKey},
        {"Kerberos is passed over",
         {kerberos, key},
         {kerberos, key},
         config::AuthKind::kPresharedKey},
    };
    for (const AuthRow& row : rows) {
        SCOPED_TRACE(row.name);
        Ladder net;
        net.a.credentials.own_cas = {{"CN=root", "key of root"}};
        net.b.credentials.own_cas = {{"CN=root", "key of root"}};
        net.set_terms(with_methods(row.theirs));
        net.a.host.rules.front().terms =
            std::make_shared<const config::NegotiationTerms>(with_methods(row.ours));
        net.acquire(net.a);
        net.deliver();
        EXPECT_EQ(net.story(), kWholeStory) << net.a.host.log_text() << net.b.host.log_text();
        const Report report = net.a.engine->report(net.now);
        ASSERT_EQ(report.main_modes.size(), 1U);
        EXPECT_EQ(report.main_modes.front().authentication, row.chosen);
    }
}

TEST(IkeMainMode, TakesTheRespondersOrderOfMethods) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.offers = tests::mm("AES256-SHA256-19 AES128-SHA1-19 3DES-SHA1-2");
    net.set_terms(terms);
    terms.main_mode.offers = tests::mm("3DES-SHA1-2 AES128-SHA1-19");
    net.b.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(config::to_string(net.a.engine->report(net.now).main_modes.front().offer),
              "3DES-SHA1-2");
    EXPECT_EQ(net.b.host.granted, std::vector<config::RuleTag>{2});
}

TEST(IkeMainMode, TakesTheShorterLifetime) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    net.set_terms(terms);
    terms.main_mode.lifetime_minutes = 10;
    net.a.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.engine->report(net.now).main_modes.front().seconds_left, 600U);
    EXPECT_EQ(net.b.engine->report(net.now).main_modes.front().seconds_left, 600U);
}

TEST(IkeMainMode, SaysThatPresharedKeysDiffer) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.b.host.rules.front().terms =
        std::make_shared<const config::NegotiationTerms>(tests::psk_terms("another"));
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.b.host.failures.size(), 1U) << "told while the peer still tries";
    net.run(5min);
    EXPECT_EQ(net.b.host.failures.size(), 1U) << "and told once";
    EXPECT_TRUE(net.a.host.children.empty());
    EXPECT_TRUE(net.b.host.children.empty());
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_EQ(net.a.host.failures.front().selector, 1U);
    EXPECT_FALSE(net.a.host.failures.front().no_answer);
    EXPECT_NE(net.a.host.failures.front().reason.find("pre-shared keys differ"), std::string::npos);
    ASSERT_GE(net.b.host.failures.size(), 1U);
    EXPECT_NE(net.b.host.failures.front().reason.find("pre-shared keys differ"), std::string::npos);
    EXPECT_GE(net.drops(net.b, Drop::kDecryption), 1U);
    EXPECT_EQ(net.b.engine->statistics().authentication_failures, 1U);
    EXPECT_TRUE(net.a.engine->report(net.now).main_modes.empty());
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
}

TEST(IkeMainMode, SaysWhatBothSidesProposeWhenNothingIsInCommon) {
    Ladder net;
    config::NegotiationTerms terms = tests::psk_terms();
    net.set_terms(terms);
    terms.main_mode.offers = tests::mm("3DES-MD5-2");
    net.a.host.rules.front().terms = std::make_shared<const config::NegotiationTerms>(terms);
    net.acquire(net.a);
    // Once more, in case it was a stranger who refused.
    net.run(7s);
    ASSERT_GE(net.b.host.failures.size(), 1U);
    const std::string& reason = net.b.host.failures.front().reason;
    EXPECT_NE(reason.find("theirs 3DES-MD5-2 PSK"), std::string::npos) << reason;
    EXPECT_NE(reason.find("ours AES128-SHA256-19 PSK"), std::string::npos) << reason;
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_NE(net.a.host.failures.front().reason.find("NO-PROPOSAL-CHOSEN"), std::string::npos);
    EXPECT_NE(net.a.host.failures.front().reason.find("ours 3DES-MD5-2"), std::string::npos);
    EXPECT_FALSE(net.a.host.failures.front().no_answer);
    const Report report = net.a.engine->report(net.now);
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures.front().count, 1U);
}

TEST(IkeMainMode, SaysThatThePeerIsSilent) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.fate = [](const tests::Datagram&, std::size_t) { return std::vector<tests::Datagram>(); };
    net.acquire(net.a);
    net.acquire(net.a);  // asking again does nothing
    net.run(125s);
    EXPECT_TRUE(net.a.host.failures.empty());
    net.run(10s);
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_TRUE(net.a.host.failures.front().no_answer);
    EXPECT_EQ(net.seen.size(), 6U);  // once, and five times again
    EXPECT_EQ(net.a.engine->statistics().total_acquire, 1U);
    EXPECT_EQ(net.a.engine->statistics().active_acquire, 0U);
    EXPECT_EQ(net.a.engine->statistics().retransmissions, 5U);
    net.acquire(net.a);
    EXPECT_EQ(net.a.engine->statistics().active_acquire, 1U);
}

// `soft`: what may go in clear waits 6 s for a peer that says nothing, as long as others for one
// that has said anything.
TEST(IkeMainMode, GivesUpASilentPeerSoonWhereClearTextIsAllowed) {
    for (const bool answers : {false, true}) {
        Ladder net;
        config::NegotiationTerms terms = tests::psk_terms();
        terms.quick_mode.soft = true;
        net.set_terms(terms);
        net.fate = [&](const tests::Datagram& datagram, std::size_t number) {
            return answers && number < 2 ? std::vector{datagram} : std::vector<tests::Datagram>();
        };
        net.acquire(net.a);
        net.run(5900ms);
        EXPECT_TRUE(net.a.host.failures.empty());
        net.run(200ms);
        EXPECT_EQ(net.a.host.failures.size(), answers ? 0U : 1U);
        net.run(5min);
        ASSERT_EQ(net.a.host.failures.size(), 1U);
        EXPECT_EQ(net.a.host.failures.front().no_answer, !answers);
    }
}

TEST(IkeMainMode, RepeatsAfterTwiceAsLongEachTime) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    std::vector<Time> sent;
    net.fate = [&](const tests::Datagram&, std::size_t) {
        sent.push_back(net.now);
        return std::vector<tests::Datagram>();
    };
    net.acquire(net.a);
    net.run(5min);
    ASSERT_EQ(sent.size(), 6U);
    for (std::size_t i = 1; i < sent.size(); ++i) {
        EXPECT_EQ(sent[i] - sent[i - 1], 2s * (1U << (i - 1)));
    }
}

TEST(IkeMainMode, RefusesACertificateOfAnotherCaAtOnce) {
    Ladder net;
    net.a.credentials.own_cas = {{"CN=root", "one key"}};
    net.b.credentials.own_cas = {{"CN=root", "another key"}};
    net.set_terms(with_methods({tests::root_ca("CN=root")}));
    net.acquire(net.a);
    net.deliver();
    ASSERT_EQ(net.b.host.failures.size(), 1U);
    EXPECT_EQ(net.b.host.failures.front().reason, "the signature of CN=a does not verify");
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
    EXPECT_EQ(net.b.engine->statistics().authentication_failures, 1U);
    net.run(5min);
    ASSERT_EQ(net.a.host.failures.size(), 1U);
    EXPECT_NE(net.a.host.failures.front().reason.find("AUTHENTICATION-FAILED"), std::string::npos)
        << net.a.host.failures.front().reason;
    EXPECT_TRUE(net.a.host.children.empty());
}

TEST(IkeMainMode, WaitsForARevocationListWhileThePeerRepeats) {
    Ladder net;
    net.a.credentials.own_cas = {{"CN=root", "key"}};
    net.b.credentials.own_cas = {{"CN=root", "key"}};
    net.a.credentials.waits = 1;
    net.b.credentials.waits = 2;
    net.set_terms(with_methods({tests::root_ca("CN=root")}));
    net.acquire(net.a);
    net.deliver();
    EXPECT_TRUE(net.a.host.usable().empty());
    net.run(30s);
    EXPECT_EQ(net.a.host.usable().size(), 1U) << net.a.host.log_text() << net.b.host.log_text();
    EXPECT_EQ(net.drops(net.b, Drop::kWaitingForCrl), 2U);
    EXPECT_EQ(net.drops(net.a, Drop::kWaitingForCrl), 1U);
}

TEST(IkeMainMode, LogsKeysOnlyIfAskedTo) {
    for (const bool wanted : {false, true}) {
        EngineOptions options;
        options.log_keys = wanted;
        Ladder net(options);
        net.set_terms(tests::psk_terms("a very secret key"));
        net.acquire(net.a);
        net.deliver();
        EXPECT_EQ(net.a.host.logged_keys.size(), wanted ? 1U : 0U);
        EXPECT_EQ(net.a.host.log_text().find("a very secret key"), std::string::npos);
    }
}

TEST(IkeMainMode, HasNothingForStrangersWithoutARule) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.b.host.rules.clear();
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.story(), "a>b main, b>a info");
    EXPECT_EQ(net.drops(net.b, Drop::kNoPolicy), 1U);
    EXPECT_TRUE(net.b.engine->report(net.now).main_modes.empty());
}

TEST(IkeMainMode, TellsTheStoryInADozenLines) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    EXPECT_LE(net.a.host.lines.size(), 12U) << net.a.host.log_text();
    EXPECT_LE(net.b.host.lines.size(), 12U) << net.b.host.log_text();
    EXPECT_NE(net.a.host.log_text().find("chosen AES128-SHA256-19 PSK"), std::string::npos);
}

}  // namespace
