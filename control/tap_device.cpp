// TapDevice: see tap_device.h.
#include "control/tap_device.h"

#include "control/log.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <linux/if_tun.h>
#include <memory>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Family;
using config::Result;

// Above what the system and DHCP clients use, so that a default route of gateway.toml never takes
// the place of one that the machine has through another interface.
constexpr std::uint32_t kRoutePriority = 4096;

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using NetlinkSocket = std::unique_ptr<nl_sock, Freer<nl_socket_free>>;
using Link = std::unique_ptr<rtnl_link, Freer<rtnl_link_put>>;
using LinkAddress = std::unique_ptr<rtnl_addr, Freer<rtnl_addr_put>>;
using KernelRoute = std::unique_ptr<rtnl_route, Freer<rtnl_route_put>>;
using AbstractAddress = std::unique_ptr<nl_addr, Freer<nl_addr_put>>;

Error failure(const std::string& interface, const std::string& step, const std::string& reason) {
    return {ErrorCode::kSystem,
            fmt::format("host interface {}: cannot {}: {}", interface, step, reason)};
}

int family_of(Family family) {
    return family == Family::kIpv4 ? AF_INET : AF_INET6;
}

AbstractAddress abstract(const config::IpAddress& address, unsigned length) {
    AbstractAddress result(nl_addr_build(
        family_of(address.family), address.bytes.data(), config::address_bytes(address.family)));
    nl_addr_set_prefixlen(result.get(), static_cast<int>(length));
    return result;
}

// The kernel is to believe what gateway.toml says, and nothing a router or another host says. A
// kernel without IPv6 has no such files; that is no error.
void set_kernel_knobs(const std::string& interface) {
    struct Knob {
        const char* path;
        const char* value;
    };
    static constexpr Knob kKnobs[] = {
        {"/proc/sys/net/ipv6/conf/{}/accept_ra", "0"},
        {"/proc/sys/net/ipv6/conf/{}/autoconf", "0"},
        {"/proc/sys/net/ipv6/conf/{}/accept_redirects", "0"},
        {"/proc/sys/net/ipv6/conf/{}/accept_dad", "0"},
        {"/proc/sys/net/ipv6/conf/{}/dad_transmits", "0"},
        {"/proc/sys/net/ipv6/conf/{}/router_solicitations", "0"},
        // No address but ours: the link-local one is among the configured.
        {"/proc/sys/net/ipv6/conf/{}/addr_gen_mode", "1"},
        {"/proc/sys/net/ipv6/conf/{}/forwarding", "0"},
        {"/proc/sys/net/ipv4/conf/{}/forwarding", "0"},
        {"/proc/sys/net/ipv4/conf/{}/accept_redirects", "0"},
        {"/proc/sys/net/ipv4/conf/{}/send_redirects", "0"},
        // Loose: a host behind one port may talk to the address of another. The gateway has checked
        // the source address already.
        {"/proc/sys/net/ipv4/conf/{}/rp_filter", "2"},
    };
    for (const Knob& knob : kKnobs) {
        std::ofstream(fmt::format(fmt::runtime(knob.path), interface)) << knob.value;
    }
}

Result<void> configure_link(nl_sock* socket, int index, const TapConfig& config) {
    Link current(rtnl_link_alloc());
    rtnl_link_set_ifindex(current.get(), index);
    Link changes(rtnl_link_alloc());
    rtnl_link_set_ifindex(changes.get(), index);
    const AbstractAddress mac(
        nl_addr_build(AF_LLC, config.mac.bytes.data(), config.mac.bytes.size()));
    rtnl_link_set_addr(changes.get(), mac.get());
    rtnl_link_set_mtu(changes.get(), config.mtu);
    rtnl_link_set_flags(changes.get(), IFF_UP);
    if (const int error = rtnl_link_change(socket, current.get(), changes.get(), 0); error < 0) {
        return failure(
            config.interface,
            fmt::format("set MAC {}, MTU {} and state up", config.mac.to_string(), config.mtu),
            nl_geterror(error));
    }
    return {};
}

