// A session at a terminal: line editing, history and completion by libedit.
#pragma once

#include "config/result.h"
#include "tools/netsh_client.h"
#include "tools/netsh_options.h"

#include <string>

namespace netsh {

// True: no line failed.
[[nodiscard]] config::Result<bool> run_interactive(Client& client,
                                                   const Options& options,
                                                   std::string prompt);

}  // namespace netsh
