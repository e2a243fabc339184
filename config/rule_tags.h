// RuleTags: the numbers by which SAs name rules. A rule keeps its number while it is edited,
// deactivated or its policy unassigned; a number is never given to another rule.
#pragma once

#include "config/sa_spec.h"
#include "config/types.h"

#include <cstddef>
#include <unordered_map>

namespace config {

struct RuleSet;

// Owned by whoever compiles rule sets; one thread.
class RuleTags {
  public:
    // Rules out of force whose numbers are remembered: they may come back with their SAs, but
    // dynamic rules that were deleted never do.
    static constexpr std::size_t kRemembered = 65'536;

    // The rule's number, from 1; it gets one when it is first asked for.
    [[nodiscard]] RuleTag tag_of(const Guid& rule);

    // Forgets every rule outside of `in_force` once more than kRemembered of them are remembered.
    // One that comes back afterwards is a new rule to its SAs.
    void limit_to(const RuleSet& in_force);

  private:
    std::unordered_map<Guid, RuleTag> tags_;
    RuleTag last_ = kAnyRule;
};

}  // namespace config
