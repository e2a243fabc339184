// Datagrams of a fuzzer's choice for an engine that has SAs and negotiations under way: as they
// are, as changes of a real exchange's messages, and as payloads behind right keys and hashes, so
// that what an attacker with keys writes meets every parser. Nothing crashes, leaks, answers a
// message with more than a few, or grows without bound. Input: records of {kind, length (2 bytes),
// bytes}.
#include "tests/support/ike_scripted_peer.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using tests::Bytes;
using tests::Ladder;
using tests::ScriptedPeer;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

EngineOptions options() {
    EngineOptions options;
    options.max_half_open = 8;
    options.max_half_open_per_peer = 4;
    return options;
}

struct World {
    Ladder net{options()};
    std::unique_ptr<ScriptedPeer> peer;
    std::uint32_t message_id = 1;
    Cookie begun{};  // of the last main mode that the engine began

    World() {
        net.set_terms(tests::psk_terms());
        peer = std::make_unique<ScriptedPeer>(net);
        require(peer->connect());
    }

    void send(const Bytes& bytes) {
        const std::vector<Bytes> answers = peer->exchange(bytes);
        require(answers.size() <= 8);
    }

    void act(std::uint8_t kind, Bytes bytes) {
        switch (kind % 9) {
            case 0:  // as it is
                send(bytes);
                break;
            case 1:  // for the SA there is
                if (bytes.size() >= kHeaderBytes) {
                    const Bytes cookies = peer->cookies();
                    std::ranges::copy(cookies, bytes.begin());
                    send(bytes);
                }
                break;
            case 2:  // decrypted payloads, without a hash that is right
                send(peer->protect_raw(
                    ExchangeType::kInformational, ++message_id, first(bytes), bytes));
                break;
            case 3:
                send(
                    peer->protect_raw(ExchangeType::kQuickMode, ++message_id, first(bytes), bytes));
                break;
            case 4:  // payloads behind a right hash
                send(peer->protect(ExchangeType::kInformational, ++message_id, payloads(bytes)));
                break;
            case 5:
                send(peer->protect(ExchangeType::kQuickMode, ++message_id, payloads(bytes)));
                break;
            case 6:  // a good quick mode, one byte of its proposal changed
                changed_quick_mode(bytes);
                break;
            case 7:  // to a main mode that the engine begins
                answer_first(bytes);
                break;
            default:
                net.run(std::chrono::seconds(bytes.size() % 64));
                break;
        }
    }

    [[nodiscard]] static PayloadType first(const Bytes& bytes) {
        return bytes.empty() ? PayloadType::kHash : static_cast<PayloadType>(bytes.front());
    }

    // {type, length, body} ...
    [[nodiscard]] static std::vector<OutPayload> payloads(const Bytes& bytes) {
        std::vector<OutPayload> list;
        for (std::size_t at = 0; at + 2 <= bytes.size() && list.size() < 60;) {
            const std::size_t length = std::min<std::size_t>(bytes[at + 1], bytes.size() - at - 2);
            const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 2;
            list.emplace_back(static_cast<PayloadType>(bytes[at]),
                              Bytes(begin, begin + static_cast<std::ptrdiff_t>(length)));
            at += 2 + length;
        }
        return list;
    }

    void changed_quick_mode(const Bytes& bytes) {
        Bytes sa = ScriptedPeer::quick_mode_sa();
        for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
            sa[bytes[i] % sa.size()] = bytes[i + 1];
        }
        send(peer->protect(ExchangeType::kQuickMode,
                           ++message_id,
                           {{PayloadType::kSa, sa},
                            {PayloadType::kNonce, Bytes(16, 1)},
                            {PayloadType::kIdentification,
                             encode_identity(identity_of(tests::selector("10.1.0.0/16")))},
                            {PayloadType::kIdentification,
                             encode_identity(identity_of(tests::selector("10.2.0.0/16")))}}));
    }

    // Message 2, with payloads of the fuzzer's.
    void answer_first(const Bytes& bytes) {
        Acquire wish = net.wish(net.b);
        wish.terms = std::make_shared<const config::NegotiationTerms>(tests::psk_terms("other"));
        const std::size_t before = net.seen.size();
        net.b.engine->acquire(wish, net.now);
        net.deliver();
        if (net.seen.size() > before) {  // else it is begun already
            std::copy_n(net.seen.back().bytes.begin(), begun.size(), begun.begin());
        }
        Header header;
        header.exchange = static_cast<std::uint8_t>(ExchangeType::kMainMode);
        header.initiator = begun;
        header.responder = {7};
        MessageBuilder builder(header);
        for (const auto& [type, body] : payloads(bytes)) {
            builder.add(type, body);
        }
        send(builder.finish());
    }

    void check() const {
        const Statistics& statistics = net.b.engine->statistics();
        require(net.b.engine->report(net.now).main_modes.size() <= 16);
        require(statistics.children_active == net.b.host.children.size());
        require(statistics.active_receive <= 8);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    std::size_t at = 0;
    for (unsigned records = 0; at + 3 <= size && records < 32; ++records) {
        const std::uint8_t kind = data[at];
        const std::size_t wanted = static_cast<std::size_t>(data[at + 1]) << 8U | data[at + 2];
        const std::size_t length = std::min(wanted, size - at - 3);
        world.act(kind, Bytes(data + at + 3, data + at + 3 + length));
        at += 3 + length;
    }
    world.check();
    return 0;
}
