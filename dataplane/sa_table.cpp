#include "dataplane/sa_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace dataplane {
namespace {

using config::Error;
using config::ErrorCode;
using config::Family;
using config::SaDirection;

SpiKey spi_key_of(const Sa& sa) {
    return {sa.spi, sa.protocol, sa.family, sa.destination.data()};
}

PeerKey peer_key_of(const Sa& sa) {
    return {.mode = sa.mode, .family = sa.family, .peer = sa.destination.data()};
}

bool found_by_spi(const Sa& sa) {
    return !sa.soft;
}

bool found_by_peer(const Sa& sa) {
    return sa.direction == SaDirection::kOutbound && !sa.within_bundle;
}

bool fits(const Sa& sa, const PeerKey& key, config::RuleTag rule) {
    return sa.rule == rule && sa.mode == key.mode && sa.family == key.family
           && same_address(key.family, sa.destination.data(), key.peer)
           && (key.source == nullptr || same_address(key.family, sa.source.data(), key.source));
}

// The first of the chain that fits the key and is bound to `rule`. Soft SAs are passed over; the
// first that fits is noted if none was before.
Sa* walk(Sa* sa, const PeerKey& key, config::RuleTag rule, Sa*& soft) {
    while (sa != nullptr) {
        if (fits(*sa, key, rule)) {
            if (!sa->soft) {
                return sa;
            }
            soft = soft == nullptr ? sa : soft;
        }
        sa = sa->next_by_peer.load(std::memory_order_acquire);
    }
    return nullptr;
}

std::string to_string(const Sa& sa) {
    return fmt::format("{} SA 0x{:08x} to {}",
                       sa.protocol == config::IpsecProtocol::kAh ? "AH" : "ESP",
                       sa.spi,
                       config::IpAddress::from_bytes(sa.family, sa.destination.data()).to_string());
}

}  // namespace

SaTable::SaTable(std::uint32_t capacity, std::uint32_t first_use)
    : mask_(capacity - 1),
      place_bits_(static_cast<unsigned>(std::countr_zero(capacity))),
      by_spi_(std::make_unique<Chain[]>(capacity)),
      by_peer_(std::make_unique<Chain[]>(capacity)),
      places_(std::make_unique<Place[]>(capacity)) {
    assert(std::has_single_bit(capacity) && capacity <= kMaxCapacity);
    for (std::uint32_t place = 0; place < capacity; ++place) {
        places_[place].uses = first_use;
        free_.push_back(place);
    }
}

SaTable::~SaTable() {
    for (std::uint32_t place = 0; place <= mask_; ++place) {
        delete places_[place].sa.load(std::memory_order_relaxed);
    }
}

// --- adding and removing

config::Result<void> SaTable::check(const Sa& sa, SaHandle outer) const {
    if (found_by_spi(sa) && find(spi_key_of(sa)) != nullptr) {
        return Error{ErrorCode::kSaExists, fmt::format("There is an {} already.", to_string(sa))};
    }
    if (free_.empty()) {
        return Error{ErrorCode::kTooManySas,
                     size_ > mask_
                         ? fmt::format("There are {} SAs, as many as the gateway holds.", size_)
                         : "Every handle was given out once; the gateway must be started again."};
    }
    if (outer == kNoSa) {
        return {};
    }
    const Sa* const around = find(outer);
    if (around == nullptr) {
        return Error{ErrorCode::kSaNotFound,
                     fmt::format("There is no SA for the {} to lie within.", to_string(sa))};
    }
    if (sa.protocol != config::IpsecProtocol::kEsp || sa.soft || sa.within_bundle
        || !around->within_bundle || around->direction != sa.direction
        || around->family != sa.family || place_of(outer).inner != kNoSa) {
        return Error{ErrorCode::kBadSa,
                     fmt::format("The {} cannot lie within the {}; expected an ESP SA and an AH SA "
                                 "of the same direction and family, made for a bundle and unused.",
                                 to_string(sa),
                                 to_string(*around))};
    }
    return {};
}

