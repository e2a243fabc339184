// Every error an administrator can meet, one row each. The number is part of the interface: scripts
// search for "ERR IPsec[05005]". Codes below 05500 are the ones Windows prints with this meaning;
// codes from 05500 are ours and never change their meaning once released.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace config {

enum class ErrorForm : std::uint8_t {
    kUsage,  // netsh's own complaint about the line: printed bare, followed by the command's usage
    kIpsec,  // "ERR IPsec[nnnnn] : text"
    kWin32,  // "ERR Win32[nnnnn] : text", the dynamic context's SPD errors
    kPlain,  // start-up and file errors of our own programs: printed bare
};

// Name, form, number, meaning as the manual lists it.
#define PORTCULLIS_ERROR_CODES(X)                                                               \
    X(kPolicyExists, kIpsec, 5005, "A policy with that name exists in the store.")              \
    X(kFilterListExists, kIpsec, 5010, "A filter list with that name exists in the store.")     \
    X(kFilterActionExists, kIpsec, 5014, "A filter action with that name exists in the store.") \
    X(kRuleExists, kIpsec, 5020, "A rule with that name exists in the policy.")                 \
    X(kFilterListNotFound, kIpsec, 5049, "There is no filter list with that name.")             \
    X(kNoFilterLists, kIpsec, 5067, "The store holds no filter list.")                          \
    X(kNoFilterActions, kIpsec, 5068, "The store holds no filter action.")                      \
    X(kNoPolicies, kIpsec, 5072, "The store holds no policy.")                                  \
    X(kStoreUnavailable, kIpsec, 5073, "The policy store cannot be opened.")                    \
    X(kPolicyNotFound, kIpsec, 5501, "There is no policy with that name or GUID.")              \
    X(kFilterActionNotFound, kIpsec, 5502, "There is no filter action with that name or GUID.") \
    X(kRuleNotFound, kIpsec, 5503, "There is no such rule in the policy.")                      \
    X(kObjectInUse, kIpsec, 5504, "A rule still uses the object.")                              \
    X(kAddressNotResolved, kIpsec, 5505, "A DNS name or server symbol stands for no address.")  \
    X(kBadAddress, kIpsec, 5506, "An address, mask or range is not valid.")                     \
    X(kFamiliesDiffer, kIpsec, 5507, "Source and destination are of different families.")       \
    X(kPortNeedsTcpUdp, kIpsec, 5508, "A port was given for a protocol other than TCP or UDP.") \
    X(kBadMethods, kIpsec, 5509, "A list of security methods cannot be read.")                  \
    X(kReservedName, kIpsec, 5511, "The name is reserved or not valid.")                        \
    X(kDynamicRuleExists, kIpsec, 5512, "An identical dynamic rule exists.")                    \
    X(kStoreReadOnly, kIpsec, 5513, "The store does not take changes.")                         \
    X(kFileNotReadable, kIpsec, 5514, "A file cannot be read or written.")                      \
    X(kBadFile, kIpsec, 5515, "A file has the wrong form.")                                     \
    X(kPartialFailure, kIpsec, 5516, "Part of the request was refused.")                        \
    X(kNotInThisStore, kIpsec, 5517, "The request does not apply to this store.")               \
    X(kFilterNotFound, kIpsec, 5518, "No filter of the list matches.")                          \
    X(kNoAuthMethod, kIpsec, 5519, "A negotiating rule is left without authentication method.") \
    X(kPermissionDenied, kIpsec, 5520, "The user may not change the configuration.")            \
    X(kNotSupported, kIpsec, 5521, "The request cannot be carried out by this gateway.")        \
    X(kTooManyFilters, kIpsec, 5522, "The filters expand to more entries than a table holds.")  \
    X(kStoreDamaged, kIpsec, 5523, "The store is damaged or of a newer version.")               \
    X(kSaExists, kIpsec, 5524, "An SA with that SPI, destination and protocol exists.")         \
    X(kSaNotFound, kIpsec, 5525, "No SA matches.")                                              \
    X(kTooManySas, kIpsec, 5526, "The gateway holds as many SAs as it can.")                    \
    X(kBadSa, kIpsec, 5527, "What is said about an SA does not fit together.")                  \
    X(kQmPolicyExists, kWin32, 13000, "A quick mode policy with that name exists.")             \
    X(kQmPolicyNotFound, kWin32, 13001, "There is no quick mode policy with that name.")        \
    X(kQmPolicyInUse, kWin32, 13002, "A rule still uses the quick mode policy.")                \
    X(kMmPolicyExists, kWin32, 13003, "A main mode policy with that name exists.")              \
    X(kMmPolicyNotFound, kWin32, 13004, "There is no main mode policy with that name.")         \
    X(kMmPolicyInUse, kWin32, 13005, "A rule still uses the main mode policy.")                 \
    X(kDynamicRuleNotFound, kWin32, 13009, "No dynamic rule matches.")                          \
    X(kCommandNotFound, kUsage, 1, "The words name no command.")                                \
    X(kAmbiguousWord, kUsage, 2, "A shortened word or tag fits several.")                       \
    X(kUnknownTag, kUsage, 3, "The command has no parameter of that name.")                     \
    X(kDuplicateTag, kUsage, 4, "A parameter is given twice.")                                  \
    X(kInvalidValue, kUsage, 5, "A value is not one the parameter takes.")                      \
    X(kMissingParameter, kUsage, 6, "A required parameter is missing.")                         \
    X(kTooManyValues, kUsage, 7, "There are more values than parameters.")                      \
    X(kUnbalancedQuote, kUsage, 8, "A double quote is not closed.")                             \
    X(kIncompleteCommand, kUsage, 9, "The words name a group of commands, not one.")            \
    X(kGatewayFile, kPlain, 20, "gateway.toml is not valid.")                                   \
    X(kDevice, kPlain, 21, "A device cannot be opened or configured.")                          \
    X(kSystem, kPlain, 22, "The operating system refused a request.")                           \
    X(kConnection, kPlain, 23, "The daemon cannot be reached.")                                 \
    X(kInternal, kPlain, 99, "A defect of ours.")

enum class ErrorCode : std::uint8_t {
#define X(name, form, number, meaning) name,
    PORTCULLIS_ERROR_CODES(X)
#undef X
};

struct ErrorCodeRow {
    ErrorCode code;
    ErrorForm form;
    std::uint16_t number;
    std::string_view meaning;
};

inline constexpr auto kErrorCodes = std::to_array<ErrorCodeRow>({
#define X(name, form, number, meaning) {ErrorCode::name, ErrorForm::form, number, meaning},
    PORTCULLIS_ERROR_CODES(X)
#undef X
});

[[nodiscard]] constexpr const ErrorCodeRow& row_of(ErrorCode code) {
    return kErrorCodes[static_cast<std::size_t>(code)];
}

}  // namespace config
