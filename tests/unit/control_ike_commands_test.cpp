// Commands that ask of IKE: what they ask, when, and what they say without one.
#include "config/policy_store.h"
#include "control/controller.h"
#include "tests/support/fake_ike.h"
#include "tests/support/null_dataplane.h"
#include "tests/support/table_resolver.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using config::IpAddress;

const IpAddress kMe = IpAddress::v4(0xC0000201);
const IpAddress kPeer = IpAddress::v4(0xC6336401);
const IpAddress kOther = IpAddress::v4(0xC6336402);

class IkeCommandsTest : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = config::PolicyStore::open(":memory:");
        ASSERT_TRUE(opened);
        dataplane.host.me = {kMe};
        store = std::move(*opened);
        start(&ike);
    }

    void start(control::IkeHandle* handle) {
        control::ControllerOptions options{"GATE", {}};
        options.ike = handle;
        controller.emplace(*store, dataplane, resolver, options);
        ASSERT_TRUE(controller->refresh());
    }

    std::vector<control::Reply> run(const std::vector<std::string>& lines, bool json = false) {
        std::vector<control::Request> requests;
        for (const std::string& line : lines) {
            control::Request request;
            request.line = line;
            request.json = json;
            requests.push_back(std::move(request));
        }
        std::vector<control::Reply> result;
        controller->execute(
            session, {}, std::move(requests), [&](auto replies) { result = std::move(replies); });
        return result;
    }
    control::Reply run_one(const std::string& line) { return run({line}).at(0); }

    // An SA from or to `peer`, as IKE would have added it if `child` is not 0.
    void add_sa(std::uint32_t spi, const IpAddress& peer, bool inbound, std::uint64_t child) {
        const control::Reply reply = run_one(
            "ipsec dynamic add sa spi=" + std::to_string(spi) + " srcaddr="
            + (inbound ? peer : kMe).to_string() + " dstaddr=" + (inbound ? kMe : peer).to_string()
            + " method=AH[SHA1] authkey=00112233445566778899aabbccddeeff00112233");
        ASSERT_TRUE(reply.ok) << reply.text;
        if (child != 0) {
            dataplane.children[spi] = child;
            if (!ike.child(child)) {
                ike.children.emplace_back().child = child;
            }
        }
    }

    void add_main_mode(const IpAddress& peer) {
        control::ike::MainModeReport& sa = ike.reported.main_modes.emplace_back();
        sa.local = {kMe, 500};
        sa.remote = {peer, 500};
        sa.state = control::ike::MainModeState::kEstablished;
    }

    tests::FakeIke ike;
    tests::NullDataplane dataplane;
    tests::TableResolver resolver;
    std::unique_ptr<config::PolicyStore> store;
    std::optional<control::Controller> controller;
    std::shared_ptr<control::Session> session = std::make_shared<control::Session>();
};

TEST_F(IkeCommandsTest, SettingsHaveDefaultsThatIkeIsToldAtTheStart) {
    EXPECT_EQ(ike.logging, false);
    EXPECT_EQ(ike.crl_check, 1U);
}

TEST_F(IkeCommandsTest, SettingsAreObeyedAtOnceAndAgainAfterARestart) {
    EXPECT_TRUE(run_one("ipsec dynamic set config property=ikelogging value=1").ok);
    EXPECT_TRUE(run_one("ipsec dynamic set config strongcrlcheck value=2").ok);
    EXPECT_EQ(ike.logging, true);
    EXPECT_EQ(ike.crl_check, 2U);
    ike.logging.reset();
    ike.crl_check.reset();
    start(&ike);
    EXPECT_EQ(ike.logging, true);
    EXPECT_EQ(ike.crl_check, 2U);
}

TEST_F(IkeCommandsTest, SettingsSurviveInTheFile) {
    const std::filesystem::path file = std::filesystem::path(testing::TempDir())
                                       / ("settings-" + std::to_string(getpid()) + ".db");
    for (const bool first : {true, false}) {
        auto opened = config::PolicyStore::open(file.string());
        ASSERT_TRUE(opened) << opened.error().text;
        controller.reset();
        store = std::move(*opened);
        ike.crl_check.reset();
        start(&ike);
        EXPECT_EQ(ike.crl_check, first ? 1U : 0U);
        EXPECT_TRUE(run_one("ipsec dynamic set config strongcrlcheck 0").ok);
    }
    controller.reset();
    store.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) {
        std::filesystem::remove(file.string() + suffix);
    }
}

