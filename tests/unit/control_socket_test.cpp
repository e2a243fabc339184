// The control socket over a real UNIX socket: several clients, one that never reads, stale files,
// malformed messages.
#include "control/control_socket.h"

#include "config/frame.h"
#include "config/policy_store.h"
#include "control/controller.h"
#include "control/protocol.h"
#include "tests/support/null_dataplane.h"
#include "tests/support/table_resolver.h"
#include "tools/netsh_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

// A bare end of the socket, for what no proper client sends.
class RawClient {
  public:
    explicit RawClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
    }
    ~RawClient() { ::close(socket_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            ASSERT_GT(count, 0);
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    void end_sending() const { ::shutdown(socket_, SHUT_WR); }

    // Every response until the daemon closes.
    [[nodiscard]] std::vector<control::ResponseMessage> read_all() const {
        config::FrameReader reader(config::kMaxResponseFrame);
        std::vector<control::ResponseMessage> responses;
        std::vector<char> buffer(65536);
        ssize_t count = 0;
        while ((count = ::recv(socket_, buffer.data(), buffer.size(), 0)) > 0) {
            reader.append({buffer.data(), static_cast<std::size_t>(count)});
            for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
                auto response = control::parse_response(**frame);
                EXPECT_TRUE(response);
                responses.push_back(*response);
            }
        }
        return responses;
    }

  private:
    int socket_;
};

std::string request(std::uint64_t id, const std::string& line) {
    control::RequestMessage message;
    message.id = id;
    message.line = line;
    return control::to_frame(message);
}

class SocketTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "pc-socket-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        directory = name;
        path = name + "/control.sock";
        store = std::move(*config::PolicyStore::open(":memory:"));
        controller.emplace(*store, dataplane, resolver, control::ControllerOptions{"GATE", {}});
        ASSERT_TRUE(controller->refresh());
        socket.emplace(loop, *controller, control::ControlSocketOptions{path, "", 100, {}});
    }

    void TearDown() override {
        stop();
        std::filesystem::remove_all(directory);
    }

    void serve() {
        const config::Result<void> opened = socket->open();
        ASSERT_TRUE(opened) << opened.error().text;
        thread = std::thread([this] { loop.run(); });
    }

    // Clients have gone or are closed by close(); run() returns when nothing is left to do.
    void stop() {
        if (thread.joinable()) {
            asio::post(loop, [this] { socket->close(); });
            thread.join();
        }
        socket.reset();
    }

    std::string ask(netsh::Client& client, const std::string& line) {
        control::RequestMessage message;
        message.line = line;
        const config::Result<control::ResponseMessage> response = client.ask(std::move(message));
        EXPECT_TRUE(response) << response.error().text;
        return response ? response->text : std::string();
    }

    std::string directory;
    std::string path;
    asio::io_context loop;
    tests::NullDataplane dataplane;
    tests::TableResolver resolver;
    std::unique_ptr<config::PolicyStore> store;
    std::optional<control::Controller> controller;
    std::optional<control::ControlSocket> socket;
    std::thread thread;
};

TEST_F(SocketTest, TheFileHasMode0660AndGoesWithTheDaemon) {
    serve();
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
    stop();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketTest, EachConnectionHasItsOwnSession) {
    serve();
    netsh::Client first;
    netsh::Client second;
    ASSERT_TRUE(first.connect(path));
    ASSERT_TRUE(second.connect(path));
    EXPECT_EQ(ask(first, "ipsec static"), "");
    EXPECT_EQ(ask(first, "show store"), "\nLocal Store <GATE>\n\n");
    EXPECT_NE(ask(second, "show store").find("not found"), std::string::npos);
}

TEST_F(SocketTest, APipelinedScriptIsAnsweredInOrder) {
    serve();
    const RawClient client(path);
    std::string script = request(1, "ipsec static");
    constexpr std::uint64_t kLines = 3000;
    for (std::uint64_t i = 2; i <= kLines; ++i) {
        script += request(i, fmt::format("add filter L 10.0.{}.{} me", i / 256, i % 256));
    }
    client.send(script);
    client.end_sending();
    const auto responses = client.read_all();
    ASSERT_EQ(responses.size(), kLines);
    for (std::uint64_t i = 0; i < kLines; ++i) {
        ASSERT_EQ(responses[i].id, i + 1);
        ASSERT_EQ(responses[i].code, 0) << responses[i].text;
    }
    stop();
    EXPECT_EQ(store->filters(store->find_filter_list("L")->guid)->size(), kLines - 1);
}

