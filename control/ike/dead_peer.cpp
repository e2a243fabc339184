// Dead peer detection (RFC 3706) and NAT keepalives (RFC 3948 4).
#include "control/ike/informational.h"
#include "control/ike/main_mode.h"
#include "control/ike/wire.h"

#include <algorithm>

namespace control::ike {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Traffic {
    std::optional<std::uint64_t> idle_in;
    std::optional<std::uint64_t> idle_out;
};

void keep_least(std::optional<std::uint64_t>& least, const std::optional<std::uint64_t>& value) {
    if (value && (!least || *value < *least)) {
        least = value;
    }
}

Traffic traffic_of(const Core& core, const IsakmpSa& sa) {
    Traffic traffic;
    for (const ChildSa* child : children_of(core, sa)) {
        const ChildUse use = core.host.use_of(child->id);
        keep_least(traffic.idle_in, use.idle_in_seconds);
        keep_least(traffic.idle_out, use.idle_out_seconds);
    }
    return traffic;
}

// RFC 3706 5.1: traffic from the peer proves that it is there, and only who sends needs to know.
bool is_silent(const Core& core, const IsakmpSa& sa, const Traffic& traffic) {
    const seconds delay = core.options.dpd_delay;
    if (core.now - sa.heard < delay) {
        return false;
    }
    if (traffic.idle_in && seconds(*traffic.idle_in) < delay) {
        return false;
    }
    return !traffic.idle_in || (traffic.idle_out && *traffic.idle_out <= *traffic.idle_in);
}

void send_are_you_there(Core& core, IsakmpSa& sa) {
    DeadPeerState& dead = sa.dead_peer;
    if (dead.sequence == 0) {
        dead.sequence = 1 + core.random_below(0x7fff'ffff);
    } else {
        ++dead.sequence;
    }
    if (dead.unanswered == 0) {
        dead.first_unanswered = dead.sequence;
    }
    ++dead.unanswered;
    sa.state = MainModeState::kDeadPeer;
    // RFC 3706 5.3: the SPI is the pair of cookies, the data a sequence number.
    send_informational(core,
                       sa,
                       {notification_payload(static_cast<std::uint16_t>(NotifyType::kRUThere),
                                             spi_of(sa),
                                             spi_bytes(dead.sequence))});
}

// Under another main mode the peer was heard later: it has forgotten this one only.
bool is_alive_elsewhere(const Core& core, const IsakmpSa& sa) {
    const std::set<SaId>& ids = core.sas.between(sa.local.address, sa.remote.address);
    return std::ranges::any_of(ids, [&](SaId id) {
        const IsakmpSa* other = core.sas.find(id);
        return other != nullptr && other != &sa && other->established_now()
               && other->remote_id == sa.remote_id && other->heard > sa.heard;
    });
}

void peer_is_dead(Core& core, IsakmpSa& sa) {
    ++core.statistics.dead_peers;
    const Failure failure{
        sa.local.address,
        sa.remote.address,
        config::kAnyRule,
        "main mode",
        fmt::format("the peer is dead: no answer to {} R-U-THERE", sa.dead_peer.unanswered)};
    const bool alive = is_alive_elsewhere(core, sa);
    for (ChildSa* child : children_of(core, sa)) {
        if (!alive || child->sa == sa.id) {
            remove_child(core, *child, false);
        }
    }
    remove_sa(core, sa, failure.reason);
    core.failed(failure);
}

}  // namespace

void watch_peer(Core& core, IsakmpSa& sa) {
    if (sa.state == MainModeState::kReplaced || !sa.established_now()) {
        return;
    }
    DeadPeerState& dead = sa.dead_peer;
    const Traffic traffic = traffic_of(core, sa);
    if (!is_silent(core, sa, traffic)) {
        dead.unanswered = 0;
        sa.state = MainModeState::kEstablished;
        core.add_timer(TimerKind::kDeadPeer, sa.id, core.options.dpd_delay);
        return;
    }
    if (dead.unanswered > core.options.retransmits) {
        peer_is_dead(core, sa);
        return;
    }
    send_are_you_there(core, sa);
    const milliseconds backed_off =
        core.options.retransmit_first * (1U << std::min(dead.unanswered - 1, 16U));
    core.add_timer(
        TimerKind::kDeadPeer, sa.id, std::min<milliseconds>(backed_off, core.options.dpd_delay));
}

void answer_are_you_there(Core& core, IsakmpSa& sa, const Notification& notification) {
    if (notification.data.size() != sizeof(std::uint32_t)) {
        return;
    }
    send_informational(
        core,
        sa,
        {notification_payload(
            static_cast<std::uint16_t>(NotifyType::kRUThereAck), spi_of(sa), notification.data)});
}

void peer_is_there(Core& /*core*/, IsakmpSa& sa, const Notification& notification) {
    DeadPeerState& dead = sa.dead_peer;
    if (dead.unanswered == 0 || notification.data.size() != sizeof(std::uint32_t)) {
        return;
    }
    // RFC 3706 6: of one that is waited for.
    const std::uint32_t sequence = read_u32(notification.data, 0);
    if (sequence - dead.first_unanswered >= dead.unanswered) {
        return;
    }
    dead.unanswered = 0;
    if (sa.state == MainModeState::kDeadPeer) {
        sa.state = MainModeState::kEstablished;
    }
}

void keep_alive(Core& core, IsakmpSa& sa) {
    if (!sa.established_now() || sa.state == MainModeState::kReplaced) {
        return;
    }
    core.host.send_keepalive(sa.local, sa.remote);
    core.add_timer(TimerKind::kKeepalive, sa.id, core.options.keepalive);
}

}  // namespace control::ike
