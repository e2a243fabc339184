// Controller: executes command lines. It owns what is between the store and the dataplane: the
// running SPD of the dynamic context, the rule set built from both, and the promise that a reply is
// given only when its change is durable and in force.
//
// Everything here runs on the control loop.
#pragma once

#include "config/result.h"
#include "config/rule_set.h"
#include "control/dataplane_handle.h"
#include "control/dynamic_state.h"
#include "control/ike_handle.h"
#include "control/resolver.h"
#include "control/session.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace config {
class PolicyStore;
}

namespace control {

struct Request {
    std::string line;
    bool json = false;          // show commands answer in JSON
    bool show_secrets = false;  // with level=verbose
    bool once = false;          // the only command of its process: session settings have no effect
};

struct Reply {
    bool ok = true;
    std::string text;
    std::string prompt;
};

// Who asked, for the audit log.
struct Peer {
    std::uint32_t uid = 0;
    std::int32_t pid = 0;
};

struct ControllerOptions {
    std::string host_name;  // printed as "Local Store <HOST>"
    // One line, key=value, per changing command; secrets are masked.
    std::function<void(std::string_view)> audit;
    // Outlives the controller. nullptr: gateway.toml has ike.enabled = false.
    IkeHandle* ike = nullptr;
};

// At most this many lines are executed as one transaction.
inline constexpr std::size_t kMaxBatch = 512;

class Controller {
  public:
    Controller(config::PolicyStore& store,
               DataplaneHandle& dataplane,
               Resolver& resolver,
               ControllerOptions options);
    ~Controller();
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    // Compiles the assigned policy and the dynamic rules for the host as it is now and submits the
    // result. Called once at start-up and whenever dataplane.host_view() has changed. The value is
    // the revision; nothing is submitted, and the last revision returned, if neither has changed.
    [[nodiscard]] config::Result<std::uint64_t> refresh();

    // Executes `requests` (at most kMaxBatch) in order for one session: DNS names are resolved
    // first, then one transaction with a savepoint per command, one rule-set build, one
    // publication. `done` gets one reply per executed request, in order; fewer replies than
    // requests means that the output has grown large and the rest is to be submitted again.
    // `session` stays alive until then and takes no other call in between.
    using Done = std::function<void(std::vector<Reply>)>;
    void execute(std::shared_ptr<Session> session,
                 Peer peer,
                 std::vector<Request> requests,
                 Done done);

    [[nodiscard]] const DynamicState& dynamic_state() const;
    // Names of what exists, for completion.
    [[nodiscard]] std::vector<std::string> object_names(config::ObjectKind kind) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace control
