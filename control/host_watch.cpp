// HostWatch: see host_watch.h.
#include "control/host_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <asio/error_code.hpp>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

namespace control {

namespace {

void add_file(std::vector<std::string>& lines, const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        lines.push_back(fmt::format("{} {} {} {}.{}",
                                    path,
                                    status.st_ino,
                                    status.st_size,
                                    status.st_mtim.tv_sec,
                                    status.st_mtim.tv_nsec));
    }
}

}  // namespace

HostWatch::HostWatch(asio::io_context& loop, HostFiles files, std::function<void()> changed)
    : timer_(loop), files_(std::move(files)), changed_(std::move(changed)) {}

void HostWatch::start() {
    last_ = signature();
    wait();
}

std::string HostWatch::signature() const {
    std::vector<std::string> lines;
    add_file(lines, files_.resolv_conf);
    for (const std::string& folder : files_.lease_folders) {
        std::error_code error;
        for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
            add_file(lines, file.path());
        }
    }
    std::sort(lines.begin(), lines.end());
    return fmt::format("{}", fmt::join(lines, "\n"));
}

void HostWatch::wait() {
    timer_.expires_after(kPeriod);
    timer_.async_wait([this](const asio::error_code& error) {
        if (error) {
            return;
        }
        if (std::string now = signature(); now != last_) {
            last_ = std::move(now);
            changed_();
        }
        wait();
    });
}

}  // namespace control
