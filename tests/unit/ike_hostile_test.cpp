// What must not harm: floods, replays, forgeries, and what once broke others (by CVE).
#include "control/ike/isakmp_sa.h"
#include "control/ike/proposal.h"
#include "tests/support/ike_scripted_peer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using tests::Datagram;
using tests::Ladder;
using tests::ScriptedPeer;

struct World {
    Ladder net;
    std::optional<ScriptedPeer> peer;

    explicit World(const EngineOptions& options = {}) : net(options) {
        net.set_terms(tests::psk_terms());
        peer.emplace(net);
    }
    [[nodiscard]] std::uint64_t drops(Drop drop) const { return net.drops(net.b, drop); }
    [[nodiscard]] std::size_t main_modes() const {
        return net.b.engine->report(net.now).main_modes.size();
    }
};

std::vector<OutPayload> quick_mode_payloads(const Identity& here, const Identity& there) {
    return {{PayloadType::kSa, ScriptedPeer::quick_mode_sa()},
            {PayloadType::kNonce, Bytes(16, 1)},
            {PayloadType::kIdentification, encode_identity(here)},
            {PayloadType::kIdentification, encode_identity(there)}};
}

std::vector<OutPayload> good_quick_mode() {
    return quick_mode_payloads(identity_of(tests::selector("10.1.0.0/16")),
                               identity_of(tests::selector("10.2.0.0/16")));
}

OutPayload notification(NotifyType type, ByteView spi = {}, ByteView data = {}) {
    return notification_payload(static_cast<std::uint16_t>(type), spi, data);
}

OutPayload deletion(std::uint8_t protocol, const std::vector<Bytes>& spis) {
    Deletion deletion;
    deletion.protocol = protocol;
    deletion.spi_bytes = static_cast<std::uint8_t>(spis.empty() ? 4 : spis.front().size());
    for (const Bytes& spi : spis) {
        deletion.spis.emplace_back(spi);
    }
    return {PayloadType::kDelete, encode_deletion(deletion)};
}

// --- Floods

TEST(IkeHostile, AFloodOfFirstMessagesIsBoundedAndPasses) {
    EngineOptions options;
    options.max_half_open = 20;
    options.max_half_open_per_peer = 3;
    World world(options);
    Bytes first = world.peer->first_message();
    const auto send = [&](std::uint32_t number, const std::string& from) {
        first[0] = static_cast<std::uint8_t>(number >> 8U);
        first[1] = static_cast<std::uint8_t>(number);
        world.net.b.engine->receive(
            world.peer->there, {tests::address(from), 500}, first, world.net.now);
    };
    for (std::uint32_t i = 0; i < 10; ++i) {
        send(i, "198.51.100.1");
    }
    EXPECT_EQ(world.main_modes(), 3U);
    for (std::uint32_t i = 0; i < 100; ++i) {
        send(i, "198.51.101." + std::to_string(i));
    }
    EXPECT_EQ(world.main_modes(), 20U);
    EXPECT_EQ(world.drops(Drop::kHalfOpenLimit), 7U + 83U);
    world.net.wire.clear();
    world.net.run(31s);
    EXPECT_EQ(world.main_modes(), 0U);
    EXPECT_TRUE(world.peer->connect());
}

TEST(IkeHostile, OwnNegotiationsGoOnDuringAFlood) {
    EngineOptions options;
    options.max_half_open = 0;
    Ladder net(options);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.drops(net.b, Drop::kHalfOpenLimit), 1U);
    EXPECT_EQ(net.a.engine->report(net.now).main_modes.size(), 1U);
}

TEST(IkeHostile, Cve2016_5361_OneAnswerToAFirstMessageNeverLongerThanIt) {
    World world;
    const Bytes first = world.peer->first_message();
    const std::vector<Bytes> answers = world.peer->exchange(first);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_LE(answers.front().size(), first.size());
    const std::size_t before = world.net.seen.size();
    world.net.run(10min);
    EXPECT_EQ(world.net.seen.size(), before);
    EXPECT_EQ(world.main_modes(), 0U);
    // A refusal is not longer either.
    world.peer->offers = tests::mm("DES-MD5-1");
    ScriptedPeer other(world.net);
    const Bytes refused =
        MessageBuilder(other.header(ExchangeType::kMainMode))
            .add(PayloadType::kSa,
                 encode_phase1(tests::mm("DES-MD5-1"), {AuthenticationMethod::kPresharedKey}, 0))
            .finish();
    const std::vector<Bytes> notify = other.exchange(refused);
    ASSERT_EQ(notify.size(), 1U);
    EXPECT_LE(notify.front().size(), refused.size());
}

