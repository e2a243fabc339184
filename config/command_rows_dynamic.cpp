// Rows of `netsh ipsec dynamic`. `add sa`, `show drops`, `show lcores` and `show ports` are
// commands of our own; every other row is one of Windows.
#include "config/command_parameters.h"
#include "config/command_parameters_ike.h"
#include "config/command_parameters_sa.h"

#include <array>

namespace config {
namespace {

using namespace rows;

constexpr auto kAddMmPolicy = std::to_array<ParameterSpec>({
    required("name", kNewName, "Name of the main mode policy."),
    option("qmpermm", kCount, "Quick modes per main mode; 0 sets no limit.", "0"),
    option("mmlifetime", kLifetimeMinutes, "Life of a main mode in minutes.", "480"),
    option("softsaexpirationtime",
           kLifetimeMinutes,
           "Life of an unprotected association in minutes.",
           "480"),
    option("mmsecmethods", kMmMethods, "Main mode methods to offer.", kMmDefault),
});
constexpr auto kAddMmPolicyRemarks = std::to_array<std::string_view>({
    kVolatileRemark,
    "mmsecmethods: Encryption-Integrity-Group, separated by blanks, best first; group 3 is IKE "
    "group 14.",
});
constexpr auto kAddMmPolicyExamples = std::to_array<std::string_view>({
    "add mmp name=mmp qmpermm=10 mmlifetime=300 softsa=20 mmsec=\"3DES-SHA1-3 DES-SHA1-2 "
    "3DES-MD5-3\"",
});
constexpr auto kSetMmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the main mode policy.", ObjectKind::kMmPolicy, true),
    option("qmpermm", kCount, "Quick modes per main mode; 0 sets no limit."),
    option("mmlifetime", kLifetimeMinutes, "Life of a main mode in minutes."),
    option(
        "softsaexpirationtime", kLifetimeMinutes, "Life of an unprotected association in minutes."),
    option("mmsecmethods", kMmMethods, "Main mode methods to offer."),
});
constexpr auto kSetRemarks = std::to_array<std::string_view>({kVolatileRemark, kUnchangedRemark});
constexpr auto kSetMmPolicyExamples = std::to_array<std::string_view>({
    "set mmpolicy name=mmp mmlifetime=480",
});

constexpr auto kAddQmPolicy = std::to_array<ParameterSpec>({
    required("name", kNewName, "Name of the quick mode policy."),
    option("soft", kYesNo, "Send in the clear to peers that do not negotiate.", "no"),
    option("pfsgroup", kPfsGroup, "Diffie-Hellman group of each quick mode.", "nopfs"),
    option("qmsecmethods", kQmMethods, "Quick mode methods to offer.", kQmDefault),
});
constexpr auto kAddQmPolicyRemarks = std::to_array<std::string_view>({
    kVolatileRemark,
    "grp1, grp2 and grp3 have 768, 1024 and 2048 bits; grpmm is the group of the main mode.",
    "qmsecmethods: ESP[Encryption,Integrity]:k/s, AH[Integrity]:k/s or AH[...]+ESP[...]:k/s, "
    "separated by blanks, best first.",
});
constexpr auto kAddQmPolicyExamples = std::to_array<std::string_view>({
    "add qmpolicy name=qmp soft=y pfsgroup=grp3 qmsec=\"AH[MD5]:204800k/300s "
    "ESP[DES,SHA1]:30000k/480s\"",
});
constexpr auto kSetQmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the quick mode policy.", ObjectKind::kQmPolicy, true),
    option("soft", kYesNo, "Send in the clear to peers that do not negotiate."),
    option("pfsgroup", kPfsGroup, "Diffie-Hellman group of each quick mode."),
    option("qmsecmethods", kQmMethods, "Quick mode methods to offer."),
});
constexpr auto kSetQmPolicyExamples = std::to_array<std::string_view>({
    "set qmpolicy name=qmp pfsgroup=grpmm",
});

