// How negotiations failed: the last one of each peer, as many peers as kMaxFailures.
#pragma once

#include "control/ike/host.h"
#include "control/ike/report.h"

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

namespace control::ike {

inline constexpr std::size_t kMaxFailures = 1024;

class Failures {
  public:
    void add(const Failure& failure, Time now);
    // It went well: the count of failures in a row begins anew, and nothing is left to report.
    void forget(const config::IpAddress& peer);
    [[nodiscard]] std::vector<FailureReport> report(Time now) const;

  private:
    struct Entry {
        Failure failure;
        Time at;
        std::uint64_t count = 0;
    };
    std::list<Entry> entries_;  // newest first
    std::unordered_map<config::IpAddress, std::list<Entry>::iterator> by_peer_;
};

}  // namespace control::ike