TEST(IkeHostile, RepeatsAreAnsweredFromTheStoreAndBounded) {
    World world;
    const Bytes first = world.peer->first_message();
    std::size_t answers = 0;
    for (unsigned i = 0; i < 100; ++i) {
        answers += world.peer->exchange(first).size();
    }
    EXPECT_EQ(answers, 1U + kMaxRepeats);
    EXPECT_EQ(world.main_modes(), 1U);
    EXPECT_EQ(world.drops(Drop::kTooManyRepeats), 99U - kMaxRepeats);
}

TEST(IkeHostile, LogLinesAboutStrangersAreFew) {
    World world;
    const std::size_t before = world.net.b.host.lines.size();
    for (unsigned i = 0; i < 10'000; ++i) {
        world.net.b.engine->receive(
            world.peer->there, world.peer->here, Bytes(i % 60), world.net.now);
    }
    EXPECT_LE(world.net.b.host.lines.size() - before, 100U);
}

// --- Cookies, lengths, versions

TEST(IkeHostile, Cve2013_4564_LengthsThatDoNotFit) {
    World world;
    const Bytes good = world.peer->first_message();
    for (std::size_t length = 0; length < good.size(); ++length) {
        EXPECT_TRUE(
            world.peer
                ->exchange(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)))
                .empty());
    }
    for (const std::uint32_t length : {0U, 27U, 28U, 0xffff'ffffU}) {
        Bytes changed = good;
        for (unsigned i = 0; i < 4; ++i) {
            changed[24 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
        }
        EXPECT_TRUE(world.peer->exchange(changed).empty());
    }
    EXPECT_EQ(world.main_modes(), 0U);
}

TEST(IkeHostile, Cve2009_0790_UnprotectedAreYouThereForSasThatAreNotThere) {
    World world;
    Header header = world.peer->header(ExchangeType::kInformational);
    header.message_id = 7;
    const Bytes unknown =
        MessageBuilder(header)
            .add(PayloadType::kNotification,
                 notification(NotifyType::kRUThere, world.peer->cookies(), Bytes(4)).second)
            .finish();
    EXPECT_TRUE(world.peer->exchange(unknown).empty());
    EXPECT_EQ(world.drops(Drop::kBadCookie), 1U);
    // Half open, and established.
    ASSERT_TRUE(world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
    header = world.peer->header(ExchangeType::kInformational);
    header.message_id = 8;
    const Bytes half_open =
        MessageBuilder(header)
            .add(PayloadType::kNotification,
                 notification(NotifyType::kRUThere, world.peer->cookies(), Bytes(4)).second)
            .finish();
    EXPECT_TRUE(world.peer->exchange(half_open).empty());
    Bytes encrypted = half_open;
    encrypted[19] = kFlagEncryption;
    EXPECT_TRUE(world.peer->exchange(encrypted).empty());
    EXPECT_EQ(world.drops(Drop::kNotEncrypted), 1U);
}

TEST(IkeHostile, Cve2020_1763_FirstMessagesOfEveryKindWithoutAnSa) {
    World world;
    for (unsigned exchange = 0; exchange < 256; ++exchange) {
        for (const unsigned flags : {0U, 1U, 2U, 4U, 0xffU}) {
            Header header = world.peer->header(ExchangeType::kMainMode);
            header.exchange = static_cast<std::uint8_t>(exchange);
            header.flags = static_cast<std::uint8_t>(flags);
            header.responder = {9, 9, 9};
            (void)world.peer->exchange(
                MessageBuilder(header).add(PayloadType::kNonce, Bytes(8)).finish());
        }
    }
    EXPECT_EQ(world.drops(Drop::kBadExchange), 253U * 5);
    EXPECT_EQ(world.main_modes(), 0U);
}

TEST(IkeHostile, Cve2023_30570_NothingIsLeftOfARefusedFirstMessage) {
    World world;
    Header header = world.peer->header(ExchangeType::kMainMode);
    const Bytes refused =
        MessageBuilder(header)
            .add(PayloadType::kSa,
                 encode_phase1(tests::mm("DES-MD5-1"), {AuthenticationMethod::kPresharedKey}, 0))
            .finish();
    const std::vector<Bytes> notify = world.peer->exchange(refused);
    ASSERT_EQ(notify.size(), 1U);
    // The cookie of the refusal names nothing.
    std::copy_n(notify.front().begin() + 8, 8, header.responder.begin());
    const Bytes next = MessageBuilder(header)
                           .add(PayloadType::kKeyExchange, Bytes(64))
                           .add(PayloadType::kNonce, Bytes(16))
                           .finish();
    EXPECT_TRUE(world.peer->exchange(next).empty());
    EXPECT_EQ(world.drops(Drop::kBadCookie), 1U);
    EXPECT_TRUE(world.peer->connect());
}

TEST(IkeHostile, Cve2005_3732_EveryPayloadRemovedOrDoubledInEveryMessage) {
    // Per message: which payload to leave out, or to send twice.
    for (unsigned step = 0; step < 2; ++step) {
        for (unsigned change = 0; change < 4; ++change) {
            World world;
            if (step == 1) {
                ASSERT_TRUE(
                    world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
            }
            const Bytes good =
                step == 0 ? world.peer->first_message() : world.peer->third_message();
            Message message;
            message.bytes = good;
            message.header = std::get<Header>(decode_header(good));
            ASSERT_TRUE(std::holds_alternative<std::monostate>(read_payloads(message)));
            MessageBuilder builder(world.peer->header(ExchangeType::kMainMode));
            for (std::size_t i = 0; i < message.payloads.size(); ++i) {
                const Payload& payload = message.payloads[i];
                const bool removed = change < 2 && i == change % 2;
                const bool doubled = change >= 2 && i == change % 2;
                for (unsigned copies = removed ? 0 : doubled ? 2 : 1; copies > 0; --copies) {
                    builder.add(payload.type, payload.body);
                }
            }
            const bool harmless = step == 0 && change % 2 == 1;  // a vendor ID
            const std::vector<Bytes> answers = world.peer->exchange(builder.finish());
            const bool went_on = !answers.empty() && answers.front()[18] == 2;
            EXPECT_EQ(went_on, harmless) << step << " " << change;
        }
    }
}

TEST(IkeHostile, Cve2015_3204_Cve2015_3991_PayloadTypesThatDoNotBelong) {
    for (unsigned type = 0; type < 256; ++type) {
        World world;
        const Bytes sa = encode_phase1(
            tests::mm("AES128-SHA256-19"), {AuthenticationMethod::kPresharedKey}, 3600);
        const std::vector<Bytes> answers =
            world.peer->exchange(MessageBuilder(world.peer->header(ExchangeType::kMainMode))
                                     .add(PayloadType::kSa, sa)
                                     .add(static_cast<PayloadType>(type), Bytes(20, 0xff))
                                     .finish());
        const bool accepted = !answers.empty() && answers.front()[18] == 2;
        // Vendor IDs, notifications, what is for private use; 0 ends the chain before it.
        const bool welcome = type == 13 || type == 11 || type >= 128;
        EXPECT_EQ(accepted, welcome) << type;
    }
}

TEST(IkeHostile, Cve2015_3240_PublicValuesThatAreNotAPoint) {
    const std::size_t bytes = crypto::DhExchange::public_bytes(19);
    for (const std::size_t length : {std::size_t{0}, bytes - 1, bytes, bytes + 1, bytes * 100}) {
        for (const unsigned fill : {0x00U, 0x01U, 0xffU}) {
            World world;
            ASSERT_TRUE(
                world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
            const Bytes bad =
                MessageBuilder(world.peer->header(ExchangeType::kMainMode))
                    .add(PayloadType::kKeyExchange, Bytes(length, static_cast<std::uint8_t>(fill)))
                    .add(PayloadType::kNonce, Bytes(16, 1))
                    .finish();
            (void)world.peer->exchange(bad);
            EXPECT_EQ(world.drops(Drop::kBadKeyExchange), 1U);
            // The right one still comes through.
            EXPECT_TRUE(world.peer->keyed(world.peer->exchange(world.peer->third_message()).at(0)));
        }
    }
}

// --- Under the keys

TEST(IkeHostile, TheScriptedPeerIsAPeer) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const std::vector<Bytes> answer =
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer.front()[18], static_cast<std::uint8_t>(ExchangeType::kQuickMode));
    EXPECT_EQ(world.net.b.host.children.size(), 1U);
}

TEST(IkeHostile, Cve2019_10155_NothingIsBelievedWithoutItsHash) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const std::vector<OutPayload> without{deletion(kProtocolIsakmp, {world.peer->cookies()})};
    std::uint32_t id = 1;
    EXPECT_TRUE(
        world.peer
            ->exchange(world.peer->protect(ExchangeType::kInformational, id++, without, false))
            .empty());
    for (const std::size_t length : {0U, 1U, 31U, 32U, 33U, 64U}) {
        std::vector<OutPayload> wrong{{PayloadType::kHash, Bytes(length, 0x11)}};
        wrong.insert(wrong.end(), without.begin(), without.end());
        EXPECT_TRUE(
            world.peer
                ->exchange(world.peer->protect(ExchangeType::kInformational, id++, wrong, false))
                .empty());
        std::vector<OutPayload> quick{{PayloadType::kHash, Bytes(length, 0x11)}};
        for (const OutPayload& payload : good_quick_mode()) {
            quick.push_back(payload);
        }
        EXPECT_TRUE(
            world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, id++, quick, false))
                .empty());
    }
    // In clear.
    Header header = world.peer->header(ExchangeType::kInformational);
    header.message_id = id;
    EXPECT_TRUE(
        world.peer
            ->exchange(MessageBuilder(header).add(without[0].first, without[0].second).finish())
            .empty());
    EXPECT_EQ(world.main_modes(), 1U);
    EXPECT_TRUE(world.net.b.host.children.empty());
    EXPECT_EQ(world.drops(Drop::kBadHash), 13U);
}

