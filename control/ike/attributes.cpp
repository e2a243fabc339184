#include "control/ike/attributes.h"

#include "control/ike/wire.h"

#include <cassert>
#include <limits>

namespace control::ike {
namespace {

constexpr std::uint16_t kShortForm = 0x8000;  // RFC 2408 3.3: the AF bit
constexpr std::size_t kAttributeBytes = 4;

std::uint32_t number_of(ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) {
        value = value << 8U | byte;
        if (value > std::numeric_limits<std::uint32_t>::max()) {
            return std::numeric_limits<std::uint32_t>::max();
        }
    }
    return static_cast<std::uint32_t>(value);
}

}  // namespace

Decoded<Attributes> Attributes::decode(ByteView bytes, const AttributeClasses& classes) {
    Attributes attributes;
    while (!bytes.empty()) {
        if (bytes.size() < kAttributeBytes) {
            return Drop::kBadPayload;
        }
        const std::uint16_t type = read_u16(bytes, 0);
        const std::uint16_t length_or_value = read_u16(bytes, 2);
        bytes = bytes.subspan(kAttributeBytes);
        if ((type & kShortForm) != 0) {
            attributes.take(type & ~kShortForm & 0xFFFF, length_or_value, classes);
            continue;
        }
        if (length_or_value > bytes.size()) {
            return Drop::kBadPayload;
        }
        attributes.take(type, number_of(bytes.first(length_or_value)), classes);
        bytes = bytes.subspan(length_or_value);
    }
    if (attributes.life_type_ || attributes.life_duration_) {
        attributes.understood_ = false;
    }
    return attributes;
}

std::optional<std::uint32_t> Attributes::value(std::uint16_t type) const {
    return values_[type];
}

void Attributes::take(std::uint16_t type, std::uint32_t value, const AttributeClasses& classes) {
    if (type == classes.life_type || type == classes.life_duration) {
        std::optional<std::uint32_t>& half =
            type == classes.life_type ? life_type_ : life_duration_;
        understood_ = understood_ && !half;
        half = value;
        pair_life();
        return;
    }
    if (type >= values_.size() || (classes.others >> type & 1U) == 0) {
        understood_ = false;
        return;
    }
    // RFC 2407 4.5.2: a class that is said twice must say the same.
    if (values_[type].value_or(value) != value) {
        understood_ = false;
    }
    values_[type] = value;
}

void Attributes::pair_life() {
    if (!life_type_ || !life_duration_) {
        return;
    }
    if (*life_type_ != kLifeSeconds && *life_type_ != kLifeKilobytes) {
        understood_ = false;
    } else {
        std::uint32_t& life = lives_[*life_type_];
        if (life != 0 && life != *life_duration_) {
            understood_ = false;
        }
        life = *life_duration_;
    }
    life_type_.reset();
    life_duration_.reset();
}

void append_attribute(Bytes& to, std::uint16_t type, std::uint32_t value) {
    assert(value <= 0xFFFF);
    append_u16(to, type | kShortForm);
    append_u16(to, value);
}

void append_life(Bytes& to,
                 const AttributeClasses& classes,
                 std::uint32_t life_type,
                 std::uint32_t value) {
    if (value == 0) {
        return;
    }
    append_attribute(to, classes.life_type, life_type);
    append_u16(to, classes.life_duration);
    append_u16(to, sizeof value);
    append_u32(to, value);
}

}  // namespace control::ike
