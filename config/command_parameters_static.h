// Parameters, remarks and examples of `netsh ipsec static`, one block per command. The order of the
// parameters is the order in which untagged values fill them.
#pragma once

#include "config/command_parameters.h"

#include <array>

namespace config::rows::static_context {

inline constexpr std::string_view kAtOnceRemark =
    "A change of something the assigned policy uses is in force when the command returns.";

inline constexpr ParameterSpec kGuidSelector{
    .tag = "guid", .type = kGuid, .help = "Its GUID, instead of the name.", .alternative = true};
inline constexpr ParameterSpec kLevelParameter{
    .tag = "level", .type = kLevel, .help = "How much to print.", .default_value = "normal"};
inline constexpr ParameterSpec kFormatParameter{
    .tag = "format",
    .type = kFormat,
    .help = "One value per line, or tab-separated columns.",
    .default_value = "list"};
inline constexpr ParameterSpec kWideParameter{
    .tag = "wide", .type = kYesNo, .help = "Let lines exceed 80 columns.", .default_value = "no"};

inline constexpr ParameterSpec kDescription = option("description", kText, "A remark of your own.");

inline constexpr auto kAddFilter = std::to_array<ParameterSpec>({
    {.tag = "filterlist",
     .type = kNewName,
     .help = "The filter list; created if there is none of that name.",
     .required = true,
     .object = ObjectKind::kFilterList},
    required("srcaddr", kAddress, "Source address."),
    required("dstaddr", kAddress, "Destination address."),
    kDescription,
    option("protocol", kProtocol, "Protocol name or number.", "ANY"),
    option("mirrored", kYesNo, "Also match with both sides exchanged.", "yes"),
    kSourceMask,
    kDestinationMask,
    option("srcport", kPort, "Source port.", "0"),
    option("dstport", kPort, "Destination port.", "0"),
});
inline constexpr auto kAddFilterRemarks = std::to_array<std::string_view>({
    kAddressRemark,
    "A DNS name is resolved now: one filter is added for each of its addresses.",
    kPortRemark,
    "ICMP means ICMPv6 between IPv6 addresses, and both where neither side names a family.",
    "A filter that the list already holds is not added twice.",
});
inline constexpr auto kAddFilterExamples = std::to_array<std::string_view>({
    "add filter filterlist=Web srcaddr=any dstaddr=me protocol=TCP dstport=443",
    "add filter filterlist=Filter1 192.145.168.0 192.145.168.45 srcmask=24 dstmask=32",
    "add filter Lab 10.0.0.1-10.0.0.99 any \"The lab machines\" mirrored=no",
});

inline constexpr auto kAddFilterAction = std::to_array<ParameterSpec>({
    new_name("name", "Name of the filter action.", true),
    kDescription,
    option("qmpfs", kYesNo, "A new Diffie-Hellman exchange for each quick mode.", "no"),
    option("inpass", kYesNo, "Accept unprotected inbound packets, answer protected.", "no"),
    option("soft", kYesNo, "Send in the clear to peers that do not negotiate.", "no"),
    option("action", kAction, "What happens to matching packets.", "negotiate"),
    option("qmsecmethods", kQmMethods, "Quick mode methods to offer.", kQmDefault),
});
inline constexpr auto kAddFilterActionRemarks = std::to_array<std::string_view>({
    "qmpfs, inpass, soft and qmsecmethods have a meaning only with action=negotiate.",
    kQmRemark,
});
inline constexpr auto kAddFilterActionExamples = std::to_array<std::string_view>({
    "add filteraction name=Drop action=block",
    "add filteraction name=Protect qmpfs=yes qmsecmethods=\"ESP[AES256,SHA256]:100000k/3600s\"",
});

inline constexpr auto kAddFilterList = std::to_array<ParameterSpec>({
    new_name("name", "Name of the filter list.", true),
    kDescription,
});
inline constexpr auto kAddFilterListExamples = std::to_array<std::string_view>({
    "add filterlist name=Web description=\"Our web servers\"",
});

inline constexpr auto kAddPolicy = std::to_array<ParameterSpec>({
    new_name("name", "Name of the policy.", true),
    kDescription,
    option("mmpfs", kYesNo, "A new main mode for each quick mode; sets qmpermm to 1.", "no"),
    option("qmpermm", kCount, "Quick modes per main mode; 0 sets no limit.", "0"),
    option("mmlifetime", kLifetimeMinutes, "Life of a main mode in minutes.", "480"),
    option("activatedefaultrule", kYesNo, "Activate the default response rule.", "yes"),
    option("pollinginterval", kPollingMinutes, "Minutes between looks for changes.", "180"),
    option("assign", kYesNo, "Put the policy in force, in place of the assigned one.", "no"),
    option("mmsecmethods", kMmMethods, "Main mode methods to offer.", kMmDefault),
});
inline constexpr auto kAddPolicyRemarks = std::to_array<std::string_view>({
    "One policy of a store is assigned. Without an assigned policy every packet is permitted.",
    "The default response rule is stored and shown; it has no effect.",
    kMmRemark,
});
inline constexpr auto kAddPolicyExamples = std::to_array<std::string_view>({
    "add policy name=Office mmsecmethods=\"3DES-SHA1-2 3DES-SHA1-3\"",
    "add policy name=Lab description=\"Test network\" mmpfs=yes mmlifetime=300 assign=yes",
});

inline constexpr auto kAddRule = std::to_array<ParameterSpec>({
    new_name("name", "Name of the rule.", true),
    existing("policy", "The policy that gets the rule.", ObjectKind::kPolicy, true),
    existing("filterlist", "The filter list of the rule.", ObjectKind::kFilterList, true),
    existing("filteraction", "The filter action of the rule.", ObjectKind::kFilterAction, true),
    option("tunnel", kTunnel, "Tunnel end point; no means transport.", "no"),
    option("conntype", kConnectionType, "The kind of connections the rule applies to.", "all"),
    option("activate", kYesNo, "Whether the rule takes part.", "yes"),
    kDescription,
    kKerberosParameter,
    kPskParameter,
    kRootCaParameter,
});
inline constexpr auto kAddRuleRemarks = std::to_array<std::string_view>({
    "The rule becomes the last of its policy. Which filter wins does not depend on the order of "
    "rules: the more specific filter does.",
    "tunnel=ip and tunnel=dns take the end point from the filters.",
    kAuthRemark,
});
inline constexpr auto kAddRuleExamples = std::to_array<std::string_view>({
    "add rule name=Web policy=Office filterlist=Web filteraction=Protect kerberos=yes",
    "add rule Web Office Web Protect conntype=lan rootca=\"C=US, O=Example, CN=\\'Example, "
    "Root\\' certmap:yes\" psk=change-me",
});

inline constexpr auto kDeleteFilter = std::to_array<ParameterSpec>({
    existing("filterlist", "The filter list.", ObjectKind::kFilterList, true),
    required("srcaddr", kAddress, "Source address."),
    required("dstaddr", kAddress, "Destination address."),
    option("protocol", kProtocol, "Protocol name or number.", "every one"),
    option("mirrored", kYesNo, "Whether the filter is mirrored.", "either"),
    kSourceMask,
    kDestinationMask,
    option("srcport", kPort, "Source port.", "every one"),
    option("dstport", kPort, "Destination port.", "every one"),
});
inline constexpr auto kDeleteFilterRemarks = std::to_array<std::string_view>({
    "What is named must be equal; protocol=any matches only filters for any protocol, and port 0 "
    "only filters for any port. What is not named matches every value.",
});
inline constexpr auto kDeleteFilterExamples = std::to_array<std::string_view>({
    "delete filter filterlist=Web srcaddr=any dstaddr=me protocol=TCP dstport=443",
});

inline constexpr auto kDeleteFilterAction = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter action.", ObjectKind::kFilterAction, true),
    kAllWord,
});
inline constexpr auto kDeleteFilterList = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter list.", ObjectKind::kFilterList, true),
    kAllWord,
});
inline constexpr auto kInUseRemarks = std::to_array<std::string_view>({
    "What a rule still uses is kept. With all, the unused ones go and the others are named.",
});
inline constexpr auto kDeletePolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the policy.", ObjectKind::kPolicy, true),
    kAllWord,
});
inline constexpr auto kDeletePolicyRemarks = std::to_array<std::string_view>({
    "The rules of the policy go with it; filter lists and filter actions stay. An assigned policy "
    "is no longer in force.",
});
inline constexpr auto kDeleteRule = std::to_array<ParameterSpec>({
    existing("name", "Name of the rule.", ObjectKind::kRule, true),
    {.tag = "id",
     .type = kPosition,
     .help = "Its position in the policy, instead of the name.",
     .alternative = true},
    kAllWord,
    existing("policy", "The policy of the rule.", ObjectKind::kPolicy, true),
});
inline constexpr auto kDeleteRuleRemarks = std::to_array<std::string_view>({
    "The default response rule stays. The positions of later rules move up.",
});
inline constexpr auto kDeleteAllRemarks = std::to_array<std::string_view>({
    "Asks no question. The assigned policy goes too: every packet is permitted afterwards.",
});
inline constexpr auto kDeleteAllExamples = std::to_array<std::string_view>({"delete all"});
inline constexpr auto kDeleteFilterActionExamples =
    std::to_array<std::string_view>({"delete filteraction name=Drop", "delete filteraction all"});
