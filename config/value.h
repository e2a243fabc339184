// Typed values of parameters: one row per value type gives its keywords, the placeholder that usage
// texts print and what an error says was expected.
#pragma once

#include "config/filter_syntax.h"
#include "config/methods.h"
#include "config/policy.h"
#include "config/result.h"
#include "config/sa_spec.h"
#include "config/secret.h"
#include "config/token.h"
#include "config/types.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace config {

enum class ValueType : std::uint8_t {
    kWord,             // a bare word without '=': `all`, `default`
    kName,             // of an object that exists: 1..255 bytes
    kNewName,          // of an object that may be created: as kName, but never `all`
    kText,             // 0..1024 bytes
    kFile,             // 1..4096 bytes
    kYesNo,            // yes no y n
    kAction,           // Action
    kConnectionType,   // ConnectionType
    kPfsGroup,         // PfsGroup
    kLevel,            // Level
    kFormat,           // Format
    kRuleType,         // RuleType
    kFilterType,       // FilterType
    kLocation,         // StoreLocation
    kStatsType,        // StatsType
    kBatchMode,        // BatchMode
    kConfigProperty,   // ConfigProperty
    kCount,            // 0..2147483647
    kPosition,         // 1..2147483647: the id of a rule
    kLifetimeMinutes,  // 1..35791394, suffix m or s; noted above a day
    kPollingMinutes,   // 1..35791394, suffix m or s; noted above a week
    kPort,             // 0..65535 or any
    kProtocol,
    kAddress,
    kMask,
    kGuid,
    kMmMethods,
    kQmMethods,
    kTunnel,
    kPresharedKey,
    kRootCa,
    kIpAddress,       // one address, never a name or a symbol
    kSpi,             // 256..4294967295, decimal or 0x hexadecimal
    kSaMethod,        // one quick mode method without default lifetimes
    kSaMode,          // SaMode
    kHexKey,          // 1..128 bytes
    kReplayWindow,    // 0, 64..4096
    kUdpPort,         // 1..65535
    kDscp,            // copy, 0..63
    kDfPolicy,        // DfPolicy
    kFragmentPolicy,  // FragmentPolicy
};

enum class Level : std::uint8_t { kNormal, kVerbose };
enum class Format : std::uint8_t { kList, kTable };
enum class RuleType : std::uint8_t { kTransport, kTunnel };
enum class FilterType : std::uint8_t { kGeneric, kSpecific };
enum class StoreLocation : std::uint8_t { kLocal, kPersistent, kDomain };
enum class StatsType : std::uint8_t { kAll, kIke, kIpsec };
enum class BatchMode : std::uint8_t { kEnable, kDisable };
enum class ConfigProperty : std::uint8_t {
    kIpsecDiagnostics,
    kIkeLogging,
    kStrongCrlCheck,
    kIpsecLogInterval,
    kIpsecExempt,
    kBootMode,
    kBootExemptions,
};

// A keyword of an enumeration; `index` is the enumerator's number. `hidden` spellings are read but
// neither listed nor printed.
struct KeywordRow {
    std::string_view word;
    std::uint8_t index = 0;
    bool hidden = false;
};

struct ValueTypeRow {
    ValueType type;
    std::string_view placeholder;  // "<yes|no>"
    std::string_view expected;     // completes "... must be "
    std::span<const KeywordRow> keywords;
};
[[nodiscard]] const ValueTypeRow& row_of(ValueType type);

// The spelling of a keyword, for listings: keyword_text(ValueType::kAction, 0) is "permit".
[[nodiscard]] std::string_view keyword_text(ValueType type, std::uint8_t index);

struct Keyword {
    std::uint8_t index = 0;
};

struct DscpSyntax {
    std::optional<std::uint8_t> value;  // nothing: copy
};

// kWord: monostate. kName, kNewName, kText, kFile: string. kYesNo: bool. kCount, kPosition,
// minutes, kSpi, kReplayWindow and kUdpPort: uint32_t. Enumerations: Keyword. kPort: PortRange.
// kPresharedKey and kHexKey: SecretBytes. kRootCa: AuthMethod. kSaMethod: QmOffer, see
// parse_sa_method(). The rest: their own type.
using Value = std::variant<std::monostate,
                           std::string,
                           bool,
                           std::uint32_t,
                           Keyword,
                           PortRange,
                           ProtocolSyntax,
                           AddressSyntax,
                           MaskSyntax,
                           Guid,
                           std::vector<MmOffer>,
                           std::vector<QmOffer>,
                           TunnelSyntax,
                           SecretBytes,
                           AuthMethod,
                           IpAddress,
                           QmOffer,
                           DscpSyntax>;

// "The value "x" of tag must be ..."; never for a secret.
[[nodiscard]] Error invalid_value(ValueType type, std::string_view tag, std::string_view value);

// Reads the value of the parameter `tag`. `notes` collects one-line remarks about values that are
// accepted and probably not meant: weak methods, lifetimes that look like seconds. Errors name the
// tag, never a secret.
[[nodiscard]] Result<Value> parse_value(ValueType type,
                                        std::string_view tag,
                                        const Token& token,
                                        std::vector<std::string>& notes);

// "CN=..., O=... certmap:yes excludecaname:no", flags optional, `\'` for a quotation mark.
[[nodiscard]] Result<AuthMethod> parse_root_ca(std::string_view text);
// The value as parse_root_ca reads it back, without the surrounding quotes.
[[nodiscard]] std::string root_ca_text(const AuthMethod& method);

}  // namespace config
