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
#include "crypto/engine_choice.h"
#include "dataplane/events.h"
#include "dataplane/publication.h"
#include "dataplane/sa_table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control {

struct SaRequest {
    config::SaPair sas;
    config::Guid rule;  // the one that SaSpec::rule numbers; nil: none
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
// packet, also in a bundle.
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
    // An expired SA stays listed for this long, so that who looks for a broken tunnel finds why.
    static constexpr std::uint64_t kListedSeconds = 60;

    // Precondition: all of them outlive the manager. `publication`: whose readers use `table`.
    SaManager(dataplane::SaTable& table,
              const crypto::EngineChoice& engines,
              const dataplane::Publication& publication,
              SaLog log);

    // All or nothing. An expired SA makes room for a new one of the same SPI. Errors: those of
    // Sa::create() and SaTable::add().
    [[nodiscard]] config::Result<void> add(const SaRequest& request,
                                           const dataplane::TscClock& clock);
    // How many SAs are gone: both of a bundle if one is selected.
    std::size_t remove(const SaSelection& selection);

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
        dataplane::SaHandle partner = dataplane::kNoSa;  // the other half of a bundle
        bool outer = false;                              // the AH half
        bool expired = false;
    };
    using Entries = std::map<dataplane::SaHandle, Entry>;
    struct Due {
        dataplane::SaHandle handle = dataplane::kNoSa;
        bool removal = false;  // else a limit of time
    };

    [[nodiscard]] config::Result<dataplane::SaHandle> add_one(std::unique_ptr<dataplane::Sa> sa,
                                                              const config::SaSpec& spec,
                                                              const config::Guid& rule,
                                                              dataplane::SaHandle outer);
    void make_room(const config::SaSpec& spec);
    std::size_t remove_one(dataplane::SaHandle handle);
    void forget(dataplane::SaHandle handle);
    void look_at_limits(dataplane::SaHandle handle, const dataplane::TscClock& clock);
    void soft_expired(const Entry& entry);
    void hard_expired(dataplane::SaHandle handle, const dataplane::TscClock& clock);
    void count(SaTotals& totals, const Entry& entry, const dataplane::Sa& sa) const;
    [[nodiscard]] SaReport report(const Entry& entry,
                                  const dataplane::Sa& sa,
                                  const dataplane::TscClock& clock) const;

    dataplane::SaTable& table_;
    const crypto::EngineChoice& engines_;
    const dataplane::Publication& publication_;
    SaLog log_;
    Entries entries_;
    std::multimap<std::uint32_t, dataplane::SaHandle> by_spi_;
    std::multimap<std::uint64_t, Due> due_;  // by TSC; may name SAs that are gone
    std::uint64_t next_order_ = 0;
    std::size_t unreclaimed_ = 0;
    SaTotals gone_;  // of SAs that were removed
};

}  // namespace control
