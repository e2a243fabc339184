// The life of an ISAKMP SA: established or failed, replaced by a newer one, ended.
#include "control/ike/informational.h"
#include "control/ike/main_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

using std::chrono::seconds;

constexpr seconds kReplacedGrace{60};
constexpr seconds kSuccessorRetry{10};

// A successor in time: begun when the older one was there already. Of two main modes that cross,
// neither is: both ends would keep another one.
void replace_older(Core& core, const IsakmpSa& sa) {
    for (const SaId id : core.sas.between(sa.local.address, sa.remote.address)) {
        IsakmpSa* older = core.sas.find(id);
        const bool current = older != nullptr && older != &sa && older->established_now()
                             && older->state != MainModeState::kReplaced;
        if (!current || older->remote_id != sa.remote_id || sa.created < older->established
            || !same_main_mode(older->terms->main_mode, sa.terms->main_mode)) {
            continue;
        }
        older->state = MainModeState::kReplaced;
        older->rekey_at.reset();
        if (older->initiator) {
            older->ends_at = core.now + kReplacedGrace;
            core.add_timer(TimerKind::kMainModeEnd, older->id, kReplacedGrace);
        }
    }
}

void start_life(Core& core, IsakmpSa& sa) {
    core.add_timer(TimerKind::kHandshakeForget, sa.id, repeat_time(core.options));
    if (sa.lifetime_seconds > 0) {
        const seconds life{sa.lifetime_seconds};
        sa.ends_at = core.now + life;
        core.add_timer(TimerKind::kMainModeEnd, sa.id, life);
        if (sa.initiator) {
            const std::uint32_t percent = core.options.rekey_margin_percent;
            const std::uint64_t margin = std::uint64_t{sa.lifetime_seconds}
                                         * (percent + core.random_below(percent + 1)) / 100;
            const seconds until =
                life - seconds(std::min<std::uint64_t>(margin, sa.lifetime_seconds));
            sa.rekey_at = core.now + until;
            core.add_timer(TimerKind::kMainModeRekey, sa.id, until);
        }
    }
    if (core.options.dpd_delay > seconds{0} && sa.has(Vendor::kDeadPeerDetection)) {
        core.add_timer(TimerKind::kDeadPeer, sa.id, core.options.dpd_delay);
    }
    const bool behind = sa.nat == NatSituation::kLocal || sa.nat == NatSituation::kBoth;
    if (behind && core.options.keepalive > seconds{0}) {
        core.add_timer(TimerKind::kKeepalive, sa.id, core.options.keepalive);
    }
}

}  // namespace

void main_mode_established(Core& core, IsakmpSa& sa) {
    sa.state = MainModeState::kEstablished;
    sa.established = core.now;
    sa.heard = core.now;
    ++core.statistics.main_modes;
    ++core.statistics.main_modes_active;
    core.failures.forget(sa.remote.address);
    core.log("{} -- main mode done with {}: {}, {} s{}",
             name_of(sa),
             sa.remote_name,
             config::to_string(sa.offer),
             sa.lifetime_seconds,
             sa.behind_nat() ? ", NAT in between" : "");
    replace_older(core, sa);
    start_life(core, sa);
    const std::vector<WishId> waiting = std::exchange(sa.waiting, {});
    for (const WishId id : waiting) {
        if (Wish* wish = core.wishes.find(id)) {
            serve_wish(core, *wish);
        }
    }
}

void fail_main_mode(Core& core, IsakmpSa& sa, std::string reason) {
    if (sa.closed) {
        return;
    }
    const bool silent = sa.initiator && !sa.handshake->heard;
    if (sa.handshake->authentication_failed) {
        ++core.statistics.authentication_failures;
    }
    if (!sa.initiator) {
        ++core.statistics.receive_failures;
    }
    const bool told = sa.handshake->told;
    const std::vector<WishId> waiting = std::exchange(sa.waiting, {});
    const Failure failure{
        sa.local.address, sa.remote.address, config::kAnyRule, "main mode", reason, silent};
    remove_sa(core, sa, reason);
    if (waiting.empty() && !told) {
        core.failed(failure);
    }
    for (const WishId id : waiting) {
        if (Wish* wish = core.wishes.find(id)) {
            wish_failed(core, *wish, {"main mode", reason, silent});
        }
    }
}

