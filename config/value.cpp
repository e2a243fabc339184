#include "config/value.h"

#include "config/distinguished_name.h"
#include "config/sa_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace config {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxFileBytes = 4096;
constexpr std::uint32_t kMaxCount = 2147483647;
constexpr std::uint32_t kMaxMinutes = 35791394;  // so that the seconds fit 31 bits
constexpr std::uint32_t kMinutesPerDay = 1440;
constexpr std::uint32_t kMinutesPerWeek = 10080;

template <typename E>
constexpr KeywordRow keyword(std::string_view word, E value, bool hidden = false) {
    return {word, static_cast<std::uint8_t>(value), hidden};
}

constexpr auto kYesNoWords = std::to_array<KeywordRow>({
    {"no", 0},
    {"yes", 1},
    {"n", 0, true},
    {"y", 1, true},
});
constexpr auto kActionWords = std::to_array({
    keyword("permit", Action::kPermit),
    keyword("block", Action::kBlock),
    keyword("negotiate", Action::kNegotiate),
});
constexpr auto kConnectionTypeWords = std::to_array({
    keyword("all", ConnectionType::kAll),
    keyword("lan", ConnectionType::kLan),
    keyword("dialup", ConnectionType::kDialup),
});
constexpr auto kPfsGroupWords = std::to_array({
    keyword("nopfs", PfsGroup::kNone),
    keyword("grp1", PfsGroup::kGroup1),
    keyword("grp2", PfsGroup::kGroup2),
    keyword("grp3", PfsGroup::kGroup3),
    keyword("grpmm", PfsGroup::kGroupMm),
});
constexpr auto kLevelWords = std::to_array({
    keyword("normal", Level::kNormal),
    keyword("verbose", Level::kVerbose),
});
constexpr auto kFormatWords = std::to_array({
    keyword("list", Format::kList),
    keyword("table", Format::kTable),
});
constexpr auto kRuleTypeWords = std::to_array({
    keyword("transport", RuleType::kTransport),
    keyword("tunnel", RuleType::kTunnel),
    keyword("tranport", RuleType::kTransport, true),  // the reference of 2025 spells it so
});
constexpr auto kFilterTypeWords = std::to_array({
    keyword("generic", FilterType::kGeneric),
    keyword("specific", FilterType::kSpecific),
});
constexpr auto kLocationWords = std::to_array({
    keyword("local", StoreLocation::kLocal),
    keyword("persistent", StoreLocation::kPersistent),
    keyword("domain", StoreLocation::kDomain),
});
constexpr auto kStatsTypeWords = std::to_array({
    keyword("all", StatsType::kAll),
    keyword("ike", StatsType::kIke),
    keyword("ipsec", StatsType::kIpsec),
});
constexpr auto kBatchModeWords = std::to_array({
    keyword("enable", BatchMode::kEnable),
    keyword("disable", BatchMode::kDisable),
});

// The hidden ones are those of Windows that are not here yet.
constexpr auto kConfigPropertyWords = std::to_array({
    keyword("ipsecdiagnostics", ConfigProperty::kIpsecDiagnostics, true),
    keyword("ikelogging", ConfigProperty::kIkeLogging),
    keyword("strongcrlcheck", ConfigProperty::kStrongCrlCheck),
    keyword("ipsecloginterval", ConfigProperty::kIpsecLogInterval, true),
    keyword("ipsecexempt", ConfigProperty::kIpsecExempt, true),
    keyword("bootmode", ConfigProperty::kBootMode, true),
    keyword("bootexemptions", ConfigProperty::kBootExemptions, true),
});
constexpr auto kSaModeWords = std::to_array({
    keyword("transport", SaMode::kTransport),
    keyword("tunnel", SaMode::kTunnel),
});
constexpr auto kDfPolicyWords = std::to_array({
    keyword("copy", DfPolicy::kCopy),
    keyword("set", DfPolicy::kSet),
    keyword("clear", DfPolicy::kClear),
});
constexpr auto kFragmentPolicyWords = std::to_array({
    keyword("before", FragmentPolicy::kBefore),
    keyword("after", FragmentPolicy::kAfter),
});

