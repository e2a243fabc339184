#include "tests/support/packet_builder.h"

#include <stdexcept>

namespace tests {
namespace {

void put16(Bytes& bytes, std::size_t at, std::size_t value) {
    bytes.at(at) = static_cast<std::uint8_t>(value >> 8U);
    bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}

Bytes slice(const Bytes& bytes, std::size_t at, std::size_t length) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

}  // namespace

config::IpAddress address(std::string_view text) {
    const auto parsed = config::IpAddress::parse(text);
    if (!parsed) {
        throw std::invalid_argument(parsed.error().text);
    }
    return *parsed;
}

std::uint16_t internet_checksum(const Bytes& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8U : bytes[i];
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

void Packet::append(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void Packet::append16(std::uint16_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> 8U));
    bytes_.push_back(static_cast<std::uint8_t>(value));
}

void Packet::next_header(std::uint8_t protocol) {
    bytes_.at(next_header_at_) = protocol;
}

Packet& Packet::eth(const config::MacAddress& source, const config::MacAddress& destination) {
    bytes_.assign(destination.bytes.begin(), destination.bytes.end());
    bytes_.insert(bytes_.end(), source.bytes.begin(), source.bytes.end());
    append16(0);
    return *this;
}

Packet& Packet::vlan(std::uint16_t id, std::uint16_t tpid) {
    ethertype(tpid);
    append16(id);
    append16(0);
    return *this;
}

Packet& Packet::ethertype(std::uint16_t value) {
    put16(bytes_, bytes_.size() - 2, value);
    return *this;
}

Packet& Packet::ipv4(std::string_view source, std::string_view destination) {
    ethertype(0x0800);
    ip_at_ = bytes_.size();
    family_ = 4;
    append({0x45, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0});
    for (const std::string_view text : {source, destination}) {
        const auto view = address(text).bytes;
        bytes_.insert(bytes_.end(), view.begin(), view.begin() + 4);
    }
    next_header_at_ = ip_at_ + 9;
    return *this;
}

Packet& Packet::ipv6(std::string_view source, std::string_view destination) {
    ethertype(0x86DD);
    ip_at_ = bytes_.size();
    family_ = 6;
    append({0x60, 0, 0, 0, 0, 0, 59, 64});
    for (const std::string_view text : {source, destination}) {
        const auto view = address(text).bytes;
        bytes_.insert(bytes_.end(), view.begin(), view.end());
    }
    next_header_at_ = ip_at_ + 6;
    return *this;
}

Packet& Packet::ttl(std::uint8_t value) {
    bytes_.at(ip_at_ + (family_ == 4 ? 8U : 7U)) = value;
    return *this;
}

Packet& Packet::id(std::uint16_t value) {
    put16(bytes_, ip_at_ + 4, value);
    return *this;
}

Packet& Packet::dont_fragment() {
    bytes_.at(ip_at_ + 6) |= 0x40;
    return *this;
}

Packet& Packet::fragment(std::uint16_t byte_offset, bool more) {
    put16(bytes_, ip_at_ + 6, byte_offset / 8U + (more ? 0x2000U : 0U));
    fragmented_ = true;
    return *this;
}

Packet& Packet::options(const Bytes& options) {
    append(options);
    while ((bytes_.size() - ip_at_) % 4 != 0) {
        bytes_.push_back(0);
    }
    bytes_.at(ip_at_) = static_cast<std::uint8_t>(0x40U + (bytes_.size() - ip_at_) / 4);
    return *this;
}

Packet& Packet::protocol(std::uint8_t value) {
    next_header(value);
    return *this;
}

Packet& Packet::hop_by_hop() {
    next_header(0);
    next_header_at_ = bytes_.size();
    append({59, 0, 1, 4, 0, 0, 0, 0});
    return *this;
}

Packet& Packet::destination_options() {
    next_header(60);
    next_header_at_ = bytes_.size();
    append({59, 0, 1, 4, 0, 0, 0, 0});
    return *this;
}

Packet& Packet::routing(std::uint8_t type, std::uint8_t segments_left) {
    next_header(43);
    next_header_at_ = bytes_.size();
    append({59, 0, type, segments_left, 0, 0, 0, 0});
    return *this;
}

Packet& Packet::fragment6(std::uint16_t byte_offset, bool more, std::uint32_t id) {
    next_header(44);
    next_header_at_ = bytes_.size();
    append({59, 0});
    append16(static_cast<std::uint16_t>(byte_offset | (more ? 1U : 0U)));
    append16(static_cast<std::uint16_t>(id >> 16U));
    append16(static_cast<std::uint16_t>(id));
    fragmented_ = true;
    return *this;
}

Packet& Packet::tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags) {
    next_header(6);
    l4_ = 6;
    l4_at_ = bytes_.size();
    append16(source);
    append16(destination);
    append({0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0});
    return *this;
}

