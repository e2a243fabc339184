#include "dataplane/acl_engine.h"

#include "dataplane/filter_table.h"
#include "dataplane/prefix_cover.h"

#include <rte_acl.h>
#include <rte_errno.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <string>

namespace dataplane {

namespace {

using config::Family;

constexpr unsigned kFieldsV4 = 5;   // protocol, source, destination, source port, destination port
constexpr unsigned kFieldsV6 = 11;  // the same with four 32-bit fields for each address

RTE_ACL_RULE_DEF(AclRuleV4, kFieldsV4);
RTE_ACL_RULE_DEF(AclRuleV6, kFieldsV6);

constexpr rte_acl_field_def field(
    std::uint8_t type, std::uint8_t size, unsigned index, unsigned input, std::size_t offset) {
    return {.type = type,
            .size = size,
            .field_index = static_cast<std::uint8_t>(index),
            .input_index = static_cast<std::uint8_t>(input),
            .offset = static_cast<std::uint32_t>(offset)};
}

// rte_acl wants a first field of one byte and then input in groups of four bytes; the two ports
// share a group.
template <typename Key>
rte_acl_config make_config() {
    constexpr std::size_t kWords = sizeof(Key::source) / 4;
    rte_acl_config config{};
    config.num_categories = 1;
    unsigned n = 0;
    auto add = [&](std::uint8_t type, std::uint8_t size, unsigned input, std::size_t offset) {
        config.defs[n] = field(type, size, n, input, offset);
        ++n;
    };
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, offsetof(Key, protocol));
    for (unsigned word = 0; word < 2 * kWords; ++word) {
        add(RTE_ACL_FIELD_TYPE_MASK, 4, 1 + word, offsetof(Key, source) + std::size_t{4} * word);
    }
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, 1 + 2 * kWords, offsetof(Key, source_port));
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, 1 + 2 * kWords, offsetof(Key, destination_port));
    config.num_fields = n;
    // max_size stays 0: a limit that is a little too small costs gigabytes and minutes to find out.
    return config;
}

// Fields hold values in host order; 32 bits of the prefix at a time.
rte_acl_field* put_prefix(rte_acl_field* out, const config::IpPrefix& prefix) {
    const std::size_t words = config::address_bytes(prefix.address.family) / 4;
    for (std::size_t word = 0; word < words; ++word) {
        const int left = prefix.length - static_cast<int>(32 * word);
        out->value.u32 = config::load<config::be32>(prefix.address.bytes.data() + 4 * word).host();
        out->mask_range.u32 = static_cast<std::uint32_t>(std::clamp(left, 0, 32));
        ++out;
    }
    return out;
}

rte_acl_field* put_range(rte_acl_field* out, const config::PortRange& range) {
    out->value.u16 = range.first;
    out->mask_range.u16 = range.last;
    return out + 1;
}

// rte_acl finds contexts by name in a process-wide list: equal names would be one context.
std::string unique_name() {
    static std::atomic<std::uint64_t> next{0};
    return fmt::format("portcullis_{}", next.fetch_add(1, std::memory_order_relaxed));
}

config::Error too_many(const config::RuleSet& rule_set,
                       std::uint32_t filter,
                       std::size_t expansion,
                       std::string_view limit) {
    const config::RuleSetFilter& worst = rule_set.filters[filter];
    const std::string described =
        worst.description.empty() ? std::string() : fmt::format(" ({})", worst.description);
    return {config::ErrorCode::kTooManyFilters,
            fmt::format("The filter table cannot be built: {}. Filter {}{} of rule \"{}\" expands "
                        "most, to {} entries; address ranges that are subnets expand to one.",
                        limit,
                        worst.filter.to_string(),
                        described,
                        rule_set.rules[worst.rule].rule_name,
                        expansion)};
}

struct Covers {
    std::vector<config::IpPrefix> source;
    std::vector<config::IpPrefix> destination;

    explicit Covers(const config::RuleRow& row)
        : source(prefix_cover(row.source_first, row.source_last)),
          destination(prefix_cover(row.destination_first, row.destination_last)) {}
    [[nodiscard]] std::size_t rules() const { return source.size() * destination.size(); }
};

