// ISAKMP messages as bytes (RFC 2408 3): header, chain of payloads, and the numbers in them. Knows
// no state and no keys.
#pragma once

#include "control/ike/drop.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace control::ike {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using Cookie = std::array<std::uint8_t, 8>;

inline constexpr std::size_t kHeaderBytes = 28;
inline constexpr std::size_t kPayloadHeaderBytes = 4;
inline constexpr std::size_t kMaxMessageBytes = 65'507;  // what UDP over IPv4 carries
inline constexpr std::size_t kMaxPayloads = 64;

// RFC 2408 3.1, RFC 3947 3.2; payload_name() names each.
enum class PayloadType : std::uint8_t {
    kNone = 0,
    kSa = 1,
    kProposal = 2,
    kTransform = 3,
    kKeyExchange = 4,
    kIdentification = 5,
    kCertificate = 6,
    kCertificateRequest = 7,
    kHash = 8,
    kSignature = 9,
    kNonce = 10,
    kNotification = 11,
    kDelete = 12,
    kVendorId = 13,
    kNatDiscovery = 20,        // RFC 3947
    kNatOriginalAddress = 21,  // RFC 3947
    kNatDiscoveryDraft = 130,  // draft-ietf-ipsec-nat-t-ike-02
    kNatOriginalAddressDraft = 131,
    kFragment = 132,  // the vendor one
};

enum class ExchangeType : std::uint8_t {
    kMainMode = 2,  // "Identity Protection"
    kAggressive = 4,
    kInformational = 5,
    kQuickMode = 32,
    kNewGroup = 33,
};

// Header::flags
inline constexpr std::uint8_t kFlagEncryption = 1;
inline constexpr std::uint8_t kFlagCommit = 2;
inline constexpr std::uint8_t kFlagAuthenticationOnly = 4;

inline constexpr std::uint8_t kVersion = 0x10;  // major 1, minor 0

struct Header {
    Cookie initiator{};
    Cookie responder{};  // zero in the first message
    PayloadType next = PayloadType::kNone;
    std::uint8_t version = kVersion;
    std::uint8_t exchange = 0;  // ExchangeType, or what a stranger sent
    std::uint8_t flags = 0;
    std::uint32_t message_id = 0;  // host order
    std::uint32_t length = 0;      // of the whole message
};

struct Payload {
    PayloadType type = PayloadType::kNone;
    ByteView body;   // without the generic header
    ByteView whole;  // with it
};

// A value or why there is none. Decoders return it: no text is made of what a stranger sends.
template <typename T>
using Decoded = std::variant<T, Drop>;

// `bytes` is one datagram. Errors: kTooShort, kBadLength, kBadVersion.
[[nodiscard]] Decoded<Header> decode_header(ByteView bytes);

// The chain that begins with `first` in `bytes`, which is what follows the header; after
// decryption up to 16 bytes of padding may follow the last payload if `padded` (peers exist that
// add a whole block to what needs none). Each payload's length is checked, not its content; the
// reserved byte is ignored (RFC 2408 5.3 wants it zero; peers exist that send others). Views into
// `bytes`. Errors: kBadPayload, kTooManyPayloads.
[[nodiscard]] Decoded<std::vector<Payload>> decode_payloads(PayloadType first,
                                                            ByteView bytes,
                                                            bool padded,
                                                            std::size_t limit = kMaxPayloads);

// Puts a message together: header, payloads in the order they are added, all chained.
class MessageBuilder {
  public:
    explicit MessageBuilder(const Header& header);

    // Precondition: `body` and its header fit the payload's length of 16 bits.
    MessageBuilder& add(PayloadType type, ByteView body);
    // What follows the header so far, chained: what HASHes are computed over (RFC 2409 5.5).
    [[nodiscard]] ByteView payloads() const;
    [[nodiscard]] PayloadType first() const { return first_; }
    // With the header's `next` and `length` set. `pad_to`: payloads are padded with zeros to a
    // multiple of it, 1 for none (RFC 2409 Appendix B).
    [[nodiscard]] Bytes finish(std::size_t pad_to = 1) const;

  private:
    Header header_;
    PayloadType first_ = PayloadType::kNone;
    std::size_t last_next_ = 0;  // offset of the `next payload` byte of the last payload
    Bytes body_;
};

void encode_header(const Header& header, std::uint8_t* bytes);  // kHeaderBytes of them

// --- Bodies of simple payloads

// RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706.
enum class NotifyType : std::uint16_t {
    kInvalidPayloadType = 1,
    kInvalidCookie = 4,
    kInvalidMajorVersion = 5,
    kInvalidExchangeType = 7,
    kInvalidFlags = 8,
    kInvalidMessageId = 9,
    kInvalidSpi = 11,
    kNoProposalChosen = 14,
    kPayloadMalformed = 16,
    kInvalidKeyInformation = 17,
    kInvalidIdInformation = 18,
    kInvalidCertificate = 20,
    kAuthenticationFailed = 24,
    kConnected = 16384,
    kResponderLifetime = 24576,
    kReplayStatus = 24577,
    kInitialContact = 24578,
    kRUThere = 36136,
    kRUThereAck = 36137,
};
// "NO-PROPOSAL-CHOSEN"; empty if the number is not known.
[[nodiscard]] std::string_view notify_name(std::uint16_t type);

inline constexpr std::uint8_t kProtocolIsakmp = 1;  // RFC 2407 4.4.1
inline constexpr std::uint8_t kProtocolAh = 2;
inline constexpr std::uint8_t kProtocolEsp = 3;

struct Notification {
    std::uint8_t protocol = kProtocolIsakmp;
    std::uint16_t type = 0;
    ByteView spi;
    ByteView data;
};
[[nodiscard]] Decoded<Notification> decode_notification(ByteView body);
[[nodiscard]] Bytes encode_notification(const Notification& notification);

struct Deletion {
    std::uint8_t protocol = kProtocolIsakmp;
    std::uint8_t spi_bytes = 0;  // 16 for ISAKMP, 4 for ESP and AH
    std::vector<ByteView> spis;
};
[[nodiscard]] Decoded<Deletion> decode_deletion(ByteView body);
[[nodiscard]] Bytes encode_deletion(const Deletion& deletion);

// --- Vendor IDs that mean something to us, or that the log should name

enum class Vendor : std::uint8_t {
    kNatTraversalRfc,      // RFC 3947
    kNatTraversalDraft02,  // "draft-ietf-ipsec-nat-t-ike-02", and with "\n" as Windows has it
    kNatTraversalDraft02n,
    kNatTraversalDraft03,
    kDeadPeerDetection,  // RFC 3706
    kFragmentation,      // the vendor one; four bytes of capabilities may follow
    kInitialContact,     // Windows
    kWindows,            // "MS NT5 ISAKMPOAKLEY" and four bytes of version
    kStrongSwan,
    kXauth,
    kUnity,
    kPortcullis,
};
struct VendorRow {
    Vendor vendor;
    std::string_view name;  // as the log prints it
    std::string_view hex;   // what the ID begins with
    bool exact;             // else more bytes may follow
};
[[nodiscard]] std::span<const VendorRow> vendor_rows();
[[nodiscard]] std::optional<Vendor> vendor_of(ByteView body);
[[nodiscard]] Bytes vendor_id(Vendor vendor);

// "SA", "KE"; "payload 77" has no row.
[[nodiscard]] std::string_view payload_name(PayloadType type);

}  // namespace control::ike
