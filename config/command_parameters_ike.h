// Parameters and remarks of the rows that concern IKE. Included by command_rows_dynamic.cpp only.
#pragma once

#include "config/command_parameters.h"

#include <array>
#include <string_view>

namespace config::rows {

inline constexpr auto kSetConfig = std::to_array<ParameterSpec>({
    required("property", kConfigProperty, "Which setting."),
    required("value", kText, "Its new value."),
});
inline constexpr auto kSetConfigRemarks = std::to_array<std::string_view>({
    "Takes effect at once and survives a restart.",
    "ikelogging: 1 logs each negotiation, message by message; 0 does not (the default).",
    "strongcrlcheck: 0 asks for no revocation lists; 1 refuses a certificate that is known to be "
    "revoked (the default); 2 also one of which nothing can be learned.",
    "The other properties of Windows come with a later version.",
});
inline constexpr auto kSetConfigExamples = std::to_array<std::string_view>({
    "set config property=ikelogging value=1",
    "set config strongcrlcheck 2",
});
inline constexpr auto kShowConfigExamples = std::to_array<std::string_view>({"show config"});

inline constexpr auto kShowMmFilter = std::to_array<ParameterSpec>({
    option("name", kName, "Name of the filter's rule."),
    kAllWord,
    option("type", kFilterType, "With symbols, or expanded to addresses.", "generic"),
    option("srcaddr", kAddress, "Only filters with this source."),
    option("dstaddr", kAddress, "Only filters with this destination."),
    kSourceMask,
    kDestinationMask,
    kResolveDns,
});
inline constexpr auto kShowMmFilterRemarks = std::to_array<std::string_view>({
    kSelectRemark,
    "Filters are printed in the order in which they are tried. Those of one rule that differ only "
    "in protocol and ports are one main mode filter.",
});
inline constexpr auto kShowMmFilterExamples = std::to_array<std::string_view>({
    "show mmfilter all",
    "show mmfilter type=specific dstaddr=198.51.100.1",
});

inline constexpr auto kShowMmSas = std::to_array<ParameterSpec>({
    {.tag = "all", .type = kWord, .help = "Every one."},
    option("srcaddr", kAddress, "Only SAs with this end."),
    option("dstaddr", kAddress, "Only SAs whose other end this is."),
    option("format", kFormat, "One value per line, or tab-separated columns.", "list"),
    kResolveDns,
});
inline constexpr auto kShowMmSasRemarks = std::to_array<std::string_view>({
    kSelectRemark,
    "Behind the SAs stands, for each peer with which the last negotiation failed, why it did.",
});
inline constexpr auto kShowMmSasExamples =
    std::to_array<std::string_view>({"show mmsas all", "show mmsas dstaddr=198.51.100.1"});

}  // namespace config::rows
