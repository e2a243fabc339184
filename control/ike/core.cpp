#include "control/ike/core.h"

#include <algorithm>
#include <cstring>

namespace control::ike {

Core::Core(EngineOptions given, Host& surroundings, Credentials& proofs)
    : options(std::move(given)),
      host(surroundings),
      credentials(proofs),
      half_open(options.max_half_open, options.max_half_open_per_peer) {}

void Core::random(std::span<std::uint8_t> bytes) const {
    if (options.random) {
        options.random(bytes);
    } else {
        crypto::random_bytes(bytes);
    }
}

Bytes Core::random_bytes(std::size_t count) const {
    Bytes bytes(count);
    random(bytes);
    return bytes;
}

std::uint32_t Core::random_below(std::uint32_t limit) const {
    std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
    random(bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return limit == 0 ? 0 : static_cast<std::uint32_t>(value % limit);
}

Cookie Core::new_cookie() const {
    Cookie cookie{};
    do {
        random(cookie);
    } while (cookie == Cookie{} || sas.find(cookie, {}) != nullptr);
    return cookie;
}

std::uint32_t Core::new_message_id(IsakmpSa& sa) const {
    std::uint32_t id = 0;
    do {
        std::array<std::uint8_t, sizeof id> bytes{};
        random(bytes);
        std::memcpy(&id, bytes.data(), bytes.size());
    } while (id == 0 || !sa.message_ids.insert(id).second);
    return id;
}

void Core::send(const IsakmpSa& sa, ByteView message) {
    const bool cut = options.fragment_bytes > 0 && message.size() > options.fragment_bytes
                     && sa.has(Vendor::kFragmentation);
    if (!cut) {
        ++statistics.messages_out;
        host.send(sa.local, sa.remote, message);
        return;
    }
    const auto id = static_cast<std::uint16_t>(1 + random_below(0xffff));
    const std::size_t least = kHeaderBytes + 16 + message.size() / (kMaxFragments - 1);
    const std::size_t limit = std::max(options.fragment_bytes, least);
    for (const Bytes& piece : cut_message(message, limit, id)) {
        ++statistics.messages_out;
        host.send(sa.local, sa.remote, piece);
    }
}

void Core::dropped(const Endpoint& remote, const Header* header, Drop drop) {
    const DropRow& row = row_of(drop);
    ++statistics.drops[static_cast<std::size_t>(drop)];
    if (!drop_lines.admit(now)) {
        return;
    }
    const std::uint64_t unsaid = drop_lines.take_refused();
    const std::string more =
        unsaid == 0 ? std::string() : fmt::format(" ({} lines like this left out)", unsaid);
    if (header == nullptr) {
        log("{} -> dropped {}: {}{}", to_string(remote), row.token, row.meaning, more);
        return;
    }
    log("{} {} -> dropped {}: {}; exchange type {}, message ID {:08x}, {} bytes{}",
        to_string(remote),
        to_string(header->initiator),
        row.token,
        row.meaning,
        header->exchange,
        header->message_id,
        header->length,
        more);
}

void Core::failed(const Failure& failure) {
    ++statistics.negotiation_failures;
    failures.add(failure, now);
    log("{} {} failed: {}", failure.remote.to_string(), failure.phase, failure.reason);
    host.failed(failure);
}

void Core::add_timer(TimerKind kind,
                     std::uint64_t object,
                     std::chrono::milliseconds delay,
                     std::uint32_t message_id) {
    timers.add({now + delay, kind, object, message_id});
}

std::chrono::milliseconds repeat_time(const EngineOptions& options) {
    std::chrono::milliseconds total{0};
    std::chrono::milliseconds interval = options.retransmit_first;
    for (unsigned i = 0; i <= options.retransmits; ++i) {
        total += interval;
        interval *= 2;
    }
    return total;
}

}  // namespace control::ike
