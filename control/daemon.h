// Daemon: portcullisd from a parsed gateway.toml to its end. Starts in the order that fails closed:
// store, EAL and ports, tables of the assigned policy, workers, control socket, readiness.
#pragma once

#include "config/gateway_file.h"
#include "config/result.h"

namespace control {

// Returns when a signal has asked it to stop and everything is put away, or when it cannot start.
[[nodiscard]] config::Result<void> run_daemon(const config::GatewayConfig& config);

}  // namespace control
