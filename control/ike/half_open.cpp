#include "control/ike/half_open.h"

namespace control::ike {

bool HalfOpen::has_room(const config::IpAddress& peer) const {
    if (size_ >= limit_) {
        return false;
    }
    const auto found = peers_.find(peer);
    return found == peers_.end() ? limit_per_peer_ > 0 : found->second < limit_per_peer_;
}

void HalfOpen::add(const config::IpAddress& peer) {
    ++size_;
    ++peers_[peer];
}

void HalfOpen::remove(const config::IpAddress& peer) {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) {
        return;
    }
    --size_;
    if (--found->second == 0) {
        peers_.erase(found);
    }
}

}  // namespace control::ike
