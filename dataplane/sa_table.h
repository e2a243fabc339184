// SaTable: every SA of the gateway. Control adds and removes in constant time; workers look up
// without a lock, while it does. A removed SA is freed when no worker can see it any more, by the
// quiescent states of Publication.
#pragma once

#include "config/sa_spec.h"
#include "dataplane/packet.h"
#include "dataplane/publication.h"
#include "dataplane/sa.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace dataplane {

// Inbound (RFC 4301 4.1, 4.4.2): what an ESP or AH header and its destination say. Outbound SAs are
// found by it too: by `delete sa`, and when an ICMP error quotes one of our packets.
struct SpiKey {
    std::uint32_t spi = 0;
    config::IpsecProtocol protocol = config::IpsecProtocol::kEsp;
    config::Family family = config::Family::kIpv4;
    const std::uint8_t* destination = nullptr;  // 4 or 16 bytes
};

// Outbound: the rule that wants protection and the other end.
struct PeerKey {
    config::RuleTag rule = config::kAnyRule;
    config::SaMode mode = config::SaMode::kTransport;
    config::Family family = config::Family::kIpv4;
    const std::uint8_t* peer = nullptr;  // 4 or 16 bytes
};

class SaTable {
  public:
    static constexpr std::uint32_t kDefaultCapacity = 1U << 18U;

    // `capacity`: SAs at one time, a power of two up to 2^20.
    explicit SaTable(std::uint32_t capacity = kDefaultCapacity);
    // Precondition: no worker uses it any more.
    ~SaTable();
    SaTable(const SaTable&) = delete;
    SaTable& operator=(const SaTable&) = delete;

    // --- control, one thread at a time

    // Makes the SA visible. Of two outbound SAs for the same rule and peer the one added later is
    // used. `outer`: the AH SA of a bundle, in the table already (dataplane/sa.h). Errors:
    // kObjectExists: SPI, destination and protocol are taken; kTooManySas.
    [[nodiscard]] config::Result<SaHandle> add(std::unique_ptr<Sa> sa, SaHandle outer = kNoSa);
    // Makes it invisible for new packets, and its outer one with it. False: there is none.
    bool remove(SaHandle handle);
    // Frees what was removed and no worker uses any more; how many still wait. `publication` is the
    // one whose readers look up here.
    std::size_t reclaim(const Publication& publication);
    [[nodiscard]] std::size_t size() const { return size_; }
    // In the order of their places. The pointers are valid until the next reclaim().
    [[nodiscard]] std::vector<const Sa*> all() const;

    // --- any thread between quiescent states, and control

    [[nodiscard]] Sa* find(SaHandle handle) const;
    [[nodiscard]] Sa* find(const SpiKey& key) const;
    // The SA bound to the rule, else the one for any rule.
    [[nodiscard]] Sa* find(const PeerKey& key) const;
    // Brings the head of the key's chain into the cache.
    void prefetch(const SpiKey& key) const;

  private:
    struct Place;
    struct Retired;

    // Implementation: two arrays of chains (by SPI, by rule and peer) of atomic pointers, linked
    // through Sa::next_by_*, and an array of places indexed by the low bits of a handle.
    std::uint32_t mask_;
    std::unique_ptr<std::atomic<Sa*>[]>
        by_spi_;  // writer: control; readers: workers; release/acquire
    std::unique_ptr<std::atomic<Sa*>[]>
        by_peer_;  // writer: control; readers: workers; release/acquire
    std::unique_ptr<std::atomic<Sa*>[]>
        places_;               // writer: control; readers: workers; release/acquire
    std::uint64_t hash_seed_;  // secret: a sender chooses its SPIs
    std::size_t size_ = 0;
};

}  // namespace dataplane
