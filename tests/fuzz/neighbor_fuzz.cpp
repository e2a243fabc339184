// NeighborAgent on a foreign frame, in each state an entry can have: whatever a link sends, memory
// stays sound and nothing is learned that was not asked for.
#include "control/neighbor_agent.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using config::IpAddress;
using config::IpPrefix;
using Frame = std::vector<std::uint8_t>;

constexpr std::size_t kIcmp = 54;

control::NeighborAgent make_agent() {
    const auto prefix = [](const char* text) { return IpPrefix::parse(text).value(); };
    return control::NeighborAgent(
        {{config::MacAddress{{2, 0, 0, 0, 0, 1}},
          {prefix("10.0.0.1/24"), prefix("2001:db8::1/64"), prefix("fe80::1/64")}}});
}

// A mutated frame has a wrong checksum; without this everything behind it would stay unseen.
Frame with_right_checksum(Frame frame) {
    if (frame.size() < kIcmp + 4) {
        return frame;
    }
    const std::size_t length = frame[18] * 256U + frame[19];
    const std::size_t end = std::min(kIcmp + length, frame.size());
    frame[kIcmp + 2] = frame[kIcmp + 3] = 0;
    std::uint64_t sum = length + 58;
    for (std::size_t i = 22; i < end; ++i) {
        sum += static_cast<std::uint64_t>(frame[i]) << (i % 2 == 0 ? 8U : 0U);
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16U);
    }
    frame[kIcmp + 2] = static_cast<std::uint8_t>(~sum >> 8U);
    frame[kIcmp + 3] = static_cast<std::uint8_t>(~sum);
    return frame;
}

void feed(const Frame& frame) {
    control::NeighborAgent agent = make_agent();
    control::NeighborAgent::Actions actions;
    control::NeighborAgent::Time now{};
    const auto receive = [&] { static_cast<void>(agent.receive(0, frame, now, actions)); };
    receive();
    if (agent.size() != 0) {
        std::abort();  // nobody asked
    }
    agent.unresolved(0, IpAddress::parse("10.0.0.2").value(), {}, now, actions);
    agent.unresolved(0, IpAddress::parse("2001:db8::2").value(), {}, now, actions);
    for (int i = 0; i < 4; ++i) {
        receive();
        now += std::chrono::seconds(20);
        agent.tick(now, actions);
    }
    if (agent.size() > 2 || agent.table().size() > agent.size()) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Frame frame(data, data + size);
    static_cast<void>(control::kind_of_frame(frame));
    feed(frame);
    feed(with_right_checksum(frame));
    return 0;
}
