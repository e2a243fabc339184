#include "control/ike/wish.h"

#include "control/ike/main_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

// An SA under which quick mode may begin now.
IsakmpSa* usable_sa(const Core& core, const Wish& wish) {
    const Acquire& acquire = wish.acquire;
    const std::uint32_t limit = acquire.terms->main_mode.qm_per_mm;
    const ChildSa* child = core.children.find(wish.replaces);
    IsakmpSa* best = nullptr;
    for (const SaId id : core.sas.between(acquire.local, acquire.remote)) {
        IsakmpSa* sa = core.sas.find(id);
        const bool usable =
            sa != nullptr && sa->state == MainModeState::kEstablished
            && (limit == 0 || sa->quick_modes < limit) && (!sa->ends_at || *sa->ends_at > core.now)
            && sa->message_ids.size() < kMaxMessageIds && sa->exchanges.size() < kMaxQuickModes
            && (child == nullptr || sa->remote_id == child->remote_id)
            && satisfies(*sa, *acquire.terms);
        if (usable) {
            best = sa;
        }
    }
    return best;
}

// One of ours on its way there under the same terms.
IsakmpSa* negotiating_sa(const Core& core, const Wish& wish) {
    const Acquire& acquire = wish.acquire;
    const std::uint32_t limit = acquire.terms->main_mode.qm_per_mm;
    for (const SaId id : core.sas.between(acquire.local, acquire.remote)) {
        IsakmpSa* sa = core.sas.find(id);
        if (sa != nullptr && sa->initiator && !sa->established_now()
            && (limit == 0 || sa->waiting.size() < limit)
            && same_main_mode(sa->terms->main_mode, acquire.terms->main_mode)) {
            return sa;
        }
    }
    return nullptr;
}

MainModeWish main_mode_wish(const Core& core, const Wish& wish) {
    const Acquire& acquire = wish.acquire;
    MainModeWish main_mode{{acquire.local, core.options.port},
                           {acquire.remote, core.options.port},
                           acquire.terms,
                           acquire.selector};
    const ChildSa* child = core.children.find(wish.replaces);
    if (child != nullptr && child->encapsulated) {
        // Behind its NAT the peer is reached by the mapping that is there.
        main_mode.local.port = core.options.nat_port;
        main_mode.remote = child->remote;
    }
    return main_mode;
}

}  // namespace

std::size_t WishTable::KeyHash::operator()(const Key& key) const {
    const std::hash<config::IpAddress> hash;
    std::size_t value = key.selector;
    for (const config::IpAddress& address :
         {key.local, key.remote, key.traffic.local.first, key.traffic.remote.first}) {
        value = value * 1'000'003 + hash(address);
    }
    return value * 31 + key.traffic.local.port + key.traffic.remote.port;
}

WishTable::Key WishTable::key_of(const Acquire& acquire) {
    return {acquire.selector, acquire.mode, acquire.local, acquire.remote, acquire.traffic};
}

Wish* WishTable::add(const Acquire& acquire, ChildId replaces) {
    const auto [place, added] = by_key_.try_emplace(key_of(acquire), last_id_ + 1);
    if (!added) {
        return nullptr;
    }
    auto wish = std::make_unique<Wish>();
    wish->id = ++last_id_;
    wish->acquire = acquire;
    wish->replaces = replaces;
    Wish* kept = wish.get();
    wishes_.emplace(kept->id, std::move(wish));
    return kept;
}

Wish* WishTable::find(std::uint64_t id) const {
    const auto found = wishes_.find(id);
    return found == wishes_.end() ? nullptr : found->second.get();
}

void WishTable::remove(const Wish& wish) {
    const std::uint64_t id = wish.id;
    by_key_.erase(key_of(wish.acquire));
    wishes_.erase(id);
}

void serve_wish(Core& core, Wish& wish) {
    if (IsakmpSa* sa = usable_sa(core, wish)) {
        begin_quick_mode(core, *sa, wish);
        return;
    }
    if (IsakmpSa* sa = negotiating_sa(core, wish)) {
        wish.sa = sa->id;
        sa->waiting.push_back(wish.id);
        return;
    }
    const auto begun = begin_main_mode(core, main_mode_wish(core, wish));
    if (!begun) {
        wish_failed(core, wish, {"main mode", begun.error().text});
        return;
    }
    wish.sa = (*begun)->id;
    (*begun)->waiting.push_back(wish.id);
}

void serve_wish_again(Core& core, Wish& wish, const std::string& reason) {
    if (wish.began_anew) {
        wish_failed(core, wish, {"quick mode", reason});
        return;
    }
    wish.began_anew = true;
    serve_wish(core, wish);
}

void wish_granted(Core& core, Wish& wish) {
    core.wishes.remove(wish);
}

void wish_failed(Core& core, Wish& wish, const WishFailure& failure) {
    const Failure told{wish.acquire.local,
                       wish.acquire.remote,
                       wish.acquire.selector,
                       failure.phase,
                       failure.reason,
                       failure.no_answer && wish.replaces == 0};
    const ChildId replaces = wish.replaces;
    ++core.statistics.acquire_failures;
    core.wishes.remove(wish);
    if (core.children.find(replaces) != nullptr) {
        core.add_timer(TimerKind::kChildRekey, replaces, kRekeyRetry);
    }
    core.failed(told);
}

bool same_method(const config::AuthMethod& a, const config::AuthMethod& b) {
    return a.kind == b.kind && equal_ct(a.preshared_key, b.preshared_key) && a.root_ca == b.root_ca
           && a.certificate_mapping == b.certificate_mapping
           && a.exclude_ca_name == b.exclude_ca_name;
}

bool same_main_mode(const config::MainModeTerms& a, const config::MainModeTerms& b) {
    return a.offers == b.offers && std::ranges::equal(a.auth_methods, b.auth_methods, same_method);
}

bool same_terms(const config::NegotiationTerms& a, const config::NegotiationTerms& b) {
    return same_main_mode(a.main_mode, b.main_mode) && a.quick_mode.offers == b.quick_mode.offers
           && a.quick_mode.pfs_group == b.quick_mode.pfs_group;
}

bool satisfies(const IsakmpSa& sa, const config::NegotiationTerms& terms) {
    const std::vector<config::MmOffer>& offers = terms.main_mode.offers;
    return sa.method != nullptr && std::ranges::find(offers, sa.offer) != offers.end()
           && std::ranges::any_of(
               terms.main_mode.auth_methods,
               [&](const config::AuthMethod& method) { return same_method(method, *sa.method); });
}

}  // namespace control::ike
