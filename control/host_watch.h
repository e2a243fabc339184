// HostWatch: tells the control loop that a file behind the host's symbols has changed.
#pragma once

#include "control/host_view.h"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>

namespace control {

class HostWatch {
  public:
    // Looks at time and size of resolv.conf and of the lease files. Looking is cheaper to get right
    // than inotify here: resolv.conf is a chain of symbolic links on many systems, any of which may
    // be exchanged, and lease folders come and go.
    static constexpr std::chrono::seconds kPeriod{2};

    HostWatch(asio::io_context& loop, HostFiles files, std::function<void()> changed);
    void start();
    void stop() { timer_.cancel(); }

  private:
    [[nodiscard]] std::string signature() const;
    void wait();

    asio::steady_timer timer_;
    HostFiles files_;
    std::function<void()> changed_;
    std::string last_;
};

}  // namespace control
