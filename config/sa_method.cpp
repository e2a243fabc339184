#include "config/sa_method.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace config {
namespace {

Error bad_sa(std::string text) {
    return {ErrorCode::kBadSa, std::move(text)};
}

// What an algorithm wants as key.
struct KeyRule {
    std::string_view tag;
    std::string_view algorithm;
    std::size_t key;
    std::size_t salt;

    [[nodiscard]] std::string expected() const {
        return salt == 0
                   ? fmt::format("{} bytes", key)
                   : fmt::format("{} bytes ({} of key, then {} of salt)", key + salt, key, salt);
    }
};

KeyRule rule_of(Cipher cipher, std::string_view tag) {
    const CipherRow& row = row_of(cipher);
    return {tag, row.token, row.bytes.key, row.bytes.salt};
}

KeyRule rule_of(Hash hash, std::string_view tag) {
    const HashRow& row = row_of(hash);
    return {tag, row.token, row.bytes.key, row.bytes.salt};
}

// The key, empty for an algorithm that has none. `lacks`: what the method does not have then.
Result<SecretBytes> checked_key(const KeyRule& rule,
                                std::string_view lacks,
                                const std::optional<SecretBytes>& given) {
    if (rule.key == 0) {
        if (given) {
            return bad_sa(fmt::format("{} is given, but the method has no {}.", rule.tag, lacks));
        }
        return SecretBytes();
    }
    if (!given) {
        return bad_sa(
            fmt::format("{} needs a key of {} in {}.", rule.algorithm, rule.expected(), rule.tag));
    }
    if (given->size() != rule.key + rule.salt) {
        return bad_sa(fmt::format("{} needs a key of {} in {}; {} bytes were given.",
                                  rule.algorithm,
                                  rule.expected(),
                                  rule.tag,
                                  given->size()));
    }
    return *given;
}

// A successor needs time: it is asked for when nine tenths are used up.
template <typename T>
T soft_limit(T hard) {
    return hard - hard / 10;
}

SaLifetime lifetime_of(const QmOffer& method) {
    SaLifetime lifetime;
    lifetime.hard_bytes = std::uint64_t{method.kilobytes} * 1024;
    lifetime.soft_bytes = soft_limit(lifetime.hard_bytes);
    lifetime.hard_seconds = method.seconds;
    lifetime.soft_seconds = soft_limit(lifetime.hard_seconds);
    return lifetime;
}

Result<void> key_ah(SaSpec& sa,
                    Hash hash,
                    std::string_view tag,
                    const std::optional<SecretBytes>& given) {
    Result<SecretBytes> key = checked_key(rule_of(hash, tag), "AH around ESP", given);
    if (!key) {
        return std::move(key).error();
    }
    sa.protocol = IpsecProtocol::kAh;
    sa.hash = hash;
    sa.auth_key = std::move(*key);
    return {};
}

Result<void> key_esp(SaSpec& sa, const QmOffer& method, const MethodKeys& keys) {
    Result<SecretBytes> encryption =
        checked_key(rule_of(method.esp_cipher, "enckey"), "encryption of its own", keys.encryption);
    if (!encryption) {
        return std::move(encryption).error();
    }
    Result<SecretBytes> integrity = checked_key(
        rule_of(method.esp_hash, "authkey"), "integrity key of its own", keys.integrity);
    if (!integrity) {
        return std::move(integrity).error();
    }
    sa.protocol = IpsecProtocol::kEsp;
    sa.cipher = method.esp_cipher;
    sa.hash = method.esp_hash;
    sa.cipher_key = std::move(*encryption);
    sa.auth_key = std::move(*integrity);
    return {};
}

bool authenticates(const SaSpec& sa) {
    return sa.hash != Hash::kNone || row_of(sa.cipher).aead;
}

}  // namespace

Result<SaPair> apply_method(const QmOffer& method, const MethodKeys& keys, const SaSpec& common) {
    const bool bundle = method.has_esp && method.ah != Hash::kNone;
    SaPair pair{common, std::nullopt};
    if (!bundle && keys.ah) {
        return bad_sa("ahkey is given, but the method is not AH around ESP.");
    }
    if (!method.has_esp && keys.encryption) {
        return bad_sa("enckey is given, but AH does not encrypt.");
    }
    // The ESP SA's limits are those of the bundle.
    pair.sa.lifetime = lifetime_of(method);
    if (Result<void> keyed = method.has_esp ? key_esp(pair.sa, method, keys)
                                            : key_ah(pair.sa, method.ah, "authkey", keys.integrity);
        !keyed) {
        return std::move(keyed).error();
    }
    if (bundle) {
        pair.outer = common;
        pair.outer->mode = SaMode::kTransport;
        if (Result<void> keyed = key_ah(*pair.outer, method.ah, "ahkey", keys.ah); !keyed) {
            return std::move(keyed).error();
        }
        // RFC 4303 2.2.1: the half of the number that is not sent lives in the ICV; AH has one.
        pair.sa.esn = common.esn && authenticates(pair.sa);
    }
    return pair;
}

std::string algorithms_text(const SaSpec& spec) {
    const bool ah = spec.protocol == IpsecProtocol::kAh;
    return algorithms_text(QmOffer{.ah = ah ? spec.hash : Hash::kNone,
                                   .has_esp = !ah,
                                   .esp_cipher = spec.cipher,
                                   .esp_hash = ah ? Hash::kNone : spec.hash});
}

}  // namespace config
