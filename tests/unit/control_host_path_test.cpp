// What the kernel is told about its neighbours on a TAP.
#include "control/neighbor_wire.h"
#include "control/packet_service.h"

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace {

using config::IpAddress;
using config::IpPrefix;
using config::MacAddress;
using control::LinkEnd;
using control::NeighborMessage;

const MacAddress kTapMac = MacAddress::parse("02:00:00:00:00:01").value();

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

const std::vector<IpPrefix> kOwn = {IpPrefix::parse("10.0.0.1/24").value(),
                                    IpPrefix::parse("2001:db8::1/64").value()};

TEST(AnswerKernel, EveryNeighborIsTheGateway) {
    for (const auto& [own, neighbor] :
         {std::pair{"10.0.0.1", "10.0.0.2"}, std::pair{"2001:db8::1", "2001:db8::2"}}) {
        const auto answer = control::answer_kernel(
            control::make_solicitation({kTapMac, ip(own)}, ip(neighbor), std::nullopt), kOwn);
        ASSERT_TRUE(answer.has_value()) << neighbor;
        const auto parsed = control::parse_neighbor_frame(*answer);
        ASSERT_TRUE(std::holds_alternative<NeighborMessage>(parsed));
        const auto& message = std::get<NeighborMessage>(parsed);
        EXPECT_EQ(message.target, ip(neighbor));
        EXPECT_TRUE(message.solicited);
        EXPECT_NE(message.mac, kTapMac);
        EXPECT_EQ(message.mac->bytes[0] & 3, 2);  // unicast, locally administered
    }
}

TEST(AnswerKernel, QuestionsThatNobodyMustAnswer) {
    const struct {
        const char* what;
        std::vector<std::uint8_t> frame;
    } rows[] = {
        {"own IPv4 address",
         control::make_solicitation({kTapMac, ip("10.0.0.1")}, ip("10.0.0.1"), std::nullopt)},
        {"own IPv6 address",
         control::make_solicitation({kTapMac, ip("2001:db8::1")}, ip("2001:db8::1"), std::nullopt)},
        {"probe for a duplicate",
         control::make_solicitation({kTapMac, ip("0.0.0.0")}, ip("10.0.0.9"), std::nullopt)},
        {"announcement", control::make_announcement({kTapMac, ip("2001:db8::1")})},
        {"no frame at all", {}},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(control::answer_kernel(row.frame, kOwn), std::nullopt) << row.what;
    }
}

}  // namespace
