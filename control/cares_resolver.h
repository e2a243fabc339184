// CaresResolver: DNS look-ups of the daemon, with c-ares on the control loop: nothing blocks and no
// thread is needed. Answers from /etc/hosts come first, as the system's own resolver does it.
#pragma once

#include "control/resolver.h"

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <string>

namespace control {

class CaresResolver : public Resolver {
  public:
    static constexpr std::chrono::seconds kTimeout{5};
    // A name with more addresses is refused: one filter for each address would be made.
    static constexpr std::size_t kMaxAddresses = 64;

    // `servers`: "address[:port],..." instead of those of resolv.conf, for tests.
    explicit CaresResolver(asio::io_context& loop, std::string servers = {});

    // Each look-up reads resolv.conf anew, so that a change of it needs no restart.
    void resolve(const std::string& name, Done done) override;

  private:
    asio::io_context& loop_;
    std::string servers_;
};

}  // namespace control
