#include "dataplane/ipsec_outbound.h"

#include "dataplane/encap.h"
#include "dataplane/ipsec_events.h"

#include <optional>

namespace dataplane {

// RFC 4303 3.3.3: a number is used once, whichever worker uses it; those of packets that are
// dropped afterwards are lost, which receivers take for loss on the way.
void IpsecOutbound::account(std::uint64_t now) {
    for (SaShare& share : tally_.shares()) {
        share.numbers = SequenceRun(*share.sa, share.packets);
        share.count(now);
        raise_expiry(events_, *share.sa, now);
    }
}

IpsecCheck IpsecOutbound::admit(const Queued& queued, IpsecWork& work, std::uint64_t now) {
    SaShare& share = tally_[queued.share];
    const Sa& sa = *queued.sa;
    work.mbuf = queued.mbuf;
    work.sa = queued.sa;
    work.spi = sa.spi;
    const std::optional<std::uint64_t> sequence = share.numbers.take();
    work.sequence = sequence.value_or(0);
    if (!sequence) {
        return DropReason::kSequenceExhausted;
    }
    const bool fits = share.budget.take(queued.bytes);
    return fits && now < sa.deadlines.hard ? IpsecCheck{} : DropReason::kSaExpired;
}

std::size_t IpsecOutbound::prepare(std::uint64_t now, std::span<crypto::CryptoJob> jobs) {
    tally_.clear();
    // What the next loops read comes in while this burst's other packets are looked at.
    const auto begins = [this](std::size_t i) {
        return i == 0 || queue_[i].sa != queue_[i - 1].sa;
    };
    for (std::size_t i = 0; i < queued_; ++i) {
        if (begins(i)) {
            Sa::prefetch(queue_[i].sa);
        }
    }
    for (std::size_t i = 0; i < queued_; ++i) {
        Queued& queued = queue_[i];
        if (begins(i)) {
            queued.sa->keys.prefetch();
        }
        queued.bytes = counted_bytes(*queued.sa, meta_of(queued.mbuf));
        queued.share = tally_.add(*queued.sa, queued.bytes);
    }
    account(now);
    std::size_t count = 0;
    for (std::size_t i = 0; i < queued_; ++i) {
        IpsecWork& work = works_[count];
        IpsecCheck problem = admit(queue_[i], work, now);
        if (!problem) {
            problem = encapsulate(work, ivs_, jobs[count]);
        }
        if (problem) {
            refuse(work, *problem, now);
        } else {
            ++count;
        }
    }
    queued_ = 0;
    return count;
}

void IpsecOutbound::finish(std::uint64_t now,
                           std::span<const crypto::CryptoJob> jobs,
                           Burst& done) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        IpsecWork& work = works_[i];
        finish_encapsulation(work);
        if (jobs[i].status != crypto::JobStatus::kOk) {
            refuse(work, DropReason::kIpsecTooLong, now);
        } else if (work.sa->outer != nullptr) {
            add(work.mbuf, *work.sa->outer);
        } else {
            done.add(work.mbuf);
        }
    }
    counters_.protected_packets.add(jobs.size());
}

void IpsecOutbound::refuse(const IpsecWork& work, DropReason reason, std::uint64_t now) {
    const bool expired =
        reason == DropReason::kSaExpired || reason == DropReason::kSequenceExhausted;
    (expired ? work.sa->expired : work.sa->malformed).fetch_add(1, std::memory_order_relaxed);
    audit_drop(events_,
               {.mbuf = work.mbuf, .sa = work.sa, .spi = work.spi, .sequence = work.sequence},
               reason,
               now);
    drops_.add(work.mbuf, reason);
}

}  // namespace dataplane
