// Packet: one packet buffer in control's hands. Owns an rte_mbuf without showing DPDK's headers, so
// that the neighbour agent and the host path can be written and tested without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

struct rte_mbuf;
struct rte_mempool;

namespace dataplane {

class Packet {
  public:
    Packet() = default;
    // Takes ownership; nullptr makes an empty Packet.
    explicit Packet(rte_mbuf* owned) noexcept : mbuf_(owned) {}
    Packet(Packet&& other) noexcept : mbuf_(std::exchange(other.mbuf_, nullptr)) {}
    Packet& operator=(Packet&& other) noexcept;
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;
    // Frees the buffer without counting: who drops a packet on purpose counts it first.
    ~Packet();

    // An empty buffer with fresh metadata. Empty Packet when the pool has none.
    [[nodiscard]] static Packet allocate(rte_mempool* pool);
    // A buffer that holds `frame`. Empty when the pool has none or the frame does not fit.
    [[nodiscard]] static Packet copy_of(rte_mempool* pool, std::span<const std::uint8_t> frame);

    explicit operator bool() const { return mbuf_ != nullptr; }

    // Bytes of the first segment; all of them if contiguous(). Precondition: not empty.
    [[nodiscard]] std::span<const std::uint8_t> bytes() const;
    [[nodiscard]] bool contiguous() const;
    [[nodiscard]] std::size_t length() const;     // over all segments
    [[nodiscard]] std::uint16_t in_port() const;  // as it came to the gateway
    // Copies the whole packet; `out` is at least length() long.
    void copy_to(std::span<std::uint8_t> out) const;

    // Room of an allocated buffer, to be filled and then declared with set_length().
    [[nodiscard]] std::span<std::uint8_t> room();
    void set_length(std::size_t length);

    // Gives the buffer away.
    [[nodiscard]] rte_mbuf* release() { return std::exchange(mbuf_, nullptr); }

  private:
    rte_mbuf* mbuf_ = nullptr;
};

}  // namespace dataplane
