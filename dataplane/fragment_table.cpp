#include "dataplane/fragment_table.h"

#include "config/bytes.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dataplane {
namespace {

std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
    state = (state ^ word) * kMultiplier;
    return state ^ (state >> 29U);
}

}  // namespace

FragmentTable::FragmentTable(const FragmentLimits& limits, std::uint64_t seed)
    : limits_(limits),
      seed_(seed),
      buckets_(std::bit_ceil(std::size_t{limits.datagrams} * 2), kNil),
      table_(limits.datagrams),
      nodes_(limits.fragments) {
    for (std::uint32_t i = limits.datagrams; i > 0; --i) {
        table_[i - 1].chain = free_datagram_;
        free_datagram_ = i - 1;
    }
    for (std::uint32_t i = limits.fragments; i > 0; --i) {
        nodes_[i - 1].next = free_node_;
        free_node_ = i - 1;
    }
}

FragmentTable::Key FragmentTable::key_of(const rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const std::size_t size = config::address_bytes(meta.family);
    Key key;
    std::memcpy(key.source.data(), source_address(mbuf, meta), size);
    std::memcpy(key.destination.data(), destination_address(mbuf, meta), size);
    key.id = meta.fragment_id;
    key.sa = meta.sa;
    key.in_port = meta.in_port;
    key.protocol = meta.family == config::Family::kIpv4 ? meta.protocol : std::uint8_t{0};
    key.family = meta.family;
    key.origin = meta.origin;
    return key;
}

std::uint32_t FragmentTable::bucket_of(const Key& key) const {
    std::uint64_t state = seed_;
    for (std::size_t at = 0; at < key.source.size(); at += 8) {
        state = mix(state, config::load<std::uint64_t>(&key.source[at]) + seed_);
        state = mix(state, config::load<std::uint64_t>(&key.destination[at]));
    }
    state = mix(state, key.sa);
    state = mix(state,
                (std::uint64_t{key.id} << 32U) | (std::uint64_t{key.in_port} << 8U) | key.protocol);
    return static_cast<std::uint32_t>((state >> 32U) & (buckets_.size() - 1));
}

std::uint32_t FragmentTable::find_or_create(const Key& key, std::uint64_t now) {
    std::uint32_t& bucket = buckets_[bucket_of(key)];
    for (std::uint32_t at = bucket; at != kNil; at = table_[at].chain) {
        if (table_[at].key == key) {
            return at;
        }
    }
    if (free_datagram_ == kNil) {
        return kNil;
    }
    const std::uint32_t index = free_datagram_;
    Datagram& datagram = table_[index];
    free_datagram_ = datagram.chain;
    datagram = Datagram{};
    datagram.key = key;
    datagram.since = now;
    datagram.chain = bucket;
    bucket = index;
    datagram.older = newest_;
    (newest_ == kNil ? oldest_ : table_[newest_].newer) = index;
    newest_ = index;
    ++datagrams_;
    return index;
}

std::span<rte_mbuf* const> FragmentTable::add(rte_mbuf* mbuf,
                                              std::uint64_t now,
                                              WorkerCounters& counters) {
    Drops drops(counters);
    const std::uint32_t index = find_or_create(key_of(mbuf), now);
    if (index == kNil) {
        drops.add(mbuf, DropReason::kFragmentLimit);
        return {};
    }
    Datagram& datagram = table_[index];
    if (!datagram.refused && (datagram.count == kMaxFragments || free_node_ == kNil)) {
        refuse(datagram, DropReason::kFragmentLimit, counters);
    }
    if (!datagram.refused && !fits(datagram, meta_of(mbuf))) {
        refuse(datagram, DropReason::kFragmentBad, counters);
    }
    if (datagram.refused) {
        drops.add(mbuf, datagram.reason);
        return {};
    }
    meta_of(mbuf).held_since = now;
    if (!insert(datagram, mbuf)) {
        refuse(datagram, DropReason::kFragmentOverlap, counters);
        drops.add(mbuf, DropReason::kFragmentOverlap);
        return {};
    }
    counters.held.add(1);
    // Without overlap, as many bytes as the datagram is long are the whole datagram.
    if (datagram.total != 0 && datagram.bytes == datagram.total) {
        return release(index, counters);
    }
    return {};
}

// The last fragment says how long the datagram is; no other may reach past that, nor may there be
// two ends.
bool FragmentTable::fits(Datagram& datagram, const PacketMeta& meta) const {
    const std::uint32_t end = std::uint32_t{meta.fragment_offset} + meta.fragment_length;
    if (meta.more_fragments) {
        return datagram.total == 0 || end < datagram.total;
    }
    if (datagram.total != 0) {
        return datagram.total == end;
    }
    if (datagram.last != kNil) {
        const PacketMeta& last = meta_of(nodes_[datagram.last].mbuf);
        if (std::uint32_t{last.fragment_offset} + last.fragment_length > end) {
            return false;
        }
    }
    datagram.total = end;
    return true;
}

