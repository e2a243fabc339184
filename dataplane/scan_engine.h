// ScanEngine: the rows of one family in order, compared one after the other. The fastest way for a
// small table, and the oracle rte_acl is checked against. Needs no EAL.
#pragma once

#include "config/rule_set.h"
#include "dataplane/classify_key.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dataplane {

// Four 32-bit lanes compared at once; compiles to SSE on x86 and NEON on ARM.
using Lanes = std::uint32_t __attribute__((vector_size(16)));
__extension__ using Wide = unsigned __int128;

// `value - low <= span` in unsigned arithmetic is low <= value <= low + span, in one comparison.
struct ScanRowV4 {
    Lanes low;   // source, destination, source port, destination port; host order
    Lanes span;  // upper bound - lower bound of each
    std::uint32_t row;
    std::uint8_t protocol;
    std::uint8_t protocol_mask;  // 0: any
};

struct ScanRowV6 {
    Wide source_low;
    Wide source_span;
    Wide destination_low;
    Wide destination_span;
    std::uint32_t row;
    std::uint16_t source_port_low;
    std::uint16_t source_port_span;
    std::uint16_t destination_port_low;
    std::uint16_t destination_port_span;
    std::uint8_t protocol;
    std::uint8_t protocol_mask;  // 0: any
};

class ScanEngine {
  public:
    // `order`: indexes into `rows`, all of one family; connection types are the caller's business.
    ScanEngine(std::span<const config::RuleRow> rows, std::span<const std::uint32_t> order);

    // found[i]: index of the first row that matches keys[i], or kNoRow.
    void search(std::span<const KeyV4> keys, std::uint32_t* found) const;
    void search(std::span<const KeyV6> keys, std::uint32_t* found) const;

    [[nodiscard]] std::size_t memory_bytes() const;

  private:
    std::vector<ScanRowV4> v4_;
    std::vector<ScanRowV6> v6_;
};

}  // namespace dataplane
