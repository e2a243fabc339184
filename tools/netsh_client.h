// The client's end of the control socket. Writes and reads go on together, so that a long script
// and its replies cannot block each other.
#pragma once

#include "config/frame.h"
#include "config/result.h"
#include "control/protocol.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace netsh {

class Client {
  public:
    Client() = default;
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] config::Result<void> connect(const std::string& path);

    // Queues a request; the id counts from 1.
    std::uint64_t send(control::RequestMessage request);
    [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

    // Waits until `input` (a descriptor, or -1) can be read or a response has arrived, writing what
    // is queued meanwhile; hands every complete response to `take`. False: `input` is readable.
    using Take = std::function<void(const control::ResponseMessage&)>;
    [[nodiscard]] config::Result<bool> wait(int input, const Take& take);

    // One request and its whole answer.
    [[nodiscard]] config::Result<control::ResponseMessage> ask(control::RequestMessage request);

  private:
    [[nodiscard]] config::Result<void> write_some();
    [[nodiscard]] config::Result<bool> read_some(const Take& take);

    int socket_ = -1;
    std::uint64_t last_id_ = 0;
    std::size_t outstanding_ = 0;
    std::string unsent_;
    config::FrameReader reader_{config::kMaxResponseFrame};
};

}  // namespace netsh
