#include "config/rule_tags.h"

#include "config/bytes.h"
#include "config/rule_set.h"

#include <unordered_set>
#include <utility>

namespace config {
namespace {

template <typename Key>
RuleTag number_of(const Key& key, std::unordered_map<Key, RuleTag>& tags, RuleTag& last) {
    const auto [at, inserted] = tags.try_emplace(key, last + 1);
    if (inserted) {
        ++last;
    }
    return at->second;
}

// Multiplies and folds, so that bounds that differ in few bits lie far apart.
std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
    const std::uint64_t product = (hash ^ word) * 0x9E3779B97F4A7C15U;
    return product ^ (product >> 32U);
}

std::uint64_t mix(std::uint64_t hash, const std::array<std::uint8_t, 16>& bytes) {
    return mix(mix(hash, load<std::uint64_t>(bytes.data())), load<std::uint64_t>(bytes.data() + 8));
}

std::uint64_t word_of(const PortRange& range) {
    return std::uint64_t{range.first} << 16U | range.last;
}

}  // namespace

SelectorKey SelectorKey::exchanged() const {
    SelectorKey other = *this;
    std::swap(other.source_first, other.destination_first);
    std::swap(other.source_last, other.destination_last);
    std::swap(other.source_port, other.destination_port);
    return other;
}

RuleTag RuleTags::tag_of(const Guid& rule) {
    return number_of(rule, tags_, last_);
}

RuleTag RuleTags::selector_of(const SelectorKey& selector) {
    return number_of(selector, selectors_, last_);
}

void RuleTags::limit_to(const RuleSet& in_force) {
    if (tags_.size() > in_force.rules.size() + kRemembered) {
        tags_.clear();
        for (const RuleSetRule& rule : in_force.rules) {
            tags_.emplace(rule.guid, rule.tag);
        }
    }
    if (selectors_.size() > in_force.rows.size() + kRemembered) {
        std::unordered_set<RuleTag> used;
        for (const RuleRow& row : in_force.rows) {
            used.insert(row.selector);
        }
        std::erase_if(selectors_, [&](const auto& entry) { return !used.contains(entry.second); });
    }
}

}  // namespace config

std::size_t std::hash<config::SelectorKey>::operator()(
    const config::SelectorKey& key) const noexcept {
    using config::mix;
    std::uint64_t mixed = mix(key.rule, key.filter.bytes);
    mixed = mix(mixed, std::uint64_t{static_cast<std::uint8_t>(key.family)} << 8U | key.protocol);
    for (const auto* bound :
         {&key.source_first, &key.source_last, &key.destination_first, &key.destination_last}) {
        mixed = mix(mixed, *bound);
    }
    return mix(mixed,
               config::word_of(key.source_port) << 32U | config::word_of(key.destination_port));
}
