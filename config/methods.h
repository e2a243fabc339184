// Security methods as the operator writes them: main mode (`mmsecmethods`) and quick mode
// (`qmsecmethods`). Algorithm names, tokens and wire identifiers come from config/algorithms.h.
#pragma once

#include "config/algorithms.h"
#include "config/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace config {

struct MmOffer {
    Cipher cipher = Cipher::k3des;
    Hash hash = Hash::kSha1;
    std::uint16_t dh_group = 2;  // IKE group number: netsh's "3" is stored as 14

    friend bool operator==(const MmOffer&, const MmOffer&) = default;
};

// AH alone (ah != kNone), ESP alone (has_esp), or AH+ESP.
struct QmOffer {
    Hash ah = Hash::kNone;
    bool has_esp = false;
    Cipher esp_cipher = Cipher::kNone;
    Hash esp_hash = Hash::kNone;
    std::uint32_t kilobytes = 100000;  // 0: no limit (only from stores)
    std::uint32_t seconds = 3600;      // 0: no limit (only from stores)

    friend bool operator==(const QmOffer&, const QmOffer&) = default;
};

// Every documented spelling is read; see docs/netsh-reference.md. On failure the error names the
// method and what was expected.
[[nodiscard]] Result<std::vector<MmOffer>> parse_mm_methods(std::string_view text);
[[nodiscard]] Result<std::vector<QmOffer>> parse_qm_methods(std::string_view text);
// One quick mode method, for a manually keyed SA: a lifetime that is not written is 0, no limit.
[[nodiscard]] Result<QmOffer> parse_sa_method(std::string_view text);

// The canonical form, which parses back to the same value: "3DES-SHA1-2",
// "ESP[3DES,SHA1]:100000k/3600s".
[[nodiscard]] std::string to_string(const MmOffer& offer);
[[nodiscard]] std::string to_string(const QmOffer& offer);
// Without lifetime: "ESP[3DES,SHA1]".
[[nodiscard]] std::string algorithms_text(const QmOffer& offer);
[[nodiscard]] std::string to_string(const std::vector<MmOffer>& offers);
[[nodiscard]] std::string to_string(const std::vector<QmOffer>& offers);

[[nodiscard]] std::vector<MmOffer> default_mm_methods();
[[nodiscard]] std::vector<QmOffer> default_qm_methods();

// True for methods nobody should rely on today (DES, MD5, group 1): the command prints one warning.
[[nodiscard]] bool is_weak(const MmOffer& offer);
[[nodiscard]] bool is_weak(const QmOffer& offer);

}  // namespace config