TEST_F(IkeCommandsTest, ASettingThatIsNotStoredIsNotObeyed) {
    ASSERT_TRUE(store->begin());  // makes the command's own transaction fail
    EXPECT_FALSE(run_one("ipsec dynamic set config ikelogging 1").ok);
    store->rollback();
    EXPECT_EQ(ike.logging, false);
    EXPECT_FALSE(run_one("ipsec dynamic set config ikelogging 2").ok);
    EXPECT_EQ(ike.logging, false);
    EXPECT_FALSE(store->setting("ikelogging")->has_value());
}

TEST_F(IkeCommandsTest, AValueOfAnotherVersionIsTheDefault) {
    for (const char* value : {"7", "", "on", "11", "-1"}) {
        ASSERT_TRUE(store->set_setting("strongcrlcheck", value));
        ike.crl_check.reset();
        start(&ike);
        EXPECT_EQ(ike.crl_check, 1U) << value;
    }
}

TEST_F(IkeCommandsTest, DeletePicksMainModesByEitherEnd) {
    struct Row {
        const char* parameters;
        std::optional<IpAddress> local;
        std::optional<IpAddress> remote;
    };
    const Row rows[] = {
        {"all", {}, {}},
        {"srcaddr=198.51.100.1", {}, kPeer},
        {"dstaddr=198.51.100.1", {}, kPeer},
        {"srcaddr=192.0.2.1", kMe, {}},
        {"srcaddr=192.0.2.1 dstaddr=198.51.100.1", kMe, kPeer},
        {"srcaddr=198.51.100.1 dstaddr=192.0.2.1", kMe, kPeer},
    };
    for (const Row& row : rows) {
        ike.closed.clear();
        ike.reported.main_modes.clear();
        add_main_mode(kPeer);
        const control::Reply reply =
            run_one(std::string("ipsec dynamic delete sa ") + row.parameters);
        EXPECT_TRUE(reply.ok) << row.parameters << reply.text;
        ASSERT_EQ(ike.closed.size(), 1U) << row.parameters;
        EXPECT_EQ(ike.closed[0].local, row.local) << row.parameters;
        EXPECT_EQ(ike.closed[0].remote, row.remote) << row.parameters;
        EXPECT_NE(reply.text.find("IKE closed 1 of its SAs"), std::string::npos) << reply.text;
    }
}

TEST_F(IkeCommandsTest, DeleteBetweenTwoStrangersClosesNothing) {
    add_main_mode(kPeer);
    EXPECT_FALSE(run_one("ipsec dynamic delete sa srcaddr=198.51.100.1 dstaddr=198.51.100.2").ok);
    EXPECT_TRUE(ike.closed.empty());
}

TEST_F(IkeCommandsTest, DeleteClosesPairsWithoutMainModeAndSelectsOnlyWhatItNames) {
    add_sa(1001, kPeer, false, 7);
    add_sa(1002, kPeer, true, 7);
    add_sa(2001, kOther, false, 8);
    add_sa(3001, kOther, false, 0);
    add_main_mode(kOther);
    // One SPI: that pair, no main mode, no SA of an operator.
    const control::Reply reply = run_one("ipsec dynamic delete sa spi=1002");
    EXPECT_TRUE(reply.ok);
    EXPECT_EQ(ike.closed_children, std::vector<std::uint64_t>{7});
    EXPECT_TRUE(ike.closed.empty());
    EXPECT_EQ(dataplane.sas().size(), 4U) << "IKE removes its SAs itself";
    // The peer of the second pair: its main mode, the pair, and the operator's SA.
    EXPECT_TRUE(run_one("ipsec dynamic delete sa dstaddr=198.51.100.2").ok);
    EXPECT_EQ(ike.closed_children, (std::vector<std::uint64_t>{7, 8}));
    EXPECT_EQ(ike.closed.size(), 1U);
    EXPECT_EQ(dataplane.sas().size(), 3U);
}

TEST_F(IkeCommandsTest, DeleteBySourceLeavesOtherSourcesAlone) {
    add_sa(1001, kPeer, true, 0);
    add_sa(1002, kOther, true, 0);
    EXPECT_TRUE(run_one("ipsec dynamic delete sa srcaddr=198.51.100.2").ok);
    ASSERT_EQ(dataplane.sas().size(), 1U);
    EXPECT_EQ(dataplane.sas()[0].spec.spi, 1001U);
}