bool FragmentTable::insert(Datagram& datagram, rte_mbuf* mbuf) {
    const PacketMeta& meta = meta_of(mbuf);
    const std::uint32_t begin = meta.fragment_offset;
    const std::uint32_t end = begin + meta.fragment_length;
    std::uint32_t before = kNil;
    std::uint32_t after = datagram.first;
    // Fragments mostly come in order: look at the end first.
    if (datagram.last != kNil && meta_of(nodes_[datagram.last].mbuf).fragment_offset < begin) {
        before = datagram.last;
        after = kNil;
    }
    while (after != kNil && meta_of(nodes_[after].mbuf).fragment_offset < begin) {
        before = after;
        after = nodes_[after].next;
    }
    if (after != kNil && meta_of(nodes_[after].mbuf).fragment_offset < end) {
        return false;
    }
    if (before != kNil) {
        const PacketMeta& previous = meta_of(nodes_[before].mbuf);
        if (std::uint32_t{previous.fragment_offset} + previous.fragment_length > begin) {
            return false;
        }
    }
    const std::uint32_t node = free_node_;
    free_node_ = nodes_[node].next;
    nodes_[node] = {mbuf, after};
    (before == kNil ? datagram.first : nodes_[before].next) = node;
    if (after == kNil) {
        datagram.last = node;
    }
    ++datagram.count;
    ++fragments_;
    datagram.bytes += meta.fragment_length;
    return true;
}

std::uint32_t FragmentTable::take_fragments(Datagram& datagram) {
    std::uint32_t count = 0;
    for (std::uint32_t node = datagram.first; node != kNil;) {
        const std::uint32_t next = nodes_[node].next;
        released_[count++] = nodes_[node].mbuf;
        nodes_[node] = {nullptr, free_node_};
        free_node_ = node;
        node = next;
    }
    fragments_ -= count;
    datagram.first = kNil;
    datagram.last = kNil;
    datagram.count = 0;
    return count;
}

std::span<rte_mbuf* const> FragmentTable::release(std::uint32_t index, WorkerCounters& counters) {
    const std::uint32_t count = take_fragments(table_[index]);
    counters.released.add(count);
    remove(index);
    const PacketMeta& first = meta_of(released_[0]);
    for (std::uint32_t i = 1; i < count; ++i) {
        PacketMeta& meta = meta_of(released_[i]);
        meta.protocol = first.protocol;
        meta.source_port = first.source_port;
        meta.destination_port = first.destination_port;
    }
    return {released_.data(), count};
}

void FragmentTable::drop_fragments(Datagram& datagram,
                                   DropReason reason,
                                   WorkerCounters& counters) {
    Drops drops(counters);
    const std::uint32_t count = take_fragments(datagram);
    counters.released.add(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        drops.add(released_[i], reason);
    }
}

void FragmentTable::refuse(Datagram& datagram, DropReason reason, WorkerCounters& counters) {
    drop_fragments(datagram, reason, counters);
    datagram.refused = true;
    datagram.reason = reason;
}

void FragmentTable::unlink_from_bucket(std::uint32_t index) {
    std::uint32_t* link = &buckets_[bucket_of(table_[index].key)];
    while (*link != index) {
        link = &table_[*link].chain;
    }
    *link = table_[index].chain;
}

void FragmentTable::remove(std::uint32_t index) {
    unlink_from_bucket(index);
    Datagram& datagram = table_[index];
    (datagram.older == kNil ? oldest_ : table_[datagram.older].newer) = datagram.newer;
    (datagram.newer == kNil ? newest_ : table_[datagram.newer].older) = datagram.older;
    datagram.chain = free_datagram_;
    free_datagram_ = index;
    --datagrams_;
}

void FragmentTable::expire(std::uint64_t now, WorkerCounters& counters) {
    while (oldest_ != kNil && now - table_[oldest_].since >= limits_.timeout) {
        const std::uint32_t index = oldest_;
        drop_fragments(table_[index], DropReason::kFragmentTimeout, counters);
        remove(index);
    }
}

void FragmentTable::drain(DropReason reason, WorkerCounters& counters) {
    while (oldest_ != kNil) {
        const std::uint32_t index = oldest_;
        drop_fragments(table_[index], reason, counters);
        remove(index);
    }
}

}  // namespace dataplane
