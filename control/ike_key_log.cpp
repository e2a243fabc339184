#include "control/ike_key_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace control {

using config::Error;
using config::ErrorCode;
using config::Result;

Result<IkeKeyLog> IkeKeyLog::open(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) {
        return Error{
            ErrorCode::kFileNotReadable,
            fmt::format("ike.insecure_key_log '{}' cannot be written: {}.", path, strerror(errno))};
    }
    return IkeKeyLog(file);
}

IkeKeyLog::~IkeKeyLog() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

IkeKeyLog::IkeKeyLog(IkeKeyLog&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

IkeKeyLog& IkeKeyLog::operator=(IkeKeyLog&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
}

void IkeKeyLog::write(const ike::Cookie& initiator, ike::ByteView encryption_key) {
    std::string line =
        fmt::format("{:02x},{:02x}\n", fmt::join(initiator, ""), fmt::join(encryption_key, ""));
    // A full disk loses a capture's keys, not a negotiation.
    [[maybe_unused]] const ssize_t written = ::write(file_, line.data(), line.size());
    explicit_bzero(line.data(), line.size());
}

}  // namespace control
