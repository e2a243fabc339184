// PacketService: see packet_service.h.
#include "control/packet_service.h"

#include "control/log.h"
#include "control/neighbor_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::MacAddress;
using config::Result;
using dataplane::DropReason;
using dataplane::EventKind;
using dataplane::InjectionKind;
using dataplane::Packet;

// Every neighbour of the kernel is the gateway; locally administered, so nobody else's.
constexpr MacAddress kGatewayMac{{0x02, 0x50, 0x43, 0x00, 0x00, 0x01}};

// A flood of changes costs one table each time this has passed, not one for each change.
constexpr std::chrono::milliseconds kPublicationGap{2};

constexpr std::uint64_t kWakeupTag = 1'000'000;
constexpr std::uint64_t kStopTag = 1'000'001;
constexpr std::uint64_t kOrderTag = 1'000'002;

// What waits for IKE must not starve the ports of buffers.
HoldLimits hold_limits(const rte_mempool* pool) {
    HoldLimits limits;
    limits.total = std::clamp<std::size_t>(pool->size / 8, limits.per_key, limits.total);
    return limits;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> answer_kernel(std::span<const std::uint8_t> frame,
                                                       std::span<const config::IpPrefix> own) {
    const auto parsed = parse_neighbor_frame(frame);
    const auto* message = std::get_if<NeighborMessage>(&parsed);
    if (message == nullptr || message->operation != NeighborOperation::kSolicit
        || message->sender.is_unspecified()
        || std::any_of(own.begin(), own.end(), [&](const config::IpPrefix& prefix) {
               return prefix.address == message->target;
           })) {
        return std::nullopt;
    }
    return make_advertisement(
        {kGatewayMac, message->target}, {message->frame_source, message->sender}, true);
}

PacketService::PacketService(dataplane::Dataplane& dataplane,
                             NeighborAgent agent,
                             std::vector<std::optional<TapDevice>> taps,
                             PublishNeighbors publish,
                             TakeSaEvent take_sa_event)
    : dataplane_(dataplane),
      agent_(std::move(agent)),
      taps_(std::move(taps)),
      publish_(std::move(publish)),
      take_sa_event_(std::move(take_sa_event)),
      hold_queue_(hold_limits(dataplane.pool())),
      scratch_(kScratchSize) {}

PacketService::~PacketService() {
    stop();
}

Result<void> PacketService::start() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    stop_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    order_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const auto watch = [this](int fd, std::uint64_t tag) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = tag;
        return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
    };
    bool watched = watch(stop_event_, kStopTag) && watch(order_event_, kOrderTag)
                   && watch(dataplane_.wakeup().fd(), kWakeupTag);
    for (std::size_t port = 0; port < taps_.size(); ++port) {
        watched = watched && (!taps_[port] || watch(taps_[port]->descriptor(), port));
    }
    if (!watched) {
        return Error{ErrorCode::kSystem,
                     fmt::format("cannot wait for packets of this host: {}",
                                 std::generic_category().message(errno))};
    }
    thread_ = std::thread([this] { run(); });
    return {};
}

void PacketService::stop() {
    if (thread_.joinable()) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(stop_event_, &one, sizeof(one));
        thread_.join();
    }
    for (int* fd : {&epoll_, &stop_event_, &order_event_}) {
        if (*fd >= 0) {
            ::close(std::exchange(*fd, -1));
        }
    }
}

void PacketService::run() {
    now_ = std::chrono::steady_clock::now();
    next_publication_ = now_;
    agent_.announce(actions_);
    perform_actions();
    while (!stopping_) {
        turn();
    }
    agent_.drain(actions_);
    for (NeighborAgent::Forward& forward : std::exchange(waiting_for_table_, {})) {
        actions_.drops.push_back({DropReason::kShutdown, forward.port, std::move(forward.packet)});
    }
    actions_.table_changed = false;
    perform_actions();
    drop_all(hold_queue_.take_all(), DropReason::kShutdown);
}

