// gateway.toml from any bytes: a value or errors, never a crash.
#include "config/gateway_file.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const config::Result<config::GatewayConfig> parsed =
        config::parse_gateway_file(text, "gateway.toml");
    if (!parsed && !parsed.error().text.starts_with("gateway.toml:")) {
        __builtin_trap();
    }
    return 0;
}
