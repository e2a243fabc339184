#include "control/sa_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace control {

namespace {

using config::IpsecProtocol;
using config::Result;
using config::SaDirection;
using config::SaSpec;
using dataplane::Sa;
using dataplane::SaHandle;
using dataplane::TscClock;

// Workers finish a turn in microseconds; nobody waits for the memory.
constexpr std::uint64_t kReclaimsPerSecond = 50;

std::uint64_t read(const dataplane::SharedCounter& counter) {
    return counter.load(std::memory_order_relaxed);
}

// Memory holds the expanded keys only, in the Sa.
SaSpec without_keys(const SaSpec& spec) {
    SaSpec copy = spec;
    copy.cipher_key = {};
    copy.auth_key = {};
    return copy;
}

std::string describe(const SaSpec& spec) {
    return fmt::format("direction={} protocol={} spi=0x{:08x} source={} destination={}",
                       spec.direction == SaDirection::kInbound ? "inbound" : "outbound",
                       spec.protocol == IpsecProtocol::kEsp ? "esp" : "ah",
                       spec.spi,
                       spec.source.to_string(),
                       spec.destination.to_string());
}

void add_to(SentReceived& total, SaDirection direction, std::uint64_t bytes) {
    (direction == SaDirection::kOutbound ? total.sent : total.received) += bytes;
}

}  // namespace

SaManager::SaManager(dataplane::SaTable& table,
                     const crypto::EngineChoice& engines,
                     const dataplane::Publication& publication,
                     SaLog log)
    : table_(table), engines_(engines), publication_(publication), log_(std::move(log)) {}

Result<void> SaManager::add(const SaRequest& request, const TscClock& clock) {
    // Both are made before one is visible: keys are what most often is wrong.
    auto inner = Sa::create(request.sas.sa, engines_, clock);
    if (!inner) {
        return std::move(inner).error();
    }
    SaHandle outer = dataplane::kNoSa;
    if (request.sas.outer) {
        auto made = Sa::create(*request.sas.outer, engines_, clock);
        if (!made) {
            return std::move(made).error();
        }
        (*made)->within_bundle = true;
        make_room(*request.sas.outer);
        auto added = add_one(std::move(*made), *request.sas.outer, request.rule, dataplane::kNoSa);
        if (!added) {
            return std::move(added).error();
        }
        outer = *added;
    }
    make_room(request.sas.sa);
    const std::uint64_t soft = (*inner)->deadlines.soft;
    const std::uint64_t hard = (*inner)->deadlines.hard;
    const auto added = add_one(std::move(*inner), request.sas.sa, request.rule, outer);
    if (!added) {
        if (outer != dataplane::kNoSa) {
            table_.remove(outer);
            forget(outer);
        }
        return added.error();
    }
    gone_.added += outer == dataplane::kNoSa ? 1 : 2;
    for (const std::uint64_t when : {soft, hard}) {
        if (when != ~std::uint64_t{0}) {
            due_.emplace(when, Due{*added, false});
        }
    }
    return {};
}

Result<SaHandle> SaManager::add_one(std::unique_ptr<Sa> sa,
                                    const SaSpec& spec,
                                    const config::Guid& rule,
                                    SaHandle outer) {
    const auto handle = table_.add(std::move(sa), outer);
    if (!handle) {
        return handle.error();
    }
    Entry& entry = entries_[*handle];
    entry.order = next_order_++;
    entry.spec = without_keys(spec);
    entry.rule = rule;
    by_spi_.emplace(spec.spi, *handle);
    if (outer != dataplane::kNoSa) {
        entry.partner = outer;
        entries_[outer].partner = *handle;
        entries_[outer].outer = true;
    }
    return *handle;
}

void SaManager::make_room(const SaSpec& spec) {
    const Sa* there = table_.find(dataplane::SpiKey{.spi = spec.spi,
                                                    .protocol = spec.protocol,
                                                    .family = spec.destination.family,
                                                    .destination = spec.destination.bytes.data()});
    if (there == nullptr) {
        return;
    }
    const auto entry = entries_.find(there->handle);
    if (entry != entries_.end() && entry->second.expired) {
        remove_one(entry->first);
    }
}

