// The command table: one CommandSpec row per `netsh ipsec` command gives its words, parameters,
// help, reference page and argument checks. Handlers are found by CommandId in control.
//
// Matching of arguments: tags first (exact, else the first declared one that begins so), then the
// untagged values fill the remaining places in declared order. Alternatives (name | guid | all)
// share one place.
#pragma once

#include "config/result.h"
#include "config/token.h"
#include "config/value.h"

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace config {

enum class Context : std::uint8_t { kRoot, kIpsec, kStatic, kDynamic };

enum class CommandId : std::uint8_t {
    kStaticAddFilter,
    kStaticAddFilterAction,
    kStaticAddFilterList,
    kStaticAddPolicy,
    kStaticAddRule,
    kStaticDeleteAll,
    kStaticDeleteFilter,
    kStaticDeleteFilterAction,
    kStaticDeleteFilterList,
    kStaticDeletePolicy,
    kStaticDeleteRule,
    kStaticSetDefaultRule,
    kStaticSetFilterAction,
    kStaticSetFilterList,
    kStaticSetPolicy,
    kStaticSetRule,
    kStaticSetStore,
    kStaticShowAll,
    kStaticShowFilterAction,
    kStaticShowFilterList,
    kStaticShowPolicy,
    kStaticShowRule,
    kStaticShowStore,
    kDynamicAddMmPolicy,
    kDynamicAddQmPolicy,
    kDynamicAddRule,
    kDynamicAddSa,  // ours: a manually keyed SA
    kDynamicDeleteAll,
    kDynamicDeleteMmPolicy,
    kDynamicDeleteQmPolicy,
    kDynamicDeleteRule,
    kDynamicDeleteSa,
    kDynamicSetConfig,
    kDynamicSetMmPolicy,
    kDynamicSetQmPolicy,
    kDynamicSetRule,
    kDynamicShowConfig,
    kDynamicShowMmFilter,
    kDynamicShowMmPolicy,
    kDynamicShowMmSas,
    kDynamicShowQmFilter,
    kDynamicShowQmPolicy,
    kDynamicShowQmSas,
    kDynamicShowRule,
    kDynamicShowStats,
    kDynamicShowDrops,   // ours: drop reasons with their help texts
    kDynamicShowLcores,  // ours: counters of each worker
    kDynamicShowPorts,   // ours: counters of each port
};

// The objects a value can name, so that completion can offer those that exist.
enum class ObjectKind : std::uint8_t {
    kNone,
    kPolicy,
    kFilterList,
    kFilterAction,
    kRule,
    kMmPolicy,
    kQmPolicy,
};

struct ParameterSpec {
    std::string_view tag{};  // for ValueType::kWord the bare word itself
    ValueType type = ValueType::kText;
    std::string_view help{};  // one line
    bool required = false;    // of a group of alternatives: said by its first member
    bool repeatable = false;
    bool alternative = false;          // shares the place of the parameter before it
    std::string_view default_value{};  // as help prints it; empty: none
    ObjectKind object = ObjectKind::kNone;
};

struct CommandSpec {
    CommandId id{};
    Context context{};
    std::string_view verb;  // "add"
    std::string_view noun;  // "filter"; empty for a command of one word
    bool changes = false;   // needs the permission to write
    std::string_view summary;
    std::span<const ParameterSpec> parameters;
    std::span<const std::string_view> remarks;
    std::span<const std::string_view> examples;  // without the words of the context

    [[nodiscard]] std::string words() const;  // "add filter"
    [[nodiscard]] const ParameterSpec* parameter(std::string_view tag) const;
};

struct GroupSpec {
    Context context{};
    std::string_view verb;
    std::string_view summary;
};

// Rows of kStatic or kDynamic in listing order; none for the other contexts.
[[nodiscard]] std::span<const CommandSpec> command_rows(Context context);
[[nodiscard]] std::span<const CommandSpec> static_command_rows();   // command_rows_static.cpp
[[nodiscard]] std::span<const CommandSpec> dynamic_command_rows();  // command_rows_dynamic.cpp
[[nodiscard]] std::span<const GroupSpec> group_rows();
[[nodiscard]] const CommandSpec& command_spec(CommandId id);

// The enumeration a keyword type stands for; Arguments::keyword<E>() checks it.
template <typename E>
inline constexpr ValueType kKeywordTypeOf = ValueType::kWord;
template <>
inline constexpr ValueType kKeywordTypeOf<Action> = ValueType::kAction;
template <>
inline constexpr ValueType kKeywordTypeOf<ConnectionType> = ValueType::kConnectionType;
template <>
inline constexpr ValueType kKeywordTypeOf<PfsGroup> = ValueType::kPfsGroup;
template <>
inline constexpr ValueType kKeywordTypeOf<Level> = ValueType::kLevel;
template <>
inline constexpr ValueType kKeywordTypeOf<Format> = ValueType::kFormat;
template <>
inline constexpr ValueType kKeywordTypeOf<RuleType> = ValueType::kRuleType;
template <>
inline constexpr ValueType kKeywordTypeOf<FilterType> = ValueType::kFilterType;
template <>
inline constexpr ValueType kKeywordTypeOf<StoreLocation> = ValueType::kLocation;
template <>
inline constexpr ValueType kKeywordTypeOf<StatsType> = ValueType::kStatsType;
template <>
inline constexpr ValueType kKeywordTypeOf<BatchMode> = ValueType::kBatchMode;
template <>
inline constexpr ValueType kKeywordTypeOf<ConfigProperty> = ValueType::kConfigProperty;
template <>
inline constexpr ValueType kKeywordTypeOf<SaMode> = ValueType::kSaMode;
template <>
inline constexpr ValueType kKeywordTypeOf<DfPolicy> = ValueType::kDfPolicy;
template <>
inline constexpr ValueType kKeywordTypeOf<FragmentPolicy> = ValueType::kFragmentPolicy;

struct Argument {
    const ParameterSpec* parameter = nullptr;
    Value value;
};

// The arguments of one command in the order they stand on the line. Every accessor returns nothing
// when the parameter was not given; asking for a tag with the accessor of another type is a
// programming error.
class Arguments {
  public:
    void append(Argument argument) { arguments_.push_back(std::move(argument)); }
    [[nodiscard]] std::span<const Argument> in_order() const { return arguments_; }

    [[nodiscard]] bool given(std::string_view tag) const { return find(tag) != nullptr; }
    [[nodiscard]] std::optional<std::string> text(std::string_view tag) const {
        return get<std::string>(tag);
    }
    [[nodiscard]] std::optional<bool> yes_no(std::string_view tag) const { return get<bool>(tag); }
    // Counts, positions, minutes, SPIs, windows and UDP ports.
    [[nodiscard]] std::optional<std::uint32_t> number(std::string_view tag) const {
        return get<std::uint32_t>(tag);
    }
    template <typename E>
    [[nodiscard]] std::optional<E> keyword(std::string_view tag) const {
        const Argument* argument = find(tag);
        if (argument == nullptr) {
            return std::nullopt;
        }
        assert(argument->parameter->type == kKeywordTypeOf<E>);
        return static_cast<E>(std::get<Keyword>(argument->value).index);
    }
    [[nodiscard]] std::optional<PortRange> port(std::string_view tag) const {
        return get<PortRange>(tag);
    }
    [[nodiscard]] std::optional<ProtocolSyntax> protocol(std::string_view tag) const {
        return get<ProtocolSyntax>(tag);
    }
    [[nodiscard]] std::optional<AddressSyntax> address(std::string_view tag) const {
        return get<AddressSyntax>(tag);
    }
    [[nodiscard]] std::optional<MaskSyntax> mask(std::string_view tag) const {
        return get<MaskSyntax>(tag);
    }
    [[nodiscard]] std::optional<Guid> guid(std::string_view tag) const { return get<Guid>(tag); }
    [[nodiscard]] std::optional<IpAddress> ip(std::string_view tag) const {
        return get<IpAddress>(tag);
    }
    [[nodiscard]] std::optional<QmOffer> sa_method(std::string_view tag) const {
        return get<QmOffer>(tag);
    }
    [[nodiscard]] std::optional<SecretBytes> key(std::string_view tag) const {
        return get<SecretBytes>(tag);
    }
    [[nodiscard]] std::optional<DscpSyntax> dscp(std::string_view tag) const {
        return get<DscpSyntax>(tag);
    }
    [[nodiscard]] std::optional<TunnelSyntax> tunnel(std::string_view tag) const {
        return get<TunnelSyntax>(tag);
    }
    [[nodiscard]] std::optional<std::vector<MmOffer>> mm_methods(std::string_view tag) const {
        return get<std::vector<MmOffer>>(tag);
    }
    [[nodiscard]] std::optional<std::vector<QmOffer>> qm_methods(std::string_view tag) const {
        return get<std::vector<QmOffer>>(tag);
    }
    // kerberos, psk and rootca in order of preference. Absent: none of the three was given. Empty:
    // only kerberos=no was given.
    [[nodiscard]] std::optional<std::vector<AuthMethod>> auth_methods() const;

  private:
    [[nodiscard]] const Argument* find(std::string_view tag) const;
    template <typename T>
    [[nodiscard]] std::optional<T> get(std::string_view tag) const {
        const Argument* argument = find(tag);
        return argument == nullptr ? std::nullopt : std::optional<T>(std::get<T>(argument->value));
    }

    std::vector<Argument> arguments_;
};

struct ParsedCommand {
    const CommandSpec* spec = nullptr;
    Arguments arguments;
    std::vector<std::string> notes;  // one line each, printed when the command succeeds
};

// Reads everything behind the command's words. Usage errors (unknown or repeated tag, too many
// values, missing parameter) have a code of ErrorForm::kUsage.
[[nodiscard]] Result<ParsedCommand> match_arguments(const CommandSpec& spec,
                                                    std::span<const Token> tokens);

}  // namespace config
