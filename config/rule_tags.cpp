#include "config/rule_tags.h"

#include "config/rule_set.h"

namespace config {

RuleTag RuleTags::tag_of(const Guid& rule) {
    const auto [at, inserted] = tags_.try_emplace(rule, last_ + 1);
    if (inserted) {
        ++last_;
    }
    return at->second;
}

void RuleTags::limit_to(const RuleSet& in_force) {
    if (tags_.size() <= in_force.rules.size() + kRemembered) {
        return;
    }
    tags_.clear();
    for (const RuleSetRule& rule : in_force.rules) {
        tags_.emplace(rule.guid, rule.tag);
    }
}

}  // namespace config
