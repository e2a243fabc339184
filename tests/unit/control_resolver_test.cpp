// CaresResolver against a name server of the test on loopback, so that nothing leaves the machine.
#include "control/cares_resolver.h"

#include <gtest/gtest.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

using config::IpAddress;
using config::Result;
using Addresses = std::vector<IpAddress>;
using Bytes = std::vector<std::uint8_t>;

// Answers every question of one type with the same records.
class NameServer {
  public:
    explicit NameServer(asio::io_context& loop)
        : socket_(loop, {asio::ip::address_v4::loopback(), 0}) {
        receive();
    }

    std::string address() const {
        return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
    }

    Addresses records;
    bool silent = false;
    unsigned questions = 0;

  private:
    void receive() {
        socket_.async_receive_from(
            asio::buffer(query_), client_, [this](const asio::error_code& error, std::size_t size) {
                if (!error) {
                    answer(size);
                    receive();
                }
            });
    }

    void answer(std::size_t size) {
        ++questions;
        if (silent || size < 17) {
            return;
        }
        // RFC 1035 4.1: header, question, answers. An EDNS record after the question is cut off.
        std::size_t end = 12;
        while (query_[end] != 0) {
            end += query_[end] + 1U;
        }
        const bool v6 = query_[end + 2] == 28;
        end += 5;
        Bytes reply(query_.begin(), query_.begin() + static_cast<long>(end));
        std::uint8_t count = 0;
        for (const IpAddress& record : records) {
            if ((record.family == config::Family::kIpv6) == v6) {
                const auto view = record.view();
                const auto length = static_cast<std::uint8_t>(view.size());
                reply.insert(reply.end(),
                             {0xC0, 12, 0, query_[end - 3], 0, 1, 0, 0, 0, 60, 0, length});
                reply.insert(reply.end(), view.begin(), view.end());
                ++count;
            }
        }
        reply[2] = 0x84;
        reply[3] = records.empty() ? 3 : 0;  // NXDOMAIN
        reply[7] = count;
        reply[11] = 0;
        socket_.send_to(asio::buffer(reply), client_);
    }

    asio::ip::udp::socket socket_;
    asio::ip::udp::endpoint client_;
    std::array<std::uint8_t, 1500> query_{};
};

class ResolverTest : public ::testing::Test {
  protected:
    Result<Addresses> resolve(const std::string& name) {
        std::optional<Result<Addresses>> answer;
        unsigned calls = 0;
        resolver.resolve(name, [&](Result<Addresses> result) {
            answer = std::move(result);
            ++calls;
        });
        while (!answer) {
            loop.run_one();
        }
        loop.poll();
        EXPECT_EQ(calls, 1U);
        return *answer;
    }

    asio::io_context loop;
    NameServer server{loop};
    control::CaresResolver resolver{
        loop, {.servers = server.address(), .first_try = std::chrono::milliseconds(100)}};
};

Addresses many(unsigned count) {
    Addresses list;
    for (unsigned i = 0; i < count; ++i) {
        list.push_back(IpAddress::v4(0x0A00'0001U + i));
    }
    return list;
}

TEST_F(ResolverTest, BothFamiliesAreAskedAndSorted) {
    server.records = {IpAddress::parse("2001:db8::1").value(),
                      IpAddress::parse("192.0.2.9").value(),
                      IpAddress::parse("192.0.2.1").value()};
    const auto answer = resolve("www.example.org");
    ASSERT_TRUE(answer.ok()) << answer.error().text;
    EXPECT_EQ(*answer,
              (Addresses{IpAddress::parse("192.0.2.1").value(),
                         IpAddress::parse("192.0.2.9").value(),
                         IpAddress::parse("2001:db8::1").value()}));
}

TEST_F(ResolverTest, UnknownNameIsAnErrorThatNamesIt) {
    const auto answer = resolve("nowhere.example.org");
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, config::ErrorCode::kAddressNotResolved);
    EXPECT_NE(answer.error().text.find("nowhere.example.org"), std::string::npos);
}

TEST_F(ResolverTest, LocalhostNeedsNoServer) {
    server.silent = true;
    const auto answer = resolve("localhost");
    ASSERT_TRUE(answer.ok()) << answer.error().text;
    for (const IpAddress& address : *answer) {
        EXPECT_TRUE(address.is_loopback());
    }
    EXPECT_EQ(server.questions, 0U);
}

TEST_F(ResolverTest, ManyAddressesAreTakenUpToTheLimit) {
    server.records = many(64);
    const auto answer = resolve("many.example.org");
    ASSERT_TRUE(answer.ok()) << answer.error().text;
    EXPECT_EQ(answer->size(), 64U);
    server.records = many(65);
    EXPECT_FALSE(resolve("more.example.org").ok());
}

TEST_F(ResolverTest, SilentServerEndsInAnError) {
    server.silent = true;
    const auto answer = resolve("slow.example.org");
    ASSERT_FALSE(answer.ok());
    EXPECT_GE(server.questions, 2U);
}

TEST_F(ResolverTest, LookUpsDoNotDisturbEachOther) {
    server.records = {IpAddress::parse("192.0.2.1").value()};
    unsigned done = 0;
    for (int i = 0; i < 20; ++i) {
        resolver.resolve(
            "host" + std::to_string(i) + ".example.org",
            [&done](const Result<Addresses>& result) { done += result.ok() ? 1U : 0U; });
    }
    while (server.questions < 40 || done < 20) {
        ASSERT_GT(loop.run_one(), 0U);
    }
    EXPECT_EQ(done, 20U);
}

}  // namespace