Result<void> add_address(nl_sock* socket,
                         int index,
                         const std::string& interface,
                         const config::IpPrefix& prefix) {
    const LinkAddress address(rtnl_addr_alloc());
    rtnl_addr_set_ifindex(address.get(), index);
    const AbstractAddress local = abstract(prefix.address, prefix.length);
    rtnl_addr_set_local(address.get(), local.get());
    rtnl_addr_set_prefixlen(address.get(), prefix.length);
    if (prefix.address.family == Family::kIpv6) {
        rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    } else if (prefix.length < 31) {
        const AbstractAddress broadcast = abstract(prefix.last(), 32);
        rtnl_addr_set_broadcast(address.get(), broadcast.get());
    }
    if (const int error = rtnl_addr_add(socket, address.get(), 0);
        error < 0 && error != -NLE_EXIST) {
        return failure(interface, "add address " + prefix.to_string(), nl_geterror(error));
    }
    return {};
}

Result<void> add_route(nl_sock* socket,
                       int index,
                       const std::string& interface,
                       const config::RouteConfig& config) {
    const KernelRoute route(rtnl_route_alloc());
    const AbstractAddress destination =
        abstract(config.destination.first(), config.destination.length);
    rtnl_route_set_family(route.get(),
                          static_cast<std::uint8_t>(family_of(config.destination.address.family)));
    rtnl_route_set_dst(route.get(), destination.get());
    rtnl_route_set_priority(route.get(), kRoutePriority);
    rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
    rtnl_route_set_scope(route.get(), config.via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    rtnl_nexthop* next = rtnl_route_nh_alloc();  // owned by the route from here on
    rtnl_route_nh_set_ifindex(next, index);
    if (config.via) {
        const AbstractAddress via = abstract(*config.via, config::address_bits(config.via->family));
        rtnl_route_nh_set_gateway(next, via.get());
    }
    rtnl_route_add_nexthop(route.get(), next);
    if (const int error = rtnl_route_add(socket, route.get(), 0);
        error < 0 && error != -NLE_EXIST) {
        return failure(
            interface, "add route to " + config.destination.to_string(), nl_geterror(error));
    }
    return {};
}

Result<void> configure(const TapConfig& config) {
    const NetlinkSocket socket(nl_socket_alloc());
    if (socket == nullptr) {
        return failure(config.interface, "open a netlink socket", "out of memory");
    }
    if (const int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0) {
        return failure(config.interface, "open a netlink socket", nl_geterror(error));
    }
    const int index = static_cast<int>(if_nametoindex(config.interface.c_str()));
    if (Result<void> done = configure_link(socket.get(), index, config); !done) {
        return done;
    }
    for (const config::IpPrefix& prefix : config.addresses) {
        if (Result<void> done = add_address(socket.get(), index, config.interface, prefix); !done) {
            return done;
        }
    }
    for (const config::RouteConfig& route : config.routes) {
        if (Result<void> done = add_route(socket.get(), index, config.interface, route); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace

Result<TapDevice> TapDevice::open(const TapConfig& config) {
    if (config.interface.empty() || config.interface.size() >= IFNAMSIZ) {
        return failure(config.interface,
                       "create it",
                       fmt::format("the name must have 1 to {} characters", IFNAMSIZ - 1));
    }
    if (if_nametoindex(config.interface.c_str()) != 0) {
        return failure(config.interface, "create it", "an interface of this name exists");
    }
    const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return failure(
            config.interface, "open /dev/net/tun", std::generic_category().message(errno));
    }
    TapDevice device(fd, config.interface);
    ifreq request{};
    config.interface.copy(request.ifr_name, IFNAMSIZ - 1);
    // Without IFF_VNET_HDR the kernel gives whole packets with full checksums.
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(fd, TUNSETIFF, &request) < 0) {
        return failure(config.interface, "create it", std::generic_category().message(errno));
    }
    set_kernel_knobs(config.interface);
    if (Result<void> done = configure(config); !done) {
        return std::move(done).error();
    }
    return device;
}

TapDevice::TapDevice(TapDevice&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), interface_(std::move(other.interface_)) {}

TapDevice& TapDevice::operator=(TapDevice&& other) noexcept {
    if (this != &other) {
        std::swap(fd_, other.fd_);
        std::swap(interface_, other.interface_);
    }
    return *this;
}

TapDevice::~TapDevice() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

std::size_t TapDevice::read(std::span<std::uint8_t> frame) {
    const ssize_t length = ::read(fd_, frame.data(), frame.size());
    return length > 0 ? static_cast<std::size_t>(length) : 0;
}

bool TapDevice::write(std::span<const std::uint8_t> frame) {
    return ::write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

}  // namespace control
