#include "control/ike/fragments.h"

#include "control/ike/wire.h"

#include <algorithm>
#include <cassert>

namespace control::ike {
namespace {

constexpr std::size_t kFragmentBytes = 4;  // ID, number, flags
constexpr std::uint8_t kFlagLast = 1;

}  // namespace

Decoded<std::optional<Bytes>> FragmentAssembler::add(ByteView body) {
    // CVE-2009-1574, CVE-2013-6076: a fragment without data is none.
    if (body.size() <= kFragmentBytes) {
        return Drop::kFragment;
    }
    const std::uint16_t id = read_u16(body, 0);
    const std::uint8_t number = body[2];
    const bool is_last = (body[3] & kFlagLast) != 0;
    const ByteView data = body.subspan(kFragmentBytes);
    if (number == 0 || number > kMaxFragments || data.size() > kMaxMessageBytes) {
        return Drop::kFragment;
    }
    if (id != id_ || contradicts(number, is_last, data)) {
        clear();
        id_ = id;
    }
    Bytes& piece = pieces_[number - 1U];
    if (!piece.empty()) {
        return std::optional<Bytes>();
    }
    if (bytes_ + data.size() > kMaxMessageBytes) {
        return Drop::kFragment;
    }
    piece.assign(data.begin(), data.end());
    bytes_ += data.size();
    ++count_;
    highest_ = std::max(highest_, number);
    last_ = is_last ? number : last_;
    if (count_ != last_) {
        return std::optional<Bytes>();
    }
    Bytes message;
    message.reserve(bytes_);
    for (const Bytes& each : pieces_) {
        append(message, each);
    }
    clear();
    return std::optional<Bytes>(std::move(message));
}

bool FragmentAssembler::contradicts(std::uint8_t number, bool is_last, ByteView data) const {
    const Bytes& piece = pieces_[number - 1U];
    return (!piece.empty() && !std::equal(piece.begin(), piece.end(), data.begin(), data.end()))
           || (is_last && (highest_ > number || (last_ != 0 && last_ != number)))
           || (last_ != 0 && number > last_) || (!is_last && number == last_);
}

void FragmentAssembler::clear() {
    *this = FragmentAssembler();
}

std::vector<Bytes> cut_message(ByteView message, std::size_t limit, std::uint16_t id) {
    if (message.size() <= limit) {
        return {Bytes(message.begin(), message.end())};
    }
    constexpr std::size_t kOverhead = kHeaderBytes + kPayloadHeaderBytes + kFragmentBytes;
    assert(message.size() >= kHeaderBytes && limit > kOverhead
           && message.size() <= kMaxFragments * (limit - kOverhead));
    Header header;
    std::copy_n(message.begin(), header.initiator.size(), header.initiator.begin());
    std::copy_n(message.begin() + 8, header.responder.size(), header.responder.begin());
    // Peers expect this for quick mode, too: a fragment is not encrypted, and main mode is where
    // that is in order.
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kMainMode);
    std::vector<Bytes> datagrams;
    while (!message.empty()) {
        const ByteView data = message.first(std::min(message.size(), limit - kOverhead));
        message = message.subspan(data.size());
        Bytes body;
        append_u16(body, id);
        body.push_back(static_cast<std::uint8_t>(datagrams.size() + 1));
        body.push_back(message.empty() ? kFlagLast : 0);
        append(body, data);
        datagrams.push_back(MessageBuilder(header).add(PayloadType::kFragment, body).finish());
    }
    return datagrams;
}

}  // namespace control::ike
