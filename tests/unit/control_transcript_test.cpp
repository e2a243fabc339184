// Runs tests/transcripts/*.txt: lines "> command" with what they must print behind them. The real
// parser and controller work on a store in memory and a dataplane without packets.
//
//   > line            executed in the session of the file
//   !> line           the same, and it must fail
//   # text            comment
//
// GUIDs are written {GUID}, times DATE. An empty line at the end of an answer is left out, as is
// the one in front of the next command. Files called ike* have an IKE (tests/support/fake_ike.h)
// with the SAs and failures that open_ike() gives it; the others have none.
#include "config/policy_store.h"
#include "control/controller.h"
#include "tests/support/fake_ike.h"
#include "tests/support/null_dataplane.h"
#include "tests/support/table_resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

struct Step {
    std::string line;
    bool fails = false;
    std::string expected;
    std::size_t at = 0;
};

std::string trimmed(std::string text) {
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    while (text.starts_with('\n')) {
        text.erase(0, 1);
    }
    return text;
}

std::string masked(const std::string& text) {
    static const std::regex kGuid("\\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\\}");
    static const std::regex kDate("[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}Z?");
    return std::regex_replace(std::regex_replace(text, kGuid, "{GUID}"), kDate, "DATE");
}

std::vector<Step> read_steps(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<Step> steps;
    std::string line;
    for (std::size_t at = 1; std::getline(file, line); ++at) {
        if (line.starts_with("> ") || line.starts_with("!> ")) {
            const bool fails = line.front() == '!';
            steps.push_back({line.substr(fails ? 3 : 2), fails, {}, at});
        } else if (!line.starts_with("#") && !steps.empty()) {
            steps.back().expected += line + "\n";
        }
    }
    return steps;
}

constexpr std::uint64_t kPair = 7;