constexpr auto kValueTypes = std::to_array<ValueTypeRow>({
    {ValueType::kWord, "", "the word alone", {}},
    {ValueType::kName, "<name>", "a name of 1 to 255 bytes", {}},
    {ValueType::kNewName, "<name>", "a name of 1 to 255 bytes", {}},
    {ValueType::kText, "<text>", "a text of at most 1024 bytes", {}},
    {ValueType::kFile, "<file>", "a file name", {}},
    {ValueType::kYesNo, "<yes|no>", "yes or no", kYesNoWords},
    {ValueType::kAction, "<permit|block|negotiate>", "permit, block or negotiate", kActionWords},
    {ValueType::kConnectionType, "<lan|dialup|all>", "lan, dialup or all", kConnectionTypeWords},
    {ValueType::kPfsGroup,
     "<grp1|grp2|grp3|grpmm|nopfs>",
     "grp1, grp2, grp3, grpmm or nopfs",
     kPfsGroupWords},
    {ValueType::kLevel, "<normal|verbose>", "normal or verbose", kLevelWords},
    {ValueType::kFormat, "<list|table>", "list or table", kFormatWords},
    {ValueType::kRuleType, "<transport|tunnel>", "transport or tunnel", kRuleTypeWords},
    {ValueType::kFilterType, "<generic|specific>", "generic or specific", kFilterTypeWords},
    {ValueType::kLocation,
     "<local|persistent|domain>",
     "local, persistent or domain",
     kLocationWords},
    {ValueType::kStatsType, "<all|ike|ipsec>", "all, ike or ipsec", kStatsTypeWords},
    {ValueType::kBatchMode, "<enable|disable>", "enable or disable", kBatchModeWords},
    {ValueType::kConfigProperty,
     "<ikelogging|strongcrlcheck>",
     "ikelogging or strongcrlcheck",
     kConfigPropertyWords},
    {ValueType::kCount, "<number>", "a number from 0 to 2147483647", {}},
    {ValueType::kPosition, "<number>", "a number from 1 to 2147483647", {}},
    {ValueType::kLifetimeMinutes, "<minutes>", "1 to 35791394 minutes, or seconds as 90s", {}},
    {ValueType::kPollingMinutes, "<minutes>", "1 to 35791394 minutes, or seconds as 90s", {}},
    {ValueType::kPort, "<port>", "0 to 65535 or any", {}},
    {ValueType::kProtocol, "<protocol>", "ANY, ICMP, TCP, UDP, RAW or 0 to 255", {}},
    {ValueType::kAddress, "<address>", "an address, a range, a DNS name or a symbol", {}},
    {ValueType::kMask, "<mask|prefix>", "a dotted mask or a prefix length", {}},
    {ValueType::kGuid, "<guid>", "a GUID such as {72385230-70FA-11D1-864C-14A300000000}", {}},
    {ValueType::kMmMethods, "<methods>", "main mode methods", {}},
    {ValueType::kQmMethods, "<methods>", "quick mode methods", {}},
    {ValueType::kTunnel, "<address|name|no>", "an address, a DNS name or no", {}},
    {ValueType::kPresharedKey, "<key>", "a key of 1 to 1024 bytes", {}},
    {ValueType::kRootCa, "<CA>", "\"<name of the CA> certmap:yes|no excludecaname:yes|no\"", {}},
    {ValueType::kIpAddress, "<IP address>", "an IPv4 or IPv6 address", {}},
    {ValueType::kSpi, "<SPI>", "256 to 4294967295, hexadecimal with 0x in front", {}},
    {ValueType::kSaMethod, "<method>", "one quick mode method", {}},
    {ValueType::kSaMode, "<transport|tunnel>", "transport or tunnel", kSaModeWords},
    {ValueType::kHexKey, "<hex>", "two hexadecimal digits for each byte, at most 128 bytes", {}},
    {ValueType::kReplayWindow, "<packets>", "0 or 64 to 4096", {}},
    {ValueType::kUdpPort, "<port>", "1 to 65535", {}},
    {ValueType::kDscp, "<copy|0..63>", "copy or 0 to 63", {}},
    {ValueType::kDfPolicy, "<copy|set|clear>", "copy, set or clear", kDfPolicyWords},
    {ValueType::kFragmentPolicy, "<before|after>", "before or after", kFragmentPolicyWords},
});