// The number of leading bits that are equal in all addresses of a range.
unsigned common_bits(const config::IpAddress& first, const config::IpAddress& last) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < config::address_bytes(first.family); ++i) {
        const auto difference = static_cast<std::uint8_t>(first.bytes[i] ^ last.bytes[i]);
        bits += static_cast<unsigned>(std::countl_zero(difference));
        if (difference != 0) {
            break;
        }
    }
    return bits;
}

// Each shape's rows, in the order of `order`; empty shapes are left out.
std::vector<std::vector<std::uint32_t>> divide_by_shape(const config::RuleSet& rule_set,
                                                        std::span<const std::uint32_t> order) {
    if (order.size() < AclEngine::kShapeRows) {
        return {{order.begin(), order.end()}};
    }
    std::vector<std::vector<std::uint32_t>> shapes(3);
    for (const std::uint32_t index : order) {
        const config::RuleRow& row = rule_set.rows[index];
        const unsigned source = common_bits(row.source_first, row.source_last);
        const unsigned destination = common_bits(row.destination_first, row.destination_last);
        const std::size_t shape = source > destination ? 0 : source < destination ? 1 : 2;
        shapes[shape].push_back(index);
    }
    std::erase_if(shapes, [](const auto& shape) { return shape.empty(); });
    return shapes;
}

}  // namespace

// Builds the slices of one shape after the other. The temporary rules live on the heap; what
// remains is rte_malloc memory of the contexts.
struct AclEngine::Builder {
    const config::RuleSet& rule_set;
    AclEngine& engine;
    std::span<const std::uint32_t> order{};  // of the shape at hand
    std::size_t total = 0;                   // rules of all shapes so far
    std::size_t worst_rules = 0;
    std::uint32_t worst_filter = 0;

    config::Result<void> add_shape(std::span<const std::uint32_t> rows) {
        order = rows;
        engine.shapes_.emplace_back();
        std::size_t in_slice = 0;
        std::size_t begin = 0;
        std::vector<std::size_t> ends;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const config::RuleRow& row = rule_set.rows[order[i]];
            const std::size_t rules = Covers(row).rules();
            if (rules > worst_rules) {
                worst_rules = rules;
                worst_filter = row.filter;
            }
            total += rules;
            if (total > kMaxRules) {
                return too_many(
                    rule_set,
                    worst_filter,
                    worst_rules,
                    fmt::format("its address ranges expand to more than {} entries", kMaxRules));
            }
            if (in_slice != 0 && in_slice + rules > kSliceRules) {
                ends.push_back(i);
                in_slice = 0;
            }
            in_slice += rules;
        }
        ends.push_back(order.size());
        for (const std::size_t end : ends) {
            if (auto built = build_range(begin, end); !built) {
                return built;
            }
            begin = end;
        }
        return {};
    }

    // rte_acl gives up on some tables well below the limit ("Exceeded max number of tries"); half
    // of such a table is built easily.
    config::Result<void> build_range(std::size_t begin, std::size_t end) {
        const bool v4 = rule_set.rows[order[begin]].family == Family::kIpv4;
        const int failed = v4 ? build_slice<AclRuleV4, KeyV4>(begin, end)
                              : build_slice<AclRuleV6, KeyV6>(begin, end);
        if (failed == 0) {
            return {};
        }
        if (end - begin < 2) {
            return too_many(rule_set,
                            rule_set.rows[order[begin]].filter,
                            Covers(rule_set.rows[order[begin]]).rules(),
                            fmt::format("rte_acl: {}", rte_strerror(failed)));
        }
        const std::size_t middle = begin + (end - begin) / 2;
        if (auto built = build_range(begin, middle); !built) {
            return built;
        }
        return build_range(middle, end);
    }

    template <typename Rule>
    void append_row(std::vector<Rule>& rules, std::uint32_t index, std::int32_t priority) {
        const config::RuleRow& row = rule_set.rows[index];
        const Covers covers(row);
        for (const config::IpPrefix& source : covers.source) {
            for (const config::IpPrefix& destination : covers.destination) {
                Rule rule{};
                rule.data = {.category_mask = 1, .priority = priority, .userdata = index + 1};
                rte_acl_field* out = rule.field;
                out->value.u8 = row.protocol;
                out->mask_range.u8 = row.protocol == config::kAnyProtocol ? 0 : 0xFF;
                out = put_prefix(out + 1, source);
                out = put_prefix(out, destination);
                out = put_range(out, row.source_port);
                put_range(out, row.destination_port);
                rules.push_back(rule);
            }
        }
    }

    // 0 or the errno of what failed.
    template <typename Rule, typename Key>
    int build_slice(std::size_t begin, std::size_t end) {
        std::vector<Rule> rules;
        for (std::size_t i = begin; i < end; ++i) {
            // A larger priority wins: the first row gets the largest.
            append_row(rules, order[i], static_cast<std::int32_t>(end - i));
        }
        const std::string name = unique_name();
        const rte_acl_param parameters{
            .name = name.c_str(),
            .socket_id = SOCKET_ID_ANY,
            .rule_size = static_cast<std::uint32_t>(sizeof(Rule)),
            .max_rule_num = static_cast<std::uint32_t>(rules.size()),
        };
        Context context(rte_acl_create(&parameters));
        if (context == nullptr) {
            return rte_errno;
        }
        if (const int added = rte_acl_add_rules(context.get(),
                                                reinterpret_cast<const rte_acl_rule*>(rules.data()),
                                                static_cast<std::uint32_t>(rules.size()));
            added != 0) {
            return -added;
        }
        const rte_acl_config config = make_config<Key>();
        if (const int built = rte_acl_build(context.get(), &config); built != 0) {
            return -built;
        }
        engine.memory_bytes_ += rules.size() * sizeof(Rule);
        engine.shapes_.back().push_back(std::move(context));
        return 0;
    }
};