void PacketService::turn() {
    int wait = 0;
    bool announced = false;
    now_ = std::chrono::steady_clock::now();
    if (take_events() == 0) {
        dataplane_.wakeup().announce_sleep();
        announced = true;
        if (take_events() == 0) {
            wait = milliseconds_to_sleep();
        }
    }
    std::array<epoll_event, 3 + dataplane::kMaxPorts> ready{};
    const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), wait);
    if (announced) {
        dataplane_.wakeup().awake();
    }
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
        const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
        if (tag == kStopTag) {
            stopping_ = true;
        } else if (tag == kOrderTag) {
            carry_out_orders();
        } else if (tag != kWakeupTag) {
            read_tap(static_cast<std::uint16_t>(tag));
        }
    }
    agent_.tick(now_, actions_);
    perform_actions();
    drop_all(hold_queue_.take_expired(now_), DropReason::kNegotiationTimeout);
}

int PacketService::milliseconds_to_sleep() const {
    std::optional<Time> until = agent_.deadline();
    if (table_dirty_) {
        until = std::min(until.value_or(next_publication_), next_publication_);
    }
    if (const std::optional<Time> expiry = hold_queue_.deadline()) {
        until = std::min(until.value_or(*expiry), *expiry);
    }
    if (!until) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - now_).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

std::size_t PacketService::take_events() {
    const std::size_t count = dataplane_.take_events(events_);
    for (std::size_t i = 0; i < count; ++i) {
        handle(events_[i]);
    }
    return count;
}

void PacketService::handle(const dataplane::Event& event) {
    Packet packet(event.mbuf);
    switch (event.kind) {
        case EventKind::kHostPacket:
            deliver(event.port, std::move(packet));
            return;
        case EventKind::kNeighbor: {
            const auto reason = packet.contiguous()
                                    ? agent_.receive(event.port, packet.bytes(), now_, actions_)
                                    : DropReason::kSegmentedFrame;
            if (reason) {
                drop(std::move(packet), *reason);
            }
            return;
        }
        case EventKind::kUnresolved:
            agent_.unresolved(event.port, event.address, std::move(packet), now_, actions_);
            return;
        case EventKind::kAcquire:
            hold(event, std::move(packet));
            return;
        case EventKind::kSoftExpired:
        case EventKind::kHardExpired:
        case EventKind::kAudit:
            take_sa_event_(event);
            return;
    }
}

// --- Packets that wait for IKE

void PacketService::hold(const dataplane::Event& event, Packet packet) {
    if (!take_acquire_) {
        drop(std::move(packet), DropReason::kNegotiateNoSa);
        return;
    }
    const AcquireRequest request{.selector = event.detail.acquire.selector,
                                 .rule = event.detail.acquire.rule,
                                 .mode = event.mode,
                                 .local = event.source,
                                 .remote = event.address};
    Packet refused = hold_queue_.hold(
        {request.selector, request.remote, request.local}, std::move(packet), now_);
    if (refused) {
        drop(std::move(refused), DropReason::kNegotiateNoSa);
    }
    held_.store(hold_queue_.size(), std::memory_order_relaxed);
    take_acquire_(request);
}

void PacketService::release(config::RuleTag selector, const config::IpAddress& remote) {
    give_order({selector, remote, std::nullopt});
}

void PacketService::discard(config::RuleTag selector,
                            const config::IpAddress& remote,
                            DropReason reason) {
    give_order({selector, remote, reason});
}

void PacketService::give_order(const Order& order) {
    {
        const std::lock_guard lock(orders_mutex_);
        orders_.push_back(order);
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(order_event_, &one, sizeof(one));
}

void PacketService::carry_out_orders() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = ::read(order_event_, &count, sizeof(count));
    std::vector<Order> orders;
    {
        const std::lock_guard lock(orders_mutex_);
        orders.swap(orders_);
    }
    for (const Order& order : orders) {
        HoldQueue::Packets packets = hold_queue_.take(order.selector, order.remote);
        if (order.drop) {
            drop_all(std::move(packets), *order.drop);
            continue;
        }
        for (Packet& packet : packets) {
            const std::uint16_t port = packet.in_port();
            inject(InjectionKind::kReleased, port, std::move(packet));
        }
    }
    held_.store(hold_queue_.size(), std::memory_order_relaxed);
}

void PacketService::drop_all(HoldQueue::Packets packets, DropReason reason) {
    for (Packet& packet : packets) {
        drop(std::move(packet), reason);
    }
    held_.store(hold_queue_.size(), std::memory_order_relaxed);
}

// --- The kernel

