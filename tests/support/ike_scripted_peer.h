// A peer of an engine that a test drives message by message: it has the right keys, and sends
// whatever it is told to.
#pragma once

#include "control/ike/message.h"
#include "crypto/ike_crypto.h"
#include "tests/support/ike_ladder.h"

#include <optional>
#include <string>
#include <vector>

namespace tests {

// As initiator of a main mode with a pre-shared key, against the `b` of a ladder (see psk_terms()).
class ScriptedPeer {
  public:
    // At the address of the ladder's `a`, whose engine hears nothing as long as this lives.
    explicit ScriptedPeer(Ladder& net, std::string key = "secret");
    // Of another main mode, after a restart.
    void begin_anew(std::uint8_t cookie);

    // Messages 1 to 6; false: the other end did not go along.
    [[nodiscard]] bool connect();
    // One by one: what was answered.
    [[nodiscard]] Bytes first_message() const;
    [[nodiscard]] std::vector<Bytes> exchange(const Bytes& message);

    [[nodiscard]] bool answered(const Bytes& message2);
    [[nodiscard]] Bytes third_message() const;
    [[nodiscard]] bool keyed(const Bytes& message4);
    [[nodiscard]] Bytes fifth_message(const control::ike::Identity& id);

    // Under the keys. `hash`: in front of the payloads, right; else they are sent as they are.
    [[nodiscard]] Bytes protect(control::ike::ExchangeType exchange,
                                std::uint32_t message_id,
                                const std::vector<control::ike::OutPayload>& payloads,
                                bool hash = true) const;
    // These bytes behind a header, as if they were payloads.
    [[nodiscard]] Bytes protect_raw(control::ike::ExchangeType exchange,
                                    std::uint32_t message_id,
                                    control::ike::PayloadType first,
                                    Bytes payloads) const;
    // Payload types in a message of the other end; nothing: it cannot be read.
    [[nodiscard]] std::vector<control::ike::PayloadType> read(const Bytes& bytes) const;
    // What a first message of quick mode proposes: ESP[AES128,SHA1], tunnel, 3600 s, with this SPI.
    [[nodiscard]] static Bytes quick_mode_sa(std::uint32_t spi = 0x11223344);

    [[nodiscard]] control::ike::Header header(control::ike::ExchangeType exchange) const;
    [[nodiscard]] Bytes cookies() const;

    Endpoint here;
    Endpoint there;
    std::vector<config::MmOffer> offers = mm("AES128-SHA256-19");

  private:
    Ladder& net_;
    std::string key_;
    control::ike::Cookie cookie_i_{1, 2, 3, 4, 5, 6, 7, 8};
    control::ike::Cookie cookie_r_{};
    Bytes sa_payload_;
    Bytes nonce_ = Bytes(32, 0x5a);
    Bytes public_peer_;
    crypto::DhExchange dh_ = crypto::DhExchange::generate(19);
    control::ike::PhaseOneSecrets secrets_;
    Bytes iv_;
};

}  // namespace tests
