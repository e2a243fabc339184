// Data attributes of transforms (RFC 2408 3.3): what a transform says, by class.
#pragma once

#include "control/ike/isakmp.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace control::ike {

// Classes of the attributes of phase 1 (RFC 2409 Appendix A).
namespace phase1 {
inline constexpr std::uint16_t kEncryption = 1;
inline constexpr std::uint16_t kHash = 2;
inline constexpr std::uint16_t kAuthentication = 3;
inline constexpr std::uint16_t kGroup = 4;
inline constexpr std::uint16_t kLifeType = 11;
inline constexpr std::uint16_t kLifeDuration = 12;
inline constexpr std::uint16_t kKeyLength = 14;
}  // namespace phase1

// Classes of the attributes of phase 2 (RFC 2407 4.5).
namespace phase2 {
inline constexpr std::uint16_t kLifeType = 1;
inline constexpr std::uint16_t kLifeDuration = 2;
inline constexpr std::uint16_t kGroup = 3;
inline constexpr std::uint16_t kMode = 4;
inline constexpr std::uint16_t kAuthentication = 5;
inline constexpr std::uint16_t kKeyLength = 6;
inline constexpr std::uint16_t kEcnTunnel = 10;               // RFC 3168 9.2.1.2
inline constexpr std::uint16_t kExtendedSequenceNumber = 11;  // RFC 4304
}  // namespace phase2

// Values of both life types.
inline constexpr std::uint32_t kLifeSeconds = 1;
inline constexpr std::uint32_t kLifeKilobytes = 2;

// The classes one phase knows.
struct AttributeClasses {
    std::uint16_t life_type;
    std::uint16_t life_duration;
    std::uint32_t others;  // bit n: class n
};

inline constexpr AttributeClasses kPhase1Classes{
    phase1::kLifeType,
    phase1::kLifeDuration,
    1U << phase1::kEncryption | 1U << phase1::kHash | 1U << phase1::kAuthentication
        | 1U << phase1::kGroup | 1U << phase1::kKeyLength};
inline constexpr AttributeClasses kPhase2Classes{
    phase2::kLifeType,
    phase2::kLifeDuration,
    1U << phase2::kGroup | 1U << phase2::kMode | 1U << phase2::kAuthentication
        | 1U << phase2::kKeyLength | 1U << phase2::kEcnTunnel
        | 1U << phase2::kExtendedSequenceNumber};

class Attributes {
  public:
    // Errors: kBadPayload where an attribute does not fit.
    [[nodiscard]] static Decoded<Attributes> decode(ByteView bytes,
                                                    const AttributeClasses& classes);

    // Of a class in `others`. A value above 32 bits is the largest one.
    [[nodiscard]] std::optional<std::uint32_t> value(std::uint16_t type) const;
    // 0: no lifetime is said.
    [[nodiscard]] std::uint32_t seconds() const { return lives_[kLifeSeconds]; }
    [[nodiscard]] std::uint32_t kilobytes() const { return lives_[kLifeKilobytes]; }
    // False where a class is not known or contradicts itself, or a life type stands without its
    // duration.
    [[nodiscard]] bool understood() const { return understood_; }

  private:
    void take(std::uint16_t type, std::uint32_t value, const AttributeClasses& classes);
    void pair_life();

    std::array<std::optional<std::uint32_t>, 16> values_;
    std::array<std::uint32_t, 3> lives_{};
    // Halves of a pair that are not complete yet.
    std::optional<std::uint32_t> life_type_;
    std::optional<std::uint32_t> life_duration_;
    bool understood_ = true;
};

// In the short form, TV. Precondition: `value` has 16 bits.
void append_attribute(Bytes& to, std::uint16_t type, std::uint32_t value);
// A pair of life type and duration, the latter as TLV of four bytes; nothing for a value of 0.
void append_life(Bytes& to,
                 const AttributeClasses& classes,
                 std::uint32_t life_type,
                 std::uint32_t value);

}  // namespace control::ike