std::size_t SaManager::remove(const SaSelection& selection) {
    const auto [first, last] = selection.spi ? by_spi_.equal_range(*selection.spi)
                                             : std::pair(by_spi_.begin(), by_spi_.end());
    std::vector<SaHandle> selected;
    for (auto candidate = first; candidate != last; ++candidate) {
        const SaSpec& spec = entries_[candidate->second].spec;
        if (!selection.destination || *selection.destination == spec.destination) {
            selected.push_back(candidate->second);
        }
    }
    std::size_t removed = 0;
    for (const SaHandle handle : selected) {
        removed += remove_one(handle);
    }
    return removed;
}

// With its bundle. 0: gone before, as the other half of one.
std::size_t SaManager::remove_one(SaHandle handle) {
    const auto found = entries_.find(handle);
    if (found == entries_.end()) {
        return 0;
    }
    const SaHandle partner = found->second.partner;
    std::size_t removed = 0;
    for (const SaHandle half : {handle, partner}) {
        const Sa* sa = table_.find(half);
        if (half == dataplane::kNoSa || sa == nullptr) {
            continue;
        }
        // What a burst still counts that has found the SA before is lost to the totals.
        count(gone_, entries_[half], *sa);
        ++removed;
    }
    table_.remove(handle);
    forget(handle);
    forget(partner);
    gone_.deleted += removed;
    unreclaimed_ += removed;
    return removed;
}

void SaManager::forget(SaHandle handle) {
    const auto found = entries_.find(handle);
    if (found == entries_.end()) {
        return;
    }
    const auto [first, last] = by_spi_.equal_range(found->second.spec.spi);
    by_spi_.erase(std::find_if(first, last, [&](const auto& row) { return row.second == handle; }));
    entries_.erase(found);
}

void SaManager::handle(const dataplane::Event& event, const TscClock& clock) {
    if (event.kind == dataplane::EventKind::kAudit) {
        // RFC 4303 3.4.2, RFC 4302 3.4.2: what the entry should say, beside the time.
        log_.audit(fmt::format(
            "event=audit reason={} spi=0x{:08x} sequence={} source={} destination={} flow=0x{:05x}",
            dataplane::kDropReasons[static_cast<std::size_t>(event.reason)].token,
            event.spi,
            event.sequence,
            event.source.to_string(),
            event.address.to_string(),
            event.flow));
        return;
    }
    const auto found = entries_.find(event.sa);
    if (found == entries_.end()) {
        return;
    }
    if (event.kind == dataplane::EventKind::kHardExpired) {
        hard_expired(event.sa, clock);
    } else if (event.kind == dataplane::EventKind::kSoftExpired) {
        soft_expired(found->second);
    }
}

void SaManager::soft_expired(const Entry& entry) {
    if (!entry.expired) {
        log_.lifetime(fmt::format("event=sa-expires-soon {} action=\"install a successor\"",
                                  describe(entry.spec)));
    }
}

void SaManager::hard_expired(SaHandle handle, const TscClock& clock) {
    Entry& entry = entries_[handle];
    if (std::exchange(entry.expired, true)) {
        return;
    }
    log_.lifetime(fmt::format("event=sa-expired {}", describe(entry.spec)));
    // Neither half of a bundle is of use without the other.
    if (const auto partner = entries_.find(entry.partner); partner != entries_.end()) {
        partner->second.expired = true;
    }
    due_.emplace(clock.now + kListedSeconds * clock.hz, Due{handle, true});
}

void SaManager::look_at_limits(SaHandle handle, const TscClock& clock) {
    Sa* sa = table_.find(handle);
    const auto found = entries_.find(handle);
    if (sa == nullptr || found == entries_.end()) {
        return;
    }
    // A worker may have been first.
    switch (dataplane::take_expiry(*sa, clock.now)) {
        case dataplane::SaExpiry::kNone:
            break;
        case dataplane::SaExpiry::kSoft:
            soft_expired(found->second);
            break;
        case dataplane::SaExpiry::kHard:
            hard_expired(handle, clock);
            break;
    }
}