inline constexpr auto kDeleteFilterListExamples =
    std::to_array<std::string_view>({"delete filterlist name=Web", "delete filterlist all"});
inline constexpr auto kDeletePolicyExamples =
    std::to_array<std::string_view>({"delete policy name=Office", "delete policy all"});
inline constexpr auto kDeleteRuleExamples =
    std::to_array<std::string_view>({"delete rule name=Web policy=Office",
                                     "delete rule id=2 policy=Office",
                                     "del rule all Office"});

inline constexpr auto kSetDefaultRule = std::to_array<ParameterSpec>({
    existing("policy", "The policy.", ObjectKind::kPolicy, true),
    option("qmpfs", kYesNo, "A new Diffie-Hellman exchange for each quick mode."),
    option("activate", kYesNo, "Whether the rule is active."),
    option("qmsecmethods", kQmMethods, "Quick mode methods to offer."),
    kKerberosParameter,
    kPskParameter,
    kRootCaParameter,
});
inline constexpr auto kSetDefaultRuleRemarks = std::to_array<std::string_view>({
    "The default response rule is stored and shown; it has no effect.",
    kUnchangedRemark,
    kAuthReplaceRemark,
    kQmRemark,
});
inline constexpr auto kSetDefaultRuleExamples = std::to_array<std::string_view>({
    "set defaultrule policy=Office activate=no qmsecmethods=\"ESP[3DES,SHA1]\" kerberos=yes",
});

