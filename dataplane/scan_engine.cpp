#include "dataplane/scan_engine.h"

#include "dataplane/filter_table.h"

namespace dataplane {

namespace {

std::uint32_t lane(const std::uint8_t* network_order) {
    return config::load<config::be32>(network_order).host();
}

Wide wide(const std::uint8_t* network_order) {
    const auto high = config::load<config::be64>(network_order).host();
    const auto low = config::load<config::be64>(network_order + 8).host();
    return (Wide{high} << 64) | low;
}

std::uint16_t span_of(const config::PortRange& range) {
    return static_cast<std::uint16_t>(range.last - range.first);
}

std::uint8_t mask_of(const config::RuleRow& row) {
    return row.protocol == config::kAnyProtocol ? 0 : 0xFF;
}

ScanRowV4 make_v4(const config::RuleRow& row, std::uint32_t index) {
    const Lanes low = {lane(row.source_first.bytes.data()),
                       lane(row.destination_first.bytes.data()),
                       row.source_port.first,
                       row.destination_port.first};
    const Lanes high = {lane(row.source_last.bytes.data()),
                        lane(row.destination_last.bytes.data()),
                        row.source_port.last,
                        row.destination_port.last};
    return {.low = low,
            .span = high - low,
            .row = index,
            .protocol = row.protocol,
            .protocol_mask = mask_of(row)};
}

ScanRowV6 make_v6(const config::RuleRow& row, std::uint32_t index) {
    const Wide source = wide(row.source_first.bytes.data());
    const Wide destination = wide(row.destination_first.bytes.data());
    return {.source_low = source,
            .source_span = wide(row.source_last.bytes.data()) - source,
            .destination_low = destination,
            .destination_span = wide(row.destination_last.bytes.data()) - destination,
            .row = index,
            .source_port_low = row.source_port.first,
            .source_port_span = span_of(row.source_port),
            .destination_port_low = row.destination_port.first,
            .destination_port_span = span_of(row.destination_port),
            .protocol = row.protocol,
            .protocol_mask = mask_of(row)};
}

bool in_range(std::uint16_t value, std::uint16_t low, std::uint16_t span) {
    return static_cast<std::uint16_t>(value - low) <= span;
}

bool all_set(Lanes comparison) {
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &comparison, sizeof(comparison));
    return (halves[0] & halves[1]) == ~std::uint64_t{0};
}

}  // namespace

ScanEngine::ScanEngine(std::span<const config::RuleRow> rows,
                       std::span<const std::uint32_t> order) {
    for (const std::uint32_t index : order) {
        const config::RuleRow& row = rows[index];
        if (row.family == config::Family::kIpv4) {
            v4_.push_back(make_v4(row, index));
        } else {
            v6_.push_back(make_v6(row, index));
        }
    }
}

void ScanEngine::search(std::span<const KeyV4> keys, std::uint32_t* found) const {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const KeyV4& key = keys[i];
        const Lanes value = {lane(key.source.data()),
                             lane(key.destination.data()),
                             key.source_port.host(),
                             key.destination_port.host()};
        std::uint32_t winner = kNoRow;
        for (const ScanRowV4& row : v4_) {
            const Lanes inside = static_cast<Lanes>((value - row.low) <= row.span);
            if (all_set(inside) && ((key.protocol ^ row.protocol) & row.protocol_mask) == 0) {
                winner = row.row;
                break;
            }
        }
        found[i] = winner;
    }
}

void ScanEngine::search(std::span<const KeyV6> keys, std::uint32_t* found) const {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const KeyV6& key = keys[i];
        const Wide source = wide(key.source.data());
        const Wide destination = wide(key.destination.data());
        const std::uint16_t source_port = key.source_port.host();
        const std::uint16_t destination_port = key.destination_port.host();
        std::uint32_t winner = kNoRow;
        for (const ScanRowV6& row : v6_) {
            if (source - row.source_low <= row.source_span
                && destination - row.destination_low <= row.destination_span
                && ((key.protocol ^ row.protocol) & row.protocol_mask) == 0
                && in_range(source_port, row.source_port_low, row.source_port_span)
                && in_range(
                    destination_port, row.destination_port_low, row.destination_port_span)) {
                winner = row.row;
                break;
            }
        }
        found[i] = winner;
    }
}

std::size_t ScanEngine::memory_bytes() const {
    return v4_.capacity() * sizeof(ScanRowV4) + v6_.capacity() * sizeof(ScanRowV6);
}

}  // namespace dataplane
