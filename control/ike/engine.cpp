#include "control/ike/engine.h"

#include "control/ike/core.h"
#include "control/ike/engine_report.h"
#include "control/ike/informational.h"
#include "control/ike/main_mode.h"

#include <algorithm>
#include <utility>

namespace control::ike {
namespace {

// RFC 2408 3.1: encryption, commit; authentication only is spoken nowhere here.
constexpr std::uint8_t kFlagsUnspoken = 0xff ^ (kFlagEncryption | kFlagCommit);

bool is_exchange(const Header& header, ExchangeType type) {
    return header.exchange == static_cast<std::uint8_t>(type);
}

std::optional<Drop> dispatch(Core& core, Message& message) {
    const Header& header = message.header;
    const bool main_mode = is_exchange(header, ExchangeType::kMainMode);
    const bool quick_mode = is_exchange(header, ExchangeType::kQuickMode);
    if (!main_mode && !quick_mode && !is_exchange(header, ExchangeType::kInformational)) {
        return Drop::kBadExchange;
    }
    if ((header.flags & kFlagsUnspoken) != 0) {
        return Drop::kBadFlags;
    }
    if (header.initiator == Cookie{}) {
        return Drop::kBadCookie;
    }
    IsakmpSa* sa = core.sas.find(header.initiator, header.responder);
    if (sa == nullptr) {
        const bool first = main_mode && header.responder == Cookie{};
        return first ? accept_main_mode(core, message) : Drop::kBadCookie;
    }
    if (main_mode) {
        return receive_main_mode(core, *sa, message);
    }
    return quick_mode ? receive_quick_mode(core, *sa, message)
                      : receive_informational(core, *sa, message);
}

// A fragment of a message: of a peer that has an SA, or is on its way to one. What is whole is left
// in `whole`.
std::optional<Drop> assemble(Core& core, const Message& message, std::optional<Bytes>& whole) {
    IsakmpSa* sa = core.sas.find(message.header.initiator, message.header.responder);
    if (sa == nullptr) {
        return Drop::kBadCookie;
    }
    const auto decoded =
        decode_payloads(PayloadType::kFragment, message.bytes.subspan(kHeaderBytes), false);
    const auto* payloads = std::get_if<std::vector<Payload>>(&decoded);
    if (payloads == nullptr || payloads->size() != 1) {
        return Drop::kFragment;
    }
    if (!sa->fragments) {
        sa->fragments = std::make_unique<FragmentAssembler>();
    }
    auto added = sa->fragments->add(payloads->front().body);
    if (const Drop* drop = std::get_if<Drop>(&added)) {
        return *drop;
    }
    whole = std::get<std::optional<Bytes>>(std::move(added));
    if (whole) {
        sa->fragments.reset();
    }
    return std::nullopt;
}

std::optional<Drop> receive_message(
    Core& core, const Endpoint& local, const Endpoint& remote, ByteView bytes, bool assembled) {
    auto decoded = decode_header(bytes);
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        core.dropped(remote, nullptr, *drop);
        return *drop;
    }
    Message message;
    message.header = std::get<Header>(decoded);
    message.local = local;
    message.remote = remote;
    message.bytes = bytes;
    std::optional<Drop> drop;
    if (message.header.next == PayloadType::kFragment && !message.encrypted()) {
        std::optional<Bytes> whole;
        drop = assembled ? std::optional(Drop::kFragment) : assemble(core, message, whole);
        if (whole) {
            return receive_message(core, local, remote, *whole, true);
        }
    } else {
        message.digest = digest_of(bytes);
        drop = dispatch(core, message);
    }
    if (drop) {
        core.dropped(remote, &message.header, *drop);
    }
    return drop;
}

void on_sa_timer(Core& core, IsakmpSa& sa, const TimerEvent& event) {
    const auto quick = sa.exchanges.find(event.message_id);
    switch (event.kind) {
        case TimerKind::kMainModeRepeat:
            repeat_main_mode(core, sa);
            break;
        case TimerKind::kNegotiationEnd:
            end_negotiation(core, sa);
            break;
        case TimerKind::kHandshakeForget:
            forget_handshake(sa);
            break;
        case TimerKind::kQuickModeRepeat:
            if (quick != sa.exchanges.end()) {
                repeat_quick_mode(core, sa, *quick->second);
            }
            break;
        case TimerKind::kQuickModeForget:
            if (quick != sa.exchanges.end() && quick->second->done) {
                sa.exchanges.erase(quick);
            }
            break;
        case TimerKind::kMainModeRekey:
            rekey_main_mode(core, sa);
            break;
        case TimerKind::kMainModeEnd:
            end_main_mode(core, sa);
            break;
        case TimerKind::kDeadPeer:
            watch_peer(core, sa);
            break;
        case TimerKind::kKeepalive:
            keep_alive(core, sa);
            break;
        case TimerKind::kChildDelete:
        case TimerKind::kChildRekey:
            break;
    }
}

void on_timer(Core& core, const TimerEvent& event) {
    const bool of_child =
        event.kind == TimerKind::kChildDelete || event.kind == TimerKind::kChildRekey;
    if (!of_child) {
        if (IsakmpSa* sa = core.sas.find(event.object)) {
            on_sa_timer(core, *sa, event);
        }
        return;
    }
    ChildSa* child = core.children.find(event.object);
    if (child == nullptr) {
        return;
    }
    if (event.kind == TimerKind::kChildDelete) {
        delete_replaced_child(core, *child);
    } else {
        child_needs_successor(core, *child);
    }
}

// The operator's decision: what waits for the SA is over, too.
void close_sa(Core& core, IsakmpSa& sa, const std::string& reason) {
    for (const auto& [id, wish] : core.wishes.all()) {
        if (wish->sa == sa.id) {
            wish->began_anew = true;
        }
    }
    if (sa.established_now()) {
        send_delete(core, sa);
    }
    remove_sa(core, sa, reason);
}

bool selected(const MainModeSelection& selection,
              const config::IpAddress& local,
              const config::IpAddress& remote) {
    return (!selection.local || *selection.local == local)
           && (!selection.remote || *selection.remote == remote);
}

std::size_t close_children(Core& core, const std::vector<ChildId>& ids) {
    std::size_t closed = 0;
    for (const ChildId id : ids) {
        if (ChildSa* child = core.children.find(id)) {
            remove_child(core, *child, true);
            ++closed;
        }
    }
    return closed;
}

std::size_t close_sas(Core& core, const std::vector<SaId>& ids, const std::string& reason) {
    std::size_t closed = 0;
    for (const SaId id : ids) {
        IsakmpSa* sa = core.sas.find(id);
        if (sa == nullptr) {
            continue;
        }
        closed += sa->established_now() ? 1U : 0U;
        close_sa(core, *sa, reason);
    }
    return closed;
}

// Wishes whose rule is gone or another one now.
void cancel_wishes(Core& core, const Engine::TermsOf& terms_of) {
    static constexpr std::string_view kReason = "the rules have changed";
    std::vector<std::uint64_t> outdated;
    for (const auto& [id, wish] : core.wishes.all()) {
        const auto terms = terms_of(wish->acquire.selector);
        if (terms == nullptr || !same_terms(*terms, *wish->acquire.terms)) {
            outdated.push_back(id);
        }
    }
    for (const std::uint64_t id : outdated) {
        Wish* wish = core.wishes.find(id);
        if (wish == nullptr) {
            continue;
        }
        if (IsakmpSa* sa = core.sas.find(wish->sa)) {
            const auto quick = std::ranges::find_if(sa->exchanges, [&](const auto& entry) {
                return entry.second->wish == id && !entry.second->done;
            });
            if (quick != sa->exchanges.end()) {
                fail_quick_mode(core, *sa, *quick->second, std::string(kReason));
                continue;
            }
        }
        wish_failed(core, *wish, {"main mode", std::string(kReason)});
    }
}

}  // namespace

