#include "tests/support/rekey_traffic.h"

#include "config/bytes.h"
#include "dataplane/burst.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace tests {
namespace {

constexpr std::size_t kProtocolAt = 14 + 9;     // Ethernet, then within IPv4
constexpr std::size_t kSpiAt = 14 + 20;         // behind IPv4
constexpr std::size_t kNumberAt = 14 + 20 + 8;  // behind UDP
constexpr std::uint8_t kEsp = 50;

}  // namespace

RekeyTraffic::RekeyTraffic(PipelineHarness& from, PipelineHarness& to, Bytes frame)
    : from_(from), to_(to), frame_(std::move(frame)) {}

RekeyTraffic::~RekeyTraffic() {
    for (const std::vector<rte_mbuf*>& burst : wire_) {
        std::ranges::for_each(burst, [](rte_mbuf* packet) { rte_pktmbuf_free(packet); });
    }
}

void RekeyTraffic::turn() {
    send();
    if (wire_.size() > kUnderWay) {
        arrive();
    }
}

void RekeyTraffic::finish() {
    while (!wire_.empty()) {
        arrive();
    }
}

void RekeyTraffic::send() {
    burst_.clear();
    for (std::size_t i = 0; i < dataplane::kBurst; ++i) {
        std::memcpy(frame_.data() + kNumberAt, &next_sent_, sizeof(next_sent_));
        ++next_sent_;
        burst_.push_back(from_.pool().make(frame_));
    }
    outcome_.sent += burst_.size();
    from_.receive_packets(kLan, burst_);
    std::vector<rte_mbuf*>& under_way = wire_.emplace_back();
    from_.take_packets(kWan, under_way);
    std::ranges::for_each(under_way, [this](const rte_mbuf* packet) { look_at_wire(packet); });
}

void RekeyTraffic::arrive() {
    const std::vector<rte_mbuf*> arriving = std::move(wire_.front());
    wire_.pop_front();
    std::span<rte_mbuf* const> rest = arriving;
    while (!rest.empty()) {
        const std::size_t count = std::min<std::size_t>(rest.size(), dataplane::kBurst);
        to_.receive_packets(kWan, rest.first(count));
        rest = rest.subspan(count);
    }
    burst_.clear();
    to_.take_packets(kLan, burst_);
    for (rte_mbuf* packet : burst_) {
        look_at_end(packet);
        rte_pktmbuf_free(packet);
    }
}

void RekeyTraffic::look_at_wire(const rte_mbuf* packet) {
    const auto* const bytes = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    if (bytes[kProtocolAt] != kEsp) {
        ++outcome_.clear;
        return;
    }
    const auto spi = config::load<std::uint32_t>(bytes + kSpiAt);
    outcome_.changes += spi != spi_ && spi_ != 0 ? 1U : 0U;
    spi_ = spi;
}

void RekeyTraffic::look_at_end(const rte_mbuf* packet) {
    std::uint64_t number = 0;
    std::memcpy(&number, rte_pktmbuf_mtod(packet, const std::uint8_t*) + kNumberAt, sizeof(number));
    ++outcome_.received;
    outcome_.disordered += number != next_received_ ? 1U : 0U;
    next_received_ = number + 1;
}

}  // namespace tests
