// SAs for tests, and what protects and verifies packets with them.
#pragma once

#include "dataplane/sa.h"
#include "tests/support/crypto_oracle.h"
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string_view>
#include <utility>

namespace tests {

// ESP in transport mode, or AH if the suite has no cipher and `protocol` says so, with random keys.
[[nodiscard]] inline config::SaSpec sa_spec(
    const crypto::testing::Suite& suite,
    config::IpsecProtocol protocol = config::IpsecProtocol::kEsp) {
    std::mt19937_64 random(7);
    const auto keys = crypto::testing::Keys::random(suite, random);
    config::SaSpec spec;
    spec.protocol = protocol;
    spec.spi = 0x12345678;
    spec.source = address("192.0.2.1");
    spec.destination = address("192.0.2.2");
    spec.cipher = suite.cipher;
    spec.hash = suite.hash;
    spec.cipher_key = config::SecretBytes(keys.cipher);
    spec.auth_key = config::SecretBytes(keys.auth);
    return spec;
}

[[nodiscard]] inline config::SaSpec tunnel(config::SaSpec spec,
                                           std::string_view source,
                                           std::string_view destination) {
    spec.mode = config::SaMode::kTunnel;
    spec.source = address(source);
    spec.destination = address(destination);
    return spec;
}

// The choice a gateway makes. Measured once, because that takes a while.
[[nodiscard]] inline const crypto::EngineChoice& engines() {
    static const crypto::EngineChoice kChoice = crypto::EngineChoice::best();
    return kChoice;
}

[[nodiscard]] inline std::unique_ptr<dataplane::Sa> make_sa(const config::SaSpec& spec) {
    auto sa = dataplane::Sa::create(spec, engines(), {});
    EXPECT_TRUE(sa.ok()) << (sa.ok() ? "" : sa.error().text);
    return std::move(sa).value();
}

}  // namespace tests