void SaManager::tick(const TscClock& clock) {
    while (!due_.empty() && due_.begin()->first <= clock.now) {
        const Due due = due_.begin()->second;
        due_.erase(due_.begin());
        if (due.removal) {
            remove_one(due.handle);
        } else {
            look_at_limits(due.handle, clock);
        }
    }
    unreclaimed_ = table_.reclaim(publication_);
}

std::optional<std::uint64_t> SaManager::next_tick(const TscClock& clock) const {
    std::optional<std::uint64_t> when;
    if (!due_.empty()) {
        when = due_.begin()->first;
    }
    if (unreclaimed_ > 0) {
        const std::uint64_t soon = clock.now + clock.hz / kReclaimsPerSecond;
        when = std::min(when.value_or(soon), soon);
    }
    return when;
}

std::vector<SaReport> SaManager::reports(const TscClock& clock) const {
    std::vector<std::pair<std::uint64_t, SaReport>> ordered;
    ordered.reserve(entries_.size());
    for (const auto& [handle, entry] : entries_) {
        ordered.emplace_back(entry.order, report(entry, *table_.find(handle), clock));
    }
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    std::vector<SaReport> reports;
    reports.reserve(ordered.size());
    for (auto& [order, one] : ordered) {
        reports.push_back(std::move(one));
    }
    return reports;
}

SaReport SaManager::report(const Entry& entry, const Sa& sa, const TscClock& clock) const {
    SaReport report;
    report.spec = entry.spec;
    report.rule = entry.rule;
    if (const auto partner = entries_.find(entry.partner); partner != entries_.end()) {
        report.bundled_with = partner->second.spec.spi;
    }
    const bool expired = entry.expired || dataplane::is_expired(sa, clock.now);
    const bool expiring = sa.soft_raised.load(std::memory_order_relaxed);
    report.state = expired ? SaState::kExpired : expiring ? SaState::kExpiring : SaState::kActive;
    report.packets = read(sa.packets);
    report.bytes = read(sa.bytes);
    report.sequence =
        entry.spec.direction == SaDirection::kOutbound ? read(sa.sequence) : sa.replay.top();
    if (entry.spec.lifetime.hard_seconds != 0) {
        report.seconds_left =
            clock.now >= sa.deadlines.hard ? 0 : (sa.deadlines.hard - clock.now) / clock.hz;
    }
    if (const std::uint64_t used = sa.last_used.load(std::memory_order_relaxed); used != 0) {
        report.idle_seconds = (std::max(clock.now, used) - used) / clock.hz;
    }
    report.replayed = read(sa.replayed);
    report.bad_icv = read(sa.bad_icv);
    report.malformed = read(sa.malformed);
    report.policy_mismatch = read(sa.policy_mismatch);
    report.refused = read(sa.expired);
    if (clock.now < sa.path_mtu_until.load(std::memory_order_relaxed)) {
        report.path_mtu = sa.path_mtu.load(std::memory_order_relaxed);
    }
    return report;
}

void SaManager::count(SaTotals& totals, const Entry& entry, const Sa& sa) const {
    if (entry.outer) {
        return;  // its packets are those of the ESP SA
    }
    const std::uint64_t bytes = read(sa.bytes);
    const SaSpec& spec = entry.spec;
    if (spec.cipher != config::Cipher::kNone) {
        add_to(totals.confidential, spec.direction, bytes);
    }
    if (spec.hash != config::Hash::kNone || row_of(spec.cipher).aead
        || entry.partner != dataplane::kNoSa) {
        add_to(totals.authenticated, spec.direction, bytes);
    }
    add_to(spec.mode == config::SaMode::kTunnel ? totals.tunnel : totals.transport,
           spec.direction,
           bytes);
}

SaTotals SaManager::totals() const {
    SaTotals totals = gone_;
    for (const auto& [handle, entry] : entries_) {
        count(totals, entry, *table_.find(handle));
        ++totals.active;
        totals.active_tunnels += entry.spec.mode == config::SaMode::kTunnel ? 1U : 0U;
    }
    return totals;
}

}  // namespace control