void AclEngine::ContextDeleter::operator()(rte_acl_ctx* context) const {
    rte_acl_free(context);
}

AclEngine::~AclEngine() = default;

config::Result<std::unique_ptr<const AclEngine>> AclEngine::build(
    const config::RuleSet& rule_set, std::span<const std::uint32_t> order) {
    std::unique_ptr<AclEngine> engine(new AclEngine());
    Builder builder{.rule_set = rule_set, .engine = *engine};
    for (const std::vector<std::uint32_t>& shape : divide_by_shape(rule_set, order)) {
        if (auto built = builder.add_shape(shape); !built) {
            return built.error();
        }
    }
    return std::unique_ptr<const AclEngine>(std::move(engine));
}

template <typename Key>
void AclEngine::search_shapes(std::span<const Key> keys, std::uint32_t* found) const {
    std::fill_n(found, keys.size(), kNoRow);
    for (const Slices& slices : shapes_) {
        search_slices(slices, keys, found);
    }
}

// Lowers found[i] to the first row of this shape that matches, if that comes before it.
template <typename Key>
void AclEngine::search_slices(const Slices& slices,
                              std::span<const Key> keys,
                              std::uint32_t* found) {
    // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before it is read.
    std::array<const std::uint8_t*, kBurst> data;
    std::array<std::uint8_t, kBurst> position;
    std::array<std::uint32_t, kBurst> results;
    // NOLINTEND(cppcoreguidelines-pro-type-member-init)
    auto open = static_cast<std::uint32_t>(keys.size());
    for (std::uint32_t i = 0; i < open; ++i) {
        data[i] = reinterpret_cast<const std::uint8_t*>(&keys[i]);
        position[i] = static_cast<std::uint8_t>(i);
    }
    // What a slice does not match stays open for the next one.
    for (const Context& slice : slices) {
        rte_acl_classify(slice.get(), data.data(), results.data(), open, 1);
        std::uint32_t still_open = 0;
        for (std::uint32_t k = 0; k < open; ++k) {
            if (results[k] != 0) {
                found[position[k]] = std::min(found[position[k]], results[k] - 1);
            } else {
                data[still_open] = data[k];
                position[still_open] = position[k];
                ++still_open;
            }
        }
        open = still_open;
        if (open == 0) {
            return;
        }
    }
}

void AclEngine::search(std::span<const KeyV4> keys, std::uint32_t* found) const {
    search_shapes(keys, found);
}

void AclEngine::search(std::span<const KeyV6> keys, std::uint32_t* found) const {
    search_shapes(keys, found);
}

}  // namespace dataplane