TEST(IkeHostile, MessageIdsAreNotUsedTwice) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const std::vector<OutPayload> ask{
        notification(NotifyType::kRUThere, world.peer->cookies(), Bytes{0, 0, 0, 1})};
    const Bytes message = world.peer->protect(ExchangeType::kInformational, 5, ask);
    EXPECT_EQ(world.peer->exchange(message).size(), 1U);
    EXPECT_EQ(world.peer->exchange(message).size(), 0U);
    EXPECT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 5, good_quick_mode()))
            .size(),
        0U);
    EXPECT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kInformational, 0, ask)).size(), 0U);
    EXPECT_EQ(world.drops(Drop::kBadMessageId), 3U);
    // A quick mode that is over and forgotten cannot be played again.
    const Bytes quick = world.peer->protect(ExchangeType::kQuickMode, 6, good_quick_mode());
    EXPECT_EQ(world.peer->exchange(quick).size(), 1U);
    world.net.run(10min);
    EXPECT_TRUE(world.net.b.host.children.empty());
    EXPECT_EQ(world.peer->exchange(quick).size(), 0U);
    EXPECT_TRUE(world.net.b.host.children.empty());
}

TEST(IkeHostile, Cve2023_38712_WhatFollowsADeleteOfItsOwnSaIsNotActedOn) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const std::vector<OutPayload> payloads{
        deletion(kProtocolIsakmp, {world.peer->cookies(), world.peer->cookies()}),
        notification(NotifyType::kRUThere, world.peer->cookies(), Bytes{0, 0, 0, 1}),
        deletion(kProtocolIsakmp, {world.peer->cookies()}),
        deletion(kProtocolEsp, {Bytes{1, 2, 3, 4}, Bytes{5, 6, 7, 8}}),
        notification(NotifyType::kInitialContact, world.peer->cookies())};
    EXPECT_TRUE(world.peer->exchange(world.peer->protect(ExchangeType::kInformational, 5, payloads))
                    .empty());
    EXPECT_EQ(world.main_modes(), 0U);
    EXPECT_EQ(world.net.b.engine->statistics().main_modes_active, 0U);
    EXPECT_TRUE(world.peer->exchange(world.peer->protect(ExchangeType::kInformational, 6, payloads))
                    .empty());
    EXPECT_EQ(world.drops(Drop::kBadCookie), 1U);
}