TEST_F(IkeCommandsTest, SasOfOnePairStandTogetherWhateverTheirOrder) {
    add_sa(1001, kPeer, false, 7);
    add_sa(2001, kPeer, false, 0);
    add_sa(3001, kPeer, false, 8);
    add_sa(1002, kPeer, true, 7);
    add_sa(3002, kPeer, true, 8);
    const std::string text = run_one("ipsec dynamic show qmsas format=table").text;
    std::size_t at = 0;
    for (const char* spi : {"(1001)", "(1002)", "(2001)", "(3001)", "(3002)"}) {
        const std::size_t found = text.find(spi);
        ASSERT_NE(found, std::string::npos) << text;
        EXPECT_GT(found, at) << spi << text;
        at = found;
    }
}

TEST_F(IkeCommandsTest, APairThatIsGoneMeanwhileIsListedWithItsNumberOnly) {
    add_sa(1001, kPeer, false, 7);
    ike.children.clear();
    const std::string text = run_one("ipsec dynamic show qmsas").text;
    EXPECT_NE(text.find("Negotiated Pair         : 7"), std::string::npos) << text;
    EXPECT_EQ(text.find("Policy Name"), std::string::npos) << text;
}

TEST_F(IkeCommandsTest, StatisticsAreThoseOfIke) {
    control::ike::Statistics& counters = ike.counters;
    std::uint64_t next = 101;
    for (std::uint64_t* counter : {&counters.main_modes,       &counters.quick_modes,
                                   &counters.soft_sas,         &counters.authentication_failures,
                                   &counters.active_acquire,   &counters.active_receive,
                                   &counters.acquire_failures, &counters.receive_failures,
                                   &counters.send_failures,    &counters.negotiation_failures,
                                   &counters.total_acquire,    &counters.spis,
                                   &counters.key_adds,         &counters.key_updates,
                                   &counters.key_add_failures, &counters.main_modes_active,
                                   &counters.children_active,  &counters.messages_in,
                                   &counters.messages_out,     &counters.retransmissions,
                                   &counters.dead_peers}) {
        *counter = next++;
    }
    for (std::size_t i = 0; i < counters.drops.size(); ++i) {
        counters.drops[i] = 1000 + i;
    }
    const std::string text = run({"ipsec dynamic show stats"}, true).at(0).text;
    for (const char* expected : {"\"main_modes\":101,",
                                 "\"quick_modes\":102,",
                                 "\"soft_sas\":103,",
                                 "\"authentication_failures\":104,",
                                 "\"active_acquire\":105,",
                                 "\"active_receive\":106,",
                                 "\"acquire_failures\":107,",
                                 "\"receive_failures\":108,",
                                 "\"send_failures\":109,",
                                 "\"negotiation_failures\":110,",
                                 "\"total_acquire\":111,",
                                 "\"total_get_spi\":112,",
                                 "\"total_key_add\":113,",
                                 "\"total_key_update\":114,",
                                 "\"key_add_failures\":115,",
                                 "\"isadb_list_size\":116,",
                                 "\"connection_list_size\":117,",
                                 "\"messages_received\":118,",
                                 "\"messages_sent\":119,",
                                 "\"retransmissions\":120,",
                                 "\"dead_peers\":121,",
                                 "\"pending_key\":105,",
                                 "\"acquire_heap_size\":0,",
                                 // kBadCookie is the ninth reason.
                                 "\"invalid_cookies_received\":1008,"}) {
        EXPECT_NE(text.find(expected), std::string::npos) << expected << " in " << text;
    }
    for (const control::ike::DropRow& row : control::ike::kDrops) {
        const std::string expected =
            "{\"messages\":" + std::to_string(1000 + static_cast<std::size_t>(row.drop))
            + ",\"reason\":\"" + std::string(row.token) + "\"";
        EXPECT_NE(text.find(expected), std::string::npos) << expected << " in " << text;
    }
}

