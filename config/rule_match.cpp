#include "config/rule_match.h"

#include <algorithm>

namespace config {
namespace {

bool within(const PortRange& range, std::uint16_t port) {
    return range.first <= port && port <= range.last;
}

}  // namespace

bool row_matches(const RuleRow& row, const MatchInput& packet) {
    if (row.family != packet.source.family) {
        return false;
    }
    const bool path = row.connection_type == ConnectionType::kAll
                      || (row.connection_type == ConnectionType::kLan && packet.lan)
                      || (row.connection_type == ConnectionType::kDialup && packet.dialup);
    return path && (row.protocol == kAnyProtocol || row.protocol == packet.protocol)
           && row.source_first <= packet.source && packet.source <= row.source_last
           && row.destination_first <= packet.destination
           && packet.destination <= row.destination_last
           && within(row.source_port, packet.source_port)
           && within(row.destination_port, packet.destination_port);
}

const RuleRow* first_match(const RuleSet& rule_set, const MatchInput& packet) {
    const auto found = std::find_if(rule_set.rows.begin(),
                                    rule_set.rows.end(),
                                    [&](const RuleRow& row) { return row_matches(row, packet); });
    return found == rule_set.rows.end() ? nullptr : &*found;
}

}  // namespace config