config::Result<SaHandle> SaTable::add(std::unique_ptr<Sa> sa, SaHandle outer) {
    if (config::Result<void> checked = check(*sa, outer); !checked) {
        return std::move(checked).error();
    }
    const std::uint32_t index = free_.front();
    free_.pop_front();
    Place& place = places_[index];
    sa->handle = (place.uses << place_bits_) | index;
    if (outer != kNoSa) {
        sa->outer = find(outer);
        place_of(outer).inner = sa->handle;
    }
    Sa& visible = *sa.release();
    place.sa.store(&visible, std::memory_order_release);
    if (found_by_spi(visible)) {
        link(chain_of(spi_key_of(visible)), visible, &Sa::next_by_spi);
    }
    if (found_by_peer(visible)) {
        link(chain_of(peer_key_of(visible), visible.rule), visible, &Sa::next_by_peer);
    }
    ++size_;
    return visible.handle;
}

// Of a bundle the SA within, of an AH SA for a bundle that has none yet nullptr, else the SA
// itself.
Sa* SaTable::inner_of(Sa& sa) const {
    return sa.within_bundle ? find(place_of(sa.handle).inner) : &sa;
}

bool SaTable::retire(SaHandle handle) {
    Sa* const sa = find(handle);
    Sa* const inner = sa == nullptr ? nullptr : inner_of(*sa);
    if (inner == nullptr || !found_by_peer(*inner)) {
        return false;
    }
    leave_peers(*inner);
    return true;
}

bool SaTable::move_peer(SaHandle handle, const config::IpAddress& address, std::uint16_t port) {
    Sa* const sa = find(handle);
    if (sa == nullptr || sa->direction != SaDirection::kOutbound || !sa->encapsulation
        || sa->family != address.family
        || (sa->mode == config::SaMode::kTransport && sa->destination != address.bytes)) {
        return false;
    }
    auto peer = std::make_unique<const SaPeer>(SaPeer{address.bytes, port});
    if (const SaPeer* before = sa->moved_to.exchange(peer.release(), std::memory_order_acq_rel)) {
        replaced_.emplace_back(before);
    }
    sa->path_mtu_until.store(0, std::memory_order_relaxed);  // of another path
    return true;
}

bool SaTable::remove(SaHandle handle) {
    Sa* const sa = find(handle);
    if (sa == nullptr) {
        return false;
    }
    // The inner SA first: nobody may find it and miss its outer one.
    Sa* const inner = inner_of(*sa);
    Sa* const outer = inner != nullptr ? inner->outer : sa;
    if (inner != nullptr) {
        take_out(*inner);
    }
    if (outer != nullptr) {
        take_out(*outer);
    }
    return true;
}

void SaTable::leave_peers(Sa& sa) {
    if (found_by_peer(sa) && !std::exchange(place_of(sa.handle).retired, true)) {
        unlink(chain_of(peer_key_of(sa), sa.rule), sa, &Sa::next_by_peer);
    }
}

void SaTable::take_out(Sa& sa) {
    leave_peers(sa);
    if (found_by_spi(sa)) {
        unlink(chain_of(spi_key_of(sa)), sa, &Sa::next_by_spi);
    }
    Place& place = place_of(sa.handle);
    place.sa.store(nullptr, std::memory_order_release);
    place.inner = kNoSa;
    place.retired = false;
    // A place whose uses are all counted stays empty: it would have to give out an old handle. All
    // places together last for 2^32 SAs.
    if (place.uses != ~std::uint32_t{0} >> place_bits_) {
        ++place.uses;
        free_.push_back(sa.handle & mask_);
    }
    --size_;
    removed_.emplace_back(&sa);
}

std::size_t SaTable::reclaim(const Publication& publication) {
    if (!removed_.empty() || !replaced_.empty()) {
        in_grace_.push_back(
            {publication.begin_grace(), std::exchange(removed_, {}), std::exchange(replaced_, {})});
    }
    while (!in_grace_.empty() && publication.is_over(in_grace_.front().grace)) {
        in_grace_.pop_front();
    }
    std::size_t waiting = 0;
    for (const InGrace& together : in_grace_) {
        waiting += together.sas.size() + together.peers.size();
    }
    return waiting;
}

