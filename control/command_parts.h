// Steps that several handlers share: from arguments to values, and the description of each object.
#pragma once

#include "config/command.h"
#include "config/policy.h"
#include "config/result.h"
#include "control/commands.h"
#include "control/listing.h"

#include <string_view>
#include <vector>

namespace control {

// From srcaddr, srcmask, dstaddr, dstmask, protocol, srcport, dstport and mirrored.
[[nodiscard]] config::Result<std::vector<config::FilterSpec>> filter_specs(
    const CommandContext& context, const config::Arguments& arguments);
[[nodiscard]] config::Result<config::FilterPattern> filter_pattern(
    const CommandContext& context, const config::Arguments& arguments);

// `old` is kept when the value is one of the placeholders `ip` and `dns` and it has an end point.
[[nodiscard]] config::Result<config::TunnelEndpoint> tunnel_endpoint(
    const CommandContext& context,
    const config::TunnelSyntax& syntax,
    const config::TunnelEndpoint& old);

config::Result<void> describe_filter_list(const CommandContext& context,
                                          Listing& listing,
                                          const config::FilterList& list,
                                          bool verbose);
void describe_filter_action(const CommandContext& context,
                            Listing& listing,
                            const config::FilterAction& action,
                            bool verbose);
config::Result<void> describe_policy(const CommandContext& context,
                                     Listing& listing,
                                     const config::Policy& policy,
                                     bool verbose);
config::Result<void> describe_rule(const CommandContext& context,
                                   Listing& listing,
                                   const config::Rule& rule,
                                   std::size_t id,
                                   bool verbose);
void describe_default_rule(const CommandContext& context,
                           Listing& listing,
                           const config::Policy& policy,
                           bool verbose);

}  // namespace control