constexpr auto kAddRule = std::to_array<ParameterSpec>({
    required("srcaddr", kAddress, "Source address."),
    required("dstaddr", kAddress, "Destination address."),
    existing("mmpolicy", "The main mode policy.", ObjectKind::kMmPolicy, true),
    existing("qmpolicy",
             "The quick mode policy; needed if an action is negotiate.",
             ObjectKind::kQmPolicy),
    option("protocol", kProtocol, "Protocol name or number.", "ANY"),
    option("srcport", kPort, "Source port.", "0"),
    option("dstport", kPort, "Destination port.", "0"),
    option("mirrored", kYesNo, "Also match with both sides exchanged.", "yes"),
    option("conntype", kConnectionType, "The kind of connections the rule applies to.", "all"),
    option("actioninbound", kAction, "What happens to inbound packets.", "negotiate"),
    option("actionoutbound", kAction, "What happens to outbound packets.", "negotiate"),
    kSourceMask,
    kDestinationMask,
    option("tunneldstaddress", kTunnel, "Tunnel end point; no means transport.", "no"),
    kKerberosParameter,
    kPskParameter,
    kRootCaParameter,
});
constexpr auto kAddRuleRemarks = std::to_array<std::string_view>({
    kVolatileRemark,
    "A rule has no name: its filter, connection type and tunnel end point identify it.",
    "Forwarded packets meet actionoutbound where they match as written and actioninbound where "
    "they match the mirrored filter.",
    "An address is me, any, an IPv4 or IPv6 address, address/length, first-last, a DNS name, or "
    "one of DNS, WINS, DHCP and GATEWAY. Ports need protocol=TCP or protocol=UDP.",
});
constexpr auto kAddRuleExamples = std::to_array<std::string_view>({
    "add rule srcaddr=any dstaddr=me mmpolicy=mmp protocol=TCP dstport=23 actioninbound=block "
    "actionoutbound=block",
    "add rule srca=192.168.145.110 dsta=192.168.145.215 mmp=mmp qmp=qmp mir=no srcmask=24 "
    "tunneldst=192.168.145.1 con=lan psk=change-me",
});
constexpr auto kSetRule = std::to_array<ParameterSpec>({
    required("srcaddr", kAddress, "Source address."),
    required("dstaddr", kAddress, "Destination address."),
    required("protocol", kProtocol, "Protocol name or number."),
    required("srcport", kPort, "Source port."),
    required("dstport", kPort, "Destination port."),
    required("mirrored", kYesNo, "Whether the filter is mirrored."),
    required("conntype", kConnectionType, "Its kind of connections."),
    kSourceMask,
    kDestinationMask,
    option("tunneldstaddress", kTunnel, "Its tunnel end point.", "no"),
    existing("mmpolicy", "The new main mode policy.", ObjectKind::kMmPolicy),
    existing("qmpolicy", "The new quick mode policy.", ObjectKind::kQmPolicy),
    option("actioninbound", kAction, "The new action for inbound packets."),
    option("actionoutbound", kAction, "The new action for outbound packets."),
    kKerberosParameter,
    kPskParameter,
    kRootCaParameter,
});
constexpr auto kSetRuleRemarks = std::to_array<std::string_view>({
    "The parameters up to tunneldstaddress say which rule; the others say what changes.",
    kVolatileRemark,
    kUnchangedRemark,
    "Naming kerberos, psk or rootca replaces the whole list of authentication methods.",
});
constexpr auto kSetRuleExamples = std::to_array<std::string_view>({
    "set rule srca=WINS dsta=0.0.0.0 srcmask=32 dstmask=32 tunneldst=192.168.145.1 proto=tcp "
    "srcport=80 dstport=80 mir=no con=lan qmp=qmp",
});
constexpr auto kDeleteRule = std::to_array<ParameterSpec>({
    required("srcaddr", kAddress, "Source address."),
    required("dstaddr", kAddress, "Destination address."),
    option("protocol", kProtocol, "Protocol name or number.", "every one"),
    option("srcport", kPort, "Source port.", "every one"),
    option("dstport", kPort, "Destination port.", "every one"),
    option("mirrored", kYesNo, "Whether the filter is mirrored.", "either"),
    option("conntype", kConnectionType, "Its kind of connections.", "every one"),
    kSourceMask,
    kDestinationMask,
    option("tunneldstaddress", kTunnel, "Its tunnel end point.", "every one"),
});
constexpr auto kDeleteRuleRemarks = std::to_array<std::string_view>({
    "What is named must be equal, what is not named matches every value. If several rules match, "
    "all of them go.",
});
constexpr auto kDeleteRuleExamples = std::to_array<std::string_view>({
    "delete rule srcaddr=any dstaddr=me protocol=TCP srcport=0 dstport=23 mirrored=yes "
    "conntype=all",
});
constexpr auto kDeleteMmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the main mode policy.", ObjectKind::kMmPolicy, true),
    kAllWord,
});
constexpr auto kDeleteQmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the quick mode policy.", ObjectKind::kQmPolicy, true),
    kAllWord,
});
constexpr auto kDeletePolicyRemarks =
    std::to_array<std::string_view>({"A policy that a rule still uses is kept."});
