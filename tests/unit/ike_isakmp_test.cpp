// ISAKMP messages: what a peer sent, what we write, and every length that lies.
#include "control/ike/isakmp.h"
#include "tests/support/crypto_oracle.h"

#include <openssl/evp.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace control::ike {
namespace {

using crypto::testing::from_hex;
using crypto::testing::to_hex;

const Header kExample{.initiator = {1, 2, 3, 4, 5, 6, 7, 8},
                      .responder = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
                      .exchange = static_cast<std::uint8_t>(ExchangeType::kQuickMode),
                      .flags = kFlagEncryption,
                      .message_id = 0x01020304};

std::string md5_hex(const std::string& text) {
    Bytes digest(16);
    EVP_Q_digest(nullptr, "MD5", nullptr, text.data(), text.size(), digest.data(), nullptr);
    return to_hex(digest);
}

template <typename T>
void expect_drop(const Decoded<T>& decoded, Drop drop, const std::string& what) {
    const Drop* found = std::get_if<Drop>(&decoded);
    ASSERT_NE(found, nullptr) << what << ": was decoded";
    EXPECT_EQ(row_of(*found).token, row_of(drop).token) << what;
}

// --- Header

TEST(IsakmpHeader, ReadsTheFieldsOfRfc2408) {
    const Bytes bytes = from_hex(
        "0102030405060708"
        "1112131415161718"
        "08102001"
        "01020304"
        "0000001c");
    const Header header = std::get<Header>(decode_header(bytes));
    EXPECT_EQ(header.initiator, kExample.initiator);
    EXPECT_EQ(header.responder, kExample.responder);
    EXPECT_EQ(header.next, PayloadType::kHash);
    EXPECT_EQ(header.exchange, 32);
    EXPECT_EQ(header.flags, kFlagEncryption);
    EXPECT_EQ(header.message_id, 0x01020304U);
    Bytes again(kHeaderBytes);
    encode_header(header, again.data());
    EXPECT_EQ(to_hex(again), to_hex(bytes));
}

TEST(IsakmpHeader, Cve2013_4564EveryLengthButTheRightOneIsDropped) {
    for (std::size_t size = 0; size <= 64; ++size) {
        for (const std::uint32_t length : {0U, 27U, 28U, 29U, 63U, 64U, 65U, 0xFFFFFFFFU}) {
            Header header = kExample;
            header.length = length;
            Bytes bytes(std::max(size, kHeaderBytes));
            encode_header(header, bytes.data());
            bytes.resize(size);
            const Decoded<Header> decoded = decode_header(bytes);
            const std::string what = std::to_string(size) + " bytes say " + std::to_string(length);
            if (size < kHeaderBytes) {
                expect_drop(decoded, Drop::kTooShort, what);
            } else if (size != length) {
                expect_drop(decoded, Drop::kBadLength, what);
            } else {
                EXPECT_TRUE(std::holds_alternative<Header>(decoded)) << what;
            }
        }
    }
}

TEST(IsakmpHeader, OnlyMajorVersion1IsSpoken) {
    for (int version = 0; version < 256; ++version) {
        Header header = kExample;
        header.version = static_cast<std::uint8_t>(version);
        header.length = kHeaderBytes;
        Bytes bytes(kHeaderBytes);
        encode_header(header, bytes.data());
        const Decoded<Header> decoded = decode_header(bytes);
        if (version >> 4 == 1) {
            EXPECT_TRUE(std::holds_alternative<Header>(decoded)) << version;
        } else {
            expect_drop(decoded, Drop::kBadVersion, std::to_string(version));
        }
    }
}

// --- The chain of payloads

struct ChainRow {
    const char* name;
    PayloadType first;
    const char* hex;
    bool padded;
    int count;  // -1: refused
    Drop drop = Drop::kBadPayload;
};

TEST(IsakmpPayloads, ChainsThatHoldAndChainsThatDoNot) {
    const ChainRow rows[] = {
        {"none", PayloadType::kNone, "", false, 0},
        {"one, empty", PayloadType::kHash, "00000004", false, 1},
        {"two",
         PayloadType::kHash,
         "0a000005aa"
         "00000006bbcc",
         false,
         2},
        {"reserved byte not zero", PayloadType::kHash, "00ff0005aa", false, 1},
        {"nothing at all", PayloadType::kHash, "", false, -1},
        {"half a payload header", PayloadType::kHash, "000000", false, -1},
        {"length 0", PayloadType::kHash, "00000000", false, -1},
        {"length 3", PayloadType::kHash, "00000003", false, -1},
        {"a length of 0 that would chain for ever", PayloadType::kHash, "08000000", false, -1},
        {"longer than the message", PayloadType::kHash, "00000006aa", false, -1},
        {"length 65535", PayloadType::kHash, "0000ffffaa", false, -1},
        {"next payload beyond the end", PayloadType::kHash, "0a000005aa", false, -1},
        {"rubbish behind the last",
         PayloadType::kHash,
         "00000005aa"
         "00",
         false,
         -1},
        {"rubbish without payloads", PayloadType::kNone, "00", false, -1},
        {"padding",
         PayloadType::kHash,
         "00000005aa"
         "00000000000000",
         true,
         1},
        {"padding that is not zero",
         PayloadType::kHash,
         "00000005aa"
         "01020307",
         true,
         1},
        {"a block of padding",
         PayloadType::kHash,
         "00000004"
         "00000000000000000000000000000000",
         true,
         1},
        {"more than a block of padding",
         PayloadType::kHash,
         "00000004"
         "0000000000000000000000000000000000",
         true,
         -1},
        {"CVE-2005-3732: no payload, padding only", PayloadType::kNone, "00000000", true, 0},
        {"CVE-2015-3991: IKEv2's SA and KE",
         static_cast<PayloadType>(33),
         "22000005aa"
         "00000005bb",
         false,
         2},
        {"CVE-2015-3204: obsolete number of NAT-D",
         static_cast<PayloadType>(15),
         "00000005aa",
         false,
         1},
    };
    for (const ChainRow& row : rows) {
        const auto decoded = decode_payloads(row.first, from_hex(row.hex), row.padded);
        if (row.count < 0) {
            expect_drop(decoded, row.drop, row.name);
            continue;
        }
        const auto* payloads = std::get_if<std::vector<Payload>>(&decoded);
        ASSERT_NE(payloads, nullptr) << row.name;
        EXPECT_EQ(payloads->size(), static_cast<std::size_t>(row.count)) << row.name;
    }
}

TEST(IsakmpPayloads, EveryTypeOfPayloadIsPassedOn) {
    for (int type = 1; type < 256; ++type) {
        const Bytes bytes = from_hex("00000006abcd");
        const auto payloads = std::get<std::vector<Payload>>(
            decode_payloads(static_cast<PayloadType>(type), bytes, false));
        ASSERT_EQ(payloads.size(), 1U);
        EXPECT_EQ(static_cast<int>(payloads[0].type), type);
        EXPECT_EQ(to_hex(payloads[0].body), "abcd");
        EXPECT_EQ(to_hex(payloads[0].whole), "00000006abcd");
    }
}

TEST(IsakmpPayloads, Cve2026_12413CountsBeforeItStores) {
    for (const std::size_t count : {kMaxPayloads, kMaxPayloads + 1}) {
        MessageBuilder builder(kExample);
        for (std::size_t i = 0; i < count; ++i) {
            builder.add(static_cast<PayloadType>(200), {});
        }
        const auto decoded = decode_payloads(builder.first(), builder.payloads(), false);
        if (count <= kMaxPayloads) {
            EXPECT_EQ(std::get<std::vector<Payload>>(decoded).size(), count);
        } else {
            expect_drop(decoded, Drop::kTooManyPayloads, "one too many");
        }
    }
}

// --- Builder

TEST(IsakmpBuilder, ChainsInOrderAndFillsInTheHeader) {
    MessageBuilder builder(kExample);
    builder.add(PayloadType::kHash, from_hex("aabb")).add(PayloadType::kNonce, from_hex("cc"));
    EXPECT_EQ(to_hex(builder.payloads()),
              "0a000006aabb"
              "00000005cc");
    EXPECT_EQ(to_hex(builder.finish()),
              "0102030405060708"
              "1112131415161718"
              "08102001"
              "01020304"
              "00000027"
              "0a000006aabb"
              "00000005cc");
    // RFC 2409 Appendix B: the length is that of what is sent, padding included.
    EXPECT_EQ(to_hex(builder.finish(8)),
              "0102030405060708"
              "1112131415161718"
              "08102001"
              "01020304"
              "0000002c"
              "0a000006aabb"
              "00000005cc"
              "0000000000");
}

TEST(IsakmpBuilder, WithoutPayloadsIsAHeader) {
    const Header header = std::get<Header>(decode_header(MessageBuilder(kExample).finish(16)));
    EXPECT_EQ(header.next, PayloadType::kNone);
    EXPECT_EQ(header.length, kHeaderBytes);
}

// --- Notification and Delete

TEST(IsakmpNotification, RUThereIsAsRfc3706Says) {
    const Bytes spi = from_hex("01020304050607081112131415161718");
    const Bytes sequence = from_hex("0000002a");
    const Bytes body = encode_notification(
        {.type = static_cast<std::uint16_t>(NotifyType::kRUThere), .spi = spi, .data = sequence});
    EXPECT_EQ(to_hex(body),
              "00000001"
              "01"
              "10"
              "8d28"
                  + to_hex(spi) + "0000002a");
    const auto notification = std::get<Notification>(decode_notification(body));
    EXPECT_EQ(notification.type, 36136);
    EXPECT_EQ(notification.protocol, kProtocolIsakmp);
    EXPECT_EQ(to_hex(notification.spi), to_hex(spi));
    EXPECT_EQ(to_hex(notification.data), "0000002a");
}

TEST(IsakmpNotification, MalformedOnesAreRefused) {
    const struct {
        const char* name;
        const char* hex;
    } rows[] = {
        {"empty", ""},
        {"CVE-2020-1763: cut off", "00000001011000"},
        {"SPI longer than the payload",
         "00000001"
         "01"
         "05"
         "000e"
         "01020304"},
        {"SPI of 255 bytes, none there",
         "00000001"
         "03"
         "ff"
         "000e"},
        {"CVE-2015-3204: a DOI of all bits",
         "ffffffff"
         "01"
         "00"
         "000e"},
    };
    for (const auto& row : rows) {
        expect_drop(decode_notification(from_hex(row.hex)), Drop::kBadPayload, row.name);
    }
}

TEST(IsakmpDeletion, CarriesEverySpi) {
    const Bytes a = from_hex("c0000001");
    const Bytes b = from_hex("c0000002");
    const Bytes body = encode_deletion({.protocol = kProtocolEsp, .spi_bytes = 4, .spis = {a, b}});
    EXPECT_EQ(to_hex(body),
              "00000001"
              "03"
              "04"
              "0002"
              "c0000001"
              "c0000002");
    const auto deletion = std::get<Deletion>(decode_deletion(body));
    ASSERT_EQ(deletion.spis.size(), 2U);
    EXPECT_EQ(to_hex(deletion.spis[1]), "c0000002");
}

TEST(IsakmpDeletion, MalformedOnesAreRefused) {
    const struct {
        const char* name;
        const char* hex;
    } rows[] = {
        {"empty", ""},
        {"cut off", "00000001030400"},
        {"one SPI fewer than said",
         "00000001"
         "03"
         "04"
         "0002"
         "c0000001"},
        {"one SPI more than said",
         "00000001"
         "03"
         "04"
         "0001"
         "c0000001"
         "c0000002"},
        {"SPI cut off",
         "00000001"
         "03"
         "04"
         "0001"
         "c00000"},
        {"65535 SPIs of no size",
         "00000001"
         "03"
         "00"
         "ffff"},
        {"CVE-2015-3204: a DOI of all bits",
         "ffffffff"
         "03"
         "04"
         "0001"
         "c0000001"},
        {"an ESP SPI of 16 bytes",
         "00000001"
         "03"
         "10"
         "0001"
         "01020304050607081112131415161718"},
        {"cookies of 8 bytes",
         "00000001"
         "01"
         "08"
         "0001"
         "0102030405060708"},
    };
    for (const auto& row : rows) {
        expect_drop(decode_deletion(from_hex(row.hex)), Drop::kBadPayload, row.name);
    }
}

// --- Names and vendors

TEST(IsakmpVendors, EveryRowIsFoundByItsBytes) {
    std::set<std::string_view> ids;
    std::size_t index = 0;
    for (const VendorRow& row : vendor_rows()) {
        EXPECT_EQ(static_cast<std::size_t>(row.vendor), index++) << row.name;
        Bytes id = vendor_id(row.vendor);
        EXPECT_EQ(to_hex(id), row.hex);
        EXPECT_TRUE(ids.insert(row.hex).second) << row.name;
        EXPECT_EQ(vendor_of(id), row.vendor) << row.name;
        id.push_back(0x80);
        EXPECT_EQ(vendor_of(id), row.exact ? std::nullopt : std::optional(row.vendor)) << row.name;
        id = vendor_id(row.vendor);
        id.pop_back();
        EXPECT_EQ(vendor_of(id), std::nullopt) << row.name;
    }
    EXPECT_EQ(vendor_of({}), std::nullopt);
}

// What the IDs are made of, where that is published: the hash is computed again.
TEST(IsakmpVendors, HashesAreOfThePublishedTexts) {
    const struct {
        Vendor vendor;
        std::string text;
    } rows[] = {
        {Vendor::kNatTraversalRfc, "RFC 3947"},
        {Vendor::kNatTraversalDraft02, "draft-ietf-ipsec-nat-t-ike-02"},
        {Vendor::kNatTraversalDraft02n, "draft-ietf-ipsec-nat-t-ike-02\n"},
        {Vendor::kNatTraversalDraft03, "draft-ietf-ipsec-nat-t-ike-03"},
        {Vendor::kFragmentation, "FRAGMENTATION"},
        {Vendor::kInitialContact, "Vid-Initial-Contact"},
        {Vendor::kWindows, "MS NT5 ISAKMPOAKLEY"},
        {Vendor::kStrongSwan, "strongSwan"},
        {Vendor::kPortcullis, "Portcullis IKEv1 gateway"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(to_hex(vendor_id(row.vendor)), md5_hex(row.text)) << row.text;
    }
}

TEST(IsakmpNames, KnownNumbersHaveOneAndOthersNone) {
    EXPECT_EQ(notify_name(14), "NO-PROPOSAL-CHOSEN");
    EXPECT_EQ(notify_name(36137), "R-U-THERE-ACK");
    EXPECT_EQ(notify_name(0), "");
    EXPECT_EQ(payload_name(PayloadType::kSa), "SA");
    EXPECT_EQ(payload_name(PayloadType::kFragment), "FRAGMENT");
    EXPECT_EQ(payload_name(static_cast<PayloadType>(77)), "");
    for (const DropRow& row : kDrops) {
        EXPECT_EQ(row.notify == 0, notify_name(row.notify).empty()) << row.token;
    }
}

}  // namespace
}  // namespace control::ike
