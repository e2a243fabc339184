// Fragments of a fuzzer's choice through parse(), FragmentTable and reassemble(), beside a model
// that keeps intervals in a map: a datagram comes out exactly when the model has it complete
// without overlap, with exactly the model's bytes, and nothing leaks.
//
// Input: records of 8 bytes {flags, key and ECN, offset (2), length (2), protocol, fill}, see
// Record. With kRaw, `length` bytes follow that are a frame of their own, which has no model.
#include "dataplane/fragment_table.h"
#include "dataplane/parse.h"
#include "dataplane/reassemble.h"
#include "tests/support/fake_pool.h"
#include "tests/support/packet_builder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

namespace {

using dataplane::DropReason;
using dataplane::FragmentKind;
using dataplane::FragmentTable;
using dataplane::PacketMeta;
using dataplane::ParseMode;
using dataplane::ParseNext;
using tests::Bytes;
using tests::Packet;

constexpr std::size_t kRecord = 8;
constexpr std::size_t kMaxRecords = 512;  // so that only limits on one datagram can be reached
constexpr std::uint64_t kTimeout = 30;
constexpr std::uint16_t kRawPort = 7;

constexpr std::uint8_t kSix = 0x01;
constexpr std::uint8_t kMore = 0x02;
constexpr std::uint8_t kSegmented = 0x04;
constexpr std::uint8_t kDontFragment = 0x08;
constexpr std::uint8_t kLongHeader = 0x10;
constexpr std::uint8_t kRaw = 0x40;
constexpr std::uint8_t kTimePasses = 0x80;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct Record {
    std::uint8_t flags = 0;
    std::uint8_t id = 0;
    std::uint8_t sa = 0;
    std::uint8_t port = 0;
    std::uint8_t ecn = 0;
    std::uint16_t offset = 0;
    std::uint16_t length = 0;
    std::uint8_t protocol = 0;
    std::uint8_t fill = 0;

    explicit Record(const std::uint8_t* bytes)
        : flags(bytes[0]),
          id(bytes[1] & 3U),
          sa((bytes[1] >> 2U) & 3U),
          port((bytes[1] >> 4U) & 1U),
          ecn(bytes[1] >> 6U),
          offset(static_cast<std::uint16_t>((bytes[2] * 256U + bytes[3]) & 0xFFF8U)),
          length(static_cast<std::uint16_t>((bytes[4] * 256U + bytes[5]) % 3000U)),
          protocol(bytes[6]),
          fill(bytes[7]) {}

    [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// What is the same in a fragment and in its datagram, up to where the fragmentable part begins.
Packet headers(const Record& record) {
    if (record.has(kSix)) {
        Packet packet = Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
        return record.has(kLongHeader) ? packet.hop_by_hop() : packet;
    }
    Packet packet = Packet().eth().ipv4("10.0.0.1", "10.0.1.1").id(record.id);
    return record.has(kLongHeader) ? packet.options({148, 4, 0, 0}) : packet;
}
void mark(Packet& packet, bool six, std::uint8_t ecn) {
    if (six) {
        packet.poke(15, static_cast<std::uint8_t>(ecn << 4U));
    } else {
        packet.poke_ipv4(1, ecn);
    }
}
Bytes frame_of(const Record& record, const Bytes& body) {
    Packet packet = headers(record);
    if (record.has(kSix)) {
        packet.fragment6(record.offset, record.has(kMore), record.id);
    } else {
        packet.fragment(record.offset, record.has(kMore));
        if (record.has(kDontFragment)) {
            packet.dont_fragment();
        }
    }
    packet.protocol(record.protocol).payload(body);
    mark(packet, record.has(kSix), record.ecn);
    return packet.bytes();
}

struct Piece {
    Record record;
    Bytes body;
};

// One datagram as the standards have it: RFC 791 3.2, RFC 8200 4.5, RFC 5722.
struct Model {
    std::uint64_t since = 0;
    bool refused = false;
    std::optional<std::size_t> total;
    std::map<std::size_t, Piece> pieces;  // by offset

    // False: the datagram is refused from now on.
    bool take(const Record& record, const Bytes& body) {
        const std::size_t begin = record.offset;
        const std::size_t end = begin + body.size();
        bool good = pieces.size() < FragmentTable::kMaxFragments;
        for (const auto& [offset, piece] : pieces) {
            const std::size_t other_end = offset + piece.body.size();
            good = good && (end <= offset || other_end <= begin);
            good = good && (record.has(kMore) || other_end <= end);
        }
        if (record.has(kMore)) {
            good = good && (!total || end < *total);
        } else {
            good = good && (!total || end == *total);
            total = end;
        }
        if (good) {
            pieces.emplace(begin, Piece{record, body});
        }
        return good;
    }
    [[nodiscard]] bool is_complete() const {
        std::size_t at = 0;
        for (const auto& [offset, piece] : pieces) {
            if (offset != at) {
                return false;
            }
            at += piece.body.size();
        }
        return total == at;
    }
    [[nodiscard]] bool has_ecn(std::uint8_t ecn) const {
        return std::any_of(pieces.begin(), pieces.end(), [&](const auto& entry) {
            return entry.second.record.ecn == ecn;
        });
    }
    // Before lengths are judged. Nothing: RFC 3168 5.3 forbids it.
    [[nodiscard]] std::optional<Bytes> datagram() const {
        if (has_ecn(3) && has_ecn(0)) {
            return std::nullopt;
        }
        const Record& first = pieces.begin()->second.record;
        Packet packet = headers(first).protocol(first.protocol);
        for (const auto& [offset, piece] : pieces) {
            packet.payload(piece.body);
        }
        mark(packet, first.has(kSix), has_ecn(3) ? 3 : has_ecn(0) ? 0 : first.ecn);
        return packet.bytes();
    }
};

using Key = std::tuple<bool, std::uint8_t, std::uint8_t, std::uint8_t, std::uint8_t>;

Key key_of(const Record& record) {
    const std::uint8_t protocol = record.has(kSix) ? std::uint8_t{0} : record.protocol;
    return {record.has(kSix), record.id, record.sa, record.port, protocol};
}

void require_same_parse(const PacketMeta& made, const PacketMeta& parsed) {
    require(made.family == parsed.family && made.fragment == parsed.fragment);
    require(made.more_fragments == parsed.more_fragments && made.protocol == parsed.protocol);
    require(made.l3_offset == parsed.l3_offset && made.l4_offset == parsed.l4_offset);
    require(made.l3_length == parsed.l3_length && made.in_port == parsed.in_port);
    require(made.source_port == parsed.source_port);
    require(made.destination_port == parsed.destination_port);
    require(made.fragment_offset == parsed.fragment_offset);
    require(made.fragment_length == parsed.fragment_length);
    require(made.fragment_id == parsed.fragment_id);
}

class Run {
  public:
    Run() = default;
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() {
        table_.drain(DropReason::kShutdown, *counters_);
        require(pools().in.in_use() == 0);
        require(pools().ordinary.in_use() == 0);
        require(pools().large.in_use() == 0);
    }

    void modelled(const Record& record) {
        pass_time(record);
        Bytes body(record.length);
        for (std::size_t i = 0; i < body.size(); ++i) {
            body[i] = static_cast<std::uint8_t>(record.fill + i * (record.fill | 1U) + i / 251);
        }
        const Bytes frame = frame_of(record, body);
        rte_mbuf* mbuf = received(frame, record, ParseMode::kHost, record.port);
        if (mbuf == nullptr) {
            return;
        }
        auto [entry, fresh] = models_.try_emplace(key_of(record));
        Model& model = entry->second;
        if (fresh) {
            model.since = now_;
        }
        if (!model.refused && !model.take(record, body)) {
            model.refused = true;
            model.pieces.clear();
        }
        const auto fragments = table_.add(mbuf, now_, *counters_);
        const bool complete = !model.refused && model.is_complete();
        require(fragments.size() == (complete ? model.pieces.size() : 0));
        if (complete) {
            check(fragments, model, record);
            models_.erase(entry);
        }
        require_no_leak();
    }

    void raw(const Record& record, const Bytes& frame) {
        pass_time(record);
        const ParseMode mode = record.has(kMore) ? ParseMode::kHost : ParseMode::kTransparent;
        rte_mbuf* mbuf = received(frame, record, mode, kRawPort);
        if (mbuf == nullptr) {
            return;
        }
        const auto fragments = table_.add(mbuf, now_, *counters_);
        if (!fragments.empty()) {
            rte_mbuf* whole = put_together(fragments).mbuf;
            if (whole != nullptr) {
                const PacketMeta made = dataplane::meta_of(whole);
                // Neighbour discovery in fragments is told from other packets only when whole.
                require(dataplane::parse(whole, ParseMode::kTransparent, {}).next
                        != ParseNext::kDrop);
                require_same_parse(made, dataplane::meta_of(whole));
                rte_pktmbuf_free(whole);
            }
        }
        require_no_leak();
    }

  private:
    struct Pools {
        tests::FakePool in{kMaxRecords * 13};  // with kSegmented, 13 segments a packet
        tests::FakePool ordinary{1, 2048 + dataplane::kPacketTailroom};
        tests::FakePool large{1, 0xFFFF - RTE_PKTMBUF_HEADROOM};
    };
    // For all inputs: they are large.
    static Pools& pools() {
        static Pools all;
        return all;
    }

    // Of held fragments, the number of segments is not known.
    void require_no_leak() const {
        require(pools().in.in_use() >= table_.fragments());
        require((pools().in.in_use() == 0) == (table_.fragments() == 0));
        require(pools().ordinary.in_use() == 0 && pools().large.in_use() == 0);
    }
    void pass_time(const Record& record) {
        if (record.has(kTimePasses)) {
            now_ += kTimeout / 3;
            table_.expire(now_, *counters_);
            std::erase_if(models_,
                          [&](const auto& entry) { return now_ - entry.second.since >= kTimeout; });
        }
    }
    // nullptr: not a fragment, or a bad one.
    rte_mbuf* received(const Bytes& frame,
                       const Record& record,
                       ParseMode mode,
                       std::uint16_t port) {
        rte_mbuf* mbuf = pools().in.make_segmented(frame, record.has(kSegmented) ? 250 : 4096);
        dataplane::meta_of(mbuf).in_port = port;
        if (dataplane::parse(mbuf, mode, {}).next != ParseNext::kIp
            || dataplane::meta_of(mbuf).fragment == FragmentKind::kWhole) {
            rte_pktmbuf_free(mbuf);
            return nullptr;
        }
        dataplane::meta_of(mbuf).sa = record.sa;
        return mbuf;
    }
    dataplane::Reassembled put_together(std::span<rte_mbuf* const> fragments) {
        const dataplane::Reassembled result =
            dataplane::reassemble(fragments, pools().ordinary.get(), pools().large.get());
        for (rte_mbuf* fragment : fragments) {
            rte_pktmbuf_free(fragment);
        }
        return result;
    }
    void check(std::span<rte_mbuf* const> fragments, const Model& model, const Record& record) {
        const dataplane::Reassembled result = put_together(fragments);
        const Record& first = model.pieces.begin()->second.record;
        const std::size_t length = headers(first).bytes().size() - 14 + *model.total;
        if (length > dataplane::kMaxReassembled) {
            require(result.mbuf == nullptr && result.reason == DropReason::kReassembledTooLong);
            return;
        }
        const std::optional<Bytes> expected = model.datagram();
        if (!expected) {
            require(result.mbuf == nullptr && result.reason == DropReason::kEcnInvalid);
            return;
        }
        require(result.mbuf != nullptr && tests::FakePool::bytes_of(result.mbuf) == *expected);
        require(result.mbuf->next == nullptr && rte_pktmbuf_headroom(result.mbuf) >= 128
                && rte_pktmbuf_tailroom(result.mbuf) >= 64);
        const PacketMeta made = dataplane::meta_of(result.mbuf);
        require(made.sa == record.sa);
        require(dataplane::parse(result.mbuf, ParseMode::kHost, {}).next == ParseNext::kIp);
        require_same_parse(made, dataplane::meta_of(result.mbuf));
        rte_pktmbuf_free(result.mbuf);
    }

    std::unique_ptr<dataplane::WorkerCounters> counters_ =
        std::make_unique<dataplane::WorkerCounters>();
    FragmentTable table_{{kMaxRecords, kMaxRecords, kTimeout}, 42};
    std::map<Key, Model> models_;
    std::uint64_t now_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Run run;
    for (std::size_t count = 0; size >= kRecord && count < kMaxRecords; ++count) {
        const Record record(data);
        data += kRecord;
        size -= kRecord;
        if (!record.has(kRaw)) {
            run.modelled(record);
            continue;
        }
        const std::size_t length = std::min<std::size_t>(record.length, size);
        run.raw(record, Bytes(data, data + length));
        data += length;
        size -= length;
    }
    return 0;
}
