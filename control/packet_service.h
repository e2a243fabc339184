// PacketService: the thread between the workers' event rings on one side and the neighbour agent
// and the kernel's TAP interfaces on the other. It sleeps when nothing happens and does a bounded
// amount of work before it looks at everything else again.
//
// The kernel gets no link-layer addresses of real neighbours: the service answers its ARP and
// neighbour solicitations itself, because a packet from the kernel is routed, filtered and
// addressed anew by a worker. So there is one neighbour table in the gateway, and one set of
// probes.
#pragma once

#include "config/result.h"
#include "control/neighbor_agent.h"
#include "control/tap_device.h"
#include "dataplane/dataplane.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
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

    // `taps` is indexed by port number; a port without host path has none.
    PacketService(dataplane::Dataplane& dataplane,
                  NeighborAgent agent,
                  std::vector<std::optional<TapDevice>> taps,
                  PublishNeighbors publish,
                  TakeSaEvent take_sa_event);
    ~PacketService();
    PacketService(const PacketService&) = delete;
    PacketService& operator=(const PacketService&) = delete;

    [[nodiscard]] config::Result<void> start();
    // Ends the thread; packets that wait for a neighbour are dropped. Idempotent.
    void stop();

  private:
    using Time = NeighborAgent::Time;
    static constexpr std::size_t kEventsPerTurn = 64;
    static constexpr std::size_t kFramesPerTap = 32;
    static constexpr std::size_t kScratchSize = 65'536;

    void run();
    void turn();
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

    Time now_;
    bool table_dirty_ = false;
    Time next_publication_;
    // Resolved, but their neighbour is not in the published table yet.
    std::vector<NeighborAgent::Forward> waiting_for_table_;
    std::array<dataplane::Event, kEventsPerTurn> events_;
    std::vector<std::uint8_t> scratch_;

    int epoll_ = -1;
    int stop_event_ = -1;
    bool stopping_ = false;  // the thread's own: it has seen stop_event_
    std::thread thread_;
};

}  // namespace control
