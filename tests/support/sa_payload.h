// SA payloads written by hand, in hex, independent of the writer under test.
#pragma once

#include "tests/support/crypto_oracle.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace control::ike::testing {

inline std::string hex16(std::size_t value) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(value >> 8U),
                                  static_cast<std::uint8_t>(value)};
    return crypto::testing::to_hex(bytes);
}

inline std::string hex8(std::size_t value) {
    return hex16(value).substr(2);
}

inline std::string payload(int next, const std::string& body) {
    return hex8(static_cast<std::size_t>(next)) + "00" + hex16(body.size() / 2 + 4) + body;
}
inline std::string transform(int id, const std::string& attributes, bool last = true) {
    return payload(last ? 0 : 3, "01" + hex8(static_cast<std::size_t>(id)) + "0000" + attributes);
}
inline std::string proposal(int number,
                            int protocol,
                            const std::string& spi,
                            const std::string& transforms,
                            bool last = true,
                            int count = 1) {
    return payload(last ? 0 : 2,
                   hex8(static_cast<std::size_t>(number)) + hex8(static_cast<std::size_t>(protocol))
                       + hex8(spi.size() / 2) + hex8(static_cast<std::size_t>(count)) + spi
                       + transforms);
}
// IPsec DOI, identity only.
inline const std::string kSa = "0000000100000001";

}  // namespace control::ike::testing