TEST_F(SocketTest, AClientThatNeverReadsHoldsUpNobody) {
    serve();
    const RawClient silent(path);
    std::string script = request(1, "ipsec static");
    for (std::uint64_t i = 2; i < 400; ++i) {
        script += request(i, fmt::format("add filter L 10.0.{}.{} me", i / 256, i % 256));
    }
    for (std::uint64_t i = 400; i < 440; ++i) {
        script += request(i, "show filterlist L verbose");
    }
    silent.send(script);
    netsh::Client other;
    ASSERT_TRUE(other.connect(path));
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(ask(other, "ipsec static show store"), "\nLocal Store <GATE>\n\n");
    }
}

TEST_F(SocketTest, ALongListingArrivesWholeInParts) {
    serve();
    netsh::Client client;
    ASSERT_TRUE(client.connect(path));
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(ask(client,
                      fmt::format("ipsec static add filter L 10.0.{}.{} me description=gr\xC3\xBC"
                                  "n",
                                  i / 256,
                                  i % 256)),
                  "\n");
    }
    const std::string text = ask(client, "ipsec static show filterlist L verbose");
    EXPECT_GT(text.size(), std::size_t{65536});
    EXPECT_NE(text.find("10.0.1.43"), std::string::npos);
    EXPECT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << "no character was cut";
}

TEST_F(SocketTest, MalformedMessagesAreAnsweredAndTheConnectionEnds) {
    serve();
    const std::vector<std::string> bad = {
        config::make_frame("not json"),
        config::make_frame("{\"line\":\"show\"}"),
        config::make_frame("{\"id\":1}"),
        config::make_frame("{\"id\":1,\"line\":7}"),
        std::string(4, '\0'),
        std::string("\xFF\xFF\xFF\xFF", 4),
    };
    for (const std::string& bytes : bad) {
        const RawClient client(path);
        client.send(bytes);
        const auto responses = client.read_all();
        ASSERT_EQ(responses.size(), 1U);
        EXPECT_EQ(responses[0].code, 1);
        EXPECT_FALSE(responses[0].text.empty());
    }
    netsh::Client client;
    ASSERT_TRUE(client.connect(path));
    EXPECT_EQ(ask(client, "ipsec static show store"), "\nLocal Store <GATE>\n\n");
}

TEST_F(SocketTest, AStaleFileIsReplaced) {
    {
        const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ::close(dead);
    }
    serve();
    netsh::Client client;
    EXPECT_TRUE(client.connect(path));
}

TEST_F(SocketTest, ALivingDaemonIsNotReplaced) {
    serve();
    control::ControlSocket second(
        loop, *controller, control::ControlSocketOptions{path, "", 100, {}});
    const config::Result<void> opened = second.open();
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("Another daemon"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketTest, AFileThatIsNoSocketIsLeftAlone) {
    std::ofstream(path) << "precious";
    const config::Result<void> opened = socket->open();
    EXPECT_FALSE(opened);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketTest, AnUnknownGroupIsAnError) {
    control::ControlSocket other(
        loop, *controller, control::ControlSocketOptions{path, "no-such-group-exists", 100, {}});
    const config::Result<void> opened = other.open();
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("no-such-group-exists"), std::string::npos);
}

TEST_F(SocketTest, CompletionOffersWordsAndNames) {
    serve();
    netsh::Client client;
    ASSERT_TRUE(client.connect(path));
    ask(client, "ipsec static");
    ask(client, "add filterlist name=Webservers");
    control::RequestMessage message;
    message.completion = true;
    message.line = "show filterl";
    const auto word = client.ask(message);
    ASSERT_TRUE(word);
    ASSERT_EQ(word->words.size(), 1U);
    EXPECT_EQ(word->from, 5U);
    message.line = "show filterlist name=We";
    const auto name = client.ask(message);
    ASSERT_TRUE(name);
    ASSERT_EQ(name->words.size(), 1U) << message.line;
    EXPECT_NE(name->words[0].find("Webservers"), std::string::npos);
}

}  // namespace