inline constexpr auto kSetFilterAction = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter action.", ObjectKind::kFilterAction, true),
    kGuidSelector,
    new_name("newname", "Its new name.", false),
    kDescription,
    option("qmpfs", kYesNo, "A new Diffie-Hellman exchange for each quick mode."),
    option("inpass", kYesNo, "Accept unprotected inbound packets, answer protected."),
    option("soft", kYesNo, "Send in the clear to peers that do not negotiate."),
    option("action", kAction, "What happens to matching packets."),
    option("qmsecmethods", kQmMethods, "Quick mode methods to offer."),
});
inline constexpr auto kSetFilterActionRemarks =
    std::to_array<std::string_view>({kUnchangedRemark, kAtOnceRemark, kQmRemark});
inline constexpr auto kSetFilterActionExamples = std::to_array<std::string_view>({
    "set filteraction name=Drop action=permit",
    "set filteraction name=Protect newname=Secure qmsecmethods=\"AES256-SHA1;AES128-SHA256\"",
});

inline constexpr auto kSetFilterList = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter list.", ObjectKind::kFilterList, true),
    kGuidSelector,
    new_name("newname", "Its new name.", false),
    kDescription,
});
inline constexpr auto kSetFilterListRemarks = std::to_array<std::string_view>(
    {"Rules keep using the list under its new name.", kUnchangedRemark});
inline constexpr auto kSetFilterListExamples = std::to_array<std::string_view>({
    "set filterlist name=Web newname=\"Web servers\"",
});

inline constexpr auto kSetPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the policy.", ObjectKind::kPolicy, true),
    kGuidSelector,
    new_name("newname", "Its new name.", false),
    kDescription,
    option("mmpfs", kYesNo, "A new main mode for each quick mode; sets qmpermm to 1."),
    option("qmpermm", kCount, "Quick modes per main mode; 0 sets no limit."),
    option("mmlifetime", kLifetimeMinutes, "Life of a main mode in minutes."),
    option("activatedefaultrule", kYesNo, "Activate the default response rule."),
    option("pollinginterval", kPollingMinutes, "Minutes between looks for changes."),
    option("assign", kYesNo, "Put the policy in force, or take it out."),
    option("gponame", kText, "Group policy object; only for the domain store."),
    option("mmsecmethods", kMmMethods, "Main mode methods to offer."),
});
inline constexpr auto kSetPolicyRemarks = std::to_array<std::string_view>({
    kUnchangedRemark,
    "assign=yes puts the policy in force in place of the one that was assigned.",
    kMmRemark,
});
inline constexpr auto kSetPolicyExamples = std::to_array<std::string_view>({
    "set policy name=Office assign=yes",
    "set policy Office \"Office network\" mmlifetime=300",
});

