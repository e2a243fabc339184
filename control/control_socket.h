// The UNIX socket through which netsh talks to the daemon. Every connection has a session of its
// own; a slow or silent client holds up nobody but itself.
#pragma once

#include "config/result.h"

#include <asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace control {

class Controller;

struct ControlSocketOptions {
    std::string path;
    std::string group;  // empty: root (or the daemon's own user) only
    std::size_t max_connections = 10'000;
    std::function<void(std::string_view)> log;  // one line, key=value
};

class ControlSocket {
  public:
    ControlSocket(asio::io_context& loop, Controller& controller, ControlSocketOptions options);
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    // Binds, sets mode 0660 and the group, listens. A socket file of a dead daemon is replaced; one
    // that answers is an error.
    [[nodiscard]] config::Result<void> open();

    // Takes no more connections or requests, removes the socket file and closes each connection
    // once the replies of its running batch are written.
    void close();

    [[nodiscard]] std::size_t connections() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace control
