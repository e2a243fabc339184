// IPsec inbound processing (RFC 4301 5.2, RFC 4303 3.4, RFC 4302 3.4): from ESP and AH packets for
// this host to the packets inside, in two loops around the burst's crypto run. What workers share
// of an SA is touched once per SA and burst, the replay window apart.
#pragma once

#include "crypto/crypto_job.h"
#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/encap.h"
#include "dataplane/event_sink.h"
#include "dataplane/ipsec_work.h"
#include "dataplane/sa_table.h"
#include "dataplane/sa_tally.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dataplane {

class IpsecInbound {
  public:
    IpsecInbound(const SaTable& sas, WorkerCounters& counters, EventSink& events)
        : sas_(sas), counters_(counters), drops_(counters), events_(events) {}

    // Queues a packet of which ipsec_header() says `header`, not kNone. At most kBurst at a time.
    void add(rte_mbuf* mbuf, IpsecHeader header) {
        // read_fields() sets the rest. A whole element would be put together in small pieces and
        // read again in wide ones, for which the CPU would have to wait.
        Queued& queued = queue_[queued_++];
        queued.mbuf = mbuf;
        queued.header = header;
    }

    // Empties the queue and fills jobs[0 .. result - 1]. What cannot pass is dropped.
    //   1. SPI, destination and protocol name the SA    RFC 4301 5.2 step 2
    //   2. sequence number, its high half guessed       RFC 4303 3.4.3
    //   3. lengths; the job                             RFC 4303 3.4.4
    [[nodiscard]] std::size_t prepare(std::uint64_t now, std::span<crypto::CryptoJob> jobs);

    // After those jobs ran. Adds the packets inside to `inner`; they must be parsed again and are
    // marked with the SA they came by.
    //   4. ICV                                          RFC 4303 3.4.4.1
    //   5. sequence number again, now marked as seen    RFC 4303 3.4.3
    //   6. lifetime                                     RFC 4301 4.4.2.1
    //   7. padding and next header; headers removed     RFC 4303 2.4, RFC 4301 5.1.2
    void finish(std::uint64_t now, std::span<const crypto::CryptoJob> jobs, Burst& inner);

  private:
    struct Queued {
        rte_mbuf* mbuf = nullptr;
        IpsecHeader header = IpsecHeader::kNone;
        IpsecFields fields;
        IpsecCheck problem;
        bool follows =
            false;  // no problem so far, and for the SA of the one before it in the queue
        SaTable::Trail trail;
        Sa* sa = nullptr;  // nullptr: none; unless there was a problem
    };
    // Of a packet between the loops, beside its IpsecWork.
    struct Passage {
        std::uint32_t bytes;  // against the lifetime
        std::uint8_t share;   // index into tally_
        bool good;            // ICV and sequence number
    };

    void read_fields();
    void find_sas();
    [[nodiscard]] static IpsecCheck check_sa(const Queued& queued,
                                             IpsecWork& work,
                                             std::uint64_t now);
    void account(std::uint64_t now);
    void refuse(const IpsecWork& work, DropReason reason, std::uint64_t now);

    const SaTable& sas_;
    WorkerCounters& counters_;
    Drops drops_;
    EventSink& events_;
    std::size_t queued_ = 0;
    SaTally tally_;
    std::array<Queued, kBurst> queue_{};
    std::array<Passage, kBurst> passages_{};
    std::array<IpsecWork, kBurst> works_{};
};

}  // namespace dataplane
