// The IKE fragmentation of vendors (vendor ID FRAGMENTATION): a message too long for one packet is
// cut into fragments, each an ISAKMP message of its own with one payload of type 132:
// fragment ID (2 bytes), number from 1 (1), flags (1; 1 = last), data.
#pragma once

#include "control/ike/isakmp.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace control::ike {

inline constexpr std::size_t kMaxFragments = 64;

// Puts one message of one peer together at a time. Bounded: kMaxFragments of them, kMaxMessageBytes
// together; checking one costs the same however many came before.
class FragmentAssembler {
  public:
    // `body`: of the fragment payload. The whole message once the last piece is there, nothing
    // while more are expected, or why the fragment was refused: a bad one never disturbs those
    // that are there, one of another ID begins anew. So does one that contradicts them: peers exist
    // that give every message the same ID. One that is there already changes nothing.
    [[nodiscard]] Decoded<std::optional<Bytes>> add(ByteView body);
    void clear();

  private:
    // Whether it cannot belong to the message of those that are there.
    [[nodiscard]] bool contradicts(std::uint8_t number, bool is_last, ByteView data) const;

    std::uint16_t id_ = 0;
    std::uint8_t last_ = 0;  // number of the last fragment; 0: not seen
    std::uint8_t highest_ = 0;
    std::uint8_t count_ = 0;
    std::size_t bytes_ = 0;
    std::array<Bytes, kMaxFragments> pieces_;
};

// `message` as datagrams of at most `limit` bytes each; the message itself if it fits.
// Precondition: kMaxFragments of them suffice, which is so from 1060 bytes on.
[[nodiscard]] std::vector<Bytes> cut_message(ByteView message, std::size_t limit, std::uint16_t id);

}  // namespace control::ike
