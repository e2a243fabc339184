// IkeSockets: the UDP sockets of IKE, one for each of this host's addresses and each port (500, and
// 4500 for NAT traversal). They are the kernel's: its packets take the way of all host traffic
// through the TAP interfaces, where fragments, checksums and neighbours are seen to
// (docs/decisions/0021).
#pragma once

#include "config/types.h"
#include "control/ike/host.h"

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace control {

class IkeSockets {
  public:
    // A message, without non-ESP marker.
    using Receive = std::function<void(
        const ike::Endpoint& local, const ike::Endpoint& remote, std::span<const std::uint8_t>)>;
    using Complain = std::function<void(std::string_view)>;

    IkeSockets(asio::io_context& loop,
               std::uint16_t port,
               std::uint16_t nat_port,
               Receive receive,
               Complain complain);
    ~IkeSockets();
    IkeSockets(const IkeSockets&) = delete;
    IkeSockets& operator=(const IkeSockets&) = delete;

    // Opens and closes sockets until there are those of `addresses` (link-local ones apart: what
    // they mean depends on an interface). One that cannot be opened is complained about and tried
    // again next time.
    void serve(std::span<const config::IpAddress> addresses);
    void close();

    // False: there is no such socket, or the kernel refused; it is complained about.
    bool send(const ike::Endpoint& local,
              const ike::Endpoint& remote,
              std::span<const std::uint8_t> message);
    // RFC 3948 2.3.
    bool send_keepalive(const ike::Endpoint& local, const ike::Endpoint& remote);

  private:
    class Socket;

    bool write(const ike::Endpoint& local,
               const ike::Endpoint& remote,
               std::span<const std::uint8_t> datagram);

    asio::io_context& loop_;
    std::uint16_t port_;
    std::uint16_t nat_port_;
    Receive receive_;
    Complain complain_;
    std::map<ike::Endpoint, std::shared_ptr<Socket>> sockets_;
    std::vector<std::uint8_t> scratch_;
};

}  // namespace control
