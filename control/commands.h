// Handlers of the commands: one row per CommandId. A handler checks, changes the store or the
// dynamic state, and returns what a show command prints. When it fails, the controller undoes what
// it did to the store; the dynamic state is changed only after everything that can fail.
#pragma once

#include "config/command.h"
#include "config/policy_store.h"
#include "config/result.h"
#include "control/dataplane_handle.h"
#include "control/dynamic_state.h"
#include "control/ike_handle.h"
#include "control/listing.h"
#include "control/settings.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace config {
class RuleTags;
}

namespace control {

using ResolvedNames = std::map<std::string, config::Result<std::vector<config::IpAddress>>>;

// The DNS names among the values of a line.
[[nodiscard]] std::unordered_set<std::string> names_to_resolve(const config::Arguments& arguments);

struct CommandContext {
    config::PolicyStore& store;
    DynamicState& dynamic;
    DataplaneHandle& dataplane;
    IkeHandle* ike = nullptr;  // nullptr: there is no IKE
    config::RuleTags& rule_tags;
    const ResolvedNames& names;  // every DNS name on the lines of the batch
    std::string store_name;      // "Local Store <HOST>"
    std::int64_t now = 0;        // Unix time of the batch
    bool json = false;
    bool show_secrets = false;
    bool once = false;

    // What a handler says besides its text.
    std::vector<std::string> notes{};
    std::vector<config::Guid> touched{};  // policies, lists and actions that were changed
    bool reassigned = false;              // another policy, or none, is assigned now
    bool dynamic_rules_changed = false;
    std::optional<Settings> settings{};  // they have been changed to these
    // Part of the request was refused; what was done stays. Exit code 1.
    std::optional<config::Error> refused{};

    [[nodiscard]] Listing listing(const config::Arguments& arguments) const;
    // Addresses of a DNS name; none for every other form.
    [[nodiscard]] config::Result<std::vector<config::IpAddress>> addresses_of(
        const config::AddressSyntax& address) const;
};

using CommandResult = config::Result<std::string>;
using CommandHandler = CommandResult (*)(CommandContext&, const config::Arguments&);

struct HandlerRow {
    config::CommandId id;
    CommandHandler handler;
};

[[nodiscard]] CommandHandler find_handler(config::CommandId id);

// The rows of each file; find_handler() looks through all of them.
[[nodiscard]] std::span<const HandlerRow> static_filter_handlers();
[[nodiscard]] std::span<const HandlerRow> static_action_handlers();
[[nodiscard]] std::span<const HandlerRow> static_policy_handlers();
[[nodiscard]] std::span<const HandlerRow> static_rule_handlers();
[[nodiscard]] std::span<const HandlerRow> static_store_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_config_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_mm_filter_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_mm_sas_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_policy_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_qm_sas_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_rule_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_sa_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_show_handlers();
[[nodiscard]] std::span<const HandlerRow> dynamic_stats_handlers();

}  // namespace control
