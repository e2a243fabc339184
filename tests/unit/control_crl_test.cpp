#include "control/certificates.h"
#include "control/crl_store.h"
#include "tests/support/certificate_maker.h"
#include "tests/support/certificate_world.h"
#include "tests/support/http_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace control {
namespace {

using ike::Judged;
using ike::Judgement;
using test::CrlOrder;
using test::HttpServer;
using test::Issued;
using test::kDay;
using test::kNow;

class CrlTest : public test::CertificateWorld {
  protected:
    CrlTest() : root_list_(directory_.write_pem("root.crl", *test::make_crl({.issuer = &root_}))) {}

    // Asks until the answer is no longer "wait", as a peer that repeats its message makes us.
    static Judged judge_at_last(Certificates& certificates, const ike::PeerProof& proof) {
        Judged judged = certificates.judge(proof);
        for (int i = 0; i < 3000 && judged.judgement == Judgement::kWaiting; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            judged = certificates.judge(proof);
        }
        return judged;
    }
    // The peer's certificate, with places where its list is.
    [[nodiscard]] Issued peer_with(const std::vector<std::string>& urls) const {
        test::Order order = peer_order();
        std::string names;
        for (const std::string& url : urls) {
            names += (names.empty() ? "URI:" : ",URI:") + url;
        }
        order.extensions.push_back({"crlDistributionPoints", names});
        return test::issue(order);
    }

