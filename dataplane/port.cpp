#include "dataplane/port.h"

#include "dataplane/eal.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace dataplane {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

constexpr std::uint16_t kDescriptors = 1024;

// The name DPDK gives the device: a PCI address in full, or the part before the first comma.
std::string device_name(const std::string& device) {
    const std::string pci = pci_address_of(device);
    return pci.empty() ? device.substr(0, device.find(',')) : pci;
}

rte_ether_addr to_dpdk(const config::MacAddress& mac) {
    rte_ether_addr out{};
    std::memcpy(out.addr_bytes, mac.bytes.data(), mac.bytes.size());
    return out;
}

rte_eth_conf device_conf(std::uint16_t rx_queues, const rte_eth_dev_info& info) {
    rte_eth_conf conf{};
    // Spread by addresses only: every fragment of a datagram must reach the worker that holds the
    // others, and later fragments have no ports.
    const std::uint64_t hash = RTE_ETH_RSS_IP & info.flow_type_rss_offloads;
    if (rx_queues > 1 && hash != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hash;
    }
    return conf;
}

// In-memory devices have no address. One made of the port's name is the same after a restart, so
// that neighbours need not learn it again.
config::MacAddress made_of(std::string_view name) {
    std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
    for (const char c : name) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
    }
    config::MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        mac.bytes[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    }
    mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xFC) | 0x02);  // local, unicast
    return mac;
}

// Drivers return -errno, some plain -1.
std::string strerror_of(int result) {
    return result == -1 ? "the driver refused" : rte_strerror(-result);
}

}  // namespace

Error Port::error(const std::string& what) const {
    return {ErrorCode::kDevice,
            fmt::format("port \"{}\", device \"{}\": {}", config_.name, config_.device, what)};
}

Result<std::unique_ptr<Port>> Port::open(const config::PortConfig& config, const Queues& queues) {
    std::unique_ptr<Port> port(new Port(config));
    if (auto done = port->probe(); !done) {
        return done.error();
    }
    if (auto done = port->configure(queues); !done) {
        return done.error();
    }
    if (auto done = port->set_mtu(); !done) {
        return done.error();
    }
    if (auto done = port->set_address_filters(); !done) {
        return done.error();
    }
    return port;
}

Result<void> Port::probe() {
    const std::string name = device_name(config_.device);
    const DpdkLogCapture log;
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
        const int probed = rte_dev_probe(config_.device.c_str());
        if (probed != 0) {
            return error(fmt::format(
                "cannot be opened: {}; expected a PCI address such as 0000:03:00.0 or a virtual "
                "device such as net_af_packet0,iface=eth0 or net_tap0,iface=tap0",
                log.reason().empty() ? strerror_of(probed) : log.reason()));
        }
        if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
            return error("is not a network device");
        }
        probed_here_ = true;
    }
    rte_eth_dev_owner owner{};
    rte_eth_dev_owner_new(&owner.id);
    fmt::format_to_n(owner.name, sizeof(owner.name) - 1, "{}", config_.name);
    if (rte_eth_dev_owner_set(id, &owner) != 0) {
        return error("is in use by another port");
    }
    owner_ = owner.id;
    device_id_ = id;
    return {};
}

Result<void> Port::configure(const Queues& queues) {
    rte_eth_dev_info info{};
    if (const int failed = rte_eth_dev_info_get(device_id_, &info); failed != 0) {
        return error(fmt::format("does not describe itself: {}", strerror_of(failed)));
    }
    if (queues.rx > info.max_rx_queues) {
        return error(
            fmt::format("rx_queues = {}: the device has {}", queues.rx, info.max_rx_queues));
    }
    if (queues.tx > info.max_tx_queues) {
        return error(
            fmt::format("{} workers need a transmit queue each, the device has {}; use "
                        "fewer worker_lcores or give the device more queues",
                        queues.tx,
                        info.max_tx_queues));
    }
    const DpdkLogCapture log;
    std::uint16_t rx = queues.rx;
    std::uint16_t tx = queues.tx;
    rte_eth_conf conf = device_conf(rx, info);
    int failed = rte_eth_dev_configure(device_id_, rx, tx, &conf);
    if (failed != 0 && rx != tx) {
        // Some drivers (net_tap, virtio) have queue pairs only.
        rx = tx = std::max(rx, tx);
        conf = device_conf(rx, info);
        failed = rte_eth_dev_configure(device_id_, rx, tx, &conf);
    }
    if (failed != 0) {
        return error(fmt::format("cannot be configured with {} receive and {} transmit queues: {}",
                                 queues.rx,
                                 queues.tx,
                                 log.reason().empty() ? strerror_of(failed) : log.reason()));
    }
    rx_queues_ = rx;
    return set_up_queues(tx, queues.pool);
}

