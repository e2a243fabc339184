#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include <array>
#include <cstdlib>
#include <new>
#include <span>
#include <sys/prctl.h>
#include <time.h>
#include <utility>

namespace dataplane {

namespace {

// Datagrams wait 30 s for their fragments; looking for old ones every turn would be waste.
constexpr unsigned kTurnsPerExpiry = 64;
// Idle turns before a worker sleeps: on a CPU of its own a few tens of microseconds of silence.
constexpr unsigned kIdleTurnsBeforeSleep = 1000;
// Short enough that 1,024 descriptors outlast it at 10 million packets a second with its slack.
constexpr long kSleepNanoseconds = 50'000;
constexpr unsigned long kTimerSlackNanoseconds = 1'000;

}  // namespace

void RingDeleter::operator()(rte_ring* ring) const {
    std::free(ring);
}

PlainRing make_plain_ring(unsigned element_size, unsigned count) {
    const auto size = static_cast<std::size_t>(rte_ring_get_memsize_elem(element_size, count));
    const std::size_t rounded = RTE_ALIGN_CEIL(size, std::size_t{RTE_CACHE_LINE_SIZE});
    PlainRing ring(static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, rounded)));
    if (ring == nullptr
        || rte_ring_init(ring.get(), "plain", count, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
        throw std::bad_alloc();
    }
    return ring;
}

config::Result<WorkerCrypto> WorkerCrypto::create(const crypto::EngineChoice& engines) {
    auto batch = crypto::CryptoBatch::create(engines);
    if (!batch) {
        return std::move(batch).error();
    }
    auto ivs = IvSource::create();
    if (!ivs) {
        return std::move(ivs).error();
    }
    return WorkerCrypto{std::move(batch).value(), std::move(ivs).value()};
}

Worker::Worker(WorkerSetup setup, WorkerCrypto crypto, const WorkerEnvironment& environment)
    : setup_(std::move(setup)),
      crypto_(std::move(crypto)),
      events_(make_plain_ring(sizeof(Event), kEventRingSize)),
      injections_(make_plain_ring(sizeof(Injection), kInjectionRingSize)),
      publication_(environment.publication),
      wakeup_(environment.wakeup),
      drops_(counters_),
      pipeline_(std::make_unique<Pipeline>(PipelineContext{.topology = environment.topology,
                                                           .counters = counters_,
                                                           .hits = hits_,
                                                           .sas = environment.sas,
                                                           .crypto = *crypto_.batch,
                                                           .ivs = *crypto_.ivs,
                                                           .events = events_.get(),
                                                           .pool = environment.pool,
                                                           .large_pool = environment.large_pool,
                                                           .tsc_hz = rte_get_tsc_hz()})) {}

Worker::~Worker() = default;

void Worker::run() {
    // The kernel may add its slack, 50 us by default, to every sleep.
    prctl(PR_SET_TIMERSLACK, kTimerSlackNanoseconds, 0, 0, 0);
    Publication::Reader reader(publication_, setup_.id);
    reader.online();
    unsigned idle_turns = 0;
    while (!stop_.load(std::memory_order_relaxed)) {
        const unsigned moved = turn(*reader.load(), rte_rdtsc());
        reader.quiescent();
        if (moved != 0) {
            idle_turns = 0;
            continue;
        }
        counters_.idle_turns.add(1);
        rest(reader, ++idle_turns);
    }
    drain();
}

unsigned Worker::turn(const Snapshot& snapshot, std::uint64_t now) {
    unsigned moved = 0;
    for (const RxQueue& queue : setup_.rx_queues) {
        moved += receive(snapshot, queue, now);
    }
    moved += inject(snapshot, now);
    if (counters_.turns.read() % kTurnsPerExpiry == 0) {
        pipeline_->expire(now);
        transmit();
    }
    counters_.turns.add(1);
    const std::uint64_t events = counters_.to_control.read() + counters_.messages.read();
    if (events != notified_events_) {
        notified_events_ = events;
        wakeup_.notify();
    }
    return moved;
}

unsigned Worker::receive(const Snapshot& snapshot, const RxQueue& queue, std::uint64_t now) {
    std::array<rte_mbuf*, kBurst> burst;
    const std::uint16_t count = rte_eth_rx_burst(queue.device, queue.queue, burst.data(), kBurst);
    if (count != 0) {
        pipeline_->receive(snapshot, queue.port, std::span(burst.data(), count), now);
        transmit();
    }
    return count;
}

unsigned Worker::inject(const Snapshot& snapshot, std::uint64_t now) {
    std::array<Injection, kBurst> burst;
    const unsigned count = rte_ring_sc_dequeue_burst_elem(
        injections_.get(), burst.data(), sizeof(Injection), kBurst, nullptr);
    if (count != 0) {
        pipeline_->inject(snapshot, std::span(burst.data(), count), now);
        transmit();
    }
    return count;
}

void Worker::transmit() {
    for (std::uint16_t port = 0; port < setup_.tx_devices.size(); ++port) {
        TxBuffer& out = pipeline_->tx(port);
        if (out.count != 0) {
            transmit(port, out);
        }
    }
}

void Worker::transmit(std::uint16_t port, TxBuffer& out) {
    // Lengths are read before: a transmitted packet is not ours any more.
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < out.count; ++i) {
        bytes += rte_pktmbuf_pkt_len(out.packets[i]);
    }
    std::uint16_t sent = 0;
    while (sent < out.count) {
        // A driver may take a long burst in several parts.
        const std::uint16_t taken = rte_eth_tx_burst(setup_.tx_devices[port],
                                                     static_cast<std::uint16_t>(setup_.id),
                                                     out.packets.data() + sent,
                                                     static_cast<std::uint16_t>(out.count - sent));
        if (taken == 0) {
            break;
        }
        sent = static_cast<std::uint16_t>(sent + taken);
    }
    for (std::uint16_t i = sent; i < out.count; ++i) {
        bytes -= rte_pktmbuf_pkt_len(out.packets[i]);
        drops_.add(out.packets[i], DropReason::kTxFull);
    }
    counters_.ports[port].tx_packets.add(sent);
    counters_.ports[port].tx_bytes.add(bytes);
    out.count = 0;
}

void Worker::rest(Publication::Reader& reader, unsigned idle_turns) const {
    if (setup_.busy_poll || idle_turns < kIdleTurnsBeforeSleep) {
        rte_pause();
        return;
    }
    // Offline, so that a sleeping worker does not delay the end of an old snapshot.
    reader.offline();
    const timespec duration{.tv_sec = 0, .tv_nsec = kSleepNanoseconds};
    nanosleep(&duration, nullptr);
    reader.online();
}

void Worker::drain() {
    Injection injection;
    while (rte_ring_sc_dequeue_elem(injections_.get(), &injection, sizeof(injection)) == 0) {
        counters_.injected.add(1);
        drops_.add(injection.mbuf, DropReason::kShutdown);
    }
    pipeline_->drain();
    transmit();
}

}  // namespace dataplane
