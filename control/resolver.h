// How commands learn the addresses behind a DNS name. The daemon answers with c-ares; tests answer
// from a table.
#pragma once

#include "config/result.h"
#include "config/types.h"

#include <functional>
#include <string>
#include <vector>

namespace control {

class Resolver {
  public:
    Resolver() = default;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    virtual ~Resolver() = default;

    using Done = std::function<void(config::Result<std::vector<config::IpAddress>>)>;

    // Looks up A and AAAA at once and runs `done` exactly once on the control loop, at the latest
    // five seconds later; possibly before resolve() returns. A name without addresses is an error
    // (kAddressNotResolved), never an empty list.
    virtual void resolve(const std::string& name, Done done) = 0;
};

}  // namespace control
