#include "dataplane/wakeup.h"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace dataplane {

Wakeup::Wakeup() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(), "eventfd");
    }
}

Wakeup::~Wakeup() {
    close(fd_);
}

void Wakeup::awake() {
    sleeping_.store(false, std::memory_order_relaxed);
    std::uint64_t count = 0;
    // EAGAIN: nobody wrote, control woke for another reason.
    [[maybe_unused]] const ssize_t n = read(fd_, &count, sizeof(count));
}

void Wakeup::write_eventfd() {
    const std::uint64_t one = 1;
    // EAGAIN only at 2^64 - 1 unread writes; the descriptor is readable then anyway.
    [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof(one));
}

}  // namespace dataplane
