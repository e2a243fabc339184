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
using dataplane::SaExpiry;
using dataplane::SaHandle;
using dataplane::TscClock;

constexpr std::uint64_t kNever = ~std::uint64_t{0};
// Workers finish a turn in microseconds; nobody waits for the memory.
constexpr std::uint64_t kReclaimsPerSecond = 50;

std::uint64_t read(const dataplane::SharedCounter& counter) {
    return counter.load(std::memory_order_relaxed);
}

// Since the last packet; nothing: there was none.
std::optional<std::uint64_t> idle_seconds(const Sa& sa, const TscClock& clock) {
    const std::uint64_t used = sa.last_used.load(std::memory_order_relaxed);
    return used == 0 ? std::nullopt : std::optional((std::max(clock.now, used) - used) / clock.hz);
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
                     SaLog log,
                     SpiPool spis)
    : table_(table),
      engines_(engines),
      publication_(publication),
      log_(std::move(log)),
      spis_(std::move(spis)) {}

// --- adding and removing

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
        auto added = add_one(std::move(*made), *request.sas.outer, request, dataplane::kNoSa);
        if (!added) {
            return std::move(added).error();
        }
        outer = *added;
    }
    make_room(request.sas.sa);
    const dataplane::SaDeadlines limits = (*inner)->deadlines;
    const auto added = add_one(std::move(*inner), request.sas.sa, request, outer);
    if (!added) {
        if (outer != dataplane::kNoSa) {
            table_.remove(outer);
            forget(outer);
        }
        return added.error();
    }
    gone_.added += request.sas.sa.soft ? 0 : outer == dataplane::kNoSa ? 1 : 2;
    entries_[*added].limits = limits;
    wait_until(limits.soft, *added);
    wait_until(limits.hard, *added);
    return {};
}