void PacketService::deliver(std::uint16_t port, Packet packet) {
    if (port >= taps_.size() || !taps_[port]) {
        drop(std::move(packet), DropReason::kNoHostPath);
        return;
    }
    std::span<const std::uint8_t> frame = packet.bytes();
    if (!packet.contiguous()) {
        if (packet.length() > scratch_.size()) {
            drop(std::move(packet), DropReason::kHostPathError);
            return;
        }
        packet.copy_to(scratch_);
        frame = std::span(scratch_).first(packet.length());
    }
    // A full queue of the kernel is as good as a full link: the packet is lost and counted.
    if (!taps_[port]->write(frame)) {
        drop(std::move(packet), DropReason::kHostPathError);
    }
}

void PacketService::read_tap(std::uint16_t port) {
    for (std::size_t i = 0; i < kFramesPerTap; ++i) {
        Packet packet = Packet::allocate(dataplane_.pool());
        if (!packet) {
            // The frame is read all the same, or the TAP would stay readable for ever.
            if (taps_[port]->read(scratch_) == 0) {
                return;
            }
            dataplane::WorkerCounters& counters = dataplane_.control_counters();
            counters.injected.add(1);
            counters.drops[static_cast<std::size_t>(DropReason::kNoBuffer)].add(1);
            continue;
        }
        const std::size_t length = taps_[port]->read(packet.room());
        if (length == 0) {
            return;
        }
        packet.set_length(length);
        from_kernel(port, std::move(packet));
    }
}

void PacketService::from_kernel(std::uint16_t port, Packet packet) {
    switch (kind_of_frame(packet.bytes())) {
        case FrameKind::kIp:
            inject(InjectionKind::kHostOutput, port, std::move(packet));
            return;
        case FrameKind::kNeighbor: {
            const auto& own = dataplane_.topology().ports[port].addresses;
            if (const auto answer = answer_kernel(packet.bytes(), own)) {
                // A full queue of the kernel loses it; the kernel asks again.
                static_cast<void>(taps_[port]->write(*answer));
            }
            return;
        }
        case FrameKind::kOther:
            drop(std::move(packet), DropReason::kUnknownEthertype);
            return;
    }
}

void PacketService::perform_actions() {
    for (const NeighborAgent::Transmit& transmit : actions_.transmits) {
        Packet packet = Packet::copy_of(dataplane_.pool(), transmit.frame);
        if (packet) {
            inject(InjectionKind::kTransmit, transmit.port, std::move(packet));
        }  // else: the agent asks again, and so does who was not answered
    }
    for (NeighborAgent::Drop& dropped : actions_.drops) {
        if (dropped.reason == DropReason::kNeighborUnresolved && !stopping_) {
            // The worker has what an ICMP error needs, and the limit on how many are sent.
            inject(InjectionKind::kUnreachable, dropped.port, std::move(dropped.packet));
        } else {
            drop(std::move(dropped.packet), dropped.reason);
        }
    }
    std::move(
        actions_.forwards.begin(), actions_.forwards.end(), std::back_inserter(waiting_for_table_));
    table_dirty_ = table_dirty_ || actions_.table_changed;
    actions_.transmits.clear();
    actions_.drops.clear();
    actions_.forwards.clear();
    actions_.table_changed = false;
    publish_if_due();
}

void PacketService::publish_if_due() {
    if (table_dirty_) {
        if (now_ < next_publication_) {
            return;
        }
        publish_(std::make_shared<const dataplane::NeighborTable>(agent_.table()));
        table_dirty_ = false;
        next_publication_ = now_ + kPublicationGap;
    }
    for (NeighborAgent::Forward& forward : waiting_for_table_) {
        inject(InjectionKind::kForward, forward.port, std::move(forward.packet));
    }
    waiting_for_table_.clear();
}

void PacketService::inject(InjectionKind kind, std::uint16_t port, Packet packet) {
    dataplane::Injection injection;
    injection.kind = kind;
    injection.port = port;
    injection.mbuf = packet.release();
    if (!dataplane_.inject(injection)) {
        drop(Packet(injection.mbuf), DropReason::kTxFull);
    }
}

void PacketService::drop(Packet packet, DropReason reason) {
    // Whether it came from a worker or from the kernel, it goes no further than this: counted as
    // injected and dropped, it keeps the sums of dataplane/counters.h right.
    dataplane_.control_counters().injected.add(1);
    dataplane::Drops(dataplane_.control_counters()).add(packet.release(), reason);
}

}  // namespace control
