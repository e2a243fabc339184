// SaTable: every SA of the gateway. Control adds and removes in constant time; workers look up
// without a lock, while it does. A removed SA is freed when no worker can see it any more, by the
// grace periods of Publication.
//
// Two arrays of chains, by SPI and by peer, run through the SAs themselves. A newcomer is linked at
// the head of its chains when it is complete. An SA that leaves a chain keeps its own link, so that
// a worker that stands on it still reaches the rest. Once such workers are quiescent the link may
// name an SA that is freed, and nobody follows it: an SA never comes back into a chain.
#pragma once

#include "config/bytes.h"
#include "config/result.h"
#include "config/sa_spec.h"
#include "dataplane/keyed_hash.h"
#include "dataplane/packet.h"
#include "dataplane/publication.h"
#include "dataplane/sa.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace dataplane {

[[nodiscard]] inline bool same_address(config::Family family,
                                       const std::uint8_t* a,
                                       const std::uint8_t* b) {
    using config::load;
    return family == config::Family::kIpv4
               ? load<std::uint32_t>(a) == load<std::uint32_t>(b)
               : load<std::uint64_t>(a) == load<std::uint64_t>(b)
                     && load<std::uint64_t>(a + 8) == load<std::uint64_t>(b + 8);
}

// Inbound (RFC 4301 4.1, 4.4.2): what an ESP or AH header and its destination say. Outbound SAs are
// found by it too: by `delete sa`, and when an ICMP error quotes one of our packets.
struct SpiKey {
    std::uint32_t spi = 0;
    config::IpsecProtocol protocol = config::IpsecProtocol::kEsp;
    config::Family family = config::Family::kIpv4;
    const std::uint8_t* destination = nullptr;  // 4 or 16 bytes

    friend bool operator==(const SpiKey& a, const SpiKey& b) {
        return a.spi == b.spi && a.protocol == b.protocol && a.family == b.family
               && same_address(a.family, a.destination, b.destination);
    }
};

// Outbound: the row that wants protection, by its rule and its selector, and the other end.
struct PeerKey {
    config::RuleTag rule = config::kAnyRule;
    config::RuleTag selector = config::kAnyRule;  // kAnyRule: it has none
    config::SaMode mode = config::SaMode::kTransport;
    config::Family family = config::Family::kIpv4;
    const std::uint8_t* peer = nullptr;  // 4 or 16 bytes
    // RFC 4301 4.1: a transport mode SA is between two addresses, and this host may have several.
    // nullptr: whatever the SA's source is.
    const std::uint8_t* source = nullptr;
};

class SaTable {
  public:
    static constexpr std::uint32_t kDefaultCapacity = 1U << 18U;
    static constexpr std::uint32_t kMaxCapacity = 1U << 20U;

    // `capacity`: SAs at one time, a power of two up to kMaxCapacity. `first_use`: the use count
    // every place begins with, not 0; other than 1 only where a test wants the last counts.
    explicit SaTable(std::uint32_t capacity = kDefaultCapacity, std::uint32_t first_use = 1);
    // Precondition: no worker uses it any more.
    ~SaTable();
    SaTable(const SaTable&) = delete;
    SaTable& operator=(const SaTable&) = delete;

    // --- control, one thread at a time

    // Makes the SA visible. Of two outbound SAs for the same rule or selector, mode and peer the
    // one added later is used; when it is removed, the earlier one again. A soft one, which has no
    // SPI to be found by, is used only where there is no other.
    //
    // A bundle: first the AH SA, which says within_bundle and for that reason is never found by
    // PeerKey, then with its handle as `outer` the one ESP SA that lies within it.
    //
    // Errors: kSaExists: SPI, destination and protocol are taken; kTooManySas; kSaNotFound: no
    // `outer`; kBadSa: the two make no bundle.
    [[nodiscard]] config::Result<SaHandle> add(std::unique_ptr<Sa> sa, SaHandle outer = kNoSa);
    // No packet finds it by PeerKey any more and takes another SA that fits; by SPI and handle it
    // is found as before, for errors about packets that are under way, until remove(). There is no
    // way back. Of a bundle either half may be named. False: there is no such outbound SA.
    bool retire(SaHandle handle);
    // Sends the packets of an outbound SA with UDP encapsulation there from now on; numbers, keys
    // and counts go on. It is found as before. False: there is no such SA, or in transport mode,
    // where packets say themselves where they go, `address` is another one.
    bool move_peer(SaHandle handle, const config::IpAddress& address, std::uint16_t port);
    // Makes it invisible for new packets. The SAs of a bundle go together, whichever is named.
    // False: there is none.
    bool remove(SaHandle handle);
    // Frees what was removed or replaced and no worker uses any more; how much still waits.
    // `publication` is the one whose readers look up here.
    std::size_t reclaim(const Publication& publication);
    [[nodiscard]] std::size_t size() const { return size_; }
    // In the order of their places. The pointers are valid until the next reclaim().
    [[nodiscard]] std::vector<const Sa*> all() const;

