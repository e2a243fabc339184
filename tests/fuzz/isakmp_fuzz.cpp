// An IKE message of a stranger, in clear or as decrypted: header, chain of payloads and every body.
// What is decoded must encode to something that decodes to the same.
#include "control/ike/identity.h"
#include "control/ike/isakmp.h"
#include "control/ike/proposal.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace control::ike;

void expect(bool holds) {
    if (!holds) {
        std::abort();
    }
}

bool same(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// The only value a decoder may give for what an encoder wrote.
template <typename T>
T value_of(Decoded<T> decoded) {
    expect(std::holds_alternative<T>(decoded));
    return std::get<T>(std::move(decoded));
}

void feed_notification(ByteView body) {
    const auto decoded = decode_notification(body);
    if (const auto* first = std::get_if<Notification>(&decoded)) {
        const Bytes bytes = encode_notification(*first);
        const auto again = value_of(decode_notification(bytes));
        expect(again.protocol == first->protocol && again.type == first->type);
        expect(same(again.spi, first->spi) && same(again.data, first->data));
        static_cast<void>(notify_name(first->type));
        static_cast<void>(decode_lifetime(first->data));
    }
}

void feed_deletion(ByteView body) {
    const auto decoded = decode_deletion(body);
    if (const auto* first = std::get_if<Deletion>(&decoded)) {
        const Bytes bytes = encode_deletion(*first);
        const auto again = value_of(decode_deletion(bytes));
        expect(again.protocol == first->protocol && again.spi_bytes == first->spi_bytes);
        expect(std::equal(
            again.spis.begin(), again.spis.end(), first->spis.begin(), first->spis.end(), same));
    }
}

void feed_identity(ByteView body) {
    const auto decoded = decode_identity(body);
    if (const auto* first = std::get_if<Identity>(&decoded)) {
        expect(same(encode_identity(*first), body));
        expect(!to_string(*first).empty());
        const auto selector = selector_of(*first);
        if (const auto* traffic = std::get_if<Selector>(&selector)) {
            expect(value_of(selector_of(identity_of(*traffic))) == *traffic);
            expect(traffic->first <= traffic->last);
        }
    }
}

void feed_lifetime(ByteView body) {
    const auto decoded = decode_lifetime(body);
    if (const auto* first = std::get_if<Lifetime>(&decoded)) {
        const auto again = value_of(decode_lifetime(encode_lifetime(*first)));
        expect(again.seconds == first->seconds && again.kilobytes == first->kilobytes);
    }
}

void feed_phase1(ByteView body) {
    const auto decoded = decode_phase1(body);
    const auto* proposal = std::get_if<Phase1Proposal>(&decoded);
    if (proposal == nullptr) {
        return;
    }
    for (const Phase1Transform& transform : proposal->transforms) {
        expect(!to_string(transform).empty());
        const Bytes choice = encode_phase1_choice(proposal->number, transform.whole);
        const Bytes ours = encode_phase1(
            {transform.offer}, {transform.authentication}, transform.lifetime_seconds);
        for (const Bytes* bytes : {&choice, &ours}) {
            const auto again = value_of(decode_phase1(*bytes));
            expect(again.transforms.size() == 1 && again.unknown == 0);
            expect(again.transforms[0].offer == transform.offer);
            expect(again.transforms[0].authentication == transform.authentication);
            expect(again.transforms[0].lifetime_seconds == transform.lifetime_seconds);
        }
    }
}

bool same_terms(const Phase2Transform& a, const Phase2Transform& b) {
    return a.offer == b.offer && a.mode == b.mode && a.udp_encapsulated == b.udp_encapsulated
           && a.draft_encapsulation == b.draft_encapsulation && a.pfs_group == b.pfs_group;
}

void feed_phase2(ByteView body) {
    const auto decoded = decode_phase2(body);
    const auto* transforms = std::get_if<std::vector<Phase2Transform>>(&decoded);
    if (transforms == nullptr) {
        return;
    }
    expect(transforms->size() <= 256);
    for (const Phase2Transform& transform : *transforms) {
        expect(!to_string(transform).empty() && has_identifiers(transform.offer));
        const Phase2Spis spis{transform.ah_spi, transform.esp_spi};
        const Bytes choice = encode_phase2_choice(transform, spis);
        const auto again = value_of(decode_phase2(choice));
        expect(again.size() == 1 && same_terms(again[0], transform));
        expect(again[0].esn == transform.esn && again[0].esp_first == transform.esp_first);
        expect(again[0].ah_spi == spis.ah && again[0].esp_spi == spis.esp);
        const Bytes ours = encode_phase2({{transform.offer,
                                           transform.mode,
                                           transform.udp_encapsulated,
                                           transform.draft_encapsulation,
                                           transform.pfs_group}},
                                         spis);
        const auto offered = value_of(decode_phase2(ours));
        expect(offered.size() == 1 && same_terms(offered[0], transform));
    }
}

// Every decoder on every body: what a payload says it is is the stranger's word.
void feed_body(ByteView body) {
    feed_notification(body);
    feed_deletion(body);
    feed_identity(body);
    feed_lifetime(body);
    feed_phase1(body);
    feed_phase2(body);
    static_cast<void>(to_string(dn_identity(body)));
    if (const auto vendor = vendor_of(body)) {
        const Bytes id = vendor_id(*vendor);
        expect(id.size() <= body.size() && same(id, body.first(id.size())));
    }
}

void feed_message(const Header& header, ByteView rest, bool padded) {
    const auto decoded = decode_payloads(header.next, rest, padded);
    const auto* payloads = std::get_if<std::vector<Payload>>(&decoded);
    if (payloads == nullptr) {
        return;
    }
    MessageBuilder builder(header);
    for (const Payload& payload : *payloads) {
        static_cast<void>(payload_name(payload.type));
        feed_body(payload.body);
        builder.add(payload.type, payload.body);
    }
    const Bytes message = builder.finish(padded ? 16 : 1);
    const Header again = value_of(decode_header(message));
    expect(again.initiator == header.initiator && again.responder == header.responder);
    expect(again.next == header.next && again.version == header.version);
    expect(again.exchange == header.exchange && again.flags == header.flags);
    expect(again.message_id == header.message_id && again.length == message.size());
    const auto chain =
        value_of(decode_payloads(again.next, ByteView(message).subspan(kHeaderBytes), padded));
    expect(std::equal(chain.begin(),
                      chain.end(),
                      payloads->begin(),
                      payloads->end(),
                      [](const Payload& a, const Payload& b) {
                          return a.type == b.type && same(a.body, b.body);
                      }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    feed_body(bytes);
    if (size < kHeaderBytes) {
        static_cast<void>(decode_header(bytes));
        return 0;
    }
    // A mutated length is seldom right; without this everything behind it would stay unseen.
    static_cast<void>(decode_header(bytes));
    Bytes message(bytes.begin(), bytes.end());
    message[24] = static_cast<std::uint8_t>(size >> 24U);
    message[25] = static_cast<std::uint8_t>(size >> 16U);
    message[26] = static_cast<std::uint8_t>(size >> 8U);
    message[27] = static_cast<std::uint8_t>(size);
    const auto header = decode_header(message);
    if (const auto* found = std::get_if<Header>(&header)) {
        feed_message(*found, ByteView(message).subspan(kHeaderBytes), false);
        feed_message(*found, ByteView(message).subspan(kHeaderBytes), true);
    }
    return 0;
}
