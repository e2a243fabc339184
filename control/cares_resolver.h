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

    struct Options {
        std::string servers;  // "address[:port],..."; empty: those of resolv.conf
        // How long a server has for its first answer; the second try gets twice as long.
        std::chrono::milliseconds first_try{1500};
    };
    explicit CaresResolver(asio::io_context& loop, Options options);

    // Each look-up reads resolv.conf anew, so that a change of it needs no restart.
    void resolve(const std::string& name, Done done) override;

  private:
    asio::io_context& loop_;
    Options options_;
};

}  // namespace control
