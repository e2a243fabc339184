#include "control/control_socket.h"

#include "config/errno_text.h"
#include "control/connection.h"
#include "control/peer_credentials.h"

#include <fmt/format.h>

#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <unordered_set>
#include <utility>

namespace control {

namespace {

using Protocol = asio::local::stream_protocol;

config::Error system_error(std::string_view what, const std::string& path, int code) {
    return {config::ErrorCode::kSystem,
            fmt::format("{} {}: {}", what, path, config::errno_text(code))};
}

// Removes the socket file of a daemon that is gone. Nothing else is ever removed.
config::Result<void> clear_path(asio::io_context& loop, const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
        return errno == ENOENT ? config::Result<void>()
                               : config::Result<void>(system_error("Cannot look at", path, errno));
    }
    if (!S_ISSOCK(status.st_mode)) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("{} exists and is not a socket; a path for the control "
                                         "socket was expected.",
                                         path)};
    }
    Protocol::socket probe(loop);
    asio::error_code error;
    probe.connect(Protocol::endpoint(path), error);
    if (!error || error.value() == EAGAIN) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("Another daemon answers at {}.", path)};
    }
    if (error != asio::error::connection_refused) {
        return system_error("Cannot probe", path, error.value());
    }
    if (unlink(path.c_str()) != 0) {
        return system_error("Cannot replace", path, errno);
    }
    return {};
}

// Every connection is a descriptor; the default limit of 1,024 is far below max_connections.
void raise_descriptor_limit(std::size_t connections) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    const rlim_t wanted = static_cast<rlim_t>(connections) + 1024;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = std::min(wanted, limit.rlim_max);
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace

class ControlSocket::Impl : public std::enable_shared_from_this<ControlSocket::Impl> {
  public:
    Impl(asio::io_context& loop, Controller& controller, ControlSocketOptions options)
        : loop_(loop),
          acceptor_(loop),
          retry_(loop),
          options_(std::move(options)),
          shared_(std::make_shared<ConnectionShared>(ConnectionShared(controller, options_.log))) {}

    config::Result<void> open();
    void close();
    [[nodiscard]] std::size_t connections() const { return connections_.size(); }

  private:
    config::Result<void> give_to_group();
    void accept();
    void admit(Protocol::socket socket);
    void shed();
    void log(std::string_view line) const {
        if (options_.log) {
            options_.log(line);
        }
    }

    asio::io_context& loop_;
    Protocol::acceptor acceptor_;
    asio::steady_timer retry_;
    ControlSocketOptions options_;
    std::optional<gid_t> group_;
    bool bound_ = false;
    std::shared_ptr<ConnectionShared> shared_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
};

config::Result<void> ControlSocket::Impl::give_to_group() {
    if (group_ && chown(options_.path.c_str(), static_cast<uid_t>(-1), *group_) != 0) {
        return system_error("Cannot give the control socket to its group:", options_.path, errno);
    }
    // Only now may the group connect; bind() made the file with mode 0600.
    if (chmod(options_.path.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) != 0) {
        return system_error("Cannot set the mode of", options_.path, errno);
    }
    return {};
}

config::Result<void> ControlSocket::Impl::open() {
    if (options_.path.empty() || options_.path.size() >= sizeof(sockaddr_un::sun_path)) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("The path of the control socket has {} bytes; 1 to {} "
                                         "were expected.",
                                         options_.path.size(),
                                         sizeof(sockaddr_un::sun_path) - 1)};
    }
    if (!options_.group.empty()) {
        config::Result<gid_t> group = find_group(options_.group);
        if (!group) {
            return group.error();
        }
        group_ = *group;
    }
    if (config::Result<void> cleared = clear_path(loop_, options_.path); !cleared) {
        return cleared;
    }
    raise_descriptor_limit(options_.max_connections);

    asio::error_code error;
    acceptor_.open(Protocol(), error);
    const mode_t mask = umask(S_IXUSR | S_IRWXG | S_IRWXO);
    if (!error) {
        acceptor_.bind(Protocol::endpoint(options_.path), error);
    }
    umask(mask);
    if (error) {
        return system_error("Cannot bind the control socket", options_.path, error.value());
    }
    bound_ = true;
    if (config::Result<void> given = give_to_group(); !given) {
        return given;
    }
    acceptor_.listen(Protocol::acceptor::max_listen_connections, error);
    if (error) {
        return system_error("Cannot listen on", options_.path, error.value());
    }
    shared_->too_much_unsent = [this] { shed(); };
    accept();
    return {};
}