std::optional<std::uint32_t> parse_number(std::string_view digits) {
    std::uint32_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, status] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || status != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint8_t> parse_keyword(ValueType type, std::string_view text) {
    for (const KeywordRow& row : row_of(type).keywords) {
        if (equals_ignoring_case(text, row.word)) {
            return row.index;
        }
    }
    return std::nullopt;
}

Result<Value> parse_name(ValueType type, std::string_view tag, std::string_view text) {
    if (text.empty() || text.size() > kMaxNameBytes || !is_plain_text(text)) {
        return Error{ErrorCode::kReservedName,
                     fmt::format("The name in {} has {} bytes; 1 to {} bytes of text without "
                                 "control characters are expected.",
                                 tag,
                                 text.size(),
                                 kMaxNameBytes)};
    }
    if (type == ValueType::kNewName && equals_ignoring_case(text, "all")) {
        return Error{ErrorCode::kReservedName,
                     fmt::format("The name \"{}\" in {} is reserved: it means every object in "
                                 "delete and show.",
                                 text,
                                 tag)};
    }
    return Value(std::string(text));
}

Result<Value> parse_text(ValueType type, std::string_view tag, std::string_view text) {
    const bool file = type == ValueType::kFile;
    const std::size_t limit = file ? kMaxFileBytes : kMaxTextBytes;
    if (text.size() > limit || (file && text.empty()) || !is_plain_text(text)) {
        return Error{ErrorCode::kInvalidValue,
                     fmt::format("The text in {} has {} bytes; {} to {} bytes without control "
                                 "characters are expected.",
                                 tag,
                                 text.size(),
                                 file ? 1 : 0,
                                 limit)};
    }
    return Value(std::string(text));
}

Result<Value> parse_minutes(ValueType type,
                            std::string_view tag,
                            std::string_view text,
                            std::vector<std::string>& notes) {
    std::string_view digits = text;
    const bool seconds = digits.ends_with('s') || digits.ends_with('S');
    if (seconds || digits.ends_with('m') || digits.ends_with('M')) {
        digits.remove_suffix(1);
    }
    const std::optional<std::uint32_t> number = parse_number(digits);
    if (!number) {
        return invalid_value(type, tag, text);
    }
    // Part of a minute counts as a whole one, so that no limit becomes zero.
    const std::uint32_t minutes = seconds ? *number / 60 + (*number % 60 == 0 ? 0 : 1) : *number;
    if (minutes == 0 || minutes > kMaxMinutes) {
        return invalid_value(type, tag, text);
    }
    const bool polling = type == ValueType::kPollingMinutes;
    if (minutes > (polling ? kMinutesPerWeek : kMinutesPerDay)) {
        notes.push_back(
            fmt::format("Note: {}={} is more than a {}. The unit is minutes; append s for seconds.",
                        tag,
                        text,
                        polling ? "week" : "day"));
    }
    return Value(minutes);
}

Result<Value> parse_port(std::string_view tag, std::string_view text) {
    if (equals_ignoring_case(text, "any")) {
        return Value(PortRange{});
    }
    const std::optional<std::uint32_t> number = parse_number(text);
    if (!number || *number > 65535) {
        return invalid_value(ValueType::kPort, tag, text);
    }
    const auto port = static_cast<std::uint16_t>(*number);
    return Value(port == 0 ? PortRange{} : PortRange{port, port});
}

