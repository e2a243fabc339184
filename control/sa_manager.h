// SaManager: what the control loop knows of SAs beside what packets need: how each was asked for,
// when it ends, and what becomes of it then. Adds to and removes from the SaTable of the workers.
//
// Sans-IO: the owner calls tick() when next_tick() says so, and hands in what workers raise. Time
// is the workers' TSC, so that control and workers agree on when an SA has expired. Control loop
// only.
#pragma once

#include "config/result.h"
#include "config/sa_method.h"
#include "config/sa_spec.h"
#include "config/types.h"
#include "control/ike/host.h"
#include "control/spi_pool.h"
#include "crypto/engine_choice.h"
#include "dataplane/events.h"
#include "dataplane/publication.h"
#include "dataplane/sa_table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace control {

struct SaRequest {
    config::SaPair sas;
    config::Guid rule;        // the one that SaSpec::rule numbers; nil: none
    std::uint64_t child = 0;  // an ike::ChildId: IKE owns it; 0: an operator does
};

// What is named must be equal.
struct SaSelection {
    std::optional<std::uint32_t> spi;
    std::optional<config::IpAddress> destination;
};

enum class SaState : std::uint8_t {
    kActive,
    kExpiring,  // the soft limit is reached
    kExpired,   // the hard one is: no packet passes
};

struct SaReport {
    config::SaSpec spec;  // the keys are empty
    config::Guid rule;
    std::uint64_t child = 0;  // as in SaRequest
    // The other half of a bundle.
    std::optional<std::uint32_t> bundled_with;
    SaState state = SaState::kActive;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t sequence = 0;  // outbound: the last one given out; inbound: the largest received
    std::optional<std::uint64_t> seconds_left;  // to the hard limit
    std::optional<std::uint64_t> idle_seconds;  // since the last packet
    std::uint64_t replayed = 0;
    std::uint64_t bad_icv = 0;
    std::uint64_t malformed = 0;
    std::uint64_t policy_mismatch = 0;
    std::uint64_t refused = 0;   // packets after the hard limit
    std::uint16_t path_mtu = 0;  // 0: not known
};

struct SentReceived {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

// Since the start; nothing but `active` and `active_tunnels` ever falls. Bytes are counted once per
// packet, also in a bundle. Soft SAs protect nothing and are not counted.
struct SaTotals {
    std::uint64_t active = 0;
    std::uint64_t active_tunnels = 0;  // of these, in tunnel mode
    std::uint64_t added = 0;
    std::uint64_t deleted = 0;  // by command or at the end of their life
    SentReceived confidential;
    SentReceived authenticated;
    SentReceived transport;
    SentReceived tunnel;
};

// Where lines for the log go.
struct SaLog {
    std::function<void(std::string_view)> lifetime;  // the end of an SA, announced or reached
    std::function<void(std::string_view)> audit;     // RFC 4303 4; may come in floods
};

class SaManager {
  public:
    // An operator's SA stays listed for this long after it expired, so that who looks for a broken
    // tunnel finds why.
    static constexpr std::uint64_t kListedSeconds = 60;

    // A limit of one of the child's SAs is reached: each limit is told once, whichever SA is first.
    // kHard also where an operator deleted one of them. The owner removes the child, if it likes in
    // the call itself.
    using ChildExpiry = std::function<void(std::uint64_t child, dataplane::SaExpiry limit)>;

    // Precondition: all of them outlive the manager. `publication`: whose readers use `table`.
    SaManager(dataplane::SaTable& table,
              const crypto::EngineChoice& engines,
              const dataplane::Publication& publication,
              SaLog log,
              SpiPool spis = SpiPool());

    // Whoever adds SAs with a child.
    void set_owner(ChildExpiry owner) { owner_ = std::move(owner); }

    // All or nothing. An expired SA makes room for a new one of the same SPI. Errors: those of
    // Sa::create() and SaTable::add().
    [[nodiscard]] config::Result<void> add(const SaRequest& request,
                                           const dataplane::TscClock& clock);
    // How many SAs are gone: both of a bundle if one is selected.
    std::size_t remove(const SaSelection& selection);

