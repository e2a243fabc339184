// Unfinished datagrams: holds every fragment until the datagram is complete without overlap, so
// that filters judge later fragments by the first one's ports and no receiver can be made to
// reassemble something else than what was judged. Fragments leave unchanged and in offset order;
// reassemble() makes one packet of them where one is needed. All memory is taken at construction;
// work per fragment is bounded by kMaxFragments.
#pragma once

#include "config/types.h"
#include "dataplane/counters.h"
#include "dataplane/packet.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace dataplane {

struct FragmentLimits {
    std::uint32_t datagrams = 1024;  // unfinished at one time; a new one beyond is refused
    std::uint32_t fragments = 4096;  // held at one time
    std::uint64_t timeout = 0;       // ticks from a datagram's first arrival
};

class FragmentTable {
  public:
    static constexpr std::uint32_t kMaxFragments = 64;  // of one datagram
    static constexpr std::uint32_t kTimeoutSeconds = 30;

    // `seed` is secret: it keeps senders from choosing keys that share a hash chain.
    FragmentTable(const FragmentLimits& limits, std::uint64_t seed);
    FragmentTable(const FragmentTable&) = delete;
    FragmentTable& operator=(const FragmentTable&) = delete;

    // Takes a parsed fragment. Returns all fragments of its datagram, in offset order and with the
    // first one's protocol and ports, when it was the last one missing; else nothing. The span is
    // valid until the next call. Counts held, released and drops.
    [[nodiscard]] std::span<rte_mbuf* const> add(rte_mbuf* mbuf,
                                                 std::uint64_t now,
                                                 WorkerCounters& counters);
    // Drops the datagrams that are too old, as kFragmentTimeout.
    void expire(std::uint64_t now, WorkerCounters& counters);
    // Drops everything, counted as `reason`.
    void drain(DropReason reason, WorkerCounters& counters);

    [[nodiscard]] std::uint32_t datagrams() const { return datagrams_; }
    [[nodiscard]] std::uint32_t fragments() const { return fragments_; }

  private:
    static constexpr std::uint32_t kNil = 0xFFFFFFFF;

    // A datagram is the same only if it also came the same way: fragments of one datagram that
    // arrive on different ports were routed by different decisions, and one that came in clear must
    // not become part of a datagram that an SA protected (RFC 4301 7.4).
    struct Key {
        std::array<std::uint8_t, 16> source{};
        std::array<std::uint8_t, 16> destination{};
        std::uint32_t id = 0;
        SaHandle sa = kNoSa;
        std::uint16_t in_port = kNoPort;
        std::uint8_t protocol = 0;  // IPv4 only: RFC 8200 4.5 leaves it out of the key
        config::Family family = config::Family::kIpv4;
        Origin origin = Origin::kWire;
        std::array<std::uint8_t, 3> zero{};

        friend bool operator==(const Key&, const Key&) = default;
    };

    struct Datagram {
        Key key;
        std::uint64_t since = 0;
        std::uint32_t chain = kNil;  // next of the same bucket, or of the free list
        std::uint32_t older = kNil;  // age list: all datagrams time out after the same time
        std::uint32_t newer = kNil;
        std::uint32_t first = kNil;  // fragments in offset order
        std::uint32_t last = kNil;
        std::uint32_t count = 0;
        std::uint32_t bytes = 0;  // sum of the fragments' lengths
        std::uint32_t total = 0;  // length of the datagram; 0 until its last fragment came
        // Refused: fragments that still arrive are dropped for the same reason (RFC 5722) until the
        // timeout.
        bool refused = false;
        DropReason reason = DropReason::kFragmentBad;
    };

    struct Node {
        rte_mbuf* mbuf = nullptr;
        std::uint32_t next = kNil;
    };

    [[nodiscard]] static Key key_of(const rte_mbuf* mbuf);
    [[nodiscard]] std::uint32_t bucket_of(const Key& key) const;
    [[nodiscard]] std::uint32_t find_or_create(const Key& key, std::uint64_t now);
    // False: its end contradicts what the other fragments said about the datagram's length.
    [[nodiscard]] bool fits(Datagram& datagram, const PacketMeta& meta) const;
    // False: it overlaps a fragment that is already there.
    [[nodiscard]] bool insert(Datagram& datagram, rte_mbuf* mbuf);
    void refuse(Datagram& datagram, DropReason reason, WorkerCounters& counters);
    void remove(std::uint32_t index);
    void unlink_from_bucket(std::uint32_t index);
    [[nodiscard]] std::span<rte_mbuf* const> release(std::uint32_t index, WorkerCounters& counters);
    // Moves the fragments into released_, in order, and returns how many.
    std::uint32_t take_fragments(Datagram& datagram);
    void drop_fragments(Datagram& datagram, DropReason reason, WorkerCounters& counters);

    FragmentLimits limits_;
    std::uint64_t seed_;
    std::vector<std::uint32_t> buckets_;
    std::vector<Datagram> table_;
    std::vector<Node> nodes_;
    std::uint32_t free_datagram_ = kNil;
    std::uint32_t free_node_ = kNil;
    std::uint32_t oldest_ = kNil;
    std::uint32_t newest_ = kNil;
    std::uint32_t datagrams_ = 0;
    std::uint32_t fragments_ = 0;
    std::array<rte_mbuf*, kMaxFragments> released_{};
};

}  // namespace dataplane