    std::string root_list_;
};

// What the list of the peer's issuer is, and the judgement by level 0, 1, 2.
struct ListRow {
    std::string name;
    std::optional<CrlOrder> order;
    std::vector<Judgement> judgements;
    std::string reason;  // of the last one
};

TEST_F(CrlTest, EveryLevelJudgesEveryListAsItShould) {
    constexpr Judgement kGood = Judgement::kGood;
    constexpr Judgement kBad = Judgement::kBad;
    const std::vector<ListRow> rows = {
        {"good", CrlOrder{.issuer = &intermediate_, .revoked = {1, 2}}, {kGood, kGood, kGood}, ""},
        {"revoked",
         CrlOrder{.issuer = &intermediate_, .revoked = {1, kPeerSerial}},
         {kGood, kBad, kBad},
         "certificate C=DE, CN=peer: was revoked on 2026-06-14 12:00:00 UTC"},
        {"revoked by an expired list",
         CrlOrder{.issuer = &intermediate_,
                  .revoked = {kPeerSerial},
                  .from = kNow - 2 * kDay,
                  .until = kNow - kDay},
         {kGood, kBad, kBad},
         "certificate C=DE, CN=peer: was revoked on 2026-06-13 12:00:00 UTC"},
        {"none",
         std::nullopt,
         {kGood, kGood, kBad},
         "there is no revocation list of C=DE, O=Example, CN=Sub"},
        {"expired",
         CrlOrder{.issuer = &intermediate_, .from = kNow - 2 * kDay, .until = kNow - 1},
         {kGood, kGood, kBad},
         "the revocation list of C=DE, O=Example, CN=Sub expired on 2026-06-15 11:59:59 UTC"},
        {"not yet valid",
         CrlOrder{.issuer = &intermediate_, .from = kNow + 60},
         {kGood, kGood, kBad},
         "the revocation list of C=DE, O=Example, CN=Sub is not valid before 2026-06-15 12:01:00 "
         "UTC"},
        {"signed by another key, revoking",
         CrlOrder{.issuer = &intermediate_, .revoked = {kPeerSerial}, .key = test::rsa_key(7)},
         {kGood, kGood, kBad},
         "there is no revocation list of C=DE, O=Example, CN=Sub"},
        {"for attributes only",
         CrlOrder{.issuer = &intermediate_, .partial = true},
         {kGood, kGood, kBad},
         "certificate C=DE, CN=peer: "},
        {"of another authority, revoking",
         CrlOrder{.issuer = &root_, .revoked = {kPeerSerial}},
         {kGood, kGood, kBad},
         "there is no revocation list of C=DE, O=Example, CN=Sub"},
        {"the intermediate authority is revoked",
         CrlOrder{.issuer = &root_, .revoked = {kIntermediateSerial}},
         {kGood, kBad, kBad},
         "certificate C=DE, O=Example, CN=Sub: was revoked on"},
    };
    const std::string between =
        directory_.write_pem("between.crt", {intermediate_.certificate.get()});
    const std::string peer = directory_.write_pem("peer.crt", {peer_.certificate.get()});
    for (const ListRow& row : rows) {
        const bool of_root = row.order && row.order->issuer == &root_;
        config_.crl = of_root ? std::vector<std::string>() : std::vector<std::string>{root_list_};
        if (row.order) {
            config_.crl.push_back(directory_.write_pem("row.crl", *test::make_crl(*row.order)));
        }
        const auto certificates = load();
        Judged judged;
        for (unsigned level = 0; level < 3; ++level) {
            certificates->set_crl_check(CrlCheck{static_cast<std::uint8_t>(level)});
            judged = certificates->judge(peer_proof());
            EXPECT_EQ(judged.judgement, row.judgements[level])
                << row.name << " " << level << ": " << judged.reason;
        }
        EXPECT_NE(judged.reason.find(row.reason), std::string::npos)
            << row.name << ": " << judged.reason;
        std::string command =
            fmt::format("openssl verify -attime {} -CAfile {} -untrusted {} -crl_check_all",
                        kNow,
                        config_.ca[0],
                        between);
        for (const std::string& list : config_.crl) {
            command += " -CRLfile " + list;
        }
        const test::Ran verified = test::run(command + " " + peer);
        EXPECT_EQ(verified.status == 0, judged.judgement == kGood)
            << row.name << ": " << verified.output;
    }
}

TEST_F(CrlTest, FilesAreReadAgainWhenTheyChange) {
    const std::string list =
        directory_.write_pem("sub.crl", *test::make_crl({.issuer = &intermediate_}));
    config_.crl = {root_list_, list};
    const auto certificates = load();
    certificates->set_crl_check(CrlCheck::kAnyError);
    EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kGood);
    // As DER this time.
    directory_.write("new.crl",
                     std::string_view(test::der_text(
                         *test::make_crl({.issuer = &intermediate_, .revoked = {kPeerSerial}}))));
    std::filesystem::rename(directory_.path("new.crl"), list);
    const Judged judged = certificates->judge(peer_proof());
    EXPECT_EQ(judged.judgement, Judgement::kBad);
    EXPECT_NE(judged.reason.find("was revoked"), std::string::npos) << judged.reason;
    // What has become unreadable leaves the list that was read.
    std::ofstream(list) << "rubbish";
    EXPECT_NE(certificates->judge(peer_proof()).reason.find("was revoked"), std::string::npos);
    std::filesystem::remove(list);
    EXPECT_NE(certificates->judge(peer_proof()).reason.find("was revoked"), std::string::npos);
    directory_.write_pem("sub.crl", *test::make_crl({.issuer = &intermediate_}));
    EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kGood);
}

TEST_F(CrlTest, AListWithoutEndIsRefused) {
    config_.crl = {
        root_list_,
        directory_.write_pem("sub.crl", *test::make_crl({.issuer = &intermediate_, .until = 0}))};
    const auto certificates = load();
    certificates->set_crl_check(CrlCheck::kAnyError);
    EXPECT_EQ(certificates->judge(peer_proof()).judgement, Judgement::kBad);
}

