// What IKE asks of the packet path. The daemon's is control::Gateway; all of it happens on the
// control loop.
#pragma once

#include "config/rule_set.h"
#include "config/sa_method.h"
#include "config/types.h"
#include "control/acquire_request.h"
#include "control/ike/host.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace control {

class IkeDataplane {
  public:
    // IKE's side of it.
    struct Events {
        std::function<void(const AcquireRequest&)> acquire;
        // The pair of SAs has reached a limit; once for each limit.
        std::function<void(ike::ChildId, bool is_hard)> expired;
        // These rules are in force now.
        std::function<void(std::shared_ptr<const config::RuleSet>)> rules;
        // The host's own addresses.
        std::function<void(const std::vector<config::IpAddress>&)> addresses;
    };

    IkeDataplane() = default;
    IkeDataplane(const IkeDataplane&) = delete;
    IkeDataplane& operator=(const IkeDataplane&) = delete;
    virtual ~IkeDataplane() = default;

    // From now on events are raised; the present addresses at once. First called before there are
    // rules and packets.
    virtual void attach(Events events) = 0;

    [[nodiscard]] virtual std::uint32_t new_spi(config::IpsecProtocol protocol,
                                                const config::IpAddress& local) = 0;
    [[nodiscard]] virtual config::Result<void> add_child_sa(ike::ChildId child,
                                                            const config::Guid& rule,
                                                            const config::SaPair& sas) = 0;
    virtual void remove_child(ike::ChildId child) = 0;
    virtual void retire_outbound(ike::ChildId child) = 0;
    // False: its SAs cannot follow, and must be negotiated anew.
    virtual bool move_peer(ike::ChildId child, const ike::Endpoint& remote) = 0;
    [[nodiscard]] virtual ike::ChildUse use_of(ike::ChildId child) const = 0;

    // Packets that wait go on; or are dropped, because the negotiation failed.
    virtual void release_held(config::RuleTag selector, const config::IpAddress& remote) = 0;
    virtual void discard_held(config::RuleTag selector, const config::IpAddress& remote) = 0;
};

}  // namespace control
