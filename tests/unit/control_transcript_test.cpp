// Runs tests/transcripts/*.txt: lines "> command" with what they must print behind them. The real
// parser and controller work on a store in memory and a dataplane without packets.
//
//   > line            executed in the session of the file
//   !> line           the same, and it must fail
//   # text            comment
//
// GUIDs are written {GUID}, times DATE. An empty line at the end of an answer is left out, as is
// the one in front of the next command.
#include "config/policy_store.h"
#include "control/controller.h"
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
    control::Controller controller(**store, dataplane, resolver, {"GATE", {}});
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