TEST_F(CrlTest, FetchesWhereTheCertificateSays) {
    HttpServer server;
    server.serve("/sub.crl", test::der_text(*test::make_crl({.issuer = &intermediate_})));
    server.redirect("/moved", server.url("/sub.crl"));
    config_.crl = {root_list_};
    for (const std::string_view path : {"/sub.crl", "/moved"}) {
        const Issued peer = peer_with({server.url(std::string(path))});
        for (const CrlCheck level : {CrlCheck::kRevoked, CrlCheck::kAnyError}) {
            const auto certificates = load();
            certificates->set_crl_check(level);
            const unsigned before = server.requests("/sub.crl");
            EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement,
                      Judgement::kWaiting);
            const Judged judged = judge_at_last(*certificates, proof_of(peer, {&intermediate_}));
            EXPECT_EQ(judged.judgement, Judgement::kGood) << judged.reason;
            // Kept: not asked for again.
            EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement,
                      Judgement::kGood);
            EXPECT_EQ(server.requests("/sub.crl"), before + 1);
        }
        const auto certificates = load();
        certificates->set_crl_check(CrlCheck::kNone);
        const unsigned before = server.requests("/sub.crl");
        EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement,
                  Judgement::kGood);
        EXPECT_EQ(server.requests("/sub.crl"), before);
    }
}

TEST_F(CrlTest, WhatIsFetchedRevokes) {
    HttpServer server;
    server.serve(
        "/sub.crl",
        test::der_text(*test::make_crl({.issuer = &intermediate_, .revoked = {kPeerSerial}})));
    const Issued peer = peer_with({server.url("/gone"), server.url("/sub.crl")});
    const auto certificates = load();
    const Judged judged = judge_at_last(*certificates, proof_of(peer, {&intermediate_}));
    EXPECT_EQ(judged.judgement, Judgement::kBad);
    EXPECT_NE(judged.reason.find("was revoked"), std::string::npos) << judged.reason;
}

TEST_F(CrlTest, AnExpiredListIsFetchedAgain) {
    HttpServer server;
    server.serve("/sub.crl",
                 test::der_text(*test::make_crl({.issuer = &intermediate_, .until = kNow + 60})));
    config_.crl = {root_list_};
    const Issued peer = peer_with({server.url("/sub.crl")});
    const auto certificates = load({.retry = std::chrono::milliseconds(0), .fetch = {}});
    certificates->set_crl_check(CrlCheck::kAnyError);
    EXPECT_EQ(judge_at_last(*certificates, proof_of(peer, {&intermediate_})).judgement,
              Judgement::kGood);
    now_ = kNow + 61;
    server.serve("/sub.crl", test::der_text(*test::make_crl({.issuer = &intermediate_})));
    EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement, Judgement::kWaiting);
    EXPECT_EQ(judge_at_last(*certificates, proof_of(peer, {&intermediate_})).judgement,
              Judgement::kGood);
    EXPECT_EQ(server.requests("/sub.crl"), 2U);
}

// A failure lets level 1 pass and is named by level 2; the server is asked once, not for each try.
TEST_F(CrlTest, SaysWhyAListWasNotFetched) {
    HttpServer server;
    server.serve("/rubbish", "<html>");
    server.serve("/long", std::string(5000, 'x'));
    server.redirect("/file", "file://" + root_list_);
    server.redirect("/loop", server.url("/loop"));
    server.keep_silent("/silent");
    server.serve(
        "/forged",
        test::der_text(*test::make_crl(
            {.issuer = &intermediate_, .revoked = {kPeerSerial}, .key = test::rsa_key(7)})));
    struct Row {
        std::string path;
        std::string reason;
    };
    const std::vector<Row> rows = {
        {"/missing", "the server answered with status 404"},
        {"/rubbish", "what came is not a revocation list in DER or PEM"},
        {"/long", "longer than 4000 bytes"},
        {"/file", "Unsupported protocol"},
        {"/loop", "Number of redirects hit maximum amount"},
        {"/silent", "Timeout was reached"},
        {"/forged", "there is no revocation list of C=DE, O=Example, CN=Sub; strongcrlcheck=2"},
    };
    config_.crl = {root_list_};
    const CrlStore::Options options{
        .retry = std::chrono::minutes(1),
        .fetch = {.bytes = 4000, .time = std::chrono::milliseconds(500)}};
    for (const Row& row : rows) {
        const Issued peer = peer_with({server.url(row.path)});
        const auto certificates = load(options);
        const ike::PeerProof proof = proof_of(peer, {&intermediate_});
        EXPECT_EQ(certificates->judge(proof).judgement, Judgement::kWaiting) << row.path;
        EXPECT_EQ(judge_at_last(*certificates, proof).judgement, Judgement::kGood) << row.path;
        certificates->set_crl_check(CrlCheck::kAnyError);
        const Judged judged = certificates->judge(proof);
        EXPECT_EQ(judged.judgement, Judgement::kBad) << row.path;
        EXPECT_NE(judged.reason.find(row.reason), std::string::npos) << judged.reason;
        EXPECT_EQ(server.requests(row.path), row.path == "/loop" ? 4U : 1U) << row.path;
    }
}

