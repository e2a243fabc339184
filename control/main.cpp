// portcullisd: the gateway daemon. This file is its command line only; control/daemon.cpp runs it.
#include "config/gateway_file.h"
#include "control/daemon.h"
#include "control/log.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

namespace {

struct Options {
    std::string config = "/etc/portcullis/gateway.toml";
    std::string log_level = "info";
    bool check = false;
};

int fail(const config::Error& error) {
    fmt::print(stderr, "{}\n", config::format_error(error));
    return 1;
}

int run(const Options& options) {
    const auto config = config::load_gateway_file(options.config);
    if (!config) {
        return fail(config.error());
    }
    if (options.check) {
        fmt::print("{}: valid\n", options.config);
        return 0;
    }
    control::log::set_level(
        control::log::parse_level(options.log_level).value_or(control::log::Level::kInfo));
    const config::Result<void> result = control::run_daemon(*config);
    return result ? 0 : fail(result.error());
}

}  // namespace

int main(int argc, char** argv) try {
    Options options;
    CLI::App app("portcullisd: packet filter gateway, driven by netsh ipsec commands");
    app.set_version_flag("--version", "portcullisd " PORTCULLIS_VERSION);
    app.add_option("--config", options.config, "gateway.toml to use")->capture_default_str();
    app.add_flag("--check", options.check, "say whether gateway.toml is valid, and exit");
    app.add_option("--log-level", options.log_level, "least important message to log")
        ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // 0 after --help and --version.
        return app.exit(error) == 0 ? 0 : 1;
    }
    return run(options);
} catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "portcullisd: %s\n", error.what()));
    return 1;
}