template <typename Offer>
Result<Value> note_weak_methods(Result<std::vector<Offer>> offers,
                                std::string_view tag,
                                std::vector<std::string>& notes) {
    if (!offers) {
        return offers.error();
    }
    const auto weak = std::find_if(
        offers->begin(), offers->end(), [](const Offer& offer) { return is_weak(offer); });
    if (weak != offers->end()) {
        notes.push_back(fmt::format("Warning: {} names a weak method: {}.", tag, to_string(*weak)));
    }
    return Value(std::move(*offers));
}

template <typename T>
Result<Value> to_value(Result<T> result) {
    if (!result) {
        return result.error();
    }
    return Value(std::move(*result));
}

// "certmap:yes" at the end of `text`: removed, and its yes or no in `flag`.
struct CaFlag {
    std::string_view word;
    bool AuthMethod::*member;
};
constexpr auto kCaFlags = std::to_array<CaFlag>({
    {"certmap:", &AuthMethod::certificate_mapping},
    {"excludecaname:", &AuthMethod::exclude_ca_name},
});

Result<Value> parse_symbolic(ValueType type, std::string_view tag, std::string_view text) {
    const std::optional<std::uint8_t> index = parse_keyword(type, text);
    if (!index) {
        return invalid_value(type, tag, text);
    }
    return type == ValueType::kYesNo ? Value(*index == 1) : Value(Keyword{*index});
}

Result<Value> parse_count(ValueType type, std::string_view tag, std::string_view text) {
    const std::optional<std::uint32_t> number = parse_number(text);
    const std::uint32_t minimum = type == ValueType::kPosition ? 1 : 0;
    if (!number || *number < minimum || *number > kMaxCount) {
        return invalid_value(type, tag, text);
    }
    return Value(*number);
}

Result<Value> parse_preshared_key(std::string_view tag, std::string_view text) {
    if (text.empty() || text.size() > kMaxTextBytes) {
        return Error{ErrorCode::kInvalidValue,
                     fmt::format("The key in {} must have 1 to {} bytes.", tag, kMaxTextBytes)};
    }
    return Value(SecretBytes(text));
}

}  // namespace

Error invalid_value(ValueType type, std::string_view tag, std::string_view value) {
    return Error{
        ErrorCode::kInvalidValue,
        fmt::format("The value \"{}\" of {} must be {}.", value, tag, row_of(type).expected)};
}

const ValueTypeRow& row_of(ValueType type) {
    return kValueTypes[static_cast<std::size_t>(type)];
}

std::string_view keyword_text(ValueType type, std::uint8_t index) {
    for (const KeywordRow& row : row_of(type).keywords) {
        if (row.index == index && !row.hidden) {
            return row.word;
        }
    }
    return "?";
}

