#include "control/ike_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace control {

namespace {

using asio::ip::udp;
using config::Family;
using config::IpAddress;
using ike::Endpoint;

// RFC 3948 2.2: tells IKE from ESP on the NAT traversal port.
constexpr std::array<std::uint8_t, 4> kNonEspMarker{};
constexpr std::uint8_t kKeepalive = 0xFF;
constexpr std::size_t kMaxDatagram = 65'535;
// One after the other from one socket before others, and the rest of the loop, have their turn.
constexpr int kDatagramsPerTurn = 32;
// A burst of peers that all rekey at once.
constexpr int kReceiveBuffer = 1 << 20;

udp::endpoint to_asio(const Endpoint& endpoint) {
    if (endpoint.address.family == Family::kIpv4) {
        asio::ip::address_v4::bytes_type bytes{};
        std::copy_n(endpoint.address.bytes.begin(), bytes.size(), bytes.begin());
        return {asio::ip::address_v4(bytes), endpoint.port};
    }
    asio::ip::address_v6::bytes_type bytes{};
    std::copy_n(endpoint.address.bytes.begin(), bytes.size(), bytes.begin());
    return {asio::ip::address_v6(bytes), endpoint.port};
}

IpAddress from_asio(const asio::ip::address& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return IpAddress::from_bytes(Family::kIpv4, bytes.data());
    }
    const auto bytes = address.to_v6().to_bytes();
    return IpAddress::from_bytes(Family::kIpv6, bytes.data());
}

}  // namespace

class IkeSockets::Socket : public std::enable_shared_from_this<Socket> {
  public:
    Socket(IkeSockets& owner, const Endpoint& local)
        : owner_(owner),
          local_(local),
          has_marker_(local.port == owner.nat_port_),
          socket_(owner.loop_) {}

    asio::error_code open() {
        asio::error_code error;
        const udp::endpoint at = to_asio(local_);
        socket_.open(at.protocol(), error);
        if (error) {
            return error;
        }
        set_options(at.protocol() == udp::v4());
        socket_.bind(at, error);
        if (!error) {
            socket_.non_blocking(true, error);
        }
        return error;
    }

    void start() { wait(); }
    void close() {
        asio::error_code ignored;
        socket_.close(ignored);
    }

    asio::error_code write(const Endpoint& remote, std::span<const std::uint8_t> datagram) {
        asio::error_code error;
        socket_.send_to(asio::buffer(datagram.data(), datagram.size()), to_asio(remote), 0, error);
        return error;
    }

  private:
    // Failing, they leave what is good enough.
    void set_options(bool v4) {
        const int fd = socket_.native_handle();
        const int on = 1;
        // The address of a port that comes up later, or is still tentative.
        ::setsockopt(
            fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof on);
        // RFC 2409 knows no path MTU: messages may be fragmented on their way.
        const int discover = v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT;
        ::setsockopt(fd,
                     v4 ? IPPROTO_IP : IPPROTO_IPV6,
                     v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
                     &discover,
                     sizeof discover);
        if (!v4) {
            ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        }
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    }

    void wait() {
        socket_.async_wait(udp::socket::wait_read,
                           [self = shared_from_this()](const asio::error_code& error) {
                               if (!error) {
                                   self->read();
                                   self->wait();
                               }
                           });
    }

    void read() {
        std::vector<std::uint8_t>& buffer = owner_.scratch_;
        for (int i = 0; i < kDatagramsPerTurn && socket_.is_open(); ++i) {
            udp::endpoint from;
            asio::error_code error;
            const std::size_t size = socket_.receive_from(asio::buffer(buffer), from, 0, error);
            if (error == asio::error::would_block) {
                return;
            }
            if (!error) {  // else an ICMP error about what was sent: retransmission sees to it
                take({buffer.data(), size}, {from_asio(from.address()), from.port()});
            }
        }
    }

    void take(std::span<const std::uint8_t> datagram, const Endpoint& remote) {
        if (has_marker_) {
            if (datagram.size() < kNonEspMarker.size()
                || !std::equal(kNonEspMarker.begin(), kNonEspMarker.end(), datagram.begin())) {
                return;  // keepalives and ESP are the workers' business
            }
            datagram = datagram.subspan(kNonEspMarker.size());
        }
        owner_.receive_(local_, remote, datagram);
    }

    IkeSockets& owner_;
    Endpoint local_;
    bool has_marker_;
    udp::socket socket_;
};

IkeSockets::IkeSockets(asio::io_context& loop,
                       std::uint16_t port,
                       std::uint16_t nat_port,
                       Receive receive,
                       Complain complain)
    : loop_(loop),
      port_(port),
      nat_port_(nat_port),
      receive_(std::move(receive)),
      complain_(std::move(complain)),
      scratch_(kMaxDatagram) {}

IkeSockets::~IkeSockets() {
    close();
}

void IkeSockets::serve(std::span<const IpAddress> addresses) {
    std::map<Endpoint, std::shared_ptr<Socket>> wanted;
    for (const IpAddress& address : addresses) {
        if (address.is_link_local()) {
            continue;
        }
        for (const std::uint16_t port : {port_, nat_port_}) {
            const Endpoint local{address, port};
            if (const auto open = sockets_.find(local); open != sockets_.end()) {
                wanted.insert(*open);
                continue;
            }
            auto socket = std::make_shared<Socket>(*this, local);
            if (const asio::error_code error = socket->open()) {
                complain_(fmt::format("no IKE socket address={} port={} error=\"{}\"",
                                      address.to_string(),
                                      port,
                                      error.message()));
                continue;
            }
            socket->start();
            wanted.emplace(local, std::move(socket));
        }
    }
    for (const auto& [local, socket] : sockets_) {
        if (!wanted.contains(local)) {
            socket->close();
        }
    }
    sockets_ = std::move(wanted);
}

void IkeSockets::close() {
    serve({});
}

bool IkeSockets::send(const Endpoint& local,
                      const Endpoint& remote,
                      std::span<const std::uint8_t> message) {
    if (local.port != nat_port_) {
        return write(local, remote, message);
    }
    std::vector<std::uint8_t> datagram(kNonEspMarker.begin(), kNonEspMarker.end());
    datagram.insert(datagram.end(), message.begin(), message.end());
    return write(local, remote, datagram);
}

bool IkeSockets::send_keepalive(const Endpoint& local, const Endpoint& remote) {
    return write(local, remote, std::span(&kKeepalive, 1));
}

bool IkeSockets::write(const Endpoint& local,
                       const Endpoint& remote,
                       std::span<const std::uint8_t> datagram) {
    const auto found = sockets_.find(local);
    const asio::error_code error = found == sockets_.end()
                                       ? asio::error_code(asio::error::bad_descriptor)
                                       : found->second->write(remote, datagram);
    if (error) {
        complain_(fmt::format("IKE message not sent local={} remote={} port={} error=\"{}\"",
                              local.address.to_string(),
                              remote.address.to_string(),
                              remote.port,
                              error.message()));
    }
    return !error;
}

}  // namespace control