TEST(IkeHostile, SpisOfDeletesThatNameNothingAreIgnored) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    ASSERT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()))
            .size(),
        1U);
    std::vector<Bytes> many(40, Bytes{0, 0, 1, 1});
    (void)world.peer->exchange(
        world.peer->protect(ExchangeType::kInformational,
                            5,
                            {deletion(kProtocolEsp, many),
                             deletion(kProtocolAh, {Bytes{0x11, 0x22, 0x33, 0x44}}),
                             deletion(99, many),
                             deletion(kProtocolIsakmp, {Bytes(16, 7)})}));
    EXPECT_EQ(world.net.b.host.children.size(), 1U);
    (void)world.peer->exchange(
        world.peer->protect(ExchangeType::kInformational,
                            6,
                            {deletion(kProtocolEsp, {Bytes{0x11, 0x22, 0x33, 0x44}})}));
    EXPECT_TRUE(world.net.b.host.children.empty());
}

TEST(IkeHostile, Cve2023_38711_IdentitiesOfEveryTypeInQuickMode) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const Identity good = identity_of(tests::selector("10.2.0.0/16"));
    for (unsigned type = 0; type < 256; ++type) {
        for (const std::size_t length : {0U, 1U, 4U, 8U, 16U, 32U}) {
            Identity odd;
            odd.type = static_cast<std::uint8_t>(type);
            odd.data.assign(length, 0xff);
            const auto id = static_cast<std::uint32_t>(1000 + type * 100 + length);
            (void)world.peer->exchange(
                world.peer->protect(ExchangeType::kQuickMode, id, quick_mode_payloads(odd, good)));
            (void)world.peer->exchange(world.peer->protect(
                ExchangeType::kQuickMode, id + 50, quick_mode_payloads(good, odd)));
        }
    }
    EXPECT_TRUE(world.net.b.host.children.empty());
    EXPECT_EQ(world.main_modes(), 1U);
    EXPECT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()))
            .size(),
        1U);
}

