// KeyedHash: of numbers and an address, with a secret of its own, so that whoever chooses what is
// hashed cannot choose it into one place of a table.
#pragma once

#include "config/bytes.h"
#include "config/types.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <sys/random.h>
#include <system_error>

namespace dataplane {

class KeyedHash {
  public:
    KeyedHash() {
        if (getrandom(seed_.data(), sizeof(seed_), 0) != sizeof(seed_)) {
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
    }

    // `address`: 4 or 16 bytes.
    [[nodiscard]] std::uint64_t operator()(std::uint64_t words,
                                           config::Family family,
                                           const std::uint8_t* address) const {
        using config::load;
        const bool ipv4 = family == config::Family::kIpv4;
        const std::uint64_t begin =
            ipv4 ? load<std::uint32_t>(address) : load<std::uint64_t>(address);
        const std::uint64_t end = ipv4 ? 0 : load<std::uint64_t>(address + 8);
        // Folded once, numbers in sequence would lie in a lattice, for some seeds a narrow one.
        return fold(fold(words ^ seed_[0], begin ^ seed_[1]) ^ seed_[2], end ^ seed_[3]);
    }

  private:
    // Folds the product of two words into one: every bit of either moves about half of the
    // result's.
    [[nodiscard]] static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = Wide{a} * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }

    std::array<std::uint64_t, 4> seed_{};
};

}  // namespace dataplane
