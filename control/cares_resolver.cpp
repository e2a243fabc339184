// CaresResolver: see cares_resolver.h.
#include "control/cares_resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <ares.h>
#include <asio/error_code.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Family;
using config::IpAddress;
using config::Result;
using Addresses = std::vector<IpAddress>;

bool library_ready() {
    static const bool kReady = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
    return kReady;
}

// One look-up with a channel of its own. Lives as long as handlers refer to it: the timer's wait
// and those of the descriptors.
class Lookup : public std::enable_shared_from_this<Lookup> {
  public:
    Lookup(asio::io_context& loop, std::string name, Resolver::Done done)
        : loop_(loop), timer_(loop), name_(std::move(name)), done_(std::move(done)) {}
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;
    ~Lookup() {
        if (channel_ != nullptr) {
            ares_destroy(channel_);
        }
    }

    void start(const CaresResolver::Options& wanted);

  private:
    struct Socket {
        asio::posix::stream_descriptor descriptor;
        bool want_read = false;
        bool want_write = false;
        bool reading = false;
        bool writing = false;
    };

    static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
    static void on_answer(void* self, int status, int timeouts, ares_addrinfo* answer);
    void watch(ares_socket_t fd);
    void arm_retry_timer();
    void finish(Result<Addresses> result);
    [[nodiscard]] Error failure(const std::string& reason) const {
        return {ErrorCode::kAddressNotResolved,
                fmt::format("The DNS name '{}' cannot be resolved: {}.", name_, reason)};
    }

    asio::io_context& loop_;
    asio::steady_timer timer_;
    std::chrono::steady_clock::time_point end_;
    std::string name_;
    Resolver::Done done_;
    ares_channel channel_ = nullptr;
    std::map<ares_socket_t, std::shared_ptr<Socket>> sockets_;
};

void Lookup::start(const CaresResolver::Options& wanted) {
    ares_options options{};
    options.timeout = static_cast<int>(wanted.first_try.count());
    options.flags = ARES_FLAG_EDNS;
    options.ednspsz = 1232;  // fits every path (DNS flag day 2020); a longer answer comes by TCP
    options.tries = 2;
    options.sock_state_cb = on_socket;
    options.sock_state_cb_data = this;
    constexpr int kGiven = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB
                           | ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ;
    if (!library_ready() || ares_init_options(&channel_, &options, kGiven) != ARES_SUCCESS) {
        channel_ = nullptr;
        finish(failure("the resolver cannot be started"));
        return;
    }
    if (!wanted.servers.empty()) {
        ares_set_servers_ports_csv(channel_, wanted.servers.c_str());
    }
    end_ = std::chrono::steady_clock::now() + CaresResolver::kTimeout;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;  // A and AAAA at once
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(channel_, name_.c_str(), nullptr, &hints, on_answer, this);
    if (done_) {
        arm_retry_timer();
    }
}

void Lookup::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& lookup = *static_cast<Lookup*>(self);
    auto found = lookup.sockets_.find(fd);
    if (readable == 0 && writable == 0) {
        if (found != lookup.sockets_.end()) {
            found->second->descriptor.release();  // c-ares closes it
            lookup.sockets_.erase(found);
        }
        return;
    }
    if (found == lookup.sockets_.end()) {
        auto socket =
            std::make_shared<Socket>(Socket{asio::posix::stream_descriptor(lookup.loop_, fd)});
        found = lookup.sockets_.emplace(fd, std::move(socket)).first;
    }
    found->second->want_read = readable != 0;
    found->second->want_write = writable != 0;
    lookup.watch(fd);
}

void Lookup::watch(ares_socket_t fd) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) {
        return;
    }
    const std::shared_ptr<Socket>& socket = found->second;
    const auto wait = [&](bool Socket::*wanted, bool Socket::*pending, bool read) {
        if (!((*socket).*wanted) || (*socket).*pending) {
            return;
        }
        (*socket).*pending = true;
        socket->descriptor.async_wait(
            read ? asio::posix::stream_descriptor::wait_read
                 : asio::posix::stream_descriptor::wait_write,
            [self = shared_from_this(), socket, pending, read, fd](const asio::error_code& error) {
                (*socket).*pending = false;
                if (error || !self->done_) {
                    return;
                }
                ares_process_fd(
                    self->channel_, read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
                self->watch(fd);
            });
    };
    wait(&Socket::want_read, &Socket::reading, true);
    wait(&Socket::want_write, &Socket::writing, false);
}

void Lookup::arm_retry_timer() {
    timeval at_most{1, 0};
    timeval wait{};
    ares_timeout(channel_, &at_most, &wait);
    const auto retry = std::chrono::steady_clock::now() + std::chrono::seconds(wait.tv_sec)
                       + std::chrono::microseconds(wait.tv_usec);
    timer_.expires_at(std::min(retry, end_));
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (error || !self->done_) {
            return;
        }
        if (std::chrono::steady_clock::now() >= self->end_) {
            self->finish(self->failure("no name server answered in time"));
            return;
        }
        ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        if (self->done_) {
            self->arm_retry_timer();
        }
    });
}

void Lookup::on_answer(void* self, int status, int /*timeouts*/, ares_addrinfo* answer) {
    auto& lookup = *static_cast<Lookup*>(self);
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owner(answer,
                                                                             ares_freeaddrinfo);
    if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
        return;
    }
    if (status != ARES_SUCCESS || answer == nullptr) {
        lookup.finish(lookup.failure(ares_strerror(status)));
        return;
    }
    Addresses addresses;
    for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
        IpAddress address;
        if (node->ai_family == AF_INET) {
            const auto* socket_address = reinterpret_cast<const sockaddr_in*>(node->ai_addr);
            address = IpAddress::from_bytes(
                Family::kIpv4, reinterpret_cast<const std::uint8_t*>(&socket_address->sin_addr));
        } else if (node->ai_family == AF_INET6) {
            const auto* socket_address = reinterpret_cast<const sockaddr_in6*>(node->ai_addr);
            address = IpAddress::from_bytes(
                Family::kIpv6, reinterpret_cast<const std::uint8_t*>(&socket_address->sin6_addr));
        } else {
            continue;
        }
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    if (addresses.empty()) {
        lookup.finish(lookup.failure("it has no address"));
    } else if (addresses.size() > CaresResolver::kMaxAddresses) {
        lookup.finish(lookup.failure(fmt::format("it has {} addresses, at most {} are taken",
                                                 addresses.size(),
                                                 CaresResolver::kMaxAddresses)));
    } else {
        // Filters are made in this order, so two look-ups of one name give the same list.
        std::sort(addresses.begin(), addresses.end());
        lookup.finish(std::move(addresses));
    }
}

void Lookup::finish(Result<Addresses> result) {
    if (!done_) {
        return;
    }
    // On the loop's own turn: c-ares may call from inside ares_getaddrinfo(), and destroying the
    // channel there is not allowed.
    asio::post(loop_,
               [self = shared_from_this(),
                done = std::exchange(done_, nullptr),
                result = std::move(result)]() mutable {
                   self->timer_.cancel();
                   if (self->channel_ != nullptr) {
                       ares_destroy(std::exchange(self->channel_, nullptr));
                   }
                   done(std::move(result));
               });
}

}  // namespace

CaresResolver::CaresResolver(asio::io_context& loop, Options options)
    : loop_(loop), options_(std::move(options)) {}

void CaresResolver::resolve(const std::string& name, Done done) {
    std::make_shared<Lookup>(loop_, name, std::move(done))->start(options_);
}

}  // namespace control
