// Fragment payloads one after the other. Input: a byte of length, then so many bytes of a fragment,
// repeated. What is put together is no longer than what came, and a message that is cut comes back
// whatever was there before, once its fragments have been sent twice.
#include "control/ike/fragments.h"

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

// The message, if this fragment completes one.
Bytes feed(FragmentAssembler& assembler, ByteView body) {
    const auto answer = assembler.add(body);
    if (const auto* drop = std::get_if<Drop>(&answer)) {
        expect(*drop == Drop::kFragment);
        return {};
    }
    return std::get<std::optional<Bytes>>(answer).value_or(Bytes());
}

// A peer that sends again gets through.
void expect_through(FragmentAssembler& assembler, ByteView message) {
    Bytes found;
    const auto datagrams = cut_message(message, kHeaderBytes + 8 + message.size() / 3 + 1, 1);
    for (int round = 0; round < 2; ++round) {
        for (const Bytes& datagram : datagrams) {
            const Bytes made =
                feed(assembler, ByteView(datagram).subspan(kHeaderBytes + kPayloadHeaderBytes));
            found = made.empty() ? found : made;
        }
    }
    expect(std::equal(found.begin(), found.end(), message.begin(), message.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FragmentAssembler assembler;
    const ByteView all(data, size);
    ByteView rest = all;
    std::size_t received = 0;
    while (!rest.empty()) {
        const std::size_t length = std::min<std::size_t>(rest[0], rest.size() - 1);
        received += length;
        const Bytes message = feed(assembler, rest.subspan(1, length));
        expect(message.size() <= received);
        // A message of its own bytes only: none of it is used again.
        received = message.empty() ? received : 0;
        rest = rest.subspan(1 + length);
    }
    if (size >= 3 * kHeaderBytes) {
        expect_through(assembler, all);
    }
    return 0;
}