void ControlSocket::Impl::accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](const asio::error_code& error, Protocol::socket socket) {
            if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) {
                return;
            }
            if (!error) {
                self->admit(std::move(socket));
                self->accept();
                return;
            }
            // Out of descriptors or memory: the waiting client stays in the backlog meanwhile.
            self->log(fmt::format("event=accept-failed error=\"{}\"", error.message()));
            self->retry_.expires_after(std::chrono::milliseconds(100));
            self->retry_.async_wait([self](const asio::error_code& cancelled) {
                if (!cancelled) {
                    self->accept();
                }
            });
        });
}

void ControlSocket::Impl::admit(Protocol::socket socket) {
    const config::Result<PeerCredentials> credentials =
        peer_credentials(socket.native_handle(), group_);
    if (!credentials) {
        log(fmt::format("event=client-refused error=\"{}\"", credentials.error().text));
        return;
    }
    const auto connection = std::make_shared<Connection>(
        std::move(socket), shared_, Peer{credentials->uid, credentials->pid});
    connections_.insert(connection);
    const auto closed = [weak = weak_from_this()](const std::shared_ptr<Connection>& ended) {
        if (const auto self = weak.lock()) {
            self->connections_.erase(ended);
        }
    };
    if (!credentials->allowed) {
        log(fmt::format("event=client-refused uid={} pid={}", credentials->uid, credentials->pid));
        connection->refuse({config::ErrorCode::kPermissionDenied,
                            "The user is neither root nor in the group of the control socket."},
                           closed);
    } else if (connections_.size() > options_.max_connections) {
        connection->refuse(
            {config::ErrorCode::kConnection,
             fmt::format("The daemon serves {} clients already.", options_.max_connections)},
            closed);
    } else {
        connection->start(closed);
    }
}

// Unread listings have used up the memory set aside for them: whoever holds most of it goes.
void ControlSocket::Impl::shed() {
    while (shared_->unsent_bytes > Connection::kMaxUnsent) {
        std::shared_ptr<Connection> worst;
        for (const std::shared_ptr<Connection>& connection : connections_) {
            if (!worst || connection->unsent_bytes() > worst->unsent_bytes()) {
                worst = connection;
            }
        }
        if (!worst) {
            return;
        }
        log(fmt::format("event=client-closed reason=unread-output bytes={}",
                        worst->unsent_bytes()));
        worst->close();
    }
}

void ControlSocket::Impl::close() {
    asio::error_code error;
    acceptor_.close(error);
    retry_.cancel();
    if (std::exchange(bound_, false)) {
        unlink(options_.path.c_str());
    }
    const auto connections = connections_;
    for (const std::shared_ptr<Connection>& connection : connections) {
        connection->drain();
    }
}

ControlSocket::ControlSocket(asio::io_context& loop,
                             Controller& controller,
                             ControlSocketOptions options)
    : impl_(std::make_shared<Impl>(loop, controller, std::move(options))) {}

ControlSocket::~ControlSocket() {
    impl_->close();
}

config::Result<void> ControlSocket::open() {
    return impl_->open();
}

void ControlSocket::close() {
    impl_->close();
}

std::size_t ControlSocket::connections() const {
    return impl_->connections();
}

}  // namespace control
