#include "dataplane/prefix_cover.h"

#include "config/bytes.h"

#include <bit>
#include <cstdint>

namespace dataplane {

namespace {

__extension__ using Wide = unsigned __int128;

Wide to_wide(const config::IpAddress& address) {
    if (address.family == config::Family::kIpv4) {
        return address.v4_host();
    }
    const auto high = config::load<config::be64>(address.bytes.data()).host();
    const auto low = config::load<config::be64>(address.bytes.data() + 8).host();
    return (Wide{high} << 64) | low;
}

config::IpAddress from_wide(config::Family family, Wide value) {
    const auto low = static_cast<std::uint64_t>(value);
    if (family == config::Family::kIpv4) {
        return config::IpAddress::v4(static_cast<std::uint32_t>(low));
    }
    config::IpAddress address{.family = family};
    config::store(address.bytes.data(), config::be64(static_cast<std::uint64_t>(value >> 64)));
    config::store(address.bytes.data() + 8, config::be64(low));
    return address;
}

unsigned trailing_zeros(Wide value) {
    const auto low = static_cast<std::uint64_t>(value);
    if (low != 0) {
        return static_cast<unsigned>(std::countr_zero(low));
    }
    return 64U + static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(value >> 64)));
}

// 2^bits - 1; bits may be 128.
Wide ones(unsigned bits) {
    return bits == 128 ? ~Wide{0} : (Wide{1} << bits) - 1;
}

}  // namespace

std::vector<config::IpPrefix> prefix_cover(const config::IpAddress& first,
                                           const config::IpAddress& last) {
    const unsigned width = config::address_bits(first.family);
    const Wide end = to_wide(last);
    Wide next = to_wide(first);
    std::vector<config::IpPrefix> cover;
    // Always the largest aligned block that starts at `next` and does not pass the end.
    for (;;) {
        unsigned host_bits = next == 0 ? width : std::min(width, trailing_zeros(next));
        while (ones(host_bits) > end - next) {
            --host_bits;
        }
        cover.push_back({.address = from_wide(first.family, next),
                         .length = static_cast<std::uint8_t>(width - host_bits)});
        const Wide block_end = next + ones(host_bits);
        if (block_end == end) {  // before the increment, which may wrap
            return cover;
        }
        next = block_end + 1;
    }
}

}  // namespace dataplane