class Engine::Impl {
  public:
    Impl(EngineOptions options, Host& host, Credentials& credentials)
        : core(std::move(options), host, credentials) {}

    // One call from outside: what it removed is freed at its end.
    class Call {
      public:
        Call(Impl& impl, Time now) : core_(impl.core) { core_.now = now; }
        ~Call() {
            core_.sas.sweep();
            core_.statistics.active_acquire = core_.wishes.size();
            core_.statistics.active_receive = core_.half_open.size();
            core_.statistics.children_active = core_.children.size();
        }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

      private:
        Core& core_;
    };

    Core core;
};

Engine::Engine(EngineOptions options, Host& host, Credentials& credentials)
    : impl_(std::make_unique<Impl>(std::move(options), host, credentials)) {}

Engine::~Engine() = default;

void Engine::receive(const Endpoint& local, const Endpoint& remote, ByteView message, Time now) {
    const Impl::Call call(*impl_, now);
    ++impl_->core.statistics.messages_in;
    (void)receive_message(impl_->core, local, remote, message, false);
}

void Engine::acquire(const Acquire& wish, Time now) {
    const Impl::Call call(*impl_, now);
    if (const ChildSa* child = child_for(impl_->core, wish)) {
        // The wish set out before the SA was there. Or the peer has begun, and its packets, which
        // are answered already, have overtaken its message 3.
        if (child->outbound) {
            impl_->core.host.established(wish.selector, wish.remote);
        }
        return;
    }
    if (Wish* added = impl_->core.wishes.add(wish, 0)) {
        ++impl_->core.statistics.total_acquire;
        serve_wish(impl_->core, *added);
    }
}

