#include "dataplane/forward_table.h"

#include <algorithm>

namespace dataplane {
namespace {

constexpr std::uint32_t kChild = 0x80000000;
constexpr std::size_t kRootCells = 65536;
constexpr std::size_t kNodeCells = 256;

std::size_t root_index(const std::uint8_t* address) {
    return (static_cast<std::size_t>(address[0]) << 8U) | address[1];
}

// Index of the node below `cell`, which is made first if there is none. A new node inherits the
// route its cell had, so that a lookup never has to go back up.
std::size_t child_of(std::vector<std::uint32_t>& nodes, std::uint32_t& cell) {
    if ((cell & kChild) == 0) {
        const auto node = static_cast<std::uint32_t>(nodes.size() / kNodeCells);
        const std::uint32_t inherited = cell;
        cell = kChild | node;
        nodes.insert(nodes.end(), kNodeCells, inherited);
        return node;
    }
    return cell & ~kChild;
}

std::uint32_t walk(const std::vector<std::uint32_t>& root,
                   const std::vector<std::uint32_t>& nodes,
                   const std::uint8_t* address) {
    std::uint32_t cell = root[root_index(address)];
    for (std::size_t byte = 2; (cell & kChild) != 0; ++byte) {
        cell = nodes[(cell & ~kChild) * kNodeCells + address[byte]];
    }
    return cell;
}

}  // namespace

ForwardTable::ForwardTable(std::span<const RouteEntry> entries) {
    v4_.root.assign(kRootCells, 0);
    v6_.root.assign(kRootCells, 0);
    routes_.emplace_back();  // index 0: no route
    // Shorter prefixes first: each insertion then only overwrites cells of shorter or equal ones
    // and never meets a child it would have to descend into.
    std::vector<RouteEntry> sorted(entries.begin(), entries.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const RouteEntry& a, const RouteEntry& b) {
        return a.prefix.length < b.prefix.length;
    });
    for (const RouteEntry& entry : sorted) {
        const auto route = static_cast<std::uint32_t>(routes_.size());
        routes_.push_back(entry.route);
        insert(
            entry.prefix.address.family == config::Family::kIpv4 ? v4_ : v6_, entry.prefix, route);
    }
}

void ForwardTable::insert(Trie& trie, const config::IpPrefix& prefix, std::uint32_t route) {
    const config::IpAddress first = prefix.first();
    const std::uint8_t* address = first.bytes.data();
    if (prefix.length <= 16) {
        const std::size_t begin = root_index(address);
        const std::size_t count = std::size_t{1} << (16U - prefix.length);
        std::fill_n(trie.root.begin() + static_cast<std::ptrdiff_t>(begin), count, route);
        return;
    }
    std::size_t node = child_of(trie.nodes, trie.root[root_index(address)]);
    std::size_t byte = 2;
    for (; prefix.length > (byte + 1) * 8; ++byte) {
        // A copy: child_of() may move the cells.
        std::uint32_t cell = trie.nodes[node * kNodeCells + address[byte]];
        const std::size_t child = child_of(trie.nodes, cell);
        trie.nodes[node * kNodeCells + address[byte]] = cell;
        node = child;
    }
    const std::size_t begin = node * kNodeCells + address[byte];
    const std::size_t count = std::size_t{1} << ((byte + 1) * 8 - prefix.length);
    std::fill_n(trie.nodes.begin() + static_cast<std::ptrdiff_t>(begin), count, route);
}

const Route& ForwardTable::lookup_v4(const std::uint8_t* address) const {
    return routes_[walk(v4_.root, v4_.nodes, address)];
}

const Route& ForwardTable::lookup_v6(const std::uint8_t* address) const {
    return routes_[walk(v6_.root, v6_.nodes, address)];
}

}  // namespace dataplane
