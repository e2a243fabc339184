#include "control/ike/isakmp_sa.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace control::ike {
namespace {

std::uint64_t process_key() {
    static const std::uint64_t kKey = [] {
        std::array<std::uint8_t, 8> bytes{};
        crypto::random_bytes(bytes);
        std::uint64_t key = 0;
        std::memcpy(&key, bytes.data(), sizeof key);
        return key;
    }();
    return kKey;
}

std::uint64_t mixed(std::uint64_t value) {
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33);
}

std::uint64_t number_of(const Cookie& cookie) {
    std::uint64_t value = 0;
    std::memcpy(&value, cookie.data(), sizeof value);
    return value;
}

}  // namespace

std::string to_string(const Cookie& cookie) {
    std::string text;
    for (const std::uint8_t byte : cookie) {
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

std::string to_string(const Endpoint& endpoint) {
    if (endpoint.port == 500) {
        return endpoint.address.to_string();
    }
    return endpoint.address.family == config::Family::kIpv6
               ? fmt::format("[{}]:{}", endpoint.address.to_string(), endpoint.port)
               : fmt::format("{}:{}", endpoint.address.to_string(), endpoint.port);
}

std::string name_of(const IsakmpSa& sa) {
    return fmt::format("{} {}", to_string(sa.remote), to_string(sa.cookie_i));
}

Bytes spi_of(const IsakmpSa& sa) {
    Bytes spi(sa.cookie_i.begin(), sa.cookie_i.end());
    spi.insert(spi.end(), sa.cookie_r.begin(), sa.cookie_r.end());
    return spi;
}

std::size_t SaTable::CookieHash::operator()(const Cookie& cookie) const {
    return mixed(number_of(cookie) ^ process_key());
}

std::size_t SaTable::PairHash::operator()(const Pair& pair) const {
    const std::hash<config::IpAddress> hash;
    return mixed(hash(pair.local) * 31 + hash(pair.remote) + process_key());
}

std::size_t SaTable::FirstMessageHash::operator()(const FirstMessage& first) const {
    const std::hash<config::IpAddress> hash;
    return mixed(number_of(first.cookie) ^ mixed(hash(first.remote.address) ^ process_key())
                 ^ first.remote.port);
}

IsakmpSa& SaTable::add(bool initiator,
                       const Cookie& own,
                       const Endpoint& local,
                       const Endpoint& remote) {
    auto sa = std::make_unique<IsakmpSa>();
    sa->id = ++last_id_;
    sa->initiator = initiator;
    (initiator ? sa->cookie_i : sa->cookie_r) = own;
    sa->local = local;
    sa->remote = remote;
    sa->first_remote = remote;
    IsakmpSa& added = *sa;
    by_own_cookie_[own] = &added;
    by_pair_[{local.address, remote.address}].insert(added.id);
    sas_.emplace(added.id, std::move(sa));
    return added;
}

void SaTable::note_first_message(IsakmpSa& sa) {
    by_first_message_[{sa.cookie_i, sa.first_remote}] = &sa;
}

IsakmpSa* SaTable::find(const Cookie& initiator, const Cookie& responder) const {
    if (const auto found = by_own_cookie_.find(responder); found != by_own_cookie_.end()) {
        IsakmpSa* sa = found->second;
        return !sa->initiator && sa->cookie_i == initiator ? sa : nullptr;
    }
    if (const auto found = by_own_cookie_.find(initiator); found != by_own_cookie_.end()) {
        IsakmpSa* sa = found->second;
        const bool not_known_yet = sa->cookie_r == Cookie{};
        return sa->initiator && (not_known_yet || sa->cookie_r == responder) ? sa : nullptr;
    }
    return nullptr;
}

IsakmpSa* SaTable::find(SaId id) const {
    const auto found = sas_.find(id);
    return found == sas_.end() ? nullptr : found->second.get();
}

IsakmpSa* SaTable::find_first(const Cookie& initiator, const Endpoint& remote) const {
    const auto found = by_first_message_.find({initiator, remote});
    return found == by_first_message_.end() ? nullptr : found->second;
}

const std::set<SaId>& SaTable::between(const config::IpAddress& local,
                                       const config::IpAddress& remote) const {
    static const std::set<SaId> kNone;
    const auto found = by_pair_.find({local, remote});
    return found == by_pair_.end() ? kNone : found->second;
}

void SaTable::unlink_pair(const IsakmpSa& sa) {
    const auto found = by_pair_.find({sa.local.address, sa.remote.address});
    if (found == by_pair_.end()) {
        return;
    }
    found->second.erase(sa.id);
    if (found->second.empty()) {
        by_pair_.erase(found);
    }
}

void SaTable::move(IsakmpSa& sa, const Endpoint& local, const Endpoint& remote) {
    unlink_pair(sa);
    sa.local = local;
    sa.remote = remote;
    by_pair_[{local.address, remote.address}].insert(sa.id);
}

void SaTable::remove(IsakmpSa& sa) {
    const auto found = sas_.find(sa.id);
    if (found == sas_.end()) {
        return;
    }
    unlink_pair(sa);
    by_own_cookie_.erase(sa.own_cookie());
    if (const auto first = by_first_message_.find({sa.cookie_i, sa.first_remote});
        first != by_first_message_.end() && first->second == &sa) {
        by_first_message_.erase(first);
    }
    sa.closed = true;
    removed_.push_back(std::move(found->second));
    sas_.erase(found);
}

}  // namespace control::ike