Result<SaHandle> SaManager::add_one(std::unique_ptr<Sa> sa,
                                    const SaSpec& spec,
                                    const SaRequest& request,
                                    SaHandle outer) {
    const auto handle = table_.add(std::move(sa), outer);
    if (!handle) {
        return handle.error();
    }
    Entry& entry = entries_[*handle];
    entry.order = next_order_++;
    entry.spec = without_keys(spec);
    entry.rule = request.rule;
    entry.child = request.child;
    by_spi_.emplace(spec.spi, *handle);
    if (request.child != 0) {
        children_[request.child].sas.push_back(*handle);
    }
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

std::vector<SaHandle> SaManager::select(const SaSelection& selection) const {
    std::vector<SaHandle> selected;
    const auto consider = [&](const auto& row) {
        const Entry& entry = entries_.at(row.second);
        if (!selection.destination || *selection.destination == entry.spec.destination) {
            selected.push_back(row.second);
        }
    };
    const auto first = selection.spi ? by_spi_.lower_bound({*selection.spi, 0}) : by_spi_.begin();
    const auto last = std::find_if(first, by_spi_.end(), [&](const auto& row) {
        return selection.spi && row.first != *selection.spi;
    });
    std::for_each(first, last, consider);
    return selected;
}

std::size_t SaManager::remove(const SaSelection& selection) {
    const std::vector<SaHandle> selected = select(selection);
    std::vector<std::uint64_t> children;
    for (const SaHandle handle : selected) {
        const std::uint64_t child = entries_.at(handle).child;
        if (child != 0 && !std::exchange(children_[child].hard_told, true)) {
            children.push_back(child);
        }
    }
    std::size_t removed = 0;
    for (const SaHandle handle : selected) {
        removed += remove_one(handle);
    }
    for (const std::uint64_t child : children) {
        if (owner_) {
            owner_(child, SaExpiry::kHard);
        }
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
    const bool soft = found->second.spec.soft;
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
    gone_.deleted += soft ? 0 : removed;
    unreclaimed_ += removed;
    return removed;
}

void SaManager::forget(SaHandle handle) {
    const auto found = entries_.find(handle);
    if (found == entries_.end()) {
        return;
    }
    const Entry& entry = found->second;
    by_spi_.erase({entry.spec.spi, handle});
    for (const std::uint64_t when : {entry.limits.soft, entry.limits.hard, entry.removal}) {
        due_.erase({when, handle});
    }
    if (const auto child = children_.find(entry.child); child != children_.end()) {
        std::vector<SaHandle>& sas = child->second.sas;
        sas.erase(std::remove(sas.begin(), sas.end(), handle), sas.end());
        if (sas.empty()) {
            children_.erase(child);
        }
    }
    entries_.erase(found);
}

// --- what IKE owns

std::uint32_t SaManager::new_spi(const TscClock& clock) {
    const auto used = [this](std::uint32_t spi) {
        const auto first = by_spi_.lower_bound({spi, 0});
        return first != by_spi_.end() && first->first == spi;
    };
    return spis_.take(used, clock);
}

// A copy: what is done to them may change the child.
std::vector<SaHandle> SaManager::sas_of(std::uint64_t child) const {
    const auto found = children_.find(child);
    return found == children_.end() ? std::vector<SaHandle>() : found->second.sas;
}

std::size_t SaManager::remove_child(std::uint64_t child) {
    std::size_t removed = 0;
    for (const SaHandle handle : sas_of(child)) {
        removed += remove_one(handle);
    }
    return removed;
}

void SaManager::retire_outbound(std::uint64_t child) {
    for (const SaHandle handle : sas_of(child)) {
        table_.retire(handle);
    }
}

bool SaManager::move_peer(std::uint64_t child,
                          const config::IpAddress& address,
                          std::uint16_t port) {
    bool moved = false;
    for (const SaHandle handle : sas_of(child)) {
        if (table_.move_peer(handle, address, port)) {
            SaSpec& spec = entries_.at(handle).spec;
            spec.destination = address;
            spec.encapsulation->destination_port = port;
            ++unreclaimed_;
            moved = true;
        }
    }
    return moved;
}

ike::ChildUse SaManager::use_of(std::uint64_t child, const TscClock& clock) const {
    ike::ChildUse use;
    for (const SaHandle handle : sas_of(child)) {
        const Entry& entry = entries_.at(handle);
        if (entry.outer) {
            continue;  // its packets are those of the ESP SA
        }
        const Sa& sa = *table_.find(handle);
        const bool inbound = entry.spec.direction == SaDirection::kInbound;
        (inbound ? use.packets_in : use.packets_out) += read(sa.packets);
        if (const auto idle = idle_seconds(sa, clock)) {
            auto& least = inbound ? use.idle_in_seconds : use.idle_out_seconds;
            least = std::min(least.value_or(*idle), *idle);
        }
    }
    return use;
}

void SaManager::tell(std::uint64_t child, SaExpiry limit) {
    const auto found = children_.find(child);
    if (found == children_.end() || found->second.hard_told) {
        return;
    }
    bool& told = limit == SaExpiry::kHard ? found->second.hard_told : found->second.soft_told;
    if (!std::exchange(told, true) && owner_) {
        owner_(child, limit);
    }
}

// --- limits

void SaManager::wait_until(std::uint64_t when, SaHandle handle) {
    if (when != kNever) {
        due_.emplace(when, handle);
    }
}

void SaManager::handle(const dataplane::Event& event, const TscClock& clock) {
    if (event.kind == dataplane::EventKind::kAudit) {
        // RFC 4303 3.4.2, RFC 4302 3.4.2: what the entry should say, beside the time.
        log_.audit(fmt::format(
            "event=audit reason={} spi=0x{:08x} sequence={} source={} destination={} flow=0x{:05x}",
            dataplane::kDropReasons[static_cast<std::size_t>(event.reason)].token,
            event.detail.audit.spi,
            event.detail.audit.sequence,
            event.source.to_string(),
            event.address.to_string(),
            event.detail.audit.flow));
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
    if (entry.child != 0) {
        tell(entry.child, SaExpiry::kSoft);
    } else if (!entry.expired) {
        log_.lifetime(fmt::format("event=sa-expires-soon {} action=\"install a successor\"",
                                  describe(entry.spec)));
    }
}

void SaManager::hard_expired(SaHandle handle, const TscClock& clock) {
    Entry& entry = entries_[handle];
    if (std::exchange(entry.expired, true)) {
        return;
    }
    // Neither half of a bundle is of use without the other.
    if (const auto partner = entries_.find(entry.partner); partner != entries_.end()) {
        partner->second.expired = true;
    }
    if (entry.child != 0) {
        tell(entry.child, SaExpiry::kHard);
        return;
    }
    log_.lifetime(fmt::format("event=sa-expired {}", describe(entry.spec)));
    entry.removal = clock.now + kListedSeconds * clock.hz;
    wait_until(entry.removal, handle);
}

void SaManager::look_at_limits(SaHandle handle, const TscClock& clock) {
    Sa* sa = table_.find(handle);
    const auto found = entries_.find(handle);
    if (sa == nullptr || found == entries_.end()) {
        return;
    }
    // A worker may have been first.
    switch (dataplane::take_expiry(*sa, clock.now)) {
        case SaExpiry::kNone:
            break;
        case SaExpiry::kSoft:
            soft_expired(found->second);
            break;
        case SaExpiry::kHard:
            hard_expired(handle, clock);
            break;
    }
}

void SaManager::tick(const TscClock& clock) {
    while (!due_.empty() && due_.begin()->first <= clock.now) {
        const SaHandle handle = due_.begin()->second;
        due_.erase(due_.begin());
        if (entries_.at(handle).removal <= clock.now) {
            remove_one(handle);
        } else {
            look_at_limits(handle, clock);
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
    report.child = entry.child;
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
    report.idle_seconds = idle_seconds(sa, clock);
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

void SaManager::count(SaTotals& totals, const Entry& entry, const Sa& sa) {
    if (entry.outer || entry.spec.soft) {
        return;  // the packets of an outer one are those of the ESP SA
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
        if (entry.spec.soft) {
            continue;
        }
        ++totals.active;
        totals.active_tunnels += entry.spec.mode == config::SaMode::kTunnel ? 1U : 0U;
    }
    return totals;
}

}  // namespace control
