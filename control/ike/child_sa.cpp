#include "control/ike/child_sa.h"

#include "control/ike/core.h"
#include "control/ike/informational.h"

#include <algorithm>

namespace control::ike {
namespace {

using config::Hash;
using config::IpsecProtocol;
using config::SaDirection;

// Several workers may hold packets of one SA: more than the 64 of RFC 4303 3.4.3 can be out of
// order.
constexpr std::uint32_t kReplayWindow = 1024;

// RFC 2409 5.5: both directions' keys are of one exchange, told apart by the receiver's SPI.
config::SecretBytes keys_of(const IsakmpSa& sa,
                            const QuickMode& quick,
                            std::uint8_t protocol,
                            std::uint32_t spi,
                            std::size_t bytes) {
    KeymatInput input;
    input.shared = quick.shared.bytes();
    input.protocol = protocol;
    input.spi = spi;
    input.nonce_i = quick.nonce_i;
    input.nonce_r = quick.nonce_r;
    return keymat(sa.secrets, input, bytes);
}

std::size_t key_bytes(config::Cipher cipher) {
    const config::CipherSizes& sizes = config::row_of(cipher).bytes;
    return std::size_t{sizes.key} + sizes.salt;
}

std::size_t key_bytes(Hash hash) {
    const config::HashSizes& sizes = config::row_of(hash).bytes;
    return std::size_t{sizes.key} + sizes.salt;
}

// RFC 2401 4.4.2 leaves it open, all peers agree: what encrypts comes first, then what
// authenticates, and a salt follows its key (RFC 4106 8.1).
config::MethodKeys method_keys(const IsakmpSa& sa, const QuickMode& quick, const Phase2Spis& spis) {
    const config::QmOffer& offer = quick.offer;
    config::MethodKeys keys;
    if (offer.has_esp) {
        const std::size_t cipher = key_bytes(offer.esp_cipher);
        const std::size_t hash = key_bytes(offer.esp_hash);
        const config::SecretBytes material =
            keys_of(sa, quick, kProtocolEsp, spis.esp, cipher + hash);
        if (cipher > 0) {
            keys.encryption = config::SecretBytes(material.bytes().first(cipher));
        }
        if (hash > 0) {
            keys.integrity = config::SecretBytes(material.bytes().last(hash));
        }
    }
    if (offer.ah != Hash::kNone) {
        config::SecretBytes material =
            keys_of(sa, quick, kProtocolAh, spis.ah, key_bytes(offer.ah));
        (offer.has_esp ? keys.ah : keys.integrity) = std::move(material);
    }
    return keys;
}

template <typename T>
T earlier(T hard, std::uint32_t percent) {
    return static_cast<T>(hard - static_cast<T>(static_cast<double>(hard) * percent / 100));
}

// The initiator asks for a successor first; the responder only if that did not help.
config::SaLifetime lifetime_of(const Core& core, const QuickMode& quick) {
    const std::uint32_t margin = core.options.rekey_margin_percent;
    std::uint32_t percent = margin + core.random_below(margin + 1);
    if (!quick.initiator) {
        percent = std::max(1U, percent / 3);
    }
    config::SaLifetime lifetime;
    lifetime.hard_seconds = quick.offer.seconds;
    lifetime.hard_bytes = std::uint64_t{quick.offer.kilobytes} * 1024;
    lifetime.soft_seconds = earlier(lifetime.hard_seconds, percent);
    // A peer may want lifetimes so short that the share is less than a second.
    if (lifetime.hard_seconds > 1 && lifetime.soft_seconds == lifetime.hard_seconds) {
        --lifetime.soft_seconds;
    }
    lifetime.soft_bytes = earlier(lifetime.hard_bytes, percent);
    return lifetime;
}

ChildSa& make_child(Core& core, const IsakmpSa& sa, QuickMode& quick) {
    auto child = std::make_unique<ChildSa>();
    child->id = core.children.new_id();
    child->initiator = quick.initiator;
    child->cookie_i = sa.cookie_i;
    child->cookie_r = sa.cookie_r;
    child->sa = sa.id;
    child->local = sa.local.address;
    child->remote = sa.remote;
    child->remote_id = sa.remote_id;
    child->selector = quick.selector;
    child->rule = quick.rule;
    child->terms = quick.terms;
    child->mode = quick.mode;
    child->traffic = quick.traffic;
    child->offer = quick.offer;
    child->pfs_group = quick.pfs_group;
    child->ours = quick.ours;
    child->theirs = quick.theirs;
    child->encapsulated = quick.encapsulated;
    child->created = core.now;
    child->lifetime = lifetime_of(core, quick);
    if (child->lifetime.hard_seconds > 0) {
        child->ends_at = core.now + std::chrono::seconds(child->lifetime.hard_seconds);
        child->rekey_at = core.now + std::chrono::seconds(child->lifetime.soft_seconds);
    }
    quick.child = child->id;
    return core.children.add(std::move(child));
}

config::SaSpec common_spec(const IsakmpSa& sa, const QuickMode& quick, SaDirection direction) {
    const bool inbound = direction == SaDirection::kInbound;
    config::SaSpec common;
    common.direction = direction;
    common.mode = quick.mode;
    common.source = inbound ? sa.remote.address : sa.local.address;
    common.destination = inbound ? sa.local.address : sa.remote.address;
    common.esn = quick.esn;
    common.replay_window = kReplayWindow;
    common.rule = quick.selector;
    if (quick.encapsulated) {
        common.encapsulation = inbound ? config::UdpEncapsulation{sa.remote.port, sa.local.port}
                                       : config::UdpEncapsulation{sa.local.port, sa.remote.port};
    }
    return common;
}

bool same_traffic(const ChildSa& a, const ChildSa& b) {
    return a.selector == b.selector && a.mode == b.mode && a.traffic == b.traffic
           && a.remote_id == b.remote_id;
}

// A newer one, or one that lives longer, does the same.
bool has_sibling(const Core& core, const ChildSa& child) {
    return std::ranges::any_of(core.children.between(child.local, child.remote.address),
                               [&](const ChildSa* other) {
                                   return other->id > child.id && other->outbound
                                          && !other->replaced && same_traffic(*other, child);
                               });
}

}  // namespace

config::Result<void> install_child(Core& core,
                                   const IsakmpSa& sa,
                                   QuickMode& quick,
                                   SaDirection direction) {
    const bool inbound = direction == SaDirection::kInbound;
    ChildSa* found = core.children.find(quick.child);
    if (found == nullptr && quick.child != 0) {
        return config::Error{config::ErrorCode::kSaNotFound,
                             "the SAs were removed while they were negotiated"};
    }
    ChildSa& child = found != nullptr ? *found : make_child(core, sa, quick);
    const Phase2Spis& spis = inbound ? child.ours : child.theirs;
    auto pair = config::apply_method(
        quick.offer, method_keys(sa, quick, spis), common_spec(sa, quick, direction));
    if (!pair) {
        ++core.statistics.key_add_failures;
        return std::move(pair).error();
    }
    pair->sa.spi = quick.offer.has_esp ? spis.esp : spis.ah;
    pair->sa.lifetime = child.lifetime;
    if (pair->sa.protocol == IpsecProtocol::kAh) {
        pair->sa.encapsulation.reset();
    }
    if (pair->outer) {
        pair->outer->spi = spis.ah;
        pair->outer->encapsulation.reset();
    }
    auto installed = core.host.install(child.id, child.rule, *pair);
    if (!installed) {
        ++core.statistics.key_add_failures;
        return installed;
    }
    ++(inbound ? core.statistics.key_updates : core.statistics.key_adds);
    return {};
}

void child_established(Core& core, const IsakmpSa& sa, QuickMode& quick) {
    ChildSa* child = core.children.find(quick.child);
    if (child == nullptr) {
        return;
    }
    child->outbound = true;
    quick.done = true;
    quick.shared = {};
    quick.offers.clear();
    core.add_timer(TimerKind::kQuickModeForget, sa.id, repeat_time(core.options), quick.message_id);
    ++core.statistics.quick_modes;
    core.failures.forget(sa.remote.address);
    core.log("{} -- quick mode done {:08x}: {} {} - {}, SPIs in {:08x} out {:08x}",
             name_of(sa),
             quick.message_id,
             config::algorithms_text(quick.offer),
             to_string(child->traffic.local),
             to_string(child->traffic.remote),
             quick.offer.has_esp ? child->ours.esp : child->ours.ah,
             quick.offer.has_esp ? child->theirs.esp : child->theirs.ah);
    for (ChildSa* older : core.children.between(child->local, child->remote.address)) {
        if (older->id < child->id && older->outbound && !older->replaced
            && same_traffic(*older, *child)) {
            older->replaced = true;
            older->rekey_at.reset();
            core.host.retire_outbound(older->id);
            if (quick.initiator) {
                core.add_timer(TimerKind::kChildDelete, older->id, kReplacedChildGrace);
            }
        }
    }
    core.host.established(child->selector, child->remote.address);
}

void remove_child(Core& core, ChildSa& child, bool tell) {
    if (tell) {
        if (IsakmpSa* sa = sa_of(core, child)) {
            send_delete(core, *sa, child);
        }
    }
    core.host.remove(child.id);
    core.children.remove(child);
}

IsakmpSa* sa_of(const Core& core, const ChildSa& child) {
    IsakmpSa* best = nullptr;
    for (const SaId id : core.sas.between(child.local, child.remote.address)) {
        IsakmpSa* sa = core.sas.find(id);
        if (sa == nullptr || !sa->established_now() || sa->remote_id != child.remote_id) {
            continue;
        }
        if (best == nullptr || best->state == MainModeState::kReplaced
            || sa->state != MainModeState::kReplaced) {
            best = sa;
        }
    }
    return best;
}

std::vector<ChildSa*> children_of(const Core& core, const IsakmpSa& sa) {
    std::vector<ChildSa*> children = core.children.between(sa.local.address, sa.remote.address);
    std::erase_if(children, [&](const ChildSa* child) { return child->remote_id != sa.remote_id; });
    return children;
}

ChildSa* child_with_spi(const Core& core,
                        const IsakmpSa& sa,
                        std::uint8_t protocol,
                        std::uint32_t spi) {
    for (ChildSa* child : children_of(core, sa)) {
        const std::uint32_t theirs = protocol == kProtocolEsp  ? child->theirs.esp
                                     : protocol == kProtocolAh ? child->theirs.ah
                                                               : 0;
        if (theirs != 0 && theirs == spi) {
            return child;
        }
    }
    return nullptr;
}

void child_needs_successor(Core& core, ChildSa& child) {
    if (child.replaced || !child.outbound) {
        return;
    }
    if (has_sibling(core, child)) {
        child.replaced = true;
        core.host.retire_outbound(child.id);
        return;
    }
    const ChildUse use = core.host.use_of(child.id);
    if (use.packets_in + use.packets_out == 0) {
        core.log("{} -- SAs for {} were not used and end without successor",
                 to_string(child.remote),
                 to_string(child.traffic.remote));
        child.rekey_at.reset();
        return;
    }
    Acquire acquire;
    acquire.selector = child.selector;
    acquire.rule = child.rule;
    acquire.mode = child.mode;
    acquire.local = child.local;
    acquire.remote = child.remote.address;
    acquire.traffic = child.traffic;
    acquire.terms = child.terms;
    if (Wish* wish = core.wishes.add(acquire, child.id)) {
        serve_wish(core, *wish);
    }
}

const ChildSa* child_for(const Core& core, const Acquire& acquire) {
    const ChildSa* best = nullptr;
    for (const ChildSa* child : core.children.between(acquire.local, acquire.remote)) {
        if (!child->replaced && child->selector == acquire.selector && child->mode == acquire.mode
            && child->traffic == acquire.traffic
            && (best == nullptr || (child->outbound && !best->outbound))) {
            best = child;
        }
    }
    return best;
}

void child_has_ended(Core& core, ChildSa& child) {
    core.log(
        "{} -- SAs for {} have ended", to_string(child.remote), to_string(child.traffic.remote));
    remove_child(core, child, true);
}

void delete_replaced_child(Core& core, ChildSa& child) {
    if (child.replaced) {
        remove_child(core, child, true);
    }
}

}  // namespace control::ike
