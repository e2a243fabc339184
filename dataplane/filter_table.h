// FilterTable: a compiled RuleSet, immutable, read by every worker. lookup() answers, for a burst
// of parsed packets, which row decides. Two ways to the same answer: an ordered scan for small
// tables (and as the oracle in tests) and rte_acl above `kScanLimit` rows.
#pragma once

#include "config/rule_set.h"
#include "dataplane/packet.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dataplane {

inline constexpr std::uint32_t kNoRow = 0xFFFFFFFF;
// Rows per family that are scanned. By `portcullis-bench --crossover` on a Zen 3 rte_acl overtakes
// the scan at 48 rows for IPv4 (37 against 41 ns) and near 100 rows for IPv6.
inline constexpr std::size_t kScanLimit = 48;

enum class FilterEngine : std::uint8_t { kAuto, kScan, kAcl };

// RowAction::flags
inline constexpr std::uint8_t kRowTunnel = 1;        // of a tunnel rule
inline constexpr std::uint8_t kRowHasEndpoint = 2;   // the tunnel's end point is known
inline constexpr std::uint8_t kRowEndpointIsMe = 4;  // and an address of this host
inline constexpr std::uint8_t kRowInpass = 8;        // clear text is accepted inbound
inline constexpr std::uint8_t kRowSoft = 16;         // the rule may fall back to clear

// What the hot path needs of a row, 20 bytes.
struct RowAction {
    config::Action inbound;
    config::Action outbound;
    bool mirror;
    std::uint8_t flags;      // kRowTunnel ...
    std::uint32_t hit_slot;  // index into the hit counters, stable across rebuilds of one filter
    config::RuleTag rule;
    config::RuleTag selector;
    std::uint32_t endpoint;  // names both ends for FilterTable, if kRowHasEndpoint
};
static_assert(sizeof(RowAction) == 20);

// Which traffic to and from this host no filter sees (netsh `ipsecexempt`, 0..3).
struct Exemptions {
    std::uint8_t level = 3;
};

class FilterTable {
  public:
    // `hit_slots[i]` is the hit slot of rule_set.filters[i]. Any thread. kAcl needs EAL; kAuto
    // without EAL always scans. Errors: kTooManyFilters, naming the filter that expands most, when
    // rte_acl cannot build the table.
    [[nodiscard]] static config::Result<std::unique_ptr<const FilterTable>> build(
        const config::RuleSet& rule_set,
        std::span<const std::uint32_t> hit_slots,
        Exemptions exemptions,
        FilterEngine engine = FilterEngine::kAuto);
    ~FilterTable();
    FilterTable(const FilterTable&) = delete;
    FilterTable& operator=(const FilterTable&) = delete;

    // Writes PacketMeta::row of each packet: the first row, in order, whose source, destination,
    // protocol, ports and connection type match, or kNoRow. Packets are parsed; both families and
    // any connection bits may be mixed in one burst. At most kBurst packets.
    void lookup(std::span<rte_mbuf* const> burst) const;

    [[nodiscard]] const RowAction& row(std::uint32_t index) const { return actions_[index]; }
    // Precondition: the row is of this table and has kRowHasEndpoint.
    [[nodiscard]] const config::IpAddress& endpoint(const RowAction& row) const {
        return endpoints_[row.endpoint].peer;
    }
    // Our end of that tunnel, where the rules name it.
    [[nodiscard]] const std::optional<config::IpAddress>& local_endpoint(
        const RowAction& row) const {
        return endpoints_[row.endpoint].local;
    }
    [[nodiscard]] std::size_t rows() const { return actions_.size(); }
    [[nodiscard]] Exemptions exemptions() const { return exemptions_; }
    [[nodiscard]] FilterEngine engine(config::Family family) const;
    [[nodiscard]] std::size_t memory_bytes() const;

  private:
    struct Engines;
    struct Endpoint {
        config::IpAddress peer;
        std::optional<config::IpAddress> local;

        friend bool operator==(const Endpoint&, const Endpoint&) = default;
    };
    struct EndpointHash {
        std::size_t operator()(const Endpoint& endpoint) const noexcept {
            return std::hash<config::IpAddress>{}(endpoint.peer);
        }
    };

    FilterTable();

    void add_rows(const config::RuleSet& rule_set, std::span<const std::uint32_t> hit_slots);

    std::vector<RowAction> actions_;
    std::vector<Endpoint> endpoints_;  // distinct
    std::unique_ptr<Engines> engines_;
    Exemptions exemptions_;
};

}  // namespace dataplane
