// Batches: one transaction, a savepoint per command, replies after commit and publication.
#include "config/policy_store.h"
#include "control/commands.h"
#include "control/controller.h"
#include "tests/support/null_dataplane.h"
#include "tests/support/table_resolver.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

class ControllerTest : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = config::PolicyStore::open(":memory:");
        ASSERT_TRUE(opened);
        dataplane.host.me = {config::IpAddress::v4(0x0A0000FE)};
        store = std::move(*opened);
        controller.emplace(*store,
                           dataplane,
                           resolver,
                           control::ControllerOptions{"GATE", [this](std::string_view line) {
                                                          audit.emplace_back(line);
                                                      }});
        ASSERT_TRUE(controller->refresh());
    }

    std::vector<control::Reply> run(const std::vector<std::string>& lines) {
        std::vector<control::Request> requests;
        for (const std::string& line : lines) {
            control::Request request;
            request.line = line;
            requests.push_back(std::move(request));
        }
        answered = false;
        // The answer may come after this function has returned.
        const auto result = std::make_shared<std::vector<control::Reply>>();
        controller->execute(session,
                            {1000, 42},
                            std::move(requests),
                            [this, result](std::vector<control::Reply> replies) {
                                *result = std::move(replies);
                                answered = true;
                            });
        return *result;
    }

    tests::NullDataplane dataplane;
    tests::TableResolver resolver;
    std::unique_ptr<config::PolicyStore> store;
    std::vector<std::string> audit;
    std::optional<control::Controller> controller;
    std::shared_ptr<control::Session> session = std::make_shared<control::Session>();
    bool answered = false;
};

TEST_F(ControllerTest, EveryCommandHasAHandler) {
    for (const config::Context context : {config::Context::kStatic, config::Context::kDynamic}) {
        for (const config::CommandSpec& spec : config::command_rows(context)) {
            EXPECT_NE(control::find_handler(spec.id), nullptr) << spec.words();
        }
    }
}

TEST_F(ControllerTest, AFailingCommandRollsBackOnlyItself) {
    const auto replies = run({"ipsec static",
                              "add filterlist name=A",
                              "add filter filterlist=B srcaddr=10.0.0.1 dstaddr=2001:db8::1",
                              "add filterlist name=A",
                              "add filterlist name=C"});
    ASSERT_EQ(replies.size(), 5U);
    EXPECT_TRUE(replies[1].ok);
    EXPECT_FALSE(replies[2].ok);
    EXPECT_EQ(replies[3].text.substr(0, 16), "ERR IPsec[05010]");
    EXPECT_TRUE(replies[4].ok);
    EXPECT_TRUE(store->find_filter_list("A"));
    EXPECT_FALSE(store->find_filter_list("B"));
    EXPECT_TRUE(store->find_filter_list("C"));
    EXPECT_FALSE(store->in_transaction());
}

