// Parameters and remarks that several command rows share. Included by the row files only.
#pragma once

#include "config/command.h"

#include <string_view>

namespace config::rows {

using enum ValueType;

inline constexpr std::string_view kMmDefault = "3DES-SHA1-2 3DES-MD5-2 3DES-SHA1-3";
inline constexpr std::string_view kQmDefault =
    "ESP[3DES,SHA1]:100000k/3600s ESP[3DES,MD5]:100000k/3600s";
inline constexpr std::string_view kAddressRemark =
    "An address is me, any, an IPv4 or IPv6 address, address/length, first-last, a DNS name, or "
    "one of DNS, WINS, DHCP and GATEWAY, which stand for the servers this gateway uses and need "
    "me on the other side.";
inline constexpr std::string_view kPortRemark =
    "Ports need protocol=TCP or protocol=UDP; 0 means any.";
inline constexpr std::string_view kMmRemark =
    "mmsecmethods: Encryption-Integrity-Group, separated by blanks, best first. Encryption: DES, "
    "3DES, AES128, AES192, AES256. Integrity: MD5, SHA1, SHA256, SHA384, SHA512. Group: 1, 2, 3 "
    "(= IKE group 14) or an IKE group number; 3DES-SHA1 DHGroup14 is read too. DES, MD5 and group "
    "1 "
    "are weak: they are used as written, with a warning.";
inline constexpr std::string_view kQmRemark =
    "qmsecmethods: ESP[Encryption,Integrity]:k/s, AH[Integrity]:k/s or AH[...]+ESP[...]:k/s, "
    "separated by blanks, best first; k kilobytes and s seconds limit a key's life. "
    "ESP:3DES-SHA1 and 3DES-SHA1 are read too.";
inline constexpr std::string_view kAuthRemark =
    "kerberos, psk and rootca are tried in the order in which they stand on the line. rootca may "
    "be repeated; write a quotation mark inside it as \\'.";
inline constexpr std::string_view kAuthReplaceRemark =
    "Naming kerberos, psk or rootca replaces the whole list of authentication methods.";
inline constexpr std::string_view kVolatileRemark =
    "Takes effect at once and is lost when the gateway's service stops.";
inline constexpr std::string_view kOwnRemark =
    "A command of this gateway; Windows has none like it.";
inline constexpr std::string_view kSelectRemark = "Without a selection everything is printed.";
inline constexpr std::string_view kUnchangedRemark = "What is not named stays as it is.";

constexpr ParameterSpec existing(std::string_view tag,
                                 std::string_view help,
                                 ObjectKind object,
                                 bool required = false) {
    return {.tag = tag, .type = kName, .help = help, .required = required, .object = object};
}
constexpr ParameterSpec new_name(std::string_view tag, std::string_view help, bool required) {
    return {.tag = tag, .type = kNewName, .help = help, .required = required};
}
constexpr ParameterSpec option(std::string_view tag,
                               ValueType type,
                               std::string_view help,
                               std::string_view default_value = {}) {
    return {.tag = tag, .type = type, .help = help, .default_value = default_value};
}
constexpr ParameterSpec required(std::string_view tag, ValueType type, std::string_view help) {
    return {.tag = tag, .type = type, .help = help, .required = true};
}

inline constexpr ParameterSpec kAllWord{
    .tag = "all", .type = kWord, .help = "Every one.", .alternative = true};
inline constexpr ParameterSpec kKerberosParameter{
    .tag = "kerberos", .type = kYesNo, .help = "Authenticate by Kerberos."};
inline constexpr ParameterSpec kPskParameter{
    .tag = "psk", .type = kPresharedKey, .help = "Authenticate by this pre-shared key."};
inline constexpr ParameterSpec kRootCaParameter{
    .tag = "rootca",
    .type = kRootCa,
    .help =
        "Authenticate by a certificate of this authority: \"<name> certmap:yes|no "
        "excludecaname:yes|no\".",
    .repeatable = true};
inline constexpr ParameterSpec kSourceMask =
    option("srcmask", kMask, "Mask or prefix length of the source.", "one host");
inline constexpr ParameterSpec kDestinationMask =
    option("dstmask", kMask, "Mask or prefix length of the destination.", "one host");
inline constexpr ParameterSpec kResolveDns =
    option("resolvedns", kYesNo, "Print names instead of addresses.", "no");

}  // namespace config::rows
