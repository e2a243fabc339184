// Tables of control/ike/isakmp.h: vendor IDs, and what logs call the numbers of RFC 2408.
#include "control/ike/isakmp.h"

#include <algorithm>
#include <array>

namespace control::ike {
namespace {

// kPortcullis is the MD5 of "Portcullis IKEv1 gateway"; the others are their owners'.
constexpr auto kVendors = std::to_array<VendorRow>({
    {Vendor::kNatTraversalRfc, "RFC 3947", "4a131c81070358455c5728f20e95452f", true},
    {Vendor::kNatTraversalDraft02,
     "draft-ietf-ipsec-nat-t-ike-02",
     "cd60464335df21f87cfdb2fc68b6a448",
     true},
    {Vendor::kNatTraversalDraft02n,
     "draft-ietf-ipsec-nat-t-ike-02\\n",
     "90cb80913ebb696e086381b5ec427b1f",
     true},
    {Vendor::kNatTraversalDraft03,
     "draft-ietf-ipsec-nat-t-ike-03",
     "7d9419a65310ca6f2c179d9215529d56",
     true},
    {Vendor::kDeadPeerDetection, "DPD", "afcad71368a1f1c96b8696fc77570100", true},
    {Vendor::kFragmentation, "FRAGMENTATION", "4048b7d56ebce88525e7de7f00d6c2d3", false},
    {Vendor::kInitialContact, "Vid-Initial-Contact", "26244d38eddb61b3172a36e3d0cfb819", true},
    {Vendor::kWindows, "MS NT5 ISAKMPOAKLEY", "1e2b516905991c7d7c96fcbfb587e461", false},
    {Vendor::kStrongSwan, "strongSwan", "882fe56d6fd20dbc2251613b2ebe5beb", true},
    {Vendor::kXauth, "XAUTH", "09002689dfd6b712", true},
    // Versions follow: 0100, 0104, ...
    {Vendor::kUnity, "Cisco Unity", "12f5f28c457168a9702d9fe274cc", false},
    {Vendor::kPortcullis, "Portcullis", "8d7c74d660c711342f099b00fd01457e", true},
});

struct NotifyRow {
    NotifyType type;
    std::string_view name;
};

constexpr auto kNotifies = std::to_array<NotifyRow>({
    {NotifyType::kInvalidPayloadType, "INVALID-PAYLOAD-TYPE"},
    {NotifyType::kInvalidCookie, "INVALID-COOKIE"},
    {NotifyType::kInvalidMajorVersion, "INVALID-MAJOR-VERSION"},
    {NotifyType::kInvalidExchangeType, "INVALID-EXCHANGE-TYPE"},
    {NotifyType::kInvalidFlags, "INVALID-FLAGS"},
    {NotifyType::kInvalidMessageId, "INVALID-MESSAGE-ID"},
    {NotifyType::kInvalidSpi, "INVALID-SPI"},
    {NotifyType::kNoProposalChosen, "NO-PROPOSAL-CHOSEN"},
    {NotifyType::kPayloadMalformed, "PAYLOAD-MALFORMED"},
    {NotifyType::kInvalidKeyInformation, "INVALID-KEY-INFORMATION"},
    {NotifyType::kInvalidIdInformation, "INVALID-ID-INFORMATION"},
    {NotifyType::kInvalidCertificate, "INVALID-CERTIFICATE"},
    {NotifyType::kAuthenticationFailed, "AUTHENTICATION-FAILED"},
    {NotifyType::kConnected, "CONNECTED"},
    {NotifyType::kResponderLifetime, "RESPONDER-LIFETIME"},
    {NotifyType::kReplayStatus, "REPLAY-STATUS"},
    {NotifyType::kInitialContact, "INITIAL-CONTACT"},
    {NotifyType::kRUThere, "R-U-THERE"},
    {NotifyType::kRUThereAck, "R-U-THERE-ACK"},
});

struct PayloadRow {
    PayloadType type;
    std::string_view name;
};

constexpr auto kPayloads = std::to_array<PayloadRow>({
    {PayloadType::kSa, "SA"},
    {PayloadType::kProposal, "P"},
    {PayloadType::kTransform, "T"},
    {PayloadType::kKeyExchange, "KE"},
    {PayloadType::kIdentification, "ID"},
    {PayloadType::kCertificate, "CERT"},
    {PayloadType::kCertificateRequest, "CR"},
    {PayloadType::kHash, "HASH"},
    {PayloadType::kSignature, "SIG"},
    {PayloadType::kNonce, "NONCE"},
    {PayloadType::kNotification, "N"},
    {PayloadType::kDelete, "D"},
    {PayloadType::kVendorId, "VID"},
    {PayloadType::kNatDiscovery, "NAT-D"},
    {PayloadType::kNatOriginalAddress, "NAT-OA"},
    {PayloadType::kNatDiscoveryDraft, "NAT-D (draft)"},
    {PayloadType::kNatOriginalAddressDraft, "NAT-OA (draft)"},
    {PayloadType::kFragment, "FRAGMENT"},
});

template <typename Rows, typename Type>
std::string_view name_in(const Rows& rows, Type type) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.type == type; });
    return row == rows.end() ? std::string_view() : row->name;
}

constexpr std::uint8_t digit(char c) {
    return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

Bytes bytes_of(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(digit(hex[i]) << 4U | digit(hex[i + 1])));
    }
    return bytes;
}

bool begins_with(ByteView body, std::string_view hex) {
    if (body.size() < hex.size() / 2) {
        return false;
    }
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const auto nibble = i % 2 == 0 ? body[i / 2] >> 4U : body[i / 2] & 0xFU;
        if (nibble != digit(hex[i])) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::span<const VendorRow> vendor_rows() {
    return kVendors;
}

std::optional<Vendor> vendor_of(ByteView body) {
    for (const VendorRow& row : kVendors) {
        if (begins_with(body, row.hex) && (!row.exact || body.size() == row.hex.size() / 2)) {
            return row.vendor;
        }
    }
    return std::nullopt;
}

Bytes vendor_id(Vendor vendor) {
    return bytes_of(kVendors[static_cast<std::size_t>(vendor)].hex);
}

std::string_view notify_name(std::uint16_t type) {
    return name_in(kNotifies, static_cast<NotifyType>(type));
}

std::string_view payload_name(PayloadType type) {
    return name_in(kPayloads, type);
}

}  // namespace control::ike
