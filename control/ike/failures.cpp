#include "control/ike/failures.h"

namespace control::ike {

void Failures::add(const Failure& failure, Time now) {
    if (const auto found = by_peer_.find(failure.remote); found != by_peer_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        Entry& entry = entries_.front();
        entry.failure = failure;
        entry.at = now;
        ++entry.count;
        return;
    }
    if (entries_.size() >= kMaxFailures) {
        by_peer_.erase(entries_.back().failure.remote);
        entries_.pop_back();
    }
    entries_.push_front({failure, now, 1});
    by_peer_[failure.remote] = entries_.begin();
}

void Failures::forget(const config::IpAddress& peer) {
    const auto found = by_peer_.find(peer);
    if (found != by_peer_.end()) {
        entries_.erase(found->second);
        by_peer_.erase(found);
    }
}

std::vector<FailureReport> Failures::report(Time now) const {
    std::vector<FailureReport> reports;
    reports.reserve(entries_.size());
    for (const Entry& entry : entries_) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - entry.at);
        reports.push_back(
            {entry.failure, static_cast<std::uint64_t>(seconds.count()), entry.count});
    }
    return reports;
}

}  // namespace control::ike