    // --- IKE's, each in time that does not grow with the number of SAs

    // For an inbound SA of any protocol and address: no SA here has it (control/spi_pool.h).
    [[nodiscard]] std::uint32_t new_spi(const dataplane::TscClock& clock);
    // How many SAs are gone.
    std::size_t remove_child(std::uint64_t child);
    // Packets take other SAs from now on; what comes by the inbound one is still good.
    void retire_outbound(std::uint64_t child);
    // The peer is behind a NAT and reached at another port, in tunnel mode also at another address
    // now. False: the child has no SA that can follow, and must be negotiated anew.
    bool move_peer(std::uint64_t child, const config::IpAddress& address, std::uint16_t port);
    // Zeros if there is none.
    [[nodiscard]] ike::ChildUse use_of(std::uint64_t child, const dataplane::TscClock& clock) const;

    // --- listings

    // In the order in which they were added; of a bundle the AH SA first.
    [[nodiscard]] std::vector<SaReport> reports(const dataplane::TscClock& clock) const;
    [[nodiscard]] SaTotals totals() const;

    // Of kind kSoftExpired, kHardExpired or kAudit. One about an SA that is gone says nothing any
    // more.
    void handle(const dataplane::Event& event, const dataplane::TscClock& clock);
    // Does what is due: limits of time, removal of expired SAs, memory of removed ones.
    void tick(const dataplane::TscClock& clock);
    // The TSC at which tick() has something to do.
    [[nodiscard]] std::optional<std::uint64_t> next_tick(const dataplane::TscClock& clock) const;

  private:
    struct Entry {
        std::uint64_t order = 0;
        config::SaSpec spec;  // the keys are empty
        config::Guid rule;
        std::uint64_t child = 0;
        dataplane::SaHandle partner = dataplane::kNoSa;  // the other half of a bundle
        bool outer = false;                              // the AH half
        bool expired = false;
        // What stands in due_, as TSC; ~0: nothing.
        dataplane::SaDeadlines limits;
        std::uint64_t removal = ~std::uint64_t{0};
    };
    using Entries = std::map<dataplane::SaHandle, Entry>;
    struct Child {
        std::vector<dataplane::SaHandle> sas;
        bool soft_told = false;
        bool hard_told = false;
    };

    [[nodiscard]] config::Result<dataplane::SaHandle> add_one(std::unique_ptr<dataplane::Sa> sa,
                                                              const config::SaSpec& spec,
                                                              const SaRequest& request,
                                                              dataplane::SaHandle outer);
    void make_room(const config::SaSpec& spec);
    std::size_t remove_one(dataplane::SaHandle handle);
    void forget(dataplane::SaHandle handle);
    [[nodiscard]] std::vector<dataplane::SaHandle> select(const SaSelection& selection) const;
    [[nodiscard]] std::vector<dataplane::SaHandle> sas_of(std::uint64_t child) const;
    void tell(std::uint64_t child, dataplane::SaExpiry limit);
    void wait_until(std::uint64_t when, dataplane::SaHandle handle);
    void look_at_limits(dataplane::SaHandle handle, const dataplane::TscClock& clock);
    void soft_expired(const Entry& entry);
    void hard_expired(dataplane::SaHandle handle, const dataplane::TscClock& clock);
    static void count(SaTotals& totals, const Entry& entry, const dataplane::Sa& sa);
    [[nodiscard]] SaReport report(const Entry& entry,
                                  const dataplane::Sa& sa,
                                  const dataplane::TscClock& clock) const;

    dataplane::SaTable& table_;
    const crypto::EngineChoice& engines_;
    const dataplane::Publication& publication_;
    SaLog log_;
    SpiPool spis_;
    ChildExpiry owner_;
    Entries entries_;
    std::set<std::pair<std::uint32_t, dataplane::SaHandle>> by_spi_;
    std::set<std::pair<std::uint64_t, dataplane::SaHandle>> due_;  // by TSC
    std::unordered_map<std::uint64_t, Child> children_;            // those that have SAs
    std::uint64_t next_order_ = 0;
    std::size_t unreclaimed_ = 0;
    SaTotals gone_;  // of SAs that were removed
};

}  // namespace control
