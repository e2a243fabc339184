// StateDirectory: see state_directory.h.
#include "control/state_directory.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace control {

namespace {

config::Error failure(const std::string& path, const std::string& reason) {
    return {config::ErrorCode::kSystem, fmt::format("state directory {}: {}", path, reason)};
}

}  // namespace

config::Result<StateDirectory> StateDirectory::open(const std::string& path) {
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (!parent.empty()) {
        std::filesystem::create_directories(parent, error);
    }
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return failure(
            path, fmt::format("cannot be created: {}", std::generic_category().message(errno)));
    }
    const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) {
        return failure(path,
                       fmt::format("cannot be opened: {}", std::generic_category().message(errno)));
    }
    StateDirectory directory(path, lock);
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        return failure(path,
                       errno == EWOULDBLOCK ? "another portcullisd uses it"
                                            : fmt::format("cannot be locked: {}",
                                                          std::generic_category().message(errno)));
    }
    return directory;
}

StateDirectory::~StateDirectory() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

}  // namespace control
