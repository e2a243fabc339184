#include "dataplane/filter_table.h"

#include "dataplane/acl_engine.h"
#include "dataplane/classify_key.h"
#include "dataplane/scan_engine.h"

#include <rte_lcore.h>

#include <array>
#include <bit>
#include <optional>
#include <unordered_map>
#include <utility>

namespace dataplane {

namespace {

using config::ConnectionType;
using config::Family;

// Connection bits of a packet: 0 .. kConnLan | kConnDialup.
constexpr unsigned kClasses = 4;

bool applies(ConnectionType type, unsigned connection_bits) {
    switch (type) {
        case ConnectionType::kAll:
            return true;
        case ConnectionType::kLan:
            return (connection_bits & kConnLan) != 0;
        case ConnectionType::kDialup:
            return (connection_bits & kConnDialup) != 0;
    }
    return false;
}

std::vector<std::uint32_t> rows_of(const config::RuleSet& rule_set, Family family, unsigned bits) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < rule_set.rows.size(); ++i) {
        const config::RuleRow& row = rule_set.rows[i];
        if (row.family == family && applies(row.connection_type, bits)) {
            order.push_back(i);
        }
    }
    return order;
}

struct Engine {
    std::vector<std::uint32_t> order;  // what it was built from; emptied after the build
    std::unique_ptr<const ScanEngine> scan;
    std::unique_ptr<const AclEngine> acl;

    template <typename Key>
    void search(std::span<const Key> keys, std::uint32_t* found) const {
        if (acl != nullptr) {
            acl->search(keys, found);
        } else {
            scan->search(keys, found);
        }
    }
};

// Connection types cost the hot path nothing: there is one engine for each set of rows that the
// four values of the connection bits select, and a packet's bits pick its engine. Without
// connection types all four are the same engine.
struct FamilyEngines {
    std::vector<Engine> distinct;
    std::array<const Engine*, kClasses> by_bits{};

    [[nodiscard]] config::Result<void> build(const config::RuleSet& rule_set,
                                             Family family,
                                             FilterEngine wanted);
    [[nodiscard]] std::size_t memory_bytes() const;
};

FilterEngine choose(FilterEngine wanted, std::size_t rows, unsigned bits) {
    if (rows == 0) {
        return FilterEngine::kScan;
    }
    if (wanted != FilterEngine::kAuto) {
        return wanted;
    }
    // Bits 0 do not occur, since every port has a type: no trie is built for them. An EAL that was
    // not started has no lcores.
    const bool can_acl = bits != 0 && rte_lcore_count() != 0;
    return can_acl && rows > kScanLimit ? FilterEngine::kAcl : FilterEngine::kScan;
}

config::Result<void> FamilyEngines::build(const config::RuleSet& rule_set,
                                          Family family,
                                          FilterEngine wanted) {
    distinct.reserve(kClasses);  // by_bits points into it
    // From "both" downwards, so that bits 0 share an engine with another class where they can.
    for (unsigned bits = kClasses; bits-- > 0;) {
        std::vector<std::uint32_t> order = rows_of(rule_set, family, bits);
        for (const Engine& engine : distinct) {
            if (engine.order == order) {
                by_bits[bits] = &engine;
            }
        }
        if (by_bits[bits] != nullptr) {
            continue;
        }
        Engine engine;
        if (choose(wanted, order.size(), bits) == FilterEngine::kAcl) {
            auto acl = AclEngine::build(rule_set, order);
            if (!acl) {
                return acl.error();
            }
            engine.acl = std::move(acl).value();
        } else {
            engine.scan = std::make_unique<const ScanEngine>(rule_set.rows, order);
        }
        engine.order = std::move(order);
        distinct.push_back(std::move(engine));
        by_bits[bits] = &distinct.back();
    }
    for (Engine& engine : distinct) {
        engine.order = {};
    }
    return {};
}

std::size_t FamilyEngines::memory_bytes() const {
    std::size_t sum = 0;
    for (const Engine& engine : distinct) {
        sum += engine.acl != nullptr ? engine.acl->memory_bytes() : engine.scan->memory_bytes();
    }
    return sum;
}

// The packets of a burst that share family and connection bits, looked up together.
template <std::size_t kBytes>
void look_up_class(const FamilyEngines& engines,
                   unsigned bits,
                   std::uint32_t members,
                   std::span<rte_mbuf* const> burst) {
    // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before it is read.
    std::array<ClassifyKey<kBytes>, kBurst> keys;
    std::array<std::uint32_t, kBurst> found;
    std::array<std::uint8_t, kBurst> position;
    // NOLINTEND(cppcoreguidelines-pro-type-member-init)
    std::size_t count = 0;
    for (; members != 0; members &= members - 1) {
        const auto i = static_cast<std::uint8_t>(std::countr_zero(members));
        gather_key(burst[i], meta_of(burst[i]), keys[count]);
        position[count] = i;
        ++count;
    }
    engines.by_bits[bits]->search(std::span<const ClassifyKey<kBytes>>(keys.data(), count),
                                  found.data());
    for (std::size_t k = 0; k < count; ++k) {
        meta_of(burst[position[k]]).row = found[k];
    }
}