Result<Value> parse_value(ValueType type,
                          std::string_view tag,
                          const Token& token,
                          std::vector<std::string>& notes) {
    const std::string_view text = token.value;
    if (token.value_missing()) {
        return Error{ErrorCode::kInvalidValue,
                     fmt::format("{} has no value; it must be {}.", tag, row_of(type).expected)};
    }
    switch (type) {
        case ValueType::kWord:
            return Value(std::monostate{});
        case ValueType::kName:
        case ValueType::kNewName:
            return parse_name(type, tag, text);
        case ValueType::kText:
        case ValueType::kFile:
            return parse_text(type, tag, text);
        case ValueType::kYesNo:
        case ValueType::kAction:
        case ValueType::kConnectionType:
        case ValueType::kPfsGroup:
        case ValueType::kLevel:
        case ValueType::kFormat:
        case ValueType::kRuleType:
        case ValueType::kFilterType:
        case ValueType::kLocation:
        case ValueType::kStatsType:
        case ValueType::kBatchMode:
        case ValueType::kConfigProperty:
        case ValueType::kSaMode:
        case ValueType::kDfPolicy:
        case ValueType::kFragmentPolicy:
            return parse_symbolic(type, tag, text);
        case ValueType::kCount:
        case ValueType::kPosition:
            return parse_count(type, tag, text);
        case ValueType::kLifetimeMinutes:
        case ValueType::kPollingMinutes:
            return parse_minutes(type, tag, text, notes);
        case ValueType::kPort:
            return parse_port(tag, text);
        case ValueType::kProtocol:
            return to_value(parse_protocol_syntax(text));
        case ValueType::kAddress:
            return to_value(parse_address_syntax(text));
        case ValueType::kMask:
            return to_value(parse_mask_syntax(text));
        case ValueType::kGuid: {
            const Result<Guid> guid = Guid::parse(text);
            return guid ? Result<Value>(*guid) : invalid_value(type, tag, text);
        }
        case ValueType::kMmMethods:
            return note_weak_methods(parse_mm_methods(text), tag, notes);
        case ValueType::kQmMethods:
            return note_weak_methods(parse_qm_methods(text), tag, notes);
        case ValueType::kTunnel:
            return to_value(parse_tunnel_syntax(text));
        case ValueType::kPresharedKey:
            return parse_preshared_key(tag, text);
        case ValueType::kRootCa:
            return to_value(parse_root_ca(text));
        case ValueType::kIpAddress:
        case ValueType::kSpi:
        case ValueType::kSaMethod:
        case ValueType::kHexKey:
        case ValueType::kReplayWindow:
        case ValueType::kUdpPort:
        case ValueType::kDscp:
            return parse_sa_value(type, tag, text, notes);
    }
    return invalid_value(type, tag, text);
}

Result<AuthMethod> parse_root_ca(std::string_view text) {
    AuthMethod method;
    method.kind = AuthKind::kRootCa;
    // The flags stand behind the name, which may hold blanks: take them from the right.
    std::array<bool, kCaFlags.size()> seen{};
    while (true) {
        while (text.ends_with(' ') || text.ends_with('\t')) {
            text.remove_suffix(1);
        }
        const std::size_t blank = text.find_last_of(" \t");
        const std::string_view last =
            blank == std::string_view::npos ? text : text.substr(blank + 1);
        std::size_t flag = 0;
        while (flag < kCaFlags.size() && !starts_with_ignoring_case(last, kCaFlags[flag].word)) {
            ++flag;
        }
        if (flag == kCaFlags.size()) {
            break;
        }
        const std::string_view answer = last.substr(kCaFlags[flag].word.size());
        const std::optional<std::uint8_t> value = parse_keyword(ValueType::kYesNo, answer);
        if (!value || std::exchange(seen[flag], true)) {
            return Error{
                ErrorCode::kInvalidValue,
                fmt::format("\"{}\" of rootca must be given once and be yes or no.", last)};
        }
        method.*kCaFlags[flag].member = *value == 1;
        text.remove_suffix(last.size());
    }
    while (text.starts_with(' ') || text.starts_with('\t')) {
        text.remove_prefix(1);
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool quotation_mark = text.substr(i, 2) == "\\'";
        method.root_ca += quotation_mark ? '"' : text[i];
        i += quotation_mark ? 1 : 0;
    }
    constexpr std::string_view kExpected =
        "rootca must be the distinguished name of a certification authority, such as \"C=US, "
        "O=Example, CN=Example Root certmap:no excludecaname:no\".";
    if (method.root_ca.empty() || method.root_ca.size() > kMaxTextBytes) {
        return Error{ErrorCode::kInvalidValue, std::string(kExpected)};
    }
    if (const auto name = DistinguishedName::parse(method.root_ca); !name) {
        return Error{ErrorCode::kInvalidValue, fmt::format("{} {}", kExpected, name.error().text)};
    }
    return method;
}

std::string root_ca_text(const AuthMethod& method) {
    std::string text;
    for (const char c : method.root_ca) {
        if (c == '"') {
            text += "\\'";
        } else {
            text += c;
        }
    }
    for (const CaFlag& flag : kCaFlags) {
        text += fmt::format(" {}{}", flag.word, method.*flag.member ? "yes" : "no");
    }
    return text;
}

}  // namespace config
