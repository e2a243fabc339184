#include "tools/netsh_client.h"

#include "config/errno_text.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace netsh {

namespace {

config::Error lost(std::string_view why) {
    return {config::ErrorCode::kConnection,
            fmt::format("The connection to the daemon was lost: {}. Commands without an answer may "
                        "have been executed.",
                        why)};
}

}  // namespace

Client::~Client() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

config::Result<void> Client::connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return config::Error{
            config::ErrorCode::kConnection,
            fmt::format("The socket path is longer than {} bytes.", sizeof address.sun_path - 1)};
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0
        || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return config::Error{
            config::ErrorCode::kConnection,
            fmt::format("The daemon cannot be reached at {}: {}. Is portcullisd running?",
                        path,
                        config::errno_text(errno))};
    }
    (void)fcntl(socket_, F_SETFL, O_NONBLOCK);
    return {};
}

std::uint64_t Client::send(control::RequestMessage request) {
    request.id = ++last_id_;
    unsent_ += control::to_frame(request);
    ++outstanding_;
    return request.id;
}

config::Result<void> Client::write_some() {
    const ssize_t count = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count >= 0) {
        unsent_.erase(0, static_cast<std::size_t>(count));
    } else if (errno == EPIPE || errno == ECONNRESET) {
        // The daemon may have said why before it closed: that is still to be read.
        unsent_.clear();
    } else if (errno != EAGAIN && errno != EINTR) {
        return lost(config::errno_text(errno));
    }
    return {};
}

config::Result<bool> Client::read_some(const Take& take) {
    std::array<char, 65536> buffer;
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (count == 0) {
        return lost("it closed the connection");
    }
    if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return false;
        }
        return lost(config::errno_text(errno));
    }
    reader_.append({buffer.data(), static_cast<std::size_t>(count)});
    bool any = false;
    while (true) {
        config::Result<std::optional<std::string>> frame = reader_.next();
        if (!frame) {
            return frame.error();
        }
        if (!*frame) {
            return any;
        }
        const config::Result<control::ResponseMessage> response = control::parse_response(**frame);
        if (!response) {
            return response.error();
        }
        if (!response->more && outstanding_ > 0) {
            --outstanding_;
        }
        any = true;
        take(*response);
    }
}

config::Result<bool> Client::wait(int input, const Take& take) {
    while (true) {
        const short events = static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT));
        std::array<pollfd, 2> polled{{{socket_, events, 0}, {input, POLLIN, 0}}};
        if (::poll(polled.data(), input >= 0 ? 2 : 1, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return lost(config::errno_text(errno));
        }
        if ((polled[0].revents & POLLOUT) != 0) {
            if (const config::Result<void> written = write_some(); !written) {
                return written.error();
            }
        }
        if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            const config::Result<bool> read = read_some(take);
            if (!read || *read) {
                return read;
            }
        }
        if (input >= 0 && polled[1].revents != 0) {
            return false;
        }
    }
}

config::Result<control::ResponseMessage> Client::ask(control::RequestMessage request) {
    control::ResponseMessage whole;
    const std::uint64_t id = send(std::move(request));
    bool done = false;
    while (!done) {
        const config::Result<bool> waited = wait(-1, [&](const control::ResponseMessage& response) {
            // Id 0: the daemon refuses the connection.
            if (response.id != id && response.id != 0) {
                return;
            }
            std::string text = std::move(whole.text) + response.text;
            whole = response;
            whole.text = std::move(text);
            done = !response.more;
        });
        if (!waited) {
            return waited.error();
        }
    }
    return whole;
}

}  // namespace netsh
