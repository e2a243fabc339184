// PacketService: the thread between the workers' event rings on one side and the neighbour agent
// and the kernel's TAP interfaces on the other. It sleeps when nothing happens and does a bounded
// amount of work before it looks at everything else again. It also holds the packets that wait for
// IKE.
//
// The kernel gets no link-layer addresses of real neighbours: the service answers its ARP and
// neighbour solicitations itself, because a packet from the kernel is routed, filtered and
// addressed anew by a worker. So there is one neighbour table in the gateway, and one set of
// probes.
#pragma once

#include "config/result.h"
#include "control/acquire_request.h"
#include "control/hold_queue.h"
#include "control/neighbor_agent.h"
#include "control/tap_device.h"
#include "dataplane/dataplane.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace control {

// What the kernel is told when it asks for a neighbour of `own`: an answer frame, or nothing if the
// frame asks for none (probes for duplicates, addresses of our own). `frame` was read from a TAP
// and is ARP or neighbour discovery.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> answer_kernel(
    std::span<const std::uint8_t> frame, std::span<const config::IpPrefix> own);

class PacketService {
  public:
    using PublishNeighbors = std::function<void(std::shared_ptr<const dataplane::NeighborTable>)>;
    // Gets events of kind kSoftExpired, kHardExpired and kAudit, on the service's thread.
    using TakeSaEvent = std::function<void(const dataplane::Event&)>;
    // Told of each packet that finds no SA, on the service's thread. The packet is held by then.
    using TakeAcquire = std::function<void(const AcquireRequest&)>;

    // `taps` is indexed by port number; a port without host path has none.
    PacketService(dataplane::Dataplane& dataplane,
                  NeighborAgent agent,
                  std::vector<std::optional<TapDevice>> taps,
                  PublishNeighbors publish,
                  TakeSaEvent take_sa_event);
    ~PacketService();
    PacketService(const PacketService&) = delete;
    PacketService& operator=(const PacketService&) = delete;

    // Before start(). Without it packets that find no SA are dropped at once.
    void on_acquire(TakeAcquire take_acquire) { take_acquire_ = std::move(take_acquire); }
    [[nodiscard]] config::Result<void> start();
    // Ends the thread; packets that wait for a neighbour are dropped. Idempotent.
    void stop();

    // What waits for SAs of `selector` to `remote` goes on, since they are in force, or is dropped,
    // since there will be none. Thread-safe, but not while start() or stop() run. A packet that is
    // on its way to the service meanwhile is held, and asked for once more.
    void release(config::RuleTag selector, const config::IpAddress& remote);
    void discard(config::RuleTag selector,
                 const config::IpAddress& remote,
                 dataplane::DropReason reason);
    // How many wait. Any thread.
    [[nodiscard]] std::size_t held() const { return held_.load(std::memory_order_relaxed); }

  private:
    using Time = NeighborAgent::Time;
    static constexpr std::size_t kEventsPerTurn = 64;
    static constexpr std::size_t kFramesPerTap = 32;
    static constexpr std::size_t kScratchSize = 65'536;

    // What release() and discard() leave for the thread.
    struct Order {
        config::RuleTag selector = config::kAnyRule;
        config::IpAddress remote;
        std::optional<dataplane::DropReason> drop;  // nothing: release
    };

    void run();
    void turn();
    void hold(const dataplane::Event& event, dataplane::Packet packet);
    void give_order(const Order& order);
    void carry_out_orders();
    void drop_all(HoldQueue::Packets packets, dataplane::DropReason reason);
    std::size_t take_events();
    void handle(const dataplane::Event& event);
    void deliver(std::uint16_t port, dataplane::Packet packet);
    void read_tap(std::uint16_t port);
    void from_kernel(std::uint16_t port, dataplane::Packet packet);
    void perform_actions();
    void publish_if_due();
    [[nodiscard]] int milliseconds_to_sleep() const;
    void inject(dataplane::InjectionKind kind, std::uint16_t port, dataplane::Packet packet);
    void drop(dataplane::Packet packet, dataplane::DropReason reason);

    dataplane::Dataplane& dataplane_;
    NeighborAgent agent_;
    NeighborAgent::Actions actions_;
    std::vector<std::optional<TapDevice>> taps_;
    PublishNeighbors publish_;
    TakeSaEvent take_sa_event_;
    TakeAcquire take_acquire_;
    HoldQueue hold_queue_;
    // writer: the thread; readers: any; order: relaxed
    std::atomic<std::size_t> held_{0};
    std::mutex orders_mutex_;
    std::vector<Order> orders_;  // under orders_mutex_

    Time now_;
    bool table_dirty_ = false;
    Time next_publication_;
    // Resolved, but their neighbour is not in the published table yet.
    std::vector<NeighborAgent::Forward> waiting_for_table_;
    std::array<dataplane::Event, kEventsPerTurn> events_;
    std::vector<std::uint8_t> scratch_;

    int epoll_ = -1;
    int stop_event_ = -1;
    int order_event_ = -1;
    bool stopping_ = false;  // the thread's own: it has seen stop_event_
    std::thread thread_;
};

}  // namespace control
