// SA payloads of phase 2: what charon really sent, what we write, each value that may stand in one.
#include "control/ike/proposal.h"
#include "tests/support/crypto_oracle.h"
#include "tests/support/sa_payload.h"

#include <gtest/gtest.h>

#include <string>

namespace control::ike {
namespace {

using config::Cipher;
using config::Hash;
using config::QmOffer;
using config::SaMode;
using crypto::testing::from_hex;
using crypto::testing::to_hex;
using testing::kSa;
using testing::payload;
using testing::proposal;
using testing::transform;

const std::string kSpi = "c0000001";
const std::string kTunnel = "80040001";
const std::string kTransport = "80040002";

using Transforms = std::vector<Phase2Transform>;

Transforms decoded(const Bytes& body) {
    return std::get<Transforms>(decode_phase2(body));
}

// "; " between them.
std::string texts(const Bytes& body) {
    std::string text;
    for (const Phase2Transform& each : decoded(body)) {
        text += (text.empty() ? "" : "; ") + to_string(each);
    }
    return text;
}

std::string esp(int number, const std::string& transforms, bool last = true, int count = 1) {
    return proposal(number, kProtocolEsp, kSpi, transforms, last, count);
}
std::string ah(int number, const std::string& transforms, bool last = true, int count = 1) {
    return proposal(number, kProtocolAh, "c0000002", transforms, last, count);
}

// The quick mode offer of charon 5.9.8 for 3des-sha1-modp1024, aes128-sha256-modp1024,
// aes256gcm16-modp1024, null-sha1-modp1024, aes192-sha384-modp1024, behind what it takes for a NAT,
// as its log shows it before encryption.
const char* const kCharonQuickMode =
    "0000000100000001000000dc010304051ab024e40300002801030000800500028003000280040003800100018002"
    "0f788001000200020004000186a00300002c020c0000800600808005000580030002800400038001000180020f78"
    "8001000200020004000186a003000028031400008006010080030002800400038001000180020f78800100020002"
    "0004000186a003000028040b00008005000280030002800400038001000180020f788001000200020004000186a0"
    "0000002c050c0000800600c08005000680030002800400038001000180020f788001000200020004000186a0";

TEST(IkeProposalPhase2, ReadsQuickModeOfferOfCharon) {
    const Bytes body = from_hex(kCharonQuickMode);
    EXPECT_EQ(texts(body),
              "ESP[3DES,SHA1] tunnel in UDP grp2 100000k/3960s; "
              "ESP[AES128,SHA256] tunnel in UDP grp2 100000k/3960s; "
              "ESP[AESGCM256,None] tunnel in UDP grp2 100000k/3960s; "
              "ESP[None,SHA1] tunnel in UDP grp2 100000k/3960s; "
              "ESP[AES192,SHA384] tunnel in UDP grp2 100000k/3960s");
    const Transforms transforms = decoded(body);
    EXPECT_EQ(transforms[4].esp_spi, 0x1AB024E4U);
    EXPECT_EQ(transforms[4].ah_spi, 0U);
    EXPECT_EQ(to_hex(encode_phase2_choice(transforms[4], {.ah = 0, .esp = 0xC1C2C3C4})),
              "0000000100000001000000380103040"
              "1c1c2c3c4"
              "0000002c050c0000800600c08005000680030002800400038001000180020f78"
              "8001000200020004000186a0");
}

// --- What we write. tshark 4.0 was given each of these behind an ISAKMP header and reads it as its
// name says; of ESP transforms 20 and 23 it knows the number only.

struct WrittenRow {
    const char* name;
    Phase2Offer offer;
    const char* hex;
};

const Phase2Spis kSpis{.ah = 0xA0000001, .esp = 0xE0000001};

QmOffer esp_offer(Cipher cipher,
                  Hash hash,
                  std::uint32_t kilobytes = 0,
                  std::uint32_t seconds = 0) {
    return {.has_esp = true,
            .esp_cipher = cipher,
            .esp_hash = hash,
            .kilobytes = kilobytes,
            .seconds = seconds};
}

TEST(IkeProposalPhase2, WritesWhatTsharkReads) {
    const WrittenRow rows[] = {
        {"3DES SHA1 tunnel, 100000 kB, 3600 s, group 14",
         {esp_offer(Cipher::k3des, Hash::kSha1, 100000, 3600), SaMode::kTunnel, false, false, 14},
         "000000010000000100000038"
         "01030401"
         "e0000001"
         "0000002c"
         "01030000"
         "8001000100020004"
         "00000e10"
         "8001000200020004"
         "000186a0"
         "8003000e"
         "80040001"
         "80050002"},
        {"AES256 SHA256 transport",
         {esp_offer(Cipher::kAes256, Hash::kSha256), SaMode::kTransport, false, false, 0},
         "000000010000000100000020"
         "01030401"
         "e0000001"
         "00000014"
         "010c0000"
         "80040002"
         "80060100"
         "80050005"},
        {"AES128-GCM-16 UDP-encapsulated transport (RFC 3947)",
         {esp_offer(Cipher::kAesGcm128, Hash::kNone), SaMode::kTransport, true, false, 0},
         "00000001000000010000001c"
         "01030401"
         "e0000001"
         "00000010"
         "01140000"
         "80040004"
         "80060080"},
        {"DES MD5 UDP-encapsulated tunnel (draft)",
         {esp_offer(Cipher::kDes, Hash::kMd5), SaMode::kTunnel, true, true, 0},
         "00000001000000010000001c"
         "01030401"
         "e0000001"
         "00000010"
         "01020000"
         "8004f003"
         "80050001"},
        {"NULL with AES-256-GMAC tunnel",
         {esp_offer(Cipher::kNone, Hash::kAesGmac256), SaMode::kTunnel, false, false, 0},
         "00000001000000010000001c"
         "01030401"
         "e0000001"
         "00000010"
         "01170000"
         "80040001"
         "80060100"},
        {"AH SHA1 tunnel",
         {{.ah = Hash::kSha1, .kilobytes = 0, .seconds = 0}, SaMode::kTunnel, false, false, 0},
         "00000001000000010000001c"
         "01020401"
         "a0000001"
         "00000010"
         "01030000"
         "80040001"
         "80050002"},
        {"AH SHA1 and ESP NULL SHA1 transport",
         {{.ah = Hash::kSha1,
           .has_esp = true,
           .esp_hash = Hash::kSha1,
           .kilobytes = 0,
           .seconds = 0},
          SaMode::kTransport,
          false,
          false,
          0},
         "0000000100000001"
         "0200001c"
         "01020401"
         "a0000001"
         "00000010"
         "01030000"
         "80040002"
         "80050002"
         "0000001c"
         "01030401"
         "e0000001"
         "00000010"
         "010b0000"
         "80040002"
         "80050002"},
    };
    for (const WrittenRow& row : rows) {
        EXPECT_EQ(to_hex(encode_phase2({row.offer}, kSpis)), row.hex) << row.name;
    }
}

TEST(IkeProposalPhase2, EveryMethodWithIdentifiersSurvivesTheWire) {
    std::size_t count = 0;
    for (const config::HashRow& ah_row : config::kHashes) {
        for (const config::CipherRow& cipher : config::kCiphers) {
            for (const config::HashRow& hash : config::kHashes) {
                QmOffer offer = esp_offer(cipher.cipher, hash.hash, 100000, 3600);
                offer.ah = ah_row.hash;
                // The methods of config that can be written at all, less ChaCha20 (IKEv2 only).
                if (!config::parse_qm_methods(config::to_string(std::vector{offer}))) {
                    continue;
                }
                ASSERT_EQ(has_identifiers(offer), cipher.cipher != Cipher::kChaCha20Poly1305)
                    << config::to_string(offer);
                const Bytes body =
                    encode_phase2({{offer, SaMode::kTunnel, false, false, 19}}, kSpis);
                if (!has_identifiers(offer)) {
                    EXPECT_EQ(to_hex(body), kSa);
                    continue;
                }
                const Transforms transforms = decoded(body);
                ASSERT_EQ(transforms.size(), 1U) << config::to_string(offer);
                EXPECT_EQ(transforms[0].offer, offer) << config::to_string(offer);
                EXPECT_EQ(transforms[0].mode, SaMode::kTunnel);
                EXPECT_EQ(transforms[0].pfs_group, 19);
                EXPECT_EQ(transforms[0].esp_spi, kSpis.esp);
                EXPECT_EQ(transforms[0].ah_spi, offer.ah == Hash::kNone ? 0U : kSpis.ah);
                ++count;
            }
        }
    }
    EXPECT_GT(count, 300U);
}

TEST(IkeProposalPhase2, OffersAreNumberedAndThoseWithoutIdentifiersLeftOut) {
    const QmOffer ah_esp{.ah = Hash::kMd5,
                         .has_esp = true,
                         .esp_cipher = Cipher::kDes,
                         .esp_hash = Hash::kNone,
                         .kilobytes = 0,
                         .seconds = 600};
    const Bytes body = encode_phase2({{esp_offer(Cipher::kChaCha20Poly1305, Hash::kNone)},
                                      {ah_esp},
                                      {ah_esp, SaMode::kTransport, true},  // AH in UDP
                                      {QmOffer{}},                         // nothing
                                      {esp_offer(Cipher::kAes128, Hash::kSha1)}},
                                     kSpis);
    const Transforms transforms = decoded(body);
    ASSERT_EQ(transforms.size(), 2U);
    EXPECT_EQ(to_string(transforms[0]), "AH[MD5]+ESP[DES,None] transport 600s");
    EXPECT_EQ(transforms[0].proposal, 1);
    EXPECT_EQ(to_string(transforms[1]), "ESP[AES128,SHA1] transport");
    EXPECT_EQ(transforms[1].proposal, 2);
    EXPECT_TRUE(encode_phase2(std::vector<Phase2Offer>(300, {ah_esp}), kSpis).size() < 0xFFFF);
}

// --- ESP and AH transforms one by one

struct TransformRow {
    const char* name;
    int id;
    std::string attributes;
    const char* text;  // empty: left out
};

void expect_rows(std::span<const TransformRow> rows, bool is_ah) {
    for (const TransformRow& row : rows) {
        const std::string each = transform(row.id, row.attributes);
        EXPECT_EQ(texts(from_hex(kSa + (is_ah ? ah(1, each) : esp(1, each)))), row.text)
            << row.name;
    }
}

TEST(IkeProposalPhase2, EspTransformsThatAreUnderstoodAndThatAreNot) {
    const std::string sha1 = "80050002";
    const TransformRow rows[] = {
        {"3DES SHA1", 3, kTunnel + sha1, "ESP[3DES,SHA1] tunnel"},
        {"without integrity", 3, kTunnel, "ESP[3DES,None] tunnel"},
        {"3DES with key length", 3, kTunnel + sha1 + "800600c0", ""},
        {"DES with key length", 2, kTunnel + sha1 + "80060040", ""},
        {"mode not said", 3, sha1, "ESP[3DES,SHA1] transport"},
        {"mode 0", 3, "80040000" + sha1, ""},
        {"mode 5", 3, "80040005" + sha1, ""},
        {"RFC 3947 tunnel", 3, "80040003" + sha1, "ESP[3DES,SHA1] tunnel in UDP"},
        {"RFC 3947 transport", 3, "80040004" + sha1, "ESP[3DES,SHA1] transport in UDP"},
        {"draft tunnel", 3, "8004f003" + sha1, "ESP[3DES,SHA1] tunnel in UDP"},
        {"draft transport", 3, "8004f004" + sha1, "ESP[3DES,SHA1] transport in UDP"},
        {"mode as TLV", 3, "000400020001" + sha1, "ESP[3DES,SHA1] tunnel"},
        {"AES without key length", 12, kTunnel + sha1, ""},
        {"AES with 192", 12, kTunnel + sha1 + "800600c0", "ESP[AES192,SHA1] tunnel"},
        {"AES with 512", 12, kTunnel + sha1 + "80060200", ""},
        {"CVE-2024-3652: AES with 0", 12, kTunnel + sha1 + "80060000", ""},
        {"AES-CTR", 13, kTunnel + sha1 + "80060080", "ESP[AESCTR128,SHA1] tunnel"},
        {"AES-CTR without integrity", 13, kTunnel + "80060080", ""},
        {"AES-GCM-8", 18, kTunnel + "80060080", "ESP[AESGCM128ICV8,None] tunnel"},
        {"AES-GCM-12", 19, kTunnel + "80060100", "ESP[AESGCM256ICV12,None] tunnel"},
        {"AES-GCM-16", 20, kTunnel + "800600c0", "ESP[AESGCM192,None] tunnel"},
        {"AES-GCM with integrity", 20, kTunnel + "800600c0" + sha1, ""},
        {"AES-GCM without key length", 20, kTunnel, ""},
        {"AES-GMAC", 23, kTunnel + "80060080", "ESP[None,AESGMAC128] tunnel"},
        {"CVE-2024-3652: AES-GMAC with 0", 23, kTunnel + "80060000", ""},
        {"CVE-2024-3652: AES-GMAC without key length", 23, kTunnel, ""},
        {"AES-GMAC with integrity", 23, kTunnel + "80060080" + sha1, ""},
        {"AES-GMAC as integrity", 3, kTunnel + "8005000b", ""},
        {"NULL", 11, kTunnel, ""},
        {"NULL SHA256", 11, kTunnel + "80050005", "ESP[None,SHA256] tunnel"},
        {"NULL AES-XCBC", 11, kTunnel + "80050009", "ESP[None,AESXCBC] tunnel"},
        {"integrity 0", 3, kTunnel + "80050000", ""},
        {"integrity 3, DES-MAC", 3, kTunnel + "80050003", ""},
        {"transform 0", 0, kTunnel + sha1, ""},
        {"transform 7, Blowfish", 7, kTunnel + sha1 + "80060080", ""},
        {"transform 28", 28, kTunnel, ""},
        {"group 2", 3, kTunnel + sha1 + "80030002", "ESP[3DES,SHA1] tunnel grp2"},
        {"group as TLV", 3, kTunnel + sha1 + "000300040000000e", "ESP[3DES,SHA1] tunnel grp14"},
        {"CVE-2014-9221: group 0", 3, kTunnel + sha1 + "80030000", ""},
        {"CVE-2014-9221: group 1024", 3, kTunnel + sha1 + "80030400", ""},
        {"ESN", 3, kTunnel + sha1 + "800b0001", "ESP[3DES,SHA1] tunnel ESN"},
        {"ESN 0", 3, kTunnel + sha1 + "800b0000", ""},
        {"ECN tunnel allowed", 3, kTunnel + sha1 + "800a0001", "ESP[3DES,SHA1] tunnel"},
        {"ECN tunnel forbidden", 3, kTunnel + sha1 + "800a0002", "ESP[3DES,SHA1] tunnel"},
        {"key rounds", 3, kTunnel + sha1 + "80070010", ""},
        {"class 12", 3, kTunnel + sha1 + "800c0001", ""},
        {"kilobytes only",
         3,
         kTunnel + sha1 + "80010002000200040003d090",
         "ESP[3DES,SHA1] tunnel 250000k"},
        {"both, repeated as Windows does",
         3,
         "80010001000200040000038480010002000200040003d090" + kTunnel + sha1,
         "ESP[3DES,SHA1] tunnel 250000k/900s"},
        {"duration of 8 bytes",
         3,
         kTunnel + sha1
             + "800100010002000800000000"
               "00007080",
         "ESP[3DES,SHA1] tunnel 28800s"},
        {"duration above 32 bits",
         3,
         kTunnel + sha1
             + "80010001"
               "00020008"
               "0000000100000000",
         "ESP[3DES,SHA1] tunnel 4294967295s"},
        {"duration without type", 3, kTunnel + sha1 + "80020384", ""},
    };
    expect_rows(rows, false);
}

TEST(IkeProposalPhase2, AhTransformsThatAreUnderstoodAndThatAreNot) {
    const TransformRow rows[] = {
        {"MD5", 2, kTunnel + "80050001", "AH[MD5] tunnel"},
        {"SHA1", 3, kTransport + "80050002", "AH[SHA1] transport"},
        {"SHA256", 5, kTunnel + "80050005", "AH[SHA256] tunnel"},
        {"AES-XCBC", 9, kTunnel + "80050009", "AH[AESXCBC] tunnel"},
        {"AES-GMAC", 11, kTunnel + "8005000b", "AH[AESGMAC128] tunnel"},
        {"AES-GMAC with its key length", 11, kTunnel + "8005000b80060080", "AH[AESGMAC128] tunnel"},
        {"AES-GMAC with another", 11, kTunnel + "8005000b80060100", ""},
        {"CVE-2024-3652: AES-GMAC with 0", 11, kTunnel + "8005000b80060000", ""},
        {"SHA1 with key length", 3, kTunnel + "80050002800600a0", ""},
        {"no authentication algorithm", 3, kTunnel, ""},
        {"MD5 that says SHA1", 2, kTunnel + "80050002", ""},
        {"SHA1 that says MD5", 3, kTunnel + "80050001", ""},
        {"transform 0", 0, kTunnel + "80050000", ""},
        {"in UDP",
         3,
         "80040003"
         "80050002",
         ""},
        {"ESN",
         3,
         kTunnel
             + "80050002"
               "800b0001",
         "AH[SHA1] tunnel ESN"},
    };
    expect_rows(rows, true);
}

// --- Proposals together

TEST(IkeProposalPhase2, ProposalsOfOneNumberAreOneOffer) {
    const std::string sha1 = transform(3, kTunnel + "80050002");
    const std::string des = transform(2, kTunnel);
    const std::string two_ah =
        transform(3, kTunnel + "80050002", false) + transform(2, kTunnel + "80050001");
    const std::string two_esp =
        transform(3, kTunnel + "80050002", false) + transform(2, kTransport);
    const std::string ipcomp = proposal(1, 4, "1234", transform(2, kTunnel));
    const struct {
        const char* name;
        std::string proposals;
        const char* text;
    } rows[] = {
        {"either", ah(1, sha1, false) + esp(2, des), "AH[SHA1] tunnel; ESP[DES,None] tunnel"},
        {"both", ah(1, sha1, false) + esp(1, des), "AH[SHA1]+ESP[DES,None] tunnel"},
        {"both, ESP first", esp(1, des, false) + ah(1, sha1), "AH[SHA1]+ESP[DES,None] tunnel"},
        {"both, then ESP",
         ah(9, sha1, false) + esp(9, des, false) + esp(200, des),
         "AH[SHA1]+ESP[DES,None] tunnel; ESP[DES,None] tunnel"},
        {"all pairs of one mode",
         ah(1, two_ah, false, 2) + esp(1, two_esp, true, 2),
         "AH[SHA1]+ESP[3DES,SHA1] tunnel; AH[MD5]+ESP[3DES,SHA1] tunnel"},
        {"shorter lifetimes",
         ah(1,
            transform(3,
                      kTunnel
                          + "80050002"
                            "80010001"
                            "80020384"),
            false)
             + esp(1,
                   transform(2,
                             kTunnel
                                 + "80010001"
                                   "80020e10"
                                   "80010002"
                                   "80020400")),
         "AH[SHA1]+ESP[DES,None] tunnel 1024k/900s"},
        {"two groups",
         ah(1,
            transform(3,
                      kTunnel
                          + "80050002"
                            "80030002"),
            false)
             + esp(1, transform(2, kTunnel + "80030001")),
         ""},
        {"one group missing",
         ah(1,
            transform(3,
                      kTunnel
                          + "80050002"
                            "80030002"),
            false)
             + esp(1, des),
         ""},
        {"AH not understood", ah(1, transform(77, kTunnel), false) + esp(1, des), ""},
        {"two ESP", esp(1, des, false) + esp(1, des), ""},
        {"three protocols", ah(1, sha1, false) + esp(1, des, false) + ah(1, sha1), ""},
        {"ESP and IPCOMP", esp(1, des, false) + ipcomp, ""},
        {"IPCOMP, or ESP",
         proposal(1, 4, "1234", transform(2, kTunnel), false) + esp(2, des),
         "ESP[DES,None] tunnel"},
        {"ISAKMP", proposal(1, 1, kSpi, transform(1, "")), ""},
        {"protocol 200", proposal(1, 200, kSpi, des), ""},
        {"SPI of 2 bytes", proposal(1, 3, "1234", des), ""},
        {"SPI of 8 bytes", proposal(1, 3, "c0000001c0000001", des), ""},
        {"no SPI", proposal(1, 3, "", des), ""},
        {"reserved SPI", proposal(1, 3, "000000ff", des), ""},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(texts(from_hex(kSa + row.proposals)), row.text) << row.name;
    }
}

TEST(IkeProposalPhase2, ABundleIsAnsweredInThePeersOrder) {
    const std::string sha1 = transform(3, kTunnel + "80050002");
    const std::string des = transform(2, kTunnel);
    for (const bool esp_first : {false, true}) {
        const Bytes body = from_hex(
            kSa
            + (esp_first ? esp(7, des, false) + ah(7, sha1) : ah(7, sha1, false) + esp(7, des)));
        const Transforms transforms = decoded(body);
        ASSERT_EQ(transforms.size(), 1U);
        EXPECT_EQ(transforms[0].ah_spi, 0xC0000002);
        EXPECT_EQ(transforms[0].esp_spi, 0xC0000001);
        EXPECT_EQ(to_hex(encode_phase2_choice(transforms[0], {0xC0000002, 0xC0000001})),
                  to_hex(body));
    }
}

TEST(IkeProposalPhase2, CombinationsAreBounded) {
    std::string esps;
    std::string ahs;
    for (int i = 0; i < 255; ++i) {
        esps += transform(2, kTunnel, i == 254);
        ahs += transform(3, kTunnel + "80050002", i == 254);
    }
    EXPECT_EQ(decoded(from_hex(kSa + ah(1, ahs, false, 255) + esp(1, esps, true, 255))).size(),
              256U);
    EXPECT_EQ(decoded(from_hex(kSa + esp(1, esps, false, 255) + ah(2, ahs, true, 255))).size(),
              256U);
    std::string many;
    for (int i = 0; i < 65; ++i) {
        many += esp(i, transform(2, kTunnel), i == 64);
    }
    EXPECT_EQ(std::get<Drop>(decode_phase2(from_hex(kSa + many))), Drop::kTooManyPayloads);
}

TEST(IkeProposalPhase2, PayloadsThatDoNotFitAreRefused) {
    const std::string des = transform(2, kTunnel);
    const struct {
        const char* name;
        std::string hex;
    } rows[] = {
        {"empty", ""},
        {"no proposal", kSa},
        {"CVE-2015-3204: a DOI of all bits", "ffffffff00000001" + esp(1, des)},
        {"CVE-2015-3204: a situation of all bits", "00000001ffffffff" + esp(1, des)},
        {"a number that comes back",
         kSa + ah(1, transform(3, kTunnel + "80050002"), false) + esp(2, des, false) + esp(1, des)},
        {"SPI longer than the proposal",
         kSa
             + payload(0,
                       "0103ff01"
                       "c0000001")},
        {"no transform", kSa + esp(1, "")},
        {"attribute longer than the transform", kSa + esp(1, transform(2, "0004000400"))},
        {"half an attribute", kSa + esp(1, transform(2, kTunnel + "80"))},
        {"transform longer than the proposal",
         kSa
             + payload(0,
                       "01030401"
                       "c0000001"
                       "000000ff")},
    };
    for (const auto& row : rows) {
        const auto read = decode_phase2(from_hex(row.hex));
        ASSERT_TRUE(std::holds_alternative<Drop>(read)) << row.name;
        EXPECT_EQ(std::get<Drop>(read), Drop::kBadPayload) << row.name;
    }
}

TEST(IkeProposalPhase2, EveryCutOfCharonsOfferIsRefused) {
    const Bytes body = from_hex(kCharonQuickMode);
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_TRUE(std::holds_alternative<Drop>(decode_phase2(ByteView(body).first(size))))
            << size;
    }
}

// --- RESPONDER-LIFETIME

TEST(IkeProposalLifetime, IsReadAndWritten) {
    EXPECT_EQ(to_hex(encode_lifetime({3600, 100000})),
              "800100010002000400000e10"
              "8001000200020004000186a0");
    EXPECT_EQ(to_hex(encode_lifetime({900, 0})), "800100010002000400000384");
    const struct {
        const char* hex;
        Lifetime lifetime;
    } rows[] = {
        {"", {0, 0}},
        {"8001000180020384", {900, 0}},
        {"80010002000200040003d0908001000100020004"
         "00000384",
         {900, 250000}},
        {"8001000180020384"
         "80060080",
         {900, 0}},
        {"80010003"
         "80020384",
         {0, 0}},
    };
    for (const auto& row : rows) {
        const auto lifetime = std::get<Lifetime>(decode_lifetime(from_hex(row.hex)));
        EXPECT_EQ(lifetime.seconds, row.lifetime.seconds) << row.hex;
        EXPECT_EQ(lifetime.kilobytes, row.lifetime.kilobytes) << row.hex;
    }
    EXPECT_EQ(std::get<Drop>(decode_lifetime(from_hex("0002000400"))), Drop::kBadPayload);
}

}  // namespace
}  // namespace control::ike
