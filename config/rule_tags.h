// RuleTags: the numbers by which SAs name rules and selectors. A rule keeps its number while it is
// edited, deactivated or its policy unassigned, a selector while rule, filter and what the filter
// expands to stay the same. A number is never given to another of them.
#pragma once

#include "config/policy.h"
#include "config/sa_spec.h"
#include "config/types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace config {

struct RuleSet;

// What a specific filter is (config/selectors.h): bounds as RuleRow has them.
struct SelectorKey {
    RuleTag rule = kAnyRule;
    Guid filter;
    Family family = Family::kIpv4;
    std::uint8_t protocol = kAnyProtocol;
    std::array<std::uint8_t, 16> source_first{};
    std::array<std::uint8_t, 16> source_last{};
    std::array<std::uint8_t, 16> destination_first{};
    std::array<std::uint8_t, 16> destination_last{};
    PortRange source_port;
    PortRange destination_port;

    // The opposite direction.
    [[nodiscard]] SelectorKey exchanged() const;

    friend bool operator==(const SelectorKey&, const SelectorKey&) = default;
};

}  // namespace config

template <>
struct std::hash<config::SelectorKey> {
    std::size_t operator()(const config::SelectorKey& key) const noexcept;
};

namespace config {

// Owned by whoever compiles rule sets; one thread.
class RuleTags {
  public:
    // Rules out of force whose numbers are remembered, and selectors: they may come back with their
    // SAs, but dynamic rules that were deleted never do.
    static constexpr std::size_t kRemembered = 65'536;

    // The rule's number, from 1; it gets one when it is first asked for.
    [[nodiscard]] RuleTag tag_of(const Guid& rule);
    // The selector's, one of the same numbers.
    [[nodiscard]] RuleTag selector_of(const SelectorKey& selector);

    // Forgets every rule outside of `in_force` once more than kRemembered of them are remembered,
    // and the same of selectors. One that comes back afterwards is a new one to its SAs.
    void limit_to(const RuleSet& in_force);

  private:
    std::unordered_map<Guid, RuleTag> tags_;
    std::unordered_map<SelectorKey, RuleTag> selectors_;
    RuleTag last_ = kAnyRule;
};

}  // namespace config
