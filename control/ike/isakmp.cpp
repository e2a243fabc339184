#include "control/ike/isakmp.h"

#include "config/bytes.h"
#include "control/ike/wire.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace control::ike {
namespace {

// Largest block of the ciphers of phase 1 (AES).
constexpr std::size_t kMaxPadding = 16;

constexpr std::size_t kNotificationBytes = 8;
constexpr std::size_t kDeletionBytes = 8;

// RFC 2408 3.14, 3.15: 0 is ISAKMP itself, 1 the IPsec DOI; what another DOI says is not for us.
constexpr std::uint32_t kDoiIpsec = 1;

bool is_our_doi(ByteView body) {
    return read_u32(body, 0) <= kDoiIpsec;
}

// The number of bytes RFC 2408 3.15 and RFC 2407 4.4.1 give an SPI; others are for their owners.
bool is_spi_size(std::uint8_t protocol, std::size_t bytes) {
    switch (protocol) {
        case kProtocolIsakmp:
            return bytes == 2 * sizeof(Cookie);
        case kProtocolAh:
        case kProtocolEsp:
            return bytes == 4;
        default:
            return bytes > 0;
    }
}

}  // namespace

Decoded<Header> decode_header(ByteView bytes) {
    if (bytes.size() < kHeaderBytes) {
        return Drop::kTooShort;
    }
    Header header;
    std::copy_n(bytes.begin(), header.initiator.size(), header.initiator.begin());
    std::copy_n(bytes.begin() + 8, header.responder.size(), header.responder.begin());
    header.next = static_cast<PayloadType>(bytes[16]);
    header.version = bytes[17];
    header.exchange = bytes[18];
    header.flags = bytes[19];
    header.message_id = read_u32(bytes, 20);
    header.length = read_u32(bytes, 24);
    if (header.length != bytes.size()) {
        return Drop::kBadLength;
    }
    // A minor version above ours changes nothing that is read here.
    if (header.version >> 4U != kVersion >> 4U) {
        return Drop::kBadVersion;
    }
    return header;
}

void encode_header(const Header& header, std::uint8_t* bytes) {
    std::copy(header.initiator.begin(), header.initiator.end(), bytes);
    std::copy(header.responder.begin(), header.responder.end(), bytes + 8);
    bytes[16] = static_cast<std::uint8_t>(header.next);
    bytes[17] = header.version;
    bytes[18] = header.exchange;
    bytes[19] = header.flags;
    config::store(bytes + 20, config::be32(header.message_id));
    config::store(bytes + 24, config::be32(header.length));
}

Decoded<std::vector<Payload>> decode_payloads(PayloadType first,
                                              ByteView bytes,
                                              bool padded,
                                              std::size_t limit) {
    std::vector<Payload> payloads;
    PayloadType type = first;
    while (type != PayloadType::kNone) {
        if (payloads.size() == limit) {
            return Drop::kTooManyPayloads;
        }
        if (bytes.size() < kPayloadHeaderBytes) {
            return Drop::kBadPayload;
        }
        const std::size_t length = read_u16(bytes, 2);
        if (length < kPayloadHeaderBytes || length > bytes.size()) {
            return Drop::kBadPayload;
        }
        const ByteView whole = bytes.first(length);
        payloads.push_back({type, whole.subspan(kPayloadHeaderBytes), whole});
        type = static_cast<PayloadType>(bytes[0]);
        bytes = bytes.subspan(length);
    }
    if (bytes.size() > (padded ? kMaxPadding : 0)) {
        return Drop::kBadPayload;
    }
    return payloads;
}

MessageBuilder::MessageBuilder(const Header& header) : header_(header) {}

MessageBuilder& MessageBuilder::add(PayloadType type, ByteView body) {
    const std::size_t length = kPayloadHeaderBytes + body.size();
    assert(length <= 0xFFFF);
    if (body_.empty()) {
        first_ = type;
    } else {
        body_[last_next_] = static_cast<std::uint8_t>(type);
    }
    last_next_ = body_.size();
    append_u16(body_, 0);  // last so far, and the reserved byte
    append_u16(body_, length);
    append(body_, body);
    return *this;
}

ByteView MessageBuilder::payloads() const {
    return body_;
}

Bytes MessageBuilder::finish(std::size_t pad_to) const {
    Bytes message(kHeaderBytes);
    append(message, body_);
    message.resize(kHeaderBytes + (body_.size() + pad_to - 1) / pad_to * pad_to);
    Header header = header_;
    header.next = first_;
    header.length = static_cast<std::uint32_t>(message.size());
    encode_header(header, message.data());
    return message;
}

// RFC 2408 3.14: DOI, protocol, SPI size, type, SPI, data.
Decoded<Notification> decode_notification(ByteView body) {
    if (body.size() < kNotificationBytes || !is_our_doi(body)) {
        return Drop::kBadPayload;
    }
    const std::size_t spi_bytes = body[5];
    Notification notification;
    notification.protocol = body[4];
    notification.type = read_u16(body, 6);
    const ByteView rest = body.subspan(kNotificationBytes);
    if (spi_bytes > rest.size()) {
        return Drop::kBadPayload;
    }
    notification.spi = rest.first(spi_bytes);
    notification.data = rest.subspan(spi_bytes);
    return notification;
}

Bytes encode_notification(const Notification& notification) {
    assert(notification.spi.size() <= 0xFF);
    Bytes body;
    append_u32(body, kDoiIpsec);
    body.push_back(notification.protocol);
    body.push_back(static_cast<std::uint8_t>(notification.spi.size()));
    append_u16(body, notification.type);
    append(body, notification.spi);
    append(body, notification.data);
    return body;
}

// RFC 2408 3.15: DOI, protocol, SPI size, number of SPIs, SPIs.
Decoded<Deletion> decode_deletion(ByteView body) {
    if (body.size() < kDeletionBytes || !is_our_doi(body)) {
        return Drop::kBadPayload;
    }
    Deletion deletion;
    deletion.protocol = body[4];
    deletion.spi_bytes = body[5];
    ByteView rest = body.subspan(kDeletionBytes);
    // A size of 0 would let a count of 65535 cost memory that the message did not.
    if (!is_spi_size(deletion.protocol, deletion.spi_bytes)
        || rest.size() != std::size_t{read_u16(body, 6)} * deletion.spi_bytes) {
        return Drop::kBadPayload;
    }
    for (; !rest.empty(); rest = rest.subspan(deletion.spi_bytes)) {
        deletion.spis.push_back(rest.first(deletion.spi_bytes));
    }
    return deletion;
}

Bytes encode_deletion(const Deletion& deletion) {
    Bytes body;
    append_u32(body, kDoiIpsec);
    body.push_back(deletion.protocol);
    body.push_back(deletion.spi_bytes);
    append_u16(body, deletion.spis.size());
    for (const ByteView spi : deletion.spis) {
        assert(spi.size() == deletion.spi_bytes);
        append(body, spi);
    }
    return body;
}

}  // namespace control::ike
