// ChildTable of control/ike/child_sa.h.
#include "control/ike/child_sa.h"

namespace control::ike {

std::size_t ChildTable::PairHash::operator()(const Pair& pair) const {
    const std::hash<config::IpAddress> hash;
    return hash(pair.local) * 31 + hash(pair.remote);
}

ChildSa& ChildTable::add(std::unique_ptr<ChildSa> child) {
    ChildSa& added = *child;
    by_pair_[{added.local, added.remote.address}].insert(added.id);
    children_.emplace(added.id, std::move(child));
    return added;
}

ChildSa* ChildTable::find(ChildId id) const {
    const auto found = children_.find(id);
    return found == children_.end() ? nullptr : found->second.get();
}

std::vector<ChildSa*> ChildTable::between(const config::IpAddress& local,
                                          const config::IpAddress& remote) const {
    std::vector<ChildSa*> children;
    const auto found = by_pair_.find({local, remote});
    if (found == by_pair_.end()) {
        return children;
    }
    children.reserve(found->second.size());
    for (const ChildId id : found->second) {
        children.push_back(find(id));
    }
    return children;
}

void ChildTable::unlink_pair(const ChildSa& child) {
    const auto found = by_pair_.find({child.local, child.remote.address});
    if (found == by_pair_.end()) {
        return;
    }
    found->second.erase(child.id);
    if (found->second.empty()) {
        by_pair_.erase(found);
    }
}

void ChildTable::move(ChildSa& child, const Endpoint& remote) {
    unlink_pair(child);
    child.remote = remote;
    by_pair_[{child.local, remote.address}].insert(child.id);
}

void ChildTable::remove(ChildSa& child) {
    unlink_pair(child);
    const ChildId id = child.id;
    children_.erase(id);
}

}  // namespace control::ike
