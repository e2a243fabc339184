// The words that stand for enumerators in the policy store. They are part of the file format:
// renaming or renumbering an enumerator must not change what an existing store says.
#pragma once

#include "config/algorithms.h"
#include "config/policy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace config {

// One specialisation per stored enumeration; words[i] stands for the enumerator with value i.
template <typename Enum>
struct StoredWords;

template <>
struct StoredWords<Action> {
    static constexpr auto kWords =
        std::to_array<std::string_view>({"permit", "block", "negotiate"});
};

template <>
struct StoredWords<ConnectionType> {
    static constexpr auto kWords = std::to_array<std::string_view>({"all", "lan", "dialup"});
};

template <>
struct StoredWords<AddressKind> {
    static constexpr auto kWords = std::to_array<std::string_view>(
        {"any", "me", "host", "subnet", "range", "dns", "wins", "dhcp", "gateway"});
};

template <>
struct StoredWords<TunnelKind> {
    static constexpr auto kWords =
        std::to_array<std::string_view>({"none", "address", "filters", "filter-names"});
};

template <>
struct StoredWords<AuthKind> {
    static constexpr auto kWords = std::to_array<std::string_view>({"kerberos", "psk", "rootca"});
};

template <>
struct StoredWords<Cipher> {
    static constexpr auto kWords = std::to_array<std::string_view>({"none",
                                                                    "des",
                                                                    "3des",
                                                                    "aes128",
                                                                    "aes192",
                                                                    "aes256",
                                                                    "aesgcm128",
                                                                    "aesgcm256",
                                                                    "aesgcm192",
                                                                    "aesgcm128icv12",
                                                                    "aesgcm192icv12",
                                                                    "aesgcm256icv12",
                                                                    "aesgcm128icv8",
                                                                    "aesgcm192icv8",
                                                                    "aesgcm256icv8",
                                                                    "aesctr128",
                                                                    "aesctr192",
                                                                    "aesctr256",
                                                                    "chacha20poly1305"});
    static_assert(kWords.size() == kCiphers.size());
};

template <>
struct StoredWords<Hash> {
    static constexpr auto kWords = std::to_array<std::string_view>({"none",
                                                                    "md5",
                                                                    "sha1",
                                                                    "sha256",
                                                                    "sha384",
                                                                    "sha512",
                                                                    "aesxcbc",
                                                                    "aesgmac128",
                                                                    "aesgmac192",
                                                                    "aesgmac256"});
    static_assert(kWords.size() == kHashes.size());
};

template <typename Enum>
[[nodiscard]] constexpr std::string_view stored_word(Enum value) {
    return StoredWords<Enum>::kWords.at(static_cast<std::size_t>(value));
}

template <typename Enum>
[[nodiscard]] constexpr std::optional<Enum> from_stored_word(std::string_view word) {
    const auto& words = StoredWords<Enum>::kWords;
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) {
        return std::nullopt;
    }
    return static_cast<Enum>(found - words.begin());
}

}  // namespace config