void end_negotiation(Core& core, IsakmpSa& sa) {
    if (sa.established_now()) {
        return;
    }
    // Strangers who never wrote again are not worth a line.
    if (sa.handshake->step == 0 && sa.handshake->reason.empty()) {
        remove_sa(core, sa, "");
        return;
    }
    std::string reason = fmt::format("the peer began and did not get as far as {} in {} s",
                                     awaited_message(sa),
                                     core.options.half_open_time.count());
    if (!sa.handshake->reason.empty()) {
        reason = sa.handshake->reason;
    }
    fail_main_mode(core, sa, std::move(reason));
}

void forget_handshake(IsakmpSa& sa) {
    if (sa.established_now()) {
        sa.handshake.reset();
    }
}

void rekey_main_mode(Core& core, IsakmpSa& sa) {
    if (sa.state != MainModeState::kEstablished || !sa.rekey_at || *sa.rekey_at > core.now) {
        return;
    }
    if (children_of(core, sa).empty() && sa.exchanges.empty()) {
        sa.rekey_at.reset();
        return;
    }
    sa.rekey_at = core.now + kSuccessorRetry + repeat_time(core.options);
    core.timers.add({*sa.rekey_at, TimerKind::kMainModeRekey, sa.id});
    const auto successor = begin_main_mode(core, {sa.local, sa.remote, sa.terms, sa.selector});
    if (!successor) {
        core.log("{} -- no successor: {}", name_of(sa), successor.error().text);
    }
}

void end_main_mode(Core& core, IsakmpSa& sa) {
    if (!sa.ends_at || *sa.ends_at > core.now) {
        return;
    }
    core.log("{} -- main mode has ended", name_of(sa));
    send_delete(core, sa);
    remove_sa(core, sa, "the main mode has ended");
}

void remove_sa(Core& core, IsakmpSa& sa, const std::string& reason) {
    if (sa.closed) {
        return;
    }
    if (sa.established_now()) {
        --core.statistics.main_modes_active;
    }
    if (sa.half_open) {
        sa.half_open = false;
        core.half_open.remove(sa.first_remote.address);
    }
    std::vector<WishId> unserved = std::exchange(sa.waiting, {});
    std::vector<ChildId> unfinished;
    for (const auto& [message_id, quick] : sa.exchanges) {
        if (quick->done) {
            continue;
        }
        if (quick->initiator) {
            unserved.push_back(quick->wish);
        }
        if (quick->child != 0) {
            unfinished.push_back(quick->child);
        }
    }
    core.sas.remove(sa);
    for (const ChildId id : unfinished) {
        if (ChildSa* child = core.children.find(id)) {
            remove_child(core, *child, false);
        }
    }
    for (const WishId id : unserved) {
        if (Wish* wish = core.wishes.find(id)) {
            serve_wish_again(core, *wish, reason);
        }
    }
}

void follow_peer(Core& core, IsakmpSa& sa, const Message& message) {
    // RFC 3947 7: whoever is not behind a NAT does not move; only a thief of packets would.
    const bool may_move =
        !sa.established_now() || sa.nat == NatSituation::kRemote || sa.nat == NatSituation::kBoth;
    if (!may_move || sa.nat_traversal == NatTraversal::kNone
        || (message.remote == sa.remote && message.local == sa.local)) {
        return;
    }
    const std::vector<ChildSa*> children = children_of(core, sa);
    if (sa.established_now()) {
        core.log("{} -- the peer is at {} now", name_of(sa), to_string(message.remote));
    }
    core.sas.move(sa, message.local, message.remote);
    for (ChildSa* child : children) {
        if (child->encapsulated && message.local.address == child->local) {
            core.children.move(*child, message.remote);
            core.host.move_peer(child->id, message.remote);
        }
    }
}

}  // namespace control::ike
