// Daemon: see daemon.h.
#include "control/daemon.h"

#include "config/policy_store.h"
#include "control/cares_resolver.h"
#include "control/control_socket.h"
#include "control/controller.h"
#include "control/gateway.h"
#include "control/host_watch.h"
#include "control/ike_service.h"
#include "control/log.h"
#include "control/state_directory.h"

#include <asio/error_code.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace control {

namespace {

using config::Result;

constexpr const char* kStoreFile = "policy.db";
// How long clients have to take the replies of commands that were running at SIGTERM.
constexpr std::chrono::seconds kCloseTime{5};
constexpr std::chrono::milliseconds kCloseLook{20};
// How long the deletes of IKE have to reach a port, by way of the kernel and a worker.
constexpr std::chrono::milliseconds kFarewellTime{100};

std::string host_name() {
    std::string name(256, '\0');
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        return "localhost";
    }
    name.resize(name.find('\0'));
    return name;
}

void make_socket_directory(const std::string& socket) {
    // An error here shows when the socket is opened.
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(socket).parent_path(), ignored);
}

class Daemon {
  public:
    explicit Daemon(const config::GatewayConfig& config)
        : config_(config),
          signals_(loop_, SIGTERM, SIGINT, SIGHUP),
          close_timer_(loop_),
          watchdog_timer_(loop_) {}

    Result<void> run();

  private:
    Result<void> open();
    Result<void> publish_first_tables();
    Result<void> open_ike();
    void open_controller(config::PolicyStore& store);
    void wait_for_signal();
    void reload();
    void close();
    void wait_for_clients(std::chrono::steady_clock::time_point until);
    void watch_workers();
    [[nodiscard]] bool every_worker_moved();

    const config::GatewayConfig& config_;
    asio::io_context loop_;
    asio::signal_set signals_;
    asio::steady_timer close_timer_;
    asio::steady_timer watchdog_timer_;
    std::chrono::microseconds watchdog_period_{0};
    std::vector<std::uint64_t> turns_seen_;
    // In the order in which they are made; destroyed in the opposite one.
    std::optional<StateDirectory> state_;
    std::unique_ptr<config::PolicyStore> store_;
    std::unique_ptr<Gateway> gateway_;
    std::unique_ptr<IkeService> ike_;  // nullptr: gateway.toml switches it off
    std::unique_ptr<CaresResolver> resolver_;
    std::unique_ptr<Controller> controller_;
    std::unique_ptr<ControlSocket> socket_;
    std::unique_ptr<HostWatch> watch_;
};

Result<void> Daemon::open() {
    auto state = StateDirectory::open(config_.state_directory);
    if (!state) {
        return std::move(state).error();
    }
    state_.emplace(std::move(state).value());
    auto store = config::PolicyStore::open(state_->file(kStoreFile));
    if (!store) {
        return std::move(store).error();
    }
    store_ = std::move(store).value();
    auto gateway = Gateway::open(config_, loop_);
    if (!gateway) {
        return std::move(gateway).error();
    }
    gateway_ = std::move(gateway).value();
    if (Result<void> opened = open_ike(); !opened) {
        return opened;
    }
    open_controller(*store_);
    if (Result<void> published = publish_first_tables(); !published) {
        return published;
    }
    if (Result<void> started = gateway_->start(); !started) {
        return started;
    }
    make_socket_directory(config_.control_socket);
    return socket_->open();
}

Result<void> Daemon::open_ike() {
    if (!config_.ike.enabled) {
        return {};
    }
    auto ike = IkeService::open(config_.ike, *gateway_, loop_);
    if (!ike) {
        return std::move(ike).error();
    }
    ike_ = std::move(ike).value();
    return {};
}

