// ESP and AH as a peer of the gateway makes and opens them: on byte vectors, with OpenSSL, straight
// from RFC 4303 and RFC 4302. Shares nothing with dataplane/.
#pragma once

#include "config/sa_spec.h"
#include "tests/support/crypto_oracle.h"

#include <cstdint>
#include <optional>
#include <random>

namespace tests {

using Bytes = std::vector<std::uint8_t>;

// An outbound SA from 10.0.0.1 to 10.0.0.2 with random keys.
[[nodiscard]] config::SaSpec random_sa(const crypto::testing::Suite& suite,
                                       config::IpsecProtocol protocol,
                                       bool esn,
                                       std::mt19937_64& random);
// Every cipher and hash that ESP can have: RFC 3686 3.3 forbids a counter mode without integrity.
[[nodiscard]] std::vector<crypto::testing::Suite> esp_suites();
// Every hash that AH can have, the GMACs included.
[[nodiscard]] std::vector<crypto::testing::Suite> ah_suites();

// In each packet of the SA.
[[nodiscard]] std::size_t iv_bytes(const config::SaSpec& sa);
[[nodiscard]] std::size_t icv_bytes(const config::SaSpec& sa);

// --- ESP. A packet goes from the SPI to the ICV.

// `payload` with the shortest padding that RFC 4303 2.4 allows, pad length and next header.
[[nodiscard]] Bytes esp_plaintext(const config::SaSpec& sa,
                                  const Bytes& payload,
                                  std::uint8_t next_header);
// `plaintext` need not be well-formed, but fill the cipher's blocks.
[[nodiscard]] Bytes esp_protect(const config::SaSpec& sa,
                                std::uint64_t sequence,
                                const Bytes& iv,
                                const Bytes& plaintext);

struct OpenedEsp {
    std::uint32_t spi = 0;
    std::uint32_t sequence = 0;  // as sent
    Bytes iv;
    Bytes plaintext;  // with padding and trailer
};
// Nothing: the ICV is wrong. `esn_high` is used with extended sequence numbers only.
[[nodiscard]] std::optional<OpenedEsp> esp_open(const config::SaSpec& sa,
                                                std::uint32_t esn_high,
                                                const Bytes& packet);

// --- AH. A packet is a whole IP packet; the AH is behind IPv4 options and IPv6 extension headers.

// Length of the AH.
[[nodiscard]] std::size_t ah_bytes(const config::SaSpec& sa, const Bytes& ip);
// Puts an AH into a packet that has none.
[[nodiscard]] Bytes ah_protect(const config::SaSpec& sa,
                               std::uint64_t sequence,
                               const Bytes& iv,
                               const Bytes& ip);
[[nodiscard]] bool ah_verifies(const config::SaSpec& sa, std::uint32_t esn_high, const Bytes& ip);

}  // namespace tests