std::uint8_t flags_of(const config::RuleSetRule& rule, const config::RuleSetFilter& filter) {
    unsigned flags = 0;
    flags |= rule.tunnel ? kRowTunnel : 0U;
    flags |= filter.tunnel_endpoint ? kRowHasEndpoint : 0U;
    flags |= filter.endpoint_is_me ? kRowEndpointIsMe : 0U;
    flags |= rule.inbound_passthrough ? kRowInpass : 0U;
    flags |= rule.soft ? kRowSoft : 0U;
    return static_cast<std::uint8_t>(flags);
}

}  // namespace

struct FilterTable::Engines {
    FamilyEngines v4;
    FamilyEngines v6;
};

FilterTable::FilterTable() : engines_(std::make_unique<Engines>()) {}
FilterTable::~FilterTable() = default;

config::Result<std::unique_ptr<const FilterTable>> FilterTable::build(
    const config::RuleSet& rule_set,
    std::span<const std::uint32_t> hit_slots,
    Exemptions exemptions,
    FilterEngine engine) {
    std::unique_ptr<FilterTable> table(new FilterTable());
    table->exemptions_ = exemptions;
    table->add_rows(rule_set, hit_slots);
    if (auto built = table->engines_->v4.build(rule_set, Family::kIpv4, engine); !built) {
        return built.error();
    }
    if (auto built = table->engines_->v6.build(rule_set, Family::kIpv6, engine); !built) {
        return built.error();
    }
    return std::unique_ptr<const FilterTable>(std::move(table));
}

void FilterTable::add_rows(const config::RuleSet& rule_set,
                           std::span<const std::uint32_t> hit_slots) {
    std::unordered_map<Endpoint, std::uint32_t, EndpointHash> indices;
    actions_.reserve(rule_set.rows.size());
    for (const config::RuleRow& row : rule_set.rows) {
        const config::RuleSetFilter& filter = rule_set.filters[row.filter];
        const config::RuleSetRule& rule = rule_set.rules[filter.rule];
        std::uint32_t endpoint = 0;
        if (filter.tunnel_endpoint) {
            const Endpoint ends{*filter.tunnel_endpoint, filter.local_endpoint};
            const auto [at, is_new] =
                indices.try_emplace(ends, static_cast<std::uint32_t>(endpoints_.size()));
            if (is_new) {
                endpoints_.push_back(ends);
            }
            endpoint = at->second;
        }
        actions_.push_back({
            .inbound = row.inbound,
            .outbound = row.outbound,
            .mirror = row.mirror,
            .flags = flags_of(rule, filter),
            .hit_slot = hit_slots[row.filter],
            .rule = rule.tag,
            .selector = row.selector,
            .endpoint = endpoint,
        });
    }
}

void FilterTable::lookup(std::span<rte_mbuf* const> burst) const {
    static_assert(kBurst <= 32, "membership is kept in 32 bits");
    std::array<std::uint32_t, kClasses> v4{};
    std::array<std::uint32_t, kClasses> v6{};
    for (std::size_t i = 0; i < burst.size(); ++i) {
        const PacketMeta& meta = meta_of(burst[i]);
        auto& members = meta.family == Family::kIpv4 ? v4 : v6;
        members[meta.connection_bits % kClasses] |= std::uint32_t{1} << i;
    }
    for (unsigned bits = 0; bits < kClasses; ++bits) {
        if (v4[bits] != 0) {
            look_up_class<4>(engines_->v4, bits, v4[bits], burst);
        }
        if (v6[bits] != 0) {
            look_up_class<16>(engines_->v6, bits, v6[bits], burst);
        }
    }
}

FilterEngine FilterTable::engine(Family family) const {
    const FamilyEngines& engines = family == Family::kIpv4 ? engines_->v4 : engines_->v6;
    return engines.by_bits[kConnLan | kConnDialup]->acl != nullptr ? FilterEngine::kAcl
                                                                   : FilterEngine::kScan;
}

std::size_t FilterTable::memory_bytes() const {
    return sizeof(FilterTable) + actions_.capacity() * sizeof(RowAction)
           + endpoints_.capacity() * sizeof(Endpoint) + engines_->v4.memory_bytes()
           + engines_->v6.memory_bytes();
}

}  // namespace dataplane