TEST_F(CrlTest, OnlyHttpIsAsked) {
    config_.crl = {root_list_};
    const std::string names = "file://" + root_list_;
    const Issued peer = peer_with({names, "ldap://127.0.0.1/cn", "https://127.0.0.1/a"});
    const auto certificates = load();
    EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement, Judgement::kGood);
    certificates->set_crl_check(CrlCheck::kAnyError);
    EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement, Judgement::kBad);
}

// CVE-2022-40617: only what is trusted but for revocation may make us connect somewhere.
TEST_F(CrlTest, NothingIsFetchedForStrangers) {
    HttpServer server;
    server.serve("/sub.crl", test::der_text(*test::make_crl({.issuer = &intermediate_})));
    const auto certificates = load();
    certificates->set_crl_check(CrlCheck::kAnyError);

    test::Order order = peer_order();
    order.extensions.push_back({"crlDistributionPoints", "URI:" + server.url("/sub.crl")});
    order.issuer = nullptr;
    EXPECT_EQ(certificates->judge(proof_of(test::issue(order), {})).judgement, Judgement::kBad);
    order.issuer = &intermediate_;
    order.until = kNow - 1;
    EXPECT_EQ(certificates->judge(proof_of(test::issue(order), {&intermediate_})).judgement,
              Judgement::kBad);
    const Issued peer = peer_with({server.url("/sub.crl")});
    ike::PeerProof proof = proof_of(peer, {&intermediate_});
    const ike::Bytes wrong(proof.signature.size(), 1);
    proof.signature = wrong;
    EXPECT_EQ(certificates->judge(proof).judgement, Judgement::kBad);
    // The counter is proven to work by a peer that may.
    config_.crl = {root_list_};
    const auto others = load();
    EXPECT_EQ(judge_at_last(*others, proof_of(peer, {&intermediate_})).judgement, Judgement::kGood);
    EXPECT_EQ(server.requests("/sub.crl"), 1U);
}

TEST_F(CrlTest, EndsWhileServersAreSilent) {
    HttpServer server;
    server.keep_silent("/silent");
    const Issued peer = peer_with({server.url("/silent")});
    auto certificates = load();
    EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement, Judgement::kWaiting);
    while (server.requests("/silent") == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(certificates->judge(proof_of(peer, {&intermediate_})).judgement, Judgement::kWaiting);
    certificates.reset();  // does not wait for the time limit of ten seconds
    EXPECT_EQ(server.requests("/silent"), 1U);
}

TEST(CrlFetcherQueue, IsBounded) {
    HttpServer server;
    server.keep_silent("/silent");
    CrlFetcher fetcher({.at_once = 1, .waiting = 2});
    unsigned taken = 0;
    for (int i = 0; i < 10; ++i) {
        taken += fetcher.start(server.url("/silent")) ? 1U : 0U;
    }
    EXPECT_GE(taken, 2U);
    EXPECT_LE(taken, 3U);  // one may have left the queue for the thread
    EXPECT_FALSE(fetcher.start("https://127.0.0.1/"));
    EXPECT_FALSE(fetcher.start("file:///etc/passwd"));
}

}  // namespace
}  // namespace control
