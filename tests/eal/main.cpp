#include "tests/eal/eal_environment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <sched.h>
#include <unistd.h>

namespace {

std::unique_ptr<dataplane::Eal> started;

}  // namespace

const dataplane::Eal& tests::eal() {
    return *started;
}

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    config::GatewayConfig config;
    config.hugepages = false;
    config.memory_mb = 2048;
    config.file_prefix = fmt::format("portcullis-test-{}", getpid());
    // TAPs and packet sockets of the tests stay in a network namespace of their own. Without root
    // there is none, and the tests that need one are skipped.
    [[maybe_unused]] const int isolated = unshare(CLONE_NEWNET);
    auto eal = dataplane::Eal::start(config);
    if (!eal) {
        std::fprintf(stderr, "%s\n", eal.error().text.c_str());
        return 1;
    }
    started = std::move(eal).value();
    const int result = RUN_ALL_TESTS();
    started.reset();
    return result;
}