TEST(IkeHostile, Cve2024_3652_TransformsWithEveryAttributeChanged) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    const Bytes good = ScriptedPeer::quick_mode_sa();
    std::uint32_t id = 1000;
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const unsigned value : {0U, 1U, 11U, 23U, 127U, 255U}) {
            std::vector<OutPayload> payloads = good_quick_mode();
            payloads[0].second = good;
            payloads[0].second[i] = static_cast<std::uint8_t>(value);
            (void)world.peer->exchange(
                world.peer->protect(ExchangeType::kQuickMode, ++id, payloads));
        }
    }
    EXPECT_EQ(world.main_modes(), 1U);
    EXPECT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()))
            .size(),
        1U);
}

TEST(IkeHostile, UnprotectedNotificationsChangeNothing) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    ASSERT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()))
            .size(),
        1U);
    for (std::uint32_t type = 0; type < 65536; type += type < 64 ? 1U : 997U) {
        Header header = world.peer->header(ExchangeType::kInformational);
        header.message_id = 10'000 + type;
        const OutPayload forged =
            notification_payload(static_cast<std::uint16_t>(type), world.peer->cookies());
        EXPECT_TRUE(
            world.peer->exchange(MessageBuilder(header).add(forged.first, forged.second).finish())
                .empty());
    }
    EXPECT_EQ(world.main_modes(), 1U);
    EXPECT_EQ(world.net.b.host.children.size(), 1U);
}

TEST(IkeHostile, ANotificationThatNobodyProvedLeavesANegotiationGoingOn) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.fate = [&](const Datagram& datagram, std::size_t number) {
        if (number != 1) {
            return std::vector{datagram};
        }
        // Before the answer to message 1: a forged refusal.
        Header header;
        std::copy_n(datagram.bytes.begin(), 8, header.initiator.begin());
        header.responder = {6, 6, 6};
        header.exchange = static_cast<std::uint8_t>(ExchangeType::kInformational);
        const OutPayload forged = notification(NotifyType::kNoProposalChosen);
        Datagram before = datagram;
        before.bytes = MessageBuilder(header).add(forged.first, forged.second).finish();
        return std::vector{before, datagram};
    };
    net.acquire(net.a);
    net.deliver();
    EXPECT_EQ(net.a.host.usable().size(), 1U);
}

