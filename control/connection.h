// One client of the control socket: reads frames, executes what is waiting as one batch, writes the
// replies, and only then takes the next batch. Queues are bounded: a client that does not read its
// replies is not read from either.
#pragma once

#include "config/frame.h"
#include "control/controller.h"
#include "control/protocol.h"

#include <asio/local/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace control {

// What connections share. All of it is used on the control loop only.
struct ConnectionShared {
    ConnectionShared(Controller& executor, std::function<void(std::string_view)> logger)
        : controller(executor), log(std::move(logger)) {}

    Controller& controller;
    std::function<void(std::string_view)> log;
    std::vector<char> read_buffer = std::vector<char>(std::size_t{64} * 1024);
    std::size_t unsent_bytes = 0;  // reply texts of all connections
    std::function<void()> too_much_unsent;
};

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = asio::local::stream_protocol::socket;

    // Reply texts that may wait for their readers, over all connections.
    static constexpr std::size_t kMaxUnsent = std::size_t{512} << 20;

    Connection(Socket socket, std::shared_ptr<ConnectionShared> shared, Peer peer);

    void start(std::function<void(const std::shared_ptr<Connection>&)> closed);
    // One error response, then the end.
    void refuse(const config::Error& error,
                std::function<void(const std::shared_ptr<Connection>&)> closed);
    // No more requests; ends when the running batch is answered.
    void drain();
    void close();
    [[nodiscard]] std::size_t unsent_bytes() const { return unsent_; }

  private:
    struct Outgoing {
        ResponseMessage response;
        std::size_t sent = 0;  // bytes of its text
    };

    void wait_readable();
    void read();
    void take_frames();
    void step();
    void run_batch();
    void complete(const RequestMessage& request);
    void batch_done(std::span<const std::uint64_t> ids, std::vector<Reply> replies);
    void enqueue(ResponseMessage response);
    void enqueue_error(std::uint64_t id, const config::Error& error);
    void write();
    void fill_write_buffer();
    [[nodiscard]] bool may_read() const;

    Socket socket_;
    std::shared_ptr<ConnectionShared> shared_;
    Peer peer_;
    std::shared_ptr<Session> session_ = std::make_shared<Session>();
    std::function<void(const std::shared_ptr<Connection>&)> closed_;
    config::FrameReader reader_{config::kMaxRequestFrame};
    std::deque<RequestMessage> pending_;
    std::size_t pending_bytes_ = 0;
    std::deque<Outgoing> outgoing_;
    std::string write_buffer_;
    std::size_t unsent_ = 0;
    bool waiting_ = false;    // for the socket to become readable
    bool executing_ = false;  // a batch is with the controller
    bool writing_ = false;
    bool ended_ = false;  // no more requests will be read
};

}  // namespace control