Result<void> Port::set_up_queues(std::uint16_t tx, rte_mempool* pool) {
    std::uint16_t rx_descriptors = kDescriptors;
    std::uint16_t tx_descriptors = kDescriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(device_id_, &rx_descriptors, &tx_descriptors);
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(device_id_));
    const DpdkLogCapture log;
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue) {
        if (const int failed =
                rte_eth_rx_queue_setup(device_id_, queue, rx_descriptors, socket, nullptr, pool);
            failed != 0) {
            return error(fmt::format("receive queue {} cannot be set up: {}",
                                     queue,
                                     log.reason().empty() ? strerror_of(failed) : log.reason()));
        }
    }
    for (std::uint16_t queue = 0; queue < tx; ++queue) {
        if (const int failed =
                rte_eth_tx_queue_setup(device_id_, queue, tx_descriptors, socket, nullptr);
            failed != 0) {
            return error(fmt::format("transmit queue {} cannot be set up: {}",
                                     queue,
                                     log.reason().empty() ? strerror_of(failed) : log.reason()));
        }
    }
    return {};
}

Result<void> Port::set_mtu() {
    std::uint16_t current = 0;
    rte_eth_dev_get_mtu(device_id_, &current);
    if (current == config_.mtu) {
        return {};
    }
    const DpdkLogCapture log;
    const int failed = rte_eth_dev_set_mtu(device_id_, config_.mtu);
    // In-memory devices have no MTU of their own; the forward stage keeps ours.
    if (failed == 0 || failed == -ENOTSUP) {
        return {};
    }
    return error(fmt::format("mtu = {} is refused: {}",
                             config_.mtu,
                             log.reason().empty() ? strerror_of(failed) : log.reason()));
}

Result<void> Port::set_address_filters() {
    rte_ether_addr device_mac{};
    if (const int failed = rte_eth_macaddr_get(device_id_, &device_mac); failed != 0) {
        return error(fmt::format("does not tell its MAC address: {}", strerror_of(failed)));
    }
    std::memcpy(mac_.bytes.data(), device_mac.addr_bytes, mac_.bytes.size());

    const DpdkLogCapture log;  // a refusal is answered by receiving everything
    bool promiscuous = !config_.pair.empty();
    if (status().driver == "net_tap") {
        // The address of a TAP is that of its kernel end, which is another host on this link: with
        // the same address both would claim the same link-local IPv6 address.
        mac_.bytes[5] ^= 0x80;
        mac_ = config_.mac.value_or(mac_);
    } else if (config_.mac && *config_.mac != mac_) {
        mac_ = *config_.mac;
        rte_ether_addr wanted = to_dpdk(mac_);
        if (!rte_is_valid_assigned_ether_addr(&wanted)) {
            return error(fmt::format("mac = {}: expected a unicast address", mac_.to_string()));
        }
        promiscuous |= rte_eth_dev_default_mac_addr_set(device_id_, &wanted) != 0;
    } else if (mac_ == config::MacAddress{}) {
        mac_ = made_of(config_.name);
        promiscuous = true;
    }
    // Neighbour solicitations and the like arrive on multicast groups nobody joins for us.
    promiscuous |= rte_eth_allmulticast_enable(device_id_) != 0;
    if (promiscuous) {
        // -ENOTSUP: a device without address filter, which receives everything anyway.
        const int failed = rte_eth_promiscuous_enable(device_id_);
        if (failed != 0 && failed != -ENOTSUP) {
            return error(fmt::format("cannot be made promiscuous: {}",
                                     log.reason().empty() ? strerror_of(failed) : log.reason()));
        }
    }
    return {};
}

Result<void> Port::start() {
    const DpdkLogCapture log;
    if (const int failed = rte_eth_dev_start(device_id_); failed != 0) {
        return error(fmt::format("cannot be started: {}",
                                 log.reason().empty() ? strerror_of(failed) : log.reason()));
    }
    started_ = true;
    return {};
}

void Port::stop() {
    if (started_) {
        rte_eth_dev_stop(device_id_);
        started_ = false;
    }
}

Port::~Port() {
    const DpdkLogCapture log;  // nothing a reader of the log could act on
    stop();
    if (device_id_ == kNoDevice) {
        return;
    }
    if (!probed_here_) {
        rte_eth_dev_owner_unset(device_id_, owner_);
        return;
    }
    rte_eth_dev_info info{};
    const bool known = rte_eth_dev_info_get(device_id_, &info) == 0;
    rte_eth_dev_close(device_id_);
    if (known) {
        rte_dev_remove(info.device);
    }
}

PortStatus Port::status() const {
    PortStatus out;
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(device_id_, &info) == 0 && info.driver_name != nullptr) {
        out.driver = info.driver_name;
    }
    rte_eth_link link{};
    out.link_up =
        rte_eth_link_get_nowait(device_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    rte_eth_stats stats{};
    if (rte_eth_stats_get(device_id_, &stats) == 0) {
        out.missed = stats.imissed + stats.rx_nombuf;
        out.errors = stats.ierrors + stats.oerrors;
    }
    return out;
}

}  // namespace dataplane