constexpr auto kDeleteMmPolicyExamples =
    std::to_array<std::string_view>({"delete mmpolicy name=mmp", "delete mmpolicy all"});
constexpr auto kDeleteQmPolicyExamples =
    std::to_array<std::string_view>({"delete qmpolicy name=qmp", "delete qmpolicy all"});
constexpr auto kDeleteAllRemarks = std::to_array<std::string_view>({
    "Removes what dynamic commands made, but not SAs: see delete sa. The assigned static policy "
    "stays in force.",
});
constexpr auto kDeleteAllExamples = std::to_array<std::string_view>({"delete all"});

constexpr auto kShowMmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the main mode policy.", ObjectKind::kMmPolicy),
    kAllWord,
});
constexpr auto kShowQmPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the quick mode policy.", ObjectKind::kQmPolicy),
    kAllWord,
});
constexpr auto kSelectRemarks = std::to_array<std::string_view>({kSelectRemark});
constexpr auto kShowMmPolicyExamples =
    std::to_array<std::string_view>({"show mmpolicy all", "show mmpolicy name=mmp"});
constexpr auto kShowQmPolicyExamples =
    std::to_array<std::string_view>({"show qmpolicy all", "show qmpolicy name=qmp"});

constexpr auto kShowQmFilter = std::to_array<ParameterSpec>({
    option("name", kName, "Name of the filter's rule."),
    kAllWord,
    option("type", kFilterType, "With symbols, or expanded to addresses.", "generic"),
    option("srcaddr", kAddress, "Only filters with this source."),
    option("dstaddr", kAddress, "Only filters with this destination."),
    kSourceMask,
    kDestinationMask,
    option("protocol", kProtocol, "Only filters with this protocol."),
    option("srcport", kPort, "Only filters with this source port."),
    option("dstport", kPort, "Only filters with this destination port."),
    option("actioninbound", kAction, "Only filters with this inbound action."),
    option("actionoutbound", kAction, "Only filters with this outbound action."),
    kResolveDns,
});
constexpr auto kShowQmFilterRemarks = std::to_array<std::string_view>({
    kSelectRemark,
    "Filters are printed in the order in which they are tried, with their weight and the packets "
    "and bytes they decided.",
});
constexpr auto kShowQmFilterExamples = std::to_array<std::string_view>({
    "show qmfilter all",
    "show qmfilter type=specific protocol=TCP dstport=80",
});
constexpr auto kShowRule = std::to_array<ParameterSpec>({
    option("type", kRuleType, "Only rules of this type."),
    option("srcaddr", kAddress, "Only rules with this source."),
    option("dstaddr", kAddress, "Only rules with this destination."),
    kSourceMask,
    kDestinationMask,
    option("protocol", kProtocol, "Only rules with this protocol."),
    option("srcport", kPort, "Only rules with this source port."),
    option("dstport", kPort, "Only rules with this destination port."),
    option("actioninbound", kAction, "Only rules with this inbound action."),
    option("actionoutbound", kAction, "Only rules with this outbound action."),
    kResolveDns,
});
constexpr auto kShowRuleExamples = std::to_array<std::string_view>({
    "show rule",
    "show rule type=tunnel srcaddr=10.0.0.0 srcmask=8",
});
constexpr auto kShowStats = std::to_array<ParameterSpec>({
    option("type", kStatsType, "Which counters.", "all"),
});
constexpr auto kShowStatsExamples =
    std::to_array<std::string_view>({"show stats", "show stats type=ipsec"});
