#include "dataplane/ipsec_inbound.h"

#include "dataplane/ah.h"
#include "dataplane/esp.h"
#include "dataplane/ipsec_events.h"
#include "dataplane/wire.h"

#include <cassert>

namespace dataplane {
namespace {

using config::IpsecProtocol;
using crypto::JobStatus;

SpiKey key_of(const rte_mbuf* mbuf, IpsecHeader header, const IpsecFields& fields) {
    const PacketMeta& meta = meta_of(mbuf);
    return {.spi = fields.spi,
            .protocol = header == IpsecHeader::kAh ? IpsecProtocol::kAh : IpsecProtocol::kEsp,
            .family = meta.family,
            .destination = destination_address(mbuf, meta)};
}

IpsecCheck problem_of(ReplayVerdict verdict) {
    switch (verdict) {
        case ReplayVerdict::kNew:
            return {};
        case ReplayVerdict::kSeen:
            return DropReason::kReplayed;
        case ReplayVerdict::kTooOld:
            return DropReason::kReplayTooOld;
        case ReplayVerdict::kZero:
            return DropReason::kSequenceZero;
    }
    return DropReason::kReplayed;
}

// The ICV first: before it is known to be good, nothing the packet says may move the window.
IpsecCheck judge(const IpsecWork& work, JobStatus status) {
    switch (status) {
        case JobStatus::kOk:
            return problem_of(work.sa->replay.commit(work.sequence));
        case JobStatus::kBadIcv:
            return DropReason::kIcvMismatch;
        case JobStatus::kBadLength:
            return DropReason::kEspBadLength;
    }
    return DropReason::kIcvMismatch;
}

// RFC 4301 4.4.2.1: the bytes the algorithms were applied to.
std::uint32_t counted(const IpsecWork& work, const crypto::CryptoJob& job) {
    if (work.sa->protocol == IpsecProtocol::kAh) {
        return job.auth_length;
    }
    const PacketMeta& meta = meta_of(work.mbuf);
    const std::uint32_t end = std::uint32_t{meta.l3_offset} + meta.l3_length;
    const std::uint32_t around = work.offset + std::uint32_t{kEspHeader} + work.sa->iv_bytes;
    return end - around - work.sa->icv_bytes;
}

IpsecCheck unwrap(IpsecWork& work) {
    if (work.sa->protocol == IpsecProtocol::kAh) {
        return decapsulate(work, ah_payload(work));
    }
    EspPayload payload;
    if (const IpsecCheck problem = esp_finish_verify(work, payload)) {
        return problem;
    }
    return decapsulate(work, payload);
}

void count_refusal(Sa& sa, DropReason reason) {
    SharedCounter* counter = &sa.malformed;
    if (reason == DropReason::kIcvMismatch) {
        counter = &sa.bad_icv;
    } else if (reason == DropReason::kReplayed || reason == DropReason::kReplayTooOld) {
        counter = &sa.replayed;
    } else if (reason == DropReason::kSaExpired) {
        counter = &sa.expired;
    }
    counter->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// In a loop of its own, so that the cache misses of the SA table overlap.
void IpsecInbound::read_fields() {
    SpiKey last;
    SaTable::Trail trail;
    for (std::size_t i = 0; i < queued_; ++i) {
        Queued& queued = queue_[i];
        queued.fields = {};
        queued.follows = false;
        if (queued.header == IpsecHeader::kKeepalive) {
            queued.problem = DropReason::kNatKeepalive;
            continue;
        }
        queued.problem = read_ipsec_fields(queued.mbuf, queued.header, queued.fields);
        if (queued.problem) {
            continue;
        }
        const SpiKey key = key_of(queued.mbuf, queued.header, queued.fields);
        queued.follows = last.destination != nullptr && key == last;
        if (!queued.follows) {
            trail = sas_.begin(key);
            last = key;
        }
        queued.trail = trail;
    }
}

// Two loops more for the same reason: one for the SAs, one for what they point to.
void IpsecInbound::find_sas() {
    const auto begins = [](const Queued& queued) { return !queued.problem && !queued.follows; };
    for (std::size_t i = 0; i < queued_; ++i) {
        if (begins(queue_[i])) {
            SaTable::advance(queue_[i].trail);
        }
    }
    Sa* sa = nullptr;
    for (std::size_t i = 0; i < queued_; ++i) {
        Queued& queued = queue_[i];
        if (begins(queued)) {
            sa = SaTable::find(key_of(queued.mbuf, queued.header, queued.fields), queued.trail);
            if (sa != nullptr) {
                sa->keys.prefetch();
                sa->replay.prefetch(queued.fields.sequence);
            }
        }
        queued.sa = sa;
    }
}

IpsecCheck IpsecInbound::check_sa(const Queued& queued, IpsecWork& work, std::uint64_t now) {
    Sa* const sa = queued.sa;
    if (sa == nullptr || sa->direction != config::SaDirection::kInbound) {
        return DropReason::kSaUnknown;
    }
    work.sa = sa;
    if ((queued.header == IpsecHeader::kUdpEsp) != sa->encapsulation.has_value()) {
        return DropReason::kEncapsulationMismatch;
    }
    if (sa->outer != nullptr && sa->outer->handle != meta_of(queued.mbuf).sa) {
        return DropReason::kBundleMismatch;
    }
    if (is_expired(*sa, now)) {
        return DropReason::kSaExpired;
    }
    if (sa->esn) {
        work.sequence = sa->replay.reconstruct(queued.fields.sequence);
    }
    return problem_of(sa->replay.check(work.sequence));
}

std::size_t IpsecInbound::prepare(std::uint64_t now, std::span<crypto::CryptoJob> jobs) {
    read_fields();
    find_sas();
    std::size_t count = 0;
    for (std::size_t i = 0; i < queued_; ++i) {
        const Queued& queued = queue_[i];
        IpsecWork& work = works_[count];
        work.mbuf = queued.mbuf;
        work.sa = nullptr;
        work.spi = queued.fields.spi;
        work.sequence = queued.fields.sequence;
        work.offset = queued.fields.offset;
        IpsecCheck problem = queued.problem;
        if (!problem) {
            problem = check_sa(queued, work, now);
        }
        if (!problem) {
            assert(work.sa != nullptr);
            problem = work.sa->protocol == IpsecProtocol::kEsp
                          ? esp_prepare_verify(work, jobs[count])
                          : ah_prepare_verify(work, jobs[count]);
        }
        if (problem) {
            refuse(work, *problem, now);
            continue;
        }
        passages_[count] = {.bytes = counted(work, jobs[count]), .share = 0, .good = false};
        ++count;
    }
    queued_ = 0;
    return count;
}

void IpsecInbound::finish(std::uint64_t now,
                          std::span<const crypto::CryptoJob> jobs,
                          Burst& inner) {
    tally_.clear();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        IpsecWork& work = works_[i];
        Passage& passage = passages_[i];
        if (work.sa->protocol == IpsecProtocol::kAh) {
            ah_restore(work);
        }
        const IpsecCheck problem = judge(work, jobs[i].status);
        passage.good = !problem;
        if (problem) {
            refuse(work, *problem, now);
        } else {
            passage.share = tally_.add(*work.sa, passage.bytes);
        }
    }
    account(now);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (!passages_[i].good) {
            continue;
        }
        IpsecWork& work = works_[i];
        const bool fits = tally_[passages_[i].share].budget.take(passages_[i].bytes);
        if (const IpsecCheck problem = fits ? unwrap(work) : DropReason::kSaExpired) {
            refuse(work, *problem, now);
            continue;
        }
        meta_of(work.mbuf).sa = work.sa->handle;
        inner.add(work.mbuf);
    }
}

void IpsecInbound::account(std::uint64_t now) {
    for (SaShare& share : tally_.shares()) {
        share.count(now);
        counters_.verified_packets.add(share.packets);
        raise_expiry(events_, *share.sa, now);
    }
}

void IpsecInbound::refuse(const IpsecWork& work, DropReason reason, std::uint64_t now) {
    if (work.sa != nullptr) {
        count_refusal(*work.sa, reason);
    }
    audit_drop(events_,
               {.mbuf = work.mbuf, .sa = work.sa, .spi = work.spi, .sequence = work.sequence},
               reason,
               now);
    drops_.add(work.mbuf, reason);
}

}  // namespace dataplane
