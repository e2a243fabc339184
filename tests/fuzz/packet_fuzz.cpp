// Frames of a fuzzer's choice through a whole Pipeline: nothing crashes, nothing leaks, and every
// packet is accounted for. Input: records of {kind and port, length (2 bytes), frame}.
#include "tests/support/pipeline_harness.h"

#include <algorithm>
#include <cstdlib>

namespace {

using config::Action;
using config::Family;
using dataplane::InjectionKind;
using tests::PipelineHarness;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void settle(PipelineHarness& net) {
    static_cast<void>(net.take_sent());
    // What waits for a neighbour or an SA comes back as control would send it.
    for (const dataplane::Event& event : net.take_events()) {
        if (event.kind == dataplane::EventKind::kUnresolved) {
            net.inject(InjectionKind::kForward, event.port, event.mbuf);
        } else if (event.kind == dataplane::EventKind::kAcquire) {
            net.inject(InjectionKind::kReleased, event.port, event.mbuf);
        } else {
            rte_pktmbuf_free(event.mbuf);
        }
    }
    net.discard_events();
    static_cast<void>(net.take_sent());
}

void feed(PipelineHarness& net, std::uint8_t selector, const tests::Bytes& frame) {
    const auto port = static_cast<std::uint16_t>(selector % 4U);
    if ((selector & 0x80U) != 0) {
        net.inject(InjectionKind::kHostOutput, port % 2, frame);
    } else {
        net.receive(port, frame);
    }
    if ((selector & 0x40U) != 0) {
        net.now += tests::kTscHz * 7;
        net.pipeline().expire(net.now);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // One harness for all inputs: building its tables takes a hundred times as long as a packet.
    static PipelineHarness net(256);
    // Refills the limit on ICMP errors, so that an input behaves the same after any other.
    net.now += tests::kTscHz * 10;
    config::RuleRow mirror = tests::rule_row(Action::kPermit, Family::kIpv4, 17);
    mirror.mirror = true;
    net.set_rules({tests::rule_row(Action::kBlock, Family::kIpv4, 6, 80),
                   tests::rule_row(Action::kNegotiate, Family::kIpv6, 17, 53),
                   mirror},
                  static_cast<std::uint8_t>(size % 4));
    while (size >= 3) {
        const std::size_t length =
            std::min<std::size_t>((data[1] * 256U + data[2]) % 2048, size - 3);
        feed(net, data[0], tests::Bytes(data + 3, data + 3 + length));
        settle(net);
        data += 3 + length;
        size -= 3 + length;
    }
    net.pipeline().drain();
    require(net.pipeline().is_conserved());
    require(net.pool().in_use() == 0);
    return 0;
}