control::ike::MainModeReport main_mode() {
    control::ike::MainModeReport sa;
    sa.initiator = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    sa.responder = {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
    sa.local = {*config::IpAddress::parse("192.0.2.1"), 4500};
    sa.remote = {*config::IpAddress::parse("198.51.100.1"), 40001};
    sa.is_initiator = true;
    sa.state = control::ike::MainModeState::kEstablished;
    sa.policy_name = "edge";
    sa.offer = {config::Cipher::kAes128, config::Hash::kSha256, 14};
    sa.authentication = config::AuthKind::kPresharedKey;
    sa.local_id = "192.0.2.1";
    sa.remote_id = "198.51.100.1";
    sa.nat = control::ike::NatSituation::kRemote;
    sa.age_seconds = 125;
    sa.seconds_left = 28675;
    sa.rekey_in_seconds = 25795;
    sa.quick_modes = 3;
    sa.quick_mode_limit = 10;
    sa.silent_seconds = 4;
    sa.vendors = {"NAT-T RFC 3947", "DPD"};
    return sa;
}

control::ike::ChildReport pair_of_sas() {
    control::ike::ChildReport child;
    child.child = kPair;
    child.initiator = main_mode().initiator;
    child.responder = main_mode().responder;
    child.policy_name = "protect";
    child.offer = config::parse_qm_methods("ESP[AES128,SHA1]:100000k/3600s")->front();
    child.mode = config::SaMode::kTunnel;
    child.pfs_group = 14;
    child.traffic.local = {
        *config::IpAddress::parse("10.1.0.0"), *config::IpAddress::parse("10.1.255.255"), 6, 0};
    child.traffic.remote = {
        *config::IpAddress::parse("10.2.0.9"), *config::IpAddress::parse("10.2.0.9"), 6, 445};
    child.age_seconds = 100;
    child.rekey_in_seconds = 3140;
    return child;
}

// An established main mode with a pair of SAs, one being negotiated, and a peer that refused.
void open_ike(tests::FakeIke& ike, tests::NullDataplane& dataplane) {
    ike.reported.main_modes = {main_mode(), {}};
    control::ike::MainModeReport& begun = ike.reported.main_modes.back();
    begun.initiator = {1, 2, 3, 4, 5, 6, 7, 8};
    begun.local = {*config::IpAddress::parse("2001:db8::1"), 500};
    begun.remote = {*config::IpAddress::parse("2001:db8::2"), 500};
    begun.step = "message 2";
    begun.seconds_left = 30;
    control::ike::FailureReport& failure = ike.reported.failures.emplace_back();
    failure.failure.local = *config::IpAddress::parse("192.0.2.1");
    failure.failure.remote = *config::IpAddress::parse("203.0.113.9");
    failure.failure.phase = "main mode";
    failure.failure.reason = "no proposal chosen: theirs DES-MD5-1 PSK; ours 3DES-SHA1-2 PSK";
    failure.seconds_ago = 61;
    failure.count = 12;
    ike.counters.main_modes = 2;
    ike.counters.messages_in = 40;
    ike.counters.drops[static_cast<std::size_t>(control::ike::Drop::kBadCookie)] = 5;
    ike.counters.drops[static_cast<std::size_t>(control::ike::Drop::kTooShort)] = 1;
    ike.counters.drops[static_cast<std::size_t>(control::ike::Drop::kBadHash)] = 2;
    ike.children = {pair_of_sas()};
    dataplane.children = {{0x1001, kPair}, {0x2002, kPair}};
    ike.on_close_child = [&dataplane](std::uint64_t) {
        (void)dataplane.delete_sas({0x1001, {}});
        (void)dataplane.delete_sas({0x2002, {}});
    };
}

class Transcript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Transcript, AnswersAsWritten) {
    auto store = config::PolicyStore::open(":memory:");
    ASSERT_TRUE(store) << store.error().text;
    tests::NullDataplane dataplane;
    dataplane.host.me = {config::IpAddress::v4(0xC0000201),
                         *config::IpAddress::parse("2001:db8::1")};
    tests::TableResolver resolver;
    resolver.names["www.example.net"] = {config::IpAddress::v4(0xC0000201),
                                         config::IpAddress::v4(0xC0000202)};
    resolver.names["gw.example.net"] = {config::IpAddress::v4(0xC6336401)};
    tests::FakeIke ike;
    control::ControllerOptions options{"GATE", {}};
    if (GetParam().stem().string().starts_with("ike")) {
        open_ike(ike, dataplane);
        options.ike = &ike;
    }
    control::Controller controller(**store, dataplane, resolver, options);
    ASSERT_TRUE(controller.refresh());
    const auto session = std::make_shared<control::Session>();

    const std::vector<Step> steps = read_steps(GetParam());
    ASSERT_FALSE(steps.empty());
    for (const Step& step : steps) {
        std::vector<control::Reply> replies;
        control::Request request;
        request.line = step.line;
        // Client options are written in front of the line.
        if (request.line.starts_with("--json ")) {
            request.json = true;
            request.line.erase(0, 7);
        }
        if (request.line.starts_with("--show-secrets ")) {
            request.show_secrets = true;
            request.line.erase(0, 15);
        }
        controller.execute(session, {}, {request}, [&](std::vector<control::Reply> answer) {
            replies = std::move(answer);
        });
        ASSERT_EQ(replies.size(), 1U);
        const std::string where = GetParam().filename().string() + ":" + std::to_string(step.at);
        EXPECT_EQ(trimmed(masked(replies[0].text)), trimmed(step.expected)) << where;
        EXPECT_EQ(replies[0].ok, !step.fails) << where << ": " << step.line;
    }
}

std::vector<std::filesystem::path> transcripts() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(TRANSCRIPTS)) {
        if (entry.path().extension() == ".txt") {
            paths.push_back(entry.path());
        }
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

std::string file_name(const testing::TestParamInfo<std::filesystem::path>& parameter) {
    return parameter.param.stem().string();
}

INSTANTIATE_TEST_SUITE_P(Files, Transcript, testing::ValuesIn(transcripts()), &file_name);

}  // namespace
