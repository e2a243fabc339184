// What gateway.toml must satisfy as a whole, beyond the form of each value: names that exist, pairs
// that are mutual, addresses and routes that fit each other.
#pragma once

#include "config/gateway_file.h"
#include "config/toml_reader.h"

namespace config {

// ports[i] is "port[i + 1]" of the file. Ports and routes with an error already reported are left
// out: what could not be read would be called wrong once more for something it is not.
void check_gateway(const GatewayConfig& config, TomlErrors& errors);

}  // namespace config
