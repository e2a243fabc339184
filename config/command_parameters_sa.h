// Parameters and remarks of the rows that concern SAs. Included by command_rows_dynamic.cpp only.
#pragma once

#include "config/command_parameters.h"

#include <array>
#include <string_view>

namespace config::rows {

inline constexpr auto kAddSa = std::to_array<ParameterSpec>({
    required("spi", kSpi, "The SA's SPI; of a bundle, that of its ESP."),
    required("srcaddr", kIpAddress, "Where the SA begins."),
    required("dstaddr", kIpAddress, "Where it ends."),
    required("method", kSaMethod, "Protocol and algorithms."),
    option("mode", kSaMode, "What is protected: a packet's payload, or all of it.", "transport"),
    option("enckey", kHexKey, "Key of the encryption."),
    option("authkey", kHexKey, "Key of the integrity, of ESP or of AH alone."),
    option("ahspi", kSpi, "SPI of the AH in a bundle."),
    option("ahkey", kHexKey, "Key of the AH in a bundle."),
    option("window", kReplayWindow, "Anti-replay window; 0 accepts replayed packets.", "64"),
    option("esn", kYesNo, "Extended sequence numbers.", "no"),
    option("encap", kYesNo, "ESP in UDP, to pass a NAT.", "no"),
    option("encapsrcport", kUdpPort, "UDP source port.", "4500"),
    option("encapdstport", kUdpPort, "UDP destination port.", "4500"),
    option("dscp", kDscp, "Traffic class of the outer header in tunnel mode.", "copy"),
    option("df", kDfPolicy, "Don't Fragment in an IPv4 outer header.", "copy"),
    option("fragment", kFragmentPolicy, "Cut long packets before or after protection.", "before"),
    existing("rule", "Serve only this rule: a name, or a GUID in braces.", ObjectKind::kRule),
});
inline constexpr auto kAddSaRemarks = std::to_array<std::string_view>({
    kOwnRemark,
    kVolatileRemark,
    "For test beds: keys typed by hand are never renewed. Each direction needs an SA of its own, "
    "on both gateways; the one whose dstaddr is an address of this gateway is inbound.",
    "method: one of the methods of qmsecmethods, such as ESP[AES128,SHA1], ESP[AESGCM128,None], "
    "AH[SHA1] or the bundle AH[SHA1]+ESP[3DES,SHA1]. Without :k/s its life has no limit; with it "
    "the log says when nine tenths are used up.",
    "Keys are hexadecimal, exactly as long as the algorithm wants, followed by the salt where it "
    "has one (GCM, CTR, GMAC, ChaCha20). They are never shown again.",
    "Without rule an outbound SA serves every negotiating rule of its mode whose other end is "
    "dstaddr; a name is that of a rule of the assigned policy.",
});
inline constexpr auto kAddSaExamples = std::to_array<std::string_view>({
    "add sa spi=0x1001 srcaddr=192.0.2.1 dstaddr=198.51.100.1 method=\"ESP[AESGCM128,None]\" "
    "mode=tunnel enckey=000102030405060708090a0b0c0d0e0f10111213",
    "add sa spi=4098 srcaddr=2001:db8::1 dstaddr=2001:db8::2 method=AH[SHA1]:100000k/3600s "
    "authkey=000102030405060708090a0b0c0d0e0f10111213",
});
inline constexpr auto kDeleteSa = std::to_array<ParameterSpec>({
    option("spi", kSpi, "SPI of the SA; of a bundle, either."),
    kAllWord,
    option("srcaddr", kIpAddress, "Only SAs that begin here."),
    option("dstaddr", kIpAddress, "Only SAs that end here."),
});
inline constexpr auto kDeleteSaRemarks = std::to_array<std::string_view>({
    "One of the parameters is needed. Of SAs that IKE negotiated, both directions go together, and "
    "the peer is told; so do the two SAs of a bundle.",
    "Without spi the main modes between the two addresses are closed too; which of these is the "
    "source does not matter to a main mode.",
});
inline constexpr auto kDeleteSaExamples = std::to_array<std::string_view>(
    {"delete sa spi=0x1001", "delete sa dstaddr=198.51.100.1", "delete sa all"});

inline constexpr auto kShowQmSas = std::to_array<ParameterSpec>({
    {.tag = "all", .type = kWord, .help = "Every one."},
    option("srcaddr", kAddress, "Only SAs that begin here."),
    option("dstaddr", kAddress, "Only SAs that end here."),
    option("protocol", kProtocol, "Only SAs of this protocol: 50 for ESP, 51 for AH."),
    option("format", kFormat, "One value per line, or tab-separated columns.", "list"),
    kResolveDns,
});
inline constexpr auto kShowQmSasRemarks = std::to_array<std::string_view>({
    kSelectRemark,
    "An SA that has reached the limit of its lifetime is listed as expired for a minute. Bytes are "
    "those that count against the limit.",
});
inline constexpr auto kShowQmSasExamples =
    std::to_array<std::string_view>({"show qmsas all", "show qmsas dstaddr=me protocol=50"});

}  // namespace config::rows
