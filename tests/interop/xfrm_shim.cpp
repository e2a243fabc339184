// Loaded into charon with LD_PRELOAD: its socket to the kernel's IPsec leads to a program of ours.
// charon's plugin kernel-netlink then installs SAs on machines whose kernel has no ESP and no AH,
// and the tests learn what it installed. xfrm_kernel.py answers; PORTCULLIS_XFRM names its socket.
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace {

constexpr int kDescriptors = 4096;
std::array<std::atomic<bool>, kDescriptors> diverted{};

bool is_diverted(int fd) {
    return fd >= 0 && fd < kDescriptors && diverted[static_cast<std::size_t>(fd)];
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
    static const auto real = next<int (*)(int, int, int)>("socket");
    const char* path = std::getenv("PORTCULLIS_XFRM");
    if (domain != AF_NETLINK || protocol != NETLINK_XFRM || path == nullptr) {
        return real(domain, type, protocol);
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int fd = real(AF_UNIX, SOCK_SEQPACKET | (type & SOCK_CLOEXEC), 0);
    if (fd < 0 || fd >= kDescriptors
        || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return -1;
    }
    diverted[static_cast<std::size_t>(fd)] = true;
    return fd;
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
    static const auto real = next<int (*)(int, const sockaddr*, socklen_t)>("bind");
    return is_diverted(fd) ? 0 : real(fd, address, length);
}

ssize_t sendto(
    int fd, const void* data, std::size_t size, int flags, const sockaddr* to, socklen_t length) {
    static const auto real =
        next<ssize_t (*)(int, const void*, std::size_t, int, const sockaddr*, socklen_t)>("sendto");
    return is_diverted(fd) ? send(fd, data, size, flags) : real(fd, data, size, flags, to, length);
}

ssize_t recvfrom(
    int fd, void* data, std::size_t size, int flags, sockaddr* from, socklen_t* length) {
    static const auto real =
        next<ssize_t (*)(int, void*, std::size_t, int, sockaddr*, socklen_t*)>("recvfrom");
    if (!is_diverted(fd)) {
        return real(fd, data, size, flags, from, length);
    }
    const ssize_t received = recv(fd, data, size, flags);
    if (from != nullptr && *length >= sizeof(sockaddr_nl)) {
        // As from the kernel: process 0.
        sockaddr_nl kernel{};
        kernel.nl_family = AF_NETLINK;
        std::memcpy(from, &kernel, sizeof kernel);
        *length = sizeof kernel;
    }
    return received;
}

int close(int fd) {
    static const auto real = next<int (*)(int)>("close");
    if (fd >= 0 && fd < kDescriptors) {
        diverted[static_cast<std::size_t>(fd)] = false;
    }
    return real(fd);
}

}  // extern "C"