std::vector<const Sa*> SaTable::all() const {
    std::vector<const Sa*> sas;
    sas.reserve(size_);
    for (std::uint32_t place = 0; place <= mask_; ++place) {
        if (const Sa* const sa = places_[place].sa.load(std::memory_order_relaxed); sa != nullptr) {
            sas.push_back(sa);
        }
    }
    return sas;
}

// --- chains

void SaTable::link(Chain& chain, Sa& sa, Link next) {
    (sa.*next).store(chain.load(std::memory_order_relaxed), std::memory_order_relaxed);
    chain.store(&sa, std::memory_order_release);
}

void SaTable::unlink(Chain& chain, Sa& sa, Link next) {
    Chain* before = &chain;
    while (Sa* const at = before->load(std::memory_order_relaxed)) {
        if (at == &sa) {
            // The follower was released by whoever wrote this pointer to it; it is released again,
            // for the readers that learn of it here.
            before->store((sa.*next).load(std::memory_order_relaxed), std::memory_order_release);
            return;
        }
        before = &(at->*next);
    }
}

SaTable::Chain& SaTable::chain_of(const SpiKey& key) const {
    const std::uint64_t words = std::uint64_t{static_cast<std::uint8_t>(key.protocol)} << 32U;
    return by_spi_[hash_(words | key.spi, key.family, key.destination) & mask_];
}

SaTable::Chain& SaTable::chain_of(const PeerKey& key, config::RuleTag rule) const {
    const std::uint64_t words = std::uint64_t{static_cast<std::uint8_t>(key.mode)} << 32U;
    return by_peer_[hash_(words | rule, key.family, key.peer) & mask_];
}

// --- looking up

Sa* SaTable::find(SaHandle handle) const {
    Sa* const sa = place_of(handle).sa.load(std::memory_order_acquire);
    return sa != nullptr && sa->handle == handle ? sa : nullptr;
}

Sa* SaTable::find(const SpiKey& key) const {
    return find(key, begin(key));
}

SaTable::Trail SaTable::begin(const SpiKey& key) const {
    Trail trail;
    trail.chain_ = &chain_of(key);
    __builtin_prefetch(trail.chain_);
    return trail;
}

SaTable::Trail SaTable::begin(const PeerKey& key) const {
    Trail trail;
    trail.chain_ = &chain_of(key, key.selector);
    trail.rule_ = &chain_of(key, key.rule);
    trail.any_rule_ = &chain_of(key, config::kAnyRule);
    __builtin_prefetch(trail.chain_);
    return trail;
}

// Whoever else is in the chain has to be fetched when it is walked; it is seldom longer than one.
void SaTable::advance(Trail& trail) {
    const Sa* sa = trail.chain_->load(std::memory_order_relaxed);
    if (sa == nullptr && trail.rule_ != nullptr) {
        if (!trail.wide_) {
            trail.wide_ = true;
            __builtin_prefetch(trail.rule_);
            __builtin_prefetch(trail.any_rule_);
            return;
        }
        sa = trail.rule_->load(std::memory_order_relaxed);
        sa = sa != nullptr ? sa : trail.any_rule_->load(std::memory_order_relaxed);
    }
    if (sa != nullptr) {
        Sa::prefetch(sa);
    }
}

Sa* SaTable::find(const SpiKey& key, const Trail& trail) {
    Sa* sa = trail.chain_->load(std::memory_order_acquire);
    while (sa != nullptr && !(spi_key_of(*sa) == key)) {
        sa = sa->next_by_spi.load(std::memory_order_acquire);
    }
    return sa;
}

Sa* SaTable::find(const PeerKey& key) const {
    return find(key, begin(key));
}

Sa* SaTable::find(const PeerKey& key, const Trail& trail) {
    Sa* soft = nullptr;
    Sa* sa = nullptr;
    if (key.selector != config::kAnyRule) {
        sa = walk(trail.chain_->load(std::memory_order_acquire), key, key.selector, soft);
    }
    if (sa == nullptr) {
        sa = walk(trail.rule_->load(std::memory_order_acquire), key, key.rule, soft);
    }
    if (sa == nullptr) {
        sa = walk(trail.any_rule_->load(std::memory_order_acquire), key, config::kAnyRule, soft);
    }
    return sa != nullptr ? sa : soft;
}

}  // namespace dataplane