TEST_F(IkeCommandsTest, RulesThatDoNotNegotiateAreAssignedWhateverTheirMethods) {
    run({"ipsec static add filter filterlist=L srcaddr=any dstaddr=me",
         "ipsec static add filteraction name=drop action=block",
         "ipsec static add policy name=P",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=drop"});
    EXPECT_TRUE(run_one("ipsec static set policy name=P assign=yes").ok);
    const control::Reply reply =
        run_one("ipsec static set filteraction name=drop action=negotiate");
    EXPECT_FALSE(reply.ok);
    EXPECT_EQ(reply.text.substr(0, 16), "ERR IPsec[05519]") << reply.text;
    EXPECT_EQ(store->find_filter_action("drop")->action, config::Action::kBlock);
}

TEST_F(IkeCommandsTest, APolicyThatCannotNegotiateStaysOutOfForce) {
    run({"ipsec static add filter filterlist=L srcaddr=any dstaddr=me",
         "ipsec static add filteraction name=protect",
         "ipsec static add policy name=Old assign=yes",
         "ipsec static add policy name=P",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=protect"});
    EXPECT_FALSE(run_one("ipsec static set policy name=P assign=yes").ok);
    EXPECT_EQ((*store->assigned_policy())->name, "Old");
    EXPECT_TRUE(dataplane.submitted.back()->rules.empty());
}

TEST_F(IkeCommandsTest, ChangedMainModePoliciesReachTheRulesInForce) {
    run({"ipsec dynamic add mmpolicy name=m mmsecmethods=3DES-SHA1-2",
         "ipsec dynamic add mmpolicy name=unused",
         "ipsec dynamic add qmpolicy name=q",
         "ipsec dynamic add rule srcaddr=me dstaddr=198.51.100.1 mmpolicy=m qmpolicy=q psk=x"});
    const std::size_t before = dataplane.submitted.size();
    run({"ipsec dynamic set mmpolicy name=unused mmlifetime=5"});
    EXPECT_EQ(dataplane.submitted.size(), before);
    run({"ipsec dynamic set mmpolicy name=m mmlifetime=5 qmpermm=3 mmsecmethods=AES256-SHA256-14",
         "ipsec dynamic set qmpolicy name=q pfsgroup=grpmm"});
    ASSERT_EQ(dataplane.submitted.size(), before + 1);
    const config::NegotiationTerms& terms = *dataplane.submitted.back()->rules.at(0).terms;
    EXPECT_EQ(terms.main_mode.lifetime_minutes, 5U);
    EXPECT_EQ(terms.main_mode.qm_per_mm, 3U);
    EXPECT_EQ(config::to_string(terms.main_mode.offers), "AES256-SHA256-3");
    EXPECT_EQ(terms.quick_mode.pfs_group, config::PfsGroup::kGroupMm);
}

TEST_F(IkeCommandsTest, RulesWithTheSameEndsAndTermsAreOneMainModeFilter) {
    run({"ipsec static add filteraction name=protect",
         "ipsec static add policy name=P assign=yes",
         "ipsec static add filter filterlist=A srcaddr=me dstaddr=198.51.100.1 protocol=tcp "
         "dstport=80",
         "ipsec static add filter filterlist=B srcaddr=me dstaddr=198.51.100.1 protocol=tcp "
         "dstport=81",
         "ipsec static add filter filterlist=C srcaddr=me dstaddr=198.51.100.1 protocol=tcp "
         "dstport=82",
         "ipsec static add rule name=one policy=P filterlist=A filteraction=protect psk=same",
         "ipsec static add rule name=two policy=P filterlist=B filteraction=protect psk=same",
         "ipsec static add rule name=key policy=P filterlist=C filteraction=protect psk=other"});
    const std::string text = run({"ipsec dynamic show mmfilter"}, true).at(0).text;
    EXPECT_NE(text.find("\"filter_count\":2"), std::string::npos) << text;
    EXPECT_NE(text.find("\"qm_filter_count\":2"), std::string::npos) << text;
}

TEST_F(IkeCommandsTest, WithoutIkeEverythingIsStoredAndSaid) {
    start(nullptr);
    EXPECT_NE(run_one("ipsec dynamic set config ikelogging 1").text.find("ike.enabled = false"),
              std::string::npos);
    EXPECT_EQ(**store->setting("ikelogging"), "1");
    run({"ipsec static add filter filterlist=L srcaddr=any dstaddr=me",
         "ipsec static add filteraction name=protect",
         "ipsec static add policy name=P",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=protect"});
    EXPECT_TRUE(run_one("ipsec static set policy name=P assign=yes").ok);
    for (const char* line : {"ipsec dynamic show mmsas", "ipsec dynamic show mmfilter"}) {
        const std::string text = run_one(line).text;
        EXPECT_NE(text.find("IKE is switched off"), std::string::npos) << text;
    }
    const std::string json = run({"ipsec dynamic show mmsas"}, true).at(0).text;
    EXPECT_EQ(json, "{\"mm_sas\":[],\"failures\":[]}\n");
    EXPECT_FALSE(run_one("ipsec dynamic delete sa all").ok);
}

}  // namespace
