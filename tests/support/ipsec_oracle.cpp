#include "tests/support/ipsec_oracle.h"

#include <algorithm>
#include <stdexcept>

namespace tests {
namespace {

using config::Cipher;
using config::Hash;
using config::SaSpec;

Bytes bytes_of(const config::SecretBytes& secret) {
    return {secret.bytes().begin(), secret.bytes().end()};
}

void append(Bytes& to, const Bytes& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void append32(Bytes& to, std::uint64_t value) {
    for (const int shift : {24, 16, 8, 0}) {
        to.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

std::uint32_t read32(const Bytes& from, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        value = (value << 8U) | from.at(i);
    }
    return value;
}

void write16(Bytes& to, std::size_t at, std::size_t value) {
    to.at(at) = static_cast<std::uint8_t>(value >> 8U);
    to.at(at + 1) = static_cast<std::uint8_t>(value);
}

Bytes part(const Bytes& bytes, std::size_t begin, std::size_t end) {
    if (begin > end || end > bytes.size()) {
        throw std::runtime_error("too short for ESP or AH");
    }
    return {bytes.begin() + static_cast<std::ptrdiff_t>(begin),
            bytes.begin() + static_cast<std::ptrdiff_t>(end)};
}

bool is_gmac(const SaSpec& sa) {
    return row_of(sa.hash).bytes.iv != 0;
}

// Cipher, then ICV, of the header's SPI and sequence number.
struct Sealed {
    Bytes text;
    Bytes icv;
};

Sealed seal(const SaSpec& sa,
            std::uint32_t spi,
            std::uint64_t sequence,
            const Bytes& iv,
            const Bytes& plaintext) {
    const bool aead = row_of(sa.cipher).aead;
    Bytes short_header;
    append32(short_header, spi);
    Bytes full_header = short_header;
    append32(short_header, sequence);
    append32(full_header, sequence >> 32U);
    append32(full_header, sequence);
    const Bytes& aad = sa.esn ? full_header : short_header;

    Sealed sealed;
    sealed.text = crypto::testing::encrypt(
        sa.cipher, bytes_of(sa.cipher_key), iv, aad, plaintext, aead ? &sealed.icv : nullptr);
    if (sa.hash != Hash::kNone) {
        // RFC 4543 3.3: a GMAC covers the number where an AEAD does; else RFC 4303 2.2.1: behind.
        Bytes covered = is_gmac(sa) ? aad : short_header;
        append(covered, iv);
        append(covered, sealed.text);
        if (sa.esn && !is_gmac(sa)) {
            append32(covered, sequence >> 32U);
        }
        sealed.icv = crypto::testing::mac(sa.hash, bytes_of(sa.auth_key), iv, covered);
    }
    sealed.icv.resize(icv_bytes(sa));
    return sealed;
}

// What an AH's ICV covers, built anew field by field.
class AhInput {
  public:
    explicit AhInput(const Bytes& ip) : in_(ip) {
        if (ip.at(0) >> 4U == 4) {
            take_ipv4();
        } else {
            take_ipv6();
        }
        ah_at_ = out_.size();
    }

    [[nodiscard]] std::size_t ah_at() const { return ah_at_; }
    // Where the number of the header behind this one stands.
    [[nodiscard]] std::size_t next_header_at() const { return next_header_at_; }

    [[nodiscard]] Bytes covered(std::size_t icv_at, std::size_t icv_bytes) {
        keep(icv_at - out_.size());
        zeros(icv_bytes);
        keep(in_.size() - out_.size());
        return out_;
    }

  private:
    void keep(std::size_t count) { append(out_, part(in_, out_.size(), out_.size() + count)); }
    void zeros(std::size_t count) {
        static_cast<void>(part(in_, out_.size(), out_.size() + count));
        out_.resize(out_.size() + count);
    }
    [[nodiscard]] std::uint8_t peek(std::size_t ahead = 0) const {
        return in_.at(out_.size() + ahead);
    }

    // RFC 4302 Appendix A1.
    void take_ipv4() {
        const std::size_t header = (in_[0] & 0x0FU) * std::size_t{4};
        next_header_at_ = 9;
        keep(1);   // version, header length
        zeros(1);  // DSCP, ECN
        keep(4);   // total length, identification
        zeros(3);  // flags, fragment offset, TTL
        keep(1);   // protocol
        zeros(2);  // checksum
        keep(8);   // addresses
        while (out_.size() < header && peek() != 0) {
            constexpr std::array<std::uint8_t, 5> kImmutable{130, 133, 134, 148, 149};
            if (peek() == 1) {
                keep(1);
            } else if (std::ranges::find(kImmutable, peek()) != kImmutable.end()) {
                keep(peek(1));
            } else {
                zeros(peek(1));
            }
        }
        keep(header - out_.size());
    }

    // RFC 4302 Appendix A2.
    void take_ipv6() {
        next_header_at_ = 6;
        std::uint8_t next = in_.at(6);
        out_.push_back(in_[0] & 0xF0U);
        zeros(3);  // traffic class, flow label
        keep(3);   // payload length, next header
        zeros(1);  // hop limit
        keep(32);
        while (next == 0 || next == 43 || next == 60) {
            const std::size_t end = out_.size() + (peek(1) + std::size_t{1}) * 8;
            next_header_at_ = out_.size();
            const std::uint8_t type = next;
            next = peek();
            keep(2);
            if (type == 43) {
                keep(1);
                zeros(1);  // segments left
                keep(end - out_.size());
            } else {
                take_options(end);
            }
        }
    }

    void take_options(std::size_t end) {
        while (out_.size() < end) {
            if (peek() == 0) {
                keep(1);
                continue;
            }
            const bool changes = (peek() & 0x20U) != 0;
            const std::size_t length = peek(1);
            keep(2);
            if (changes) {
                zeros(length);
            } else {
                keep(length);
            }
        }
    }

    const Bytes& in_;
    Bytes out_;
    std::size_t ah_at_ = 0;
    std::size_t next_header_at_ = 0;
};

constexpr std::size_t kAhFixed = 12;

Bytes ah_icv(const SaSpec& sa, std::uint32_t esn_high, const Bytes& iv, const Bytes& ip) {
    AhInput input(ip);
    // RFC 4302 3.3.3: the whole field is zero, of a GMAC with its IV (RFC 4543 4).
    Bytes covered = input.covered(input.ah_at() + kAhFixed, iv_bytes(sa) + icv_bytes(sa));
    if (sa.esn) {
        append32(covered, esn_high);
    }
    Bytes icv = crypto::testing::mac(sa.hash, bytes_of(sa.auth_key), iv, covered);
    icv.resize(icv_bytes(sa));
    return icv;
}

void finish_ipv4_checksum(Bytes& ip) {
    const std::size_t header = (ip[0] & 0x0FU) * std::size_t{4};
    write16(ip, 10, 0);
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < header; at += 2) {
        sum += static_cast<std::uint32_t>(ip[at] << 8U) + ip[at + 1];
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    }
    write16(ip, 10, ~sum);
}

}  // namespace

SaSpec random_sa(const crypto::testing::Suite& suite,
                 config::IpsecProtocol protocol,
                 bool esn,
                 std::mt19937_64& random) {
    const auto keys = crypto::testing::Keys::random(suite, random);
    SaSpec sa;
    sa.protocol = protocol;
    sa.spi = config::kMinSpi + static_cast<std::uint32_t>(random() >> 33U);
    sa.source = config::IpAddress::v4(0x0A000001);
    sa.destination = config::IpAddress::v4(0x0A000002);
    sa.cipher = suite.cipher;
    sa.hash = suite.hash;
    sa.cipher_key = config::SecretBytes(keys.cipher);
    sa.auth_key = config::SecretBytes(keys.auth);
    sa.esn = esn;
    return sa;
}

std::vector<crypto::testing::Suite> esp_suites() {
    std::vector<crypto::testing::Suite> suites = crypto::testing::all_suites();
    std::erase_if(suites, [](const crypto::testing::Suite& suite) {
        const config::CipherRow& cipher = row_of(suite.cipher);
        return suite.hash == config::Hash::kNone && !cipher.aead && cipher.bytes.salt != 0;
    });
    return suites;
}

std::vector<crypto::testing::Suite> ah_suites() {
    std::vector<crypto::testing::Suite> suites;
    for (const config::HashRow& row : config::kHashes) {
        if (row.hash != Hash::kNone) {
            suites.push_back({Cipher::kNone, row.hash});
        }
    }
    return suites;
}

std::size_t iv_bytes(const SaSpec& sa) {
    return std::max(row_of(sa.cipher).bytes.iv, row_of(sa.hash).bytes.iv);
}

std::size_t icv_bytes(const SaSpec& sa) {
    return std::max(row_of(sa.cipher).bytes.icv, row_of(sa.hash).bytes.icv);
}

Bytes esp_plaintext(const SaSpec& sa, const Bytes& payload, std::uint8_t next_header) {
    const std::size_t block = std::max<std::size_t>(row_of(sa.cipher).bytes.block, 4);
    Bytes text = payload;
    std::uint8_t padding = 0;
    while ((text.size() + 2) % block != 0) {
        text.push_back(++padding);
    }
    text.push_back(padding);
    text.push_back(next_header);
    return text;
}

Bytes esp_protect(const SaSpec& sa,
                  std::uint64_t sequence,
                  const Bytes& iv,
                  const Bytes& plaintext) {
    const Sealed sealed = seal(sa, sa.spi, sequence, iv, plaintext);
    Bytes packet;
    append32(packet, sa.spi);
    append32(packet, sequence);
    append(packet, iv);
    append(packet, sealed.text);
    append(packet, sealed.icv);
    return packet;
}

std::optional<OpenedEsp> esp_open(const SaSpec& sa, std::uint32_t esn_high, const Bytes& packet) {
    constexpr std::size_t kHeader = 8;
    const std::size_t icv_at = packet.size() - icv_bytes(sa);
    OpenedEsp esp{.spi = read32(packet, 0),
                  .sequence = read32(packet, 4),
                  .iv = part(packet, kHeader, kHeader + iv_bytes(sa)),
                  .plaintext = {}};
    const Bytes text = part(packet, kHeader + iv_bytes(sa), icv_at);
    esp.plaintext = crypto::testing::decrypt(sa.cipher, bytes_of(sa.cipher_key), esp.iv, text);
    // All algorithms are deterministic once the IV is known.
    const std::uint64_t sequence = (std::uint64_t{esn_high} << 32U) | esp.sequence;
    const Sealed again = seal(sa, esp.spi, sequence, esp.iv, esp.plaintext);
    if (again.text != text || again.icv != part(packet, icv_at, packet.size())) {
        return {};
    }
    return esp;
}

std::size_t ah_bytes(const SaSpec& sa, const Bytes& ip) {
    const std::size_t unit = ip.at(0) >> 4U == 4 ? 4 : 8;
    return (kAhFixed + iv_bytes(sa) + icv_bytes(sa) + unit - 1) / unit * unit;
}

Bytes ah_protect(const SaSpec& sa, std::uint64_t sequence, const Bytes& iv, const Bytes& ip) {
    const AhInput before(ip);
    const std::size_t length = ah_bytes(sa, ip);
    Bytes ah{ip.at(before.next_header_at()), static_cast<std::uint8_t>(length / 4 - 2), 0, 0};
    append32(ah, sa.spi);
    append32(ah, sequence);
    append(ah, iv);
    ah.resize(length);

    Bytes out = part(ip, 0, before.ah_at());
    append(out, ah);
    append(out, part(ip, before.ah_at(), ip.size()));
    out[before.next_header_at()] = 51;
    if (out[0] >> 4U == 4) {
        write16(out, 2, out.size());
        finish_ipv4_checksum(out);
    } else {
        write16(out, 4, out.size() - 40);
    }
    const Bytes icv = ah_icv(sa, static_cast<std::uint32_t>(sequence >> 32U), iv, out);
    std::ranges::copy(
        icv, out.begin() + static_cast<std::ptrdiff_t>(before.ah_at() + kAhFixed + iv.size()));
    return out;
}

bool ah_verifies(const SaSpec& sa, std::uint32_t esn_high, const Bytes& ip) {
    const std::size_t iv_at = AhInput(ip).ah_at() + kAhFixed;
    const std::size_t icv_at = iv_at + iv_bytes(sa);
    return ah_icv(sa, esn_high, part(ip, iv_at, icv_at), ip)
           == part(ip, icv_at, icv_at + icv_bytes(sa));
}

}  // namespace tests
