// Addresses no packet on a wire may have (RFC 1812 5.3.7, RFC 4291 2.5, RFC 6890).
#pragma once

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"

#include <cstdint>
#include <optional>

namespace dataplane {

// `ip`: the header of a parsed packet. Nothing: the addresses are in order.
[[nodiscard]] std::optional<DropReason> check_martian_v4(const std::uint8_t* ip,
                                                         const PacketMeta& meta);
[[nodiscard]] std::optional<DropReason> check_martian_v6(const std::uint8_t* ip,
                                                         const PacketMeta& meta);

// Of a 4- or 16-byte address in network order.
[[nodiscard]] bool is_group(config::Family family, const std::uint8_t* address);
[[nodiscard]] bool is_limited_broadcast(config::Family family, const std::uint8_t* address);
[[nodiscard]] bool is_link_local(config::Family family, const std::uint8_t* address);

}  // namespace dataplane
