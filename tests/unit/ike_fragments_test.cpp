// IKE fragments: in every order, and all that does not make a message.
#include "control/ike/fragments.h"
#include "tests/support/crypto_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace control::ike {
namespace {

using crypto::testing::from_hex;
using crypto::testing::to_hex;

constexpr std::uint16_t kId = 7;

Bytes example_message(std::size_t size) {
    MessageBuilder builder(Header{.initiator = {1, 2, 3, 4, 5, 6, 7, 8},
                                  .responder = {8, 7, 6, 5, 4, 3, 2, 1},
                                  .exchange = static_cast<std::uint8_t>(ExchangeType::kQuickMode),
                                  .flags = kFlagEncryption,
                                  .message_id = 0xABCDEF01});
    Bytes body(size - kHeaderBytes - kPayloadHeaderBytes);
    for (std::size_t i = 0; i < body.size(); ++i) {
        body[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    }
    return builder.add(PayloadType::kHash, body).finish();
}

// The bodies of the fragment payloads of `datagrams`.
std::vector<Bytes> bodies_of(const std::vector<Bytes>& datagrams) {
    std::vector<Bytes> bodies;
    for (const Bytes& datagram : datagrams) {
        const Header header = std::get<Header>(decode_header(datagram));
        const auto payloads = std::get<std::vector<Payload>>(
            decode_payloads(header.next, ByteView(datagram).subspan(kHeaderBytes), false));
        EXPECT_EQ(payloads.size(), 1U);
        EXPECT_EQ(payloads[0].type, PayloadType::kFragment);
        bodies.emplace_back(payloads[0].body.begin(), payloads[0].body.end());
    }
    return bodies;
}

// What is answered to the bodies one after the other: "-" more are expected, "!" refused, "=" the
// message `expected`, "#" another one.
std::string answers(FragmentAssembler& assembler,
                    const std::vector<Bytes>& bodies,
                    const Bytes& expected) {
    std::string text;
    for (const Bytes& body : bodies) {
        const auto answer = assembler.add(body);
        if (const auto* drop = std::get_if<Drop>(&answer)) {
            EXPECT_EQ(*drop, Drop::kFragment);
            text += '!';
        } else if (const auto& message = std::get<std::optional<Bytes>>(answer)) {
            text += *message == expected ? '=' : '#';
        } else {
            text += '-';
        }
    }
    return text;
}

TEST(IkeFragments, AreDatagramsOfTheLimitInClearOfMainMode) {
    const Bytes message = example_message(3000);
    const std::vector<Bytes> datagrams = cut_message(message, 1280, kId);
    ASSERT_EQ(datagrams.size(), 3U);
    EXPECT_EQ(datagrams[0].size(), 1280U);
    EXPECT_EQ(datagrams[1].size(), 1280U);
    // Cookies of the message; exchange, flags and message ID as charon writes and expects them.
    EXPECT_EQ(to_hex(ByteView(datagrams[2]).first(40)),
              "0102030405060708"
              "0807060504030201"
              "84100200"
              "00000000"
              "00000224"
              "00000208"
              "0007"
              "03"
              "01" + to_hex(ByteView(message).subspan(2488, 4)));
}

TEST(IkeFragments, AMessageThatFitsIsNotCut) {
    const Bytes message = example_message(1280);
    EXPECT_EQ(cut_message(message, 1280, kId), std::vector<Bytes>{message});
    EXPECT_EQ(cut_message(message, 1279, kId).size(), 2U);
}

TEST(IkeFragments, EverySizeComesBack) {
    for (std::size_t size = 100; size <= kMaxMessageBytes; size = size * 2 - size / 3) {
        for (const std::size_t limit : {1060U, 1280U, 1400U, 9000U, 65507U}) {
            const Bytes message = example_message(std::min(size, std::size_t{65'500}));
            const std::vector<Bytes> datagrams = cut_message(message, limit, kId);
            if (datagrams.size() == 1) {
                EXPECT_EQ(datagrams[0], message);
                continue;
            }
            for (const Bytes& datagram : datagrams) {
                EXPECT_LE(datagram.size(), limit);
            }
            FragmentAssembler assembler;
            const std::string text = answers(assembler, bodies_of(datagrams), message);
            EXPECT_EQ(text, std::string(datagrams.size() - 1, '-') + '=');
        }
    }
}

TEST(IkeFragments, AnyOrderWithDuplicatesMakesTheMessage) {
    const Bytes message = example_message(6000);
    std::vector<Bytes> bodies = bodies_of(cut_message(message, 1060, kId));
    ASSERT_EQ(bodies.size(), 6U);
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        std::shuffle(bodies.begin(), bodies.end(), random);
        std::vector<Bytes> sent(bodies.begin(), bodies.end() - 1);
        sent.insert(sent.end(), bodies.begin(), bodies.end());
        FragmentAssembler assembler;
        EXPECT_EQ(answers(assembler, sent, message), "----------=") << round;
    }
}

// Fragments of one message of three: "aa", "bb", "cc".
const char* const kA = "00070100aa";
const char* const kB = "00070200bb";
const char* const kC = "00070301cc";

struct Row {
    const char* name;
    std::vector<std::string> bodies;
    const char* answers;
};

TEST(IkeFragments, WhatIsBadNeverDisturbsWhatIsThere) {
    const Row rows[] = {
        {"in order", {kA, kB, kC}, "--="},
        {"CVE-2016-10396: worst order", {kC, kB, kA}, "--="},
        {"one alone", {"00070101aabbcc"}, "="},
        {"CVE-2009-1574: empty body", {kA, "", kB, kC}, "-!-="},
        {"CVE-2009-1574: header only", {kA, "00070200", kB, kC}, "-!-="},
        {"CVE-2013-6076: last one without data", {kA, "00070301", kB, kC}, "-!-="},
        {"CVE-2013-6076: cut off", {kA, "000702", kB, kC}, "-!-="},
        {"number 0", {kA, "00070000bb", kB, kC}, "-!-="},
        {"number 0, last", {kA, "00070001bb", kB, kC}, "-!-="},
        {"number 65", {kA, "00074100bb", kB, kC}, "-!-="},
        {"number 255, last", {kA, "0007ff01bb", kB, kC}, "-!-="},
        {"the same again", {kA, kA, kB, kB, kC}, "----="},
        {"last one twice", {kC, kC, kA, kB}, "---="},
        {"first missing", {kB, kC, kB, kC}, "----"},
        {"flags that mean nothing", {"000701feaa", kB, "000703ffcc"}, "--="},
        {"another ID begins anew", {kA, kB, "00080100dd", kC, kA, kB}, "-----="},
        {"other data begins anew", {"00070100dd", kB, kA, kC, kB}, "----="},
        {"another last one begins anew", {kB, "00070401dd", kA, kC, kB, kA}, "-----="},
        {"one behind the last begins anew", {"00070201dd", kC, kA, kB}, "---="},
        {"a last one before others begins anew", {kC, "00070101aabbcc"}, "-="},
        {"last one that is no longer last", {"00070301cc", "00070300cc", kA}, "---"},
        {"a second message of the same ID", {kA, kB, kC, "00070101aabbcc"}, "--=="},
    };
    for (const Row& row : rows) {
        std::vector<Bytes> bodies;
        for (const std::string& hex : row.bodies) {
            bodies.push_back(from_hex(hex));
        }
        FragmentAssembler assembler;
        EXPECT_EQ(answers(assembler, bodies, from_hex("aabbcc")), row.answers) << row.name;
    }
}

TEST(IkeFragments, Cve2019_15256MemoryIsBounded) {
    FragmentAssembler assembler;
    Bytes body(4 + 2000, 0x55);
    body[0] = 0;
    body[1] = kId;
    body[3] = 0;
    std::size_t kept = 0;
    for (std::size_t number = 1; number <= kMaxFragments; ++number) {
        body[2] = static_cast<std::uint8_t>(number);
        kept += std::holds_alternative<Drop>(assembler.add(body)) ? 0U : 2000U;
    }
    EXPECT_EQ(kept, kMaxMessageBytes / 2000 * 2000);
    // One that alone is too long changes nothing either.
    body.assign(4 + kMaxMessageBytes + 1, 0x55);
    body[2] = 1;
    EXPECT_TRUE(std::holds_alternative<Drop>(assembler.add(body)));
}

TEST(IkeFragments, AfterClearNothingIsLeft) {
    FragmentAssembler assembler;
    EXPECT_EQ(answers(assembler, {from_hex(kA), from_hex(kB)}, {}), "--");
    assembler.clear();
    EXPECT_EQ(answers(assembler, {from_hex(kC), from_hex(kB), from_hex(kA)}, from_hex("aabbcc")),
              "--=");
}

}  // namespace
}  // namespace control::ike
