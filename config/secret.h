// SecretBytes: key material and pre-shared keys. Zeroised when released, compared in constant time,
// and without a formatter, so that no log line can print one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace config {

class SecretBytes {
  public:
    SecretBytes() = default;
    explicit SecretBytes(std::span<const std::uint8_t> bytes);
    explicit SecretBytes(std::string_view text);
    // Takes the buffer itself, so that nothing is left of it elsewhere.
    explicit SecretBytes(std::vector<std::uint8_t>&& bytes) noexcept;
    SecretBytes(const SecretBytes&) = default;
    SecretBytes& operator=(const SecretBytes& other);
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    ~SecretBytes();

    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

    // Time depends on the lengths only.
    friend bool equal_ct(const SecretBytes& a, const SecretBytes& b);

  private:
    void wipe() noexcept;

    std::vector<std::uint8_t> bytes_;
};

[[nodiscard]] bool equal_ct(const SecretBytes& a, const SecretBytes& b);

}  // namespace config