inline constexpr auto kSetRule = std::to_array<ParameterSpec>({
    existing("name", "Name of the rule.", ObjectKind::kRule, true),
    {.tag = "id",
     .type = kPosition,
     .help = "Its position in the policy, instead of the name.",
     .alternative = true},
    existing("policy", "The policy of the rule.", ObjectKind::kPolicy, true),
    new_name("newname", "Its new name.", false),
    kDescription,
    existing("filterlist", "The filter list of the rule.", ObjectKind::kFilterList, false),
    existing("filteraction", "The filter action of the rule.", ObjectKind::kFilterAction, false),
    option("tunnel", kTunnel, "Tunnel end point; no means transport."),
    option("conntype", kConnectionType, "The kind of connections the rule applies to."),
    option("activate", kYesNo, "Whether the rule takes part."),
    kKerberosParameter,
    kPskParameter,
    kRootCaParameter,
});
inline constexpr auto kSetRuleRemarks = std::to_array<std::string_view>(
    {kUnchangedRemark, kAuthReplaceRemark, kAuthRemark, kAtOnceRemark});
inline constexpr auto kSetRuleExamples = std::to_array<std::string_view>({
    "set rule name=Web policy=Office activate=no",
    "set rule id=1 policy=Office newname=Intranet filteraction=Drop tunnel=no",
});

inline constexpr auto kSetStore = std::to_array<ParameterSpec>({
    required("location", kLocation, "The store to work on."),
    option("domain", kText, "DNS name of the domain; only with location=domain."),
});
inline constexpr auto kSetStoreRemarks = std::to_array<std::string_view>({
    "Lasts for the session or the script. As a command of its own it checks the store and ends.",
});
inline constexpr auto kSetStoreExamples =
    std::to_array<std::string_view>({"set store location=local"});

inline constexpr auto kShowAll = std::to_array<ParameterSpec>({kFormatParameter, kWideParameter});
inline constexpr auto kShowAllExamples = std::to_array<std::string_view>({
    "show all",
    "show all format=table wide=yes",
});
inline constexpr auto kShowFilterAction = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter action.", ObjectKind::kFilterAction, true),
    {.tag = "rule",
     .type = kName,
     .help = "The filter actions of the rules of this name, in any policy.",
     .alternative = true,
     .object = ObjectKind::kRule},
    kAllWord,
    kLevelParameter,
    kFormatParameter,
    kWideParameter,
});
inline constexpr auto kShowFilterActionExamples = std::to_array<std::string_view>({
    "show filteraction all",
    "show filteraction name=Protect level=verbose format=table wide=yes",
    "show filteraction rule=Web",
});
inline constexpr auto kShowFilterList = std::to_array<ParameterSpec>({
    existing("name", "Name of the filter list.", ObjectKind::kFilterList, true),
    {.tag = "rule",
     .type = kName,
     .help = "The filter lists of the rules of this name, in any policy.",
     .alternative = true,
     .object = ObjectKind::kRule},
    kAllWord,
    kLevelParameter,
    kFormatParameter,
    kResolveDns,
    kWideParameter,
});
inline constexpr auto kShowFilterListRemarks = std::to_array<std::string_view>({
    "level=verbose prints the filters; resolvedns=yes has an effect only together with it.",
});
inline constexpr auto kShowFilterListExamples = std::to_array<std::string_view>({
    "show filterlist all level=verbose",
    "show filterlist name=Web level=verbose format=table",
});
inline constexpr auto kShowPolicy = std::to_array<ParameterSpec>({
    existing("name", "Name of the policy.", ObjectKind::kPolicy, true),
    kAllWord,
    kLevelParameter,
    kFormatParameter,
    kWideParameter,
});
inline constexpr auto kShowPolicyExamples = std::to_array<std::string_view>({
    "show policy all",
    "show policy name=Office level=verbose",
});
inline constexpr auto kShowRule = std::to_array<ParameterSpec>({
    existing("name", "Name of the rule.", ObjectKind::kRule, true),
    {.tag = "id",
     .type = kPosition,
     .help = "Its position in the policy, instead of the name.",
     .alternative = true},
    kAllWord,
    {.tag = "default", .type = kWord, .help = "The default response rule.", .alternative = true},
    existing("policy", "The policy of the rule.", ObjectKind::kPolicy, true),
    option("type", kRuleType, "With all: only the rules of this type."),
    kLevelParameter,
    kFormatParameter,
    kWideParameter,
});
inline constexpr auto kShowRuleExamples = std::to_array<std::string_view>({
    "show rule all policy=Office",
    "show rule name=Web policy=Office level=verbose",
    "show rule default Office",
});
inline constexpr auto kShowStoreExamples = std::to_array<std::string_view>({"show store"});

}  // namespace config::rows::static_context