constexpr auto kOwnRemarks = std::to_array<std::string_view>({kOwnRemark});
constexpr auto kShowDropsExamples = std::to_array<std::string_view>({"show drops"});
constexpr auto kShowLcoresExamples = std::to_array<std::string_view>({"show lcores"});
constexpr auto kShowPortsExamples = std::to_array<std::string_view>({"show ports"});

constexpr auto kRows = std::to_array<CommandSpec>({
    {CommandId::kDynamicAddMmPolicy,
     Context::kDynamic,
     "add",
     "mmpolicy",
     true,
     "Adds a main mode policy.",
     kAddMmPolicy,
     kAddMmPolicyRemarks,
     kAddMmPolicyExamples},
    {CommandId::kDynamicAddQmPolicy,
     Context::kDynamic,
     "add",
     "qmpolicy",
     true,
     "Adds a quick mode policy.",
     kAddQmPolicy,
     kAddQmPolicyRemarks,
     kAddQmPolicyExamples},
    {CommandId::kDynamicAddRule,
     Context::kDynamic,
     "add",
     "rule",
     true,
     "Adds a rule with its filter.",
     kAddRule,
     kAddRuleRemarks,
     kAddRuleExamples},
    {CommandId::kDynamicAddSa,
     Context::kDynamic,
     "add",
     "sa",
     true,
     "Adds a manually keyed SA.",
     kAddSa,
     kAddSaRemarks,
     kAddSaExamples},
    {CommandId::kDynamicDeleteAll,
     Context::kDynamic,
     "delete",
     "all",
     true,
     "Deletes all dynamic rules and policies.",
     {},
     kDeleteAllRemarks,
     kDeleteAllExamples},
    {CommandId::kDynamicDeleteMmPolicy,
     Context::kDynamic,
     "delete",
     "mmpolicy",
     true,
     "Deletes a main mode policy.",
     kDeleteMmPolicy,
     kDeletePolicyRemarks,
     kDeleteMmPolicyExamples},
    {CommandId::kDynamicDeleteQmPolicy,
     Context::kDynamic,
     "delete",
     "qmpolicy",
     true,
     "Deletes a quick mode policy.",
     kDeleteQmPolicy,
     kDeletePolicyRemarks,
     kDeleteQmPolicyExamples},
    {CommandId::kDynamicDeleteRule,
     Context::kDynamic,
     "delete",
     "rule",
     true,
     "Deletes the matching rules.",
     kDeleteRule,
     kDeleteRuleRemarks,
     kDeleteRuleExamples},
    {CommandId::kDynamicDeleteSa,
     Context::kDynamic,
     "delete",
     "sa",
     true,
     "Deletes SAs.",
     kDeleteSa,
     kDeleteSaRemarks,
     kDeleteSaExamples},
    {CommandId::kDynamicSetConfig,
     Context::kDynamic,
     "set",
     "config",
     true,
     "Changes a persistent setting.",
     kSetConfig,
     kSetConfigRemarks,
     kSetConfigExamples},
    {CommandId::kDynamicSetMmPolicy,
     Context::kDynamic,
     "set",
     "mmpolicy",
     true,
     "Changes a main mode policy.",
     kSetMmPolicy,
     kSetRemarks,
     kSetMmPolicyExamples},
    {CommandId::kDynamicSetQmPolicy,
     Context::kDynamic,
     "set",
     "qmpolicy",
     true,
     "Changes a quick mode policy.",
     kSetQmPolicy,
     kSetRemarks,
     kSetQmPolicyExamples},
    {CommandId::kDynamicSetRule,
     Context::kDynamic,
     "set",
     "rule",
     true,
     "Changes the policies, actions or authentication of a rule.",
     kSetRule,
     kSetRuleRemarks,
     kSetRuleExamples},
    {CommandId::kDynamicShowConfig,
     Context::kDynamic,
     "show",
     "config",
     false,
     "Prints the persistent settings.",
     {},
     {},
     kShowConfigExamples},
    {CommandId::kDynamicShowDrops,
     Context::kDynamic,
     "show",
     "drops",
     false,
     "Prints how many packets were dropped, and why.",
     {},
     kOwnRemarks,
     kShowDropsExamples},
    {CommandId::kDynamicShowLcores,
     Context::kDynamic,
     "show",
     "lcores",
     false,
     "Prints the counters of each worker core.",
     {},
     kOwnRemarks,
     kShowLcoresExamples},
    {CommandId::kDynamicShowMmFilter,
     Context::kDynamic,
     "show",
     "mmfilter",
     false,
     "Prints between whom main modes are negotiated, and how.",
     kShowMmFilter,
     kShowMmFilterRemarks,
     kShowMmFilterExamples},
    {CommandId::kDynamicShowMmPolicy,
     Context::kDynamic,
     "show",
     "mmpolicy",
     false,
     "Prints main mode policies.",
     kShowMmPolicy,
     kSelectRemarks,
     kShowMmPolicyExamples},
    {CommandId::kDynamicShowMmSas,
     Context::kDynamic,
     "show",
     "mmsas",
     false,
     "Prints main mode SAs, and why negotiations failed.",
     kShowMmSas,
     kShowMmSasRemarks,
     kShowMmSasExamples},
    {CommandId::kDynamicShowPorts,
     Context::kDynamic,
     "show",
     "ports",
     false,
     "Prints the state and the counters of each port.",
     {},
     kOwnRemarks,
     kShowPortsExamples},
    {CommandId::kDynamicShowQmFilter,
     Context::kDynamic,
     "show",
     "qmfilter",
     false,
     "Prints the filters in force and what they matched.",
     kShowQmFilter,
     kShowQmFilterRemarks,
     kShowQmFilterExamples},
    {CommandId::kDynamicShowQmPolicy,
     Context::kDynamic,
     "show",
     "qmpolicy",
     false,
     "Prints quick mode policies.",
     kShowQmPolicy,
     kSelectRemarks,
     kShowQmPolicyExamples},
    {CommandId::kDynamicShowQmSas,
     Context::kDynamic,
     "show",
     "qmsas",
     false,
     "Prints the SAs in force and what passed through them.",
     kShowQmSas,
     kShowQmSasRemarks,
     kShowQmSasExamples},
    {CommandId::kDynamicShowRule,
     Context::kDynamic,
     "show",
     "rule",
     false,
     "Prints the rules in force.",
     kShowRule,
     kSelectRemarks,
     kShowRuleExamples},
    {CommandId::kDynamicShowStats,
     Context::kDynamic,
     "show",
     "stats",
     false,
     "Prints the counters of key exchange and of packets.",
     kShowStats,
     {},
     kShowStatsExamples},
});

}  // namespace

std::span<const CommandSpec> dynamic_command_rows() {
    return kRows;
}

}  // namespace config