    // --- any thread between quiescent states, and control

    [[nodiscard]] Sa* find(SaHandle handle) const;
    [[nodiscard]] Sa* find(const SpiKey& key) const;
    // The SA bound to the selector, else the one bound to the rule, else the one for any rule, else
    // a soft one in the same order.
    [[nodiscard]] Sa* find(const PeerKey& key) const;

  private:
    using Chain = std::atomic<Sa*>;  // writer: control; readers: workers; order: release / acquire

  public:
    // The same in steps, each of which brings in what the next one reads. Taken step by step for a
    // whole burst, the cache misses of its look-ups overlap. A PeerKey wants advance() twice: the
    // chains of rule and any rule are brought in only where the selector, IKE's, has none.
    class Trail {
        friend class SaTable;
        const Chain* chain_ = nullptr;
        const Chain* rule_ = nullptr;      // of a PeerKey: where to look next ...
        const Chain* any_rule_ = nullptr;  // ... and last
        bool wide_ = false;                // the two are on their way
    };
    [[nodiscard]] Trail begin(const SpiKey& key) const;
    [[nodiscard]] Trail begin(const PeerKey& key) const;
    static void advance(Trail& trail);
    // `trail` began with this key.
    [[nodiscard]] static Sa* find(const SpiKey& key, const Trail& trail);
    [[nodiscard]] static Sa* find(const PeerKey& key, const Trail& trail);

  private:
    using Link = std::atomic<Sa*> Sa::*;

    struct Place {
        Chain sa{nullptr};
        std::uint32_t uses = 0;  // of the SA that is or will be here; only control looks
        // Of the AH SA of a bundle: what lies within it; only control looks.
        SaHandle inner = kNoSa;
        bool retired = false;  // not in its chain by peer any more; only control looks
    };
    // Removed between two calls of reclaim(). They share the grace period that the later one began.
    struct InGrace {
        std::uint64_t grace = 0;
        std::vector<std::unique_ptr<Sa>> sas;
        std::vector<std::unique_ptr<const SaPeer>> peers;
    };

    [[nodiscard]] Chain& chain_of(const SpiKey& key) const;
    // The chain of the key's SAs that are bound to `rule`.
    [[nodiscard]] Chain& chain_of(const PeerKey& key, config::RuleTag rule) const;
    [[nodiscard]] Place& place_of(SaHandle handle) const { return places_[handle & mask_]; }
    [[nodiscard]] config::Result<void> check(const Sa& sa, SaHandle outer) const;
    [[nodiscard]] Sa* inner_of(Sa& sa) const;
    void leave_peers(Sa& sa);
    void take_out(Sa& sa);

    static void link(Chain& chain, Sa& sa, Link next);
    static void unlink(Chain& chain, Sa& sa, Link next);

    std::uint32_t mask_;               // capacity - 1: selects a handle's place, and a hash's chain
    unsigned place_bits_;              // of a handle; the use count is above
    KeyedHash hash_;                   // a peer chooses the SPIs of our outbound SAs
    std::unique_ptr<Chain[]> by_spi_;  // through Sa::next_by_spi
    std::unique_ptr<Chain[]> by_peer_;  // through Sa::next_by_peer: outbound, not within a bundle
    std::unique_ptr<Place[]> places_;
    std::deque<std::uint32_t> free_;  // places; the one free for longest first
    std::size_t size_ = 0;
    // Their grace period has not begun.
    std::vector<std::unique_ptr<Sa>> removed_;
    std::vector<std::unique_ptr<const SaPeer>> replaced_;
    std::deque<InGrace> in_grace_;  // oldest first
};

}  // namespace dataplane
