// What commands ask of IKE. The daemon connects it to the real one (control/ike_service.h); without
// IKE (gateway.toml, ike.enabled = false) there is none.
#pragma once

#include "config/policy.h"
#include "config/result.h"
#include "control/ike/engine.h"
#include "control/ike/report.h"

#include <cstddef>
#include <optional>

namespace control {

class IkeHandle {
  public:
    IkeHandle() = default;
    IkeHandle(const IkeHandle&) = delete;
    IkeHandle& operator=(const IkeHandle&) = delete;
    virtual ~IkeHandle() = default;

    [[nodiscard]] virtual ike::Report report() const = 0;
    [[nodiscard]] virtual ike::Statistics statistics() const = 0;
    // Nothing: no pair of SAs of that number.
    [[nodiscard]] virtual std::optional<ike::ChildReport> child(ike::ChildId child) const = 0;
    // Main modes between these ends and everything negotiated under them; peers are told. How many
    // ISAKMP SAs and pairs of SAs are gone.
    virtual std::size_t close(const ike::MainModeSelection& selection) = 0;
    virtual std::size_t close_child(ike::ChildId child) = 0;

    // Why a rule with this method can never negotiate here: Kerberos, certificate mapping, no
    // certificate of our own under that CA.
    [[nodiscard]] virtual config::Result<void> check(const config::AuthMethod& method) const = 0;
    // netsh `set config property=ikelogging` and `strongcrlcheck` (0, 1, 2).
    virtual void set_logging(bool on) = 0;
    virtual void set_crl_check(unsigned level) = 0;
};

}  // namespace control