TEST_F(ControllerTest, ABatchBuildsOneRuleSet) {
    run({"ipsec static add policy name=P assign=yes",
         "ipsec static add filteraction name=block action=block",
         "ipsec static add filter filterlist=L srcaddr=any dstaddr=me protocol=tcp dstport=445",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=block"});
    ASSERT_EQ(dataplane.submitted.size(), 2U);  // start-up and the batch
    EXPECT_EQ(dataplane.submitted[1]->filters.size(), 1U);
}

TEST_F(ControllerTest, WhatTheAssignedPolicyDoesNotUseIsNotBuilt) {
    run({"ipsec static add policy name=P assign=yes"});
    const std::size_t before = dataplane.submitted.size();
    run({"ipsec static add filter filterlist=L srcaddr=any dstaddr=me"});
    EXPECT_EQ(dataplane.submitted.size(), before);
}

TEST_F(ControllerTest, RepliesWaitForThePublication) {
    dataplane.hold = true;
    run({"ipsec static add policy name=P assign=yes"});
    EXPECT_FALSE(answered);
    EXPECT_TRUE(store->find_policy("P")) << "stored before it is published";
    controller->execute(session, {}, {{"ipsec static show policy P"}}, [](auto) {});
    EXPECT_FALSE(answered);
    std::vector<control::Reply> second;
    controller->execute(std::make_shared<control::Session>(),
                        {},
                        {{"ipsec static add filterlist name=L"}},
                        [&](auto replies) { second = std::move(replies); });
    EXPECT_TRUE(second.empty()) << "a change is answered when everything before it is in force";
    dataplane.publish_all();
    EXPECT_TRUE(answered);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_TRUE(second[0].ok);
}

TEST_F(ControllerTest, AFailedPublicationIsSaid) {
    dataplane.failure = config::Error{config::ErrorCode::kTooManyFilters, "no room"};
    const auto replies =
        run({"ipsec static add policy name=P assign=yes", "ipsec static show store"});
    EXPECT_FALSE(replies[0].ok);
    EXPECT_NE(replies[0].text.find("stored but not in force"), std::string::npos);
    EXPECT_TRUE(replies[1].ok);
}

TEST_F(ControllerTest, AFailedCommitAnswersEveryChange) {
    // A transaction that somebody else holds open makes begin() fail, as a full disk would.
    ASSERT_TRUE(store->begin());
    const auto replies =
        run({"ipsec static add filterlist name=A", "ipsec static add filterlist name=B"});
    store->rollback();
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_FALSE(replies[0].ok);
    EXPECT_FALSE(replies[1].ok);
    EXPECT_FALSE(store->find_filter_list("A"));
    EXPECT_TRUE(run({"ipsec static add filterlist name=A"})[0].ok);
}

TEST_F(ControllerTest, NamesAreResolvedBeforeAnythingRunsAndOthersGoOn) {
    resolver.hold = true;
    resolver.names["host.example"] = {config::IpAddress::v4(0x0A000001)};
    run({"ipsec static add filterlist name=First",
         "ipsec static add filter filterlist=L srcaddr=host.example dstaddr=me"});
    EXPECT_FALSE(answered);
    EXPECT_FALSE(store->in_transaction());
    EXPECT_FALSE(store->find_filter_list("First"));
    bool other = false;
    controller->execute(std::make_shared<control::Session>(),
                        {},
                        {{"ipsec static add filterlist name=Other"}},
                        [&](auto) { other = true; });
    EXPECT_TRUE(other);
    resolver.answer_all();
    EXPECT_TRUE(answered);
    const auto filters = store->filters(store->find_filter_list("L")->guid);
    ASSERT_EQ(filters->size(), 1U);
    EXPECT_EQ((*filters)[0].spec.source.dns_name, "host.example");
}

TEST_F(ControllerTest, AuditNamesTheUserAndMasksTheKey) {
    run({"ipsec static",
         "add policy name=P",
         "add filterlist name=L",
         "add filteraction name=N",
         "add rule name=R policy=P filterlist=L filteraction=N psk=\"open sesame\"",
         "show policy all"});
    ASSERT_EQ(audit.size(), 4U);
    EXPECT_NE(audit[3].find("uid=1000 pid=42 result=ok"), std::string::npos) << audit[3];
    EXPECT_NE(audit[3].find("psk=****"), std::string::npos) << audit[3];
    EXPECT_EQ(audit[3].find("sesame"), std::string::npos);
}

constexpr const char* kKey = "00112233445566778899aabbccddeeff00112233";
constexpr const char* kOtherKey = "0x99887766554433221100ffeeddccbbaa";

std::string add_sa(const std::string& spi) {
    return "ipsec dynamic add sa spi=" + spi + " srcaddr=10.0.0.254 dstaddr=10.0.0.1 "
           "method=ESP[AES128,SHA1] enckey=" + kOtherKey + " authkey=" + kKey;
}

TEST_F(ControllerTest, AuditMasksEveryKey) {
    run({add_sa("300"),
         "ipsec dynamic add sa 301 10.0.0.254 10.0.0.1 AH[SHA1]+ESP[AES128,SHA1] transport "
             + std::string(kOtherKey) + " " + kKey + " 302 " + kKey,
         "ipsec static add policy name=P",
         "ipsec static add filterlist name=L",
         "ipsec static add filteraction name=N",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=N psk=one psk=R",
         "ipsec static add rule name=one policy=P filterlist=L filteraction=N psk=one"});
    ASSERT_EQ(audit.size(), 6U) << "a line that cannot be read is not executed";
    EXPECT_NE(audit[0].find("result=ok"), std::string::npos) << audit[0];
    EXPECT_NE(audit[0].find("enckey=**** authkey=****"), std::string::npos) << audit[0];
    EXPECT_NE(audit[1].find("result=ok"), std::string::npos) << audit[1];
    EXPECT_NE(audit[1].find("transport **** **** 302 ****"), std::string::npos) << audit[1];
    EXPECT_NE(audit[5].find("name=one policy=P"), std::string::npos)
        << "a value that is equal to a key tells nothing: " << audit[5];
    EXPECT_NE(audit[5].find("psk=****"), std::string::npos) << audit[5];
    for (const std::string& line : audit) {
        EXPECT_EQ(line.find("00112233"), std::string::npos) << line;
        EXPECT_EQ(line.find("99887766"), std::string::npos) << line;
    }
}

TEST_F(ControllerTest, NoReplyAboutAnSaHoldsAKey) {
    for (const std::string& line : {add_sa("300"),
                                    add_sa("300"),
                                    add_sa("300") + " rule=missing",
                                    add_sa("301") + "00",
                                    add_sa("301") + "0",
                                    add_sa("301") + "x",
                                    add_sa("301") + " ahkey=" + kKey,
                                    std::string("ipsec dynamic show qmsas"),
                                    std::string("ipsec dynamic show qmsas format=table"),
                                    std::string("ipsec dynamic show stats")}) {
        for (const bool json : {false, true}) {
            control::Request request;
            request.line = line;
            request.json = json;
            request.show_secrets = true;
            controller->execute(session, {}, {request}, [&](auto replies) {
                EXPECT_EQ(replies[0].text.find("00112233"), std::string::npos) << replies[0].text;
                EXPECT_EQ(replies[0].text.find("99887766"), std::string::npos) << replies[0].text;
            });
        }
    }
    EXPECT_EQ(dataplane.sas().size(), 1U);
}

TEST_F(ControllerTest, AFailedTransactionLeavesSasAlone) {
    // A transaction that somebody else holds open makes begin() fail, as a full disk would.
    ASSERT_TRUE(store->begin());
    const auto replies = run({"ipsec static add filterlist name=A",
                              add_sa("300"),
                              "ipsec dynamic show qmsas",
                              "ipsec static add filterlist name=B",
                              "ipsec dynamic delete sa spi=300",
                              "ipsec dynamic delete sa spi=300"});
    store->rollback();
    ASSERT_EQ(replies.size(), 6U);
    EXPECT_FALSE(replies[0].ok);
    EXPECT_TRUE(replies[1].ok) << replies[1].text;
    EXPECT_NE(replies[2].text.find("No. of SAs              : 1"), std::string::npos);
    EXPECT_FALSE(replies[3].ok);
    EXPECT_TRUE(replies[4].ok) << replies[4].text;
    EXPECT_FALSE(replies[5].ok);
}

TEST_F(ControllerTest, AnSaCanNameARuleOfTheSameBatch) {
    const auto replies = run({"ipsec static add policy name=P assign=yes",
                              "ipsec static add filteraction name=N action=negotiate",
                              "ipsec static add filter filterlist=L srcaddr=me dstaddr=10.0.0.1",
                              "ipsec static add rule name=R policy=P filterlist=L filteraction=N",
                              add_sa("300") + " rule=R",
                              "ipsec static delete policy name=P",
                              add_sa("301") + " rule=R"});
    EXPECT_TRUE(replies[4].ok) << replies[4].text;
    EXPECT_FALSE(replies[6].ok);
    ASSERT_EQ(dataplane.sas().size(), 1U);
    EXPECT_NE(dataplane.sas()[0].spec.rule, config::kAnyRule);
    EXPECT_FALSE(dataplane.sas()[0].rule.is_nil());
}

TEST_F(ControllerTest, ADynamicRuleIsNamedByItsGuid) {
    run({"ipsec dynamic add mmpolicy name=mm",
         "ipsec dynamic add qmpolicy name=qm",
         "ipsec dynamic add rule srcaddr=me dstaddr=10.0.0.1 mmpolicy=mm qmpolicy=qm"});
    const config::Guid guid = controller->dynamic_state().rules.at(0).guid;
    EXPECT_TRUE(run({add_sa("300") + " rule=" + guid.to_string()})[0].ok);
    ASSERT_EQ(dataplane.sas().size(), 1U);
    EXPECT_EQ(dataplane.sas()[0].rule, guid);
    EXPECT_EQ(dataplane.sas()[0].spec.rule, dataplane.submitted.back()->rules.at(0).tag);
}

TEST_F(ControllerTest, ASoftSaIsListedAsOneThatProtectsNothing) {
    config::SaSpec spec;
    spec.source = config::IpAddress::v4(0x0A0000FE);
    spec.destination = config::IpAddress::v4(0x0A000001);
    spec.lifetime.hard_seconds = 900;
    spec.soft = true;
    ASSERT_TRUE(dataplane.sa_manager.add({{spec, std::nullopt}, {}, 7}, dataplane.clock));
    const std::string list = run({"ipsec dynamic show qmsas"})[0].text;
    EXPECT_EQ(list,
              "\nSPI                     : NONE\n"
              "Direction               : OUTBOUND\n"
              "Mode                    : TRANSPORT\n"
              "Source                  : 10.0.0.254\n"
              "Destination             : 10.0.0.1\n"
              "Method                  : SOFT (IN CLEAR)\n"
              "State                   : ACTIVE\n"
              "Rule                    : NONE\n"
              "Packets                 : 0\n"
              "Bytes                   : 0\n"
              "Time Limit              : 900\n"
              "Seconds Left            : 900\n"
              "Seconds Since Last Use  : NEVER USED\n"
              "Refused as Expired      : 0\n"
              "\n"
              "No. of SAs              : 1\n\n");
    const std::string table = run({"ipsec dynamic show qmsas format=table"})[0].text;
    EXPECT_NE(table.find("NONE\tOUTBOUND\tTRANSPORT\t10.0.0.254\t10.0.0.1\tSOFT (IN CLEAR)\tACTIVE"
                         "\t0\t0\t900\n"),
              std::string::npos)
        << table;
    control::Request request;
    request.line = "ipsec dynamic show qmsas";
    request.json = true;
    std::string json;
    controller->execute(session, {}, {request}, [&](auto replies) { json = replies[0].text; });
    for (const char* expected : {"\"spi\":null", "\"protocol\":\"none\"", "\"method\":\"soft\""}) {
        EXPECT_NE(json.find(expected), std::string::npos) << json;
    }
    EXPECT_NE(run({"ipsec dynamic show qmsas protocol=50"})[0].text.find("not available"),
              std::string::npos);
    EXPECT_EQ(dataplane.sa_manager.totals().active, 0U) << "it is no association";
}

TEST_F(ControllerTest, StatisticsComeFromSasAndDrops) {
    const auto drop = [&](dataplane::DropReason reason, std::uint64_t count) {
        dataplane.counters.drops[static_cast<std::size_t>(reason)] = count;
    };
    drop(dataplane::DropReason::kSaUnknown, 1);
    drop(dataplane::DropReason::kEspTruncated, 2);
    drop(dataplane::DropReason::kEspBadLength, 4);
    drop(dataplane::DropReason::kEspBadPadding, 8);
    drop(dataplane::DropReason::kIcvMismatch, 16);
    drop(dataplane::DropReason::kAhTruncated, 32);
    drop(dataplane::DropReason::kAhBadLength, 64);
    drop(dataplane::DropReason::kReplayed, 128);
    drop(dataplane::DropReason::kReplayTooOld, 256);
    drop(dataplane::DropReason::kSequenceZero, 512);
    run({add_sa("300")});
    dataplane.sa_table.find(dataplane.sa_table.all().at(0)->handle)->bytes = 1000;
    control::Request request;
    request.line = "ipsec dynamic show stats type=ipsec";
    request.json = true;
    std::string text;
    controller->execute(session, {}, {request}, [&](auto replies) { text = replies[0].text; });
    for (const char* expected : {"\"active_associations\":1,",
                                 "\"key_adds\":1,",
                                 "\"key_deletes\":0,",
                                 "\"active_tunnels\":0,",
                                 "\"bad_spi_packets\":1,",
                                 "\"packets_not_decrypted\":14,",
                                 "\"packets_not_authenticated\":112,",
                                 "\"packets_with_replay_detection\":896,",
                                 "\"confidential_bytes_sent\":1000,",
                                 "\"authenticated_bytes_sent\":1000,",
                                 "\"transport_bytes_sent\":1000,",
                                 "\"transport_bytes_received\":0,",
                                 "\"bytes_sent_in_tunnels\":0,"}) {
        EXPECT_NE(text.find(expected), std::string::npos) << expected << " in " << text;
    }
}

TEST_F(ControllerTest, RefreshFollowsTheHost) {
    run({"ipsec static add policy name=P assign=yes",
         "ipsec static add filteraction name=block action=block",
         "ipsec static add filter filterlist=L srcaddr=any dstaddr=me",
         "ipsec static add rule name=R policy=P filterlist=L filteraction=block"});
    const std::size_t before = dataplane.submitted.size();
    ASSERT_TRUE(controller->refresh());
    EXPECT_EQ(dataplane.submitted.size(), before) << "nothing has changed";
    dataplane.host.me = {config::IpAddress::v4(0x0A000001)};
    ASSERT_TRUE(controller->refresh());
    ASSERT_EQ(dataplane.submitted.size(), before + 1);
    EXPECT_FALSE(dataplane.submitted.back()->rows.empty());
}

TEST_F(ControllerTest, ARuleKeepsItsTagWhileItIsOutOfForce) {
    run({"ipsec static add policy name=P assign=yes",
         "ipsec static add filteraction name=block action=block",
         "ipsec static add filter filterlist=L srcaddr=any dstaddr=me",
         "ipsec static add rule name=A policy=P filterlist=L filteraction=block",
         "ipsec static add rule name=B policy=P filterlist=L filteraction=block"});
    const auto tag_of = [&](const char* name) {
        for (const config::RuleSetRule& rule : dataplane.submitted.back()->rules) {
            if (rule.rule_name == name) {
                return rule.tag;
            }
        }
        return config::kAnyRule;
    };
    const config::RuleTag a = tag_of("A");
    const config::RuleTag b = tag_of("B");
    EXPECT_NE(a, config::kAnyRule);
    EXPECT_NE(b, config::kAnyRule);
    EXPECT_NE(a, b);
    run({"ipsec static set rule name=A policy=P activate=no"});
    EXPECT_EQ(tag_of("A"), config::kAnyRule);
    EXPECT_EQ(tag_of("B"), b);
    run({"ipsec static set policy name=P assign=no"});
    run({"ipsec static set policy name=P assign=yes",
         "ipsec static set rule name=A policy=P activate=yes"});
    EXPECT_EQ(tag_of("A"), a);
    EXPECT_EQ(tag_of("B"), b);
}

TEST_F(ControllerTest, ATunnelRuleSaysWhereItUsesOneDirectionOrNone) {
    run({"ipsec static add policy name=P",
         "ipsec static add filteraction name=n action=negotiate",
         "ipsec static add filteraction name=b action=block",
         "ipsec static add filter filterlist=L srcaddr=10.1.0.0 srcmask=16 dstaddr=10.2.0.0 "
         "dstmask=16"});
    struct Case {
        const char* rule;
        const char* note;  // a part of it, or nothing
    };
    int number = 0;
    for (const Case& row : {Case{"filteraction=n tunnel=203.0.113.9", nullptr},
                            Case{"filteraction=n tunnel=10.0.0.254", "only the direction"},
                            Case{"filteraction=b tunnel=203.0.113.9", "only the direction"},
                            Case{"filteraction=n tunnel=ip", "no tunnel end point"},
                            Case{"filteraction=n", nullptr}}) {
        const auto replies = run({"ipsec static add rule name=R" + std::to_string(++number)
                                  + " policy=P filterlist=L " + row.rule});
        ASSERT_TRUE(replies[0].ok) << replies[0].text;
        const std::string& text = replies[0].text;
        for (const char* note : {"only the direction", "no tunnel end point"}) {
            EXPECT_EQ(text.find(note) != std::string::npos,
                      row.note != nullptr && std::string_view(note) == row.note)
                << row.rule << ": " << text;
        }
    }
}

TEST_F(ControllerTest, ALargeListingEndsTheBatchAndTheSessionGoesOnFromThere) {
    run({"ipsec static"});
    for (int block = 0; block < 20; ++block) {
        std::vector<std::string> lines;
        for (int i = 0; i < 500; ++i) {
            lines.push_back("add filter filterlist=L srcaddr=10." + std::to_string(block) + "."
                            + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1)
                            + " dstaddr=me");
        }
        run(lines);
    }
    const auto replies = run({"show filterlist L verbose",
                              "show filterlist L verbose",
                              "show filterlist L verbose",
                              "show filterlist L verbose",
                              ".."});
    EXPECT_LT(replies.size(), 5U);
    EXPECT_EQ(session->prompt(), "netsh ipsec static>");
}

}  // namespace
