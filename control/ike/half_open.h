// How many negotiations strangers may have begun: all together and from one address. What does not
// fit is refused, never queued (RFC 2408 2.5.3: cookies alone do not bound a responder's state).
#pragma once

#include "config/types.h"

#include <cstddef>
#include <unordered_map>

namespace control::ike {

class HalfOpen {
  public:
    HalfOpen(std::size_t limit, std::size_t limit_per_peer)
        : limit_(limit), limit_per_peer_(limit_per_peer) {}

    [[nodiscard]] bool has_room(const config::IpAddress& peer) const;
    void add(const config::IpAddress& peer);
    void remove(const config::IpAddress& peer);
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::size_t limit_;
    std::size_t limit_per_peer_;
    std::size_t size_ = 0;
    std::unordered_map<config::IpAddress, std::size_t> peers_;
};

}  // namespace control::ike