Packet& Packet::udp(std::uint16_t source, std::uint16_t destination) {
    next_header(17);
    l4_ = 17;
    l4_at_ = bytes_.size();
    append16(source);
    append16(destination);
    append({0, 0, 0, 0});
    return *this;
}

Packet& Packet::icmp(std::uint8_t type, std::uint8_t code) {
    next_header(1);
    l4_ = 1;
    l4_at_ = bytes_.size();
    append({type, code, 0, 0, 0, 1, 0, 1});
    return *this;
}

Packet& Packet::icmp6(std::uint8_t type, std::uint8_t code) {
    next_header(58);
    l4_ = 58;
    l4_at_ = bytes_.size();
    append({type, code, 0, 0, 0, 1, 0, 1});
    return *this;
}

Packet& Packet::payload(std::size_t length, std::uint8_t first) {
    for (std::size_t i = 0; i < length; ++i) {
        bytes_.push_back(static_cast<std::uint8_t>(first + i));
    }
    return *this;
}

Packet& Packet::payload(const Bytes& bytes) {
    append(bytes);
    return *this;
}

Packet& Packet::padding(std::size_t length) {
    padding_ = length;
    return *this;
}

Packet& Packet::poke(std::size_t offset, std::uint8_t value) {
    pokes_.emplace_back(offset, value);
    return *this;
}

Packet& Packet::poke_ipv4(std::size_t offset, std::uint8_t value) {
    ipv4_pokes_.emplace_back(offset, value);
    return *this;
}

void Packet::finish_lengths(Bytes& frame) const {
    if (family_ == 4) {
        put16(frame, ip_at_ + 2, frame.size() - ip_at_);
    } else {
        put16(frame, ip_at_ + 4, frame.size() - ip_at_ - 40);
    }
    if (l4_ == 17) {
        put16(frame, l4_at_ + 4, frame.size() - l4_at_);
    }
}

void Packet::finish_l4(Bytes& frame) const {
    // The checksum of a fragmented datagram covers bytes that are not here: it stays zero.
    if (l4_ == 0 || fragmented_) {
        return;
    }
    Bytes sum;
    if (l4_ != 1) {
        sum = family_ == 4 ? slice(frame, ip_at_ + 12, 8) : slice(frame, ip_at_ + 8, 32);
        const std::size_t length = frame.size() - l4_at_;
        const Bytes tail{0,
                         0,
                         static_cast<std::uint8_t>(length >> 8U),
                         static_cast<std::uint8_t>(length),
                         0,
                         0,
                         0,
                         l4_};
        sum.insert(sum.end(), tail.begin(), tail.end());
    }
    const Bytes segment = slice(frame, l4_at_, frame.size() - l4_at_);
    sum.insert(sum.end(), segment.begin(), segment.end());
    const std::size_t field = l4_ == 6 ? 16 : l4_ == 17 ? 6 : 2;
    put16(frame, l4_at_ + field, internet_checksum(sum));
}

void Packet::finish_ipv4(Bytes& frame) const {
    for (const auto& [offset, value] : ipv4_pokes_) {
        frame.at(ip_at_ + offset) = value;
    }
    put16(frame, ip_at_ + 10, 0);
    const std::size_t length = std::max<std::size_t>((frame.at(ip_at_) & 0x0FU) * 4U, 20);
    if (ip_at_ + length <= frame.size()) {
        put16(frame, ip_at_ + 10, internet_checksum(slice(frame, ip_at_, length)));
    }
}

Bytes Packet::bytes() const {
    Bytes frame = bytes_;
    if (family_ != 0) {
        finish_lengths(frame);
        finish_l4(frame);
    }
    if (family_ == 4) {
        finish_ipv4(frame);
    }
    frame.insert(frame.end(), padding_, 0);
    for (const auto& [offset, value] : pokes_) {
        frame.at(offset) = value;
    }
    return frame;
}

}  // namespace tests
