// Main mode between two engines, message by message.
#include "tests/unit/ike_ladder.h"

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

}  // namespace
