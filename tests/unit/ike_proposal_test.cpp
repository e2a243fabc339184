// SA payloads of phase 1: what charon really sent, what we write, and each value that may stand in
// one.
#include "control/ike/proposal.h"
#include "tests/support/crypto_oracle.h"
#include "tests/support/sa_payload.h"

#include <gtest/gtest.h>

#include <string>

namespace control::ike {
namespace {

using config::Cipher;
using config::Hash;
using config::MmOffer;
using crypto::testing::from_hex;
using crypto::testing::to_hex;
using testing::kSa;
using testing::payload;
using testing::proposal;
using testing::transform;

// The SA payload that is alone in `message`, or first.
ByteView first_body(const Bytes& message) {
    const Header header = std::get<Header>(decode_header(message));
    const ByteView rest = ByteView(message).subspan(kHeaderBytes);
    return std::get<std::vector<Payload>>(decode_payloads(header.next, rest, false)).at(0).body;
}

// --- Phase 1

// Main mode message 1 of charon 5.9.8 (3des-sha1-modp1024, aes128-sha256-modp2048,
// aes256-sha384-ecp256), as its own log shows it on the wire.
const char* const kCharonMainMode =
    "9cc19a3e6d79ca1000000000000000000110020000000000000000f80d00007c0000000100000001000000700101"
    "0003030000200101000080010005800200028004000280030001800b0001800c3de0030000240201000080010007"
    "800e0080800200048004000e80030001800b0001800c3de0000000240301000080010007800e0100800200058004"
    "001380030001800b0001800c3de00d00000c09002689dfd6b7120d000014afcad71368a1f1c96b8696fc77570100"
    "0d0000184048b7d56ebce88525e7de7f00d6c2d3800000000d0000144a131c81070358455c5728f20e95452f0000"
    "001490cb80913ebb696e086381b5ec427b1f";

TEST(IkeProposalPhase1, ReadsMainModeMessageOfCharon) {
    const Bytes message = from_hex(kCharonMainMode);
    const auto read = std::get<Phase1Proposal>(decode_phase1(first_body(message)));
    EXPECT_EQ(read.unknown, 0U);
    ASSERT_EQ(read.transforms.size(), 3U);
    EXPECT_EQ(to_string(read.transforms[0]), "3DES-SHA1-2 PSK 15840s");
    EXPECT_EQ(to_string(read.transforms[1]), "AES128-SHA256-3 PSK 15840s");
    EXPECT_EQ(to_string(read.transforms[2]), "AES256-SHA384-19 PSK 15840s");
    EXPECT_EQ(read.transforms[2].number, 3);

    const Header header = std::get<Header>(decode_header(message));
    const auto payloads = std::get<std::vector<Payload>>(
        decode_payloads(header.next, ByteView(message).subspan(kHeaderBytes), false));
    ASSERT_EQ(payloads.size(), 6U);
    const Vendor vendors[] = {Vendor::kXauth,
                              Vendor::kDeadPeerDetection,
                              Vendor::kFragmentation,
                              Vendor::kNatTraversalRfc,
                              Vendor::kNatTraversalDraft02n};
    for (std::size_t i = 0; i < std::size(vendors); ++i) {
        EXPECT_EQ(vendor_of(payloads[i + 1].body), vendors[i]) << i;
    }
}

TEST(IkeProposalPhase1, AnswersAsCharonDid) {
    const Bytes message = from_hex(kCharonMainMode);
    const auto read = std::get<Phase1Proposal>(decode_phase1(first_body(message)));
    const Bytes answer = encode_phase1_choice(read.number, read.transforms[1].whole);
    EXPECT_EQ(to_hex(answer),
              "0000000100000001"
              "0000002c01010001"
              "000000240201000080010007800e0080800200048004000e80030001800b0001800c3de0");
    // charon's own answer to the same message chose the first: message 2 on the wire.
    EXPECT_EQ(to_hex(encode_phase1_choice(read.number, read.transforms[0].whole)),
              "00000001000000010000002801010001000000200101000080010005800200028004000280030001800b"
              "0001800c3de0");
}

// By scapy 2.5: ISAKMP()/ISAKMP_payload_SA() with two transforms. It writes durations in as many
// bytes as they need: three here.
TEST(IkeProposalPhase1, ReadsMainModeMessageOfScapy) {
    const Bytes message = from_hex(
        "010203040506070800000000000000000110020000000000000000770000005b00000001000000010000004f"
        "01010002030000270101000080010007800e0100800200028004000e80030001800b0001000c0003015180"
        "00000020"
        "0201000080010005800200018004000280030003800b0001800c7080");
    const auto read = std::get<Phase1Proposal>(decode_phase1(first_body(message)));
    ASSERT_EQ(read.transforms.size(), 2U);
    EXPECT_EQ(to_string(read.transforms[0]), "AES256-SHA1-3 PSK 86400s");
    EXPECT_EQ(to_string(read.transforms[1]), "3DES-MD5-2 RSA 28800s");
}

// tshark 4.0 was given this behind an ISAKMP header and reads: transform 1 AES-CBC, key length 256,
// SHA2-256, 2048 bit MODP group, RSA-SIG, 28800 seconds; transform 2 the same with PSK.
TEST(IkeProposalPhase1, WritesWhatTsharkReads) {
    const Bytes body =
        encode_phase1({{Cipher::kAes256, Hash::kSha256, 14}},
                      {AuthenticationMethod::kRsaSignature, AuthenticationMethod::kPresharedKey},
                      28800);
    EXPECT_EQ(to_hex(body),
              "0000000100000001"
              "00000058"
              "01010002"
              "03000028"
              "01010000"
              "80010007"
              "800e0100"
              "80020004"
              "8004000e"
              "80030003"
              "800b0001"
              "000c0004"
              "00007080"
              "00000028"
              "02010000"
              "80010007"
              "800e0100"
              "80020004"
              "8004000e"
              "80030001"
              "800b0001"
              "000c0004"
              "00007080");
}

TEST(IkeProposalPhase1, WritesEveryCombinationInTheOperatorsOrder) {
    const std::vector<MmOffer> offers = {{Cipher::kAes256, Hash::kSha384, 19},
                                         {Cipher::k3des, Hash::kSha1, 2}};
    const Bytes body = encode_phase1(
        offers, {AuthenticationMethod::kRsaSignature, AuthenticationMethod::kPresharedKey}, 28800);
    const auto read = std::get<Phase1Proposal>(decode_phase1(body));
    std::string text;
    for (const Phase1Transform& each : read.transforms) {
        text += to_string(each) + "; ";
    }
    EXPECT_EQ(text,
              "AES256-SHA384-19 RSA 28800s; AES256-SHA384-19 PSK 28800s; "
              "3DES-SHA1-2 RSA 28800s; 3DES-SHA1-2 PSK 28800s; ");
    EXPECT_EQ(read.transforms[3].number, 4);
}

TEST(IkeProposalPhase1, EveryMethodOfTheTableSurvivesTheWire) {
    std::size_t count = 0;
    for (const config::CipherRow& cipher : config::kCiphers) {
        for (const config::HashRow& hash : config::kHashes) {
            for (const config::DhGroupRow& group : config::kDhGroups) {
                if (!cipher.main_mode || !hash.main_mode) {
                    continue;
                }
                const MmOffer offer{cipher.cipher, hash.hash, group.ike_group};
                const Bytes body = encode_phase1({offer}, {AuthenticationMethod::kPresharedKey}, 0);
                const auto read = std::get<Phase1Proposal>(decode_phase1(body));
                ASSERT_EQ(read.transforms.size(), 1U) << config::to_string(offer);
                EXPECT_EQ(read.transforms[0].offer, offer);
                EXPECT_EQ(read.transforms[0].lifetime_seconds, 0U);
                ++count;
            }
        }
    }
    EXPECT_EQ(count, 5U * 5U * 11U);
}

TEST(IkeProposalPhase1, TransformsThatAreUnderstoodAndThatAreNot) {
    const std::string base = "800100058002000280040002";  // 3DES SHA1 group 2
    const struct {
        const char* name;
        std::string attributes;
        const char* text;  // empty: left out
    } rows[] = {
        {"without lifetime", base + "80030001", "3DES-SHA1-2 PSK"},
        {"RSA", base + "80030003", "3DES-SHA1-2 RSA"},
        {"other order", "80030001800400028002000280010005", "3DES-SHA1-2 PSK"},
        {"TLV of 1, 2 and 4 bytes",
         "00010002"
         "0005"
         "00020001"
         "02"
         "00040004"
         "00000002"
         "80030001",
         "3DES-SHA1-2 PSK"},
        {"TLV with leading zeros",
         "00010008"
         "0000000000000005"
         "800200028004000280030001",
         "3DES-SHA1-2 PSK"},
        {"TLV of 64 bits",
         "00010008"
         "0100000000000005"
         "800200028004000280030001",
         ""},
        {"TLV of no bytes",
         "00010000"
         "800200028004000280030001",
         ""},
        {"lifetime TLV", base + "80030001800b0001000c000400007080", "3DES-SHA1-2 PSK 28800s"},
        {"lifetime TV", base + "80030001800b0001800c7080", "3DES-SHA1-2 PSK 28800s"},
        {"duration before its type", base + "80030001800c7080800b0001", "3DES-SHA1-2 PSK 28800s"},
        {"seconds and kilobytes",
         base + "80030001800b0002800c0400800b0001800c7080",
         "3DES-SHA1-2 PSK 28800s"},
        {"the same lifetime twice",
         base + "80030001800b0001800c7080800b0001800c7080",
         "3DES-SHA1-2 PSK 28800s"},
        {"two lifetimes", base + "80030001800b0001800c7080800b0001800c7081", ""},
        {"life type alone", base + "80030001800b0001", ""},
        {"life type twice", base + "80030001800b0001800b0001800c7080", ""},
        {"unknown life type", base + "80030001800b0003800c7080", ""},
        {"class said twice", base + "8003000180010005", "3DES-SHA1-2 PSK"},
        {"class contradicted", base + "8003000180010001", ""},
        {"AES without key length", "80010007800200028004000280030001", ""},
        {"AES with 128", "80010007800e0080800200028004000280030001", "AES128-SHA1-2 PSK"},
        {"AES with 129", "80010007800e0081800200028004000280030001", ""},
        {"CVE-2024-3652: key length 0", "80010007800e0000800200028004000280030001", ""},
        {"3DES with key length", base + "80030001800e00c0", ""},
        {"XAUTH", base + "8003fde9", ""},
        {"DSS", base + "80030002", ""},
        {"no authentication method", base, ""},
        {"no group", "800100058002000280030001", ""},
        {"no hash", "800100058004000280030001", ""},
        {"no cipher", "800200028004000280030001", ""},
        {"nothing", "", ""},
        {"a PRF", base + "80030001800d0001", ""},
        {"class 16383", base + "80030001bfff0001", ""},
        {"class 32767", base + "80030001ffff0001", ""},
    };
    for (const auto& row : rows) {
        const Bytes body = from_hex(kSa + proposal(1, 1, "", transform(1, row.attributes)));
        const auto decoded = decode_phase1(body);
        const auto* found = std::get_if<Phase1Proposal>(&decoded);
        ASSERT_NE(found, nullptr) << row.name;
        const bool understood = row.text[0] != 0;
        EXPECT_EQ(found->unknown, understood ? 0U : 1U) << row.name;
        ASSERT_EQ(found->transforms.size(), understood ? 1U : 0U) << row.name;
        if (understood) {
            EXPECT_EQ(to_string(found->transforms[0]), row.text) << row.name;
        }
    }
}

// The value under test stands in the last two bytes.
std::size_t understood_of_all_values(const std::string& attributes) {
    Bytes body = from_hex(kSa + proposal(1, 1, "", transform(1, attributes + "0000")));
    std::size_t understood = 0;
    for (std::size_t value = 0; value < 65536; ++value) {
        body[body.size() - 2] = static_cast<std::uint8_t>(value >> 8U);
        body[body.size() - 1] = static_cast<std::uint8_t>(value);
        understood += std::get<Phase1Proposal>(decode_phase1(body)).transforms.size();
    }
    return understood;
}

TEST(IkeProposalPhase1, Cve2014_9221OfAllNumbersOnlyThoseOfTheTablesAreUnderstood) {
    EXPECT_EQ(understood_of_all_values("800200028004000280030001"
                                       "8001"),
              2U)
        << "cipher";
    EXPECT_EQ(understood_of_all_values("800100058004000280030001"
                                       "8002"),
              5U)
        << "hash";
    EXPECT_EQ(understood_of_all_values("800100058002000280030001"
                                       "8004"),
              11U)
        << "group";
    EXPECT_EQ(understood_of_all_values("800100058002000280040002"
                                       "8003"),
              2U)
        << "authentication";
    EXPECT_EQ(understood_of_all_values("80010007800200028004000280030001"
                                       "800e"),
              3U)
        << "key";
}

TEST(IkeProposalPhase1, PayloadsThatDoNotFitAreRefused) {
    const std::string good = transform(1, "80010005800200028004000280030001");
    const std::string one = proposal(1, 1, "", good);
    const std::string open = transform(1, "80010005800200028004000280030001", false);
    const struct {
        const char* name;
        std::string hex;
        Drop drop;
    } rows[] = {
        {"empty", "", Drop::kBadPayload},
        {"7 bytes", "00000001000000", Drop::kBadPayload},
        {"no proposal", kSa, Drop::kBadPayload},
        {"CVE-2015-3204: a DOI of all bits", "ffffffff00000001" + one, Drop::kBadPayload},
        {"CVE-2015-3204: a situation of all bits", "00000001ffffffff" + one, Drop::kBadPayload},
        {"SIT_SECRECY", "0000000100000002" + one, Drop::kBadPayload},
        {"two proposals",
         kSa + proposal(1, 1, "", good, false) + proposal(2, 1, "", good),
         Drop::kBadPayload},
        {"ESP", kSa + proposal(1, 3, "c0000001", good), Drop::kNoProposal},
        {"SPI longer than the proposal",
         kSa
             + "00000008"
               "0101ff01",
         Drop::kBadPayload},
        {"no transform", kSa + proposal(1, 1, "", ""), Drop::kBadPayload},
        {"one transform, two said", kSa + proposal(1, 1, "", good, true, 2), Drop::kBadPayload},
        {"two transforms, one said", kSa + proposal(1, 1, "", open + good), Drop::kBadPayload},
        {"a proposal in place of a transform",
         kSa + proposal(1, 1, "", payload(2, "01010000") + payload(0, "01010000"), true, 2),
         Drop::kBadPayload},
        {"a nonce behind the proposal",
         kSa + payload(10, "01010001" + good) + payload(0, "aabb"),
         Drop::kBadPayload},
        {"transform of 3 bytes", kSa + proposal(1, 1, "", payload(0, "010100")), Drop::kBadPayload},
        {"attribute of 3 bytes",
         kSa + proposal(1, 1, "", transform(1, "800100")),
         Drop::kBadPayload},
        {"attribute of 65535 bytes",
         kSa + proposal(1, 1, "", transform(1, "0001ffff05")),
         Drop::kBadPayload},
    };
    for (const auto& row : rows) {
        const auto decoded = decode_phase1(from_hex(row.hex));
        ASSERT_TRUE(std::holds_alternative<Drop>(decoded)) << row.name;
        EXPECT_EQ(row_of(std::get<Drop>(decoded)).token, row_of(row.drop).token) << row.name;
    }
    for (const char* spi : {"", "0102030405060708", "01020304050607081112131415161718"}) {
        const Bytes body = from_hex(kSa + proposal(1, 1, spi, good));
        EXPECT_EQ(std::get<Phase1Proposal>(decode_phase1(body)).transforms.size(), 1U) << spi;
    }
}

TEST(IkeProposalPhase1, UpTo255TransformsAreReadAndWritten) {
    const std::vector<MmOffer> offers(300, MmOffer{});
    const Bytes body = encode_phase1(offers, {AuthenticationMethod::kPresharedKey}, 28800);
    EXPECT_EQ(std::get<Phase1Proposal>(decode_phase1(body)).transforms.size(), 255U);
    std::string transforms;
    for (int i = 0; i < 256; ++i) {
        transforms += transform(1, "", i == 255);
    }
    const Bytes more = from_hex(kSa + proposal(1, 1, "", transforms, true, 0));
    EXPECT_EQ(std::get<Drop>(decode_phase1(more)), Drop::kTooManyPayloads);
}

}  // namespace
}  // namespace control::ike