void Engine::child_expires(ChildId child, ChildLimit limit, Time now) {
    const Impl::Call call(*impl_, now);
    ChildSa* found = impl_->core.children.find(child);
    if (found == nullptr) {
        return;
    }
    if (limit == ChildLimit::kSoft) {
        child_needs_successor(impl_->core, *found);
    } else {
        child_has_ended(impl_->core, *found);
    }
}

std::size_t Engine::close_child(ChildId child, Time now) {
    const Impl::Call call(*impl_, now);
    return close_children(impl_->core, {child});
}

std::size_t Engine::close(const MainModeSelection& selection, Time now) {
    const Impl::Call call(*impl_, now);
    Core& core = impl_->core;
    std::vector<ChildId> children;
    for (const auto& [id, child] : core.children.all()) {
        if (selected(selection, child->local, child->remote.address)) {
            children.push_back(id);
        }
    }
    std::vector<SaId> sas;
    for (const auto& [id, sa] : core.sas.all()) {
        if (selected(selection, sa->local.address, sa->remote.address)) {
            sas.push_back(id);
        }
    }
    return close_children(core, children)
           + close_sas(core, sas, "the operator has removed the main mode");
}

void Engine::rules_changed(const TermsOf& terms_of, Time now) {
    const Impl::Call call(*impl_, now);
    Core& core = impl_->core;
    std::vector<ChildId> children;
    for (const auto& [id, child] : core.children.all()) {
        const auto terms = terms_of(child->selector);
        if (terms == nullptr || !same_terms(*terms, *child->terms)) {
            children.push_back(id);
        } else {
            child->terms = terms;
        }
    }
    std::vector<SaId> sas;
    for (const auto& [id, sa] : core.sas.all()) {
        const auto terms = sa->selector != config::kAnyRule
                               ? terms_of(sa->selector)
                               : core.host.main_mode_terms(sa->local.address, sa->remote.address);
        if (terms == nullptr || !same_main_mode(terms->main_mode, sa->terms->main_mode)) {
            sas.push_back(id);
        }
    }
    cancel_wishes(core, terms_of);
    (void)close_children(core, children);
    (void)close_sas(core, sas, "the rules have changed");
}

void Engine::tick(Time now) {
    const Impl::Call call(*impl_, now);
    while (const std::optional<TimerEvent> event = impl_->core.timers.due(now)) {
        on_timer(impl_->core, *event);
    }
}

std::optional<Time> Engine::next_tick() const {
    return impl_->core.timers.next();
}

Report Engine::report(Time now) const {
    return report_of(impl_->core, now);
}

std::optional<ChildReport> Engine::child(ChildId child, Time now) const {
    const ChildSa* found = impl_->core.children.find(child);
    if (found == nullptr) {
        return std::nullopt;
    }
    return report_of(*found, now);
}

const Statistics& Engine::statistics() const {
    return impl_->core.statistics;
}

}  // namespace control::ike