TEST(IkeHostile, AnotherAddressInTheIdentityIsRefused) {
    World world;
    ASSERT_TRUE(world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
    ASSERT_TRUE(world.peer->keyed(world.peer->exchange(world.peer->third_message()).at(0)));
    (void)world.peer->exchange(
        world.peer->fifth_message(address_identity(tests::address("192.0.2.77"))));
    EXPECT_EQ(world.drops(Drop::kBadIdentity), 1U);
    EXPECT_EQ(world.main_modes(), 0U);
    ASSERT_EQ(world.net.b.host.failures.size(), 1U);
    EXPECT_EQ(world.net.b.host.failures.front().reason, "the peer 192.0.2.1 says it is 192.0.2.77");
}

TEST(IkeHostile, ANameIsAcceptedWhereTheKeyProvesThePeer) {
    World world;
    ASSERT_TRUE(world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
    ASSERT_TRUE(world.peer->keyed(world.peer->exchange(world.peer->third_message()).at(0)));
    Identity name;
    name.type = static_cast<std::uint8_t>(IdType::kFqdn);
    name.data = {'g', 'w'};
    EXPECT_EQ(world.peer->exchange(world.peer->fifth_message(name)).size(), 1U);
    EXPECT_NE(world.net.b.host.log_text().find("calls itself"), std::string::npos);
}

// A peer that comes back without INITIAL-CONTACT, while it is asked whether it is there.
TEST(IkeHostile, TheDeathOfAForgottenMainModeLeavesTheNewOne) {
    World world;
    ASSERT_TRUE(world.peer->connect());
    ASSERT_EQ(
        world.peer->exchange(world.peer->protect(ExchangeType::kQuickMode, 77, good_quick_mode()))
            .size(),
        1U);
    world.net.run(60s);
    ASSERT_EQ(world.net.b.engine->report(world.net.now).main_modes.front().state,
              MainModeState::kDeadPeer);
    world.peer->begin_anew(9);
    ASSERT_TRUE(world.peer->connect());
    EXPECT_EQ(world.main_modes(), 2U);
    for (unsigned i = 0; i < 60; ++i) {
        world.net.run(10s);
        const OutPayload alive =
            notification(NotifyType::kRUThere, world.peer->cookies(), Bytes(4));
        (void)world.peer->exchange(
            world.peer->protect(ExchangeType::kInformational, 1000 + i, {alive}));
    }
    EXPECT_EQ(world.net.b.engine->statistics().dead_peers, 0U);
    EXPECT_GE(world.main_modes(), 1U);
}

// --- Fragments of strangers

TEST(IkeHostile, Cve2009_1574_Cve2016_10396_FragmentsThatFitNothing) {
    World world;
    ASSERT_TRUE(world.peer->answered(world.peer->exchange(world.peer->first_message()).at(0)));
    const auto fragment = [&](const Bytes& body, bool known) {
        Header header = world.peer->header(ExchangeType::kMainMode);
        if (!known) {
            header.responder = {1};
        }
        return MessageBuilder(header).add(PayloadType::kFragment, body).finish();
    };
    EXPECT_TRUE(world.peer->exchange(fragment({}, true)).empty());
    EXPECT_TRUE(world.peer->exchange(fragment({0, 1, 0, 0, 5}, true)).empty());  // number 0
    EXPECT_TRUE(world.peer->exchange(fragment({0, 1, 1, 1, 5}, false)).empty());
    EXPECT_EQ(world.drops(Drop::kBadCookie), 1U);
    for (unsigned id = 1; id < 200; ++id) {
        for (unsigned number = 64; number > 1; --number) {
            (void)world.peer->exchange(fragment(
                {0, static_cast<std::uint8_t>(id), static_cast<std::uint8_t>(number), 0, 1, 2, 3},
                true));
        }
    }
    // A fragment within a fragment is not looked into.
    const Bytes inner = fragment({0, 9, 1, 1, 1}, true);
    Bytes outer{1, 200, 1, 1};
    outer.insert(outer.end(), inner.begin(), inner.end());
    EXPECT_TRUE(world.peer->exchange(fragment(outer, true)).empty());
    EXPECT_GE(world.drops(Drop::kFragment), 3U);
    EXPECT_TRUE(world.peer->keyed(world.peer->exchange(world.peer->third_message()).at(0)));
}

}  // namespace