void Daemon::open_controller(config::PolicyStore& store) {
    resolver_ = std::make_unique<CaresResolver>(loop_, CaresResolver::Options{});
    ControllerOptions options;
    options.host_name = host_name();
    options.ike = ike_.get();
    options.audit = [](std::string_view line) {
        log::write(log::Level::kInfo, log::Category::kControl, nullptr, line);
    };
    controller_ = std::make_unique<Controller>(store, *gateway_, *resolver_, std::move(options));
    ControlSocketOptions socket;
    socket.path = config_.control_socket;
    socket.group = config_.control_group;
    socket.log = [](std::string_view line) { log::info(log::Category::kControl, "{}", line); };
    socket_ = std::make_unique<ControlSocket>(loop_, *controller_, std::move(socket));
    watch_ = std::make_unique<HostWatch>(loop_, HostFiles{}, [this] { reload(); });
}

Result<void> Daemon::publish_first_tables() {
    const Result<std::uint64_t> revision = controller_->refresh();
    if (!revision) {
        return revision.error();
    }
    std::optional<Result<void>> published;
    gateway_->when_published(*revision,
                             [&published](Result<void> result) { published = std::move(result); });
    {
        const auto work = asio::make_work_guard(loop_);
        while (!published) {
            loop_.run_one();
        }
    }
    loop_.restart();  // without work left it has stopped itself
    return *published;
}

Result<void> Daemon::run() {
    if (Result<void> opened = open(); !opened) {
        return opened;
    }
    wait_for_signal();
    watch_->start();
    std::uint64_t watchdog = 0;
    if (::sd_watchdog_enabled(0, &watchdog) > 0) {
        watchdog_period_ = std::chrono::microseconds(watchdog / 2);
        watch_workers();
    }
    ::sd_notify(0, "READY=1");
    log::info(log::Category::kDaemon, "ready socket={}", config_.control_socket);
    loop_.run();
    gateway_->stop();
    log::info(log::Category::kDaemon, "stopped");
    return {};
}

void Daemon::wait_for_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
        if (error) {
            return;
        }
        if (signal == SIGHUP) {
            reload();
            wait_for_signal();
        } else {
            close();
        }
    });
}

void Daemon::reload() {
    if (!gateway_->reload_host_view()) {
        return;
    }
    if (const Result<std::uint64_t> revision = controller_->refresh(); !revision) {
        log::error(log::Category::kControl,
                   "filters not renewed for the changed host view error=\"{}\"",
                   revision.error().text);
    }
}

void Daemon::close() {
    ::sd_notify(0, "STOPPING=1");
    log::info(log::Category::kDaemon, "stopping");
    watch_->stop();
    socket_->close();
    const auto until = std::chrono::steady_clock::now() + kCloseTime;
    if (ike_ == nullptr) {
        wait_for_clients(until);
        return;
    }
    ike_->stop();
    close_timer_.expires_after(kFarewellTime);
    close_timer_.async_wait([this, until](const asio::error_code&) { wait_for_clients(until); });
}

void Daemon::wait_for_clients(std::chrono::steady_clock::time_point until) {
    if (socket_->connections() == 0 || std::chrono::steady_clock::now() >= until) {
        loop_.stop();
        return;
    }
    close_timer_.expires_after(kCloseLook);
    close_timer_.async_wait([this, until](const asio::error_code&) { wait_for_clients(until); });
}

void Daemon::watch_workers() {
    // systemd restarts a daemon whose control loop or one of whose workers hangs.
    if (every_worker_moved()) {
        ::sd_notify(0, "WATCHDOG=1");
    }
    watchdog_timer_.expires_after(watchdog_period_);
    watchdog_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            watch_workers();
        }
    });
}

bool Daemon::every_worker_moved() {
    const DataplaneReport report = gateway_->report();
    turns_seen_.resize(report.workers.size(), 0);
    bool moved = true;
    for (std::size_t i = 0; i < report.workers.size(); ++i) {
        moved = moved && report.workers[i].turns != turns_seen_[i];
        turns_seen_[i] = report.workers[i].turns;
    }
    return moved;
}

}  // namespace

Result<void> run_daemon(const config::GatewayConfig& config) {
    Daemon daemon(config);
    return daemon.run();
}

}  // namespace control
