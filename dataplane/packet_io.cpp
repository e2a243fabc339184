// Packet: see packet_io.h.
#include "dataplane/packet_io.h"

#include "dataplane/packet.h"

#include <rte_mbuf.h>

#include <cstring>
#include <new>

namespace dataplane {

Packet& Packet::operator=(Packet&& other) noexcept {
    if (this != &other) {
        rte_pktmbuf_free(mbuf_);
        mbuf_ = std::exchange(other.mbuf_, nullptr);
    }
    return *this;
}

Packet::~Packet() {
    rte_pktmbuf_free(mbuf_);
}

Packet Packet::allocate(rte_mempool* pool) {
    Packet packet(rte_pktmbuf_alloc(pool));
    if (packet) {
        new (&meta_of(packet.mbuf_)) PacketMeta();
    }
    return packet;
}

Packet Packet::copy_of(rte_mempool* pool, std::span<const std::uint8_t> frame) {
    Packet packet = allocate(pool);
    if (packet) {
        const std::span<std::uint8_t> room = packet.room();
        if (room.size() < frame.size()) {
            return {};
        }
        std::memcpy(room.data(), frame.data(), frame.size());
        packet.set_length(frame.size());
    }
    return packet;
}

std::span<const std::uint8_t> Packet::bytes() const {
    return {rte_pktmbuf_mtod(mbuf_, const std::uint8_t*), rte_pktmbuf_data_len(mbuf_)};
}

bool Packet::contiguous() const {
    return rte_pktmbuf_is_contiguous(mbuf_) != 0;
}

std::uint16_t Packet::in_port() const {
    return meta_of(mbuf_).in_port;
}

std::size_t Packet::length() const {
    return rte_pktmbuf_pkt_len(mbuf_);
}

void Packet::copy_to(std::span<std::uint8_t> out) const {
    std::size_t at = 0;
    for (const rte_mbuf* segment = mbuf_; segment != nullptr; segment = segment->next) {
        std::memcpy(
            out.data() + at, rte_pktmbuf_mtod(segment, const std::uint8_t*), segment->data_len);
        at += segment->data_len;
    }
}

std::span<std::uint8_t> Packet::room() {
    return {rte_pktmbuf_mtod(mbuf_, std::uint8_t*),
            static_cast<std::size_t>(mbuf_->buf_len - mbuf_->data_off)};
}

void Packet::set_length(std::size_t length) {
    mbuf_->data_len = static_cast<std::uint16_t>(length);
    mbuf_->pkt_len = static_cast<std::uint32_t>(length);
}

}  // namespace dataplane
